"""``scan --notify issues``: brings the issues and work items of what was judged up to date, after everything else is done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import TypeVar

import click

from bot.cli.session import Session
from bot.engine.ports import PlatformError, Progress
from bot.engine.tracking import Change, Gathering, Home, Looked, Mood, Step, Tracked, Tracker, Wish, decide
from bot.model.results import Enforcement, Run
from bot.model.subjects import Platform, Repository
from bot.policy.configuration import Configuration, TrackingSettings
from bot.report import issue
from bot.report.grouping import counted
from bot.report.sanitize import log_line

T = TypeVar("T")

MISSHAPEN = (KeyError, TypeError, ValueError, AttributeError)
"""What an answer leads to that is not as the platform documents it: that one item fails, and not the report of the scan."""
AT_ONCE = 200
"""Homes that are looked up before anything is written."""
MOST_NOTICES = 20
"""Of one run; the rest is counted."""
DONE = {
    Step.CREATE: "created",
    Step.EDIT: "edited",
    Step.CLOSE: "closed",
    Step.REOPEN: "reopened",
    Step.CLOSE_DUPLICATE: "closed as duplicate",
}


@dataclass(frozen=True, slots=True)
class Notifying:
    """What the command line asks for."""

    limit: int | None = None
    """How many writes are made at most; None: what the configuration says."""
    dry_run: bool = False
    """Say what would be done, and do nothing."""


@dataclass
class Notified:
    """What was done, and what there is to say about it."""

    steps: Counter[Step] = field(default_factory=Counter)
    notices: list[str] = field(default_factory=list)
    failed: bool = False
    """Whether something could not be brought up to date that should have been."""
    interrupted: bool = False
    """Whether somebody ended it before all was done: the report of the scan is told all the same."""


def notify(
    run: Run,
    configuration: Configuration,
    session: Session,
    asked: Notifying,
    progress: Progress,
) -> tuple[Run, Notified]:
    """Bring the items of every home that was judged up to date. The run comes back with what there is to say, beside it what
    was done: what could not be makes a scan incomplete.
    """
    work = _Work(configuration, session, asked, run.now)
    if any(_tells(configuration, run.now)):
        try:
            work.do(Gathering(configuration.tracking).gather(run), progress)
        except KeyboardInterrupt:
            work.notified.failed = work.notified.interrupted = True
            work.note("It was interrupted before all issues were up to date: the next run goes on with them.")
    else:
        least = configuration.tracking.enforcement.value
        # Closing what is open would say that all is well, and nobody has looked.
        work.note(f"No rule is enforced with {least} or more, so issues are left as they are (tracking.enforcement).")
    return replace(run, notices=(*run.notices, *work.summary())), work.notified


def _tells(configuration: Configuration, now: datetime) -> Iterator[bool]:
    order = list(Enforcement)
    for policy in configuration.policies:
        for entry in policy.entries:
            yield order.index(entry.schedule.at(now)) >= order.index(configuration.tracking.enforcement)


def _said(wrong: Exception) -> str:
    return (
        str(wrong)
        if isinstance(wrong, PlatformError)
        else f"an answer is not understood ({type(wrong).__name__}: {wrong})"
    )


def _say(text: str) -> None:
    """On stderr, beside the report."""
    click.echo(f"almguard: {log_line(text)}", err=True)


class _Work:
    """One pass over all homes."""

    def __init__(
        self,
        configuration: Configuration,
        session: Session,
        asked: Notifying,
        now: datetime,
    ) -> None:
        self.notified = Notified()
        self._settings: TrackingSettings = configuration.tracking
        self._inventory = next((one.inventory for one in configuration.policies if one.inventory is not None), None)
        self._session = session
        self._asked = asked
        self._now = now
        self._writes = self._settings.limit if asked.limit is None else asked.limit
        self._limit = self._writes
        self._left = 0

    def do(self, homes: Sequence[Tracked], progress: Progress) -> None:
        """Look, decide and write, some homes at a time."""
        progress.total("issues", len(homes))
        by_tracker: dict[str, tuple[Tracker, list[Tracked]]] = {}
        for tracked in homes:
            if tracked.home.platform not in (Platform.GITHUB, Platform.AZURE_DEVOPS):
                continue
            key = f"{tracked.home.platform} {tracked.home.name.partition('/')[0].lower()}"
            if key not in by_tracker:
                try:
                    by_tracker[key] = self._session.tracker(tracked.home, self._settings), []
                except PlatformError as wrong:
                    self._refused(tracked, Looked(refusal=_said(wrong), failed=True))
                    continue
            by_tracker[key][1].append(tracked)
        for tracker, theirs in by_tracker.values():
            for start in range(0, len(theirs), AT_ONCE):
                some = theirs[start : start + AT_ONCE]
                looked = self._asked_for(partial(tracker.look, [tracked.home for tracked in some]))
                for tracked in some:
                    found = looked if isinstance(looked, Looked) else looked[tracked.home.id]
                    self._one(tracker, tracked, found)
                progress.advance("issues", len(some))

    def note(self, text: str) -> None:
        """Something for the report, once."""
        said = log_line(text, 400)
        if said not in self.notified.notices:
            self.notified.notices.append(said)

    def summary(self) -> tuple[str, ...]:
        """What the report tells."""
        notified = self.notified
        told = [f"{notified.steps[step]} {DONE[step]}" for step in Step if notified.steps[step]]
        would = "would be " if self._asked.dry_run else ""
        lines = [f"Issues and work items: {would}{', '.join(told) if told else 'nothing to do'}."]
        if self._left:
            lines.append(
                f"{counted(self._left, 'change')} left to the next run: this one makes at most {self._limit} writes "
                "(--notify-limit, tracking.limit)."
            )
        more = len(notified.notices) - MOST_NOTICES
        return (*lines, *notified.notices[:MOST_NOTICES], *([f"… and {more} more about issues."] if more > 0 else []))

    def _one(self, tracker: Tracker, tracked: Tracked, looked: Looked) -> None:
        if self._refused(tracked, looked):
            return
        wish = self._wish(tracker, tracked)
        for change in decide(wish, looked.standing):
            if self._asked.dry_run:
                self._tell(tracked, change)
            elif self._writes <= 0:
                self._left += 1
            elif change.step is Step.CREATE:
                self._create(tracker, wish)
            else:
                self._write(tracker, change)

    def _create(self, tracker: Tracker, wish: Wish) -> None:
        """Another run may be at it: look right before, and right after, where the older of two stays."""
        tracked = wish.tracked
        before = self._asked_for(partial(tracker.look_again, tracked.home))
        if self._refused(tracked, before):
            return
        for change in decide(wish, before.standing):
            if not self._write(tracker, change) or change.step is not Step.CREATE:
                continue
            after = self._asked_for(partial(tracker.look_again, tracked.home))
            if self._refused(tracked, after):
                return
            for further in decide(wish, after.standing):
                if further.step is not Step.CREATE:  # an item that cannot be seen yet is not made twice
                    self._write(tracker, further)

    def _write(self, tracker: Tracker, change: Change) -> bool:
        try:
            written = tracker.write(change)
        except (PlatformError, *MISSHAPEN) as wrong:
            self._writes -= 1
            self.notified.failed = True
            self.note(f"{change.home.name}: its issue could not be {DONE[change.step]}: {_said(wrong)}")
            return False
        self._writes -= written.writes
        self.notified.steps[change.step] += 1
        for notice in written.notices:
            self.note(notice)
        _say(f"{change.step.value}: {written.name}")
        return True

    @staticmethod
    def _asked_for(ask: Callable[[], T]) -> T | Looked:
        """What a tracker sees; where it cannot see anything, that."""
        try:
            return ask()
        except (PlatformError, *MISSHAPEN) as wrong:
            return Looked(refusal=_said(wrong), failed=True)

    def _refused(self, tracked: Tracked, looked: Looked) -> bool:
        for notice in looked.notices:
            self.note(notice)
        if looked.failed:
            self.notified.failed = True
            self.note(f"{tracked.home.name}: its issue could not be looked up: {looked.refusal}")
        elif looked.refusal and tracked.amount:
            self.note(f"{tracked.home.name} has {issue.amount(tracked)}, and no issue: {looked.refusal}")
        return bool(looked.refusal)

    def _tell(self, tracked: Tracked, change: Change) -> None:
        self.notified.steps[change.step] += 1
        name = change.standing.name if change.standing is not None else tracked.home.name
        _say(f"would {change.step.value}: {name}: {change.title} ({issue.amount(tracked)})")

    def _wish(self, tracker: Tracker, tracked: Tracked) -> Wish:
        return Wish(
            tracked,
            issue.title(tracked.home),
            partial(self._text, tracker.rich, tracked),
            issue.since,
            self._owner(tracked.home),
        )

    def _text(self, rich: bool, tracked: Tracked, mood: Mood, since: issue.Since) -> str:
        return issue.text(tracked, mood, since, self._now, rich=rich)

    def _owner(self, home: Home) -> str:
        if self._inventory is None or not isinstance(home, Repository):
            return ""
        return self._inventory.values(home).get("owner", "")
