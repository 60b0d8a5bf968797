"""The JSON report, ``almguard.report/v1``: a field is added, never changed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from heapq import merge
from itertools import groupby

from bot.engine.comparing import tally
from bot.model.documents import (
    coverage_document,
    gap_document,
    gate_document,
    policy_document,
    result_document,
    skip_document,
)
from bot.model.json_fields import JsonValue, time_of
from bot.model.ordering import gaps_in_order, results_in_order, skips_in_order, subjects_in_order
from bot.model.results import Change, Enforcement, Gate, Outcome, Run, Spent, Verdict
from bot.model.subject_documents import subject_document
from bot.model.subjects import Subject
from bot.report.changes import changed_document
from bot.report.json_pieces import Items, Object, written
from bot.report.json_pieces import pieces as json_pieces
from bot.report.overview import Overview, overview

SCHEMA = "almguard.report/v1"


def render(run: Run) -> str:
    """The report as JSON text, in an order that depends on nothing but what was found."""
    return "".join(pieces(run))


def pieces(run: Run) -> Iterator[str]:
    """The same, piece by piece."""
    run_fields = {
        **about(run),
        "gaps": Items(map(gap_document, gaps_in_order(run.gaps))),
        "skipped": Items(map(skip_document, skips_in_order(run.skipped))),
    }
    yield from json_pieces(
        Object(
            {
                "schema": SCHEMA,
                "tool": tool(run),
                "run": Object(run_fields),
                **judged_by(run),
                "subjects": Items(map(subject_document, subjects(run))),
                "results": Items(map(result_document, results_in_order(run.results))),
                "notices": list(run.notices),
                "changes": _changes(run),
            }
        )
    )
    yield "\n"


def one_line(run: Run, gates: Sequence[Gate], exit_code: int) -> str:
    """A gate's verdict and its counts in one short line of JSON, for later steps of a CI job."""
    verdicts = Counter(gate.verdict.value for gate in gates)
    seen = overview(run)
    return written(
        {
            "verdict": None if run.gate is None else run.gate.verdict.value,
            "exit_code": exit_code,
            "verdicts": {verdict.value: verdicts[verdict.value] for verdict in Verdict if verdicts[verdict.value]},
            "findings": seen.findings,
            "complete": run.complete,
            **_counts(seen),
        },
        indent=None,
    )


def tool(run: Run) -> JsonValue:
    """What made the report."""
    return {"name": "almguard", "version": run.version}


def about(run: Run) -> dict[str, JsonValue]:
    """What is said of the run itself, but for what may be long."""
    return {
        "id": run.id,
        "command": run.command,
        "targets": list(run.targets),
        "shard": run.shard,
        "started_at": time_of(run.started_at),
        "finished_at": time_of(run.finished_at),
        "now": time_of(run.now),
        "requests": {
            "github": 0,
            "azure_devops": 0,
            **{name: run.requests[name] for name in sorted(run.requests)},
        },
        **({"spent": {name: spent_document(run.spent[name]) for name in sorted(run.spent)}} if run.spent else {}),
        **({"lenient": [*map(str, sorted(run.lenient))]} if run.lenient else {}),
        "depth": run.depth,
        "complete": run.complete,
        "coverage": [coverage_document(one) for one in sorted(run.coverage, key=lambda one: one.target)],
    }


def judged_by(run: Run) -> dict[str, JsonValue]:
    """The policies, the decision and the counts."""
    return {
        "policies": [
            policy_document(policy) for policy in sorted(run.policies, key=lambda policy: (policy.name, policy.source))
        ],
        "gate": None if run.gate is None else gate_document(run.gate),
        "summary": _summary(overview(run)),
    }


def subjects(run: Run) -> Iterator[Subject]:
    """Every subject that was judged or listed, once, in the order of their ids. A kept run's subjects are all of them."""
    if not isinstance(run.subjects, tuple | list):
        yield from subjects_in_order(run.subjects)
        return
    of_results = (result.subject for result in results_in_order(run.results))
    every = merge(subjects_in_order(run.subjects), of_results, key=lambda subject: subject.id)
    for _, same in groupby(every, key=lambda subject: subject.id):
        *_, subject = same
        yield subject


def spent_document(spent: Spent) -> JsonValue:
    """What one platform was sent, by kind."""
    return {
        "requests": spent.requests,
        "not_modified": spent.not_modified,
        "graphql": spent.graphql,
        "points": spent.points,
    }


def _changes(run: Run) -> JsonValue | Object:
    if run.changes is None:
        return None
    amounts = tally(run.changes)
    earlier = run.history[-1] if run.history else None
    return Object(
        {
            "since": None if earlier is None else {"run": earlier.id, "started_at": time_of(earlier.started_at)},
            "counts": {change.value: amounts[change] for change in Change},
            "items": Items(map(changed_document, run.changes)),
        }
    )


def _summary(seen: Overview) -> JsonValue:
    by_enforcement: dict[str, JsonValue] = {
        enforcement.value: {outcome.value: seen.outcomes[enforcement, outcome] for outcome in Outcome}
        for enforcement in Enforcement
    }
    counts = _counts(seen)
    return {"total": counts.pop("total"), "outcomes": counts.pop("outcomes"), "enforcement": by_enforcement, **counts}


def _counts(seen: Overview) -> dict[str, JsonValue]:
    return {
        "total": seen.total,
        "outcomes": {outcome.value: seen.amount(outcome) for outcome in Outcome},
        "waived": seen.waived,
        "baseline": seen.baseline,
    }
