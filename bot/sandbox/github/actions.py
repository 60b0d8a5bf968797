"""GitHub Actions: workflows, their runs and artifacts, and what the repository allows them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, missing, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.pulls import minimal
from bot.sandbox.github.render import EPOCH, Body, simple_repository, user
from bot.sandbox.github.routing import get, post
from bot.sandbox.identity import number
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.scenario import ArtifactPart, RunPart
    from bot.sandbox.world import Repository

FOLDER = re.compile(r"\.github/workflows/[^/]+\.ya?ml")
NAME = re.compile(r"^name:[ \t]*(?P<name>.+?)[ \t]*(?:#.*)?$", re.MULTILINE)
KEPT = timedelta(days=90)
"""How long GitHub keeps artifacts by default."""


@dataclass(frozen=True)
class Workflow:
    """A workflow file on the default branch."""

    id: int
    name: str
    path: str
    enabled: bool


def workflows_of(each: Repository) -> list[Workflow]:
    """The workflows of a repository: those with a file, and those that the scenario names and that lost theirs."""
    tip = each.tip
    found = []
    named = {part.path: part for part in each.part.pipelines if part.path}
    paths = [path for path in each.git.files(tip) if FOLDER.fullmatch(path)] if tip else []
    for path in sorted({*paths, *named}):
        part = named.get(path)
        text = each.git.text(tip, path) if tip and path in paths else ""
        match = NAME.search(text or "")
        name = part.name if part else match["name"].strip("'\"") if match else path
        found.append(Workflow(number("workflow", each.key, path), name, path, part.enabled if part else True))
    return found


def workflow_named(each: Repository, name: str) -> Workflow | None:
    """The workflow of this name, path or file name."""
    for workflow in workflows_of(each):
        if name in (workflow.name, workflow.path, workflow.path.rpartition("/")[2], str(workflow.id)):
            return workflow
    return None


def run_sha(each: Repository, run: RunPart) -> str:
    """The commit that a run ran on."""
    name = run.commit or run.branch or each.default_branch
    return each.git.names.get(name) or each.git.resolve(name) or each.tip or ""


@get("/repos/{owner}/{repo}/actions/workflows", "actions")
def workflows(call: Call, each: Repository) -> object:
    """A repository's workflows."""
    return call.page(workflows_of(each), lambda workflow: workflow_body(call, each, workflow), "workflows")


@get("/repos/{owner}/{repo}/actions/workflows/{name}", "actions")
def workflow(call: Call, each: Repository, name: str) -> Body:
    """One workflow, by id or file name."""
    return workflow_body(call, each, _workflow(each, name))


@get("/repos/{owner}/{repo}/actions/workflows/{name}/runs", "actions")
def runs_of_workflow(call: Call, each: Repository, name: str) -> object:
    """The runs of one workflow."""
    wanted = _workflow(each, name)
    return _runs(call, each, [run for run in each.part.runs if workflow_named(each, run.pipeline) == wanted])


@post("/repos/{owner}/{repo}/actions/workflows/{name}/dispatches", "actions")
def dispatch(call: Call, each: Repository, name: str) -> Response:
    """Start a workflow: accepted, and nothing runs."""
    _workflow(each, name)
    call.body("ref", resource="WorkflowRun")
    return Response(204)


@get("/repos/{owner}/{repo}/actions/runs", "actions")
def runs(call: Call, each: Repository) -> object:
    """A repository's runs, newest first."""
    return _runs(call, each, each.part.runs)


@get("/repos/{owner}/{repo}/actions/runs/{ident}", "actions")
def run(call: Call, each: Repository, ident: str) -> Body:
    """One run."""
    return run_body(call, each, run_of(each, ident))


@get("/repos/{owner}/{repo}/actions/runs/{ident}/artifacts", "actions")
def artifacts_of_run(call: Call, each: Repository, ident: str) -> object:
    """What a run left."""
    found = run_of(each, ident)
    return _artifacts(call, each, [(found, artifact) for artifact in found.artifacts])


@get("/repos/{owner}/{repo}/actions/artifacts", "actions")
def artifacts(call: Call, each: Repository) -> object:
    """What all runs left."""
    return _artifacts(call, each, [(run, artifact) for run in each.part.runs for artifact in run.artifacts])


@get("/repos/{owner}/{repo}/actions/permissions", "administration")
def permissions(_call: Call, each: Repository) -> Body:
    """Which actions may run."""
    return {"enabled": True, "allowed_actions": each.part.actions.allowed, "sha_pinning_required": False}


@get("/repos/{owner}/{repo}/actions/permissions/workflow", "administration")
def workflow_permissions(_call: Call, each: Repository) -> Body:
    """What GITHUB_TOKEN may do where a workflow does not say."""
    return {
        "default_workflow_permissions": each.part.actions.default_permissions,
        "can_approve_pull_request_reviews": each.part.actions.may_approve,
    }


def _workflow(each: Repository, name: str) -> Workflow:
    found = workflow_named(each, name)
    if found is None:
        raise missing()
    return found


def run_of(each: Repository, ident: str) -> RunPart:
    """The run of that id; 404 where there is none."""
    for run in each.part.runs:
        if str(run.id) == ident:
            return run
    raise missing()


