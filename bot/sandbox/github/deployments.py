"""Environments and deployments."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, missing, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import EPOCH, Body, app, team, user
from bot.sandbox.github.routing import get
from bot.sandbox.identity import number
from bot.sandbox.scenario import EnvironmentPart

if TYPE_CHECKING:
    from bot.sandbox.scenario import DeploymentPart
    from bot.sandbox.world import Repository

IN_REST = {"waiting": "pending"}
"""REST's schema knows no ``waiting``; GraphQL does."""


@dataclass(frozen=True)
class Deployment:
    """One deployment of the scenario, with its history."""

    part: DeploymentPart
    id: int
    sha: str
    ref: str
    at: datetime
    statuses: tuple[tuple[str, datetime], ...]
    """State and instant, newest first."""


def deployments_of(each: Repository) -> list[Deployment]:
    """A repository's deployments, newest first. A newer success makes older ones of a non-production environment
    inactive, as ``auto_inactive`` does."""
    history = each.history
    found: list[Deployment] = []
    later_success: dict[str, datetime] = {}
    world = each.world
    order = sorted(enumerate(each.part.deployments), key=lambda pair: world.at(pair[1].at), reverse=True)
    for index, part in order:
        at = world.at(part.at)
        name = part.release or part.commit or each.default_branch
        sha = history.commit_named(name, ("deployments", index))
        done = part.status in ("success", "failure", "inactive")
        ended = at + timedelta(minutes=2)
        statuses: list[tuple[str, datetime]] = [
            (part.status if part.status != "inactive" else "success", ended if done else at)
        ]
        if done:
            statuses.append(("in_progress", at))
        replaced = later_success.get(part.environment)
        if part.status == "inactive" or (
            part.status == "success" and replaced is not None and part.environment != "production"
        ):
            statuses.insert(0, ("inactive", max(replaced or ended, ended)))
        if part.status == "success" and replaced is None:
            later_success[part.environment] = ended
        ident = number("deployment", each.key, index)
        found.append(Deployment(part, ident, sha, name, at, tuple(statuses)))
    return found


def environments_of(each: Repository) -> list[EnvironmentPart]:
    """A repository's environments: those that the scenario describes, and those that anything was deployed to."""
    known = {part.name: part for part in each.part.environments}
    for deployment in each.part.deployments:
        known.setdefault(deployment.environment, EnvironmentPart(name=deployment.environment))
    return list(known.values())


@get("/repos/{owner}/{repo}/environments", "actions")
def environments(call: Call, each: Repository) -> object:
    """A repository's environments."""
    return call.page(environments_of(each), lambda part: environment_body(call, each, part), "environments")


@get("/repos/{owner}/{repo}/environments/{name}", "actions")
def environment(call: Call, each: Repository, name: str) -> Body:
    """One environment."""
    return environment_body(call, each, _environment(each, name))


@get("/repos/{owner}/{repo}/environments/{name}/deployment-branch-policies", "actions")
def branch_policies(call: Call, each: Repository, name: str) -> object:
    """The branches that may deploy."""
    part = _environment(each, name)
    return call.page(
        part.branches,
        lambda branch: {
            "id": number("branch-policy", each.key, name, branch),
            "node_id": encode("DeploymentBranchPolicy", each.key, name, branch),
            "name": branch,
            "type": "branch",
        },
        "branch_policies",
    )


@get("/repos/{owner}/{repo}/deployments", "deployments")
def deployments(call: Call, each: Repository) -> object:
    """Deployments, newest first."""
    wanted = {name: call.request.first(name) for name in ("environment", "sha", "ref", "task")}
    found = [
        deployment
        for deployment in deployments_of(each)
        if wanted["environment"] in ("", deployment.part.environment)
        and wanted["sha"] in ("", deployment.sha)
        and wanted["ref"] in ("", deployment.ref)
        and wanted["task"] in ("", "deploy")
    ]
    return call.page(found, lambda deployment: deployment_body(call, each, deployment))


@get("/repos/{owner}/{repo}/deployments/{ident}", "deployments")
def deployment(call: Call, each: Repository, ident: str) -> Body:
    """One deployment."""
    return deployment_body(call, each, _deployment(each, ident))


