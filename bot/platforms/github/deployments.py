"""What was deployed where, and what a rollback would go back to."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import quote

from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.release import Artifact, Deployment, Deployments, DeploymentState, PreviousRelease
from bot.model.subjects import Release, Subject
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.query import Connection, Found, Piece, Unanswerable, repository, text
from bot.platforms.github.reading import Context, Reading, Task, guarded, refused
from bot.platforms.github.readings import DEPLOYMENTS, needs
from bot.platforms.github.subjects import ACTOR, instant, optional_instant, person

_RUN = re.compile(r"/actions/runs/(\d+)")
_ENDED_WELL = frozenset({"SUCCESS", "ACTIVE"})
_ENDED_BADLY = frozenset({"FAILURE", "ERROR"})
_REPLACED = frozenset({"INACTIVE", "DESTROYED", "ABANDONED"})


def deployments(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``Deployments``, all of the environment: of old ones too, for the way back may be long."""
    assert isinstance(subject, Release)
    only = f", environments: [{text(subject.environment)}]" if subject.environment else ""
    listed = Connection(
        "deployments_",
        "deployments",
        "databaseId environment commitOid createdAt state ref { name prefix } "
        f"creator {{ {ACTOR} }} statuses(first: 20) {{ nodes {{ state createdAt logUrl environmentUrl }} }}",
        f"orderBy: {{field: CREATED_AT, direction: DESC}}{only}",
        size=50,
    )
    tags = Connection(
        "tags_",
        "refs",
        "name target { oid ... on Tag { target { oid } } }",
        'refPrefix: "refs/tags/", orderBy: {field: TAG_COMMIT_DATE, direction: DESC}',
    )

    def parse(found: Found) -> Deployments:
        versions: dict[str, str] = {}
        for tag in (found.node.get("tags_") or {}).get("nodes") or []:
            target = (tag.get("target") or {}).get("target") or tag.get("target") or {}
            versions.setdefault(str(target.get("oid")), str(tag["name"]))
        read = [_deployment(context.host, subject, node, versions) for node in found.all(listed)]
        return Deployments(tuple(sorted(read, key=lambda one: one.at)))

    piece = Piece((repository(subject.repository.name),), connections=(listed, tags), weight=50 * 20)
    return Reading(piece, parse, address(subject), needs(Deployments), optional=frozenset({"tags_"}))


def address(subject: Release) -> str:
    """The page of an environment's deployments."""
    place = f"/{quote(subject.environment)}" if subject.environment else ""
    return f"{subject.repository.url}/deployments{place}"


def _deployment(host: str, subject: Release, node: Json, versions: dict[str, str]) -> Deployment:
    statuses = [one for one in (node.get("statuses") or {}).get("nodes") or [] if one]
    statuses.sort(key=lambda one: str(one["createdAt"]), reverse=True)
    succeeded = next((one for one in reversed(statuses) if one["state"] == "SUCCESS"), None)
    word = str(node.get("state") or (statuses[0]["state"] if statuses else "PENDING"))
    if word in _ENDED_WELL or (word in _REPLACED and succeeded is not None):
        state = DeploymentState.SUCCEEDED
    elif word in _ENDED_BADLY or word in _REPLACED:
        state = DeploymentState.FAILED
    else:
        state = DeploymentState.RUNNING
    run = next((match for one in statuses if (match := _RUN.search(str(one.get("logUrl") or "")))), None)
    ref = node.get("ref") or {}
    commit = str(node["commitOid"])
    is_tag = str(ref.get("prefix") or "") == "refs/tags/"
    return Deployment(
        environment=str(node["environment"] or ""),
        commit=commit,
        state=state,
        at=instant(succeeded["createdAt"] if succeeded and state is DeploymentState.SUCCEEDED else node["createdAt"]),
        version=str(ref["name"]) if is_tag else versions.get(commit),
        person=person(host, node.get("creator")),
        url=next((str(one["logUrl"]) for one in statuses if one.get("logUrl")), "") or address(subject),
        run_id=int(run.group(1)) if run else None,
    )


@dataclass(frozen=True, slots=True)
class Way:
    """What lies before a release in its environment."""

    previous: Deployment | None
    is_first: bool


def way(subject: Release, known: Sequence[Deployment]) -> Way:
    """The newest successful deployment of another commit before this release's own first one; or, where the release is about
    to take the place of another, that one: an older release that is put back is judged by what it replaces.
    """
    own = [one for one in known if is_own(subject, one)]
    began: datetime | None = min((one.at for one in own), default=None)
    places = {one.environment for one in own} if subject.environment is None else {subject.environment}
    others = [one for one in known if not is_own(subject, one) and (not places or one.environment in places)]
    there = [one for one in (*own, *others) if one.state is DeploymentState.SUCCEEDED]
    standing = max(there, key=lambda one: one.at, default=None)
    if subject.deploying and standing is not None and not is_own(subject, standing):
        began = None
    before = [one for one in others if one.state is DeploymentState.SUCCEEDED and (began is None or one.at < began)]
    return Way(max(before, key=lambda one: one.at, default=None), not others)


