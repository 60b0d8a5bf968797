"""What has a place of its own in Azure DevOps and none in a scenario."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from bot.sandbox.scenario import ArtifactPart, DeploymentPart, EnvironmentPart
    from bot.sandbox.world import Project, Repository

T = TypeVar("T")

NUMBERS = 10_000
"""How many numbers each project has for its things of one kind, so that no project need be looked at to number another's."""


class PerProject(dict[str, list[T]]):
    """Things by their project's id, each project's made when somebody first asks."""

    def __init__(self, make: Callable[[str], list[T]], lock: threading.RLock) -> None:
        super().__init__()
        self._make = make
        self._lock = lock

    def __missing__(self, project: str) -> list[T]:
        with self._lock:
            if project not in self:
                self[project] = self._make(project)
        return self[project]


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
