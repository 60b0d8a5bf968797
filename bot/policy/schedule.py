"""Dated enforcement: audit today, warn from December, block from the new year. A day begins at midnight UTC."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from bot.model.results import Enforcement

STRICTNESS = tuple(Enforcement)
"""From the mildest to the strictest."""


@dataclass(frozen=True, slots=True)
class Step:
    """An enforcement, and the day on which it begins."""

    enforcement: Enforcement
    since: date | None = None
    """None: from the beginning."""


@dataclass(frozen=True, slots=True)
class Schedule:
    """How an entry is enforced, and when."""

    steps: tuple[Step, ...]
    """In the order of their days; the first alone has none."""

    @staticmethod
    def always(enforcement: Enforcement) -> Schedule:
        """One enforcement, without an end."""
        return Schedule((Step(enforcement),))

    def at(self, now: datetime) -> Enforcement:
        """What holds at a moment."""
        return self.on(now.astimezone(UTC).date())

    def on(self, day: date) -> Enforcement:
        """What holds on a day."""
        begun = [step for step in self.steps if step.since is None or step.since <= day]
        return begun[-1].enforcement

    def next(self, now: datetime) -> Step | None:
        """The step that comes next after a moment; None: it stays as it is."""
        today = now.astimezone(UTC).date()
        return next((step for step in self.steps if step.since is not None and step.since > today), None)

    def covers(self, other: Schedule) -> bool:
        """Whether it is at least as strict as another on every day."""
        days = {date.min, *(step.since for step in (*self.steps, *other.steps) if step.since is not None)}
        return all(at_least(self.on(day), other.on(day)) for day in days)


def at_least(one: Enforcement, other: Enforcement) -> bool:
    """Whether one enforcement is as strict as another, or stricter."""
    return STRICTNESS.index(one) >= STRICTNESS.index(other)


def mistake(steps: Iterable[tuple[Enforcement, date | None]]) -> tuple[int, str] | None:
    """What is wrong with a list of steps: the index of the step, and why. None: nothing."""
    before: date | None = None
    for index, (enforcement, since) in enumerate(steps):
        if index == 0 and since is not None:
            return index, f"the first step holds from the beginning and has no day: write {{{enforcement.value}}}"
        if index > 0 and since is None:
            return index, f"a later step needs the day on which it begins: write {{{enforcement.value}: 2027-01-15}}"
        if before is not None and since is not None and since <= before:
            return index, f"the steps are in the order of their days, and {since} does not come after {before}"
        before = since
    return None
