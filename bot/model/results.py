"""Outcomes, verdicts and results."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum

from bot.model.facts import UnknownKind
from bot.model.findings import Evidence, Finding, Severity
from bot.model.subjects import PullRequest, Release, Subject


class Outcome(StrEnum):
    """How an entry ended on a subject."""

    PASS = "pass"  # noqa: S105 - an outcome, not a password
    FAIL = "fail"
    NOT_APPLICABLE = "not_applicable"
    UNKNOWN = "unknown"
    ERROR = "error"


class Enforcement(StrEnum):
    """What a policy does about a failing entry: audit records, warn shows, block blocks."""

    DISABLED = "disabled"
    AUDIT = "audit"
    WARN = "warn"
    BLOCK = "block"


class Verdict(StrEnum):
    """How a gate decides."""

    PASSED = "passed"
    WAITING = "waiting"
    BLOCKED = "blocked"
    INCONCLUSIVE = "inconclusive"
    EMPTY = "empty"


class Combination(StrEnum):
    """How the outcomes of a group's members make its own."""

    ANY_OF = "any_of"
    ALL_OF = "all_of"

    @property
    def words(self) -> str:
        """For people."""
        return "any of" if self is Combination.ANY_OF else "all of"


@dataclass(frozen=True, slots=True)
class Unknowing:
    """Why an outcome is unknown (or what went wrong in an error)."""

    kind: UnknownKind
    reason: str
    fact: str = ""
    """The fact that could not be read, where it was one."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition of an entry, or the assertion of a rule of one's own, with its value on the subject."""

    word: str
    """``when``, ``unless``, ``assert``."""
    text: str
    value: bool | None
    """None: not known."""
    reason: str = ""
    """Why it is not known."""


@dataclass(frozen=True, slots=True)
class AppliedWaiver:
    """The waiver that covers a result. It lies over the outcome and does not erase it."""

    reason: str
    owner: str
    approver: str
    expires: date
    """The last day on which it applies."""
    ticket: str = ""
    compensating_control: str = ""
    source: str = ""
    """The file and the line: ``waivers.yml:12``."""


@dataclass(frozen=True, slots=True)
class Member:
    """How one member of a group ended."""

    key: str
    rule: str
    """The rule's id; ``any_of``, ``all_of`` or ``assert``."""
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknowing, ...] = ()
    reason: str = ""
    evidence: tuple[Evidence, ...] = ()
    title: str = ""
    conditions: tuple[Condition, ...] = ()
    members: tuple[Member, ...] = ()
    waiver: AppliedWaiver | None = None
    """A waived member counts as a pass in its group."""

    @property
    def awaiting(self) -> bool:
        """A fail that time or people can cure without a change."""
        return _awaiting(self, self.findings)


@dataclass(frozen=True, slots=True)
class Result:
    """One entry of a policy, judged on one subject."""

    key: str
    """``policy/name``."""
    policy: str
    rule: str
    """The rule's id; ``any_of`` or ``all_of`` for a group, ``assert`` for a rule of one's own."""
    subject: Subject
    outcome: Outcome
    enforcement: Enforcement
    severity: Severity
    findings: tuple[Finding, ...] = ()
    unknown: tuple[Unknowing, ...] = ()
    """Why it is unknown; on a fail, what could not be read besides."""
    reason: str = ""
    """Why it is not applicable, or what the error was."""
    evidence: tuple[Evidence, ...] = ()
    title: str = ""
    """The rule's one-line meaning, for reports."""
    conditions: tuple[Condition, ...] = ()
    """The entry's conditions, with their values."""
    members: tuple[Member, ...] = ()
    """Of a group: how its members ended, in the order of the policy."""
    waiver: AppliedWaiver | None = None
    """The waiver that covers it: it then counts as a pass, and is shown as waived."""
    fingerprints: tuple[str, ...] = ()
    """One for each finding: the same as long as the finding is. Empty where no baseline was asked for."""
    known: frozenset[str] = frozenset()
    """The fingerprints of those findings that the baseline has."""

    @property
    def new_findings(self) -> tuple[Finding, ...]:
        """The findings that the baseline does not have."""
        if not self.known:
            return self.findings
        pairs = zip(self.findings, self.fingerprints, strict=True)
        return tuple(finding for finding, fingerprint in pairs if fingerprint not in self.known)

    @property
    def baseline(self) -> bool:
        """A fail whose every finding was there before: it is shown and does not block."""
        return self.outcome is Outcome.FAIL and bool(self.findings) and not self.new_findings

    @property
    def excused(self) -> bool:
        """Whether a waiver or the baseline keeps it from counting."""
        return self.waiver is not None or self.baseline

    @property
    def waived_within(self) -> bool:
        """A group that passes, or drops out, with a member that a waiver covers."""
        return self.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) and _waived(self.members)

    @property
    def half_known(self) -> bool:
        """A fail that the baseline excuses and beside which something could not be decided: that may be a fail of its own."""
        return self.waiver is None and self.baseline and (bool(self.unknown) or _erred(self.members))

    @property
    def awaiting(self) -> bool:
        """A fail that time or people can cure without a change."""
        return _awaiting(self, self.new_findings)


def _waived(members: tuple[Member, ...]) -> bool:
    return any(member.waiver is not None or _waived(member.members) for member in members)


def _erred(members: tuple[Member, ...]) -> bool:
    """Whether an error stands beside the fails of a failing group."""
    counted = [member for member in members if member.waiver is None]
    return any(m.outcome is Outcome.ERROR or (m.outcome is Outcome.FAIL and _erred(m.members)) for m in counted)


