"""Payments, the ledger, and what an acquirer may say: pure."""
