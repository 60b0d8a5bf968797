"""A rehearsal: merged pull requests, judged by one policy or two as they stood when they were merged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from bot.model.results import Gap, PolicySource, Result, Verdict
from bot.model.subjects import PullRequest


@dataclass(frozen=True, slots=True)
class Merged:
    """A merged pull request as it stood just before, and what is not known of that."""

    subject: PullRequest
    at: datetime
    """When it was merged."""
    changed: Mapping[str, str] = field(default_factory=dict)
    """Fields of the subject that have another value since then, with why the former one is not known."""
    untold: Mapping[str, str] = field(default_factory=dict)
    """Fields of which the platform does not tell whether they have changed since then, with its reason."""

    def unknown(self, *, assume_today: bool) -> Mapping[str, str]:
        """The fields that are not known, with why. What may be as it is today is taken to be so where that is assumed."""
        return self.changed if assume_today else {**self.untold, **self.changed}


@dataclass(frozen=True, slots=True)
class Trial:
    """One verdict, and what it comes from."""

    verdict: Verdict
    results: tuple[Result, ...]


@dataclass(frozen=True, slots=True)
class Judged:
    """One pull request under one policy, twice: by what is known of its day alone, and with the rest taken from today."""

    proven: Trial
    assumed: Trial

    @property
    def rests_on_today(self) -> bool:
        """Whether the verdict is another one as soon as nothing is taken from today."""
        return self.proven.verdict is not self.assumed.verdict


@dataclass(frozen=True, slots=True)
class Rehearsed:
    """One merged pull request."""

    subject: PullRequest
    """As it stood then."""
    merged_at: datetime
    by: Judged
    """Under the policy that is rehearsed."""
    before: Judged | None = None
    """Under the policy in force; None: there is nothing to compare with."""


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A whole rehearsal."""

    target: str
    """What was asked for, as a person wrote it."""
    version: str
    now: datetime
    started_at: datetime
    finished_at: datetime
    requests: Mapping[str, int]
    """HTTP requests sent, by platform."""
    rehearsed: tuple[Rehearsed, ...]
    """The newest first."""
    policies: tuple[PolicySource, ...]
    """That are rehearsed."""
    in_force: tuple[PolicySource, ...] = ()
    """That they are compared with; empty: nothing is compared."""
    assume_today: bool = False
    """Whether people and settings are taken from today; otherwise what rests on them is unknown."""
    enforcement: str = "final"
    """``final``: each entry as it is enforced in the end; ``today``: as it is enforced on the day of the run."""
    gaps: tuple[Gap, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def compares(self) -> bool:
        """Whether two policies are compared."""
        return bool(self.in_force)

    def trial(self, judged: Judged) -> Trial:
        """The trial that counts."""
        return judged.assumed if self.assume_today else judged.proven
