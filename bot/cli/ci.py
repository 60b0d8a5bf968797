"""What a CI run is about: reads the event that GitHub Actions or Azure Pipelines started the job for.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows,
https://docs.github.com/webhooks/webhook-events-and-payloads,
https://learn.microsoft.com/azure/devops/pipelines/build/variables
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar
from urllib.parse import SplitResult, quote, unquote, urlsplit

from bot.engine.targets import Target, TargetError, parse
from bot.model.subjects import Platform
from bot.report.sanitize import log_line

T = TypeVar("T")

NAME_TARGET = "Name the target instead: almguard gate github:OWNER/REPO#12, or ado:ORG/PROJECT/REPO!12."


class CiError(Exception):
    """This event cannot be judged; the text says why, and what to do instead."""

    def __init__(self, message: str, *, nothing_to_judge: bool = False) -> None:
        super().__init__(log_line(message))
        self.nothing_to_judge = nothing_to_judge
        """The event is understood, and rightly leaves nothing to decide: a closed pull request, a comment on an issue."""


@dataclass(frozen=True, slots=True)
class CiEvent:
    """What a job was started for."""

    platform: Platform
    """Where the subject lives; a GitHub repository may be built by Azure Pipelines."""
    targets: tuple[Target, ...]
    """At least one; several where an event names several pull requests."""
    event: str
    """``pull_request``, ``merge_group``, ``PullRequest`` (Azure Pipelines)."""
    action: str
    """``opened``; empty where events have none."""
    head_sha: str | None
    """The commit that the event is about, where it says: in a merge queue the group's, not the pull request's."""
    base_branch: str | None
    can_write: bool
    """Whether the job's own token may post: not for a pull request from a fork."""
    summary_path: Path | None
    """The file whose Markdown the run's page shows."""
    run_url: str | None

    @property
    def target(self) -> Target:
        """The first target."""
        return self.targets[0]


def in_ci(environ: Mapping[str, str]) -> bool:
    """Whether this is a job of GitHub Actions or Azure Pipelines."""
    return _on_github(environ) or _on_azure(environ)


def read_event(environ: Mapping[str, str]) -> CiEvent:
    """The event that this job was started for. Raises ``CiError``."""
    if _on_github(environ):
        return _github(environ)
    if _on_azure(environ):
        return _azure(environ)
    raise CiError(
        f"This is neither a job of GitHub Actions nor one of Azure Pipelines, so there is no event. {NAME_TARGET}"
    )


def _on_github(environ: Mapping[str, str]) -> bool:
    return environ.get("GITHUB_ACTIONS", "").lower() == "true"


def _on_azure(environ: Mapping[str, str]) -> bool:
    return environ.get("TF_BUILD", "").lower() == "true"


# GitHub Actions

PULL_REQUEST_EVENTS = frozenset(
    {
        "pull_request",
        "pull_request_target",
        "pull_request_review",
        "pull_request_review_comment",
        "pull_request_review_thread",
    }
)
READ_ONLY_ON_FORKS = PULL_REQUEST_EVENTS - {"pull_request_target"}
"""pull_request_target runs in the base repository, with its token."""
LISTING_EVENTS = frozenset({"check_run", "check_suite", "workflow_run"})
"""Their payload lists the pull requests whose head the commit is."""
RELEASE_ACTIONS = frozenset({"published", "released", "prereleased", "created", "edited"})
_QUEUE_REF = re.compile(r"^(?:refs/heads/)?gh-readonly-queue/(?P<base>.+)/pr-(?P<number>[1-9]\d{0,9})-[0-9a-f]{40,64}$")
_SHA = re.compile(r"^[0-9a-f]{40}(?:[0-9a-f]{24})?$")

_INSTEAD = {
    "push": "a push belongs to no pull request. Use pull_request or merge_group; to judge a branch, use almguard audit",
    "schedule": "a schedule is about no pull request. Use almguard scan, or name the target",
    "workflow_dispatch": "a run started by hand is about no pull request. Name the target: almguard gate github:OWNER/REPO#12",
    "repository_dispatch": "a dispatch names no pull request that almguard knows. Name the target",
    "workflow_call": "the payload is the caller's: call the workflow from pull_request or merge_group",
    "deployment": "a deployment names a commit, not a release. Name it: almguard gate github:OWNER/REPO@TAG --environment NAME",
    "deployment_status": "a deployment names a commit, not a release. Name it: "
    "almguard gate github:OWNER/REPO@TAG --environment NAME",
    "status": "a commit status names no pull request. Use check_suite, workflow_run or pull_request",
    "issues": "an issue is not a change. To judge it, use almguard audit github:OWNER/REPO#12",
    "create": "a new branch or tag is not a pull request. Use pull_request or release",
    "delete": "a deleted branch or tag is not a pull request. Use pull_request or release",
}


