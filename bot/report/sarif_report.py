"""A run as SARIF 2.1.0, which code scanning on GitHub and Advanced Security on Azure DevOps show as alerts.

An alert is a finding of an entry; what could not be decided is a notification of the tool, since it is neither. A waiver is
a suppression with its reason, and what the baseline has is ``unchanged``.

Sources: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html and, for the limits and the properties that are
read, https://docs.github.com/code-security/code-scanning/integrating-with-code-scanning/sarif-support-for-code-scanning
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from heapq import nsmallest
from urllib.parse import quote

from bot.model.findings import Finding, Severity
from bot.model.json_fields import JsonValue
from bot.model.ordering import gaps_in_order, results_in_order
from bot.model.results import Combination, Enforcement, Gap, Outcome, Result, Run
from bot.model.subjects import PullRequest, Release, Repository, Subject
from bot.report.json_pieces import Items, Object
from bot.report.json_pieces import pieces as json_pieces
from bot.report.sanitize import plain
from bot.rules import Rule
from bot.rules.registry import find

SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
MOST_RESULTS = 25_000
"""GitHub refuses a run with more; the gravest are kept."""
MOST_TAGS = 20
ROOT = "%SRCROOT%"
NO_FILE = ".github/almguard.yml"
"""Where a finding about no file is shown, for a reader wants a place: where its rule is switched on."""

_LEVELS = {Enforcement.BLOCK: "error", Enforcement.WARN: "warning", Enforcement.AUDIT: "note"}
_SCORES = {Severity.CRITICAL: "9.5", Severity.HIGH: "8.0", Severity.MEDIUM: "5.5", Severity.LOW: "3.0"}
"""What readers sort alerts by, in the middle of the ranges that GitHub gives these four words."""
_OWN = frozenset({Combination.ANY_OF, Combination.ALL_OF, "assert"})
"""Groups, and rules of one's own, have no page."""
_GRAVEST = (Severity.CRITICAL, Severity.HIGH, Severity.MEDIUM, Severity.LOW)


@dataclass(frozen=True, slots=True)
class AzureBuild:
    """The job of Azure Pipelines that makes the log: Advanced Security files alerts by pipeline."""

    organization: str
    project: str
    definition_id: str
    definition_name: str
    phase_id: str
    phase_name: str
    branch: str
    build_id: str


def render(run: Run, build: AzureBuild | None = None) -> str:
    """The log as JSON text."""
    return "".join(pieces(run, build))


def pieces(run: Run, build: AzureBuild | None = None) -> Iterator[str]:
    """The same, piece by piece; of the results only as many are held as are shown."""
    alerts = _Alerts(run)
    described: dict[str, JsonValue | Object | Items] = {
        "tool": Object(
            {
                "driver": Object(
                    {
                        "name": "almguard",
                        "fullName": f"almguard {run.version}",
                        "semanticVersion": run.version,
                        "informationUri": "https://github.com/almguard/almguard",
                        "rules": Items(_rule(alerts.first[key]) for key in alerts.keys),
                    }
                )
            }
        ),
        "automationDetails": {"id": f"almguard/{run.command}/"} if build is None else _automation(build),
        "originalUriBaseIds": {ROOT: {"description": {"text": "The root of the repository."}}},
        "columnKind": "utf16CodeUnits",
        "invocations": Items(
            [
                Object(
                    {
                        "executionSuccessful": run.complete,
                        "startTimeUtc": _time(run.started_at),
                        "endTimeUtc": _time(run.finished_at),
                        "toolExecutionNotifications": Items(_notes(run, alerts)),
                    }
                )
            ]
        ),
        "results": Items(_result(result, at, alerts.keys.index(result.key)) for result, at in alerts.kept),
    }
    if (origin := _origin(run)) is not None:
        described["versionControlProvenance"] = [origin]
    yield from json_pieces(Object({"$schema": SCHEMA, "version": "2.1.0", "runs": Items([Object(described)])}))
    yield "\n"


