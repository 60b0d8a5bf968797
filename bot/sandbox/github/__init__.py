"""GitHub over HTTP, from a scenario: REST and GraphQL."""
