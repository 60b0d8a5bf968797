"""The engine: which facts do these entries need, load them in bulk, evaluate, decide."""
