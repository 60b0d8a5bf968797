"""``almguard report``: the runs that are kept, in any format; two of them compared; shards put together."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import FORMATS, OutputType
from bot.cli.storing import STORE

if TYPE_CHECKING:
    from bot.report.difference import Difference

FORMAT = click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="terminal",
    show_default=True,
    help="How to print it.",
)
OUTPUT = click.option(
    "--output",
    "outputs",
    type=OutputType(),
    multiple=True,
    help="Also write it to a file; may be given several times (json:report.json).",
)
VERBOSE = click.option("-v", "--verbose", is_flag=True, help="Show everything in full.")


@click.group("report")
def command() -> None:
    """Show, compare and merge the runs of scans."""


@command.command("list")
@STORE
@click.option(
    "--limit", type=click.IntRange(1, 10_000), default=20, show_default=True, help="How many, the newest first."
)
@click.option("--format", "format_", type=click.Choice(["terminal", "json"]), default="terminal", show_default=True)
def list_(store_address: str | None, limit: int, format_: str) -> int:
    """List the runs that the store has, the newest first."""
    from bot.cli.output import show
    from bot.cli.storing import store

    with store(store_address) as kept:
        found = kept.runs(limit=limit)
    if format_ == "json":
        from bot.report.run_list import as_json

        show([as_json(found)])
    else:
        from rich.console import Console

        from bot.report.run_list import render

        render(found, Console(highlight=False, markup=False, emoji=False))
    return 0


@command.command("show")
@click.argument("run", metavar="[RUN]", default="latest")
@STORE
@FORMAT
@OUTPUT
@VERBOSE
def show_(
    run: str, store_address: str | None, format_: str, outputs: tuple[tuple[str, Path], ...], verbose: bool
) -> int:
    """Show a run of the store, or of a JSON report, in any format.

    RUN is the beginning of an id, 'latest', 'previous', or a file. The exit code is 0: whether it passed, the scan said.
    """
    from bot.cli.output import emit
    from bot.cli.report_runs import from_file, from_store, is_file
    from bot.cli.storing import store

    if is_file(run):
        emit(from_file(Path(run)), format_, outputs, verbose=verbose)
        return 0
    with store(store_address) as kept:
        emit(from_store(kept, run), format_, outputs, verbose=verbose)
    return 0


@command.command("diff")
@click.argument("before", metavar="[BEFORE]", default="previous")
@click.argument("after", metavar="[AFTER]", default="latest")
@STORE
@click.option(
    "--format",
    "format_",
    type=click.Choice(["terminal", "json", "markdown"]),
    default="terminal",
    show_default=True,
    help="How to print it.",
)
@click.option(
    "--output", "outputs", type=OutputType(), multiple=True, help="Also write it to a file: json, markdown or terminal."
)
@click.option("--exit-zero", is_flag=True, help="Exit 0 whatever has changed.")
@VERBOSE
def diff(
    before: str,
    after: str,
    store_address: str | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    exit_zero: bool,
    verbose: bool,
) -> int:
    """Compare two runs: what broke, was fixed, was lost and regained.

    BEFORE and AFTER are each the beginning of an id, 'latest', 'previous', or the file of a JSON report.

    Exit 0: nothing that blocks got worse. 1: an entry that blocks fails now and did not, or has a new finding. 3: none does,
    and one that blocks can no longer be decided.
    """
    from bot.cli.failures import Refusal
    from bot.cli.output import show, write_whole
    from bot.cli.report_runs import from_file, from_store, is_file
    from bot.cli.storing import store
    from bot.report.difference import difference

    for kind, path in outputs:
        if kind not in ("terminal", "json", "markdown"):
            raise Refusal(f"{path}: a comparison is written as json, markdown or terminal, not as {kind}")
    with ExitStack() as opened:
        names = (before, after)
        kept = None if all(map(is_file, names)) else opened.enter_context(store(store_address))
        runs = [from_file(Path(name)) if kept is None or is_file(name) else from_store(kept, name) for name in names]
        found = difference(*runs)
        for kind, path in outputs:
            write_whole(path, _pieces(found, kind, verbose=verbose))
        if format_ == "terminal":
            from rich.console import Console

            from bot.report.difference_pages import render

            render(found, Console(highlight=False, markup=False, emoji=False), verbose=verbose)
        else:
            show(_pieces(found, format_, verbose=verbose))
    if exit_zero:
        return 0
    return 1 if found.blocking else 3 if found.lost else 0


def _pieces(found: Difference, kind: str, *, verbose: bool) -> Iterator[str]:
    """A comparison in one of its formats, without credentials."""
    from bot.cli.failures import redacted

    if kind == "json":
        from bot.report.difference import json_pieces

        yield from map(redacted, json_pieces(found))
    elif kind == "markdown":
        from bot.report.difference_pages import markdown_of

        yield redacted(markdown_of(found))
    else:
        from rich.console import Console

        from bot.report.difference_pages import render

        text = io.StringIO()
        render(found, Console(file=text, width=100, highlight=False, markup=False, emoji=False), verbose=verbose)
        yield redacted(text.getvalue())


@command.command("merge")
@click.argument("files", metavar="FILE...", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option("--partial", is_flag=True, help="Merge though shards are missing; the run then says what it lacks.")
@click.option("--exit-zero", is_flag=True, help="Exit 0 where something blocks.")
@FORMAT
@OUTPUT
@VERBOSE
def merge(
    files: tuple[Path, ...],
    partial: bool,
    exit_zero: bool,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    verbose: bool,
) -> int:
    """Put JSON reports together: the shards of a scan, or scans of other targets that were judged alike.

    The exit code is that of the one scan that they together are.
    """
    from bot.cli.failures import Refusal
    from bot.cli.judgement import code_of
    from bot.cli.output import emit
    from bot.cli.report_runs import from_file
    from bot.engine.merging import MergeError, Part, merged
    from bot.engine.verdict import decide

    try:
        run = merged([Part(str(path), from_file(path)) for path in files], partial=partial)
    except MergeError as error:
        raise Refusal(str(error)) from None
    emit(run, format_, outputs, verbose=verbose)
    return code_of(
        decide(tuple(run.results), dict.fromkeys(run.lenient, "warn")), incomplete=not run.complete, exit_zero=exit_zero
    )


@command.command("forget")
@STORE
@click.option("--days", type=click.IntRange(min=0), help="Forget runs that ended more than so many days ago.")
@click.option("--runs", type=click.IntRange(min=1), help="Forget all but the newest so many of the same targets.")
def forget(store_address: str | None, days: int | None, runs: int | None) -> int:
    """Delete old runs from the store. The newest of each series of the same targets stays."""
    from bot.cli.failures import Refusal
    from bot.cli.storing import store
    from bot.report.grouping import counted

    if days is None and runs is None:
        raise Refusal("say what to forget: --days 90 for what is older, --runs 30 for all but the newest")
    with store(store_address) as kept:
        amount = kept.retain(days=days, runs=runs)
    click.echo(f"{counted(amount, 'run was', 'runs were')} forgotten.")
    return 0
