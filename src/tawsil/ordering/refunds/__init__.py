"""Refunds: what of an order is given back, how it is paid out, and who bears it."""
