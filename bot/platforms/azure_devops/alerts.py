"""What Advanced Security's code scanning has found: on a repository's default branch, and in a pull request's tried merge."""

from __future__ import annotations

from bot.model.facts import UnknownKind
from bot.model.facts.alerts import AlertState, Analysis, CodeAlert, CodeAlerts, IntroducedAlerts
from bot.model.findings import Severity
from bot.model.subjects import PullRequest, Repository
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, value
from bot.platforms.azure_devops.endpoints import Host
from bot.platforms.azure_devops.loading import Ahead, Loader, NoSuchThing, Wanted
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import ident, instant

_VERSION = "7.2-preview.1"
_LEVELS = {"error": Severity.HIGH, "warning": Severity.MEDIUM, "note": Severity.LOW}
"""What stands for a severity where a rule has none for security."""
_STATES = {"active": AlertState.OPEN, "dismissed": AlertState.DISMISSED, "autodismissed": AlertState.DISMISSED}


def introduced_alerts(wanted: Wanted) -> tuple[IntroducedAlerts, str]:
    """``IntroducedAlerts``: those of the tried merge that the target does not have. Of which commit the results are is not
    told.
    """
    subject: PullRequest = wanted.subject
    reads, repository = wanted.reads, subject.repository
    ref = f"refs/pull/{subject.number}/merge"
    branches = _analyzed(reads, repository)
    analyses = (Analysis("", None),) if ref in branches else ()
    there = _alerts(reads, repository, ref) if analyses else ()
    if there:
        base = {alert.key for alert in _alerts(reads, repository, f"refs/heads/{subject.base.branch}")}
        there = tuple(alert for alert in there if alert.key not in base)
    return IntroducedAlerts(there, analyses), _page(repository)


def code_alerts(wanted: Wanted) -> tuple[CodeAlerts, str]:
    """``CodeAlerts``."""
    subject: Repository = wanted.subject
    ref = f"refs/heads/{subject.default_branch}"
    if ref not in _analyzed(wanted.reads, subject):
        raise NoSuchThing(
            f"no results of code scanning were ever submitted for {subject.default_branch or subject.name}"
        )
    return CodeAlerts(_alerts(wanted.reads, subject, ref)), _page(subject)


def _analyzed(reads: Reads, repository: Repository) -> frozenset[str]:
    """The refs of which results were submitted."""
    query = {"alertType": "code", "includePullRequestBranches": "true"}
    rows = reads.once(
        ("analyzed branches", repository.id), lambda: _listed(reads, repository, "filters/branches", query)
    )
    if not rows:
        raise NoSuchThing(f"no results of code scanning were ever submitted for {repository.name}")
    return frozenset(str(row["name"]) for row in rows)


def _alerts(reads: Reads, repository: Repository, ref: str) -> tuple[CodeAlert, ...]:
    query = {"criteria.alertType": "code", "criteria.ref": ref, "top": "100"}
    rows = reads.once(("alerts", repository.id, ref), lambda: _listed(reads, repository, "alerts", query))
    return tuple(_alert(reads, row) for row in rows if str(row["state"]).lower() in _STATES)


def _listed(reads: Reads, repository: Repository, what: str, query: dict[str, str]) -> list[Json]:
    path = f"{ident(repository.organization)}/_apis/alert/repositories/{ident(repository)}/{what}"
    try:
        return reads.client.list_address(Host.SECURITY, path, query, _VERSION, endpoints.ADVANCED_SECURITY)
    except Refused as wrong:
        if wrong.status != 404:
            raise
        if wrong.is_of_no_repository:
            raise Refused(str(wrong), UnknownKind.SCOPE, wrong.status, wrong.words) from None
        raise NoSuchThing(
            f"GitHub Advanced Security for Azure DevOps does not exist on {reads.client.url}, or is not on for this "
            "repository (404)."
        ) from None


def _alert(reads: Reads, row: Json) -> CodeAlert:
    tool = _first(row.get("tools"))
    rule = _first(tool.get("rules"))
    place = _first(row.get("physicalLocations"))
    dismissal = row.get("dismissal") or {}
    by = dismissal.get("stateChangedByIdentity")
    state = _STATES[str(row["state"]).lower()]
    return CodeAlert(
        key=str(row["alertId"]),
        tool=str(tool.get("name") or ""),
        rule=str(rule.get("opaqueId") or rule.get("friendlyName") or ""),
        message=str(row.get("title") or rule.get("description") or ""),
        severity=_severity(str(row.get("severity") or "").lower()),
        state=state,
        path=str(place.get("filePath") or "").lstrip("/") or None,
        line=value(place, "region", "lineStart") or None,
        url=f"{row.get('repositoryUrl') or ''}/alerts/{row['alertId']}" if row.get("repositoryUrl") else "",
        since=instant(row.get("introducedDate")) or instant(row.get("firstSeenDate")),
        dismissed_by=reads.subjects.person(by) if by and state is AlertState.DISMISSED else None,
        dismissal=_reason(dismissal) if state is AlertState.DISMISSED else "",
    )


def _first(rows: object) -> Json:
    return rows[0] if isinstance(rows, list) and rows else {}


def _reason(dismissal: Json) -> str:
    kind = str(dismissal.get("dismissalType") or "")
    return ": ".join(filter(None, ("" if kind.lower() == "unknown" else kind, str(dismissal.get("message") or ""))))


def _severity(word: str) -> Severity | None:
    return Severity(word) if word in set(Severity) else _LEVELS.get(word)


def _page(repository: Repository) -> str:
    return f"{repository.url}/alerts" if repository.url else ""


def _ahead(wanted: Wanted) -> Ahead:
    repository = wanted.subject.repository if isinstance(wanted.subject, PullRequest) else wanted.subject
    return (lambda: _analyzed(wanted.reads, repository),)


INTRODUCED_ALERTS = Loader(introduced_alerts, _ahead)
CODE_ALERTS = Loader(code_alerts, _ahead)
