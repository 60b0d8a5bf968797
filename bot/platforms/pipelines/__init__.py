"""Workflow files and Azure Pipelines YAML, parsed into neutral definitions."""
