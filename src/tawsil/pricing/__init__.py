"""What an order costs, and who gets which part of it."""