class _Alerts:
    """The findings of what failed, the gravest first, as many as a reader takes."""

    def __init__(self, run: Run) -> None:
        self.total = 0
        self.kept = nsmallest(MOST_RESULTS, self._counted(run), key=_order)
        self.first = {result.key: result for result, _ in reversed(self.kept)}
        """The gravest of each entry."""
        self.keys = sorted(self.first)

    def _counted(self, run: Run) -> Iterator[tuple[Result, int]]:
        for alert in _alerts(results_in_order(run.results)):
            self.total += 1
            yield alert


def _notes(run: Run, alerts: _Alerts) -> Iterator[JsonValue]:
    yield from _unknown(results_in_order(run.results))
    yield from map(_gap, gaps_in_order(run.gaps))
    if alerts.total > len(alerts.kept):
        yield _notification("warning", f"Of {alerts.total} findings the gravest {len(alerts.kept)} are here.")


def _automation(build: AzureBuild) -> JsonValue:
    place = (build.organization, build.project, build.definition_id, build.phase_id, build.branch, build.build_id)
    return {
        "id": "azuredevops/pipeline/build/" + "/".join(quote(part, safe="", errors="replace") for part in place),
        "properties": {
            "azuredevops/pipeline/build/buildDefinitionId": build.definition_id,
            "azuredevops/pipeline/build/buildDefinitionName": build.definition_name,
            "azuredevops/pipeline/build/phaseId": build.phase_id,
            "azuredevops/pipeline/build/phaseName": build.phase_name,
        },
    }


def _alerts(results: Iterable[Result]) -> Iterator[tuple[Result, int]]:
    """Every finding of what failed, as its result and its place there."""
    for result in results:
        if result.outcome is Outcome.FAIL:
            yield from ((result, at) for at in range(len(result.findings)))


def _order(alert: tuple[Result, int]) -> tuple[bool, int, int, str, str, int]:
    result, at = alert
    enforced = (Enforcement.BLOCK, Enforcement.WARN, Enforcement.AUDIT, Enforcement.DISABLED)
    grave = (result.excused, enforced.index(result.enforcement), _GRAVEST.index(result.severity))
    return (*grave, result.subject.id, result.key, at)


def _rule(result: Result) -> JsonValue:
    """An entry of a policy: its identity is its key, and its help is the page of the rule that it uses."""
    rule = find(result.rule) if result.rule not in _OWN else None
    title = plain(result.title, 200) or result.key
    described: dict[str, JsonValue] = {
        "id": result.key,
        "name": "".join(word.capitalize() for word in re.split(r"[-_]", result.rule)),
        "shortDescription": {"text": title},
        "fullDescription": {"text": _sections(rule, ("Why",)) if rule else title},
        "help": {
            "text": _sections(rule, ("Why", "How to fix")) if rule else title,
            "markdown": _sections(rule, ("Why", "How to fix"), heading="**{}.** ") if rule else title,
        },
        "defaultConfiguration": {"level": _LEVELS.get(result.enforcement, "none")},
        "properties": {
            "precision": "very-high",
            "problem.severity": {"error": "error", "warning": "warning"}.get(
                _LEVELS.get(result.enforcement, "none"), "recommendation"
            ),
            "security-severity": _SCORES[result.severity],
            "tags": _tags(result, rule),
        },
    }
    if rule is not None:
        described["helpUri"] = f"https://github.com/almguard/almguard/blob/main/docs/rules/{rule.id}.md"
    return described


def _sections(rule: Rule, names: Sequence[str], heading: str = "{}: ") -> str:
    return "\n\n".join(heading.format(name) + " ".join(rule.sections[name].split()) for name in names)


def _tags(result: Result, rule: Rule | None) -> list[JsonValue]:
    # Readers show a severity only where the alert is tagged as one of security.
    tags = ["security", "governance", f"policy/{result.policy}"]
    if rule is not None:
        tags += [f"family/{rule.family}", *(f"control/{control}" for control in rule.controls)]
    return [plain(tag, 200) for tag in tags[:MOST_TAGS]]


