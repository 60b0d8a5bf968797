"""Check runs and commit statuses."""

from __future__ import annotations

from dataclasses import asdict, fields
from datetime import datetime
from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, Refusal, invalid, missing, stamp
from bot.sandbox.github.commits import resolve
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.pulls import minimal
from bot.sandbox.github.render import Body, app, app_id, simple_repository, user
from bot.sandbox.github.routing import get, patch, post
from bot.sandbox.identity import number
from bot.sandbox.posted import Annotation, CheckRun, Status
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.world import Repository

STATUSES = ("queued", "in_progress", "completed", "waiting", "requested", "pending")
CONCLUSIONS = ("action_required", "cancelled", "failure", "neutral", "success", "skipped", "stale", "timed_out")
STATES = ("error", "failure", "pending", "success")
LEVELS = ("notice", "warning", "failure")
MOST_ANNOTATIONS = 50
MOST_ACTIONS = 3


def runs_on(each: Repository, sha: str) -> list[CheckRun]:
    """The check runs of a commit, newest first."""
    _ = each.history
    return [run for run in reversed(each.check_runs) if run.sha == sha]


def statuses_on(each: Repository, sha: str) -> list[Status]:
    """The statuses of a commit, newest first."""
    _ = each.history
    return [status for status in reversed(each.statuses) if status.sha == sha]


def newest_statuses(each: Repository, sha: str) -> list[Status]:
    """The newest status of each context."""
    newest: dict[str, Status] = {}
    for status in statuses_on(each, sha):
        newest.setdefault(status.context, status)
    return list(newest.values())


def newest_runs(runs: list[CheckRun]) -> list[CheckRun]:
    """The newest run of each name within each suite."""
    newest: dict[tuple[int, str], CheckRun] = {}
    for run in runs:
        newest.setdefault((suite_id_of(run), run.name), run)
    return list(newest.values())


def suite_id_of(run: CheckRun) -> int:
    """The check suite: one for each commit, app and event."""
    return number("check-suite", run.sha, run.app, run.event)


@get("/repos/{owner}/{repo}/commits/{ref*}/check-runs", "checks")
def check_runs(call: Call, each: Repository, ref: str) -> object:
    """The check runs of a commit; the newest of each name unless ``filter=all``."""
    runs = runs_on(each, resolve(each, ref))
    if call.request.first("filter", "latest") == "latest":
        runs = newest_runs(runs)
    name, status = call.request.first("check_name"), call.request.first("status")
    wanted_app = call.request.first("app_id")
    runs = [
        run
        for run in runs
        if (not name or run.name == name)
        and (not status or run.status == status)
        and (not wanted_app or str(app_id(run.app)) == wanted_app)
    ]
    return call.page(runs, lambda run: run_body(call, each, run), "check_runs")


@get("/repos/{owner}/{repo}/check-runs/{ident}", "checks")
def check_run(call: Call, each: Repository, ident: str) -> Body:
    """One check run."""
    return run_body(call, each, _find(each, ident))


@get("/repos/{owner}/{repo}/check-runs/{ident}/annotations", "checks")
def run_annotations(call: Call, each: Repository, ident: str) -> object:
    """What a check run says of lines."""
    run = _find(each, ident)
    page = f"{call.html}/{each.full_name}/blob/{run.sha}"

    def body(each_one: Annotation) -> Body:
        fields_of = asdict(each_one)
        fields_of["annotation_level"] = fields_of.pop("level")
        return {**fields_of, "blob_href": f"{page}/{each_one.path}"}

    return call.page(run.annotations, body)


@post("/repos/{owner}/{repo}/check-runs", "checks")
def create_check_run(call: Call, each: Repository) -> Response:
    """A new check run; for Apps only."""
    if call.token.kind == "pat":
        raise Refusal(403, "You must authenticate via a GitHub App.", X_Accepted_GitHub_Permissions="checks=write")
    data = call.body("name", "head_sha", resource="CheckRun")
    sha = str(data["head_sha"])
    if sha not in each.git.commits:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    with call.world.lock:
        now = call.world.clock()
        run = CheckRun(
            call.world.next_id(), sha, str(data["name"]), "queued", None, call.token.app, now, None, posted=True
        )
        _change(run, data, now)
        each.check_runs.append(run)
    return Response(201, run_body(call, each, run))


