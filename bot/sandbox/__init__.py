"""A local GitHub and Azure DevOps over HTTP, with state. Imports nothing else of this project."""
