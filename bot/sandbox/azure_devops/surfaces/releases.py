"""Classic releases (vsrm): one definition for each repository that has any."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, collection, continued
from bot.sandbox.azure_devops.people import anyone, identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import RELEASE
from bot.sandbox.azure_devops.surfaces.builds import DURATION
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.scenario import DeploymentPart, EnvironmentPart, ReleasePart
    from bot.sandbox.world import Project, Repository

STATUSES = {
    "success": "succeeded",
    "inactive": "succeeded",
    "failure": "failed",
    "in_progress": "inProgress",
    "waiting": "notDeployed",
}
OPERATIONS = {
    "success": "Approved",
    "inactive": "Approved",
    "failure": "PhaseFailed",
    "in_progress": "PhaseInProgress",
    "waiting": "Pending",
}
ENVIRONMENT_STATUSES = {
    "succeeded": "succeeded",
    "failed": "rejected",
    "inProgress": "inProgress",
    "notDeployed": "notStarted",
}
NEVER = "0001-01-01T00:00:00"


@dataclass(frozen=True)
class Definition:
    """A classic release definition."""

    id: int
    name: str
    repository: Repository
    project: Project
    environments: dict[str, EnvironmentPart | None]
    """By name, in order; None for one that only deployments name."""

    @property
    def releases(self) -> list[ReleasePart]:
        """Its releases, oldest first."""
        found = [part for part in self.repository.part.releases if part.classic and not part.draft]
        return sorted(found, key=lambda part: self.repository.world.at(part.created_at))

    def environment(self, name: str) -> int:
        """The id of one of its environments."""
        return number("release-environment", self.repository.key, name)


def definitions_of(call: Call, project: Project) -> list[Definition]:
    """A project's classic definitions, numbered in order."""
    found: list[Definition] = []
    for repository in call.collection.current().repositories[project.guid]:
        classic = {part.version for part in repository.part.releases if part.classic and not part.draft}
        if not classic:
            continue
        environments: dict[str, EnvironmentPart | None] = {part.name: part for part in repository.part.environments}
        for deployment in repository.part.deployments:
            if deployment.release in classic:
                environments.setdefault(deployment.environment, None)
        ident = len(found) + 1
        found.append(Definition(ident, f"{repository.name} release", repository, project, environments))
    return [each for each in found if call.collection.may_read(each.repository, call)]


def _release_id(definition: Definition, part: ReleasePart) -> int:
    return number("classic-release", definition.repository.key, part.version)


def _base(call: Call, definition: Definition) -> str:
    return f"{call.collection.url}/{definition.project.guid}/_apis/Release"


def _reference(call: Call, definition: Definition) -> Json:
    return {
        "id": definition.id,
        "name": definition.name,
        "path": "\\",
        "projectReference": None,
        "url": f"{_base(call, definition)}/definitions/{definition.id}",
    }


def _approval_rules(call: Call, part: EnvironmentPart | None) -> Json:
    """Who has to approve before a deployment; nobody makes it automatic."""
    names = part.approvers if part else []
    if not names:
        return {"approvals": [{"id": 1, "rank": 1, "isAutomated": True, "isNotificationOn": False}]}
    return {
        "approvals": [
            {
                "id": position,
                "rank": 1,
                "isAutomated": False,
                "isNotificationOn": False,
                "approver": anyone(call.collection, name),
            }
            for position, name in enumerate(names, 1)
        ],
        "approvalOptions": {
            "requiredApproverCount": 1,
            "releaseCreatorCanBeApprover": not (part and part.prevent_self_review),
            "autoTriggeredAndPreviousEnvironmentApprovedCanBeSkipped": False,
            "enforceIdentityRevalidation": False,
            "timeoutInMinutes": 0,
            "executionOrder": "beforeGates",
        },
    }


