"""Flags: what is switched on where, and for how many."""
