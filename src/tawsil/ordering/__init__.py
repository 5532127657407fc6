"""The journey of an order, from cart to settled. Read `journey.py` first."""
