"""Deployment environments, what was deployed to them, the checks in front of them, and who still has to approve."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, collection, continued
from bot.sandbox.azure_devops.people import anyone, identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import ENVIRONMENT, RESOURCES
from bot.sandbox.azure_devops.surfaces.builds import DURATION, plan_of
from bot.sandbox.identity import guid

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.entities import Environment, Record
    from bot.sandbox.scenario import EnvironmentPart
    from bot.sandbox.world import Project

RESULTS = {"success": "succeeded", "inactive": "succeeded", "failure": "failed"}

APPROVAL = "8c6f20a7-a545-4486-9777-f762fafe0d4d"
TASK_CHECK = "fe1de3ee-a436-41b4-bb20-f6eb4cb879a7"
BRANCH_CONTROL = "86b05a0c-73e6-4f7d-b3cf-e38f3b39a75b"
TIMEOUT = 43_200
"""Minutes that a check waits: the service's default, thirty days."""

RESOURCE_TYPES = ("agentpool", "endpoint", "environment", "queue", "repository", "securefile", "variablegroup")


def _visible(call: Call) -> list[Environment]:
    listed = call.collection.current().environments[call.project.guid]
    return [each for each in listed if any(call.collection.may_read(one, call) for one in each.repositories)]


def _one(call: Call) -> Environment:
    wanted = call.whole("environmentid")
    found = next((each for each in _visible(call) if each.id == wanted), None)
    if found is None:
        raise problems.missing(
            f"VS402842: Environment with ID {wanted} does not exist or has been deleted.",
            "EnvironmentNotFoundException",
        )
    return found


def environment_document(call: Call, environment: Environment) -> Json:
    """An EnvironmentInstance."""
    owner = call.collection
    someone = next(iter(owner.organization.part.owners), next(iter(owner.world.people)))
    who = identity(owner, someone)
    return {
        "id": environment.id,
        "name": environment.name,
        "description": "",
        "createdBy": who,
        "createdOn": stamp(owner.world.now),
        "lastModifiedBy": who,
        "lastModifiedOn": stamp(owner.world.now),
        "resources": [],
        "project": {"id": environment.project.guid, "name": environment.project.name},
    }


def _environments(call: Call) -> object:
    """A project's environments, or one of them."""
    if "environmentid" in call.values:
        return environment_document(call, _one(call))
    name = call.text("name").lower()
    rows = [environment_document(call, each) for each in _visible(call) if not name or each.name.lower() == name]
    return continued(call, rows, 1000)


def _records(call: Call) -> object:
    """An environment's deployments, newest first."""
    environment = _one(call)
    rows = [
        _record(call, each)
        for each in call.collection.current().records(environment)
        if call.collection.may_read(each.build.definition.repository, call)
    ]
    return continued(call, rows, 25)


for _location in ("environments", "pipelines_environments"):
    answers(_location, "GET", ENVIRONMENT)(_environments)
for _location in ("deployment_records", "pipelines_deployment_records"):
    answers(_location, "GET", ENVIRONMENT)(_records)


def _record(call: Call, record: Record) -> Json:
    """An EnvironmentDeploymentExecutionRecord: its owner is the run."""
    build, part = record.build, record.part
    base = f"{call.collection.url}/{build.definition.project.guid}"
    definition_url = f"{base}/_apis/build/Definitions/{build.definition.id}"
    run_url = f"{base}/_apis/build/Builds/{build.id}"
    body: Json = {
        "id": record.id,
        "requestIdentifier": f"{build.id}.{part.environment}",
        "environmentId": record.environment.id,
        "serviceOwner": "00025394-6065-48ca-87d9-7f5672854ef7",
        "scopeId": build.definition.project.guid,
        "resourceId": None,
        "planType": "Build",
        "planId": plan_of(build),
        "stageName": part.environment,
        "jobName": f"{part.environment} job",
        "stageAttempt": part.attempt,
        "jobAttempt": 1,
        "definition": {
            "_links": {"web": {"href": f"{base}/_build/definition?definitionId={build.definition.id}"}},
            "id": build.definition.id,
            "name": build.definition.name,
            "url": definition_url,
        },
        "owner": {
            "_links": {"web": {"href": f"{base}/_build/results?buildId={build.id}"}, "self": {"href": run_url}},
            "id": build.id,
            "name": build.number,
            "url": run_url,
        },
        "result": RESULTS.get(part.status),
        "queueTime": stamp(record.at),
        "startTime": stamp(record.at) if part.status != "waiting" else None,
        "finishTime": stamp(record.at + DURATION) if part.status in RESULTS else None,
    }
    return body


