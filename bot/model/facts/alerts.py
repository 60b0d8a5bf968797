"""Facts about what code scanning has found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from bot.model.facts import Fact
from bot.model.findings import Severity
from bot.model.people import Person
from bot.model.subjects import PullRequest, Repository


class AlertState(StrEnum):
    """How an alert stands. One that is gone from the code is in no fact."""

    OPEN = "open"
    DISMISSED = "dismissed"


@dataclass(frozen=True, slots=True)
class CodeAlert:
    """One thing that a tool found in the code."""

    key: str
    """What tells it from others of its tool and stays: the platform's number, a fingerprint."""
    tool: str
    rule: str
    message: str = ""
    severity: Severity | None = None
    """None: the tool gives it none."""
    state: AlertState = AlertState.OPEN
    path: str | None = None
    line: int | None = None
    url: str = ""
    since: datetime | None = None
    """When it was first seen; None where that is not told."""
    dismissed_by: Person | None = None
    """Who dismissed it; None where nobody did, and where that is not told."""
    dismissal: str = ""
    """The reason that was given, in the platform's words; empty: none."""


@dataclass(frozen=True, slots=True)
class Analysis:
    """One look of a tool at a change."""

    tool: str
    """Empty where the platform does not name it."""
    of_head: bool | None
    """Whether it was of the present head; None: the platform does not say of which commit."""
    at: datetime | None = None
    error: str = ""
    """Why its results are not whole."""
    part: str = ""
    """Which part of the code it looks at, where the tool looks in parts: GitHub's category, ``/language:python``."""


@dataclass(frozen=True)
class IntroducedAlerts(Fact):
    """The alerts that a pull request brings, which its base does not have; and what was analysed to find them."""

    subject: ClassVar = PullRequest
    name: ClassVar = "introduced_alerts"
    value: ClassVar = "alerts"

    alerts: tuple[CodeAlert, ...]
    analyses: tuple[Analysis, ...] = ()
    """The newest of each tool and part; none: nothing was analysed yet."""


@dataclass(frozen=True)
class CodeAlerts(Fact):
    """The alerts on a repository's default branch."""

    subject: ClassVar = Repository
    name: ClassVar = "code_alerts"

    alerts: tuple[CodeAlert, ...]
