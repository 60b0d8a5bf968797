"""Chance that is the same in every run."""

from __future__ import annotations

import hashlib


def draw(*about: object) -> float:
    """A number from 0 up to 1 that follows from what it is about."""
    text = "\0".join(map(str, about))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") / 2**64
