"""Data security: keys, secrets and who may see them."""
