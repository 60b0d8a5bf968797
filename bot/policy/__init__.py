"""The policy language: YAML with lines, strict models, CEL expressions, matching."""
