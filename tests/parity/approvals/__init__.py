"""The rule ``approvals`` against a model of it, over generated pull requests, on both platforms."""
