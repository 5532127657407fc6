"""Prices, shares, quotes and a city's conditions: pure."""
