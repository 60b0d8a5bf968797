"""A rehearsal on one screen of a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console, Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bot.model.rehearsal import Rehearsal, Rehearsed
from bot.model.results import Verdict
from bot.report import rehearsal as told
from bot.report.grouping import counted
from bot.report.sanitize import log_line
from bot.report.terminal import ASCII_GLYPHS, VERDICT_STYLES, Glyphs

ROWS = 15
"""Pull requests that a screen has room for; more are shown with ``verbose``."""
ENTRIES = 10
GAPS = 5


def render(rehearsal: Rehearsal, console: Console, *, verbose: bool = False) -> None:
    """Show it; ``verbose`` shows every pull request and every gap."""
    page = _Page(console, verbose=verbose)
    for part in page.parts(rehearsal):
        console.print(part, highlight=False, markup=False, emoji=False)


class _Page:
    def __init__(self, console: Console, *, verbose: bool) -> None:
        self.verbose = verbose
        self.encoding = console.encoding or "utf-8"
        self.glyphs = Glyphs() if self._shows("✔⏳✖∅→·…") else ASCII_GLYPHS

    def _shows(self, text: str) -> bool:
        try:
            text.encode(self.encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def text(self, value: str, style: str = "", limit: int = 300) -> Text:
        """A value from outside, as text that cannot be anything else."""
        safe = log_line(value, limit)
        if not self._shows(safe):
            safe = safe.replace("…", "...").encode("ascii", "replace").decode("ascii")
        return Text(safe, style=style, overflow="fold")

    def parts(self, rehearsal: Rehearsal) -> Iterable[RenderableType]:
        """From top to bottom."""
        yield self._banner(rehearsal)
        for notice in rehearsal.notices:
            yield Text.assemble((f"{self.glyphs.warning} ", "yellow"), self.text(notice))
        yield from self._pull_requests(rehearsal)
        yield from self._entries(rehearsal)
        yield from self._gaps(rehearsal)
        seconds = max((rehearsal.finished_at - rehearsal.started_at).total_seconds(), 0)
        pieces = [counted(sum(rehearsal.requests.values()), "request"), f"{seconds:.1f} s", "nothing was posted"]
        pieces += [f"enforcement: {rehearsal.enforcement}", f"almguard {rehearsal.version}"]
        yield Group(Text(), self.text(f" {self.glyphs.bullet} ".join(pieces), "dim"))

    def _banner(self, rehearsal: Rehearsal) -> RenderableType:
        tally = told.verdicts(rehearsal, [one.by for one in rehearsal.rehearsed])
        worst = next((verdict for verdict in told.WORST_FIRST if tally[verdict]), Verdict.EMPTY)
        style = VERDICT_STYLES[worst]
        signs = [f"{self.glyphs.verdict(v)} {tally[v]} {word}" for v, word in told.WORDS.items() if tally[v]]
        head = "  ".join(signs) or "nothing was rehearsed"
        lines = [Text(head, f"bold {style}"), self.text(f"{told.span(rehearsal)}, as they stood when merged", "bold")]
        lines.append(self.text(told.policies(rehearsal)))
        if rehearsal.compares:
            before = told.verdicts(rehearsal, [one.before for one in rehearsal.rehearsed if one.before is not None])
            changed = sum(told.changes_verdict(rehearsal, one) for one in rehearsal.rehearsed)
            said = (
                f"in force: {told.counted(rehearsal, before)}; {counted(changed, 'verdict changes', 'verdicts change')}"
            )
            lines.append(self.text(said))
        if said := told.today_sentence(rehearsal):
            lines.append(self.text(said, "yellow", limit=400))
        if rehearsal.gaps:
            lines.append(
                Text(f"INCOMPLETE: {counted(len(rehearsal.gaps), 'thing')} could not be read; see below.", "magenta")
            )
        return Panel(Group(*lines), border_style=style, expand=True)

    def _pull_requests(self, rehearsal: Rehearsal) -> Iterable[RenderableType]:
        shown = [one for one in told.rows(rehearsal) if self.verbose or _matters(rehearsal, one)]
        if not shown:
            return
        table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        table.add_column("pull request", overflow="fold")
        table.add_column("merged", no_wrap=True)
        table.add_column(f"in force {self.glyphs.arrow} rehearsed" if rehearsal.compares else "verdict", no_wrap=True)
        table.add_column("by, and why", overflow="fold", ratio=1)
        for one in shown if self.verbose else shown[:ROWS]:
            table.add_row(
                self.text(f"{one.subject.name} {one.subject.title}", limit=70),
                f"{one.merged_at:%Y-%m-%d}",
                self._verdict(rehearsal, one),
                self._why(rehearsal, one),
            )
        yield Group(Text(), table)
        if not self.verbose and len(shown) > ROWS:
            yield self.text(f"and {len(shown) - ROWS} more: --verbose shows all of them", "dim")

    def _verdict(self, rehearsal: Rehearsal, one: Rehearsed) -> Text:
        after = rehearsal.trial(one.by).verdict
        text = Text(f"{self.glyphs.verdict(after)} {told.WORDS[after]}", VERDICT_STYLES[after])
        if one.before is not None:
            before = told.WORDS[rehearsal.trial(one.before).verdict]
            text = Text.assemble(f"{before} {self.glyphs.arrow} ", text)
        if one.by.rests_on_today and not rehearsal.assume_today:
            text.append(f"\n({told.WORDS[one.by.assumed.verdict]} today)", "dim")
        return text

    def _why(self, rehearsal: Rehearsal, one: Rehearsed) -> Text:
        lines = [
            Text.assemble(self.text(result.key, "bold", 100), " ", self.text(told.why(result), limit=160))
            for result in told.deciding(rehearsal.trial(one.by))
        ]
        if not lines:
            said = [
                f"{one.key} {one.before or 'not judged'} {self.glyphs.arrow} {one.after or 'not judged'}"
                for one in told.changes(rehearsal, one)
            ]
            lines = [self.text(each, limit=160) for each in said]
        return Text("\n").join(lines[:3])

    def _entries(self, rehearsal: Rehearsal) -> Iterable[RenderableType]:
        after = {one.key: one for one in told.by_entry(rehearsal)}
        before = {one.key: one for one in told.by_entry(rehearsal, before=True)}
        keys = [*after, *(key for key in before if key not in after)]
        if not keys:
            return
        table = Table(box=None, pad_edge=False, show_edge=False, header_style="dim", padding=(0, 2, 0, 0))
        table.add_column("entry", overflow="fold")
        if rehearsal.compares:
            table.add_column("in force", overflow="fold")
        table.add_column("rehearsed", overflow="fold")
        for key in keys if self.verbose else keys[:ENTRIES]:
            cells = [self.text(told.tallied(after.get(key)))]
            if rehearsal.compares:
                cells.insert(0, self.text(told.tallied(before.get(key))))
            table.add_row(self.text(key, "bold", 100), *cells)
        yield Group(Text(), table)
        if not self.verbose and len(keys) > ENTRIES:
            yield self.text(f"and {counted(len(keys) - ENTRIES, 'more entry', 'more entries')}: --verbose", "dim")

    def _gaps(self, rehearsal: Rehearsal) -> Iterable[RenderableType]:
        gaps = rehearsal.gaps
        if not gaps:
            return
        yield Text("\nNot read", "bold magenta")
        for gap in gaps if self.verbose else gaps[:GAPS]:
            yield self.text(f"{gap.name}: {gap.reason}", limit=300)
        if not self.verbose and len(gaps) > GAPS:
            yield self.text(f"and {len(gaps) - GAPS} more: --verbose", "dim")


def _matters(rehearsal: Rehearsal, one: Rehearsed) -> bool:
    return told.changes_verdict(rehearsal, one) or rehearsal.trial(one.by).verdict is not Verdict.PASSED
