"""Results of analysis tools from SARIF files, in place of what a platform's code scanning says."""