def definition_document(call: Call, definition: Definition, *, whole: bool) -> Json:
    """A ReleaseDefinition; lists leave the environments and artifacts out unless they are expanded."""
    owner = call.collection
    who = identity(owner, _someone(definition))
    url = f"{_base(call, definition)}/definitions/{definition.id}"
    body: Json = {
        "source": "userInterface",
        "revision": 1,
        "description": None,
        "createdBy": who,
        "createdOn": stamp(owner.world.now),
        "modifiedBy": who,
        "modifiedOn": stamp(owner.world.now),
        "isDeleted": False,
        "variableGroups": [],
        "releaseNameFormat": "Release-$(rev:r)",
        "properties": {},
        "id": definition.id,
        "name": definition.name,
        "path": "\\",
        "projectReference": None,
        "url": url,
        "_links": {"self": {"href": url}},
    }
    expand = call.text("$expand").lower()
    if whole or "environments" in expand:
        body["environments"] = [
            _definition_environment(call, definition, name, part, rank)
            for rank, (name, part) in enumerate(definition.environments.items(), 1)
        ]
    if whole or "artifacts" in expand:
        body["artifacts"] = [_artifact(definition, None)]
    if whole:
        body["variables"] = {}
        body["triggers"] = []
        body["tags"] = []
    return body


def _someone(definition: Definition) -> str:
    world = definition.repository.world
    return next(iter(world.collaborators(definition.repository)), next(iter(world.people)))


def _artifact(definition: Definition, part: ReleasePart | None) -> Json:
    repository = definition.repository
    reference: Json = {
        "definition": {"id": repository.guid, "name": repository.name},
        "project": {"id": definition.project.guid, "name": definition.project.name},
        "branches": {"id": repository.default_branch, "name": repository.default_branch},
    }
    if part is not None:
        sha = repository.git.names.get(part.version) or repository.git.resolve(part.commit)
        reference["version"] = {"id": sha, "name": str(sha)[:8]}
    return {
        "sourceId": f"{definition.project.guid}:{repository.guid}",
        "type": "Git",
        "alias": f"_{repository.name}",
        "definitionReference": reference,
        "isPrimary": True,
        "isRetained": True,
    }


def _definition_environment(
    call: Call, definition: Definition, name: str, part: EnvironmentPart | None, rank: int
) -> Json:
    automatic: Json = {"approvals": [{"id": 2, "rank": 1, "isAutomated": True, "isNotificationOn": False}]}
    return {
        "id": definition.environment(name),
        "name": name,
        "rank": rank,
        "owner": identity(call.collection, _someone(definition)),
        "variables": {},
        "variableGroups": [],
        "preDeployApprovals": _approval_rules(call, part),
        "deployStep": {"id": rank},
        "postDeployApprovals": automatic,
        "deployPhases": [],
        "environmentOptions": {"autoLinkWorkItems": False, "badgeEnabled": False, "publishDeploymentStatus": True},
        "demands": [],
        "conditions": [],
        "executionPolicy": {"concurrencyCount": 1, "queueDepthCount": 0},
        "schedules": [],
        "retentionPolicy": {"daysToKeep": 30, "releasesToKeep": 3, "retainBuild": True},
        "properties": {},
        "preDeploymentGates": {"id": 0, "gatesOptions": None, "gates": []},
        "postDeploymentGates": {"id": 0, "gatesOptions": None, "gates": []},
        "environmentTriggers": [],
    }


@answers("release_definitions", "GET", RELEASE)
def release_definitions(call: Call) -> object:
    """A project's classic definitions, or one of them."""
    listed = definitions_of(call, call.project)
    if "definitionid" in call.values:
        wanted = call.whole("definitionid")
        found = next((each for each in listed if each.id == wanted), None)
        if found is None:
            raise problems.missing(
                f"VS402881: Release definition with ID {wanted} does not exist.", "ReleaseDefinitionNotFoundException"
            )
        return definition_document(call, found, whole=True)
    text = call.text("searchText").lower()
    return continued(
        call, [definition_document(call, each, whole=False) for each in listed if text in each.name.lower()], 10_000
    )


@dataclass(frozen=True)
class Deployment:
    """One deployment of a classic release."""

    id: int
    definition: Definition
    release: ReleasePart
    part: DeploymentPart


def deployments_of(definition: Definition) -> list[Deployment]:
    """A definition's deployments, oldest first."""
    releases = {part.version: part for part in definition.releases}
    world = definition.repository.world
    found = [
        Deployment(number("classic-deployment", definition.repository.key, i), definition, releases[part.release], part)
        for i, part in enumerate(definition.repository.part.deployments)
        if part.release in releases
    ]
    return sorted(found, key=lambda each: world.at(each.part.at))


