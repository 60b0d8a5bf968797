"""A local Jira."""
