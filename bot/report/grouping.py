"""What all reports for people agree on: which entries come first, and how things are said in one line."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from bot.model.facts import UnknownKind
from bot.model.findings import Severity
from bot.model.ordering import results_in_order
from bot.model.results import AppliedWaiver, Enforcement, Outcome, Result
from bot.model.subjects import Organization, Subject
from bot.report.sanitize import plain

_SEVERITIES = list(Severity)
_ENFORCEMENTS = list(Enforcement)

KEPT = 1_000
"""How many results of a group are kept to be shown, the gravest of them."""


class Worst(tuple[Result, ...]):
    """The gravest of a group, in order; of how many, ``total`` tells."""

    total: int

    def __new__(cls, results: Iterable[Result] = (), total: int | None = None) -> Worst:
        """All of them, where no total is given."""
        made = super().__new__(cls, results)
        made.total = len(made) if total is None else total
        return made


class _Worst:
    """Keeps the gravest of what it is given."""

    def __init__(self) -> None:
        self.total = 0
        self._kept: list[Result] = []

    def add(self, result: Result) -> None:
        self.total += 1
        self._kept.append(result)
        if len(self._kept) >= 2 * KEPT:
            self._kept = sorted(self._kept, key=gravity)[:KEPT]

    def worst(self) -> Worst:
        return Worst(sorted(self._kept, key=gravity)[:KEPT], self.total)


@dataclass(frozen=True, slots=True)
class UnknownGroup:
    """Everything that is unknown for one and the same reason, told once."""

    kind: UnknownKind
    reason: str
    keys: tuple[str, ...]
    """The entries concerned."""
    subjects: int
    """How many subjects are concerned."""
    blocks: bool
    """Whether it leaves an entry undecided that blocks."""


@dataclass(frozen=True, slots=True)
class Groups:
    """A run's results, sorted by what the reader has to do about them; of each the gravest, and how many there are."""

    blocking: Worst
    """Fails that block and need a change."""
    awaiting: Worst
    """Fails that block, and that time or people can cure."""
    warnings: Worst
    """Fails that are shown and do not block."""
    recorded: Worst
    """Fails of entries in audit mode."""
    waived: Worst
    """What a waiver covers, whatever its outcome; and groups that pass with a member that one covers."""
    known: Worst
    """Fails whose every finding was there before, by the baseline."""
    errors: Worst
    unknown: Worst
    """Whose outcome is unknown."""
    passing: Worst
    not_applicable: Worst
    unknowns: tuple[UnknownGroup, ...]
    """Why things are unknown, also beside a fail: one for each kind and reason."""


GROUPS = tuple(name for name in Groups.__dataclass_fields__ if name != "unknowns")
_BY_OUTCOME = {
    Outcome.ERROR: "errors",
    Outcome.UNKNOWN: "unknown",
    Outcome.PASS: "passing",
    Outcome.NOT_APPLICABLE: "not_applicable",
}


def groups_of(result: Result) -> Iterator[str]:
    """The names of the groups that a result is in."""
    if result.enforcement is Enforcement.DISABLED:
        return
    if result.waiver is not None or result.waived_within:
        yield "waived"
    elif result.baseline:
        yield "known"
    if result.excused or (result.waived_within and result.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE)):
        return
    if result.outcome is not Outcome.FAIL:
        yield _BY_OUTCOME[result.outcome]
    elif result.enforcement is Enforcement.BLOCK:
        yield "awaiting" if result.awaiting else "blocking"
    else:
        yield "warnings" if result.enforcement is Enforcement.WARN else "recorded"


class Grouping:
    """Sorts results into groups as they are gone through."""

    def __init__(self) -> None:
        self._groups = {name: _Worst() for name in GROUPS}
        self._unknowns: dict[tuple[UnknownKind, str], _Reason] = {}

    def add(self, result: Result) -> None:
        """One more."""
        for name in groups_of(result):
            self._groups[name].add(result)
        if result.enforcement is not Enforcement.DISABLED and (not result.excused or result.half_known):
            for kind, reason in _reasons(result):
                self._unknowns.setdefault((kind, plain(reason)), _Reason()).add(result)

    def groups(self) -> Groups:
        """As they stand."""
        kinds = list(UnknownKind)
        ordered = sorted(self._unknowns.items(), key=lambda item: (kinds.index(item[0][0]), item[0][1]))
        return Groups(
            **{name: group.worst() for name, group in self._groups.items()},
            unknowns=tuple(
                UnknownGroup(kind, reason, tuple(sorted(told.keys)), told.subjects, told.blocks)
                for (kind, reason), told in ordered
            ),
        )


def grouped(results: Collection[Result]) -> Groups:
    """Sort results by what has to be done about them."""
    grouping = Grouping()
    for result in results_in_order(results):
        grouping.add(result)
    return grouping.groups()


def gravity(result: Result) -> tuple[int, int, str, str, str]:
    """Sorts the gravest first, and always alike."""
    return (
        -_ENFORCEMENTS.index(result.enforcement),
        -_SEVERITIES.index(result.severity),
        result.key,
        result.subject.name,
        result.subject.id,
    )


class _Reason:
    """What is unknown for one reason; results come subject by subject."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self.subjects = 0
        self.blocks = False
        self._last = ""

    def add(self, result: Result) -> None:
        self.keys.add(result.key)
        self.subjects += result.subject.id != self._last
        self._last = result.subject.id
        undecided = result.outcome is Outcome.UNKNOWN or result.half_known
        self.blocks = self.blocks or (result.enforcement is Enforcement.BLOCK and undecided)


def _reasons(result: Result) -> Iterable[tuple[UnknownKind, str]]:
    if result.outcome is Outcome.ERROR:
        return
    for unknown in result.unknown:
        yield unknown.kind, unknown.reason
    if result.outcome is Outcome.UNKNOWN and not result.unknown:
        yield UnknownKind.UNREADABLE, result.reason or "no reason was given"


def counted(amount: int, singular: str, plural: str | None = None) -> str:
    """``1 rule``, ``2 rules``."""
    return f"{amount} {singular if amount == 1 else plural or singular + 's'}"


def waived(waiver: AppliedWaiver) -> str:
    """A waiver in one line."""
    reason = waiver.reason.rstrip(". ")
    parts = [f"waived until {waiver.expires}: {reason}", f"owner {waiver.owner}, approved by {waiver.approver}"]
    if waiver.compensating_control:
        parts.append(f"instead: {waiver.compensating_control}")
    if waiver.ticket:
        parts.append(waiver.ticket)
    return "; ".join(parts)


def owner(subject: Subject) -> Subject:
    """The row of a survey that a subject belongs to: its repository, or itself."""
    if isinstance(subject, Organization):
        return subject
    repository = getattr(subject, "repository", None)
    return repository if isinstance(repository, Subject) else subject
