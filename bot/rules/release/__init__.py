"""Release and roll back."""
