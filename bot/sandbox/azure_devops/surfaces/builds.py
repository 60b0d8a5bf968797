"""Build definitions and runs, with their timelines, artifacts, changes and stages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, continued
from bot.sandbox.azure_devops.people import account, identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import BUILD
from bot.sandbox.azure_devops.surfaces.projects import project_reference
from bot.sandbox.azure_devops.surfaces.repositories import web_url
from bot.sandbox.identity import guid

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.azure_devops.entities import Build, Definition

STATUSES = {"queued": "notStarted", "in_progress": "inProgress", "completed": "completed"}
RESULTS = {
    "success": "succeeded",
    "neutral": "succeeded",
    "failure": "failed",
    "timed_out": "failed",
    "action_required": "failed",
    "stale": "canceled",
    "cancelled": "canceled",
    "skipped": "canceled",
}
DURATION = timedelta(minutes=4)
SERVER = "Microsoft.TeamFoundation.Build2.WebServer"


def definition_reference(owner: Collection, definition: Definition) -> Json:
    """A DefinitionReference."""
    url = f"{owner.url}/{definition.project.guid}/_apis/build/Definitions/{definition.id}?revision=1"
    return {
        "drafts": [],
        "id": definition.id,
        "name": definition.name,
        "url": url,
        "uri": f"vstfs:///Build/Definition/{definition.id}",
        "path": "\\",
        "type": "build",
        "queueStatus": "enabled" if definition.enabled else "disabled",
        "revision": 1,
        "createdDate": stamp(owner.world.at(timedelta(days=-400))),
        "project": project_reference(owner, definition.project),
    }


def definition_document(owner: Collection, definition: Definition) -> Json:
    """A BuildDefinition."""
    repository = definition.repository
    someone = next(iter(owner.world.collaborators(repository)), next(iter(owner.world.people)))
    body = definition_reference(owner, definition)
    body.update(
        {
            "process": {"yamlFilename": definition.yaml, "type": 2},
            "repository": {
                "id": repository.guid,
                "type": "TfsGit",
                "name": repository.name,
                "url": web_url(owner, repository),
                "defaultBranch": f"refs/heads/{repository.default_branch}",
                "clean": None,
                "checkoutSubmodules": False,
                "properties": {},
            },
            "triggers": [
                {
                    "settingsSourceType": 2,  # what the YAML says
                    "branchFilters": [],
                    "pathFilters": [],
                    "batchChanges": False,
                    "maxConcurrentBuildsPerBranch": 1,
                    "triggerType": "continuousIntegration",
                }
            ],
            "variables": {},
            "variableGroups": [],
            "tags": [],
            "properties": {},
            "quality": "definition",
            "authoredBy": identity(owner, someone),
            "jobAuthorizationScope": "projectCollection",
            "jobTimeoutInMinutes": 60,
            "jobCancelTimeoutInMinutes": 5,
            "_links": {"self": {"href": body["url"]}},
        }
    )
    return body


def build_document(owner: Collection, build: Build) -> Json:
    """A Build."""
    project = build.definition.project
    url = f"{owner.url}/{project.guid}/_apis/build/Builds/{build.id}"
    body: Json = {
        "_links": {
            "self": {"href": url},
            "web": {"href": f"{owner.url}/{project.guid}/_build/results?buildId={build.id}"},
            "timeline": {"href": f"{url}/Timeline"},
        },
        "properties": {},
        "tags": [],
        "validationResults": [],
        "plans": [{"planId": plan_of(build)}],
        "triggerInfo": _trigger(owner, build),
        "id": build.id,
        "buildNumber": build.number,
        "status": STATUSES[build.state],
        "queueTime": stamp(build.at),
        "url": url,
        "definition": definition_reference(owner, build.definition),
        "project": project_reference(owner, project),
        "uri": f"vstfs:///Build/Build/{build.id}",
        "sourceBranch": build.branch,
        "sourceVersion": build.sha,
        "priority": "normal",
        "reason": build.reason,
        "requestedFor": identity(owner, build.by),
        "requestedBy": identity(owner, build.by),
        "lastChangedDate": stamp(build.at + DURATION),
        "lastChangedBy": identity(owner, build.by),
        "orchestrationPlan": {"planId": plan_of(build)},
        "logs": {"id": 0, "type": "Container", "url": f"{url}/logs"},
        "repository": {
            "id": build.definition.repository.guid,
            "type": "TfsGit",
            "name": build.definition.repository.name,
            "url": web_url(owner, build.definition.repository),
        },
        "retainedByRelease": False,
        "keepForever": any(until > owner.world.clock() for until in build.leases),
        "deleted": build.deleted,
    }
    if build.state != "queued":
        body["startTime"] = stamp(build.at)
    if build.state == "completed":
        body["finishTime"] = stamp(build.at + DURATION)
        body["result"] = RESULTS[build.result]
    return body


def plan_of(build: Build) -> str:
    """The id of the run's plan."""
    return guid("plan", build.id)


