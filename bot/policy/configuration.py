"""A configuration that has been loaded: policies whose rules, parameters and conditions are ready to be used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from bot.model.facts import UnknownKind
from bot.model.findings import Severity
from bot.model.results import Enforcement, PolicySource
from bot.policy.expressions import Expression
from bot.policy.globs import any_glob
from bot.policy.models import Match
from bot.rules.declaration import Rule, RuleParams

DEFAULT_CONTEXT = "almguard"


class Files(Protocol):
    """The other files of the place that a configuration comes from: a commit, a folder. Paths are from its root."""

    def read(self, path: str) -> tuple[str, str] | None:
        """The text of a file and its name for people (``acme/payments@main:policies/a.yml``); None: there is none."""
        ...

    def list(self) -> Sequence[str]:
        """The paths of all files; asked for only where the configuration has a glob."""
        ...


class Comment(StrEnum):
    """When a gate comments on the pull request."""

    ON_CHANGE = "on-change"
    ALWAYS = "always"
    NEVER = "never"


class OnUnknown(StrEnum):
    """What an unknown outcome of a blocking entry does to the verdict."""

    BLOCK = "block"
    WARN = "warn"


@dataclass(frozen=True, slots=True)
class GateSettings:
    """How a gate reports and what it does about the unknown."""

    contexts: tuple[tuple[str, str], ...] = (("**", DEFAULT_CONTEXT),)
    """Globs of the base branch, each with the name of the check; the first that matches is it."""
    comment: Comment = Comment.ON_CHANGE
    on_unknown: Mapping[UnknownKind, OnUnknown] = field(default_factory=dict)

    def context(self, branch: str) -> str:
        """The name of the check on pull requests into that branch."""
        return next((name for glob, name in self.contexts if any_glob(branch, (glob,))), DEFAULT_CONTEXT)

    def unknown(self, kind: UnknownKind) -> OnUnknown:
        """Whether an unknown of that kind blocks; it does unless the configuration says otherwise."""
        return self.on_unknown.get(kind, OnUnknown.BLOCK)


@dataclass(frozen=True, slots=True)
class Connection:
    """Which tracker the mentions in some repositories lead to."""

    match: tuple[str, ...]
    """Globs of repository names."""
    work_items: str
    """A target: ``ado:acme/Payments``."""
    credential: str | None = None
    """``ADO``: the token is in the environment variable ``ALMGUARD_ADO_TOKEN``."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that the configuration names, as it was read."""

    path: str
    text: str
    source: str


@dataclass(frozen=True, slots=True)
class CompiledEntry:
    """One entry of a policy."""

    key: str
    """``policy/name``."""
    rule: Rule
    params: RuleParams
    enforcement: Enforcement
    severity: Severity
    when: Expression | None
    unless: Expression | None
    line: int
    """Where it begins in its policy's file."""

    @property
    def conditions(self) -> tuple[Expression, ...]:
        """Those of ``when`` and ``unless`` that it has."""
        return tuple(expression for expression in (self.when, self.unless) if expression is not None)


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """One policy."""

    name: str
    source: str
    """For people: ``pack:baseline``, ``acme/payments@main:.github/almguard.yml``."""
    match: Match
    entries: tuple[CompiledEntry, ...]


@dataclass(frozen=True, slots=True)
class Configuration:
    """Everything that a run goes by."""

    policies: tuple[CompiledPolicy, ...]
    gate: GateSettings
    connections: tuple[Connection, ...]
    analyzers: tuple[SourceFile, ...]
    """The user's own catalogues of analysis tools."""
    sources: tuple[PolicySource, ...]
    digest: str
    """The same for the same configuration, wherever it is read."""
