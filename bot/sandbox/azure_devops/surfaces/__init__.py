"""What is served: one module for each group of resources. Each registers its handlers; no list is kept elsewhere."""
