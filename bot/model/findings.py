"""What a rule says: findings with evidence and the way out; and why it could not say."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from bot.model.facts import UnknownKind


class Severity(StrEnum):
    """How much harm a finding stands for."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that was seen."""

    what: str
    """``approvals``, ``previous release``."""
    value: str
    url: str = ""
    read_at: datetime | None = None
    ok: bool | None = None
    """For tables: whether this line is as it should be; None where that is not known, or not asked."""


@dataclass(frozen=True, slots=True)
class Location:
    """A place in a file of the repository."""

    path: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class Reviewer:
    """Somebody whose review would count, as the policy or the code owners name them."""

    name: str
    """A login or a unique name; a team's name."""
    is_team: bool = False

    def __str__(self) -> str:
        return f"team {self.name}" if self.is_team else self.name


@dataclass(frozen=True, slots=True)
class ReviewWanted:
    """Whose review would cure a finding."""

    candidates: tuple[Reviewer, ...]
    """Those who were not asked and have not answered, the most particular first."""
    asked: int = 0
    """How many were asked and have yet to answer."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong."""

    message: str
    """One sentence, plain text: what is wrong, with the values."""
    fix: str
    """What to do next, and who can."""
    evidence: tuple[Evidence, ...] = ()
    location: Location | None = None
    awaiting: bool = False
    """Time or people can cure it without a change: an approval, a running check."""
    discriminator: str = ""
    """What tells this finding from others of its rule and subject when words change: a path, a check's name."""
    review: ReviewWanted | None = None
    """Whose review would cure it."""
    checks: tuple[str, ...] = ()
    """Where it awaits checks and not people: their names, or globs of them."""


@dataclass(frozen=True, slots=True)
class Unknown:
    """The rule cannot decide, because something could not be read. A finding beside it still fails the entry."""

    kind: UnknownKind
    reason: str
    fact: str = ""
    """The fact that could not be read, where it was one."""


@dataclass(frozen=True, slots=True)
class NotApplicable:
    """The rule has nothing to judge here."""

    reason: str


Statement = Finding | Unknown | NotApplicable | Evidence
"""What a rule may yield. Evidence alone documents a pass."""
