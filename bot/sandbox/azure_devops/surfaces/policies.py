"""Branch policies: their types, their configurations, and how a pull request stands with each."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import branch_policies, problems
from bot.sandbox.azure_devops.branch_policies import TYPES, Policy, effective
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection, continued
from bot.sandbox.azure_devops.people import account, identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.run_history import check_build
from bot.sandbox.azure_devops.scopes import CODE, CODE_WRITE
from bot.sandbox.azure_devops.surfaces.pull_requests import has_pull_request
from bot.sandbox.azure_devops.surfaces.statuses import latest
from bot.sandbox.azure_devops.votes import approvals, votes
from bot.sandbox.identity import guid

if TYPE_CHECKING:
    from datetime import datetime

    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Project, Repository

ARTIFACT = re.compile(r"^vstfs:///CodeReview/CodeReviewId/(?P<project>[^/%]+)(?:/|%2f)(?P<number>\d+)$", re.IGNORECASE)

BUILD_STATES = {"queued": "queued", "in_progress": "running"}
STATUS_STATES = {
    "succeeded": "approved",
    "notApplicable": "notApplicable",
    "failed": "rejected",
    "error": "rejected",
    "pending": "running",
    "notSet": "queued",
    "partiallySucceeded": "rejected",
}


def policy_document(call: Call, policy: Policy) -> Json:
    """A PolicyConfiguration."""
    owner = call.collection
    base = f"{owner.url}/{policy.project.guid}/_apis/policy"
    creator = next(iter(owner.organization.part.owners), next(iter(owner.world.people)))
    return {
        "createdBy": identity(owner, creator),
        "createdDate": stamp(owner.world.now),
        "isEnabled": policy.enabled,
        "isBlocking": policy.blocking,
        "isDeleted": False,
        "settings": policy.settings,
        "isEnterpriseManaged": False,
        "_links": {
            "self": {"href": f"{base}/configurations/{policy.id}"},
            "policyType": {"href": f"{base}/types/{policy.type}"},
        },
        "revision": policy.revision,
        "id": policy.id,
        "url": f"{base}/configurations/{policy.id}",
        "type": _type_reference(call, policy.project, policy.type),
    }


def _type_reference(call: Call, project: Project, ident: str) -> Json:
    url = f"{call.collection.url}/{project.guid}/_apis/policy/types/{ident}"
    return {"id": ident, "url": url, "displayName": TYPES.get(ident, ident)}


@answers("policy_types", "GET", CODE)
def policy_types(call: Call) -> object:
    """The kinds of policies there are."""
    project = call.project
    if "typeid" in call.values:
        wanted = call.values["typeid"].lower()
        if wanted not in TYPES:
            raise problems.missing(f"TF402456: The policy type {wanted} does not exist.", "PolicyTypeNotFoundException")
        return {"description": TYPES[wanted], **_type_reference(call, project, wanted)}
    return collection([{"description": name, **_type_reference(call, project, ident)} for ident, name in TYPES.items()])


def _all(call: Call) -> list[Policy]:
    return branch_policies.policies(call.collection)[call.project.guid]


def _one(call: Call) -> Policy:
    wanted = call.whole("configurationid")
    found = next((each for each in _all(call) if each.id == wanted), None)
    if found is None:
        raise problems.missing(
            f"TF402458: The policy configuration with ID {wanted} does not exist.",
            "PolicyConfigurationNotFoundException",
        )
    return found


@answers("policy_configurations", "GET", CODE)
def policy_configurations(call: Call) -> object:
    """A project's policies, or one of them; ``policyType`` and ``scope`` choose."""
    if "configurationid" in call.values:
        return policy_document(call, _one(call))
    kind, scope = call.text("policyType").lower(), call.text("scope")
    rows = [
        policy_document(call, policy)
        for policy in _all(call)
        if (not kind or policy.type == kind) and (not scope or _in_scope(policy, scope))
    ]
    return continued(call, rows)


def _in_scope(policy: Policy, scope: str) -> bool:
    """The ``scope`` parameter is a repository's id without dashes, then perhaps a colon and the name of a ref."""
    repository, _, ref = scope.partition(":")
    return any(
        str(each.get("repositoryId") or "").replace("-", "").lower() == repository.replace("-", "").lower()
        and (not ref or each.get("refName") == ref)
        for each in policy.scopes
    )


@answers("branch_policies", "GET", CODE)
def effective_policies(call: Call) -> object:
    """What applies to a branch (``repositoryId`` and ``refName``), to a repository as a whole, or to the project."""
    kind, ref, ident = call.text("policyType").lower(), call.text("refName"), call.text("repositoryId")
    if ident:
        repository = call.collection.repository(ident, call)
        found = (
            effective(call.collection, repository, ref)
            if ref
            else [policy for policy in _all(call) if policy.about(repository.guid)]
        )
    else:
        found = [policy for policy in _all(call) if any(each.get("repositoryId") is None for each in policy.scopes)]
    rows = [policy_document(call, policy) for policy in found if not kind or policy.type == kind]
    return continued(call, rows, 100)


