"""Approve: who must agree to a change, and what holds a branch."""
