"""``almguard rehearse``: judge merged pull requests as they stood when they were merged, and post nothing."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from bot.cli.options import InstantType, OutputType

FORMATS = ("terminal", "json", "markdown")
UNREAD = 3
MOST = 500


@click.command("rehearse")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--last",
    "amount",
    type=click.IntRange(1, MOST),
    default=30,
    show_default=True,
    help="How many of the newest merged pull requests.",
)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="ALMGUARD_CONFIG",
    help="The policy to rehearse, instead of each repository's own, which it is then compared with.",
)
@click.option("--branch", help="Those merged into this branch, instead of the default branch.")
@click.option(
    "--assume-today",
    is_flag=True,
    help="Take from today what the past does not tell: people's permissions, teams, settings, edited texts.",
)
@click.option(
    "--enforcement",
    type=click.Choice(["final", "today"]),
    default="final",
    show_default=True,
    help="Which step of a dated enforcement the rehearsed policy goes by.",
)
@click.option(
    "--format",
    "format_",
    type=click.Choice(FORMATS),
    default="terminal",
    show_default=True,
    help="How to print the result.",
)
@click.option(
    "--output",
    "outputs",
    type=OutputType(),
    multiple=True,
    help="Also write the result to a file; may be given several times (markdown:rehearsal.md).",
)
@click.option("--now", type=InstantType(), envvar="ALMGUARD_NOW", help="The run's day, instead of the clock's.")
@click.option("-v", "--verbose", is_flag=True, help="Show every pull request, entry and gap.")
def command(
    targets: tuple[str, ...],
    amount: int,
    config: Path | None,
    branch: str | None,
    assume_today: bool,
    enforcement: str,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    now: datetime | None,
    verbose: bool,
) -> int:
    """Judge the newest merged pull requests as they stood when they were merged. Nothing is posted.

    TARGET is a repository, an organisation or a project: ``almguard rehearse github:acme/payments --last 30``; or pull
    requests are named: ``almguard rehearse ado:acme/Payments/payments!12``. With --config the policy in the file is
    compared with the one in force.

    What cannot be known of the past is unknown, and counted. Exit codes: 0 done; 3 a pull request, a list or a
    configuration could not be read.
    """
    from bot.cli.failures import Refusal
    from bot.cli.progress import progress
    from bot.cli.rehearsing import Choice, rehearsed, write
    from bot.cli.session import session
    from bot.engine.rehearsing import Stage

    if wrong := next((kind for kind, _ in outputs if kind not in FORMATS), None):
        raise Refusal(f"A rehearsal is not written as {wrong}: there are {', '.join(FORMATS)}.")
    choice = Choice(amount, branch, config, Stage(enforcement), assume_today=assume_today)
    with session(now) as opened, progress() as bar:
        rehearsal, complete = rehearsed(opened, targets, choice, bar)
    write(rehearsal, format_, outputs, verbose=verbose)
    return 0 if complete else UNREAD
