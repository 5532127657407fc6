"""Modules: the parts of the product that a tenant may do without."""
