"""Deployments: records of environments (YAML stages), and deployments of classic releases."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.facts.release import Deployment, Deployments, DeploymentState
from bot.model.subjects import Release, Repository
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, chunks, value
from bot.platforms.azure_devops.loading import Ahead, Loader, Wanted
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import ident, instant

SUCCESS = ("succeeded", "succeededwithissues")
NEWEST = 3
"""How many pages of a history are read, a thousand deployments on each; what is older is not gone back to."""


def deployments(wanted: Wanted) -> tuple[Deployments, str]:
    """What was deployed to the release's environment, oldest first."""
    subject: Release = wanted.subject
    found = history(wanted.reads, subject.repository, subject.environment, classic=subject.release_kind == "classic")
    page = "_release" if subject.release_kind == "classic" else "_environments"
    return Deployments(tuple(found)), f"{subject.repository.organization.url}/{page}"


def history(reads: Reads, repository: Repository, environment: str | None, *, classic: bool) -> list[Deployment]:
    """A repository's deployments to an environment (to all of them), oldest first."""
    if classic:
        rows = classic_deployments(reads, ident(repository.organization))
        found = [made for row in rows if (made := _classic(reads, repository, row)) is not None]
    else:
        found = list(_of_runs(reads, repository, environment))
    chosen = [one for one in found if environment is None or one.environment.lower() == environment.lower()]
    return sorted(chosen, key=lambda one: one.at)


def _of_runs(reads: Reads, repository: Repository, environment: str | None) -> Iterable[Deployment]:
    project = ident(repository.organization)
    listed = [
        (str(document["name"]), records(reads, project, int(document["id"])))
        for document in reads.environments(project)
        if environment is None or str(document["name"]).lower() == environment.lower()
    ]
    runs = builds(reads, project, (int(row["owner"]["id"]) for _, rows in listed for row in rows))
    for name, rows in listed:
        for attempt in _attempts(rows).values():
            run = runs.get(int(attempt[0]["owner"]["id"]))
            if run is None:
                yield from _lost(reads, repository, name, attempt)
            elif str(value(run, "repository", "id") or "").lower() == ident(repository):
                yield _deployment(reads, repository, name, attempt, run)


def records(reads: Reads, project: str, environment: int) -> list[Json]:
    """An environment's deployment records: one for each job."""
    route = {"project": project, "environmentId": str(environment)}
    return reads.once(
        ("records", project, environment),
        lambda: reads.client.listing(endpoints.DEPLOYMENT_RECORDS, route, {"top": 1000}, pages=NEWEST),
    )


def builds(reads: Reads, project: str, numbers: Iterable[int]) -> Mapping[int, Json]:
    """Runs by their ids, those that retention has deleted but the service still remembers among them."""
    found: dict[int, Json] = {}
    asked = sorted(set(numbers))
    for some in chunks([number for number in asked if reads.peek(("build", project, number)) is None], 200):
        query = {"buildIds": ",".join(map(str, some)), "deletedFilter": "includeDeleted"}
        for row in reads.client.listing(endpoints.BUILDS, {"project": project}, query):
            reads.keep(("build", project, int(row["id"])), row)
    for number in asked:
        row = reads.peek(("build", project, number))
        if row is not None:
            found[number] = row
    return found


def _attempts(rows: Iterable[Json]) -> dict[tuple[int, str, int], list[Json]]:
    """The jobs of one attempt of a stage are one deployment."""
    found: dict[tuple[int, str, int], list[Json]] = {}
    for row in rows:
        key = (int(row["owner"]["id"]), str(row.get("stageName") or ""), int(row.get("stageAttempt") or 1))
        found.setdefault(key, []).append(row)
    return found


def _deployment(reads: Reads, repository: Repository, environment: str, attempt: list[Json], run: Json) -> Deployment:
    number = int(run["id"])
    definition = value(run, "definition", "id")
    listed = reads.definitions(ident(repository.organization))
    path = next((value(one, "process", "yamlFilename") for one in listed if one.get("id") == definition), None)
    return Deployment(
        environment,
        str(run.get("sourceVersion") or ""),
        _state(attempt),
        _at(attempt),
        str(run.get("buildNumber") or number),
        reads.subjects.person(run["requestedFor"]) if run.get("requestedFor") else None,
        f"{repository.organization.url}/_build/results?buildId={number}",
        number,
        int(attempt[0].get("stageAttempt") or 1),
        str(path).lstrip("/") if path else None,
    )


