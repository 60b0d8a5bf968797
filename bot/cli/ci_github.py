"""The event that a job of GitHub Actions was started for, from its payload.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows,
https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from bot.cli.ci_event import NAME_TARGET, CiError, CiEvent, github_target
from bot.cli.ci_payload import Payload, payload_of
from bot.cli.ci_releases import BY_REF, PROTECTION_RULE, by_ref, deployment_event, protection_rule, release_event
from bot.engine.targets import Target
from bot.model.subjects import Platform

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
_QUEUE_REF = re.compile(r"^(?:refs/heads/)?gh-readonly-queue/(?P<base>.+)/pr-(?P<number>[1-9]\d{0,9})-[0-9a-f]{40,64}$")

_INSTEAD = {
    "push": "a push belongs to no pull request. Use pull_request or merge_group; to judge a branch, use almguard audit",
    "schedule": "a schedule is about no pull request. Use almguard scan, or name the target",
    "workflow_dispatch": "a run started by hand is about no pull request. Name the target: almguard gate github:OWNER/REPO#12. "
    "For the release that this run deploys, give its environment: --environment NAME",
    "repository_dispatch": "a dispatch names no pull request that almguard knows. Name the target",
    "workflow_call": "the payload is the caller's: call the workflow from pull_request or merge_group",
    "status": "a commit status names no pull request. Use check_suite, workflow_run or pull_request",
    "issues": "an issue is not a change. To judge it, use almguard audit github:OWNER/REPO#12",
    "create": "a new branch or tag is not a pull request. Use pull_request or release",
    "delete": "a deleted branch or tag is not a pull request. Use pull_request or release",
}


def github_event(environ: Mapping[str, str], environment: str | None = None) -> CiEvent:
    """The event of a job of GitHub Actions; of a release, for this environment. Raises ``CiError``."""
    event = environ.get("GITHUB_EVENT_NAME", "")
    if not event:
        raise CiError(f"GITHUB_EVENT_NAME is not set, so this job does not say what it is about. {NAME_TARGET}")
    payload = payload_of(environ)
    action = payload.text("action") or ""
    made = CiEvent(
        platform=Platform.GITHUB,
        targets=(),
        event=event,
        action=action,
        head_sha=None,
        base_branch=None,
        can_write=True,
        run_url=_github_run(environ),
    )
    repository = environ.get("GITHUB_REPOSITORY") or payload.needed_text("repository", "full_name")
    if event in BY_REF and (found := by_ref(made, environ, repository, environment)) is not None:
        return found
    if event == "repository_dispatch" and (inner := payload.at("client_payload", PROTECTION_RULE)) is not None:
        return waiting_deployment(environ, inner)
    if event in _INSTEAD:
        raise CiError(f"The event {event} cannot be gated: {_INSTEAD[event]}.")
    if event in PULL_REQUEST_EVENTS:
        return _pull_request(made, payload, repository)
    if event == "merge_group":
        return _merge_group(made, payload, repository)
    if event == "issue_comment":
        return _issue_comment(made, payload, repository)
    if event == "release":
        return release_event(made, payload, repository, environment)
    if event in ("deployment", "deployment_status"):
        return deployment_event(made, payload, repository, environment)
    if event in LISTING_EVENTS:
        return _listed(made, payload, repository)
    raise CiError(
        f"The event {event!r} is none that a gate knows. Use pull_request, pull_request_target, pull_request_review, "
        f"merge_group, issue_comment, check_suite, workflow_run, release or deployment. {NAME_TARGET}"
    )


def waiting_deployment(environ: Mapping[str, str], payload: Payload) -> CiEvent:
    """A payload of the webhook ``deployment_protection_rule``, in a job or outside of one. Raises ``CiError``."""
    made = CiEvent(
        platform=Platform.GITHUB,
        targets=(),
        event=PROTECTION_RULE,
        action=payload.text("action") or "",
        head_sha=None,
        base_branch=None,
        can_write=True,
        run_url=_github_run(environ),
    )
    return protection_rule(made, payload, _api(environ))


def _pull_request(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
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


def _merge_group(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
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


def _issue_comment(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
    number = payload.number("issue", "number")
    if payload.at("issue", "pull_request") is None:
        raise CiError(
            f"The comment is on the issue {repository}#{number}, not on a pull request.", nothing_to_judge=True
        )
    if payload.text("issue", "state") == "closed":
        raise CiError(f"{repository}#{number} is closed: there is nothing left to gate.", nothing_to_judge=True)
    return replace(made, targets=(github_target(f"{repository}#{number}"),))


def _listed(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
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


def _api(environ: Mapping[str, str]) -> str:
    return (environ.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/")
