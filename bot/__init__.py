"""Almguard: governance as code for the software lifecycle on GitHub and Azure DevOps."""
