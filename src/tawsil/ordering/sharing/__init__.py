"""Links by which people without an account follow an order."""