def _result(result: Result, at: int, index: int) -> JsonValue:
    finding = result.findings[at]
    identity = result.fingerprints[at] if result.fingerprints else f"{result.key}|{result.subject.id}|{at}"
    described: dict[str, JsonValue] = {
        "ruleId": result.key,
        "ruleIndex": index,
        "level": _LEVELS.get(result.enforcement, "none"),
        "message": {"text": _message(result, finding)},
        "locations": [_location(result.subject, finding)],
        "partialFingerprints": {"almguard/v1": identity, "primaryLocationLineHash": f"{identity}:1"},
        "baselineState": "unchanged" if identity in result.known else "new",
        "properties": {
            "subject": plain(result.subject.name, 200),
            "subjectKind": result.subject.kind,
            "enforcement": result.enforcement.value,
            "severity": result.severity.value,
            "awaiting": finding.awaiting,
        },
    }
    if result.waiver is not None:
        waived = result.waiver
        described["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": plain(f"{waived.reason} (until {waived.expires}, approved by {waived.approver})"),
            }
        ]
    return described


def _message(result: Result, finding: Finding) -> str:
    said = f"{plain(result.subject.name, 200)}: {plain(finding.message)}"
    return f"{said} {plain(finding.fix)}".strip()


def _location(subject: Subject, finding: Finding) -> JsonValue:
    place = finding.location
    path = place.path.lstrip("/") if place is not None else NO_FILE
    line = place.line if place is not None and place.line is not None and place.line > 0 else 1
    logical: JsonValue = {"fullyQualifiedName": plain(subject.name, 200), "kind": "resource"}
    return {
        "physicalLocation": {
            "artifactLocation": {"uri": quote(path, safe="/", errors="replace"), "uriBaseId": ROOT},
            "region": {"startLine": line},
        },
        "logicalLocations": [logical],
    }


def _unknown(results: Iterable[Result]) -> Iterator[JsonValue]:
    """What was not decided, of the entries that are enforced at all."""
    for result in results:
        if result.outcome in (Outcome.UNKNOWN, Outcome.ERROR) or result.half_known:
            reasons = "; ".join(plain(each.reason) for each in result.unknown) or plain(result.reason)
            level = "error" if result.enforcement is Enforcement.BLOCK else "warning"
            said = f"{plain(result.subject.name, 200)}: {result.key} was not decided: {reasons}"
            yield _notification(level, said, result.key)


def _gap(gap: Gap) -> JsonValue:
    return _notification("warning", f"{plain(gap.name, 200)}: {plain(gap.fact, 100)} was not read: {plain(gap.reason)}")


def _notification(level: str, text: str, key: str | None = None) -> JsonValue:
    said: dict[str, JsonValue] = {"level": level, "message": {"text": text}}
    if key is not None:
        said["descriptor"] = {"id": key}
    return said


def _origin(run: Run) -> JsonValue:
    """Where the one repository is, and which commit was judged; None where the run is about several."""
    target = run.gate.target if run.gate is not None else None
    home: Repository | None = None
    for subject in run.subjects:
        found = _home(subject)
        if home is not None and found is not None and found.id != home.id:
            return None
        home = home or found
    if home is None:
        return None
    if not home.url:
        return None
    origin: dict[str, JsonValue] = {"repositoryUri": home.url, "mappedTo": {"uriBaseId": ROOT}}
    if isinstance(target, PullRequest):
        origin |= {"revisionId": target.head_sha, "branch": target.source_branch}
    elif isinstance(target, Release):
        origin["revisionId"] = target.commit
    elif home.default_branch:
        origin["branch"] = home.default_branch
    return origin


def _home(subject: Subject) -> Repository | None:
    if isinstance(subject, Repository):
        return subject
    home = getattr(subject, "repository", None)
    return home if isinstance(home, Repository) else None


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
