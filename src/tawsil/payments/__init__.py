"""Payments through an acquirer, and a ledger that always adds up. See README.md."""
