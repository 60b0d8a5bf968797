"""Outcomes, verdicts and results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
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


@dataclass(frozen=True, slots=True)
class Unknowing:
    """Why an outcome is unknown (or what went wrong in an error)."""

    kind: UnknownKind
    reason: str
    fact: str = ""
    """The fact that could not be read, where it was one."""


@dataclass(frozen=True, slots=True)
class Result:
    """One entry of a policy, judged on one subject."""

    key: str
    """``policy/name``."""
    policy: str
    rule: str
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

    @property
    def awaiting(self) -> bool:
        """A fail that time or people can cure without a change."""
        return self.outcome is Outcome.FAIL and bool(self.findings) and all(f.awaiting for f in self.findings)


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
    subjects: tuple[Subject, ...]
    results: tuple[Result, ...]
    gaps: tuple[Gap, ...] = ()
    gate: Gate | None = None
    notices: tuple[str, ...] = ()
    """Things to tell the reader: no configuration was found, a deprecated key."""

    @property
    def complete(self) -> bool:
        """Whether everything that should have been read was."""
        return not self.gaps
