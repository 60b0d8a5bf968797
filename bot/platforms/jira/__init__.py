"""Jira: a tracker alone. Cloud and Data Center."""
