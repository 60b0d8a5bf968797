"""Options that several commands share."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

FORMATS = ("terminal", "json", "jsonl", "markdown", "sarif", "junit", "csv", "html")


class InstantType(click.ParamType[datetime]):
    """An ISO 8601 instant; UTC where it names no zone."""

    name = "instant"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Parse it, or say what it should look like."""
        if isinstance(value, datetime):
            return value
        try:
            parsed = datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is no instant such as 2026-11-02T09:00:00Z", param, ctx)
        return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


class DurationType(click.ParamType[timedelta]):
    """A length of time: ``90s``, ``10m``, ``1h30m``."""

    name = "duration"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """Parse it, or say what it should look like."""
        from bot.policy.durations import duration

        if isinstance(value, timedelta):
            return value
        try:
            return duration(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)


class OutputType(click.ParamType[tuple[str, Path]]):
    """``FILE`` or ``FORMAT:FILE``."""

    name = "[FORMAT:]FILE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, Path]:
        """Split it; without a format the file's ending tells it."""
        if isinstance(value, tuple):
            return value
        head, colon, rest = str(value).partition(":")
        if colon and head in FORMATS:
            return head, Path(rest)
        endings = {
            ".json": "json",
            ".jsonl": "jsonl",
            ".md": "markdown",
            ".txt": "terminal",
            ".sarif": "sarif",
            ".csv": "csv",
            ".xml": "junit",
            ".html": "html",
        }
        ending = Path(value).suffix.lower()
        if ending not in endings:
            self.fail(f"{value!r}: name the format, as in json:{value}; there are {', '.join(FORMATS)}", param, ctx)
        return endings[ending], Path(value)


def common(function: F) -> F:
    """What every command that judges takes."""
    for option in reversed(
        [
            click.option(
                "--config",
                type=click.Path(exists=True, dir_okay=False, path_type=Path),
                envvar="ALMGUARD_CONFIG",
                help="A policy or configuration file: the floor under the target's own, which can only add to it.",
            ),
            click.option(
                "--format",
                "format_",
                type=click.Choice(FORMATS),
                default="terminal",
                show_default=True,
                help="How to print the result.",
            ),
            click.option(
                "--output",
                "outputs",
                type=OutputType(),
                multiple=True,
                help="Also write the result to a file; may be given several times (json:report.json).",
            ),
            click.option("--exit-zero", is_flag=True, help="Exit 0 where the verdict is blocked or waiting."),
            click.option(
                "--now",
                type=InstantType(),
                envvar="ALMGUARD_NOW",
                help="Judge as of this instant instead of the clock.",
            ),
            click.option("-v", "--verbose", is_flag=True, help="Show passing and not applicable entries in full."),
        ]
    ):
        function = option(function)
    return function


def cached(function: F) -> F:
    """For commands that read much: ``cache``, the folder of what is kept between runs, or None."""

    @click.option(
        "--cache",
        type=click.Path(file_okay=False, path_type=Path),
        envvar="ALMGUARD_CACHE",
        help="The folder of what is kept between runs; by default almguard in the cache folder of your account.",
    )
    @click.option("--no-cache", is_flag=True, help="Keep nothing between runs, and use nothing that was kept.")
    @functools.wraps(function)
    def with_folder(*args: Any, cache: Path | None, no_cache: bool, **others: Any) -> Any:
        home = os.environ.get("XDG_CACHE_HOME")
        usual = (Path(home) if home else Path.home() / ".cache") / "almguard"
        return function(*args, cache=None if no_cache else cache or usual, **others)

    return with_folder  # type: ignore[return-value]


MAX_WAIT = click.option(
    "--max-wait",
    type=DurationType(),
    default=timedelta(hours=1),
    show_default="1h",
    help="How long may be waited in all where a platform limits the rate or fails; what is left then is unknown.",
)
"""For commands that nobody sits and waits for."""


def notifying(function: F) -> F:
    """For commands that may tell in issues and work items: ``notify``, what is asked for, or None."""

    @click.option(
        "--notify",
        "notify_by",
        type=click.Choice(["issues"]),
        help="Keep an issue (Azure DevOps: a work item) for each repository, which lists its findings.",
    )
    @click.option(
        "--notify-limit",
        type=click.IntRange(min=1),
        metavar="N",
        help="Make at most so many writes; what is left is done by the next run.  [default: tracking.limit, 50]",
    )
    @click.option("--notify-dry-run", is_flag=True, help="Say what --notify would write, and write nothing.")
    @functools.wraps(function)
    def with_asked(
        *args: Any, notify_by: str | None, notify_limit: int | None, notify_dry_run: bool, **others: Any
    ) -> Any:
        if notify_by is None:
            if notify_dry_run or notify_limit is not None:
                raise click.UsageError(
                    "--notify-limit and --notify-dry-run belong to --notify issues, which is not given."
                )
            return function(*args, notify=None, **others)
        from bot.cli.notifying import Notifying

        return function(*args, notify=Notifying(notify_limit, notify_dry_run), **others)

    return with_asked  # type: ignore[return-value]


CONFIGURATION = click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="ALMGUARD_CONFIG",
    help="The configuration; without it the one of this folder.",
)
"""For commands about a configuration's own files."""

AS_OF = click.option(
    "--now", type=InstantType(), envvar="ALMGUARD_NOW", help="As of this instant instead of the clock."
)
"""For commands that judge nothing on a platform, and yet ask for the day."""
