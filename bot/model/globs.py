"""Path patterns, as gitignore writes them: ``docs/**``, ``*.py``, ``/src/``; a later ``!`` takes out again."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from pathspec import GitIgnoreSpec


@lru_cache(maxsize=1024)
def compiled(patterns: tuple[str, ...]) -> GitIgnoreSpec:
    """The patterns, compiled once. Raises ``ValueError`` on one that is not a pattern."""
    try:
        return GitIgnoreSpec.from_lines(patterns)
    except re.error as error:
        raise ValueError(f"not a pattern: {error}") from None


def matches(path: str, patterns: Iterable[str]) -> bool:
    """Whether a path is covered by the patterns; no patterns cover nothing."""
    return compiled(tuple(patterns)).match_file(path.lstrip("/"))
