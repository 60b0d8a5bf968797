"""Which of several processes, each with a budget of its own, judges what: the same everywhere, and forever."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

ELSEWHERE = "in another shard"
"""Why a shard leaves a repository out; when the shards' reports are put together it says nothing more."""
MOST = 1_000


@dataclass(frozen=True, slots=True)
class Shard:
    """One of ``of`` parts."""

    number: int
    """From 1."""
    of: int

    def __str__(self) -> str:
        return f"{self.number}/{self.of}"

    def holds(self, identity: str) -> bool:
        """Whether the home of that id is judged here: by the id alone, so that neither a rename nor other homes move it."""
        found = hashlib.blake2b(identity.encode(), digest_size=8).digest()
        return int.from_bytes(found, "big") % self.of == self.number - 1


def shard(text: str) -> Shard:
    """A shard, as it is written. Raises ``ValueError`` in words."""
    match = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no shard: write which one of how many, as in 3/16")
    number, of = int(match[1]), int(match[2])
    if not 1 <= of <= MOST:
        raise ValueError(f"{text!r}: there can be from 1 to {MOST:,} shards")
    if not 1 <= number <= of:
        raise ValueError(f"{text!r}: with {of} shards they are numbered 1 to {of}, and there is no number {number}")
    return Shard(number, of)
