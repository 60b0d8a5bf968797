"""What code scanning has found: on a repository's default branch, and in what a pull request would be once merged."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from bot.model.facts import Answer, FactRequest, Loaded, NotSupported
from bot.model.facts.alerts import AlertState, Analysis, CodeAlert, CodeAlerts, IntroducedAlerts
from bot.model.findings import Severity
from bot.model.subjects import PullRequest, Repository, Subject
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.query import Unanswerable
from bot.platforms.github.reading import Context, Task, guarded, refused
from bot.platforms.github.readings import CONTENTS, needs
from bot.platforms.github.subjects import optional_instant, person

_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}
"""What stands for a severity where a rule has none for security."""
_NOTHING_THERE = ("no analysis found", "code scanning is not enabled")
"""What GitHub says where nobody has ever uploaded a result. Without a licence it says something else."""


def introduced_alerts(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``IntroducedAlerts``."""

    def read(subject: Subject) -> Answer:
        assert isinstance(subject, PullRequest)
        return Loaded(_introduced(context, subject), _page(subject), context.now)

    return [_task(request, one, read, needs(IntroducedAlerts), _page(one)) for one in subjects]


def code_alerts(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``CodeAlerts``. Two lists: what is fixed may be many times as much as what is there."""

    def read(subject: Subject) -> Answer:
        assert isinstance(subject, Repository)
        home = f"/repos/{subject.name}/code-scanning/alerts"
        lists = context.client.transport.gather(
            [lambda state=state: list(context.client.pages(home, {"state": state})) for state in ("open", "dismissed")]  # type: ignore[misc]
        )
        found = _alerts(context, (node for each in lists for node in each))
        return Loaded(CodeAlerts(found), f"{subject.url}/security/code-scanning", context.now)

    return [_task(request, one, read, needs(CodeAlerts), f"{one.url}/security/code-scanning") for one in subjects]


def _task(request: FactRequest, subject: Subject, read: Callable[[Subject], Answer], needed: str, url: str) -> Task:
    def answered() -> Answer:
        try:
            return read(subject)
        except Refused as wrong:
            if any(words in wrong.message.lower() for words in _NOTHING_THERE):
                return NotSupported(f"no results of code scanning were ever uploaded (GitHub: {wrong.message})")
            raise

    return lambda: [(request, subject, guarded(answered, needed, url))]


def _introduced(context: Context, subject: PullRequest) -> IntroducedAlerts:
    home = f"/repos/{subject.repository.name}/code-scanning"
    ref = f"refs/pull/{subject.number}/merge"
    nodes, analysed = context.client.transport.gather(
        [
            lambda: list(context.client.pages(f"{home}/alerts", {"ref": ref})),
            lambda: context.client.rest("GET", f"{home}/analyses", {"ref": ref, "per_page": 100}, form=list),
        ]
    )
    there = [node for node in nodes if _is_there(node)]
    if there:  # the list of a pull request holds what its base has too
        base = context.client.pages(f"{home}/alerts", {"ref": f"refs/heads/{subject.base.branch}"})
        known = {node["number"] for node in base if _is_there(node)}
        there = [node for node in there if node["number"] not in known]
    return IntroducedAlerts(_alerts(context, there), tuple(_analyses(context, subject, analysed)))


def _analyses(context: Context, subject: PullRequest, nodes: Sequence[Json]) -> Iterable[Analysis]:
    newest: dict[tuple[str, str], Json] = {}
    for node in sorted(nodes, key=lambda node: str(node["created_at"])):
        newest[str(node["tool"]["name"]), str(node.get("category") or node.get("analysis_key") or "")] = node
    commits = {str(node["commit_sha"]) for node in newest.values()}
    of_head = {sha: _is_of_head(context, subject, sha) for sha in sorted(commits)}
    for (tool, part), node in newest.items():
        at = optional_instant(node["created_at"])
        yield Analysis(tool, of_head[str(node["commit_sha"])], at, str(node.get("error") or ""), part)


def _is_of_head(context: Context, subject: PullRequest, sha: str) -> bool:
    """Whether a commit is the head, or the merge that GitHub has tried with it."""
    if sha == subject.head_sha:
        return True
    try:
        commit = context.client.rest("GET", f"/repos/{subject.repository.name}/commits/{sha}")
    except Refused as wrong:
        if wrong.status == 422:  # it is gone, as tried merges of older heads are
            return False
        raise Unanswerable(refused(wrong, CONTENTS, _page(subject))) from None
    return subject.head_sha in {str(parent["sha"]) for parent in commit["parents"]}


def _is_there(node: Json) -> bool:
    """Whether the alert is in the code of the ref that was asked about."""
    instance = node.get("most_recent_instance") or {}
    return node["state"] != "fixed" and instance.get("state") != "fixed"


def _alerts(context: Context, nodes: Iterable[Json]) -> tuple[CodeAlert, ...]:
    return tuple(_alert(context, node) for node in nodes)


def _alert(context: Context, node: Json) -> CodeAlert:
    rule, instance = node["rule"], node.get("most_recent_instance") or {}
    place = instance.get("location") or {}
    dismissed = node["state"] == "dismissed"
    words = [str(node.get(key) or "") for key in ("dismissed_reason", "dismissed_comment")] if dismissed else []
    return CodeAlert(
        key=str(node["number"]),
        tool=str(node["tool"]["name"]),
        rule=str(rule.get("id") or rule.get("name") or ""),
        message=str((instance.get("message") or {}).get("text") or rule.get("description") or ""),
        severity=_severity(rule),
        state=AlertState.DISMISSED if dismissed else AlertState.OPEN,
        path=place.get("path") or None,
        line=place.get("start_line") or None,
        url=str(node.get("html_url") or ""),
        since=optional_instant(node.get("created_at")),
        dismissed_by=person(context.host, node.get("dismissed_by")) if dismissed else None,
        dismissal=": ".join(filter(None, words)),
    )


def _severity(rule: Json) -> Severity | None:
    told = str(rule.get("security_severity_level") or "")
    return Severity(told) if told in set(Severity) else _LEVELS.get(str(rule.get("severity") or ""))


def _page(subject: Subject) -> str:
    assert isinstance(subject, PullRequest)
    return f"{subject.repository.url}/security/code-scanning?query=pr%3A{subject.number}"
