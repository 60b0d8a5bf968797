"""Build definitions and runs, with their timelines, artifacts, changes and stages."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection, continued
from bot.sandbox.azure_devops.people import account, identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import BUILD, BUILD_EXECUTE
from bot.sandbox.azure_devops.surfaces.projects import project_reference
from bot.sandbox.azure_devops.surfaces.repositories import web_url
from bot.sandbox.identity import guid, number

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Build, Collection, Definition

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


@answers("timeline", "GET", BUILD)
def timeline(call: Call) -> object:
    """The stages of a run, each with its newest attempt and those before it."""
    build = build_of(call)
    records: list[Json] = []
    for order, (name, first) in enumerate(build.stages.items(), 1):
        attempt = first + call.collection.retries.get((build.id, name), 0)
        stage = guid("stage", build.id, name)
        done = build.state == "completed"
        times: Json = {
            "startTime": stamp(build.at) if build.state != "queued" else None,
            "finishTime": stamp(build.at + DURATION) if done else None,
        }
        outcome: Json = {
            "state": {"queued": "pending", "in_progress": "inProgress", "completed": "completed"}[build.state],
            "result": RESULTS[build.result] if done else None,
            "errorCount": 0,
            "warningCount": 0,
            "changeId": 1,
            "lastModified": "0001-01-01T00:00:00",
            "workerName": None,
            "queueId": None,
            "details": None,
            "log": None,
            "task": None,
        }
        records.append(
            {
                "previousAttempts": [
                    {"attempt": each, "timelineId": guid("timeline", build.id, name, each), "recordId": stage}
                    for each in range(1, attempt)
                ],
                "id": stage,
                "parentId": None,
                "type": "Stage",
                "name": name,
                "identifier": name,
                "attempt": attempt,
                "order": order,
                **times,
                **outcome,
            }
        )
        records.append(
            {
                "previousAttempts": [],
                "id": guid("job", build.id, name),
                "parentId": stage,
                "type": "Job",
                "name": f"{name} job",
                "identifier": f"{name}.job.__default",
                "attempt": attempt,
                "order": 1,
                **times,
                **outcome,
            }
        )
    url = f"{call.collection.url}/{call.project.guid}/_apis/build/builds/{build.id}/Timeline/{plan_of(build)}"
    return {
        "records": records,
        "lastChangedBy": account(call.collection, build.by).guid,
        "lastChangedOn": stamp(build.at + DURATION),
        "id": plan_of(build),
        "changeId": len(records),
        "url": url,
    }


@answers("artifacts", "GET", BUILD)
def artifacts(call: Call) -> object:
    """What a run published and still has, or one of those by name."""
    build = build_of(call)
    now = call.world.clock()
    base = f"{call.collection.url}/{call.project.guid}/_apis/build/builds/{build.id}/artifacts"
    rows: list[Json] = []
    for artifact in build.artifacts:
        if artifact.expired or (artifact.expires_at is not None and call.world.at(artifact.expires_at) <= now):
            continue
        url = f"{base}?artifactName={artifact.name}"
        rows.append(
            {
                "id": number("artifact", build.id, artifact.name),
                "name": artifact.name,
                "source": guid("job", build.id, next(iter(build.stages))),
                "resource": {
                    "type": "PipelineArtifact",
                    "data": artifact.digest or guid("artifact", build.id, artifact.name),
                    "properties": {"RootId": guid("root", build.id, artifact.name), "artifactsize": "1024"},
                    "url": url,
                    "downloadUrl": f"{url}&%24format=zip",
                },
            }
        )
    wanted = call.text("artifactName")
    if not wanted:
        return collection(rows)
    found = next((row for row in rows if str(row["name"]).lower() == wanted.lower()), None)
    if found is None:
        raise problems.missing(
            f"The artifact {wanted} was not found for build {build.id}.", "ArtifactNotFoundException", SERVER
        )
    return found


@answers("build_changes", "GET", BUILD)
def build_changes(call: Call) -> object:
    """The commits that are new in a run, against the run of the same pipeline before it."""
    build = build_of(call)
    git = build.definition.repository.git
    earlier = [
        each
        for each in call.collection.current().builds(call.project)
        if each.definition is build.definition and each.at < build.at and each.sha in git.commits
    ]
    commits = git.log(build.sha, earlier[0].sha if earlier else None) if build.sha in git.commits else []
    rows: list[Json] = [
        {
            "id": commit.sha,
            "message": commit.message,
            "type": "TfsGit",
            "author": {"displayName": commit.author.name, "uniqueName": commit.author.email},
            "timestamp": stamp(commit.committed_at),
            "location": f"{call.collection.url}/_apis/git/repositories/{build.definition.repository.guid}"
            f"/commits/{commit.sha}",
        }
        for commit in commits
    ]
    return continued(call, rows, 50)


@answers("build_work_items", "GET", BUILD)
def build_work_items(call: Call) -> object:
    """The work items linked to the pull requests that a run's new commits came with."""
    build = build_of(call)
    body = build_changes(call)
    assert isinstance(body, Answer)
    assert isinstance(body.body, dict)
    shas = {change["id"] for change in body.body["value"]}
    found: dict[int, None] = {}
    for pull_request in build.definition.repository.pull_requests.values():
        if pull_request.merge_sha in shas or pull_request.number == build.pull_request:
            found.update(dict.fromkeys(pull_request.part.links.work_items))
    known = [each for each in found if call.world.work_item(call.collection.organization.name, each)]
    return collection([{"id": str(each), "url": f"{call.collection.url}/_apis/wit/workItems/{each}"} for each in known])


@answers("stages", "PATCH", BUILD_EXECUTE)
def update_stage(call: Call) -> object:
    """Run a stage of an old run again (``retry``), which is how a pipeline rolls back; or cancel one."""
    build = build_of(call)
    if not call.collection.at_least("write", build.definition.repository, call):
        raise problems.access_denied(call.person.name, "Queue builds", f"build {build.id}")
    wanted = call.values.get("stagerefname", "")
    name = next((each for each in build.stages if each.lower() == wanted.lower()), None)
    if name is None:
        raise problems.missing(
            f"Stage {wanted} was not found in build {build.id}.", "StageNotFoundException", "Microsoft.Azure.Pipelines"
        )
    state = str(call.document().get("state", "")).lower()
    if state in ("retry", "1"):
        with call.world.lock:
            call.collection.retries[build.id, name] = call.collection.retries.get((build.id, name), 0) + 1
    elif state not in ("cancel", "0"):
        raise problems.bad_argument(f"The value '{state}' of state is neither retry nor cancel.")
    elif build.state == "completed":
        raise problems.bad_argument(f"Stage {name} of build {build.id} has finished and cannot be cancelled.")
    else:
        with call.world.lock:
            build.state, build.result = "completed", "cancelled"
    return Answer(None, 204)
