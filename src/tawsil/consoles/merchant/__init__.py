"""The pages of merchants: the order board, and the office behind it."""