@dataclass(frozen=True)
class Check:
    """One check in front of an environment."""

    id: int
    environment: Environment
    kind: str
    name: str
    settings: Json


def checks(call: Call, project: Project) -> Iterator[Check]:
    """Every check of a project's environments, numbered in order."""
    last = 0
    for environment in call.collection.current().environments[project.guid]:
        for part in environment.parts:
            for kind, name, settings in _checks_of(call, part):
                last += 1
                yield Check(last, environment, kind, name, settings)


def _checks_of(call: Call, part: EnvironmentPart) -> Iterator[tuple[str, str, Json]]:
    if part.approvers:
        # On GitHub one of those listed is enough, and so it is here.
        yield (
            APPROVAL,
            "Approval",
            {
                "approvers": [anyone(call.collection, name) for name in part.approvers],
                "executionOrder": 1,
                "instructions": "",
                "blockedApprovers": [],
                "minRequiredApprovers": 1,
                "requesterCannotBeApprover": part.prevent_self_review,
            },
        )
    if part.branches:
        yield (
            TASK_CHECK,
            "Task Check",
            {
                "displayName": "Branch control",
                "definitionRef": {"id": BRANCH_CONTROL, "name": "evaluatebranchProtection", "version": "0.0.1"},
                "inputs": {
                    "allowedBranches": ",".join(f"refs/heads/{branch}" for branch in part.branches),
                    "ensureProtectionOfBranch": "true",
                    "allowUnknownStatusBranch": "false",
                },
                "linkedVariableGroup": None,
                "retryInterval": 5,
            },
        )


def check_document(call: Call, check: Check, *, settings: bool) -> Json:
    """A CheckConfiguration; its settings come only when asked for."""
    owner = call.collection
    someone = next(iter(owner.organization.part.owners), next(iter(owner.world.people)))
    who = identity(owner, someone)
    project = check.environment.project
    url = f"{owner.url}/{project.guid}/_apis/pipelines/checks/configurations/{check.id}"
    body: Json = {
        "createdBy": who,
        "createdOn": stamp(owner.world.now),
        "modifiedBy": who,
        "modifiedOn": stamp(owner.world.now),
        "timeout": TIMEOUT,
        "_links": {"self": {"href": url}},
        "id": check.id,
        "version": 1,
        "type": {"id": check.kind, "name": check.name},
        "url": url,
        "resource": {"type": "environment", "id": str(check.environment.id), "name": check.environment.name},
    }
    if settings:
        body["settings"] = check.settings
    return body


def _wants_settings(call: Call) -> bool:
    expand = call.text("$expand").lower()
    return "settings" in expand or expand == "1"


@answers("check_configurations", "GET", RESOURCES)
def check_configurations(call: Call) -> object:
    """One check, or those of a resource."""
    every = list(checks(call, call.project))
    settings = _wants_settings(call)
    if "id" in call.values:
        wanted = call.whole("id")
        found = next((each for each in every if each.id == wanted), None)
        if found is None:
            raise problems.missing(
                f"Check configuration {wanted} was not found.", "CheckConfigurationNotFoundException"
            )
        return check_document(call, found, settings=settings)
    kind, ident = call.text("resourceType"), call.text("resourceId")
    _known_kind(kind)
    return collection(
        [
            check_document(call, each, settings=settings)
            for each in every
            if kind.lower() == "environment" and str(each.environment.id) == ident
        ]
    )


