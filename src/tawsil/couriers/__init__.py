"""Couriers: who is on duty, and what for."""
