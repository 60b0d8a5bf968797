"""A run as JSON Lines, for tools that read a stream: one object a line, each with its ``type`` and the ``run`` it is of.

The first line is the run, then come its subjects, its results, its gaps, what was skipped and what has changed since the run
before, each as the JSON report has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.documents import gap_document, result_document, skip_document
from bot.model.json_fields import JsonValue
from bot.model.ordering import gaps_in_order, results_in_order, skips_in_order
from bot.model.results import Run
from bot.model.subject_documents import subject_document
from bot.report.changes import changed_document
from bot.report.json_pieces import written
from bot.report.json_report import SCHEMA, about, judged_by, subjects, tool


def render(run: Run) -> str:
    """The lines, in an order that depends on nothing but what was found."""
    return "".join(pieces(run))


def pieces(run: Run) -> Iterator[str]:
    """Line by line."""
    for line in lines(run):
        yield f"{written(line, indent=None)}\n"


def lines(run: Run) -> Iterator[dict[str, JsonValue]]:
    """Each line as an object."""
    yield {"type": "run", "schema": SCHEMA, "tool": tool(run), **about(run), **judged_by(run),
           "notices": list(run.notices)}  # fmt: skip
    # A gap names its subject by id, as a result does.
    for kind, items in (
        ("subject", map(subject_document, subjects(run))),
        ("result", map(result_document, results_in_order(run.results))),
        ("gap", map(gap_document, gaps_in_order(run.gaps))),
        ("skipped", map(skip_document, skips_in_order(run.skipped))),
        ("change", map(changed_document, run.changes or ())),
    ):
        for item in items:
            yield {"type": kind, "run": run.id, **item}
