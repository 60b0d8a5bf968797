"""``almguard test``: policies judged on cases, with what they have to make of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import InstantType

if TYPE_CHECKING:
    from bot.cli.casefiles import CaseFiles
    from bot.cli.scenarios import Scenarios
    from bot.engine.cases import FileResult
    from bot.engine.ports import Progress
    from bot.policy.casefile import CaseFile

FAILED = 1
"""The exit code where some case did not end as expected."""


@click.command("test")
@click.argument("paths", metavar="[PATH]...", nargs=-1)
@click.option("-k", "only", metavar="TEXT", help="Run the cases alone whose name has this text in it.")
@click.option("--coverage", is_flag=True, help="Also say which entries and conditions no case exercises.")
@click.option(
    "--format",
    "format_",
    type=click.Choice(["terminal", "json"]),
    default="terminal",
    show_default=True,
    help="How to print the result.",
)
@click.option("--junit", type=click.Path(dir_okay=False, path_type=Path), help="Also write JUnit XML to this file.")
@click.option("--record", metavar="TARGET", help="Judge a live target, and write it down as a test, instead.")
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="With --record: what to judge by, instead of the target's own configuration.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="With --record: the file to write; else it is printed.",
)
@click.option("--environment", help="With --record: judge the release for this environment.")
@click.option("--now", type=InstantType(), help="With --record: judge as of this instant instead of the clock.")
def command(
    paths: tuple[str, ...],
    only: str | None,
    coverage: bool,
    format_: str,
    junit: Path | None,
    record: str | None,
    config: Path | None,
    output: Path | None,
    environment: str | None,
    now: datetime | None,
) -> int:
    """Run policy tests: files of cases, each with what is known and what the policy has to make of it.

    Without a path: those in .github/almguard-tests/ and policies/tests/. Exit code 0: every case ended as expected; 1: some
    did not; 2: a file does not load, and nothing was run.

    With --record TARGET a live pull request, release or repository is judged, and written down with all that was read, without
    secrets and e-mail addresses, as a test that expects what was got.
    """
    if record is not None:
        if paths or only or coverage or junit:
            raise click.UsageError(
                "--record writes a test and runs none: leave out the paths, -k, --coverage and --junit"
            )
        return _record(record, config, output, environment, now)
    for name, value in (("config", config), ("output", output), ("environment", environment), ("now", now)):
        if value is not None:
            raise click.UsageError(
                f"--{name} belongs to --record; a file of tests says itself what it tests, and as of when"
            )
    return _test(paths, only, format_, junit, coverage=coverage)


def _test(paths: tuple[str, ...], only: str | None, format_: str, junit: Path | None, *, coverage: bool) -> int:
    from bot.cli.casefiles import CaseFiles, found
    from bot.cli.progress import progress
    from bot.cli.scenarios import Scenarios
    from bot.cli.session import session
    from bot.engine.cases import CaseOutcome

    with session(None) as opened, Scenarios() as scenarios, progress() as bar:
        loader = CaseFiles(opened.fetcher())
        results = _run(_chosen(_load(found(paths), loader, scenarios), only), loader, scenarios, bar)
    _report(results, format_, junit, coverage=coverage)
    return 0 if all(case.outcome is CaseOutcome.PASSED for each in results for case in each.cases) else FAILED


def _record(
    target: str, config: Path | None, output: Path | None, environment: str | None, now: datetime | None
) -> int:
    from bot.cli.casefiles import CaseFiles
    from bot.cli.judgement import target as parse_target
    from bot.cli.output import write_whole
    from bot.cli.progress import progress
    from bot.cli.recording import record
    from bot.cli.session import session

    parsed = parse_target(target, environment)
    folder = output.parent if output is not None else Path()
    with session(now) as opened, progress() as bar:
        recorded = record(opened, parsed, config, folder, CaseFiles(opened.fetcher()), bar)
    for notice in recorded.notices:
        click.echo(f"almguard: {notice}", err=True)
    if output is None:
        click.echo(recorded.text, nl=False)
    else:
        write_whole(output, recorded.text)
    return 0


def _load(paths: Sequence[Path], loader: CaseFiles, scenarios: Scenarios) -> list[CaseFile]:
    """Every file, with all that it refers to; or else every mistake in all of them."""
    from bot.cli.casefiles import scenarios as scenarios_of
    from bot.cli.failures import Refusal
    from bot.policy.problems import PolicyError
    from bot.sandbox.loading import ScenarioError

    files: list[CaseFile] = []
    wrong: list[str] = []
    for path in paths:
        try:
            file = loader.load(path)
            loader.catalogue(file.configuration)
            files.append(file)
        except PolicyError as error:
            wrong += map(str, error.problems)
    for name in scenarios_of(files):
        try:
            scenarios.load(name)
        except ScenarioError as error:
            wrong += error.problems
    if wrong:
        raise Refusal("these tests do not load, so none was run:\n" + "\n".join(dict.fromkeys(wrong)))
    return files


def _chosen(files: Sequence[CaseFile], only: str | None) -> list[CaseFile]:
    """The files with those cases alone whose names have a text in them."""
    from dataclasses import replace

    from bot.cli.failures import Refusal

    if only is None:
        return list(files)
    wanted = only.casefold()
    kept = [replace(file, cases=tuple(c for c in file.cases if wanted in c.name.casefold())) for file in files]
    if not any(file.cases for file in kept):
        raise Refusal(f"no case has {only!r} in its name, so none was run")
    return [file for file in kept if file.cases]


def _run(files: Sequence[CaseFile], loader: CaseFiles, scenarios: Scenarios, bar: Progress) -> list[FileResult]:
    from bot.engine.cases import FileResult, run_given
    from bot.policy.casefile import Served

    results = []
    bar.total("cases", sum(len(file.cases) for file in files))
    for file in files:
        ended = []
        catalogue = loader.catalogue(file.configuration)
        for case in file.cases:
            if isinstance(case.about, Served):
                ended.append(scenarios.judge(case, file.configuration))
            else:
                ended.append(run_given(case, file.configuration, catalogue))
            bar.advance("cases")
        results.append(FileResult(file, tuple(ended)))
    return results


def _report(results: Sequence[FileResult], format_: str, junit: Path | None, *, coverage: bool) -> None:
    import sys

    from bot.cli.failures import redacted
    from bot.engine.coverage import coverage as coverage_of
    from bot.report import policy_tests

    seen = coverage_of(results) if coverage else None
    if junit is not None:
        from bot.cli.output import write_whole
        from bot.report.junit import junit as junit_of

        write_whole(junit, redacted(junit_of(results)))
    if format_ == "json":
        click.echo(redacted(policy_tests.document(results, seen)))
        return
    from rich.console import Console

    policy_tests.render(results, Console(highlight=False, markup=False, emoji=False), seen)
    sys.stdout.flush()
