"""Where people order dinner: the storefront, the menu, the cart and what follows."""
