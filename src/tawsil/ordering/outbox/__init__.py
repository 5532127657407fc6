"""What couriers did out of reach, taken in when their phones are back."""
