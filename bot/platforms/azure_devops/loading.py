"""How a fact is loaded: what can be read ahead, all at once, and how the fact is made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from bot.engine.ports import Known
from bot.model.facts import Fact
from bot.platforms.azure_devops.reads import Reads

Ahead = Sequence[Callable[[], object]]
"""Reads that depend on nothing, each kept under its key."""


class NoSuchThing(Exception):  # noqa: N818 - an answer, not an error
    """Azure DevOps (or this edition of it) has no such thing; the text says so."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One fact of one subject, being loaded."""

    reads: Reads
    subject: Any
    """Of the type that the fact declares."""
    spec: Any
    known: Known


def _nothing(_wanted: Wanted) -> Ahead:
    return ()


@dataclass(frozen=True, slots=True)
class Loader:
    """How one type of fact is loaded."""

    load: Callable[[Wanted], tuple[Fact, str]]
    """The fact, and where a person can see it. Raises ``PlatformError`` or ``NoSuchThing``."""
    ahead: Callable[[Wanted], Ahead] = _nothing
