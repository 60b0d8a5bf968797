"""The events of GitHub that are about a release: what is deployed, or about to be.

Sources: https://docs.github.com/webhooks/webhook-events-and-payloads#deployment,
https://docs.github.com/actions/how-tos/deploy/configure-and-manage-deployments/create-custom-protection-rules
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import unquote, urlsplit

from bot.cli.ci_event import CiError, CiEvent, DeploymentReview, github_target
from bot.cli.ci_payload import Payload
from bot.engine.targets import Target

RELEASE_ACTIONS = frozenset({"published", "released", "prereleased", "created", "edited"})
BY_REF = frozenset({"push", "workflow_dispatch", "schedule", "repository_dispatch"})
"""Events whose run has a ref: a release, where that is a tag, or where the environment says that it is to be deployed."""
PROTECTION_RULE = "deployment_protection_rule"
_REVIEWED = re.compile(
    r"/repos/(?P<repository>[^/]+/[^/]+)/actions/runs/(?P<run>[1-9]\d{0,18})/deployment_protection_rule$"
)
_FULL_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/(?!\.{1,2}$)[\w.-]+", re.ASCII)
"""It becomes a part of addresses: a slash, a question mark or dots more would lead the App's token to another one."""
_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_OVER = frozenset({"inactive"})
_NAME_RELEASE = "Name the release instead: almguard gate github:OWNER/REPO@v1.2.3 --environment NAME."


def release_event(
    made: CiEvent, payload: Payload, environ: Mapping[str, str], repository: str, environment: str | None
) -> CiEvent:
    """A release was published or changed."""
    tag = payload.needed_text("release", "tag_name")
    if made.action not in RELEASE_ACTIONS:
        # What is about to deploy it must not take silence for leave.
        raise CiError(
            f"The release {tag[:200]} was {made.action}: there is nothing left to gate.",
            nothing_to_judge=environment is None,
        )
    # A job deploys the commit that the event was for, wherever the tag is moved to meanwhile.
    sha = environ.get("GITHUB_SHA", "").lower()
    commit = sha if _SHA.fullmatch(sha) else None
    target = replace(github_target(f"{repository}@{tag}"), commit=commit, environment=environment)
    return replace(made, targets=(target,), head_sha=commit)


def deployment_event(
    made: CiEvent, payload: Payload, _environ: Mapping[str, str], repository: str, environment: str | None
) -> CiEvent:
    """A deployment was asked for, or came on: it names a commit, by a tag where that is what is deployed."""
    place = environment or payload.needed_text("deployment", "environment")
    state = payload.text("deployment_status", "state") or ""
    if state in _OVER:
        raise CiError(
            f"The deployment to {place[:200]} is {state}: there is nothing left to gate.", nothing_to_judge=True
        )
    sha, ref = payload.sha("deployment", "sha"), payload.needed_text("deployment", "ref")
    return replace(made, targets=(deployed(repository, sha, ref, place),), head_sha=sha)


def by_ref(made: CiEvent, environ: Mapping[str, str], repository: str, environment: str | None) -> CiEvent | None:
    """A run on a tag is about that release, and one with an environment about its commit's; None: it is about neither."""
    sha, ref = environ.get("GITHUB_SHA", "").lower(), environ.get("GITHUB_REF", "")
    if not ref.startswith("refs/tags/") and not environment:
        return None
    if not _SHA.fullmatch(sha):
        raise CiError(f"GITHUB_SHA is {sha[:80]!r}, which is no commit. {_NAME_RELEASE}")
    return replace(made, targets=(deployed(repository, sha, ref, environment),), head_sha=sha)


def protection_rule(made: CiEvent, payload: Payload, api: str) -> CiEvent:
    """A deployment waits for this App's word. ``api`` is the address of the API that alone is ever called."""
    repository, place = payload.needed_text("repository", "full_name"), payload.needed_text("environment")
    if _FULL_NAME.fullmatch(repository) is None:
        raise CiError(
            f"The payload's repository.full_name {repository[:200]!r} is not OWNER/REPO. Hand over the payload of the event "
            "deployment_protection_rule as GitHub sent it."
        )
    given = payload.needed_text("deployment_callback_url")
    found = _REVIEWED.search(given)
    if found is None or unquote(found["repository"]).lower() != repository.lower():
        raise CiError(
            f"The payload's deployment_callback_url {given[:200]!r} is not that of a workflow run of {repository[:200]}. "
            "Hand over the payload of the event deployment_protection_rule as GitHub sent it."
        )
    try:
        theirs, ours = urlsplit(given), urlsplit(api)
        elsewhere = (theirs.scheme, theirs.netloc.lower()) != (ours.scheme, ours.netloc.lower())
    except ValueError:
        elsewhere = True
    if elsewhere:
        raise CiError(
            f"The payload's deployment_callback_url {given[:200]!r} is not at {api}, the only address that is answered. For a "
            "payload of another server set GITHUB_API_URL to its API."
        )
    review = DeploymentReview(repository, int(found["run"]), place)
    # Which commit that is, the run is asked: a payload may come by hands that are not GitHub's.
    return replace(made, targets=(replace(github_target(repository), environment=place),), review=review)


def deployed(repository: str, sha: str, ref: str, environment: str | None) -> Target:
    """The release that a deployment of this commit is of; where ``ref`` is no tag, the commit's tag is looked for."""
    name = ref.removeprefix("refs/tags/")
    if not re.fullmatch(r"\S+", name) or name.startswith("refs/"):
        name = sha
    return replace(github_target(f"{repository}@{name}"), commit=sha, environment=environment)
