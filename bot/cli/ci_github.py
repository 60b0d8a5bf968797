"""The event that a job of GitHub Actions was started for, from its payload.

Sources: https://docs.github.com/actions/reference/workflows-and-actions/events-that-trigger-workflows,
https://docs.github.com/webhooks/webhook-events-and-payloads
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from bot.cli.ci_event import MARKER, NAME_TARGET, CiError, CiEvent, any_target, github_target
from bot.cli.ci_payload import Payload, payload_of
from bot.cli.ci_releases import BY_REF, PROTECTION_RULE, by_ref, deployment_event, protection_rule, release_event
from bot.engine.targets import Search, Target
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
HEAD_EVENTS = frozenset({"check_run", "check_suite", "workflow_run"})
"""They are about a commit, and list the pull requests that it heads, those of forks left out."""
ASKED_FOR = frozenset({"rerequested", "requested_action"})
"""A person pressed a button of a check."""
COMMAND = "/almguard"
"""A comment that begins with it has the pull request judged again, and the answer posted whatever it is."""
_FRESH = frozenset({"opened", "reopened", "synchronize"})
"""Actions after which what stands on the head is about something else."""
_QUEUE_REF = re.compile(r"^(?:refs/heads/)?gh-readonly-queue/(?P<base>.+)/pr-(?P<number>[1-9]\d{0,9})-[0-9a-f]{40,64}$")
_NUMBER = re.compile(r"^#?[1-9]\d{0,9}$")

_INSTEAD = {
    "workflow_call": "the payload is the caller's: call the workflow from pull_request or merge_group",
    "issues": "an issue is not a change. To judge it, use almguard audit github:OWNER/REPO#12; a schedule judges the pull "
    "requests that it is linked to",
    "create": "a new branch or tag is not a pull request. Use pull_request or release",
    "delete": "a deleted branch or tag is not a pull request. Use pull_request or release",
}


def github_event(environ: Mapping[str, str], environment: str | None = None) -> CiEvent:
    """The event of a job of GitHub Actions; of a release, for this environment. Raises ``CiError``."""
    event = environ.get("GITHUB_EVENT_NAME", "")
    if not event:
        raise CiError(f"GITHUB_EVENT_NAME is not set, so this job does not say what it is about. {NAME_TARGET}")
    if event in _INSTEAD:
        raise CiError(f"The event {event} cannot be gated: {_INSTEAD[event]}.")
    if event not in _OF_CHANGES and event not in _OF_RELEASES:
        raise CiError(
            f"The event {event!r} is none that a gate knows. Use pull_request, pull_request_target, pull_request_review, "
            "merge_group, issue_comment, check_suite, check_run, workflow_run, status, push, release, deployment, schedule, "
            f"workflow_dispatch or repository_dispatch. {NAME_TARGET}"
        )
    payload = payload_of(environ)
    made = CiEvent(
        platform=Platform.GITHUB,
        targets=(),
        event=event,
        action=payload.text("action") or "",
        head_sha=None,
        base_branch=None,
        can_write=True,
        run_url=_github_run(environ),
    )
    repository = environ.get("GITHUB_REPOSITORY") or payload.needed_text("repository", "full_name")
    if event == "repository_dispatch" and (inner := payload.at("client_payload", PROTECTION_RULE)) is not None:
        return waiting_deployment(environ, inner)
    if event in BY_REF and (found := by_ref(made, environ, repository, environment)) is not None:
        return found
    if event in _OF_RELEASES:
        return _OF_RELEASES[event](made, payload, environ, repository, environment)
    if environment:
        raise CiError(
            f"The event {event} is about pull requests, and the environment {environment[:200]!r} asks about a release: none "
            "of them would be judged for it. Leave the environment out, or name the release that is deployed: almguard gate "
            "github:OWNER/REPO@v1.2.3 --environment NAME."
        )
    return _OF_CHANGES[event](made, payload, repository)


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
        fresh=made.event in ("pull_request", "pull_request_target")
        and (made.action in _FRESH or payload.at("changes", "base") is not None),
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
    head = payload.sha("merge_group", "head_sha")
    below = payload.text("merge_group", "base_sha")
    # The ref names the last of the group; the queue tells the others.
    return replace(
        made,
        targets=(github_target(f"{repository}#{found['number']}"),),
        head_sha=head,
        base_branch=found["base"],
        search=Search(github_target(repository), base=found["base"], queued=head, on_top_of=below),
    )


def _issue_comment(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
    number = payload.number("issue", "number")
    if payload.at("issue", "pull_request") is None:
        raise CiError(
            f"The comment is on the issue {repository}#{number}, not on a pull request.", nothing_to_judge=True
        )
    if payload.text("issue", "state") == "closed":
        raise CiError(f"{repository}#{number} is closed: there is nothing left to gate.", nothing_to_judge=True)
    text = (payload.text("comment", "body") or "").lstrip()
    login = payload.text("comment", "user", "login") or ""
    if payload.text("comment", "user", "type") == "Bot" or login.endswith("[bot]") or text.startswith(MARKER):
        # Its own comment, or another bot's answer to it, must not start it again.
        raise CiError(f"The comment on {repository}#{number} is a bot's: it changes nothing.", nothing_to_judge=True)
    commanded = made.action != "deleted" and text.split(maxsplit=1)[:1] == [COMMAND]
    # Any other comment may be an approval, where a policy takes comments for one; and so may one that is not there any more.
    return replace(made, targets=(github_target(f"{repository}#{number}"),), moved_only=not commanded)


def _about_a_head(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
    own_check = (payload.text("check_run", "external_id") or "").startswith("almguard:")
    if own_check and made.action not in ASKED_FOR:
        raise CiError("The check run is the gate's own: it changes nothing.", nothing_to_judge=True)
    head = payload.sha(made.event, "head_sha")
    own = payload.at("repository", "id")
    targets: list[Target] = []
    for item in payload.items(made.event, "pull_requests"):
        # A fork's runs list the pull requests of its parent, and the other way round.
        base = item.at("base", "repo", "id")
        if own is None or base is None or base.value == own.value:
            targets.append(
                replace(github_target(f"{repository}#{item.number('number')}"), commit=item.sha("head", "sha"))
            )
    return replace(
        made,
        targets=tuple(targets),
        head_sha=head,
        search=None if targets else Search(github_target(repository), head=head),
        moved_only=made.action not in ASKED_FOR,
    )


def _status(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
    head = payload.sha("sha")
    return replace(made, head_sha=head, search=Search(github_target(repository), head=head), moved_only=True)


def _push(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
    ref = payload.needed_text("ref")
    branch = ref.removeprefix("refs/heads/")
    deleted = payload.at("deleted")
    if branch == ref or _QUEUE_REF.match(ref) or (deleted is not None and deleted.value is True):
        raise CiError(f"The push to {ref[:200]} is to no branch that a change could go into.", nothing_to_judge=True)
    # The policy comes from the base, and so does much of what it asks for.
    return replace(made, base_branch=branch, search=Search(github_target(repository), base=branch), moved_only=True)


def _every_open_one(made: CiEvent, _payload: Payload, repository: str) -> CiEvent:
    return replace(made, search=Search(github_target(repository)), moved_only=True)


def _dispatched(made: CiEvent, payload: Payload, repository: str) -> CiEvent:
    """Started by hand, or by another program, which may name what it wants; else every open pull request is meant."""
    place = "inputs" if made.event == "workflow_dispatch" else "client_payload"
    given = payload.at(place) or Payload({}, place)
    names = [name for item in given.items("targets") if isinstance(name := item.value, str)]
    names += (given.text("targets") or "").split()
    number = given.at("pull-request") or given.at("pull_request")
    if number is not None and number.value != "":
        if not isinstance(number.value, int | str) or not _NUMBER.match(str(number.value)):
            raise CiError(f"{number.path} is {str(number.value)[:80]!r}, which is no number of a pull request.")
        names.append(f"github:{repository}#{str(number.value).removeprefix('#')}")
    if not names:
        return _every_open_one(made, payload, repository)
    return replace(made, targets=tuple(any_target(name) for name in names))


Read = Callable[[CiEvent, Payload, str], CiEvent]

_OF_CHANGES: Mapping[str, Read] = {
    **dict.fromkeys(PULL_REQUEST_EVENTS, _pull_request),
    "merge_group": _merge_group,
    "issue_comment": _issue_comment,
    **dict.fromkeys(HEAD_EVENTS, _about_a_head),
    "status": _status,
    "push": _push,
    "schedule": _every_open_one,
    "workflow_dispatch": _dispatched,
    "repository_dispatch": _dispatched,
}
_OF_RELEASES: Mapping[str, Callable[[CiEvent, Payload, Mapping[str, str], str, str | None], CiEvent]] = {
    "release": release_event,
    "deployment": deployment_event,
    "deployment_status": deployment_event,
}


def github_home(environ: Mapping[str, str]) -> Target:
    """The repository of a job of GitHub Actions. Raises ``CiError``."""
    name = environ.get("GITHUB_REPOSITORY", "")
    if not name:
        raise CiError(
            "GITHUB_REPOSITORY is not set, so this job does not say whose open pull requests are meant. Name the repository: "
            "almguard gate --all-open github:OWNER/REPO."
        )
    return github_target(name)


def _github_run(environ: Mapping[str, str]) -> str | None:
    repository, run = environ.get("GITHUB_REPOSITORY"), environ.get("GITHUB_RUN_ID")
    server = environ.get("GITHUB_SERVER_URL", "https://github.com").rstrip("/")
    return f"{server}/{repository}/actions/runs/{run}" if repository and run else None


def _api(environ: Mapping[str, str]) -> str:
    return (environ.get("GITHUB_API_URL") or "https://api.github.com").rstrip("/")