def deployment_document(call: Call, deployment: Deployment) -> Json:
    """A Deployment."""
    definition, part = deployment.definition, deployment.part
    owner = call.collection
    at = owner.world.at(part.at)
    who = identity(owner, part.by or deployment.release.author or _someone(definition))
    release = _release_id(definition, deployment.release)
    environment = number("release-stage", release, part.environment)
    base = _base(call, definition)
    body: Json = {
        "id": deployment.id,
        "release": {
            "id": release,
            "name": deployment.release.version,
            "url": f"{base}/releases/{release}",
            "artifacts": [_artifact(definition, deployment.release)],
            "webAccessUri": f"{owner.url}/{definition.project.guid}/_releaseProgress?releaseId={release}",
        },
        "releaseDefinition": _reference(call, definition),
        "releaseEnvironment": {
            "id": environment,
            "name": part.environment,
            "url": f"{base}/releases/{release}/environments/{environment}",
        },
        "projectReference": None,
        "definitionEnvironmentId": definition.environment(part.environment),
        "attempt": part.attempt,
        "reason": "manual",
        "deploymentStatus": STATUSES[part.status],
        "operationStatus": OPERATIONS[part.status],
        "requestedBy": who,
        "requestedFor": who,
        "queuedOn": stamp(at),
        "startedOn": stamp(at) if part.status != "waiting" else NEVER,
        "lastModifiedOn": stamp(at + DURATION),
        "lastModifiedBy": who,
        "conditions": [],
        "scheduledDeploymentTime": NEVER,
        "preDeployApprovals": _given(call, deployment),
        "postDeployApprovals": [],
        "_links": {},
    }
    if part.status in ("success", "inactive", "failure"):
        body["completedOn"] = stamp(at + DURATION)
    return body


def _given(call: Call, deployment: Deployment) -> list[Json]:
    """The approvals that a deployment had, or still waits for."""
    part = deployment.definition.environments.get(deployment.part.environment)
    if part is None or not part.approvers:
        return []
    pending = deployment.part.status == "waiting"
    approver = anyone(call.collection, part.approvers[0])
    at = stamp(call.world.at(deployment.part.at))
    row: Json = {
        "id": number("release-approval", deployment.id),
        "revision": 1,
        "approver": approver,
        "approvalType": "preDeploy",
        "createdOn": at,
        "modifiedOn": at,
        "status": "pending" if pending else "approved",
        "comments": "",
        "isAutomated": False,
        "isNotificationOn": False,
        "trialNumber": 1,
        "attempt": deployment.part.attempt,
        "rank": 1,
    }
    if not pending:
        row["approvedBy"] = approver
    return [row]


@answers("release_deployments", "GET", RELEASE)
def release_deployments(call: Call) -> object:
    """Deployments of classic releases, newest first."""
    definition, environment = call.number("definitionId", 0), call.number("definitionEnvironmentId", 0)
    wanted = call.text("deploymentStatus").lower()
    operation = call.text("operationStatus").lower()
    by, latest = call.text("createdBy").lower(), call.flag("latestAttemptsOnly")
    after, before = call.text("minStartedTime"), call.text("maxStartedTime")
    rows = []
    seen: set[tuple[object, object]] = set()
    for each in definitions_of(call, call.project):
        if definition and each.id != definition:
            continue
        for deployment in reversed(deployments_of(each)):
            row = deployment_document(call, deployment)
            key = (deployment.release.version, deployment.part.environment)
            if latest and key in seen:
                continue
            seen.add(key)
            requested = row["requestedBy"]
            assert isinstance(requested, dict)
            if (
                (environment and row["definitionEnvironmentId"] != environment)
                or (wanted not in ("", "all") and str(row["deploymentStatus"]).lower() != wanted)
                or (operation not in ("", "all") and str(row["operationStatus"]).lower() != operation)
                or (by and by not in (requested["id"], str(requested["uniqueName"]).lower()))
                or (after and str(row["startedOn"]) < after)
                or (before and str(row["startedOn"]) > before)
            ):
                continue
            rows.append(row)
    rows.sort(key=lambda row: str(row["queuedOn"]), reverse=call.text("queryOrder").lower() != "ascending")
    return continued(call, rows, 50)


