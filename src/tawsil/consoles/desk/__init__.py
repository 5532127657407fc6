"""The desk of support: tickets, and money that is given back."""
