"""GitHub's GraphQL API: our own schema file, executed over the world."""
