"""Plan and track: requirements and what hangs on them."""
