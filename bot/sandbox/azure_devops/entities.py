"""What has a place of its own in Azure DevOps and none in a scenario."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.scenario import ArtifactPart, DeploymentPart, EnvironmentPart
    from bot.sandbox.world import Project, Repository


@dataclass
class Definition:
    """A YAML pipeline (a "build definition")."""

    id: int
    name: str
    yaml: str
    enabled: bool
    repository: Repository
    project: Project


@dataclass
class Build:
    """A run of a pipeline."""

    id: int
    number: str
    definition: Definition
    sha: str
    branch: str
    state: str
    result: str
    reason: str
    by: str
    at: datetime
    deleted: bool = False
    artifacts: list[ArtifactPart] = field(default_factory=list)
    leases: list[datetime] = field(default_factory=list)
    stages: dict[str, int] = field(default_factory=dict)
    """Stage name to its newest attempt."""
    pull_request: int | None = None


@dataclass
class Environment:
    """A deployment environment: one for every name in a project, whichever repositories deploy to it."""

    id: int
    name: str
    project: Project
    parts: list[EnvironmentPart]
    repositories: list[Repository]


@dataclass
class Record:
    """One deployment to an environment."""

    id: int
    environment: Environment
    build: Build
    part: DeploymentPart
    at: datetime


@dataclass(frozen=True)
class PostedLease:
    """A retention lease that a client added."""

    id: int
    run: int
    owner: str
    created: datetime
    until: datetime
    protect: bool
