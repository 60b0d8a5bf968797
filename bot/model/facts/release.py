"""Facts about releases, deployments and the way back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar, Self

from bot.model.facts import Fact
from bot.model.people import Person
from bot.model.subjects import Release


class DeploymentState(StrEnum):
    """How a deployment ended. GitHub's ``inactive`` was a success once, and something newer has taken its place."""

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    RUNNING = "running"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment to one environment."""

    environment: str
    commit: str
    state: DeploymentState
    at: datetime
    version: str | None = None
    """The release's version, where the platform, or a tag on the commit, tells it."""
    person: Person | None = None
    url: str = ""
    run_id: int | None = None
    attempt: int = 1
    """Azure DevOps: above 1, the stage was run again."""
    workflow_path: str | None = None
    """The pipeline that deployed, where known."""


@dataclass(frozen=True)
class Deployments(Fact):
    """What was deployed to the release's environment (all environments, where it has none), oldest first."""

    subject: ClassVar = Release
    name: ClassVar = "deployments"

    deployments: tuple[Deployment, ...]


@dataclass(frozen=True, slots=True)
class Artifact:
    """Something that a rollback would put back: a release asset, a run's artifact, an image."""

    name: str
    kind: str
    """``asset``, ``artifact``, ``image`` or ``run``."""
    available: bool
    expires_at: datetime | None = None
    """When the platform will delete it; None: never, as far as it says."""
    digest: str | None = None
    url: str = ""


@dataclass(frozen=True)
class PreviousRelease(Fact):
    """What a rollback of the release would go back to. Loaded after ``Deployments``.

    The newest successful deployment of another commit to the same environment before this release's own.
    """

    subject: ClassVar = Release
    name: ClassVar = "previous_release"

    deployment: Deployment | None
    """None: there is none, see ``is_first``."""
    is_first: bool
    """Nothing else was ever deployed there, nor tried: the first release of all."""
    artifacts: tuple[Artifact, ...] = ()
    """The previous release's."""
    artifacts_unreadable: str = ""
    """Why the artifacts could not be read; names the scope. Then ``artifacts`` says nothing."""
    run_exists: bool | None = None
    """Azure DevOps: whether the run that would be re-run still exists. None on GitHub."""
    leased_until: datetime | None = None
    """Azure DevOps: the longest retention lease of that run."""


@dataclass(frozen=True, slots=True)
class Procedure:
    """A way back that is defined."""

    kind: str
    """``workflow_dispatch``, ``deployment_status``, ``redeploy_trigger``, ``stage_rerun``."""
    name: str
    path: str | None = None
    url: str = ""
    input: str | None = None
    """The dispatch input that takes the version."""
    reads_input: bool = True
    """Whether a step of it reads that input."""
    enabled: bool = True


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """A run that really put an older version into the environment."""

    at: datetime
    what: str
    """``re-deployed v1.3.0 after v1.4.0``, ``stage Deploy run again``."""
    url: str = ""


@dataclass(frozen=True)
class RollbackProcedures(Fact):
    """The ways back that the repository defines, and the times that one was really used. Loaded after ``Deployments``."""

    subject: ClassVar = Release
    name: ClassVar = "rollback_procedures"

    procedures: tuple[Procedure, ...]
    rehearsals: tuple[Rehearsal, ...]
    unreadable: tuple[str, ...] = ()
    """Pipelines that could not be parsed, with the line."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file and its text."""

    path: str
    text: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class GlobSpec:
    """Which changed files' texts are wanted: gitignore-style globs."""

    globs: frozenset[str] = frozenset()

    def unite(self, other: Self) -> Self:
        """All of them."""
        return type(self)(self.globs | other.globs)


@dataclass(frozen=True)
class ReleaseChanges(Fact):
    """What lies between the previous release and this one. Loaded after ``PreviousRelease``. Spec: ``GlobSpec``.

    Without a previous release there is nothing between: empty tuples.
    """

    subject: ClassVar = Release
    name: ClassVar = "release_changes"
    spec: ClassVar = GlobSpec
    chosen: ClassVar = ("added", "siblings")

    added: tuple[SourceFile, ...]
    """Added or changed files that match the globs, as this release has them."""
    siblings: frozenset[str]
    """Every path of this release's tree that matches the globs."""
    work_items: tuple[str, ...]
    """References of work items in the commits and pull requests between, as people write them (``AB#12``, ``#7``)."""
    commits: int


@dataclass(frozen=True)
class ReleaseRecord(Fact):
    """What the platform keeps about the release itself."""

    subject: ClassVar = Release
    name: ClassVar = "release_record"

    notes: str
    tag: str | None
    tag_commit: str | None
    """What the tag points at now; None where there is no tag."""
    released_commit: str
    """What was released, as the platform recorded it at the time."""
    immutable: bool | None
    """None: the platform has no such notion or did not say."""
    assets: tuple[Artifact, ...]
    attested: bool | None
    """Whether attestations exist for its assets; None where it was not read or cannot be."""


@dataclass(frozen=True)
class ReleaseConfiguration(Fact):
    """What a rollback would use that is not pinned by the release: named as a risk."""

    subject: ClassVar = Release
    name: ClassVar = "release_configuration"

    variable_groups: tuple[str, ...]
    floating_references: tuple[str, ...]
    """Templates and reusable workflows of other repositories that follow a branch."""
