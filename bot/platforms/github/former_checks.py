"""What had reported on a commit by a moment: GitHub shows the newest run of each check, and a re-run hides the one before."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime

from bot.model.facts import Unavailable, UnknownKind
from bot.model.subjects import PullRequest
from bot.platforms.github.client import Json
from bot.platforms.github.query import Connection, Piece, Unanswerable, ask, repository
from bot.platforms.github.reading import Context, denied
from bot.platforms.github.subjects import instant

_RUNS = 100
_SUITES = Connection(
    "suites_",
    "checkSuites",
    "app { slug } workflowRun { event file { path } workflow { name } } "
    f"runs: checkRuns(first: {_RUNS}, filterBy: {{checkType: ALL}}) {{ pageInfo {{ hasNextPage }} nodes {{ databaseId "
    "externalId name status conclusion startedAt completedAt url } }",
    size=50,
)


def nodes_then(context: Context, subject: PullRequest, nodes: Sequence[Json], moment: datetime) -> list[Json]:
    """Check runs and statuses as they stood then. The earlier ones are asked for only where a later one hides them."""
    runs = [node for node in nodes if node["__typename"] == "CheckRun"]
    statuses = [node for node in nodes if node["__typename"] != "CheckRun"]
    if any(not _begun(run, moment) for run in runs):
        runs = list(_every_run(context, subject))
    if any(instant(status["createdAt"]) > moment for status in statuses):
        statuses = list(_every_status(context, subject))
    return [*_newest_runs(runs, moment), *_newest_statuses(statuses, moment)]


def _begun(run: Json, moment: datetime) -> bool:
    began = run.get("startedAt") or run.get("completedAt")
    return began is not None and instant(began) <= moment


def _newest_runs(runs: Iterable[Json], moment: datetime) -> Iterator[Json]:
    """Of each check the run that had begun last; one that ended later was still running."""
    newest: dict[tuple[object, ...], Json] = {}
    for run in sorted((run for run in runs if _begun(run, moment)), key=_began):
        suite = run.get("checkSuite") or {}
        origin = suite.get("workflowRun") or {}
        key = ((suite.get("app") or {}).get("slug"), origin.get("event"), (origin.get("file") or {}).get("path"))
        newest[*key, run["name"]] = run
    for run in newest.values():
        ended = run.get("completedAt")
        if ended is not None and instant(ended) > moment:
            yield {**run, "status": "IN_PROGRESS", "conclusion": None, "completedAt": None}
        else:
            yield run


def _began(run: Json) -> tuple[datetime, int]:
    return instant(run.get("startedAt") or run["completedAt"]), int(run.get("databaseId") or 0)


def _newest_statuses(statuses: Iterable[Json], moment: datetime) -> Iterator[Json]:
    newest: dict[str, Json] = {}
    for status in sorted(statuses, key=lambda status: instant(status["createdAt"])):
        if instant(status["createdAt"]) <= moment:
            newest[status["context"]] = status
    yield from newest.values()


def _every_run(context: Context, subject: PullRequest) -> Iterator[Json]:
    place = (repository(subject.repository.name), f'object(oid: "{subject.head_sha}")', "... on Commit")
    found = ask(context.client, [Piece(place, connections=(_SUITES,), weight=_RUNS * 50)])[0]
    if found.failure is not None:
        raise found.failure
    if found.errors:
        raise Unanswerable(denied(found.errors, "checks: read", subject.url))
    for suite in found.all(_SUITES):
        listed = suite["runs"]
        if listed["pageInfo"]["hasNextPage"]:
            why = f"a check suite of {subject.head_sha[:12]} has more than {_RUNS} runs; its earlier ones were not all read"
            raise Unanswerable(Unavailable(UnknownKind.TRUNCATED, why, subject.url))
        about = {"app": suite.get("app"), "workflowRun": suite.get("workflowRun")}
        yield from ({**run, "__typename": "CheckRun", "checkSuite": about} for run in listed["nodes"] or [] if run)


def _every_status(context: Context, subject: PullRequest) -> Iterator[Json]:
    for status in context.client.pages(f"/repos/{subject.repository.name}/commits/{subject.head_sha}/statuses"):
        yield {
            "__typename": "StatusContext",
            "context": status["context"],
            "statusState": str(status["state"]).upper(),
            "targetUrl": status.get("target_url"),
            "createdAt": status["created_at"],
        }
