"""A control framework held against the rules: what there is evidence for, what no rule covers, and of what these are counts."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from bot.policy.frameworks import Control, Coverage
from bot.report.grouping import counted
from bot.report.sanitize import log_line

EVIDENCE_ONLY = (
    "A rule is evidence for a control, and mostly for a part of it; it is not compliance with the framework."
)


def as_json(coverage: Coverage) -> str:
    """Everything, as one JSON object."""
    framework = coverage.framework
    document = {
        "framework": framework.model_dump(include={"id", "name", "version", "source", "scope"}),
        "listed": len(coverage.rules),
        "covered": coverage.covered,
        "controls": [
            {"id": control.id, "title": control.title, "rules": list(rules), "note": control.note}
            for control, rules in coverage.rules
        ],
        "unlisted": [{"id": control, "rules": list(rules)} for control, rules in coverage.unlisted],
    }
    return json.dumps(document, indent=2, ensure_ascii=False)


def render(coverage: Coverage, console: Console) -> None:
    """Show it on a terminal. The console decides about width, colour and encoding."""
    for part in _Page(console).parts(coverage):
        console.print(part, highlight=False, markup=False, emoji=False)
    # An address that is broken over two lines can be neither clicked nor copied.
    console.print(_Page(console).text(f"Source: {coverage.framework.source}"), soft_wrap=True)


class _Page:
    """The parts of the page, for one console."""

    def __init__(self, console: Console) -> None:
        self.encoding = console.encoding or "utf-8"

    def text(self, words: str, style: str = "") -> Text:
        """Words of a map, which may be anybody's file, as this console can show them."""
        return Text(log_line(words).encode(self.encoding, "replace").decode(self.encoding), style=style)

    def parts(self, coverage: Coverage) -> Iterable[RenderableType]:
        """From top to bottom."""
        framework = coverage.framework
        covered = [(control, rules) for control, rules in coverage.rules if rules]
        uncovered = [(control, rules) for control, rules in coverage.rules if not rules]
        yield self.text(f"{framework.name}, {framework.version}", "bold")
        yield self.text(framework.scope)
        if covered:
            yield Text()
            yield self.table(covered, ("control", "asks that", "evidence from"))
        if uncovered:
            yield Text("\nNo rule covers:\n", style="bold")
            yield self.table(uncovered, ("control", "asks that"))
        yield Text()
        if coverage.unlisted:
            named = "; ".join(f"{control} ({', '.join(rules)})" for control, rules in coverage.unlisted)
            yield self.text(f"Rules name these as well, which the map does not list: {named}.")
        yield self.text(
            f"{len(covered)} of the {counted(len(coverage.rules), 'control')} listed have evidence from a rule, "
            f"{len(uncovered)} from none. {EVIDENCE_ONLY}"
        )

    def table(self, rows: Sequence[tuple[Control, tuple[str, ...]]], headings: tuple[str, ...]) -> Table:
        """A row for each control; its note stands below its title, further in."""
        table = Table(box=None, pad_edge=False)
        for heading in headings:
            table.add_column(heading, no_wrap=heading != "asks that")
        for control, rules in rows:
            asked = Group(self.text(control.title), *self.note(control))
            cells = (self.text(control.id), asked, Text("\n".join(rules)))
            table.add_row(*cells[: len(headings)])
        return table

    def note(self, control: Control) -> Iterable[RenderableType]:
        """What is said of the evidence, if anything is."""
        if control.note:
            yield Padding(self.text(control.note, "dim"), (0, 0, 0, 2))
