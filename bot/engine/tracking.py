"""What becomes of a repository's issue (or work item): made, edited, closed, opened again, or left as it is. No platform here.

A repository has one item, which lists what is found there. It is found again by its mark, among what this program wrote
itself; where there are several, the oldest is it and the others are closed. Every step is one request, so that a run which is
ended between any two leaves something that the next one understands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import Protocol

from bot.engine.reach import reach
from bot.engine.verdict import digest
from bot.model.facts import fact_types
from bot.model.findings import Finding, Severity
from bot.model.results import Enforcement, Outcome, Result, Run
from bot.model.subjects import Organization, PullRequest, Repository, Subject
from bot.policy.baseline import fingerprint
from bot.policy.configuration import TrackingSettings

Home = Repository | Organization
"""Whose item it is."""

MOST_FINDINGS = 100
"""Of one home that are listed; the rest is counted."""
MOST_REASONS = 20
"""Of one home why something is not known."""
REFERENCE = 8
"""Characters of a fingerprint by which people, and the next run, tell findings of one item apart."""

MARK = 16
"""Characters of a text's digest that stand beside it."""

_ENFORCEMENTS = list(Enforcement)
_SEVERITIES = list(Severity)


@dataclass(frozen=True, slots=True)
class Told:
    """One finding, as an item lists it."""

    key: str
    title: str
    severity: Severity
    enforcement: Enforcement
    subject: Subject
    finding: Finding
    reference: str
    """The same as long as the finding is."""


@dataclass(slots=True)
class Tracked:
    """What a run found in one home, as far as it is told in an item."""

    home: Home
    told: list[Told] = field(default_factory=list)
    more: int = 0
    """How many findings there are besides."""
    unknown: dict[str, None] = field(default_factory=dict)
    """Why something that might be a finding is not known."""

    @property
    def amount(self) -> int:
        """How many findings there are."""
        return len(self.told) + self.more


class Step(StrEnum):
    """What is done to an item."""

    CREATE = "create"
    EDIT = "edit"
    CLOSE = "close"
    REOPEN = "reopen"
    CLOSE_DUPLICATE = "close as a duplicate"


class Mood(StrEnum):
    """What the text of an item says."""

    FOUND = "found"
    UNSURE = "unsure"
    """Nothing is found, and not everything could be read."""
    FIXED = "fixed"
    DUPLICATE = "duplicate"


@dataclass(frozen=True, slots=True)
class Standing:
    """An item that this program made earlier."""

    number: int
    name: str
    """For people: ``acme/payments#12``."""
    url: str
    open: bool
    text: str
    """All that it says, with what people wrote around our part."""
    said: str
    """Our part of it; empty where it cannot be told apart any more."""
    digest: str
    """Of the text that our part was made from; empty where it was changed since, and says something else."""
    revision: int = 0
    kind: str = ""
    """Azure DevOps: its type."""
    place: str = ""
    """The repository or the project that has it."""


@dataclass(frozen=True, slots=True)
class Looked:
    """What stands of one home's item."""

    standing: tuple[Standing, ...] = ()
    """Ours, the oldest first."""
    refusal: str = ""
    """Why no item can be kept there: issues are switched off."""
    failed: bool = False
    """Whether that is for want of a right or an answer, and not how the platform is set up."""
    notices: tuple[str, ...] = ()
    """What else was seen: an item of somebody else's with our mark."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step to be taken, in one request."""

    step: Step
    home: Home
    title: str
    """Of the item, where it is new; afterwards it is people's."""
    text: str
    """Our part of what it says."""
    digest: str
    standing: Standing | None = None
    owner: str = ""
    """Whose the home is by the inventory, for a new item."""


@dataclass(frozen=True, slots=True)
class Written:
    """What came of a change."""

    name: str = ""
    """The item: ``acme/payments#12``."""
    writes: int = 1
    notices: tuple[str, ...] = ()
    """What could not be done besides: an owner that may not be assigned."""


class Tracker(Protocol):
    """Keeps the items on one platform. Every method raises ``PlatformError`` where there is no going on at all."""

    rich: bool
    """Whether texts are HTML; else they are Markdown."""

    def look(self, homes: Sequence[Home]) -> Mapping[str, Looked]:
        """What stands, by the home's id; of many homes at once."""
        ...

    def look_again(self, home: Home) -> Looked:
        """What stands now, whatever was seen before: another run may have made an item meanwhile."""
        ...

    def write(self, change: Change) -> Written:
        """Take a step. Raises ``PlatformError``: it was not taken, or it is not known whether."""
        ...


