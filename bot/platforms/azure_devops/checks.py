"""What reported on a pull request's head: build validations and statuses."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from bot.engine.ports import PlatformError
from bot.model.facts.change import Check, Checks, CheckState
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, value
from bot.platforms.azure_devops.loading import Ahead, Loader, Wanted
from bot.platforms.azure_devops.policy_types import BUILD
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.subjects import ident, instant

EVALUATION = {
    "queued": CheckState.PENDING,
    "running": CheckState.PENDING,
    "approved": CheckState.SUCCESS,
    "rejected": CheckState.FAILURE,
    "broken": CheckState.FAILURE,
    "notapplicable": CheckState.SKIPPED,
}
NOT_STARTED = ("queued", "running")
STATE = {
    "notset": CheckState.PENDING,
    "pending": CheckState.PENDING,
    "succeeded": CheckState.SUCCESS,
    "partiallysucceeded": CheckState.FAILURE,
    "failed": CheckState.FAILURE,
    "error": CheckState.FAILURE,
    "notapplicable": CheckState.SKIPPED,
}


def checks(wanted: Wanted) -> tuple[Checks, str]:
    """Build validations that have run, as their policies stand, and the newest status of each context on the newest iteration.

    A validation that no build was started for, and a status that nobody has posted, are missing: not pending.
    """
    subject: PullRequest = wanted.subject
    reads = wanted.reads
    builds = [
        _build(reads, subject, evaluation)
        for evaluation in evaluations(reads, subject)
        if str(value(evaluation, "configuration", "type", "id") or "").lower() == BUILD
        and (value(evaluation, "context", "buildId") or str(evaluation.get("status")).lower() not in NOT_STARTED)
    ]
    if (moment := reads.moments.get(subject.id)) is not None:
        builds = [_then(build, moment) for build in builds]
    return Checks((*builds, *_statuses(reads, subject))), subject.url


def _then(build: Check, moment: datetime) -> Check:
    """A build as it stood then: one that ended later was still running."""
    if build.at is None or build.at <= moment:
        return build
    return replace(build, state=CheckState.PENDING, at=None, detail="running")


def evaluations(reads: Reads, subject: PullRequest) -> list[Json]:
    """How the pull request stands with each policy of its target."""
    project = ident(subject.repository.organization)
    artifact = f"vstfs:///CodeReview/CodeReviewId/{project}/{subject.number}"
    query = {"artifactId": artifact, "includeNotApplicable": True}
    return reads.once(
        (subject.id, "evaluations"),
        lambda: reads.client.skipping(endpoints.EVALUATIONS, {"project": project}, query),
    )


def _build(reads: Reads, subject: PullRequest, evaluation: Json) -> Check:
    settings = value(evaluation, "configuration", "settings") or {}
    context = evaluation.get("context") or {}
    number = context.get("buildDefinitionId") or settings.get("buildDefinitionId")
    definition = _definition(reads, subject, number)
    workflow = context.get("buildDefinitionName") or (definition or {}).get("name")
    status = str(evaluation.get("status") or "")
    state = EVALUATION.get(status.lower(), CheckState.PENDING)
    if context.get("isExpired") and state is CheckState.SUCCESS:
        state, status = CheckState.PENDING, "expired"
    build = context.get("buildId")
    path = str(value(definition or {}, "process", "yamlFilename") or "").lstrip("/")
    page = f"{subject.repository.organization.url}/_build/results?buildId={build}" if build else subject.url
    return Check(
        name=str(settings.get("displayName") or workflow or f"build {number}"),
        state=state,
        event="pull_request",
        workflow=None if workflow is None else str(workflow),
        workflow_path=path or None,
        url=page,
        at=instant(evaluation.get("completedDate")) or instant(evaluation.get("startedDate")),
        detail=status,
    )


def _definition(reads: Reads, subject: PullRequest, number: object) -> Json | None:
    """The build definition, where another fact needs the list of them too: it is not asked for a name alone."""
    project = ident(subject.repository.organization)
    if subject.base.id in reads.parsed:
        try:
            reads.definitions(project)
        except PlatformError:  # told by the fact that needs them; a check is known without
            return None
    listed = reads.peek(("definitions", project))
    return next((one for one in listed or () if one.get("id") == number), None)


def _statuses(reads: Reads, subject: PullRequest) -> list[Check]:
    newest: dict[str, Json] = {}
    moved = _head_since(reads, subject)
    moment = reads.moments.get(subject.id)
    for status in reads.statuses(subject):
        iteration = status.get("iterationId")
        at = instant(status.get("creationDate"))
        if moment is not None and at is not None and at > moment:
            continue
        if iteration and subject.iteration is not None:
            on_head = int(iteration) == subject.iteration
        else:
            on_head = moved is None or at is None or at >= moved
        if on_head:
            context = status.get("context") or {}
            newest[_name(context.get("genre"), context.get("name"))] = status
    return [_status(name, status) for name, status in newest.items()]


def _head_since(reads: Reads, subject: PullRequest) -> datetime | None:
    """When the present head came: a status of the pull request as a whole that is older was about another."""
    iterations = reads.iterations(subject)
    return instant(iterations[-1].get("createdDate")) if iterations else None


def _status(name: str, status: Json) -> Check:
    word = str(status.get("state") or "")
    return Check(
        name=name,
        state=STATE.get(word.lower(), CheckState.PENDING),
        url=str(status.get("targetUrl") or ""),
        at=instant(status.get("updatedDate")) or instant(status.get("creationDate")),
        detail=word,
    )


def _name(genre: object, name: object) -> str:
    return f"{genre}/{name}" if genre else str(name or "")


def _ahead(wanted: Wanted) -> Ahead:
    reads, subject = wanted.reads, wanted.subject
    return (
        lambda: evaluations(reads, subject),
        lambda: reads.statuses(subject),
        lambda: reads.iterations(subject),
    )


CHECKS = Loader(checks, _ahead)
