"""The Protocols that the outer rooms fulfil: who provides facts, who publishes a verdict, who shows progress.

That of the store is in ``runs``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar, runtime_checkable

from bot.engine.posted import Posted
from bot.engine.targets import Search, Target
from bot.model.annotations import Annotation
from bot.model.facts import Answer, Fact, FactRequest, Loaded, UnknownKind
from bot.model.findings import Reviewer
from bot.model.rehearsal import Merged
from bot.model.results import Gap, Verdict
from bot.model.subjects import Branch, Platform, PullRequest, Release, Repository, Subject
from bot.policy.references import Fetched, Reference

F = TypeVar("F", bound=Fact)


class PlatformError(Exception):
    """Something that a platform was asked for could not be had; the text says what, where and what to do next.

    ``kind`` is None where the request itself was wrong (no such repository): usage. Otherwise it says why it is unknown.
    """

    def __init__(self, message: str, kind: UnknownKind | None = None) -> None:
        super().__init__(message)
        self.kind = kind


class Known:
    """The answers so far, which later rounds may build on."""

    def __init__(self, answers: dict[tuple[type[Fact], str], Answer] | None = None) -> None:
        self.answers: dict[tuple[type[Fact], str], Answer] = {} if answers is None else answers

    def answer(self, fact: type[Fact], subject: Subject) -> Answer | None:
        """What is known of the fact; None where it was not asked for."""
        return self.answers.get((fact, subject.id))

    def value(self, fact: type[F], subject: Subject) -> F | None:
        """The fact's value, where it was loaded."""
        answer = self.answer(fact, subject)
        if isinstance(answer, Loaded) and isinstance(answer.value, fact):
            return answer.value
        return None


@dataclass(frozen=True, slots=True)
class ConfigurationFile:
    """A configuration file as the base branch has it."""

    path: str
    text: str
    source: str
    """For people: ``acme/payments@main:.github/almguard.yml``."""


class FactSource(Protocol):
    """What facts are loaded from: a platform, or a test case that gives them."""

    platform: Platform

    def dependencies(self, request: FactRequest) -> tuple[FactRequest, ...]:
        """The facts, on the same subject or one reached from it, that must be loaded before this one."""
        ...

    def load(
        self, needs: Mapping[FactRequest, Sequence[Subject]], known: Known
    ) -> Iterator[tuple[FactRequest, Subject, Answer]]:
        """All requests of one round, each with its subjects; every (request, subject) is answered exactly once, in any
        order. Never raises for what a platform does: that is ``Unavailable``.
        """
        ...


class Provider(FactSource, Protocol):
    """Reads one platform (or a git checkout). Safe to use from one thread; it may use several of its own."""

    def resolve(self, target: Target) -> Subject:
        """The subject that a target names. Raises ``PlatformError``."""
        ...

    def discover(self, root: Subject, kinds: frozenset[type[Subject]]) -> Iterator[Subject | Gap]:
        """Every subject of these kinds under an organisation (or project) or a repository, ``root`` itself included when
        its kind is asked for. What could not be listed is a ``Gap``; archived repositories are among the subjects.
        """
        ...

    def counted(self, root: Subject) -> int | None:
        """How many repositories the platform itself says there are under a root that was discovered to the end. None: it does
        not say. What it counts and does not list was not read.
        """
        ...

    def unpushed(self, repositories: Sequence[Repository], since: datetime) -> frozenset[str]:
        """Ids of those repositories, whose listing does not tell when they were pushed to, that nothing was pushed to since.

        One of which that cannot be told is not among them. Costs what the platform makes it cost.
        """
        ...

    def release(self, subjects: Sequence[Subject]) -> None:
        """Let go of what was kept about these subjects, and what is in them: they are judged, and not asked about again.

        What others may still need (members of teams, lists of a whole organisation) stays.
        """
        ...

    def configuration(self, subject: Subject, paths: Sequence[str]) -> ConfigurationFile | None:
        """The first of these paths that exists on the base branch (the default branch, but for pull requests).

        Raises ``PlatformError`` where that cannot be told: a configuration that cannot be read is not a missing one.
        """
        ...

    def same_head(self, subject: PullRequest) -> Sequence[Target]:
        """The other open pull requests of the repository that have the same head commit: one check stands for all of them.

        Empty where a verdict is posted to each pull request by itself (Azure DevOps). Raises ``PlatformError``.
        """
        ...

    def landing(self, subject: PullRequest) -> Branch | None:
        """The branch that a stacked pull request will land in: its base is another open one's branch. None: its own base.

        A default branch lands nowhere else, and a ring of pull requests nowhere. Raises ``PlatformError``.
        """
        ...

    def guarded(self, branch: Branch) -> bool:
        """Whether the platform lets changes into the branch by rules alone: some rule that binds covers it. Raises
        ``PlatformError``.
        """
        ...

    def find(self, search: Search) -> Sequence[Target]:
        """The open pull requests that a search means which is not ``whole``. Raises ``PlatformError``."""
        ...

    def paths(self, subject: Subject) -> Sequence[str]:
        """Every path on the base branch, for the globs of a configuration. Raises ``PlatformError``."""
        ...

    def fetch(self, reference: Reference) -> Fetched:
        """One file of any repository of the platform, for what a policy builds on.

        Raises ``PlatformError`` where it cannot be had; its ``kind`` is None where the reference itself is wrong.
        """
        ...

    def requests(self) -> int:
        """How many HTTP requests were sent so far."""
        ...

    def round_trips(self) -> int:
        """How many of them had to wait for another's answer, in the longest chain so far."""
        ...

    def close(self) -> None:
        """End connections and threads."""
        ...


