"""What needs the network, and what is done now and then."""
