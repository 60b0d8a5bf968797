"""Branches' protection over REST: classic protection, rulesets, and the rules that hold for a branch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, missing, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import EPOCH, Body, app, app_id, team, user
from bot.sandbox.github.routing import get
from bot.sandbox.github.rulesets import Classic, Ruleset, active_for, classic_for, organization_rulesets, rulesets

if TYPE_CHECKING:
    from bot.sandbox.world import Organization, Repository


@get("/repos/{owner}/{repo}/branches/{branch*}/protection", "administration")
def classic(call: Call, repository: Repository, branch: str) -> Body:
    """A branch's classic protection."""
    if f"refs/heads/{branch}" not in repository.git.refs:
        raise missing("Branch not found")
    if not call.access.administers(repository):
        raise missing()
    rule = classic_for(repository, branch)
    if rule is None:
        raise missing("Branch not protected")
    return protection(call, rule, branch)


@get("/repos/{owner}/{repo}/rules/branches/{branch*}")
def rules_of_branch(call: Call, repository: Repository, branch: str) -> object:
    """Every active rule of a branch, each with the ruleset it comes from. A branch need not exist."""
    found = [(ruleset, rule) for ruleset in active_for(repository, branch) for rule in ruleset.rules()]
    return call.page(
        found,
        lambda pair: {
            "type": pair[1][0],
            **({"parameters": pair[1][1]} if pair[1][1] is not None else {}),
            "ruleset_source_type": pair[0].source_type,
            "ruleset_source": pair[0].source,
            "ruleset_id": pair[0].id,
        },
    )


@get("/repos/{owner}/{repo}/rulesets")
def repository_list(call: Call, repository: Repository) -> object:
    """A repository's rulesets, the organisation's too unless ``includes_parents=false``."""
    parents = call.request.first("includes_parents", "true") != "false"
    return call.page(rulesets(repository, parents=parents), lambda each: summary(call, each))


@get("/repos/{owner}/{repo}/rulesets/{ruleset}")
def repository_one(call: Call, repository: Repository, ruleset: str) -> Body:
    """One ruleset with its rules. Who may bypass shows only to those who could edit it."""
    for each in rulesets(repository):
        if str(each.id) == ruleset:
            owned = each.source_type == "Repository"
            editable = call.access.holds("administration" if owned else "organization_administration", "write")
            return detailed(call, each, actors=editable and call.access.administers(repository))
    raise missing()


@get("/orgs/{org}/rulesets", "organization_administration", "write")
def organization_list(call: Call, organization: Organization) -> object:
    """An organisation's rulesets."""
    return call.page(organization_rulesets(call.world, organization.name), lambda each: summary(call, each))


@get("/orgs/{org}/rulesets/{ruleset}", "organization_administration", "write")
def organization_one(call: Call, organization: Organization, ruleset: str) -> Body:
    """One of an organisation's rulesets."""
    for each in organization_rulesets(call.world, organization.name):
        if str(each.id) == ruleset:
            return detailed(call, each, actors=True)
    raise missing()


def summary(call: Call, each: Ruleset) -> Body:
    """A ruleset as lists have it."""
    place = "repos" if each.source_type == "Repository" else "orgs"
    page = f"{each.source}/rules" if place == "repos" else f"organizations/{each.source}/settings/rules"
    return {
        "id": each.id,
        "name": each.part.name,
        "target": "branch",
        "source_type": each.source_type,
        "source": each.source,
        "enforcement": each.part.enforcement,
        "node_id": encode("RepositoryRuleset", each.source_type, each.source, each.id),
        "_links": {
            "self": {"href": f"{call.api}/{place}/{each.source}/rulesets/{each.id}"},
            "html": {"href": f"{call.html}/{page}/{each.id}"},
        },
        "created_at": stamp(EPOCH),
        "updated_at": stamp(EPOCH),
    }


def detailed(call: Call, each: Ruleset, *, actors: bool) -> Body:
    """A ruleset with conditions and rules."""
    conditions: Body = {"ref_name": {"include": each.include, "exclude": []}}
    if each.source_type == "Organization":
        names = ["~ALL" if pattern == "*" else pattern for pattern in each.part.repositories]
        conditions["repository_name"] = {"include": names, "exclude": [], "protected": False}
    body = summary(call, each) | {
        "conditions": conditions,
        "rules": [
            {"type": kind, **({"parameters": parameters} if parameters is not None else {})}
            for kind, parameters in each.rules()
        ],
    }
    if actors:
        body["bypass_actors"] = [
            {"actor_id": actor.id, "actor_type": actor.kind, "bypass_mode": "always"}
            for actor in each.bypass(call.world)
        ]
        body["current_user_can_bypass"] = "never"
    return body


def protection(call: Call, rule: Classic, branch: str) -> Body:
    """A classic protection as REST words it."""
    part = rule.part
    url = f"{call.api}/repos/{rule.repository.full_name}/branches/{branch}/protection"
    body: Body = {
        "url": url,
        "required_signatures": {"url": f"{url}/required_signatures", "enabled": bool(part.signatures)},
        "enforce_admins": {"url": f"{url}/enforce_admins", "enabled": bool(part.enforce_admins)},
        "required_linear_history": {"enabled": bool(part.linear_history)},
        "allow_force_pushes": {"enabled": bool(part.allow_force_push)},
        "allow_deletions": {"enabled": bool(part.allow_deletion)},
        "block_creations": {"enabled": False},
        "required_conversation_resolution": {"enabled": bool(part.conversations)},
        "lock_branch": {"enabled": False},
        "allow_fork_syncing": {"enabled": False},
    }
    if part.checks or part.strict_checks is not None:
        body["required_status_checks"] = {
            "url": f"{url}/required_status_checks",
            "strict": bool(part.strict_checks),
            "contexts": [check.name for check in part.checks],
            "contexts_url": f"{url}/required_status_checks/contexts",
            "checks": [
                {"context": check.name, "app_id": app_id(check.app) if check.app else None} for check in part.checks
            ],
        }
    if rule.reviews:
        reviews: Body = {
            "url": f"{url}/required_pull_request_reviews",
            "dismiss_stale_reviews": bool(part.dismiss_stale),
            "require_code_owner_reviews": bool(part.code_owners),
            "require_last_push_approval": bool(part.last_push_approval),
            "required_approving_review_count": part.approvals or 0,
        }
        bypass = rule.bypass(call.world)
        if bypass:
            reviews["bypass_pull_request_allowances"] = {
                "users": [user(call, each.name) for each in bypass if each.kind == "User"],
                "teams": [team(call, call.world.teams[each.name]) for each in bypass if each.kind == "Team"],
                "apps": [app(call, each.name) for each in bypass if each.kind == "Integration"],
            }
        body["required_pull_request_reviews"] = reviews
    return body