class Gathering:
    """Goes through a run once and keeps of each home what its item tells."""

    def __init__(self, settings: TrackingSettings) -> None:
        self._settings = settings
        self._homes: dict[str, Tracked] = {}
        self._rules: set[str] = set()

    def gather(self, run: Run) -> list[Tracked]:
        """Every home that was judged as a whole, in the order of their names; those that nothing is found in are among them.

        Where only a release or a pull request was judged, nobody knows what else there is to find.
        """
        for subject in run.subjects:
            if isinstance(subject, Repository | Organization):
                self._homes.setdefault(subject.id, Tracked(subject))
        for result in run.results:
            self._take(result)
        self._take_gaps(run)
        return sorted(self._homes.values(), key=lambda one: (one.home.name.casefold(), one.home.id))

    def _of(self, subject: Subject) -> Tracked | None:
        home = subject if isinstance(subject, Organization) else reach(subject, Repository)
        return None if home is None else self._homes.get(home.id)

    def _take(self, result: Result) -> None:
        self._rules |= {result.rule}
        if isinstance(result.subject, PullRequest):
            return  # it has its own check and comment
        tracked = self._of(result.subject)
        if tracked is None or not self._wanted(result) or result.waiver is not None:
            return
        if result.outcome in (Outcome.UNKNOWN, Outcome.ERROR) or result.half_known:
            reasons = [one.reason for one in result.unknown] or [result.reason or "it could not be judged"]
            for reason in reasons:
                self._note(tracked, f"{result.key} on {result.subject.name}: {reason}")
        if result.outcome is not Outcome.FAIL or result.baseline:
            return
        for told in _told(result):
            if len(tracked.told) < MOST_FINDINGS:
                tracked.told.append(told)
            else:
                tracked.more += 1

    def _wanted(self, result: Result) -> bool:
        settings = self._settings
        return _ENFORCEMENTS.index(result.enforcement) >= _ENFORCEMENTS.index(
            settings.enforcement
        ) and _SEVERITIES.index(result.severity) >= _SEVERITIES.index(settings.severity)

    def _take_gaps(self, run: Run) -> None:
        """What could not be listed was not judged. (A fact that could not be read makes results unknown: that is told.)"""
        facts = fact_types()
        for gap in run.gaps:
            if gap.fact in facts or gap.fact in self._rules:
                continue
            said = f"{gap.fact} of {gap.name}: {gap.reason}"
            if (one := self._homes.get(gap.subject)) is not None and isinstance(one.home, Repository):
                self._note(one, said)
            elif "/repository/" not in gap.subject:
                for tracked in self._below(gap.subject):
                    self._note(tracked, said)

    def _below(self, of: str) -> Iterator[Tracked]:
        """The homes in an organisation; where it is none of theirs (it is above a project), all of them."""
        known = {one.home.organization.id for one in self._homes.values() if isinstance(one.home, Repository)}
        for tracked in self._homes.values():
            above = tracked.home.organization.id if isinstance(tracked.home, Repository) else tracked.home.id
            if of not in known or above == of:
                yield tracked

    def _note(self, tracked: Tracked, reason: str) -> None:
        if len(tracked.unknown) < MOST_REASONS:
            tracked.unknown.setdefault(reason)


def _told(result: Result) -> Iterator[Told]:
    """The findings that the baseline does not have; a group that fails without any is told in a word."""
    prints = result.fingerprints or tuple(fingerprint(result.key, result.subject.id, one) for one in result.findings)
    pairs = [pair for pair in zip(result.findings, prints, strict=True) if pair[1] not in result.known]
    if not result.findings:
        finding = Finding(result.title or "It does not hold.", "")
        pairs = [(finding, fingerprint(result.key, result.subject.id, finding))]
    for finding, told in pairs:
        yield Told(
            result.key, result.title, result.severity, result.enforcement, result.subject, finding, told[:REFERENCE]
        )


def mark(text: str) -> str:
    """What stands beside a text, so that the next run sees whether it would say the same."""
    return digest([text])[:MARK]


Say = Callable[[Mood, Mapping[str, date]], str]
"""Writes our part of an item in a mood; it is given since when each finding has been listed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an item should be, for the decision."""

    tracked: Tracked
    title: str
    say: Say
    since: Callable[[str], Mapping[str, date]]
    """Since when each finding has been listed, from what the item says."""
    owner: str = ""


def decide(wish: Wish, standing: Sequence[Standing]) -> list[Change]:
    """The steps that lead from what stands to what should be; none where all is well."""
    changes = [
        _change(wish, Step.CLOSE_DUPLICATE, wish.say(Mood.DUPLICATE, {}), other) for other in standing[1:] if other.open
    ]
    main = _main(wish, standing[0] if standing else None)
    return changes if main is None else [main, *changes]


def _main(wish: Wish, standing: Standing | None) -> Change | None:
    tracked = wish.tracked
    since = {} if standing is None else wish.since(standing.said)
    if tracked.amount:
        text = wish.say(Mood.FOUND, since)
        if standing is None:
            return _change(wish, Step.CREATE, text, None)
        if not standing.open:
            # It was closed because all was well, or by somebody: either way the findings are here.
            return _change(wish, Step.REOPEN, text, standing)
        return None if standing.digest == mark(text) else _change(wish, Step.EDIT, text, standing)
    if standing is None or not standing.open:
        return None
    if tracked.unknown:
        text = wish.say(Mood.UNSURE, since)
        return None if standing.digest == mark(text) else _change(wish, Step.EDIT, text, standing)
    return _change(wish, Step.CLOSE, wish.say(Mood.FIXED, since), standing)


def _change(wish: Wish, step: Step, text: str, standing: Standing | None) -> Change:
    return Change(step, wish.tracked.home, wish.title, text, mark(text), standing, wish.owner)
