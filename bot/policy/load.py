"""Loads a configuration: its policies, the packs and files that it names, everything compiled, all mistakes at once.

``load_configuration(text, source, path=…, files=…)`` and ``default_configuration()`` return a ``Configuration``, or raise
``PolicyError``.
"""
