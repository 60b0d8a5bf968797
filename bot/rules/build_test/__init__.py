"""Build and test: what judges a change on its way in."""
