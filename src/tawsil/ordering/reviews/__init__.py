"""What customers say about orders that were delivered."""
