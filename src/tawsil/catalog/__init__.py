"""Merchants: what they sell, when they are open, and whether they take orders now."""
