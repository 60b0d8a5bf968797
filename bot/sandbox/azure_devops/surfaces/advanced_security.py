"""Alerts and settings of Advanced Security (advsec), and the audit log (auditservice)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.analyses import analyses
from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, continued
from bot.sandbox.azure_devops.people import account, identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import ADVSEC, AUDIT
from bot.sandbox.azure_devops.surfaces.repositories import web_url
from bot.sandbox.identity import guid

if TYPE_CHECKING:
    from bot.sandbox.scenario import AlertPart
    from bot.sandbox.world import Repository

STATES = {"open": "active", "dismissed": "dismissed", "fixed": "fixed"}
DISMISSALS = {
    "false positive": "falsePositive",
    "false_positive": "falsePositive",
    "won't fix": "acceptedRisk",
    "wont_fix": "acceptedRisk",
    "tolerable_risk": "acceptedRisk",
    "accepted risk": "acceptedRisk",
    "used in tests": "acceptedRisk",
    "used_in_tests": "acceptedRisk",
    "fixed": "fixed",
    "revoked": "fixed",
}


def _enabled(repository: Repository) -> bool:
    security = repository.part.security
    return bool(security.secret_scanning or security.code_scanning)


def _available(repository: Repository) -> bool:
    security = repository.part.security
    return (security.secret_scanning, security.push_protection, security.code_scanning) != (None, None, None)


def _not_enabled(repository: Repository) -> problems.Problem:
    return problems.missing(
        f"Advanced Security is not enabled for repository {repository.guid}.",
        "AdvancedSecurityNotEnabledForRepositoryException",
        "Microsoft.VisualStudio.AdvancedSecurity",
    )


@answers("enablement", "GET", ADVSEC)
def enablement(call: Call) -> object:
    """Whether Advanced Security is on for a repository, and what it does with pushed secrets."""
    repository = call.repository
    if not _available(repository):
        raise _not_enabled(repository)
    return _settings(call, repository)


@answers("project_enablement", "GET", ADVSEC)
def project_enablement(call: Call) -> object:
    """The same of all of a project's repositories, with ``includeAllProperties``."""
    rows = [_settings(call, each) for each in call.collection.repositories(call.project, call) if _available(each)]
    return {
        "enableOnCreate": False,
        "reposEnablementStatus": rows if call.flag("includeAllProperties") else [],
    }


def _settings(call: Call, repository: Repository) -> Json:
    security = repository.part.security
    project = call.collection.current().projects[repository.project.lower()]
    return {
        "projectId": project.guid,
        "repositoryId": repository.guid,
        "advSecEnabled": _enabled(repository),
        "blockPushes": security.push_protection,
        "codeSecurityEnabled": bool(security.code_scanning),
        "secretProtectionEnabled": bool(security.secret_scanning),
        "dependabotEnabled": False,
        "advSecEnablementLastChangedDate": stamp(call.world.now),
        "enablementOnCreateSettings": None,
        "codeSecurityFeatures": {
            "codeSecurityEnabled": bool(security.code_scanning),
            "codeQLEnabled": bool(security.code_scanning),
        },
        "secretProtectionFeatures": {
            "secretProtectionEnabled": bool(security.secret_scanning),
            "blockPushes": bool(security.push_protection),
        },
    }


def _title(part: AlertPart) -> str:
    return f"{part.rule} in {part.path}"


