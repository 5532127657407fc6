"""The tables of pricing, and all SQL on them."""
