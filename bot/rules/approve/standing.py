"""What stands against counting somebody's approval: something certain, or something that could not be read."""

from __future__ import annotations

from collections.abc import Sequence
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
    most: int | None = None
    """Of how many people it can come true: only one pushed last. None: of any number."""


def at_least(counted: int, doubts: Sequence[Doubt]) -> int:
    """How many count whatever the doubts turn out to be: of three, one of whom pushed last, two do."""
    bounded = [each for each in doubts if each.most is not None]
    return counted + max(0, len(bounded) - sum(each.most or 0 for each in set(bounded)))


def joint(doubts: Sequence[Doubt]) -> Doubt | None:
    """Several doubts about one person as one: as many people can be struck by it as by any of them."""
    if len(doubts) < 2:
        return next(iter(doubts), None)
    unbounded = next((each for each in doubts if each.most is None), None)
    reason = "; ".join(each.reason for each in doubts)
    return unbounded or Doubt(doubts[0].kind, reason, sum(each.most or 0 for each in doubts))


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