def is_own(subject: Release, deployment: Deployment) -> bool:
    """Whether it deployed this release."""
    return deployment.commit == subject.commit or (
        deployment.version is not None and deployment.version == subject.version
    )


def known_deployments(context: Context, subject: Subject) -> Sequence[Deployment]:
    """What was loaded before. Raises ``Unanswerable`` where it could not be."""
    answer = context.known.answer(Deployments, subject)
    if isinstance(answer, Loaded) and isinstance(answer.value, Deployments):
        return answer.value.deployments
    if answer is None or isinstance(answer, Loaded):
        raise Unanswerable(Unavailable(UnknownKind.TRANSIENT, "the deployments were not read"))
    raise Unanswerable(answer)


def previous_release(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``PreviousRelease``."""

    def task(subject: Subject) -> Task:
        assert isinstance(subject, Release)
        return lambda: [(request, subject, guarded(lambda: _previous(context, subject), DEPLOYMENTS, address(subject)))]

    return [task(subject) for subject in subjects]


def _previous(context: Context, subject: Release) -> Answer:
    found = way(subject, known_deployments(context, subject))
    if found.previous is None:
        return Loaded(PreviousRelease(None, found.is_first), address(subject), context.now)
    previous = found.previous
    try:
        artifacts = _each_once((*_assets(context, subject, previous), *_artifacts(context, subject, previous)))
    except Refused as wrong:
        why = refused(wrong, needs(PreviousRelease))
        if why.kind is not UnknownKind.SCOPE:
            return why
        return Loaded(PreviousRelease(previous, False, artifacts_unreadable=why.reason), address(subject), context.now)
    return Loaded(PreviousRelease(previous, False, artifacts), address(subject), context.now)


def _each_once(artifacts: Sequence[Artifact]) -> tuple[Artifact, ...]:
    """What a run built and a release offers under one name is one thing, to be had as long as either has it."""
    found: dict[str, Artifact] = {}
    for one in artifacts:
        if one.name not in found or (one.available and not found[one.name].available):
            found[one.name] = one
    return tuple(found.values())


def _assets(context: Context, subject: Release, previous: Deployment) -> Sequence[Artifact]:
    if previous.version is None:
        return ()
    try:
        path = f"/repos/{subject.repository.name}/releases/tags/{quote(previous.version)}"
        return release_assets(context.client.rest("GET", path))
    except Refused as wrong:
        if wrong.status == 404:
            return ()  # a tag without a release has no assets
        raise


def release_assets(node: Json) -> tuple[Artifact, ...]:
    """The assets of a release from REST."""
    return tuple(
        Artifact(
            name=str(one["name"]),
            kind="asset",
            available=one["state"] == "uploaded",
            digest=one.get("digest"),
            url=str(one.get("browser_download_url") or ""),
        )
        for one in node.get("assets") or []
    )


def _artifacts(context: Context, subject: Release, previous: Deployment) -> Sequence[Artifact]:
    if previous.run_id is None:
        return ()
    path = f"/repos/{subject.repository.name}/actions/runs/{previous.run_id}/artifacts"
    try:
        listed = list(context.client.pages(path, key="artifacts"))
    except Refused as wrong:
        if wrong.status == 404:  # the run itself is gone, and its artifacts with it
            return (Artifact(f"run {previous.run_id}", "run", available=False, url=previous.url),)
        raise
    return [
        Artifact(
            name=str(one["name"]),
            kind="artifact",
            available=not one["expired"],
            expires_at=optional_instant(one.get("expires_at")),
            digest=one.get("digest"),
            url=f"{subject.repository.url}/actions/runs/{previous.run_id}",
        )
        for one in listed
    ]


def rehearsed(known: Sequence[Deployment]) -> list[tuple[Deployment, Deployment]]:
    """Deployments that put an older commit back, each with what it took away."""
    found = []
    ordered = sorted((one for one in known if one.state is DeploymentState.SUCCEEDED), key=lambda one: one.at)
    for place in dict.fromkeys(one.environment for one in ordered):
        first_seen: dict[str, datetime] = {}
        running: Deployment | None = None
        for one in (each for each in ordered if each.environment == place):
            began = first_seen.setdefault(one.commit, one.at)
            if running is not None and running.commit != one.commit and began < first_seen[running.commit]:
                found.append((one, running))
            running = one
    return found
