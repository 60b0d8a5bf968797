"""Azure DevOps over HTTP, from a scenario: all of its hosts folded onto one address, ``http://HOST:PORT/{org}/...``."""
