"""What the people of an order write to each other, and how they call without a number shown."""
