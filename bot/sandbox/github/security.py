"""Security alerts: of one repository, and of a whole organisation."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.sandbox.analyses import analyses
from bot.sandbox.github.call import Call, Refusal, missing, stamp
from bot.sandbox.github.render import Body, optional_user, simple_repository
from bot.sandbox.github.routing import get

if TYPE_CHECKING:
    from datetime import datetime

    from bot.sandbox.scenario import AlertPart, AnalysisPart
    from bot.sandbox.world import Organization, Repository

Found = tuple["Repository", "AlertPart"]

CODE_REASONS = ("false positive", "won't fix", "used in tests")
DEPENDENCY_REASONS = ("fix_started", "inaccurate", "no_bandwidth", "not_used", "tolerable_risk")
SECRET_REASONS = ("false_positive", "wont_fix", "revoked", "used_in_tests")
NOT_BOUGHT = "Advanced Security must be enabled for this repository to use code scanning."


@get("/repos/{owner}/{repo}/code-scanning/alerts", "security_events")
def code_alerts(call: Call, each: Repository) -> object:
    """Code-scanning alerts of the default branch, or of ``ref`` or ``pr``."""
    _code_scanning(each)
    ref = call.request.first("ref")
    asked = call.request.first("pr") or (ref.split("/")[2] if ref.startswith("refs/pull/") else "")
    found = [
        (each, part) for part in each.part.alerts if part.kind == "code" and str(part.pull_request or asked) == asked
    ]
    return call.page(_filtered(call, found), lambda pair: code_body(call, *pair, pull_request=asked))


@get("/repos/{owner}/{repo}/code-scanning/alerts/{number}", "security_events")
def code_alert(call: Call, each: Repository, number: str) -> Body:
    """One code-scanning alert."""
    _code_scanning(each)
    return code_body(call, *_one(each, "code", number))


@get("/repos/{owner}/{repo}/code-scanning/analyses", "security_events")
def code_analyses(call: Call, each: Repository) -> object:
    """What was analysed, the newest first; of one ``ref``, or of every one."""
    _code_scanning(each)
    bodies = [_analysis_body(call, each, number, part) for number, part in enumerate(analyses(each), 1)]
    ref = call.request.first("ref")
    wanted = ref if ref.startswith("refs/") or not ref else f"refs/heads/{ref}"
    found = [body for body in bodies if not wanted or body["ref"] == wanted]
    return call.page(sorted(found, key=lambda body: str(body["created_at"]), reverse=True), lambda body: body)


def _analysis_body(call: Call, each: Repository, number: int, part: AnalysisPart) -> Body:
    ref, commit = f"refs/heads/{each.default_branch}", each.tip or ""
    if part.pull_request is not None:
        request = each.pull_requests[part.pull_request]
        ref = f"refs/pull/{part.pull_request}/merge"
        with call.world.lock:
            commit = each.history.tried_merge(request, request.pushes[(part.push or len(request.pushes)) - 1])
    address = f"{call.api}/repos/{each.full_name}/code-scanning/analyses/{number}"
    return {
        "ref": ref,
        "commit_sha": commit,
        "analysis_key": f".github/workflows/{part.tool.lower()}.yml:analyze",
        "environment": "{}",
        "category": part.category or part.tool,
        "error": part.error,
        "created_at": stamp(call.world.at(part.at)),
        "results_count": 0,
        "rules_count": 1,
        "id": number,
        "url": address,
        "sarif_id": f"00000000-0000-0000-0000-{number:012d}",
        "tool": {"name": part.tool, "guid": None, "version": "1.0"},
        "deletable": True,
        "warning": "",
    }


@get("/repos/{owner}/{repo}/secret-scanning/alerts", "secret_scanning_alerts")
def secret_alerts(call: Call, each: Repository) -> object:
    """Secret-scanning alerts."""
    _secret_scanning(each)
    return call.page(_filtered(call, _of(each, "secret")), lambda pair: secret_body(call, *pair))


@get("/repos/{owner}/{repo}/secret-scanning/alerts/{number}", "secret_scanning_alerts")
def secret_alert(call: Call, each: Repository, number: str) -> Body:
    """One secret-scanning alert."""
    _secret_scanning(each)
    return secret_body(call, *_one(each, "secret", number))


@get("/repos/{owner}/{repo}/dependabot/alerts", "vulnerability_alerts")
def dependency_alerts(call: Call, each: Repository) -> object:
    """Dependabot alerts; this list goes by cursors."""
    _dependabot(each)
    return call.cursor_page(_filtered(call, _of(each, "dependency")), lambda pair: dependency_body(call, *pair))


@get("/repos/{owner}/{repo}/dependabot/alerts/{number}", "vulnerability_alerts")
def dependency_alert(call: Call, each: Repository, number: str) -> Body:
    """One Dependabot alert."""
    _dependabot(each)
    return dependency_body(call, *_one(each, "dependency", number))


@get("/orgs/{org}/code-scanning/alerts", "security_events")
def organization_code_alerts(call: Call, organization: Organization) -> object:
    """Code-scanning alerts of all default branches."""
    found = [
        (each, part)
        for each in _seen(call, organization)
        if each.part.security.code_scanning
        for part in each.part.alerts
        if part.kind == "code" and part.pull_request is None
    ]
    return call.page(_filtered(call, found), lambda pair: _with_repository(call, pair[0], code_body(call, *pair)))


@get("/orgs/{org}/secret-scanning/alerts", "secret_scanning_alerts")
def organization_secret_alerts(call: Call, organization: Organization) -> object:
    """Secret-scanning alerts of all repositories that have it."""
    found = [
        pair for each in _seen(call, organization) if each.part.security.secret_scanning for pair in _of(each, "secret")
    ]
    return call.page(_filtered(call, found), lambda pair: _with_repository(call, pair[0], secret_body(call, *pair)))


@get("/orgs/{org}/dependabot/alerts", "vulnerability_alerts")
def organization_dependency_alerts(call: Call, organization: Organization) -> object:
    """Dependabot alerts of all repositories that have it."""
    found = [
        pair
        for each in _seen(call, organization)
        if each.part.security.dependency_alerts and not each.part.archived
        for pair in _of(each, "dependency")
    ]
    return call.cursor_page(
        _filtered(call, found), lambda pair: _with_repository(call, pair[0], dependency_body(call, *pair))
    )


def _seen(call: Call, organization: Organization) -> list[Repository]:
    """The repositories with alerts that the token sees."""
    return [
        each for each in call.world.repositories_of(organization.name) if each.face.alerts and call.access.sees(each)
    ]


def _of(each: Repository, kind: str) -> list[Found]:
    return [(each, part) for part in each.part.alerts if part.kind == kind]


def _one(each: Repository, kind: str, number: str) -> Found:
    for pair in _of(each, kind):
        if str(pair[1].number) == number:
            return pair
    raise missing()


def _filtered(call: Call, found: list[Found]) -> list[Found]:
    """Only the states and severities asked for, the newest first."""
    states = [state for state in call.request.first("state").split(",") if state]
    severities = [severity for severity in call.request.first("severity").split(",") if severity]
    kept = [
        (each, part)
        for each, part in found
        if (
            not states
            or part.state in states
            or (part.kind == "secret" and ("open" if part.state == "open" else "resolved") in states)
        )
        and (not severities or part.severity in severities)
    ]
    direction = call.request.first("direction", "desc")
    kept.sort(key=lambda pair: (call.world.at(pair[1].created_at), pair[1].number), reverse=direction == "desc")
    return kept


def _code_scanning(each: Repository) -> None:
    if each.part.security.code_scanning is None and each.part.visibility != "public":
        raise Refusal(403, NOT_BOUGHT)
    if not each.part.security.code_scanning or each.part.empty:
        raise missing("no analysis found")


def _secret_scanning(each: Repository) -> None:
    if not each.part.security.secret_scanning:
        raise missing("Secret scanning is disabled on this repository.")


def _dependabot(each: Repository) -> None:
    if each.part.archived:
        raise Refusal(403, "Dependabot alerts are not available for archived repositories.")
    if not each.part.security.dependency_alerts:
        raise Refusal(403, "Dependabot alerts are disabled for this repository.")


def _with_repository(call: Call, each: Repository, body: Body) -> Body:
    return {**body, "repository": simple_repository(call, each)}


def _base(call: Call, each: Repository, part: AlertPart, kind: str) -> Body:
    at = call.world.at(part.created_at)
    return {
        "number": part.number,
        "created_at": stamp(at),
        "updated_at": stamp(at if part.state == "open" else _settled(call, part)),
        "url": f"{call.api}/repos/{each.full_name}/{kind}/alerts/{part.number}",
        "html_url": f"{call.html}/{each.full_name}/security/{kind}/{part.number}",
        "state": part.state,
    }


def _settled(call: Call, part: AlertPart) -> datetime:
    return call.world.at(part.created_at) + timedelta(days=1)


def _dismissal(call: Call, part: AlertPart, known: tuple[str, ...], other: str) -> Body:
    """Who dismissed it and why; a reason in the scenario's own words is the comment beside GitHub's nearest."""
    gone = part.state == "dismissed"
    reason = part.dismissed_reason
    return {
        "dismissed_by": optional_user(call, part.dismissed_by if gone else None),
        "dismissed_at": stamp(_settled(call, part)) if gone else None,
        "dismissed_reason": None if not gone or not reason else reason if reason in known else other,
        "dismissed_comment": reason if gone and reason and reason not in known else None,
        "fixed_at": stamp(_settled(call, part)) if part.state == "fixed" else None,
    }


def code_body(call: Call, each: Repository, part: AlertPart, *, pull_request: str = "") -> Body:
    """A code-scanning alert."""
    number = pull_request or (str(part.pull_request) if part.pull_request else "")
    ref = f"refs/pull/{number}/merge" if number else f"refs/heads/{each.default_branch}"
    request = each.pull_requests.get(int(number)) if number.isdigit() else None
    body = _base(call, each, part, "code-scanning")
    return (
        body
        | _dismissal(call, part, CODE_REASONS, "won't fix")
        | {
            "instances_url": f"{body['url']}/instances",
            "rule": {
                "id": part.rule,
                "name": part.rule,
                "severity": "error" if part.severity in ("high", "critical") else "warning",
                "security_severity_level": part.severity,
                "description": part.rule,
                "tags": ["security"],
            },
            "tool": {"name": part.tool, "guid": None, "version": "1.0"},
            "most_recent_instance": {
                "ref": ref,
                "analysis_key": f".github/workflows/{part.tool.lower()}.yml:analyze",
                "environment": "{}",
                "category": part.tool,
                "state": part.state,
                "commit_sha": request.head if request else each.tip or "",
                "message": {"text": part.rule},
                "location": {
                    "path": part.path,
                    "start_line": part.line,
                    "end_line": part.line,
                    "start_column": 1,
                    "end_column": 2,
                },
                "classifications": [],
            },
        }
    )


def secret_body(call: Call, each: Repository, part: AlertPart) -> Body:
    """A secret-scanning alert. The secret itself is not shown."""
    settled = part.state != "open"
    reason = part.dismissed_reason
    body = _base(call, each, part, "secret-scanning")
    return body | {
        "locations_url": f"{body['url']}/locations",
        "state": "resolved" if settled else "open",
        "resolution": None
        if not settled
        else reason
        if reason in SECRET_REASONS
        else "revoked"
        if part.state == "fixed"
        else "wont_fix",
        "resolution_comment": reason if reason and reason not in SECRET_REASONS else None,
        "resolved_at": stamp(_settled(call, part)) if settled else None,
        "resolved_by": optional_user(call, part.dismissed_by if settled else None),
        "secret_type": part.rule,
        "secret_type_display_name": part.rule.replace("_", " ").title(),
        "secret": "",
        "push_protection_bypassed": False,
        "push_protection_bypassed_by": None,
        "push_protection_bypassed_at": None,
        "validity": "unknown",
        "publicly_leaked": False,
        "multi_repo": False,
    }


def dependency_body(call: Call, each: Repository, part: AlertPart) -> Body:
    """A Dependabot alert."""
    package = {"ecosystem": "pip", "name": part.rule}
    vulnerability = {
        "package": package,
        "severity": part.severity,
        "vulnerable_version_range": "< 2.0.0",
        "first_patched_version": {"identifier": "2.0.0"},
    }
    at = stamp(call.world.at(part.created_at))
    ghsa = f"GHSA-{part.number:04d}-{part.number:04d}-{part.number:04d}"
    return (
        _base(call, each, part, "dependabot")
        | _dismissal(call, part, DEPENDENCY_REASONS, "tolerable_risk")
        | {
            "dependency": {"package": package, "manifest_path": part.path, "scope": "runtime"},
            "security_advisory": {
                "ghsa_id": ghsa,
                "cve_id": None,
                "summary": part.rule,
                "description": part.rule,
                "vulnerabilities": [vulnerability],
                "severity": part.severity,
                "cwes": [],
                "cvss": {"vector_string": None, "score": 0.0},
                "cvss_severities": {},
                "identifiers": [{"type": "GHSA", "value": ghsa}],
                "references": [],
                "published_at": at,
                "updated_at": at,
                "withdrawn_at": None,
            },
            "security_vulnerability": vulnerability,
            "auto_dismissed_at": None,
        }
    )
