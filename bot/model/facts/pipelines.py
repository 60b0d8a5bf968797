"""Facts about pipelines and the files beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from bot.model.facts import Fact
from bot.model.subjects import Branch


@dataclass(frozen=True, slots=True)
class Trigger:
    """One reason for a pipeline to run."""

    event: str
    """``pull_request``, ``pull_request_target``, ``merge_group``, ``push``, ``workflow_dispatch``, ``schedule``,
    ``deployment_status`` ... On Azure DevOps a build validation policy is a ``pull_request``, CI is a ``push``."""
    branches: tuple[str, ...] = ()
    """Filters of the branch (the base, for pull requests), in order; ``!`` excludes; empty: every branch."""
    paths: tuple[str, ...] = ()
    """Filters of changed paths, in order; ``!`` excludes; empty: every path."""
    inputs: tuple[str, ...] = ()
    """Inputs of a ``workflow_dispatch``, parameters of an Azure pipeline."""
    blocking: bool | None = None
    """Azure DevOps: whether the build validation blocks. None on GitHub."""
    types: tuple[str, ...] = ()
    """GitHub: the activity types that it is limited to (``opened``, ``labeled``); empty: the event's usual ones."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a job."""

    line: int
    """Where it begins, from 1."""
    name: str = ""
    uses: str | None = None
    """An action as written, ``owner/repo/path@ref`` or ``./path`` or ``docker://…``; an Azure task, ``UseDotNet@2``."""
    inputs: Mapping[str, str] | None = None
    """``with:`` / ``inputs:``, as text."""
    run: str | None = None
    """The script."""
    shell: str | None = None
    never_runs: bool = False
    """Its condition is the constant false."""
    continues_on_error: bool = False
    """A failure of it does not fail the job."""
    working_directory: str | None = None
    condition: str = ""
    """As written; empty: it runs when all before it succeeded."""


@dataclass(frozen=True, slots=True)
class Job:
    """One job."""

    name: str
    line: int
    steps: tuple[Step, ...] = ()
    uses: str | None = None
    """A reusable workflow that the job calls, or an Azure template that could not be read."""
    never_runs: bool = False
    continues_on_error: bool = False
    environment: str | None = None
    condition: str = ""
    container: str | None = None
    variable_groups: tuple[str, ...] = ()
    check_name: str = ""
    """The name that its check run will have (GitHub: ``name`` or the key; matrices unexpanded)."""


@dataclass(frozen=True, slots=True)
class PipelineDefinition:
    """One workflow file, or one YAML build definition."""

    path: str
    name: str
    url: str = ""
    format: str = "github"
    """``github`` or ``azure``: which platform reads it."""
    enabled: bool | None = True
    """None: the platform did not say whether it is disabled."""
    triggers: tuple[Trigger, ...] = ()
    jobs: tuple[Job, ...] = ()
    error: str = ""
    """Why it did not parse, with the line; then it has no jobs and nothing is known about it."""
    error_line: int | None = None
    templates: tuple[str, ...] = ()
    """Templates and reusable workflows that were not expanded."""
    floating_references: tuple[str, ...] = ()
    """Templates from other repositories that are not pinned to a tag or commit."""
    variable_groups: tuple[str, ...] = ()
    definition_id: int | None = None
    """Azure DevOps: the build definition."""


@dataclass(frozen=True)
class Pipelines(Fact):
    """The pipelines defined on a branch, parsed."""

    subject: ClassVar = Branch
    name: ClassVar = "pipelines"

    definitions: tuple[PipelineDefinition, ...]


@dataclass(frozen=True, slots=True)
class PathSpec:
    """Which files' texts are wanted: exact paths."""

    paths: frozenset[str] = frozenset()

    @classmethod
    def naming(cls, names: frozenset[str]) -> Self:
        """Of these paths."""
        return cls(names)

    def unite(self, other: Self) -> Self:
        """All of them."""
        return type(self)(self.paths | other.paths)


@dataclass(frozen=True)
class FileContents(Fact):
    """The text of files on a branch. Spec: ``PathSpec``."""

    subject: ClassVar = Branch
    name: ClassVar = "contents"
    spec: ClassVar = PathSpec
    chosen: ClassVar = ("texts",)

    texts: Mapping[str, str]
    """By path. A path that was asked for and is not here does not exist."""


@dataclass(frozen=True)
class DetectedTools(Fact):
    """Apps that report on the branch's commits without a pipeline of this repository (CodeQL default setup, a GitHub
    App). Check names and app slugs seen on the newest commits of the default branch."""

    subject: ClassVar = Branch
    name: ClassVar = "detected_tools"

    checks: tuple[tuple[str, str], ...]
    """(check name, app slug)."""
