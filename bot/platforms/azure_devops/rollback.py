"""The way back: what it would put back, what defines it, and when it was really used."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from bot.engine.ports import PlatformError
from bot.model.facts import Fact, Loaded, Unavailable, UnknownKind
from bot.model.facts.release import (
    Artifact,
    Deployment,
    Deployments,
    DeploymentState,
    PreviousRelease,
    Procedure,
    Rehearsal,
    RollbackProcedures,
)
from bot.model.subjects import Release
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, value
from bot.platforms.azure_devops.deployments import builds, history
from bot.platforms.azure_devops.loading import Loader, Wanted
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import ident, instant

F = TypeVar("F", bound=Fact)

FOREVER = datetime.max.replace(tzinfo=UTC)
"""Until when a classic release is kept that somebody has marked so."""


def previous_release(wanted: Wanted) -> tuple[PreviousRelease, str]:
    """The newest success of another commit before this release's own deployment, and whether it can still be fetched.

    Where the release is about to take the place of another, it is that one.
    """
    subject: Release = wanted.subject
    known = deployed(wanted)
    others = [one for one in known if one.commit != subject.commit]
    own = [one.at for one in known if one.commit == subject.commit]
    before = min(own) if own else None
    standing = next((one for one in reversed(known) if one.state is DeploymentState.SUCCEEDED), None)
    if subject.deploying and standing is not None and standing.commit != subject.commit:
        before = None
    candidates = [
        one
        for one in others
        if one.state is DeploymentState.SUCCEEDED and one.commit and (before is None or one.at < before)
    ]
    if not candidates:
        return PreviousRelease(None, is_first=not others), subject.url
    chosen = candidates[-1]
    try:
        artifacts, exists, until = _kept(wanted.reads, subject, chosen)
        return PreviousRelease(chosen, False, artifacts, "", exists, until), chosen.url
    except PlatformError as wrong:
        return PreviousRelease(chosen, False, artifacts_unreadable=str(wrong)), chosen.url


def deployed(wanted: Wanted) -> tuple[Deployment, ...]:
    """The deployments that an earlier round has loaded."""
    return earlier(wanted, Deployments).deployments


def earlier(wanted: Wanted, fact: type[F]) -> F:
    """A fact about the same subject that an earlier round has loaded; where it could not, this one cannot either."""
    answer = wanted.known.answer(fact, wanted.subject)
    if isinstance(answer, Loaded) and isinstance(answer.value, fact):
        return answer.value
    if isinstance(answer, Unavailable):
        raise PlatformError(f"{fact.name} of {wanted.subject.name} could not be read: {answer.reason}", answer.kind)
    raise PlatformError(f"{fact.name} of {wanted.subject.name} is not known.", UnknownKind.UNREADABLE)


def _kept(reads: Reads, subject: Release, previous: Deployment) -> tuple[tuple[Artifact, ...], bool, datetime | None]:
    """Artifacts, whether the run (or classic release) exists, and until when a lease keeps it."""
    project = ident(subject.repository.organization)
    number = previous.run_id
    if number is None:
        return (), False, None
    if subject.release_kind != "classic":
        return _run_kept(reads, project, number)
    document = classic_release(reads, project, number)
    if document is None:
        return (), False, None
    runs = [
        int(value(artifact, "definitionReference", "version", "id"))
        for artifact in document.get("artifacts") or ()
        if str(artifact.get("type")).lower() == "build"
    ]
    artifacts: list[Artifact] = []
    ends: list[datetime | None] = []
    for run in runs:
        some, exists, until = _run_kept(reads, project, run)
        artifacts += some if exists else [Artifact(f"run {run}", "run", available=False)]
        ends.append(until)
    if document.get("keepForever"):
        ends.append(FOREVER)
    else:
        ends.append(_retained(reads, project, document, previous.environment))
    known = [end for end in ends if end is not None]
    return tuple(artifacts), True, min(known) if len(known) == len(ends) else None


def _retained(reads: Reads, project: str, release: Json, environment: str) -> datetime | None:
    """Until when the definition keeps a release for the environment's sake; it may be kept longer."""
    made = instant(release.get("createdOn"))
    for one in _definition(reads, project, release).get("environments") or ():
        days = value(one, "retentionPolicy", "daysToKeep")
        if str(one.get("name")).lower() == environment.lower() and days is not None and made is not None:
            return made + timedelta(days=int(days))
    return None


def _definition(reads: Reads, project: str, release: Json) -> Json:
    number = int(value(release, "releaseDefinition", "id"))
    route = {"project": project, "definitionId": str(number)}
    return reads.once(
        ("release definition", project, number), lambda: reads.client.get(endpoints.RELEASE_DEFINITIONS, route)
    )


def _run_kept(reads: Reads, project: str, run: int) -> tuple[tuple[Artifact, ...], bool, datetime | None]:
    document = builds(reads, project, [run]).get(run)
    if document is None or document.get("deleted"):
        return (), False, None  # with the run its artifacts are gone
    route = {"project": project, "buildId": str(run)}
    try:
        leases = reads.once(("leases", project, run), lambda: reads.client.listing(endpoints.LEASES, route))
        rows = artifact_rows(reads, project, run)
    except Refused as wrong:
        if wrong.status == 404:  # deleted between the two requests
            return (), False, None
        raise
    ends = [end for lease in leases if (end := instant(lease.get("validUntil"))) is not None]
    return tuple(_artifact(row) for row in rows), True, max(ends, default=None)


