"""A rehearsal as JSON, ``almguard.rehearsal/v1``: a field is added, never changed."""

from __future__ import annotations

from collections import Counter

from bot.model.documents import gap_document, result_document
from bot.model.json_fields import JsonValue, time_of
from bot.model.rehearsal import Judged, Rehearsal, Rehearsed
from bot.model.results import PolicySource, Verdict
from bot.report import rehearsal as told
from bot.report.json_pieces import written

SCHEMA = "almguard.rehearsal/v1"


def render(rehearsal: Rehearsal) -> str:
    """The rehearsal as JSON text."""
    return written(document(rehearsal), indent=2) + "\n"


def document(rehearsal: Rehearsal) -> dict[str, JsonValue]:
    """The rehearsal as one object."""
    every = [one.by for one in rehearsal.rehearsed]
    before = [one.before for one in rehearsal.rehearsed if one.before is not None]
    return {
        "schema": SCHEMA,
        "tool": {"name": "almguard", "version": rehearsal.version},
        "run": {
            "started_at": time_of(rehearsal.started_at),
            "finished_at": time_of(rehearsal.finished_at),
            "now": time_of(rehearsal.now),
            "requests": {name: rehearsal.requests[name] for name in sorted(rehearsal.requests)},
            "complete": not rehearsal.gaps,
            "gaps": [gap_document(gap) for gap in rehearsal.gaps],
        },
        "target": rehearsal.target,
        "assume_today": rehearsal.assume_today,
        "enforcement": rehearsal.enforcement,
        "policies": [_source(one) for one in rehearsal.policies],
        "in_force": [_source(one) for one in rehearsal.in_force] if rehearsal.compares else None,
        "summary": {
            "total": len(every),
            "verdicts": _verdicts(told.verdicts(rehearsal, every)),
            "rests_on_today": len(told.resting_on_today(rehearsal)),
            "in_force": _verdicts(told.verdicts(rehearsal, before)) if rehearsal.compares else None,
            "changed": sum(told.changes_verdict(rehearsal, one) for one in rehearsal.rehearsed),
        },
        "entries": [_tally(one) for one in told.by_entry(rehearsal)],
        "entries_in_force": [_tally(one) for one in told.by_entry(rehearsal, before=True)]
        if rehearsal.compares
        else None,
        "pull_requests": [_pull_request(rehearsal, one) for one in told.rows(rehearsal)],
        "notices": list(rehearsal.notices),
    }


def _source(source: PolicySource) -> JsonValue:
    return {"name": source.name, "source": source.source, "sha256": source.sha256}


def _verdicts(tally: Counter[Verdict]) -> JsonValue:
    return {verdict.value: tally[verdict] for verdict in Verdict}


def _tally(tally: told.Tally) -> JsonValue:
    counts: dict[str, JsonValue] = {word: tally.counts[word] for word in told.ENDINGS}
    return {"key": tally.key, "enforcement": tally.enforcement.value, "counts": counts}


def _pull_request(rehearsal: Rehearsal, one: Rehearsed) -> JsonValue:
    subject = one.subject
    return {
        "id": subject.id,
        "name": subject.name,
        "platform": subject.platform.value,
        "url": subject.url,
        "title": subject.title,
        "head": subject.head_sha,
        "base_branch": subject.base.branch,
        "merged_at": time_of(one.merged_at),
        "rehearsed": _judged(rehearsal, one.by),
        "in_force": None if one.before is None else _judged(rehearsal, one.before),
        "changes": [
            {"key": change.key, "before": change.before or None, "after": change.after or None}
            for change in told.changes(rehearsal, one)
        ],
    }


def _judged(rehearsal: Rehearsal, judged: Judged) -> JsonValue:
    trial = rehearsal.trial(judged)
    return {
        "verdict": trial.verdict.value,
        "proven": judged.proven.verdict.value,
        "assuming_today": judged.assumed.verdict.value,
        "decided_by": [result.key for result in told.deciding(trial)],
        "results": [result_document(result) for result in sorted(trial.results, key=lambda result: result.key)],
    }
