"""The virtual city: seeded days, published days, and the measures taken on them."""
