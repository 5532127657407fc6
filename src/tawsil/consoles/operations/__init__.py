"""What those see and do who run a city."""
