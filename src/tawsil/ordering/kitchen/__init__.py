"""A merchant's orders as its kitchen works on them, and what happens when nobody looks at them."""
