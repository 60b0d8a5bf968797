"""A git checkout on this machine."""
