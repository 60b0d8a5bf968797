"""Azure DevOps, through the azure-devops package."""
