"""The event that a job of GitHub Actions was started for, from its payload.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows,
https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from bot.cli.ci_event import NAME_TARGET, CiError, CiEvent, github_target
from bot.engine.targets import Target
from bot.model.subjects import Platform

T = TypeVar("T")

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


def github_event(environ: Mapping[str, str]) -> CiEvent:
    """The event of a job of GitHub Actions. Raises ``CiError``."""
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
        targets=(replace(github_target(f"{repository}#{number}"), commit=head),),
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
        targets=(github_target(f"{repository}#{found['number']}"),),
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
    return replace(made, targets=(github_target(f"{repository}#{number}"),))


def _release(made: CiEvent, payload: _Payload, repository: str) -> CiEvent:
    tag = payload.needed_text("release", "tag_name")
    if made.action not in RELEASE_ACTIONS:
        raise CiError(
            f"The release {tag[:200]} was {made.action}: there is nothing left to gate.", nothing_to_judge=True
        )
    return replace(made, targets=(github_target(f"{repository}@{tag}"),))


def _listed(made: CiEvent, payload: _Payload, repository: str) -> CiEvent:
    own = payload.at("repository", "id")
    targets: list[Target] = []
    for item in payload.items(made.event, "pull_requests"):
        # A fork's runs list the pull requests of its parent, and the other way round.
        base = item.at("base", "repo", "id")
        if own is None or base is None or base.value == own.value:
            targets.append(
                replace(github_target(f"{repository}#{item.number('number')}"), commit=item.sha("head", "sha"))
            )
    if not targets:
        raise CiError(
            f"The {made.event} names no pull request of {repository}: its commit heads none, or one from a fork, which GitHub "
            f"leaves out. Use pull_request_target for forks. {NAME_TARGET}",
            nothing_to_judge=True,
        )
    return replace(made, targets=tuple(targets), head_sha=payload.sha(made.event, "head_sha"))


def _github_run(environ: Mapping[str, str]) -> str | None:
    repository, run = environ.get("GITHUB_REPOSITORY"), environ.get("GITHUB_RUN_ID")
    server = environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    return f"{server}/{repository}/actions/runs/{run}" if repository and run else None


def _path(environ: Mapping[str, str], name: str) -> Path | None:
    value = environ.get(name)
    return Path(value) if value else None
