"""What every context stands on: no business nouns, except money and place on earth."""