@get("/repos/{owner}/{repo}/deployments/{ident}/statuses", "deployments")
def statuses(call: Call, each: Repository, ident: str) -> object:
    """What became of it, newest first."""
    found = _deployment(each, ident)
    return call.page(found.statuses, lambda pair: _status_body(call, each, found, *pair))


def _environment(each: Repository, name: str) -> EnvironmentPart:
    for part in environments_of(each):
        if part.name == name:
            return part
    raise missing()


def _deployment(each: Repository, ident: str) -> Deployment:
    for found in deployments_of(each):
        if str(found.id) == ident:
            return found
    raise missing()


def environment_body(call: Call, each: Repository, part: EnvironmentPart) -> Body:
    """An environment."""
    ident = number("environment", each.key, part.name)
    rules: list[Body] = []

    def rule(kind: str, **fields: object) -> None:
        rule_id = number("environment-rule", each.key, part.name, kind)
        rules.append({"id": rule_id, "node_id": encode("Gate", rule_id), "type": kind, **fields})

    if part.wait_minutes:
        rule("wait_timer", wait_timer=part.wait_minutes)
    if part.approvers:
        people = [name for name in part.approvers if not name.startswith("team:")]
        teams = [name.removeprefix("team:") for name in part.approvers if name.startswith("team:")]
        reviewers: list[Body] = [{"type": "User", "reviewer": user(call, name)} for name in people]
        reviewers += [
            {"type": "Team", "reviewer": team(call, call.world.teams[name])}
            for name in teams
            if name in call.world.teams
        ]
        rule("required_reviewers", prevent_self_review=part.prevent_self_review, reviewers=reviewers)
    if part.branches:
        rule("branch_policy")
    return {
        "id": ident,
        "node_id": encode("Environment", each.key, part.name),
        "name": part.name,
        "url": f"{call.api}/repos/{each.full_name}/environments/{part.name}",
        "html_url": f"{call.html}/{each.full_name}/deployments/activity_log?environments_filter={part.name}",
        "created_at": stamp(EPOCH),
        "updated_at": stamp(EPOCH),
        "can_admins_bypass": True,
        "protection_rules": rules,
        "deployment_branch_policy": {"protected_branches": False, "custom_branch_policies": True}
        if part.branches
        else None,
    }


def deployment_body(call: Call, each: Repository, found: Deployment) -> Body:
    """A deployment."""
    part = found.part
    url = f"{call.api}/repos/{each.full_name}"
    mine = f"{url}/deployments/{found.id}"
    return {
        "url": mine,
        "id": found.id,
        "node_id": encode("Deployment", each.key, found.id),
        "sha": found.sha,
        "ref": found.ref,
        "task": "deploy",
        "payload": {},
        "original_environment": part.environment,
        "environment": part.environment,
        "description": None,
        "creator": user(call, part.by or "github-actions[bot]"),
        "created_at": stamp(found.at),
        "updated_at": stamp(found.statuses[0][1]),
        "statuses_url": f"{mine}/statuses",
        "repository_url": url,
        "transient_environment": False,
        "production_environment": part.environment == "production",
        "performed_via_github_app": app(call, "github-actions") if part.run is not None else None,
    }


def _status_body(call: Call, each: Repository, found: Deployment, state: str, at: datetime) -> Body:
    url = f"{call.api}/repos/{each.full_name}"
    mine = f"{url}/deployments/{found.id}"
    ident = number("deployment-status", each.key, found.id, state)
    page = f"{call.html}/{each.full_name}/actions/runs/{found.part.run}" if found.part.run is not None else ""
    return {
        "url": f"{mine}/statuses/{ident}",
        "id": ident,
        "node_id": encode("DeploymentStatus", each.key, ident),
        "state": IN_REST.get(state, state),
        "creator": user(call, found.part.by or "github-actions[bot]"),
        "description": "",
        "environment": found.part.environment,
        "target_url": page,
        "log_url": page,
        "environment_url": "",
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "deployment_url": mine,
        "repository_url": url,
        "performed_via_github_app": None,
    }