def release_document(call: Call, definition: Definition, part: ReleasePart, *, whole: bool) -> Json:
    """A Release; lists leave the environments out unless they are expanded."""
    owner = call.collection
    ident = _release_id(definition, part)
    at = owner.world.at(part.created_at)
    who = identity(owner, part.author or _someone(definition))
    url = f"{_base(call, definition)}/releases/{ident}"
    body: Json = {
        "id": ident,
        "name": part.version,
        "status": "active",
        "createdOn": stamp(at),
        "modifiedOn": stamp(at),
        "modifiedBy": who,
        "createdBy": who,
        "createdFor": who,
        "variables": {},
        "variableGroups": [],
        "releaseDefinition": _reference(call, definition),
        "releaseDefinitionRevision": 1,
        "description": part.notes,
        "reason": "manual",
        "releaseNameFormat": "Release-$(rev:r)",
        "keepForever": part.immutable,
        "definitionSnapshotRevision": 1,
        "tags": [],
        "triggeringArtifactAlias": None,
        "projectReference": {"id": definition.project.guid, "name": definition.project.name},
        "properties": {},
        "url": url,
        "_links": {"self": {"href": url}},
    }
    expand = call.text("$expand").lower()
    if whole or "environments" in expand:
        body["environments"] = [_stage(call, definition, part, name) for name in definition.environments]
    if whole or "artifacts" in expand:
        body["artifacts"] = [_artifact(definition, part)]
    return body


def _stage(call: Call, definition: Definition, part: ReleasePart, name: str) -> Json:
    """One environment of one release, with how its deployments went."""
    made = [each for each in deployments_of(definition) if each.release is part and each.part.environment == name]
    ident = number("release-stage", _release_id(definition, part), name)
    steps = [
        {
            "id": each.id,
            "deploymentId": each.id,
            "attempt": each.part.attempt,
            "reason": "manual",
            "status": STATUSES[each.part.status],
            "operationStatus": OPERATIONS[each.part.status],
            "queuedOn": stamp(call.world.at(each.part.at)),
        }
        for each in made
    ]
    status = ENVIRONMENT_STATUSES[STATUSES[made[-1].part.status]] if made else "notStarted"
    return {
        "id": ident,
        "releaseId": _release_id(definition, part),
        "name": name,
        "status": status,
        "variables": {},
        "variableGroups": [],
        "preDeployApprovals": _given(call, made[-1]) if made else [],
        "postDeployApprovals": [],
        "preApprovalsSnapshot": _approval_rules(call, definition.environments[name]),
        "deploySteps": steps,
        "rank": list(definition.environments).index(name) + 1,
        "definitionEnvironmentId": definition.environment(name),
        "releaseDefinition": _reference(call, definition),
        "conditions": [],
    }


@answers("releases", "GET", RELEASE)
def releases(call: Call) -> object:
    """Classic releases, newest first, or one of them."""
    listed = definitions_of(call, call.project)
    if "releaseid" in call.values:
        definition, part = _find(call, listed)
        return release_document(call, definition, part, whole=True)
    wanted, text = call.number("definitionId", 0), call.text("searchText").lower()
    rows = [
        release_document(call, each, part, whole=False)
        for each in listed
        for part in each.releases
        if (not wanted or each.id == wanted) and text in part.version.lower()
    ]
    rows.sort(key=lambda row: str(row["createdOn"]), reverse=call.text("queryOrder").lower() != "ascending")
    return continued(call, rows, 50)


def _find(call: Call, listed: list[Definition]) -> tuple[Definition, ReleasePart]:
    wanted = call.whole("releaseid")
    for definition in listed:
        for part in definition.releases:
            if _release_id(definition, part) == wanted:
                return definition, part
    raise problems.missing(
        f"VS402872: Release with ID {wanted} does not exist. Specify a valid ID.", "ReleaseNotFoundException"
    )


@answers("release_environments", "GET", RELEASE)
def release_environments(call: Call) -> object:
    """One environment of one release, or all of them."""
    definition, part = _find(call, definitions_of(call, call.project))
    rows = [_stage(call, definition, part, name) for name in definition.environments]
    if "environmentid" in call.values:
        wanted = call.whole("environmentid")
        found = next((row for row in rows if row["id"] == wanted), None)
        if found is None:
            raise problems.missing(
                f"VS402873: Stage with ID {wanted} does not exist.", "ReleaseEnvironmentNotFoundException"
            )
        return found
    return collection(rows)
