"""Subjects: the things that are judged. Their ids never change with a rename: ``host/kind/immutable-id``."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from bot.model.people import Person


class Platform(StrEnum):
    """Where a subject lives."""

    GITHUB = "github"
    AZURE_DEVOPS = "azure-devops"
    LOCAL = "local"
    JIRA = "jira"
    """A tracker: work items alone live there."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What every subject has. Two subjects are equal when their ids are."""

    kind: ClassVar[str] = "subject"

    id: str
    name: str = field(compare=False)
    """For people to read: ``acme/payments``, ``acme/payments#12``, ``acme/Payments/payments!12``."""
    platform: Platform = field(compare=False)
    url: str = field(compare=False)
    """The page a person would open; empty where there is none."""


@dataclass(frozen=True, slots=True)
class Organization(Subject):
    """A GitHub organisation or user account; an Azure DevOps organisation or project."""

    kind: ClassVar[str] = "organization"

    project: str | None = field(default=None, compare=False)
    """The Azure DevOps project, when it is one."""


class Visibility(StrEnum):
    """Who may see a repository. Azure DevOps projects are private or public."""

    PRIVATE = "private"
    INTERNAL = "internal"
    PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class Repository(Subject):
    """A git repository, with what its listing says."""

    kind: ClassVar[str] = "repository"

    organization: Organization = field(compare=False)
    short_name: str = field(compare=False)
    """The last part of its name alone."""
    default_branch: str | None = field(default=None, compare=False)
    """None: it is empty."""
    visibility: Visibility | None = field(default=None, compare=False)
    archived: bool = field(default=False, compare=False)
    """Azure DevOps: disabled."""
    is_fork: bool = field(default=False, compare=False)
    language: str | None = field(default=None, compare=False)
    topics: tuple[str, ...] = field(default=(), compare=False)
    pushed_at: datetime | None = field(default=None, compare=False)

    @property
    def default(self) -> Branch | None:
        """The default branch as a subject; None where the repository is empty."""
        if self.default_branch is None:
            return None
        return self.branch(self.default_branch)

    def branch(self, name: str) -> Branch:
        """The branch of that short name (``main``, not ``refs/heads/main``)."""
        return Branch(
            id=f"{self.id}/branch/{name}",
            name=f"{self.name}@{name}",
            platform=self.platform,
            url="",
            repository=self,
            branch=name,
        )


@dataclass(frozen=True, slots=True)
class Branch(Subject):
    """A branch of a repository."""

    kind: ClassVar[str] = "branch"

    repository: Repository = field(compare=False)
    branch: str = field(compare=False)
    """Its short name."""

    @property
    def is_default(self) -> bool:
        """Whether it is the repository's default branch."""
        return self.branch == self.repository.default_branch


class PullRequestState(StrEnum):
    """Azure DevOps' ``active`` is open, ``completed`` merged, ``abandoned`` closed."""

    OPEN = "open"
    MERGED = "merged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class PullRequest(Subject):
    """A pull request at one head."""

    kind: ClassVar[str] = "pull_request"

    base: Branch = field(compare=False)
    number: int = field(compare=False)
    title: str = field(compare=False)
    body: str = field(compare=False)
    author: Person = field(compare=False)
    head_sha: str = field(compare=False)
    base_sha: str = field(compare=False)
    """The tip of the base branch when this was read."""
    source_branch: str = field(compare=False)
    created_at: datetime = field(compare=False)
    state: PullRequestState = field(default=PullRequestState.OPEN, compare=False)
    draft: bool = field(default=False, compare=False)
    from_fork: bool = field(default=False, compare=False)
    labels: tuple[str, ...] = field(default=(), compare=False)
    assignees: tuple[Person, ...] = field(default=(), compare=False)
    iteration: int | None = field(default=None, compare=False)
    """Azure DevOps: the newest iteration, on which statuses are posted."""

    @property
    def repository(self) -> Repository:
        """The repository it would be merged into."""
        return self.base.repository


@dataclass(frozen=True, slots=True)
class Pipeline(Subject):
    """A workflow or a build definition."""

    kind: ClassVar[str] = "pipeline"

    repository: Repository = field(compare=False)
    path: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Environment(Subject):
    """A deployment environment."""

    kind: ClassVar[str] = "environment"

    repository: Repository = field(compare=False)
    environment: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class Release(Subject):
    """One version, as it was (or would be) deployed to one environment."""

    kind: ClassVar[str] = "release"

    repository: Repository = field(compare=False)
    version: str = field(compare=False)
    """The tag on GitHub; on Azure DevOps the run's build number or the classic release's name."""
    commit: str = field(compare=False)
    created_at: datetime = field(compare=False)
    environment: str | None = field(default=None, compare=False)
    """None: it was never deployed anywhere that the platform knows of."""
    release_kind: str = field(default="release", compare=False)
    """``release`` (a GitHub release), ``tag``, ``run`` (an Azure Pipelines run) or ``classic``."""
    author: Person | None = field(default=None, compare=False)
    run_id: int | None = field(default=None, compare=False)
    """Azure DevOps: the run, or the classic release, that it is."""
    deploying: bool = field(default=False, compare=False)
    """It is about to be deployed, in a gate: what it would be rolled back to is what runs there now."""


@dataclass(frozen=True, slots=True)
class WorkItem(Subject):
    """A work item (Azure Boards) or an issue (GitHub, Jira)."""

    kind: ClassVar[str] = "work_item"

    number: str = field(compare=False)
    """As people write it: ``123``, ``PAY-7``."""
    title: str = field(compare=False)
    type: str | None = field(compare=False)
    """Its type; None where an issue has none."""
    state: str = field(compare=False)
    """As the platform writes it: ``Active``, ``open``."""
    is_closed: bool = field(compare=False)
    """GitHub: closed. Azure DevOps: its state category is Completed or Removed."""
    created_at: datetime | None = field(default=None, compare=False)
    closed_at: datetime | None = field(default=None, compare=False)
    scope: str = field(default="", compare=False)
    """The area path (Azure Boards), ``owner/repo`` (GitHub), the project key (Jira)."""
    is_pull_request: bool = field(default=False, compare=False)
    linked_pull_requests: int | None = field(default=None, compare=False)
    """How many pull requests hang on it; None where it was not read."""
