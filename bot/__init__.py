"""Almguard: governance as code for the software lifecycle on GitHub and Azure DevOps."""

__version__ = "0.1.0"
