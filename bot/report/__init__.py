"""How results are shown: terminal, JSON, Markdown."""