def _runs(call: Call, each: Repository, found: list[RunPart]) -> object:
    wanted = {name: call.request.first(name) for name in ("branch", "event", "status", "head_sha", "actor")}
    kept = [
        run
        for run in found
        if wanted["branch"] in ("", run.branch or each.default_branch)
        and wanted["event"] in ("", run.event)
        and wanted["status"] in ("", run.state, run.result if run.state == "completed" else "")
        and wanted["head_sha"] in ("", run_sha(each, run))
        and wanted["actor"] in ("", run.by)
    ]
    kept.sort(key=lambda run: call.world.at(run.at), reverse=True)
    return call.page(kept, lambda run: run_body(call, each, run), "workflow_runs")


def _artifacts(call: Call, each: Repository, found: list[tuple[RunPart, ArtifactPart]]) -> object:
    name = call.request.first("name")
    kept = [pair for pair in found if not name or pair[1].name == name]
    return call.page(kept, lambda pair: artifact_body(call, each, *pair), "artifacts")


def workflow_body(call: Call, each: Repository, workflow: Workflow) -> Body:
    """A workflow."""
    url = f"{call.api}/repos/{each.full_name}/actions/workflows/{workflow.id}"
    page = f"{call.html}/{each.full_name}"
    return {
        "id": workflow.id,
        "node_id": encode("Workflow", each.key, workflow.path),
        "name": workflow.name,
        "path": workflow.path,
        "state": "active" if workflow.enabled else "disabled_manually",
        "created_at": stamp(EPOCH),
        "updated_at": stamp(EPOCH),
        "url": url,
        "html_url": f"{page}/blob/{each.default_branch}/{workflow.path}",
        "badge_url": f"{page}/workflows/{workflow.name}/badge.svg",
    }


def run_body(call: Call, each: Repository, run: RunPart) -> Body:
    """A run."""
    sha = run_sha(each, run)
    workflow = workflow_named(each, run.pipeline)
    url = f"{call.api}/repos/{each.full_name}"
    mine = f"{url}/actions/runs/{run.id}"
    at = call.world.at(run.at)
    commit = each.git.commits[sha]
    who = user(call, run.by or commit.author.login or "web-flow")
    workflow_id = workflow.id if workflow else number("workflow", each.key, run.pipeline)
    done = run.state == "completed"
    return {
        "id": run.id,
        "name": run.pipeline,
        "node_id": encode("WorkflowRun", each.key, run.id),
        "head_branch": run.branch or each.default_branch,
        "head_sha": sha,
        "path": workflow.path if workflow else f".github/workflows/{run.pipeline}.yml",
        "display_title": commit.headline,
        "run_number": 1 + sum(other.pipeline == run.pipeline and other.id < run.id for other in each.part.runs),
        "run_attempt": max([1, *run.attempts.values()]),
        "event": run.event,
        "status": run.state,
        "conclusion": run.result if done else None,
        "workflow_id": workflow_id,
        "check_suite_id": number("check-suite", sha, "github-actions", run.event),
        "check_suite_node_id": encode("CheckSuite", each.key, sha, "github-actions", run.event),
        "url": mine,
        "html_url": f"{call.html}/{each.full_name}/actions/runs/{run.id}",
        "pull_requests": [
            minimal(call, each, request) for request in each.pull_requests.values() if request.head == sha
        ]
        if run.event.startswith("pull_request")
        else [],
        "created_at": stamp(at),
        "updated_at": stamp(at + timedelta(minutes=5) if done else at),
        "run_started_at": stamp(at),
        "actor": who,
        "triggering_actor": who,
        "jobs_url": f"{mine}/jobs",
        "logs_url": f"{mine}/logs",
        "check_suite_url": f"{url}/check-suites/{number('check-suite', sha, 'github-actions', run.event)}",
        "artifacts_url": f"{mine}/artifacts",
        "cancel_url": f"{mine}/cancel",
        "rerun_url": f"{mine}/rerun",
        "previous_attempt_url": None,
        "workflow_url": f"{url}/actions/workflows/{workflow_id}",
        "head_commit": {
            "id": sha,
            "tree_id": commit.tree_sha,
            "message": commit.message,
            "timestamp": stamp(commit.committed_at),
            "author": {"name": commit.author.name, "email": commit.author.email},
            "committer": {"name": commit.committer.name, "email": commit.committer.email},
        },
        "repository": simple_repository(call, each),
        "head_repository": simple_repository(call, each),
    }


def artifact_body(call: Call, each: Repository, run: RunPart, artifact: ArtifactPart) -> Body:
    """An artifact."""
    ident = number("artifact", each.key, run.id, artifact.name)
    url = f"{call.api}/repos/{each.full_name}/actions/artifacts/{ident}"
    at = call.world.at(run.at)
    expires = call.world.at(artifact.expires_at) if artifact.expires_at is not None else at + KEPT
    return {
        "id": ident,
        "node_id": encode("Artifact", each.key, ident),
        "name": artifact.name,
        "size_in_bytes": 1024,
        "url": url,
        "archive_download_url": f"{url}/zip",
        "expired": artifact.expired or expires <= call.world.clock(),
        "digest": artifact.digest or None,
        "created_at": stamp(at),
        "updated_at": stamp(at),
        "expires_at": stamp(expires),
        "workflow_run": {
            "id": run.id,
            "repository_id": each.id,
            "head_repository_id": each.id,
            "head_branch": run.branch or each.default_branch,
            "head_sha": run_sha(each, run),
        },
    }