@runtime_checkable
class Historian(Provider, Protocol):
    """A provider that can tell how merged pull requests stood when they were merged.

    Facts about the subjects that these two give are read as of their merge, as far as the platform tells; ``past`` cuts off the
    rest. The same provider must not judge them as they are now in the same run.
    """

    def merged(self, root: Subject, amount: int, branch: str | None = None) -> Iterator[Merged | Gap]:
        """The newest merged pull requests under an organisation, a project or a repository, into the default branches or the
        branch that is named, the newest first. What could not be listed or read is a ``Gap``.
        """
        ...

    def as_merged(self, targets: Sequence[Target]) -> Iterator[Merged | Gap]:
        """The pull requests that are named. One that is not merged, or cannot be read, is a ``Gap``."""
        ...


@dataclass(frozen=True, slots=True)
class ReviewRequest:
    """Who is to be asked for a review of a pull request."""

    candidates: tuple[Reviewer, ...]
    """Those to choose from, the first of them first. Whoever was ever asked for this one is not asked again."""
    most: int
    """How many of them to ask."""


@dataclass(frozen=True, slots=True)
class Publication:
    """What a gate has to say on the platform. All texts are rendered, and safe, already."""

    subject: PullRequest
    context: str
    """The check's name."""
    verdict: Verdict
    title: str
    """One line: ``Blocked: 2 of 3 rules``."""
    summary: str
    """Markdown for the check (GitHub: at most 65,535 characters)."""
    comment: str | None
    """Markdown for the sticky comment or thread; None: do not touch it."""
    create_comment: bool = True
    """Whether to write the comment where there is none yet; an existing one is always brought up to date."""
    details_url: str | None = None
    rests_on: Posted | None = None
    """What the verdict rests on, to be kept with it."""
    annotations: tuple[Annotation, ...] = ()
    """What to say at lines of the changed files: all that there is to say, so what stands beyond it is outdated."""
    line_threads: bool = False
    """Azure DevOps: whether each of them is a thread on its line."""
    yields: bool = False
    """Whether to leave alone a verdict that was read later than this one (``bot.engine.racing``)."""
    look_again: bool = False
    """Whether to look, once it is posted, whether the pull request moved while it was judged."""
    ask: ReviewRequest | None = None


@dataclass(frozen=True, slots=True)
class Published:
    """What was done, for the log: one line each."""

    actions: tuple[str, ...]
    refused: tuple[str, ...] = ()
    """What the token may not do, with what would allow it."""
    annotated: bool = False
    """Whether the platform shows the annotations at their lines."""
    moved: tuple[str, ...] = ()
    """What moved since the facts were read, in words: what was posted may be outdated, and is to be judged again."""


class Publisher(Protocol):
    """Posts a verdict; run twice, it updates and does not repeat."""

    def publish(self, publication: Publication) -> Published:
        """Post or update the check and the comment. Raises ``PlatformError`` when not even the check could be posted."""
        ...

    def begin(self, subject: PullRequest, context: str, details_url: str | None) -> Published:
        """Say that the verdict is being worked on, so that an older one, of another head or branch, lets nothing through.

        Raises ``PlatformError`` where it cannot be posted.
        """
        ...

    def standing(self, checks: Sequence[tuple[PullRequest, str]]) -> Mapping[str, Posted]:
        """What stands on the heads of these pull requests, each under the name of its check; by the pull request's id.

        One is left out where nothing stands, and where what stands cannot be read: posting once too often harms nothing.
        """
        ...


@dataclass(frozen=True, slots=True)
class ReleasePublication:
    """What a gate has to say about a release. All texts are rendered, and safe, already."""

    subject: Release
    context: str
    """The name under which the verdict stands on the release's commit."""
    verdict: Verdict
    title: str
    summary: str
    """Markdown."""
    details_url: str | None = None


class ReleasePublisher(Protocol):
    """Posts a verdict on a release's commit. The verdict itself is the exit code: what cannot be posted is no failure."""

    def publish_release(self, publication: ReleasePublication) -> Published:
        """Post or update it. What could not be posted is ``refused``, and never raised."""
        ...


@dataclass(frozen=True, slots=True)
class DeploymentAnswer:
    """A word on a deployment that waits for it."""

    repository: str
    """``owner/name``."""
    run_id: int
    environment: str
    verdict: Verdict | None
    """None: it could not be judged."""
    comment: str
    """Markdown, at most 1,024 characters, safe already."""


class DeploymentReviewer(Protocol):
    """Answers for deployments that wait until they are judged."""

    def waiting(self, repository: str, run_id: int, environment: str) -> Target:
        """The release that the run would deploy, by what the platform knows of the run. Raises ``PlatformError``."""
        ...

    def answer(self, answer: DeploymentAnswer) -> Published:
        """Let it through, stop it, or say why it waits. Raises ``PlatformError``."""
        ...


class Progress(Protocol):
    """Shows long work, on stderr."""

    def total(self, phase: str, amount: int | None) -> None:
        """A phase begins; None: of unknown length."""
        ...

    def advance(self, phase: str, amount: int = 1) -> None:
        """Some of it is done."""
        ...


class Silence:
    """Shows nothing."""

    def total(self, phase: str, amount: int | None) -> None:
        """Nothing."""

    def advance(self, phase: str, amount: int = 1) -> None:
        """Nothing."""