def _awaiting(judged: Member | Result, findings: tuple[Finding, ...]) -> bool:
    if judged.outcome is not Outcome.FAIL:
        return False
    if not judged.members:
        return bool(findings) and all(finding.awaiting for finding in findings)
    failing = [m for m in judged.members if m.outcome is Outcome.FAIL and m.waiver is None]
    # What the baseline has is not waited for.
    failing = [m for m in failing if not m.findings or any(finding in findings for finding in m.findings)]
    if judged.rule == Combination.ANY_OF:
        return any(member.awaiting for member in failing)
    return bool(failing) and all(member.awaiting for member in failing)


@dataclass(frozen=True, slots=True)
class Gap:
    """Something that should have been read and was not."""

    subject: str
    """The subject's id, or a target's text where no subject was reached."""
    name: str
    fact: str
    kind: UnknownKind
    reason: str


@dataclass(frozen=True, slots=True)
class Skip:
    """A repository that a scan knows of and did not judge."""

    subject: str
    """Its id."""
    name: str
    reason: str
    """In a few words, the same for all that were left out for it: ``archived``."""


@dataclass(frozen=True, slots=True)
class Coverage:
    """That every repository of one target of a scan is accounted for: ``listed == judged + skipped + unknown``."""

    target: str
    """``github:acme``."""
    listed: int
    """How many repositories were listed, each once."""
    counted: int | None
    """How many the platform says there are; None: it does not say. Where it is another number, that is a gap."""
    judged: int
    skipped: int
    unknown: int
    """Listed, and gone or unreadable as a whole before they could be judged; each is a gap."""


@dataclass(frozen=True, slots=True)
class RunSummary:
    """A finished run, as far as a trend needs it."""

    id: str
    started_at: datetime
    finished_at: datetime
    complete: bool
    policy_digest: str
    outcomes: Mapping[Outcome, int]
    """Results by outcome; what a waiver or the baseline excuses is not among the fails."""
    waived: int
    judged: int
    """Repositories."""
    requests: Mapping[str, int]
    targets: tuple[str, ...] = ()
    shard: str | None = None


class Change(StrEnum):
    """What became of an entry on a subject between two runs."""

    BROKE = "broke"
    """It fails now, and did not."""
    FIXED = "fixed"
    """It failed, and does not now."""
    MOVED = "moved"
    """It fails in both, with other findings."""
    LOST = "lost"
    """It could be decided, and is unknown or in error now."""
    REGAINED = "regained"
    """It was unknown or in error, and passes or does not apply now."""
    APPEARED = "appeared"
    """The subject, or the entry, was not judged before, and fails now."""
    GONE = "gone"
    """It failed, and the subject, or the entry, is not judged now."""


@dataclass(frozen=True, slots=True)
class Changed:
    """One entry on one subject that is not as it was."""

    change: Change
    before: Result | None
    after: Result | None


@dataclass(frozen=True, slots=True)
class PolicySource:
    """A policy that was applied."""

    name: str
    source: str
    sha256: str


@dataclass(frozen=True, slots=True)
class Gate:
    """The decision on one pull request or release."""

    target: PullRequest | Release
    verdict: Verdict
    policy_digest: str
    facts_digest: str
    note: str = ""
    """Said beside the verdict: ``no rule applied``."""


@dataclass(frozen=True, slots=True)
class Spent:
    """What a run sent to one platform."""

    requests: int = 0
    """All that were sent, repeated ones included."""
    not_modified: int = 0
    """Of these: answers that the platform confirmed (304)."""
    graphql: int = 0
    """Of these: queries of GraphQL; the others are REST."""
    points: int = 0
    """What the queries took of GraphQL's allowance, as far as it was told."""

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.requests + other.requests,
            self.not_modified + other.not_modified,
            self.graphql + other.graphql,
            self.points + other.points,
        )

    def __sub__(self, other: Spent) -> Spent:
        return self + Spent(-other.requests, -other.not_modified, -other.graphql, -other.points)


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command, judged: what every report shows."""

    id: str
    command: str
    """``gate``, ``scan``, ``audit``, ``demo``."""
    version: str
    started_at: datetime
    finished_at: datetime
    now: datetime
    requests: Mapping[str, int]
    """HTTP requests sent, by platform: ``github``, ``azure_devops``."""
    depth: int
    """Round trips, one after another, that loading facts took."""
    policies: tuple[PolicySource, ...]
    subjects: Collection[Subject]
    """In any order; a scan's come from the store each time they are gone through, in the order of their ids."""
    results: Collection[Result]
    """In any order; a scan's come from the store each time they are gone through, by subject id and key."""
    gaps: Collection[Gap] = ()
    gate: Gate | None = None
    notices: tuple[str, ...] = ()
    """Things to tell the reader: no configuration was found, a deprecated key."""
    coverage: tuple[Coverage, ...] = ()
    """Of a scan: one for each target that could be listed."""
    skipped: Collection[Skip] = ()
    history: tuple[RunSummary, ...] = ()
    """Earlier finished runs of the same targets, the oldest first."""
    changes: Collection[Changed] | None = None
    """Since the newest of them; None: there is none to compare with."""
    targets: tuple[str, ...] = ()
    """Of a scan: what it was asked for, in a normal form: ``github:acme``."""
    shard: str | None = None
    """Which part of them it judged: ``3/16``; None: all."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """By platform, as ``requests``. Empty: not counted."""
    lenient: frozenset[UnknownKind] = frozenset()
    """Of a scan: the kinds of unknown that its configurations let through (``on_unknown: warn``)."""

    @property
    def complete(self) -> bool:
        """Whether everything that should have been read was."""
        return not self.gaps
