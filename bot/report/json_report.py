"""The JSON report, ``almguard.report/v1``: a field is added, never changed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence

from bot.model.documents import (
    coverage_document,
    gap_document,
    gate_document,
    policy_document,
    result_document,
    skip_document,
)
from bot.model.json_fields import JsonValue, time_of
from bot.model.results import Enforcement, Gate, Outcome, Run, Verdict
from bot.model.subject_documents import subject_document

SCHEMA = "almguard.report/v1"


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
                gap_document(gap)
                for gap in sorted(run.gaps, key=lambda g: (g.subject, g.name, g.fact, g.kind, g.reason))
            ],
            "coverage": [coverage_document(one) for one in sorted(run.coverage, key=lambda one: one.target)],
            "skipped": [
                skip_document(skip) for skip in sorted(run.skipped, key=lambda s: (s.subject, s.name, s.reason))
            ],
        },
        "policies": [
            policy_document(policy) for policy in sorted(run.policies, key=lambda policy: (policy.name, policy.source))
        ],
        "gate": None if run.gate is None else gate_document(run.gate),
        "summary": _summary(run),
        "subjects": [subject_document(subjects[key]) for key in sorted(subjects)],
        "results": [result_document(result) for result in sorted(run.results, key=lambda r: (r.subject.id, r.key))],
        "notices": list(run.notices),
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
