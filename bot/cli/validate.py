"""``almguard validate``: check everything that people write, offline."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import InstantType

if TYPE_CHECKING:
    from bot.cli.checking import Checker
    from bot.policy.problems import Problem


@click.command("validate")
@click.argument("paths", metavar="[FILE]...", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--online", is_flag=True, help="Also read the policies of other repositories that are extended.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(("terminal", "json")),
    default="terminal",
    show_default=True,
    help="How to print the mistakes; json for editors and CI systems.",
)
@click.option(
    "--now",
    type=InstantType(),
    envvar="ALMGUARD_NOW",
    help="Tell what has ended as of this instant instead of the clock.",
)
def command(paths: tuple[Path, ...], online: bool, format_: str, now: datetime | None) -> int:
    """Check files: every mistake of all of them at once, as file:line:column. Exits with 2 where there is one.

    Each file is checked by its kind (Policy, Config, Waivers, Identities, Tests, Scenario; an inventory as .csv, a baseline
    as .json), a configuration with everything that it names. Without a file: the configuration that a gate would find
    here (.github/almguard.yml, else almguard.yml), and the policy tests (.github/almguard-tests/, policies/tests/). Nothing
    is read from the network, unless --online is given. What will surprise somebody, such as a waiver that has ended, is a
    warning.
    """
    from bot.cli.checking import Checker
    from bot.cli.session import session
    from bot.engine.verdict import USAGE

    with session(now) as opened:
        checker = Checker(opened.now, opened.fetcher() if online else None)
        for path in paths or _here():
            checker.check(path)
    wrong = checker.error()
    problems = wrong.problems if wrong is not None else ()
    warnings = sorted(set(checker.warnings))
    if format_ == "json":
        click.echo(_json(checker, problems, warnings))
    else:
        for line in checker.fine:
            click.echo(line)
        for warning in warnings:
            click.echo(f"warning: {warning}", err=True)
        for problem in problems:
            click.echo(str(problem), err=True)
    return USAGE if problems else 0


def _here() -> list[Path]:
    """The configuration and the tests of this folder."""
    from bot.cli.places import TEST_FOLDERS, found_here

    tests: list[Path] = []
    if any(Path(folder).is_dir() for folder in TEST_FOLDERS):
        from bot.cli.casefiles import tests_here

        tests = tests_here()
    return [found_here(), *tests]


def _json(checker: Checker, problems: tuple[Problem, ...], warnings: list[Problem]) -> str:
    import json
    from dataclasses import asdict

    found = [
        {"severity": severity, **asdict(problem)}
        for severity, listed in (("error", problems), ("warning", warnings))
        for problem in listed
    ]
    document = {"schema": "almguard.validation/v1", "valid": not problems, "problems": found, "fine": checker.fine}
    return json.dumps(document, indent=2, ensure_ascii=False)
