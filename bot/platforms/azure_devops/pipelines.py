"""The pipelines of a branch: build definitions, with their YAML and its templates read from the branch; and other files."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote

from bot.engine.ports import PlatformError
from bot.model.facts.pipelines import FileContents, PathSpec, PipelineDefinition, Pipelines
from bot.model.facts.repository import RepositoryPaths
from bot.model.subjects import Branch
from bot.platforms.azure_devops.client import Json, value
from bot.platforms.azure_devops.files import Version, tree
from bot.platforms.azure_devops.loading import Ahead, Loader, Wanted
from bot.platforms.azure_devops.protection import policies_of, triggers
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.subjects import ident
from bot.platforms.pipelines import azure_pipeline

YAML = 2
"""The process type of a definition that is written in a file; 1 is the classic designer."""


def pipelines(wanted: Wanted) -> tuple[Pipelines, str]:
    """Every definition of the repository as its file on this branch says it."""
    subject: Branch = wanted.subject
    reads = wanted.reads
    listed = repository_definitions(reads, subject)
    paths = [path for path in map(yaml_path, listed) if path]
    reads.want(subject, paths)
    texts = reads.texts(subject, paths)
    found = tuple(_pipeline(reads, subject, definition, texts) for definition in listed)
    return Pipelines(found), f"{subject.repository.organization.url}/_build"


def repository_definitions(reads: Reads, branch: Branch) -> list[Json]:
    """The project's definitions that build this repository."""
    wanted = ident(branch.repository)
    listed = reads.definitions(ident(branch.repository.organization))
    return [one for one in listed if str(value(one, "repository", "id") or "").lower() == wanted]


def yaml_path(definition: Json) -> str:
    """The file of a definition; empty for a classic one."""
    return str(value(definition, "process", "yamlFilename") or "").lstrip("/")


def _pipeline(reads: Reads, branch: Branch, definition: Json, texts: dict[str, str]) -> PipelineDefinition:
    number = int(definition["id"])
    name = str(definition["name"])
    path = yaml_path(definition)
    url = f"{branch.repository.organization.url}/_build?definitionId={number}"
    enabled = str(definition.get("queueStatus") or "enabled").lower() == "enabled"
    reasons = triggers(reads, branch, number)
    if path and path in texts:
        return azure_pipeline.parse(
            path,
            texts[path],
            read=reader(reads, branch),
            url=url,
            enabled=enabled,
            triggers=reasons,
            name=name,
            definition_id=number,
        )
    classic = value(definition, "process", "type") != YAML and not path
    error = (
        "a classic definition, made in the designer: its steps are in no file"
        if classic
        else f"{path} does not exist on {branch.branch}"
    )
    return PipelineDefinition(
        path, name, url, "azure", enabled, reasons, error=f"{name}: {error}", definition_id=number
    )


def reader(reads: Reads, branch: Branch) -> Callable[[str], str | None]:
    """Reads templates of the same branch."""

    def read(path: str) -> str | None:
        return reads.texts(branch, [path]).get(path.lstrip("/"))

    return read


def file_contents(wanted: Wanted) -> tuple[FileContents, str]:
    """Texts of files."""
    subject: Branch = wanted.subject
    spec: PathSpec = wanted.spec or PathSpec()
    asked = {path.lstrip("/"): path for path in spec.paths}
    if subject.id in wanted.reads.parsed:
        _bring_along(wanted.reads, subject)
    found = wanted.reads.texts(subject, asked)
    return FileContents({asked[path]: text for path, text in found.items()}), _address(subject)


def repository_paths(wanted: Wanted) -> tuple[RepositoryPaths, str]:
    """The paths of every file."""
    subject: Branch = wanted.subject
    paths = tree(wanted.reads.client, subject.repository, Version(subject.branch, "branch"))
    return RepositoryPaths(paths), _address(subject)


def _address(branch: Branch) -> str:
    """Where a person can see the files of a branch."""
    return f"{branch.repository.url}?version=GB{quote(branch.branch, safe='')}"


def _bring_along(reads: Reads, branch: Branch) -> None:
    """Ask for the pipelines' files too, so that one reading serves both facts."""
    try:
        reads.want(branch, [path for path in map(yaml_path, repository_definitions(reads, branch)) if path])
    except PlatformError:  # the pipelines are unavailable then, and say so; the other files are not concerned
        return


def _pipelines_ahead(wanted: Wanted) -> Ahead:
    reads, branch = wanted.reads, wanted.subject
    return (lambda: reads.definitions(ident(branch.repository.organization)), lambda: policies_of(reads, branch))


PIPELINES = Loader(pipelines, _pipelines_ahead)
FILE_CONTENTS = Loader(file_contents)
REPOSITORY_PATHS = Loader(repository_paths)
