"""What is inside a run: its timeline, artifacts, changes and stages."""

from __future__ import annotations

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection, continued
from bot.sandbox.azure_devops.people import account, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import BUILD, BUILD_EXECUTE
from bot.sandbox.azure_devops.surfaces.builds import DURATION, RESULTS, SERVER, build_of, plan_of
from bot.sandbox.identity import guid, number


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
            found.update(dict.fromkeys(pull_request.linked(call.world.at, call.world.clock())))
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