def artifact_rows(reads: Reads, project: str, run: int) -> list[Json]:
    """What a run has published and still has."""
    route = {"project": project, "buildId": str(run)}
    return reads.once(("artifacts", project, run), lambda: reads.client.listing(endpoints.ARTIFACTS, route))


def _artifact(row: Json) -> Artifact:
    resource = row.get("resource") or {}
    # A pipeline artifact is kept by its content: the id of its root is a hash over all of it.
    root = value(resource, "properties", "RootId")
    data = str(resource.get("data") or "")
    return Artifact(
        str(row.get("name")),
        "artifact",
        available=True,  # the service lists no artifact that it has deleted; artifacts live as long as their run
        digest=data if data.startswith("sha256:") else f"root:{root}" if root else None,
        url=str(resource.get("downloadUrl") or resource.get("url") or ""),
    )


def artifacts_of(reads: Reads, project: str, run: int) -> tuple[Artifact, ...]:
    """A run's artifacts."""
    return tuple(_artifact(row) for row in artifact_rows(reads, project, run))


def classic_release(reads: Reads, project: str, number: int) -> Json | None:
    """A classic release; None where it does not exist any more."""
    route = {"project": project, "releaseId": str(number)}
    try:
        return reads.once(("classic release", project, number), lambda: reads.client.get(endpoints.RELEASES, route))
    except Refused as wrong:
        if wrong.status == 404:
            return None
        raise


def rollback_procedures(wanted: Wanted) -> tuple[RollbackProcedures, str]:
    """Running a stage of the previous run again, or the trigger that redeploys; and the times that it really happened."""
    subject: Release = wanted.subject
    previous = wanted.known.value(PreviousRelease, subject)
    found: list[Procedure] = []
    unread: tuple[str, ...] = ()
    if previous is not None and previous.deployment is not None and previous.run_exists is not False:
        if previous.run_exists is None and previous.artifacts_unreadable:
            unread = (f"run {previous.deployment.version}: {previous.artifacts_unreadable}",)
        else:
            found.append(_again(subject, previous))
    if subject.release_kind == "classic":
        found += _redeploy_triggers(wanted.reads, subject)
    whole = history(wanted.reads, subject.repository, subject.environment, classic=subject.release_kind == "classic")
    return RollbackProcedures(tuple(found), tuple(_rehearsals(whole)), unread), subject.url


def _again(subject: Release, previous: PreviousRelease) -> Procedure:
    assert previous.deployment is not None
    deployment = previous.deployment
    what = "release" if subject.release_kind == "classic" else "run"
    name = f"run the stage {deployment.environment} of {what} {deployment.version} again"
    return Procedure("stage_rerun", name, deployment.workflow_path, deployment.url, enabled=bool(previous.run_exists))


def _redeploy_triggers(reads: Reads, subject: Release) -> Iterable[Procedure]:
    """What redeploys the last good release when a deployment fails; its content is JSON within JSON."""
    project = ident(subject.repository.organization)
    if subject.run_id is None or (release := classic_release(reads, project, subject.run_id)) is None:
        return
    number = int(value(release, "releaseDefinition", "id"))
    definition = _definition(reads, project, release)
    for environment in definition.get("environments") or ():
        name = str(environment.get("name"))
        if subject.environment is not None and name.lower() != subject.environment.lower():
            continue
        for trigger in environment.get("environmentTriggers") or ():
            if str(trigger.get("triggerType")).lower() == "rollbackredeploy":
                content = _content(trigger.get("triggerContent"))
                action = str(content.get("action") or "").lower()
                yield Procedure(
                    "redeploy_trigger",
                    f"automatic redeployment to {name}",
                    url=f"{subject.repository.organization.url}/_releaseDefinition?definitionId={number}",
                    enabled=action not in ("none", "disabled"),
                )


def _content(raw: object) -> Json:
    if isinstance(raw, dict):
        return raw
    found = json.loads(str(raw or "{}"))
    return found if isinstance(found, dict) else {}


def _rehearsals(deployments: Iterable[Deployment]) -> Iterable[Rehearsal]:
    """Each success that put back what had been there before something newer."""
    first_seen: dict[tuple[str, str], int] = {}
    standing: dict[str, Deployment] = {}
    for position, one in enumerate(deployments):
        key = (one.environment, one.commit)
        first_seen.setdefault(key, position)
        if one.state is not DeploymentState.SUCCEEDED or not one.commit:
            continue
        newer = standing.get(one.environment)
        if newer is not None and first_seen[key] < first_seen[(newer.environment, newer.commit)]:
            again = f", stage run again (attempt {one.attempt})" if one.attempt > 1 else ""
            yield Rehearsal(one.at, f"re-deployed {one.version} after {newer.version}{again}", one.url)
        standing[one.environment] = one


PREVIOUS_RELEASE = Loader(previous_release)
ROLLBACK_PROCEDURES = Loader(rollback_procedures)
