"""Two rules for property tests, which end as they are told; they are declared for as long as a module's tests run."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, Literal

from pydantic import Field

from bot.engine.judging import judge
from bot.engine.verdict import decide
from bot.model.facts import Fact, UnknownKind
from bot.model.findings import Finding, NotApplicable, Statement, Unknown
from bot.model.results import Result, Verdict
from bot.model.subjects import PullRequest, Repository, Subject
from bot.policy.configuration import Configuration
from bot.policy.load import load_configuration
from bot.rules.declaration import RuleParams, Tighter, rule, withdraw
from tests.engine.memory_provider import NOW, MemoryProvider

SAYS = ("pass", "fail", "awaiting", "unknown", "not_applicable", "error")
SECTIONS = "\n\nWhy:\n  x\n\nEvidence:\n  x\n\nHow to fix:\n  x\n\nExample:\n  x\n"


class Told(RuleParams):
    """How to end."""

    says: Literal["pass", "fail", "awaiting", "unknown", "not_applicable", "error"] = "pass"
    """The outcome."""


class Inner(RuleParams):
    """Parameters inside of parameters, some with a way of their own."""

    least: int = 0
    """As the whole is marked."""
    words: Annotated[frozenset[str], Tighter.SUPERSET] = frozenset()
    """Labels that have to be there, too."""


class Measured(RuleParams):
    """A parameter of each kind, each of which asks for more the tighter it is."""

    least: Annotated[int, Tighter.MORE] = 0
    """The number has to be at least this."""
    most: Annotated[int | None, Tighter.LESS] = None
    """The number may be at most this."""
    allowed: Annotated[frozenset[str] | None, Tighter.SUBSET] = None
    """Other labels may not be there."""
    wanted: Annotated[tuple[str, ...], Tighter.SUPERSET] = ()
    """These labels have to be there."""
    strict: Annotated[bool, Tighter.TRUE] = False
    """No drafts."""
    lenient: Annotated[bool, Tighter.FALSE] = True
    """Forks are welcome."""
    exact: int = 0
    """The number divided by three leaves this, or more."""
    inner: Annotated[Inner, Tighter.MORE] = Field(default=Inner())
    """The iteration, and labels."""

    def loosened_by(self, new: Measured) -> str:
        """Half of a pair says nothing."""
        return ""


def said(word: str) -> Iterator[Statement]:
    """The statements that make an outcome."""
    match word:
        case "fail":
            yield Finding("wrong", "mend it")
        case "awaiting":
            yield Finding("not yet", "wait", awaiting=True)
        case "unknown":
            yield Unknown(UnknownKind.SCOPE, "hidden")
        case "not_applicable":
            yield NotApplicable("nothing here")
        case "error":
            raise ValueError("no luck")


def declare() -> Iterator[None]:
    """The rules ``told`` and ``measured``, until the generator goes on."""

    def told(pr: PullRequest, params: Told) -> Iterator[Statement]:
        yield from said(params.says)

    def told_repository(repository: Repository, params: Told) -> Iterator[Statement]:
        yield from said(params.says)

    def measured(pr: PullRequest, params: Measured) -> Iterator[Statement]:
        labels, iteration = set(pr.labels), pr.iteration or 0
        if pr.number < params.least or iteration < params.inner.least:
            yield Finding("too few", "wait", awaiting=True)
        if params.most is not None and pr.number > params.most:
            yield Finding("too many", "mend it")
        if params.allowed is not None and not labels <= params.allowed:
            yield Finding("not allowed", "mend it")
        if not labels >= {*params.wanted, *params.inner.words}:
            yield Finding("missing", "mend it")
        if (params.strict and pr.draft) or (not params.lenient and pr.from_fork) or pr.number % 3 < params.exact:
            yield Finding("no", "mend it")
        yield from said(pr.title)

    declared = {"told": (Told, (told, told_repository)), "measured": (Measured, (measured,))}
    for name, (params, functions) in declared.items():
        for function in functions:
            function.__doc__ = f"It ends as it is told.{SECTIONS}"
            # The annotations are text, and the names in them are this module's.
            rule(name, params=params)(function)
    yield
    withdraw(declared)


class Place:
    """Files in memory, each named by its path."""

    def __init__(self, files: dict[str, Any]) -> None:
        self.files = {
            path: held if isinstance(held, str) else json.dumps(held, ensure_ascii=False, indent=1)
            for path, held in files.items()
        }

    def read(self, path: str) -> tuple[str, str] | None:
        """A file."""
        return (self.files[path], path) if path in self.files else None

    def list(self) -> list[str]:
        """The paths."""
        return list(self.files)


def policy(name: str, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A policy, as a document."""
    return {
        "apiVersion": "almguard/v1",
        "kind": "Policy",
        "metadata": {"name": name},
        **more,
        "rules": list(entries),
    }


def config(**more: Any) -> dict[str, Any]:
    """A configuration, as a document."""
    return {"apiVersion": "almguard/v1", "kind": "Config", **more}


def loaded(path: str, files: dict[str, Any]) -> Configuration:
    """A file of a place, loaded. Raises ``PolicyError``."""
    place = Place(files)
    return load_configuration(place.files[path], path, place)


def results(
    configuration: Configuration,
    *subjects: Subject,
    answers: dict[tuple[type[Fact], str], Any] | None = None,
    now: Any = NOW,
) -> tuple[Result, ...]:
    """What is said of subjects."""
    from datetime import datetime

    return judge(configuration, subjects, MemoryProvider(answers or {}), {datetime: now}).results


def verdict(configuration: Configuration, found: tuple[Result, ...]) -> Verdict:
    """How a gate decides."""
    return decide(found, configuration.gate.on_unknown)


STRICTNESS = {
    Verdict.EMPTY: 0,
    Verdict.PASSED: 0,
    Verdict.WAITING: 1,
    Verdict.INCONCLUSIVE: 1,
    Verdict.BLOCKED: 2,
}
"""What lets through, what does not yet, what does not. Waiting comes before inconclusive, as fail comes before unknown."""
