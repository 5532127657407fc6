"""A sandbox that behaves as Stripe documents its API, so that the real SDK can be tested."""
