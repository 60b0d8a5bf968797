"""Prints a run and writes its files, each whole or not at all."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.failures import Refusal
from bot.model.results import Run

if TYPE_CHECKING:
    from bot.report.sarif_report import AzureBuild


def emit(run: Run, format_: str, outputs: Sequence[tuple[str, Path]], *, verbose: bool) -> None:
    """Print the run in one format, and write it to files in others."""
    for kind, path in outputs:
        write_whole(path, pieces_of(run, kind, verbose=verbose))
    if format_ == "terminal":
        from rich.console import Console

        from bot.report import terminal

        terminal.render(run, Console(highlight=False, markup=False, emoji=False), verbose=verbose)
        sys.stdout.flush()
    else:
        show(pieces_of(run, format_, verbose=verbose))


def show(pieces: Iterable[str]) -> None:
    """Print a text that comes in pieces, whole lines at its end."""
    last = ""
    for last in _gathered(pieces):
        click.echo(last, nl=False)
    if not last.endswith("\n"):
        click.echo()


def text_of(run: Run, kind: str, *, verbose: bool = False) -> str:
    """The run as text, without anything that is, or looks like, a credential."""
    return "".join(pieces_of(run, kind, verbose=verbose))


def pieces_of(run: Run, kind: str, *, verbose: bool = False) -> Iterator[str]:
    """The same, in pieces. No record stands in two of them, so a credential in one is seen whole."""
    from bot.cli.failures import redacted

    return map(redacted, _pieces(run, kind, verbose=verbose))


_MODULES = {
    "json": "json_report",
    "jsonl": "lines_report",
    "junit": "junit_report",
    "csv": "csv_report",
    "html": "html_report",
}
"""The module of ``bot.report`` that renders a run in each format, loaded when it is asked for."""


def _pieces(run: Run, kind: str, *, verbose: bool) -> Iterator[str]:
    if kind == "sarif":
        from bot.report import sarif_report

        yield from sarif_report.pieces(run, _azure_build(os.environ))
    elif kind in _MODULES:
        from importlib import import_module

        yield from import_module(f"bot.report.{_MODULES[kind]}").pieces(run)
    elif kind == "markdown":
        from bot.report import markdown

        yield markdown.report(run)
    else:
        import io

        from rich.console import Console

        from bot.report import terminal

        buffer = io.StringIO()
        terminal.render(
            run, Console(file=buffer, width=100, highlight=False, markup=False, emoji=False), verbose=verbose
        )
        yield buffer.getvalue()


AT_ONCE = 1 << 16
"""Characters that are written together: a report of a hundred thousand records has as many pieces."""


def _gathered(pieces: Iterable[str]) -> Iterator[str]:
    """Fewer and larger pieces."""
    held: list[str] = []
    size = 0
    for piece in pieces:
        held.append(piece)
        size += len(piece)
        if size >= AT_ONCE:
            yield "".join(held)
            held, size = [], 0
    if held:
        yield "".join(held)


def _azure_build(environ: Mapping[str, str]) -> AzureBuild | None:
    """The job of Azure Pipelines that this is; None: it is none, or does not say which.

    https://learn.microsoft.com/azure/devops/pipelines/build/variables
    """
    from bot.report.sarif_report import AzureBuild

    organization = environ.get("SYSTEM_COLLECTIONURI", "").rstrip("/").rpartition("/")[2]
    names = ("SYSTEM_TEAMPROJECT", "SYSTEM_DEFINITIONID", "BUILD_DEFINITIONNAME", "SYSTEM_PHASEID", "SYSTEM_PHASENAME",
             "BUILD_SOURCEBRANCH", "BUILD_BUILDID")  # fmt: skip
    said = [environ.get(name, "") for name in names]
    if environ.get("TF_BUILD", "").lower() != "true" or not organization or not all(said):
        return None
    return AzureBuild(organization, *said)


def write_whole(path: Path, text: str | Iterable[str]) -> None:
    """Write a file so that a reader sees the old one or the new one, never half of it."""
    write_all({path: text})


def write_all(texts: Mapping[Path, str | Iterable[str]]) -> None:
    """Write files, each whole. What can fail is done before the first of them is seen, so it is all of them or none."""
    ready: dict[str, Path] = {}
    made: list[Path] = []
    path = Path()
    try:
        for path, text in texts.items():
            missing = [folder for folder in path.parents if not folder.exists()]
            path.parent.mkdir(parents=True, exist_ok=True)
            made += missing
            ready[_written(path, text)] = path
        for name, path in ready.items():
            os.replace(name, path)
    except BaseException as error:
        for name in ready:
            Path(name).unlink(missing_ok=True)
        for folder in sorted(made, reverse=True):
            if not any(folder.iterdir()):
                folder.rmdir()
        if isinstance(error, OSError):
            raise Refusal(f"{path}: it cannot be written: {error.strerror or error}") from None
        raise


def _written(path: Path, text: str | Iterable[str]) -> str:
    """The name of a file beside the one that it is to become."""
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            last = ""
            for last in (text,) if isinstance(text, str) else _gathered(text):
                file.write(last)
            if not last.endswith("\n"):
                file.write("\n")
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(name, 0o666 & ~mask)
    except BaseException:
        os.unlink(name)
        raise
    return name
