"""A configuration that has been loaded: policies whose rules, parameters and conditions are ready to be used."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from bot.model.facts import UnknownKind
from bot.model.findings import Severity
from bot.model.results import Combination, Enforcement, PolicySource
from bot.model.subjects import PullRequest, Subject
from bot.policy.baseline import Baseline
from bot.policy.expressions import Expression
from bot.policy.globs import any_glob
from bot.policy.identities import Identities
from bot.policy.inventory import Inventory
from bot.policy.message import Message
from bot.policy.models import Match, WaiverLimits
from bot.policy.nodes import Tree
from bot.policy.schedule import Schedule
from bot.policy.waivers import Waiver
from bot.rules.declaration import Rule, RuleParams

DEFAULT_CONTEXT = "almguard"
NO_LIMITS = WaiverLimits()
ASSERT = "assert"
"""What stands in the place of a rule's id for a rule of one's own."""


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


class Annotations(StrEnum):
    """Where a gate shows findings at a line of a changed file."""

    CHECK = "check"
    THREADS = "threads"
    """On Azure DevOps as threads too."""
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
    annotations: Annotations = Annotations.CHECK
    """Where findings at a line of a changed file are shown."""
    wait: timedelta = timedelta(0)
    """How long to wait for running checks, where nothing else is missing."""
    request_reviews: int = 0
    """How many people and teams are asked for a review at the same time."""
    follow_stack: bool = False
    """Whether a stacked pull request is judged as if it went where the stack lands."""

    def context(self, branch: str) -> str:
        """The name of the check on pull requests into that branch."""
        return next((name for glob, name in self.contexts if any_glob(branch, (glob,))), DEFAULT_CONTEXT)

    def posted(self, subjects: Iterable[Subject]) -> frozenset[str]:
        """The names under which verdicts on pull requests among these subjects are posted."""
        contexts = {self.context(subject.base.branch) for subject in subjects if isinstance(subject, PullRequest)}
        # Azure DevOps' statuses carry a genre.
        return frozenset(name for context in contexts for name in (context, f"almguard/{context}"))

    def unknown(self, kind: UnknownKind) -> OnUnknown:
        """Whether an unknown of that kind blocks; it does unless the configuration says otherwise."""
        return self.on_unknown.get(kind, OnUnknown.BLOCK)


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    """Which findings are told in issues and work items, and how these are made."""

    enforcement: Enforcement = Enforcement.WARN
    """The least."""
    severity: Severity = Severity.LOW
    """The least."""
    label: str = "almguard"
    """The label or tag by which they are found again."""
    labels: tuple[str, ...] = ()
    """Those that a new one has besides."""
    assign: bool = True
    """Whether a new one is given to the repository's owner."""
    limit: int = 50
    """How many writes one run makes at most."""
    repository: str | None = None
    """GitHub: where all issues are; None: in each repository its own."""
    project: str | None = None
    """Azure DevOps: where all work items are; None: in the project of each repository."""
    work_item_type: str = "Task"
    area: str | None = None
    """The area path of a new work item; None: the project's own."""


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
class RuleCheck:
    """A rule with its parameters."""

    rule: Rule
    params: RuleParams


@dataclass(frozen=True, slots=True)
class Assertion:
    """A rule of one's own."""

    subject: type[Subject]
    expression: Expression
    message: Message
    fix: Message | None
    location: Message | None

    @property
    def messages(self) -> tuple[Message, ...]:
        """Every text that it has."""
        return tuple(text for text in (self.message, self.fix, self.location) if text is not None)


@dataclass(frozen=True, slots=True)
class Group:
    """Several members, of which one has to pass, or every one."""

    how: Combination
    members: tuple[CompiledMember, ...]


Check = RuleCheck | Group | Assertion


@dataclass(frozen=True, slots=True)
class CompiledMember:
    """A check with its conditions: an entry, or a member of a group."""

    key: str
    """``policy/name``."""
    check: Check
    when: Expression | None
    unless: Expression | None
    line: int
    """Where it begins in its file."""
    source: str
    """The file; for what is inherited, the parent's."""

    @property
    def conditions(self) -> tuple[Expression, ...]:
        """Those of ``when`` and ``unless`` that it has."""
        return tuple(expression for expression in (self.when, self.unless) if expression is not None)

    @property
    def name(self) -> str:
        """The second half of its key."""
        return self.key.partition("/")[2]

    @property
    def kinds(self) -> frozenset[type[Subject]]:
        """The types of subject that it judges; a group those that every one of its members does."""
        match self.check:
            case RuleCheck(rule=rule):
                return frozenset(rule.variants)
            case Assertion(subject=subject):
                return frozenset({subject})
            case Group(members=members):
                return frozenset.intersection(*(member.kinds for member in members))

    @property
    def title(self) -> str:
        """One line that says what holds where it passes."""
        match self.check:
            case RuleCheck(rule=rule):
                return rule.title
            case Assertion(expression=expression):
                return " ".join(expression.text.split())
            case Group(how=how, members=members):
                return f"{how.words}: {', '.join(member.name for member in members)}"

    @property
    def rule_id(self) -> str:
        """The rule's id; ``any_of`` or ``all_of`` for a group, ``assert`` for a rule of one's own."""
        match self.check:
            case RuleCheck(rule=rule):
                return rule.id
            case Assertion():
                return ASSERT
            case Group(how=how):
                return how.value

    def walk(self) -> Iterator[CompiledMember]:
        """It, and everything in it."""
        yield self
        if isinstance(self.check, Group):
            for member in self.check.members:
                yield from member.walk()

    def rules(self) -> Iterator[RuleCheck]:
        """Every rule in it."""
        return (member.check for member in self.walk() if isinstance(member.check, RuleCheck))


@dataclass(frozen=True, slots=True)
class CompiledEntry(CompiledMember):
    """One entry of a policy."""

    schedule: Schedule
    severity: Severity
    override: bool = False
    """Whether a policy that inherits it may loosen it."""


@dataclass(frozen=True, slots=True)
class CompiledPolicy:
    """One policy."""

    name: str
    source: str
    """For people: ``pack:baseline``, ``acme/payments@main:.github/almguard.yml``."""
    match: Match
    entries: tuple[CompiledEntry, ...]
    limits: WaiverLimits = NO_LIMITS
    parents: tuple[str, ...] = ()
    """What it extends, in the order in which it was merged: the sources."""
    waivers: tuple[Waiver, ...] = ()
    """Those of its entries' waivers that its own configuration names."""
    baseline: Baseline | None = None
    """The findings that were there before, of its own configuration."""
    inventory: Inventory | None = None
    """What its own configuration's inventory says of repositories."""
    tree: Tree | None = field(default=None, compare=False)
    """As it was written and merged, for showing."""

    def members(self) -> Mapping[str, CompiledMember]:
        """Everything that has a key, by it."""
        return {member.key: member for entry in self.entries for member in entry.walk()}


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
    identities: Identities | None = None
    tracking: TrackingSettings = TrackingSettings()
    """What is told in issues and work items."""
    warnings: tuple[str, ...] = ()
    """Things to tell the reader: a parent that is pinned to nothing."""