def _known_kind(kind: str) -> None:
    if kind.lower() not in RESOURCE_TYPES:
        raise problems.bad_argument(f"The resource type '{kind}' is not one of {', '.join(RESOURCE_TYPES)}.")


@answers("check_query", "POST", RESOURCES)
def check_query(call: Call) -> object:
    """The checks of many resources at once."""
    wanted = set()
    for each in call.items():
        if not isinstance(each, dict):
            raise problems.bad_argument("Each resource must be an object with a type and an id.")
        _known_kind(str(each.get("type")))
        wanted.add((str(each.get("type")).lower(), str(each.get("id"))))
    settings = _wants_settings(call)
    return collection(
        [
            check_document(call, each, settings=settings)
            for each in checks(call, call.project)
            if ("environment", str(each.environment.id)) in wanted
        ]
    )


@answers("approvals", "GET", RESOURCES)
def approvals(call: Call) -> object:
    """The approvals that runs waited for: one for each deployment to an environment that has approvers."""
    ids = {each.lower() for each in call.listed("approvalIds")}
    state = call.text("state").lower()
    rows = [row for row in _approvals(call) if (not ids or row["id"] in ids) and _in_state(row, state)]
    if "approvalid" in call.values:
        found = next((row for row in rows if row["id"] == call.values["approvalid"].lower()), None)
        if found is None:
            raise problems.missing(f"Approval {call.values['approvalid']} was not found.", "ApprovalNotFoundException")
        return found
    return collection(rows[: call.number("top", 1000)])


def _in_state(row: Json, state: str) -> bool:
    return not state or state == "all" or row["status"] == state


def _approvals(call: Call) -> list[Json]:
    owner = call.collection
    found: list[Json] = []
    for environment in _visible(call):
        part = next((each for each in environment.parts if each.approvers), None)
        for record in owner.current().records(environment) if part else []:
            assert part is not None
            ident = guid("approval", record.id)
            pending = record.part.status == "waiting"
            done = stamp(record.at)
            status = "pending" if pending else "approved"
            approver = anyone(owner, part.approvers[0])
            step: Json = {
                "assignedApprover": approver,
                "status": status,
                "comment": "",
                "initiatedOn": done,
                "lastModifiedOn": done,
                "order": 1,
                "permissions": "view",
            }
            if not pending:
                step["actualApprover"] = approver
            build = record.build
            url = f"{owner.url}/{environment.project.guid}/_apis/pipelines/approvals/{ident}"
            found.append(
                {
                    "id": ident,
                    "steps": [step],
                    "status": status,
                    "createdOn": done,
                    "lastModifiedOn": done,
                    "executionOrder": "anyOrder",
                    "minRequiredApprovers": 1,
                    "blockedApprovers": [],
                    "pipeline": {
                        "id": str(build.definition.id),
                        "name": build.definition.name,
                        "owner": {"id": build.id, "name": build.number},
                    },
                    "_links": {"self": {"href": url}},
                }
            )
    return found


@answers("pipeline_permissions", "GET", RESOURCES)
def pipeline_permissions(call: Call) -> object:
    """Which pipelines may use a resource: those of the repositories that an environment belongs to."""
    kind, ident = call.values.get("resourcetype", ""), call.values.get("resourceid", "")
    _known_kind(kind)
    pipelines: list[Json] = []
    for environment in _visible(call) if kind.lower() == "environment" else []:
        if str(environment.id) != ident:
            continue
        owner = call.collection
        someone = next(iter(owner.organization.part.owners), next(iter(owner.world.people)))
        for definition in owner.current().definitions[call.project.guid]:
            if any(definition.repository is each for each in environment.repositories):
                pipelines.append(
                    {
                        "id": definition.id,
                        "authorized": True,
                        "authorizedBy": identity(owner, someone),
                        "authorizedOn": stamp(owner.world.now),
                    }
                )
    return {"resource": {"type": kind, "id": ident}, "pipelines": pipelines}
