"""The action and the pipeline templates, run step by step as the platforms' runners do."""
