"""Tips after delivery: each a payment of its own, whole to the courier who delivered."""