@patch("/repos/{owner}/{repo}/check-runs/{ident}", "checks")
def update_check_run(call: Call, each: Repository, ident: str) -> Body:
    """A check run goes on; only the App that made it may say so."""
    run = _find(each, ident)
    if call.token.kind == "pat" or run.app != call.token.app:
        raise Refusal(
            403,
            f"Invalid app_id `{app_id(call.token.app)}` - check run can only be modified by the GitHub App that created it.",
        )
    data = call.body(resource="CheckRun")
    with call.world.lock:
        _change(run, data, call.world.clock())
    return run_body(call, each, run)


@get("/repos/{owner}/{repo}/statuses/{ref*}", "statuses")
@get("/repos/{owner}/{repo}/commits/{ref*}/statuses", "statuses")
def statuses(call: Call, each: Repository, ref: str) -> object:
    """Every status of a commit, newest first."""
    return call.page(statuses_on(each, resolve(each, ref)), lambda status: status_body(call, each, status))


@get("/repos/{owner}/{repo}/commits/{ref*}/status", "statuses")
def combined_status(call: Call, each: Repository, ref: str) -> Body:
    """The newest status of each context, and what they come to."""
    sha = resolve(each, ref)
    found = newest_statuses(each, sha)
    url = f"{call.api}/repos/{each.full_name}"
    return {
        "state": combined([status.state for status in found]),
        "statuses": call.page(found, lambda status: status_body(call, each, status, creator=False)),
        "sha": sha,
        "total_count": len(found),
        "repository": simple_repository(call, each),
        "commit_url": f"{url}/commits/{sha}",
        "url": f"{url}/commits/{sha}/status",
    }


@post("/repos/{owner}/{repo}/statuses/{sha}", "statuses")
def create_status(call: Call, each: Repository, sha: str) -> Response:
    """A new status."""
    data = call.body("state", resource="Status")
    if data["state"] not in STATES:
        raise invalid("Status", "state", "inclusion", "state is not included in the list")
    if sha not in each.git.commits:
        raise Refusal(422, f"No commit found for SHA: {sha}")
    description = _text(data.get("description"))
    if description is not None and len(description) > 140:
        raise invalid("Status", "description", "custom", "description is too long (maximum is 140 characters)")
    with call.world.lock:
        status = Status(
            id=call.world.next_id(),
            sha=sha,
            context=_text(data.get("context")) or "default",
            state=str(data["state"]),
            description=description,
            target_url=_text(data.get("target_url")),
            creator=call.token.poster,
            created_at=call.world.clock(),
            posted=True,
        )
        each.statuses.append(status)
    return Response(201, status_body(call, each, status))


def combined(states: list[str]) -> str:
    """What several states come to."""
    if any(state in ("error", "failure") for state in states):
        return "failure"
    return "success" if states and all(state == "success" for state in states) else "pending"


def _find(each: Repository, ident: str) -> CheckRun:
    _ = each.history
    for run in each.check_runs:
        if str(run.id) == ident:
            return run
    raise missing()


def _change(run: CheckRun, data: dict[str, object], now: datetime) -> None:
    """Take over what a body says of a check run, or refuse all of it."""
    status, conclusion = data.get("status"), data.get("conclusion")
    if status is not None and status not in STATUSES:
        raise invalid("CheckRun", "status", "invalid", f"`{status}` is not a status")
    if conclusion is not None and (conclusion not in CONCLUSIONS or conclusion == "stale"):
        raise invalid("CheckRun", "conclusion", "invalid", f"`{conclusion}` is not a conclusion")
    if status == "completed" and conclusion is None and run.conclusion is None:
        raise invalid("CheckRun", "conclusion", "missing_field")
    output, new = _output(data.get("output"))
    actions = data.get("actions")
    if isinstance(actions, list) and len(actions) > MOST_ACTIONS:
        raise invalid("CheckRun", "actions", "invalid", f"no more than {MOST_ACTIONS} actions")
    if name := _text(data.get("name")):
        run.name = name
    if conclusion is not None:
        run.status, run.conclusion = "completed", str(conclusion)
        run.completed_at = _instant(data.get("completed_at")) or now
    elif status is not None:
        run.status = str(status)
        if status != "completed":
            run.conclusion, run.completed_at = None, None
    run.started_at = _instant(data.get("started_at")) or run.started_at
    for key in ("details_url", "external_id"):
        if key in data:
            setattr(run, key, _text(data[key]))
    if output is not None:
        run.title, run.summary = _text(output.get("title")), _text(output.get("summary"))
        run.text = _text(output["text"]) if "text" in output else run.text
        run.annotations.extend(new)
    if isinstance(actions, list):
        run.actions = [
            {str(key): str(value) for key, value in action.items()} for action in actions if isinstance(action, dict)
        ]