def _may_edit(call: Call, settings: Json) -> None:
    scope = settings.get("scope")
    for each in scope if isinstance(scope, list) else []:
        ident = each.get("repositoryId") if isinstance(each, dict) else None
        if ident is None:
            allowed = call.token.kind != "pat" or call.token.login in call.collection.organization.part.owners
        else:
            repository = call.collection.repository(str(ident), call)
            allowed = call.collection.at_least("admin", repository, call)
        if not allowed:
            raise problems.permission_missing(call.person.name, "EditPolicies", "branch policies")


def _described(call: Call) -> tuple[str, bool, bool, Json]:
    body = call.document()
    kind, settings = body.get("type"), body.get("settings")
    if not isinstance(kind, dict) or str(kind.get("id", "")).lower() not in TYPES:
        raise problems.bad_argument("TF402456: The policy type of the configuration does not exist.")
    if not isinstance(settings, dict) or not isinstance(settings.get("scope"), list) or not settings["scope"]:
        raise problems.bad_argument("TF402449: The policy settings need a scope.")
    _may_edit(call, settings)
    return str(kind["id"]).lower(), bool(body.get("isEnabled")), bool(body.get("isBlocking")), settings


@answers("policy_configurations", "POST", CODE_WRITE)
def create_policy(call: Call) -> object:
    """One more policy."""
    kind, enabled, blocking, settings = _described(call)
    with call.world.lock:
        policy = Policy(call.world.next_id(), kind, enabled, blocking, settings, call.project)
        branch_policies.edit(call.collection, call.project, policy.id, policy)
    return policy_document(call, policy)


@answers("policy_configurations", "PUT", CODE_WRITE)
def update_policy(call: Call) -> object:
    """Another policy in the place of one."""
    policy = _one(call)
    kind, enabled, blocking, settings = _described(call)
    if kind != policy.type:
        raise problems.bad_argument("TF402457: The type of a policy configuration cannot change.")
    changed = replace(policy, enabled=enabled, blocking=blocking, settings=settings, revision=policy.revision + 1)
    with call.world.lock:
        branch_policies.edit(call.collection, call.project, policy.id, changed)
    return policy_document(call, changed)


@answers("policy_configurations", "DELETE", CODE_WRITE)
def delete_policy(call: Call) -> object:
    """One policy less."""
    policy = _one(call)
    _may_edit(call, policy.settings)
    with call.world.lock:
        branch_policies.edit(call.collection, call.project, policy.id, None)
    return Answer(None, 204)


@answers("policy_evaluations", "GET", CODE)
def policy_evaluations(call: Call) -> object:
    """How a pull request (``artifactId``) stands with each policy of its target branch."""
    match = ARTIFACT.match(call.text("artifactId"))
    if match is None:
        raise problems.bad_argument(
            "TF402460: The artifact ID is not valid. It must be like vstfs:///CodeReview/CodeReviewId/{project}/{id}"
        )
    rows = _evaluations(call, int(match["number"]))
    skip, top = call.number("$skip", 0), call.number("$top", 1000)
    return collection(rows[skip : skip + top])


@answers("policy_evaluation", "GET", CODE)
def policy_evaluation(call: Call) -> object:
    """One of those, by its id."""
    wanted = call.values["evaluationid"].lower()
    for repository in call.collection.repositories(call.project, call):
        for part in repository.part.pull_requests:
            if not has_pull_request(repository, part.number):
                continue
            rows = _evaluations(call, part.number)
            found = next((row for row in rows if row["evaluationId"] == wanted), None)
            if found is not None:
                return found
    raise problems.missing(
        f"TF402461: The policy evaluation {wanted} does not exist.", "PolicyEvaluationNotFoundException"
    )


def _evaluations(call: Call, number: int) -> list[Json]:
    owner, project = call.collection, call.project
    for repository in owner.repositories(project, call):
        if not has_pull_request(repository, number):
            continue
        pull_request = repository.pull_requests[number]
        rows: list[Json] = []
        for policy in effective(owner, repository, f"refs/heads/{pull_request.target}"):
            if not policy.enabled or policy.type == branch_policies.MERGE_STRATEGY:
                continue
            status, context = _state(call, repository, pull_request, policy)
            row: Json = {
                "configuration": policy_document(call, policy),
                "artifactId": f"vstfs:///CodeReview/CodeReviewId/{project.guid}/{number}",
                "evaluationId": guid("evaluation", policy.id, repository.key, number),
                "startedDate": stamp(pull_request.created_at),
                "status": status,
            }
            if status in ("approved", "rejected", "notApplicable"):
                row["completedDate"] = stamp(_completed(call, pull_request))
            if context:
                row["context"] = context
            rows.append(row)
        return rows
    raise problems.pull_request_not_found()


