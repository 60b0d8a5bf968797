"""The JSON report, ``almguard.report/v1``: a field is added, never changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime

from bot.model.findings import Evidence, Finding
from bot.model.results import (
    AppliedWaiver,
    Condition,
    Enforcement,
    Gap,
    Gate,
    Member,
    Outcome,
    Result,
    Run,
    Unknowing,
    Verdict,
)
from bot.model.subjects import PullRequest, Subject
from bot.report.grouping import head_of

SCHEMA = "almguard.report/v1"

JsonValue = None | bool | int | str | list["JsonValue"] | dict[str, "JsonValue"]


def render(run: Run) -> str:
    """The report as JSON text, in an order that depends on nothing but what was found."""
    return written(document(run), indent=2) + "\n"


def one_line(run: Run, gates: Sequence[Gate], exit_code: int) -> str:
    """A gate's verdict and its counts in one short line of JSON, for later steps of a CI job."""
    verdicts = Counter(gate.verdict.value for gate in gates)
    return written(
        {
            "verdict": None if run.gate is None else run.gate.verdict.value,
            "exit_code": exit_code,
            "verdicts": {verdict.value: verdicts[verdict.value] for verdict in Verdict if verdicts[verdict.value]},
            "findings": sum(len(result.findings) for result in run.results),
            "complete": run.complete,
            **_counts(run),
        },
        indent=None,
    )