def _lost(reads: Reads, repository: Repository, environment: str, attempt: list[Json]) -> Iterable[Deployment]:
    """A run that even its record is gone of: the pipeline tells the repository, nothing tells the commit."""
    definition = value(attempt[0], "definition", "id")
    listed = reads.definitions(ident(repository.organization))
    known = next((one for one in listed if one.get("id") == definition), None)
    if known is None or str(value(known, "repository", "id") or "").lower() != ident(repository):
        return
    number = int(attempt[0]["owner"]["id"])
    yield Deployment(
        environment,
        "",
        _state(attempt),
        _at(attempt),
        str(value(attempt[0], "owner", "name") or number),
        run_id=number,
        url=f"{repository.organization.url}/_environments",
        attempt=int(attempt[0].get("stageAttempt") or 1),
    )


def _state(attempt: list[Json]) -> DeploymentState:
    results = [str(row.get("result") or "").lower() for row in attempt]
    if any(not result for result in results):
        return DeploymentState.RUNNING
    return DeploymentState.SUCCEEDED if all(result in SUCCESS for result in results) else DeploymentState.FAILED


def _at(attempt: list[Json]) -> datetime:
    times = [
        instant(row.get("finishTime")) or instant(row.get("startTime")) or instant(row.get("queueTime"))
        for row in attempt
    ]
    known = [time for time in times if time is not None]
    if not known:
        raise PlatformError("A deployment record holds no time.", UnknownKind.UNREADABLE)
    return max(known)


def classic_deployments(reads: Reads, project: str) -> list[Json]:
    """Deployments of a project's classic releases; none where the server has no release management."""
    return reads.once(("classic", project), lambda: _classic_rows(reads, project))


def _classic_rows(reads: Reads, project: str) -> list[Json]:
    if not reads.client.has(endpoints.RELEASE_DEPLOYMENTS):
        return []
    query = {"$top": 100, "queryOrder": "descending"}
    try:
        return reads.client.listing(endpoints.RELEASE_DEPLOYMENTS, {"project": project}, query, pages=10 * NEWEST)
    except Refused as wrong:
        if wrong.status == 404:  # the project never used it
            return []
        raise


def _classic(reads: Reads, repository: Repository, row: Json) -> Deployment | None:
    commit = commit_of(row.get("release") or {}, repository)
    if commit is None:
        return None
    status = str(row.get("deploymentStatus") or "").lower()
    state = {"succeeded": DeploymentState.SUCCEEDED, "inprogress": DeploymentState.RUNNING}.get(
        status, DeploymentState.RUNNING if status == "notdeployed" else DeploymentState.FAILED
    )
    at = instant(row.get("completedOn")) or instant(row.get("startedOn")) or instant(row.get("queuedOn"))
    if at is None:
        raise PlatformError(f"The deployment {row.get('id')} holds no time.", UnknownKind.UNREADABLE)
    number = int(row["release"]["id"])
    return Deployment(
        str(value(row, "releaseEnvironment", "name") or ""),
        commit,
        state,
        at,
        str(row["release"].get("name") or number),
        reads.subjects.person(row["requestedFor"]) if row.get("requestedFor") else None,
        f"{repository.organization.url}/_releaseProgress?releaseId={number}",
        number,
        int(row.get("attempt") or 1),
    )


def commit_of(release: Json, repository: Repository) -> str | None:
    """The commit of this repository that a classic release holds: of a git artifact, or of the run that a build artifact is."""
    artifacts = sorted(release.get("artifacts") or (), key=lambda one: not one.get("isPrimary"))
    for artifact in artifacts:
        reference = artifact.get("definitionReference") or {}
        if str(artifact.get("type")).lower() == "git":
            source, commit = value(reference, "definition", "id"), value(reference, "version", "id")
        else:
            source, commit = value(reference, "repository", "id"), value(reference, "sourceVersion", "id")
        if commit and str(source or "").lower() == ident(repository):
            return str(commit)
    return None


def _ahead(wanted: Wanted) -> Ahead:
    reads, subject = wanted.reads, wanted.subject
    project = ident(subject.repository.organization)
    if subject.release_kind == "classic":
        return (lambda: classic_deployments(reads, project),)
    return (lambda: reads.environments(project), lambda: reads.definitions(project))


DEPLOYMENTS = Loader(deployments, _ahead)
