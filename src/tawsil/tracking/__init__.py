"""Tracking: where couriers are, where they have been, and when they arrive."""
