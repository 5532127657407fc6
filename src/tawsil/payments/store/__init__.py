"""The tables of payments, and all SQL on them."""
