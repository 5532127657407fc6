"""Measuring the platform from outside: over HTTP, from other processes, beside bare servers."""
