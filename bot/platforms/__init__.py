"""Reads and writes the platforms: GitHub, Azure DevOps, a git checkout. Only this room imports their SDKs."""