class _Payload:
    """The event's JSON, asked for value by value; what is not there, or of another type, is a ``CiError`` with its path."""

    def __init__(self, value: object, path: str = "") -> None:
        self.value = value
        self.path = path

    def at(self, *keys: str) -> _Payload | None:
        """The value under these keys; None where it, or anything on the way, is absent or null."""
        value: object = self.value
        for key in keys:
            if not isinstance(value, dict):
                return None
            value = value.get(key)
        return None if value is None else _Payload(value, ".".join(filter(None, (self.path, *keys))))

    def text(self, *keys: str) -> str | None:
        """The text there; None where there is none."""
        found = self.at(*keys)
        return found.value if found is not None and isinstance(found.value, str) else None

    def needed_text(self, *keys: str) -> str:
        """The text there, which every payload of this event has."""
        return self._needed(self.text(*keys), "a text", keys)

    def number(self, *keys: str) -> int:
        """The positive number there."""
        found = self.at(*keys)
        value = found.value if found is not None else None
        good = isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**31
        return self._needed(value if good and isinstance(value, int) else None, "a positive number", keys)

    def sha(self, *keys: str) -> str:
        """The commit there."""
        value = self.text(*keys)
        return self._needed(value if value and _SHA.match(value) else None, "a commit's SHA", keys)

    def items(self, *keys: str) -> list[_Payload]:
        """The list there; empty where there is none."""
        found = self.at(*keys)
        if found is None or not isinstance(found.value, list):
            return []
        return [_Payload(item, f"{found.path}[{index}]") for index, item in enumerate(found.value)]

    def _needed(self, value: T | None, what: str, keys: tuple[str, ...]) -> T:
        if value is None:
            path = ".".join(filter(None, (self.path, *keys)))
            raise CiError(f"The event's payload (GITHUB_EVENT_PATH) has no {path}, or it is not {what}. {NAME_TARGET}")
        return value


def _github(environ: Mapping[str, str]) -> CiEvent:
    event = environ.get("GITHUB_EVENT_NAME", "")
    if not event:
        raise CiError(f"GITHUB_EVENT_NAME is not set, so this job does not say what it is about. {NAME_TARGET}")
    if event in _INSTEAD:
        raise CiError(f"The event {event} cannot be gated: {_INSTEAD[event]}.")
    payload = _payload(environ)
    action = payload.text("action") or ""
    made = CiEvent(
        platform=Platform.GITHUB,
        targets=(),
        event=event,
        action=action,
        head_sha=None,
        base_branch=None,
        can_write=True,
        summary_path=_path(environ, "GITHUB_STEP_SUMMARY"),
        run_url=_github_run(environ),
    )
    repository = environ.get("GITHUB_REPOSITORY") or payload.needed_text("repository", "full_name")
    if event in PULL_REQUEST_EVENTS:
        return _pull_request(made, payload, repository)
    if event == "merge_group":
        return _merge_group(made, payload, repository)
    if event == "issue_comment":
        return _issue_comment(made, payload, repository)
    if event == "release":
        return _release(made, payload, repository)
    if event in LISTING_EVENTS:
        return _listed(made, payload, repository)
    raise CiError(
        f"The event {event!r} is none that a gate knows. Use pull_request, pull_request_target, pull_request_review, "
        f"merge_group, issue_comment, check_suite, workflow_run or release. {NAME_TARGET}"
    )


