"""What stands against counting somebody's approval: something certain, or something that could not be read."""

from __future__ import annotations

from dataclasses import dataclass

from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.model.people import Person


@dataclass(frozen=True, slots=True)
class Objection:
    """It does not count, and that is certain."""

    reason: str
    curable: bool = False
    """The same person can make it count by approving again."""


@dataclass(frozen=True, slots=True)
class Doubt:
    """Whether it counts is not known."""

    kind: UnknownKind
    reason: str
    of_one: bool = False
    """It can come true of one person at most: somebody pushed last, and only one did."""


Standing = Objection | Doubt | None
"""None: nothing stands against it."""


def doubt(missing: Unavailable | NotSupported, what: str) -> Doubt:
    """Why ``what`` is not known, from the answer that came instead of a fact."""
    kind = missing.kind if isinstance(missing, Unavailable) else UnknownKind.UNREADABLE
    return Doubt(kind, f"{what}: {missing.reason}")


def same_person(one: Person, other: Person) -> bool:
    """The same account, or the same login on the same host where one of the two was told without an id."""
    if one.id == other.id:
        return True
    same_host = one.id.partition("/")[0] == other.id.partition("/")[0]
    return same_host and bool(one.login) and one.login.casefold() == other.login.casefold()
