"""Where a customer has things brought, kept on their account."""