def _payload(environ: Mapping[str, str]) -> _Payload:
    path = environ.get("GITHUB_EVENT_PATH", "")
    if not path:
        raise CiError(f"GITHUB_EVENT_PATH is not set, so the event's payload cannot be read. {NAME_TARGET}")
    try:
        value = json.loads(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise CiError(
            f"The event's payload at {path} cannot be read: {error.strerror or error}. {NAME_TARGET}"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CiError(f"The event's payload at {path} is not JSON: {error}. {NAME_TARGET}") from error
    if not isinstance(value, dict):
        raise CiError(f"The event's payload at {path} is not a JSON object. {NAME_TARGET}")
    return _Payload(value)


def _pull_request(made: CiEvent, payload: _Payload, repository: str) -> CiEvent:
    number = payload.number("pull_request", "number")
    if made.action == "closed" or payload.text("pull_request", "state") == "closed":
        raise CiError(f"{repository}#{number} is closed: there is nothing left to gate.", nothing_to_judge=True)
    head = payload.sha("pull_request", "head", "sha")
    source = payload.at("pull_request", "head", "repo", "id")
    base = payload.at("pull_request", "base", "repo", "id")
    # A fork that was deleted is null.
    from_fork = source is None or base is None or source.value != base.value
    return replace(
        made,
        targets=(replace(_target(f"{repository}#{number}"), commit=head),),
        head_sha=head,
        base_branch=payload.needed_text("pull_request", "base", "ref"),
        can_write=not (from_fork and made.event in READ_ONLY_ON_FORKS),
    )


def _merge_group(made: CiEvent, payload: _Payload, repository: str) -> CiEvent:
    if made.action == "destroyed":
        raise CiError("The merge group was taken apart: there is nothing left to gate.", nothing_to_judge=True)
    ref = payload.needed_text("merge_group", "head_ref")
    found = _QUEUE_REF.match(ref)
    if found is None:
        raise CiError(
            f"The merge group's head_ref {ref[:200]!r} names no pull request: gh-readonly-queue/BRANCH/pr-NUMBER-SHA was "
            f"expected. {NAME_TARGET}"
        )
    # The group's commit holds the pull requests before it in the queue too; each of them has a group of its own.
    return replace(
        made,
        targets=(_target(f"{repository}#{found['number']}"),),
        head_sha=payload.sha("merge_group", "head_sha"),
        base_branch=found["base"],
    )


def _issue_comment(made: CiEvent, payload: _Payload, repository: str) -> CiEvent:
    number = payload.number("issue", "number")
    if payload.at("issue", "pull_request") is None:
        raise CiError(
            f"The comment is on the issue {repository}#{number}, not on a pull request.", nothing_to_judge=True
        )
    if payload.text("issue", "state") == "closed":
        raise CiError(f"{repository}#{number} is closed: there is nothing left to gate.", nothing_to_judge=True)
    return replace(made, targets=(_target(f"{repository}#{number}"),))


def _release(made: CiEvent, payload: _Payload, repository: str) -> CiEvent:
    tag = payload.needed_text("release", "tag_name")
    if made.action not in RELEASE_ACTIONS:
        raise CiError(
            f"The release {tag[:200]} was {made.action}: there is nothing left to gate.", nothing_to_judge=True
        )
    return replace(made, targets=(_target(f"{repository}@{tag}"),))


def _listed(made: CiEvent, payload: _Payload, repository: str) -> CiEvent:
    own = payload.at("repository", "id")
    targets: list[Target] = []
    for item in payload.items(made.event, "pull_requests"):
        # A fork's runs list the pull requests of its parent, and the other way round.
        base = item.at("base", "repo", "id")
        if own is None or base is None or base.value == own.value:
            targets.append(replace(_target(f"{repository}#{item.number('number')}"), commit=item.sha("head", "sha")))
    if not targets:
        raise CiError(
            f"The {made.event} names no pull request of {repository}: its commit heads none, or one from a fork, which GitHub "
            f"leaves out. Use pull_request_target for forks. {NAME_TARGET}",
            nothing_to_judge=True,
        )
    return replace(made, targets=tuple(targets), head_sha=payload.sha(made.event, "head_sha"))


def _target(name: str) -> Target:
    try:
        return parse(f"github:{name}")
    except TargetError as error:
        raise CiError(f"The event names something that is no target. {error}") from error


def _github_run(environ: Mapping[str, str]) -> str | None:
    repository, run = environ.get("GITHUB_REPOSITORY"), environ.get("GITHUB_RUN_ID")
    server = environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    return f"{server}/{repository}/actions/runs/{run}" if repository and run else None


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value) if value else None


# Azure Pipelines

_AZURE_GITHUB = frozenset({"github", "githubenterprise"})


def _azure(environ: Mapping[str, str]) -> CiEvent:
    provider = environ.get("BUILD_REPOSITORY_PROVIDER", "")
    reason = environ.get("BUILD_REASON", "")
    if reason != "PullRequest":
        raise CiError(
            f"This build runs because of {reason or 'nothing that BUILD_REASON names'}, not for a pull request. "
            "On Azure Repos, add it as a build validation policy of the branch; for a GitHub repository, give the pipeline a pr: trigger. "
            f"For a whole organisation use almguard scan. {NAME_TARGET}"
        )
    if provider.lower() in _AZURE_GITHUB:
        return _azure_for_github(environ, reason)
    if provider.lower() != "tfsgit":
        raise CiError(
            f"The build's repository is of the kind {provider or '(BUILD_REPOSITORY_PROVIDER is not set)'}; almguard judges "
            f"Azure Repos (TfsGit) and GitHub. {NAME_TARGET}"
        )
    organization, project, repository = _azure_repository(environ)
    number = _azure_number(environ, "SYSTEM_PULLREQUEST_PULLREQUESTID")
    head = _azure_commit(environ)
    target = Target(
        f"ado:{organization}/{project}/{repository}!{number}",
        Platform.AZURE_DEVOPS,
        organization=organization,
        project=project,
        repository=repository,
        pull_request=number,
        commit=head,
    )
    return _azure_event(environ, reason, target, can_write=True)


def _azure_for_github(environ: Mapping[str, str], reason: str) -> CiEvent:
    number = _azure_number(environ, "SYSTEM_PULLREQUEST_PULLREQUESTNUMBER")
    name = _azure_value(environ, "BUILD_REPOSITORY_NAME")
    target = replace(_target(f"{name}#{number}"), commit=_azure_commit(environ))
    # Builds of forks get no secrets, and without a secret there is no token for GitHub.
    from_fork = environ.get("SYSTEM_PULLREQUEST_ISFORK", "").lower() == "true"
    return _azure_event(environ, reason, target, can_write=not from_fork)


def _azure_event(environ: Mapping[str, str], reason: str, target: Target, *, can_write: bool) -> CiEvent:
    base = environ.get("SYSTEM_PULLREQUEST_TARGETBRANCH", "").removeprefix("refs/heads/")
    return CiEvent(
        platform=target.platform,
        targets=(target,),
        event=reason,
        action="",
        head_sha=target.commit,
        base_branch=base or None,
        can_write=can_write,
        # The agent takes a summary by a logging command, which the pipeline's step gives.
        summary_path=None,
        run_url=_azure_run(environ),
    )


def _azure_repository(environ: Mapping[str, str]) -> tuple[str, str, str]:
    """Organisation (or collection), project and repository. The repository may be another project's than the pipeline."""
    organization = _azure_organization(_azure_value(environ, "SYSTEM_COLLECTIONURI"))
    project = _azure_value(environ, "SYSTEM_TEAMPROJECT")
    repository = _azure_value(environ, "BUILD_REPOSITORY_NAME")
    path = [unquote(piece) for piece in _split(environ.get("BUILD_REPOSITORY_URI", "")).path.split("/") if piece]
    if "_git" in path:
        place = path.index("_git")
        # https://dev.azure.com/ORG/_git/NAME: the project of the same name.
        before = path[place - 1] if place >= 1 else ""
        if before and before.lower() != organization.lower():
            project = before
        elif path[place + 1 :]:
            project = path[place + 1]
        repository = path[place + 1] if path[place + 1 :] else repository
    return organization, project, repository


def _azure_organization(collection: str) -> str:
    parts = _split(collection)
    host = (parts.hostname or "").lower()
    if host.endswith(".visualstudio.com"):
        return host.removesuffix(".visualstudio.com")
    pieces = [unquote(piece) for piece in parts.path.split("/") if piece]
    if not host or not pieces:
        raise CiError(f"SYSTEM_COLLECTIONURI {collection[:200]!r} names no organisation. {NAME_TARGET}")
    return pieces[-1]


def _split(address: str) -> SplitResult:
    try:
        return urlsplit(address)
    except ValueError as error:
        raise CiError(f"{address[:200]!r} is not an address: {error}. {NAME_TARGET}") from error


def _azure_run(environ: Mapping[str, str]) -> str | None:
    collection, build = environ.get("SYSTEM_COLLECTIONURI", ""), environ.get("BUILD_BUILDID", "")
    project = environ.get("SYSTEM_TEAMPROJECT", "")
    if not (collection and build.isdigit() and project):
        return None
    return f"{collection.rstrip('/')}/{quote(project)}/_build/results?buildId={build}"


def _azure_value(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise CiError(f"{name} is not set, though this is a build for a pull request. {NAME_TARGET}")
    return value


def _azure_number(environ: Mapping[str, str], name: str) -> int:
    value = _azure_value(environ, name)
    if not re.fullmatch(r"[1-9][0-9]{0,9}", value):
        raise CiError(f"{name} is {value[:80]!r}, which is no number of a pull request. {NAME_TARGET}")
    return int(value)


def _azure_commit(environ: Mapping[str, str]) -> str | None:
    """The head. Not BUILD_SOURCEVERSION: that is the merge that the build tries."""
    value = environ.get("SYSTEM_PULLREQUEST_SOURCECOMMITID", "").lower()
    return value if _SHA.match(value) else None
