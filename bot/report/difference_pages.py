"""Two runs compared, for people: on a terminal, and in Markdown."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rich.console import Console, RenderableType
from rich.text import Text

from bot.model.results import Change, Changed, Run
from bot.report.changes import BETTER, MEANINGS, WORSE
from bot.report.difference import Difference, OfEntry
from bot.report.grouping import counted
from bot.report.sanitize import code, markdown
from bot.report.terminal import Page, hanging

SHOWN = 6
"""Subjects of each entry, where not everything was asked for."""
ENTRIES = 20
MARKDOWN_LIMIT = 900_000
"""Bytes; what a job summary on GitHub takes is 1 MiB."""
_STYLES = {
    Change.BROKE: "bold red",
    Change.APPEARED: "bold red",
    Change.LOST: "bold magenta",
    Change.MOVED: "yellow",
    Change.FIXED: "bold green",
    Change.REGAINED: "green",
    Change.GONE: "dim",
}


def render(found: Difference, console: Console, *, verbose: bool = False) -> None:
    """Show it on a terminal."""
    page = Page(console, verbose=verbose)
    for part in _parts(found, page, verbose=verbose):
        console.print(part, highlight=False, markup=False, emoji=False)


def _parts(found: Difference, page: Page, *, verbose: bool) -> Iterator[RenderableType]:
    yield page.text(found.headline[:1].upper() + found.headline[1:], "bold")
    yield Text.assemble(("from ", "dim"), page.text(_run(found.before), "dim"))
    yield Text.assemble(("to   ", "dim"), page.text(_run(found.after), "dim"))
    for caveat in found.caveats:
        yield Text.assemble((f"{page.glyphs.warning} ", "yellow"), page.text(caveat))
    for change in (*WORSE, *BETTER):
        entries = found.of(change)
        if not entries:
            continue
        yield Text()
        yield Text.assemble(
            (f"{change.value.capitalize()} ({found.counts[change]})", _STYLES[change]), (f"  {MEANINGS[change]}", "dim")
        )
        for entry in entries if verbose else entries[:ENTRIES]:
            yield Text.assemble((f"{page.glyphs.bullet} ", "dim"), page.text(entry.key, "bold"), f" ({entry.total})")
            for changed in entry.kept if verbose else entry.kept[:SHOWN]:
                yield hanging(Text("    "), page.text(_told(changed), limit=240))
            if rest := entry.total - min(len(entry.kept), entry.total if verbose else SHOWN):
                where = "--format json has every one" if verbose else "see --verbose"
                yield Text(f"    and {rest} more: {where}", style="dim")
        if not verbose and len(entries) > ENTRIES:
            yield Text(f"and {counted(len(entries) - ENTRIES, 'more entry', 'more entries')}: see --verbose", "dim")


def markdown_of(found: Difference) -> str:
    """In Markdown, at most as long as a job's summary may be."""
    for subjects in (200, 20, 3, 0):
        text = "\n".join(_lines(found, subjects)) + "\n"
        if len(text.encode(errors="replace")) <= MARKDOWN_LIMIT:
            return text
    return "\n".join(_lines(found, 0))[: MARKDOWN_LIMIT // 4] + "\n"


def _lines(found: Difference, subjects: int) -> Iterable[str]:
    yield "# What has changed"
    yield ""
    yield f"{markdown(found.headline[:1].upper() + found.headline[1:])}."
    yield ""
    yield f"From {markdown(_run(found.before), 300)}  "
    yield f"to {markdown(_run(found.after), 300)}."
    for caveat in found.caveats:
        yield f"\n> {markdown(caveat)}"
    for change in (*WORSE, *BETTER):
        entries = found.of(change)
        if not entries:
            continue
        yield f"\n## {change.value.capitalize()} ({found.counts[change]})"
        yield f"\n{MEANINGS[change].capitalize()}.\n"
        for entry in entries[: 10 * ENTRIES]:
            yield from _entry(entry, subjects)
        if rest := len(entries[10 * ENTRIES :]):
            yield f"- … and {counted(rest, 'more entry', 'more entries')}"


def _entry(entry: OfEntry, subjects: int) -> Iterable[str]:
    yield f"- {code(entry.key, 120)} ({entry.total})"
    for changed in entry.kept[:subjects]:
        yield f"  - {markdown(_told(changed), 300)}"
    if rest := entry.total - min(len(entry.kept), subjects):
        yield f"  - … and {rest} more"


def _run(run: Run) -> str:
    what = " ".join(run.targets) or run.command
    shard = f", shard {run.shard}" if run.shard else ""
    return f"{run.id[:8]}, {run.now:%Y-%m-%d %H:%M} UTC, {what}{shard}"


def _told(changed: Changed) -> str:
    """The subject, and why."""
    after, before = changed.after, changed.before
    result = after or before
    assert result is not None
    said = why(changed)
    return f"{result.subject.name}: {said}" if said else result.subject.name


def why(changed: Changed) -> str:
    """What is said of a change, in a few words."""
    after, before = changed.after, changed.before
    if after is None:
        return "it could not be read" if changed.change is Change.LOST else ""
    if changed.change is Change.LOST:
        return "; ".join(unknown.reason for unknown in after.unknown) or after.reason
    if changed.change is Change.FIXED:
        if after.waiver is not None:
            return f"waived until {after.waiver.expires}: {after.waiver.reason}"
        return "the baseline has it" if after.baseline else ""
    known = set(before.fingerprints) if before is not None and changed.change is Change.MOVED else set()
    marks = after.fingerprints or ("",) * len(after.findings)
    new = [finding for finding, mark in zip(after.findings, marks, strict=True) if mark not in known or not mark]
    return "; ".join(finding.message for finding in new[:3]) or ("less than before" if known else after.reason)
