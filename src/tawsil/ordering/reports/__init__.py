"""What a merchant sold, of what, and how well it kept up: read from its orders."""