def _output(output: object) -> tuple[dict[str, object] | None, list[Annotation]]:
    if output is None:
        return None, []
    if not isinstance(output, dict) or not output.get("summary"):
        raise invalid("CheckRun", "output.summary")
    if not output.get("title"):
        raise invalid("CheckRun", "output.title")
    if len(str(output["summary"])) > 65_535 or len(str(output.get("text") or "")) > 65_535:
        raise invalid("CheckRun", "output", "invalid", "Only 65535 characters are allowed")
    found = output.get("annotations") or []
    if not isinstance(found, list) or len(found) > MOST_ANNOTATIONS:
        raise invalid("CheckRun", "output.annotations", "invalid", f"exceeds a maximum quantity of {MOST_ANNOTATIONS}")
    known = {field.name for field in fields(Annotation)}
    made = []
    for each in found:
        if not isinstance(each, dict):
            raise invalid("CheckRun", "output.annotations", "invalid")
        for key in ("path", "start_line", "end_line", "annotation_level", "message"):
            if each.get(key) in (None, ""):
                raise invalid("CheckRun", f"output.annotations.{key}")
        if each["annotation_level"] not in LEVELS:
            raise invalid("CheckRun", "output.annotations.annotation_level", "invalid")
        made.append(
            Annotation(level=each["annotation_level"], **{key: value for key, value in each.items() if key in known})
        )
    return output, made


def _instant(value: object) -> datetime | None:
    if value is None:
        return None
    try:
        return datetime.fromisoformat(str(value))
    except ValueError:
        raise invalid("CheckRun", "completed_at", "invalid", f"`{value}` is not an instant") from None


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def run_body(call: Call, each: Repository, run: CheckRun) -> Body:
    """A check run."""
    url = f"{call.api}/repos/{each.full_name}/check-runs/{run.id}"
    page = f"{call.html}/{each.full_name}/runs/{run.id}"
    open_here = [
        minimal(call, each, request)
        for request in each.pull_requests.values()
        if request.head == run.sha and request.part.state == "open" and request.part.fork is None
    ]
    return {
        "id": run.id,
        "name": run.name,
        "node_id": encode("CheckRun", each.key, run.id),
        "head_sha": run.sha,
        "external_id": run.external_id or "",
        "url": url,
        "html_url": page,
        "details_url": run.details_url or page,
        "status": run.status,
        "conclusion": run.conclusion,
        "started_at": stamp(run.started_at),
        "completed_at": stamp(run.completed_at),
        "output": {
            "title": run.title,
            "summary": run.summary,
            "text": run.text,
            "annotations_count": len(run.annotations),
            "annotations_url": f"{url}/annotations",
        },
        "check_suite": {"id": suite_id_of(run)},
        "app": app(call, run.app),
        "pull_requests": open_here,
    }


def status_body(call: Call, each: Repository, status: Status, *, creator: bool = True) -> Body:
    """A status."""
    who = user(call, status.creator)
    body: Body = {
        "url": f"{call.api}/repos/{each.full_name}/statuses/{status.sha}",
        "avatar_url": who["avatar_url"],
        "id": status.id,
        "node_id": encode("StatusContext", each.key, status.id),
        "state": status.state,
        "description": status.description,
        "target_url": status.target_url,
        "context": status.context,
        "created_at": stamp(status.created_at),
        "updated_at": stamp(status.created_at),
    }
    return body | {"creator": who} if creator else body