def _completed(call: Call, pull_request: PullRequest) -> datetime:
    """When an evaluation came to its end: with the newest change of the pull request, but for what came after its own end."""
    return min(pull_request.updated_at or pull_request.created_at, pull_request.closed_at or call.world.clock())


def _state(call: Call, repository: Repository, pull_request: PullRequest, policy: Policy) -> tuple[str, Json]:
    match policy.type:
        case branch_policies.MINIMUM_REVIEWERS:
            return _reviewed(call, repository, pull_request, policy), {}
        case branch_policies.WORK_ITEMS:
            linked = [
                each
                for each in pull_request.linked(call.world.at, pull_request.closed_at or call.world.clock())
                if call.world.work_item(call.collection.organization.name, each)
            ]
            return ("approved" if linked else "rejected"), {}
        case branch_policies.COMMENTS:
            open_ones = [each for each in pull_request.ado_threads if each.status in ("active", "pending")]
            return ("rejected" if [each for each in open_ones if not each.deleted] else "approved"), {}
        case branch_policies.BUILD:
            return _built(call, repository, pull_request, policy)
        case branch_policies.STATUS:
            return _reported(pull_request, policy), {}
        case branch_policies.REQUIRED_REVIEWERS:
            return _required(call, repository, pull_request, policy), {}
        case _:
            return "notApplicable", {}


def _reviewed(call: Call, repository: Repository, pull_request: PullRequest, policy: Policy) -> str:
    of_author = bool(policy.settings.get("creatorVoteCounts"))
    given = approvals(call.collection, repository, pull_request, of_author=of_author)
    if policy.settings.get("blockLastPusherVote"):
        given = [login for login in given if login != pull_request.pushes[-1].by]
    against = [vote for vote in votes(call.collection, repository, pull_request).values() if vote < 0]
    if against and not policy.settings.get("allowDownvotes"):
        return "rejected"
    return "approved" if len(given) >= int(str(policy.settings.get("minimumApproverCount") or 1)) else "running"


def _required(call: Call, repository: Repository, pull_request: PullRequest, policy: Policy) -> str:
    wanted = policy.settings.get("requiredReviewerIds")
    cast = {
        account(call.collection, login).guid: vote
        for login, vote in votes(call.collection, repository, pull_request).items()
    }
    for team in call.world.teams_of(call.collection.organization.name):
        cast[team.guid] = max((cast.get(account(call.collection, each).guid, 0) for each in team.members), default=0)
    given = [cast.get(str(each).lower(), 0) for each in wanted] if isinstance(wanted, list) else []
    if any(vote < 0 for vote in given):
        return "rejected"
    return "approved" if given and all(vote >= 5 for vote in given) else "running"


def _built(call: Call, repository: Repository, pull_request: PullRequest, policy: Policy) -> tuple[str, Json]:
    """The newest run of the policy's pipeline for this pull request; one of an older push has expired."""
    wanted = policy.settings.get("buildDefinitionId")
    index = call.collection.current()
    runs = [
        (position, check)
        for position, check in enumerate(pull_request.part.checks)
        if check.pipeline and index.definition_of(repository, check.pipeline).id == wanted
    ]
    # Where a scenario gives each of a pipeline's checks a policy of its own, each policy has the check of its name.
    runs = [run for run in runs if run[1].name == policy.settings.get("displayName")] or runs
    # Nothing is evaluated any more once the pull request is completed.
    ended = pull_request.closed_at
    runs = [run for run in runs if ended is None or call.world.at(run[1].at) <= ended]
    if not runs:
        return "queued", {}
    position, check = runs[-1]
    # A check that names no push was made on the newest of those that the scenario begins with.
    made_on = check.push if check.push is not None else max(1, len(pull_request.part.pushes))
    stale = made_on < len(pull_request.pushes)
    context: Json = {
        "buildId": check_build(repository, pull_request, position),
        "buildDefinitionId": wanted,
        "isExpired": stale,
        "buildStartedUtc": stamp(call.world.at(check.at)),
        "lastMergeSourceCommitId": pull_request.head,
    }
    if stale:
        return "queued", context
    if check.state != "completed":
        return BUILD_STATES[check.state], context
    return ("approved" if check.conclusion == "success" else "rejected"), context


def _reported(pull_request: PullRequest, policy: Policy) -> str:
    """The newest status of the policy's context; with ``invalidateOnSourceUpdate`` only of the newest iteration.

    A scenario's check that names no app may come from any, so here a policy without a genre takes every genre.
    """
    settings = policy.settings
    name, genre = str(settings.get("statusName")), settings.get("statusGenre")
    for status in reversed(latest(pull_request.ado_statuses)):
        if status.name == name and genre in (None, "", status.genre):
            stale = status.iteration is not None and status.iteration < len(pull_request.pushes)
            if settings.get("invalidateOnSourceUpdate") and stale:
                return "queued"
            return STATUS_STATES[status.state]
    return "queued"
