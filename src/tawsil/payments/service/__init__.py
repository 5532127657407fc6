"""Use cases: decide, write, book and enqueue in one transaction; the network comes in jobs."""
