"""Custom deployment protection rules: what an App says about a workflow run that waits to deploy.

A run waits where the scenario has a deployment of it that waits; an approval or a rejection ends that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.github.actions import run_of
from bot.sandbox.github.call import Call, Refusal, invalid
from bot.sandbox.github.render import Body, user
from bot.sandbox.github.routing import get, post
from bot.sandbox.identity import number
from bot.sandbox.posted import DeploymentReview
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.world import Repository

RESOURCE = "DeploymentProtectionRule"
REPORTS = 10
"""Reports without a state that one deployment takes."""
LONGEST = 1_024


def waiting(each: Repository, run_id: int) -> list[str]:
    """The environments that a run waits to deploy to."""
    answered = {one.environment for one in each.deployment_reviews if one.run_id == run_id and one.state}
    return [
        part.environment
        for part in each.part.deployments
        if part.run == run_id and part.status == "waiting" and part.environment not in answered
    ]


@get("/repos/{owner}/{repo}/actions/runs/{ident}/pending_deployments", "actions")
def pending(call: Call, each: Repository, ident: str) -> object:
    """What the run waits for."""
    found = run_of(each, ident)
    return [
        {
            "environment": {
                "id": number("environment", each.key, name),
                "node_id": f"ENV_{number('environment', each.key, name)}",
                "name": name,
                "url": f"{call.api}/repos/{each.full_name}/environments/{name}",
                "html_url": f"{call.html}/{each.full_name}/deployments/activity_log?environments_filter={name}",
            },
            "wait_timer": 0,
            "wait_timer_started_at": None,
            "current_user_can_approve": False,
            "reviewers": _reviewers(call, each, name),
        }
        for name in waiting(each, found.id)
    ]


def _reviewers(call: Call, each: Repository, name: str) -> list[Body]:
    people = [person for part in each.part.environments if part.name == name for person in part.approvers]
    return [{"type": "User", "reviewer": user(call, one)} for one in people if not one.startswith("team:")]


@post("/repos/{owner}/{repo}/actions/runs/{ident}/deployment_protection_rule", "deployments")
def answer(call: Call, each: Repository, ident: str) -> Response:
    """An App's word: approved, rejected, or a report that leaves it waiting."""
    found = run_of(each, ident)
    if call.token.kind != "app":
        raise Refusal(403, "Only a GitHub App may review a deployment protection rule")
    data = call.body("environment_name", resource=RESOURCE)
    state, comment = data.get("state"), data.get("comment")
    if state not in (None, "approved", "rejected"):
        raise invalid(RESOURCE, "state", "invalid")
    if (comment is not None and not isinstance(comment, str)) or (state is None and not comment):
        raise invalid(RESOURCE, "comment")
    if comment and len(str(comment)) > LONGEST:
        raise invalid(RESOURCE, "comment", "custom", f"comment is too long (maximum is {LONGEST} characters)")
    name = str(data["environment_name"])
    if name not in waiting(each, found.id):
        raise invalid(RESOURCE, "environment_name", "invalid")
    with call.world.lock:
        said = [one for one in each.deployment_reviews if (one.run_id, one.environment) == (found.id, name)]
        if state is None and len(said) >= REPORTS:
            raise invalid(RESOURCE, "comment", "custom", "no more status reports for this deployment")
        each.deployment_reviews.append(
            DeploymentReview(
                found.id,
                name,
                None if state is None else str(state),
                str(comment or ""),
                call.token.poster,
                call.world.clock(),
            )
        )
    return Response(204)
