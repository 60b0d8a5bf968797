"""A run as JSON Lines, for tools that read a stream: one object a line, each with its ``type`` and the ``run`` it is of.

The first line is the run, then come its subjects, its results and its gaps, each as the JSON report has it.
"""

from __future__ import annotations

from collections.abc import Iterator

from bot.model.json_fields import JsonValue
from bot.model.results import Run
from bot.report.json_report import document, written


def render(run: Run) -> str:
    """The lines, in an order that depends on nothing but what was found."""
    return "".join(f"{written(line, indent=None)}\n" for line in lines(run))


def lines(run: Run) -> Iterator[dict[str, JsonValue]]:
    """Each line as an object."""
    whole = document(run)
    about = whole["run"]
    assert isinstance(about, dict)
    gaps = about.pop("gaps")
    yield {"type": "run", "schema": whole["schema"], "tool": whole["tool"], **about, "policies": whole["policies"],
           "gate": whole["gate"], "summary": whole["summary"], "notices": whole["notices"]}  # fmt: skip
    for kind, items in (("subject", whole["subjects"]), ("result", whole["results"]), ("gap", gaps)):
        assert isinstance(items, list)
        for item in items:
            assert isinstance(item, dict)
            # A gap names its subject by id, as a result does.
            yield {"type": kind, "run": run.id, **item}
