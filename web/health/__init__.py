"""Whether this worker lives, whether it can work, and its figures."""
