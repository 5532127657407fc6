"""Which of two ways is better, measured by switching between them."""