def alert_document(call: Call, repository: Repository, part: AlertPart) -> Json:
    """An Alert."""
    owner = call.collection
    created = stamp(owner.world.at(part.created_at))
    branch = f"refs/heads/{repository.default_branch}"
    if part.pull_request is not None:
        branch = f"refs/pull/{part.pull_request}/merge"
    tip = repository.tip
    body: Json = {
        "alertId": part.number,
        "alertType": part.kind,
        "severity": part.severity,
        "confidence": "high",
        "state": STATES[part.state],
        "title": _title(part),
        "tools": [
            {
                "name": part.tool,
                "rules": [
                    {
                        "opaqueId": part.rule,
                        "friendlyName": part.rule,
                        "description": part.rule,
                        "resources": "",
                        "helpMessage": "",
                        "tags": [],
                    }
                ],
            }
        ],
        "physicalLocations": [
            {
                "filePath": part.path,
                "region": {"lineStart": part.line, "lineEnd": part.line, "columnStart": 1, "columnEnd": 1},
                "versionControl": {"commitHash": tip, "itemUrl": f"{web_url(owner, repository)}?path=/{part.path}"},
            }
        ],
        "logicalLocations": [],
        "gitRef": branch,
        "repositoryUrl": web_url(owner, repository),
        "firstSeenDate": created,
        "lastSeenDate": created,
        "introducedDate": created,
        "additionalProperties": {},
    }
    if part.kind == "secret":
        body["truncatedSecret"] = "******"
    if part.state == "fixed":
        body["fixedDate"] = stamp(owner.world.now)
    if part.state == "dismissed":
        dismissal: Json = {
            "dismissalId": part.number,
            "dismissalType": DISMISSALS.get(part.dismissed_reason.lower(), "unknown"),
            "message": part.dismissed_reason,
        }
        if part.dismissed_by:
            dismissal["stateChangedBy"] = account(owner, part.dismissed_by).guid
            dismissal["stateChangedByIdentity"] = identity(owner, part.dismissed_by)
        body["dismissal"] = dismissal
    return body


@answers("alerts", "GET", ADVSEC)
def alerts(call: Call) -> object:
    """A repository's alerts, or one of them; ``criteria.*`` chooses. A pull request's tried merge has its base's, too."""
    repository = call.repository
    if not _enabled(repository):
        raise _not_enabled(repository)
    if not call.collection.at_least("write", repository, call):
        raise problems.access_denied(call.person.name, "ViewAlerts", repository.name)
    rows = [alert_document(call, repository, part) for part in repository.part.alerts]
    if "alertid" in call.values:
        wanted = call.whole("alertid")
        found = next((row for row in rows if row["alertId"] == wanted), None)
        if found is None:
            raise problems.missing(f"Alert {wanted} was not found.", "AlertNotFoundException")
        return found
    states = {each.lower() for each in call.listed("criteria.states")}
    severities = {each.lower() for each in call.listed("criteria.severities")}
    kind, ref = call.text("criteria.alertType").lower(), call.text("criteria.ref")
    ids = set(call.listed("criteria.alertIds"))
    default = call.flag("criteria.onlyDefaultBranch") or (not ref and not call.text("criteria.onlyDefaultBranch"))
    branch = f"refs/heads/{repository.default_branch}"
    chosen = [
        row
        for row in rows
        if (not states or str(row["state"]) in states)
        and (not severities or str(row["severity"]) in severities)
        and (not kind or row["alertType"] == kind)
        and (not ref or row["gitRef"] in (ref, branch if ref.startswith("refs/pull/") else ref))
        and (not ids or str(row["alertId"]) in ids)
        and (not default or row["gitRef"] == branch)
    ]
    return continued(call, chosen, 100)


@answers("analyzed_branches", "GET", ADVSEC)
def analyzed_branches(call: Call) -> object:
    """The branches of which results were submitted; pull requests' are among them where they are asked for."""
    repository = call.repository
    if not _enabled(repository):
        raise _not_enabled(repository)
    parts = analyses(repository) if repository.part.security.code_scanning else []
    found = [f"refs/heads/{repository.default_branch}"] if any(part.pull_request is None for part in parts) else []
    if call.flag("includePullRequestBranches"):
        numbers = sorted({part.pull_request for part in parts if part.pull_request is not None})
        found += [f"refs/pull/{number}/merge" for number in numbers]
    return continued(call, [{"name": name, "isPrivate": False, "deletedDate": None} for name in found], 100)


@answers("audit_log", "GET", AUDIT)
def audit_log(call: Call) -> object:
    """What happened in the organisation: completed pull requests that somebody bypassed policies for have no part in a
    scenario, so there is nothing to tell."""
    batch = guid("audit", call.collection.organization.name)
    return {"decoratedAuditLogEntries": [], "continuationToken": batch, "hasMore": False}