def written(value: JsonValue, indent: int | None) -> str:
    """A value as JSON text that can be shown in a log.

    Standard output is a log in CI, and the Azure Pipelines agent obeys ``##vso[`` anywhere in a line. Outside of strings JSON
    has neither sign, and inside them an escape is the same value. Lone surrogates cannot be written.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    text = text.replace("##", "\\u0023\\u0023").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")
    return "".join(f"\\u{ord(c):04x}" if "\ud800" <= c <= "\udfff" or "\x7f" <= c <= "\x9f" else c for c in text)


def document(run: Run) -> dict[str, JsonValue]:
    """The report as one object."""
    subjects = {subject.id: subject for subject in run.subjects}
    subjects.update((result.subject.id, result.subject) for result in run.results)
    return {
        "schema": SCHEMA,
        "tool": {"name": "almguard", "version": run.version},
        "run": {
            "id": run.id,
            "command": run.command,
            "started_at": time_of(run.started_at),
            "finished_at": time_of(run.finished_at),
            "now": time_of(run.now),
            "requests": {
                "github": 0,
                "azure_devops": 0,
                **{name: run.requests[name] for name in sorted(run.requests)},
            },
            "depth": run.depth,
            "complete": run.complete,
            "gaps": [
                gap_of(gap) for gap in sorted(run.gaps, key=lambda g: (g.subject, g.name, g.fact, g.kind, g.reason))
            ],
        },
        "policies": [
            {"name": policy.name, "source": policy.source, "sha256": policy.sha256}
            for policy in sorted(run.policies, key=lambda policy: (policy.name, policy.source))
        ],
        "gate": None if run.gate is None else _gate(run.gate),
        "summary": _summary(run),
        "subjects": [_subject(subjects[key]) for key in sorted(subjects)],
        "results": [result_of(result) for result in sorted(run.results, key=lambda r: (r.subject.id, r.key))],
        "notices": list(run.notices),
    }


def time_of(moment: datetime | None) -> str | None:
    """A time as reports write it."""
    if moment is None:
        return None
    # The model's times carry their zone; one without is taken for UTC rather than for the machine's.
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def gap_of(gap: Gap) -> JsonValue:
    """What could not be read."""
    return {"subject": gap.subject, "name": gap.name, "fact": gap.fact, "kind": gap.kind.value, "reason": gap.reason}


def _gate(gate: Gate) -> JsonValue:
    target = gate.target
    base = target.base_sha if isinstance(target, PullRequest) else None
    branch = target.base.branch if isinstance(target, PullRequest) else None
    return {
        "target": _subject(target),
        "head": head_of(target),
        "base": base,
        "base_branch": branch,
        "verdict": gate.verdict.value,
        "policy_digest": gate.policy_digest,
        "facts_digest": gate.facts_digest,
        "note": gate.note,
    }


def _summary(run: Run) -> JsonValue:
    by_enforcement: dict[str, JsonValue] = {
        enforcement.value: _tally(Counter(r.outcome for r in run.results if r.enforcement is enforcement))
        for enforcement in Enforcement
    }
    counts = _counts(run)
    return {"total": counts.pop("total"), "outcomes": counts.pop("outcomes"), "enforcement": by_enforcement, **counts}


def _counts(run: Run) -> dict[str, JsonValue]:
    return {
        "total": len(run.results),
        "outcomes": _tally(Counter(result.outcome for result in run.results)),
        "waived": sum(result.waiver is not None or result.waived_within for result in run.results),
        "baseline": sum(result.baseline for result in run.results),
    }


def _tally(counter: Counter[Outcome]) -> dict[str, JsonValue]:
    return {outcome.value: counter[outcome] for outcome in Outcome}


def _subject(subject: Subject) -> JsonValue:
    return {
        "kind": subject.kind,
        "id": subject.id,
        "name": subject.name,
        "platform": subject.platform.value,
        "url": subject.url,
    }


def result_of(result: Result) -> JsonValue:
    """One entry, as it ended."""
    return {
        "key": result.key,
        "policy": result.policy,
        "rule": result.rule,
        "title": result.title,
        "subject": result.subject.id,
        "outcome": result.outcome.value,
        "unknown": _unknown(result.unknown[0]) if result.unknown else None,
        "unknowns": [_unknown(unknown) for unknown in result.unknown],
        "reason": result.reason,
        "enforcement": result.enforcement.value,
        "severity": result.severity.value,
        "awaiting": result.awaiting,
        "findings": [_told(result, at, finding) for at, finding in enumerate(result.findings)],
        "evidence": [_evidence(evidence) for evidence in result.evidence],
        "conditions": [_condition(condition) for condition in result.conditions],
        "waiver": None if result.waiver is None else _waiver(result.waiver),
        "baseline": result.baseline,
        "tree": _tree(result.rule, result.members) if result.members else None,
    }


def _told(result: Result, at: int, finding: Finding) -> JsonValue:
    """A finding of an entry, with what tells it from others, and whether it was there before."""
    fingerprint = result.fingerprints[at] if result.fingerprints else None
    return {**_finding(finding), "fingerprint": fingerprint, "baseline": fingerprint in result.known}


def _condition(condition: Condition) -> JsonValue:
    return {
        "word": condition.word,
        "text": condition.text,
        "value": condition.value,
        "reason": condition.reason,
    }


def _waiver(waiver: AppliedWaiver) -> JsonValue:
    return {
        "reason": waiver.reason,
        "compensating_control": waiver.compensating_control,
        "owner": waiver.owner,
        "approver": waiver.approver,
        "ticket": waiver.ticket,
        "expires": waiver.expires.isoformat(),
        "source": waiver.source,
    }


def _tree(how: str, members: Sequence[Member]) -> JsonValue:
    return {"how": how, "members": [_member(member) for member in members]}


def _member(member: Member) -> JsonValue:
    return {
        "key": member.key,
        "rule": member.rule,
        "title": member.title,
        "outcome": member.outcome.value,
        "unknowns": [_unknown(unknown) for unknown in member.unknown],
        "reason": member.reason,
        "awaiting": member.awaiting,
        "findings": [_finding(finding) for finding in member.findings],
        "evidence": [_evidence(evidence) for evidence in member.evidence],
        "conditions": [_condition(condition) for condition in member.conditions],
        "waiver": None if member.waiver is None else _waiver(member.waiver),
        "tree": _tree(member.rule, member.members) if member.members else None,
    }


def _unknown(unknown: Unknowing) -> JsonValue:
    return {"kind": unknown.kind.value, "reason": unknown.reason, "fact": unknown.fact}


def _finding(finding: Finding) -> dict[str, JsonValue]:
    return {
        "message": finding.message,
        "fix": finding.fix,
        "awaiting": finding.awaiting,
        "location": None
        if finding.location is None
        else {"path": finding.location.path, "line": finding.location.line},
        "evidence": [_evidence(evidence) for evidence in finding.evidence],
        "discriminator": finding.discriminator,
    }


def _evidence(evidence: Evidence) -> JsonValue:
    return {
        "what": evidence.what,
        "value": evidence.value,
        "url": evidence.url or None,
        "read_at": time_of(evidence.read_at),
        "ok": evidence.ok,
    }