def _trigger(owner: Collection, build: Build) -> Json:
    if build.pull_request is None:
        return {"ci.sourceBranch": build.branch, "ci.sourceSha": build.sha} if build.reason == "individualCI" else {}
    pull_request = build.definition.repository.pull_requests[build.pull_request]
    return {
        "pr.number": str(build.pull_request),
        "pr.isFork": str(pull_request.part.fork is not None),
        "pr.sourceBranch": f"refs/heads/{pull_request.source}",
        "pr.sourceSha": pull_request.head,
        "pr.title": pull_request.part.title,
        "pr.sender.name": account(owner, pull_request.author).name,
    }


def definition_of(call: Call, name: str) -> Definition:
    """The definition of the address."""
    wanted = call.whole(name)
    found = next((each for each in _definitions(call) if each.id == wanted), None)
    if found is None:
        raise problems.missing(
            f"VS800080: The build definition {wanted} does not exist.", "DefinitionNotFoundException", SERVER
        )
    return found


def _definitions(call: Call) -> list[Definition]:
    listed = call.collection.current().definitions[call.project.guid]
    return [each for each in listed if call.collection.may_read(each.repository, call)]


def build_of(call: Call, name: str = "buildid") -> Build:
    """The run of the address; one that retention has taken is not found."""
    wanted = call.whole(name)
    found = call.collection.current().build(call.project, wanted)
    if found is None or found.deleted or not call.collection.may_read(found.definition.repository, call):
        raise build_not_found(wanted)
    return found


def build_not_found(wanted: int) -> problems.Problem:
    """No such run, or not any more."""
    return problems.missing(f"The requested build {wanted} could not be found.", "BuildNotFoundException", SERVER)


@answers("definitions", "GET", BUILD)
def definitions(call: Call) -> object:
    """A project's definitions, or one of them. Lists show all of it only with ``includeAllProperties``."""
    owner = call.collection
    if "definitionid" in call.values:
        return definition_document(owner, definition_of(call, "definitionid"))
    name = call.text("name").lower()
    repository, kind = call.text("repositoryId").lower(), call.text("repositoryType")
    if repository and not kind:
        raise problems.bad_argument("The repositoryType parameter is required when repositoryId is given.")
    ids = set(call.listed("definitionIds"))
    yaml = call.text("yamlFilename").strip("/").lower()
    rows = [
        definition_document(owner, each) if call.flag("includeAllProperties") else definition_reference(owner, each)
        for each in _definitions(call)
        if (not name or _like(each.name.lower(), name))
        and (not repository or repository in (each.repository.guid, each.repository.name.lower()))
        and (not kind or kind.lower() == "tfsgit")
        and (not ids or str(each.id) in ids)
        and (not yaml or each.yaml.strip("/").lower() == yaml)
    ]
    return continued(call, rows, 10_000)


def _like(name: str, pattern: str) -> bool:
    """Names may be asked for with a star at either end."""
    if pattern.startswith("*") or pattern.endswith("*"):
        core = pattern.strip("*")
        if pattern.startswith("*") and pattern.endswith("*"):
            return core in name
        return name.endswith(core) if pattern.startswith("*") else name.startswith(core)
    return name == pattern


@answers("builds", "GET", BUILD)
def builds(call: Call) -> object:
    """One run, or those that meet every filter, newest first."""
    if "buildid" in call.values:
        return build_document(call.collection, build_of(call))
    rows = [build_document(call.collection, build) for build in _matching(call)]
    return continued(call, rows, 1000)


def _matching(call: Call) -> list[Build]:
    owner = call.collection
    ids, wanted = set(call.listed("buildIds")), set(call.listed("definitions"))
    statuses = {each.lower() for each in call.listed("statusFilter")} - {"all"}
    results = {each.lower() for each in call.listed("resultFilter")}
    reasons = {each.lower() for each in call.listed("reasonFilter")} - {"all"}
    branch, title = call.text("branchName"), call.text("buildNumber").lower()
    repository = call.text("repositoryId").lower()
    after, before = call.text("minTime"), call.text("maxTime")
    deleted = call.text("deletedFilter", "excludeDeleted").lower()
    per_definition = call.number("maxBuildsPerDefinition", 0)
    seen: dict[int, int] = {}
    found = []
    for build in owner.current().builds(call.project):
        if not owner.may_read(build.definition.repository, call):
            continue
        if build.deleted and deleted not in ("includedeleted", "onlydeleted"):
            continue
        if deleted == "onlydeleted" and not build.deleted:
            continue
        if (
            (ids and str(build.id) not in ids)
            or (wanted and str(build.definition.id) not in wanted)
            or (statuses and STATUSES[build.state].lower() not in statuses)
            or (results and (build.state != "completed" or RESULTS[build.result].lower() not in results))
            or (reasons and build.reason.lower() not in reasons)
            or (branch and build.branch != branch)
            or (title and not _like(build.number.lower(), title))
            or (repository and build.definition.repository.guid != repository)
            or (after and stamp(build.at) < after)
            or (before and stamp(build.at) > before)
        ):
            continue
        seen[build.definition.id] = seen.get(build.definition.id, 0) + 1
        if not per_definition or seen[build.definition.id] <= per_definition:
            found.append(build)
    if call.text("queryOrder").lower().endswith("ascending"):
        found.reverse()
    return found
