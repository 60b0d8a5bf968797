"""The runs that a store has, as a list."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from bot.model.json_fields import JsonValue, time_of
from bot.model.results import Outcome, RunSummary
from bot.report.json_pieces import written
from bot.report.terminal import Page


def as_json(found: Sequence[RunSummary]) -> str:
    """As JSON: a list of objects."""
    runs: list[JsonValue] = [
        {
            "id": run.id,
            "targets": list(run.targets),
            "shard": run.shard,
            "started_at": time_of(run.started_at),
            "finished_at": time_of(run.finished_at),
            "complete": run.complete,
            "policy_digest": run.policy_digest,
            "repositories": run.judged,
            "outcomes": {outcome.value: run.outcomes.get(outcome, 0) for outcome in Outcome},
            "waived": run.waived,
            "requests": {name: run.requests[name] for name in sorted(run.requests)},
        }
        for run in found
    ]
    return written(runs, indent=2) + "\n"


def render(found: Sequence[RunSummary], console: Console) -> None:
    """As a table that fits a terminal of 80 columns: errors are among the unknown, and JSON has more."""
    if not found:
        console.print("No finished run is kept: 'almguard scan' keeps one.", highlight=False, markup=False)
        return
    page = Page(console, verbose=False)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("run", no_wrap=True)
    table.add_column("began (UTC)", no_wrap=True)
    table.add_column("of", overflow="fold")
    for heading in ("judged", "fail", "unknown"):
        table.add_column(heading, justify="right")
    table.add_column("complete")
    for run in found:
        shard = f" ({run.shard})" if run.shard else ""
        table.add_row(
            page.text(run.id[:8]),
            f"{run.started_at:%Y-%m-%d %H:%M}",
            page.text(", ".join(run.targets) + shard, limit=120),
            str(run.judged),
            str(run.outcomes.get(Outcome.FAIL, 0)),
            str(run.outcomes.get(Outcome.UNKNOWN, 0) + run.outcomes.get(Outcome.ERROR, 0)),
            Text("yes", style="green") if run.complete else Text("no", style="bold magenta"),
        )
    console.print(table, highlight=False, markup=False, emoji=False)
