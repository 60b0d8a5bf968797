"""``almguard gate``: judge a pull request or a release, and post the verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.failures import Refusal, harmless
from bot.cli.options import DurationType, common
from bot.cli.sarif_files import SARIF, given_results

if TYPE_CHECKING:
    from bot.cli.beginning import Beginning
    from bot.cli.judgement import Judging
    from bot.cli.waiting import Waited
    from bot.engine.targets import Target
    from bot.model.results import Gate


MOST_ROUNDS = 3
"""How often a pull request is judged again because it moved meanwhile. One that still moves has events of its own."""


@click.command("gate")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--environment", help="Judge the release for this environment.")
@click.option(
    "--all-open",
    is_flag=True,
    help="Judge every open pull request of a repository, an organisation or a project again, and post where one moved.",
)
@click.option(
    "--event",
    "event_file",
    metavar="FILE",
    help="A payload of GitHub's webhook deployment_protection_rule: judge that deployment, and answer.",
)
@click.option("--dry-run", is_flag=True, help="Judge and print, and post nothing.")
@click.option(
    "--wait",
    type=DurationType(),
    help="How long to wait for checks that are still running, where nothing else is missing: 10m. [default: gate.wait]",
)
@click.option("--watch", is_flag=True, help="Judge again and again until nothing waits, and post nothing.")
@click.option(
    "--explain",
    is_flag=True,
    help="Show what stands in the way: what is missing, who can help, which line of the policy asks. Posts nothing.",
)
@SARIF
@common
def command(
    targets: tuple[str, ...],
    environment: str | None,
    all_open: bool,
    event_file: str | None,
    dry_run: bool,
    wait: timedelta | None,
    watch: bool,
    explain: bool,
    sarif: tuple[Path, ...],
    config: Path | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    exit_zero: bool,
    now: datetime | None,
    verbose: bool,
) -> int:
    """Judge a pull request or a release, post the verdict, and exit by it.

    In GitHub Actions and Azure Pipelines it finds the pull request by itself. The configuration comes from the base
    branch, never from the pull request.
    """
    import os

    from bot.cli.beginning import Beginning
    from bot.cli.ci_output import for_the_log, tell_job
    from bot.cli.explaining import explain_run
    from bot.cli.judgement import Judging, given_configuration
    from bot.cli.output import emit
    from bot.cli.posting import forget_postings, post_verdicts
    from bot.cli.progress import progress
    from bot.cli.release_posting import post_releases, telling
    from bot.cli.session import session
    from bot.cli.wanted import NothingToJudge, judge_wanted, what_is_wanted

    if event_file is not None and (targets or all_open):
        raise click.UsageError("--event tells what to judge: give no target beside it.")
    if environment and (all_open or event_file is not None):
        told = "--all-open judges pull requests" if all_open else "--event tells the environment"
        raise click.UsageError(f"{told}: it does not go with --environment.")
    if all_open and (watch or wait):
        raise Refusal("--all-open judges many pull requests once: it goes with neither --wait nor --watch.")
    if watch and not targets:
        raise Refusal(
            "--watch is for a person at a terminal: name what to watch, github:OWNER/REPO#12. In CI: --wait 10m."
        )
    if explain and format_ != "terminal":
        raise click.UsageError("--explain is for the terminal. For programs, without --explain: --format json.")
    if explain:  # it is read by somebody who wants to know now
        dry_run, wait = True, wait or timedelta(0)
    try:
        wanted = what_is_wanted(targets, environment, all_open=all_open, event_file=event_file)
        event = wanted.event
        with session(now) as opened, progress() as bar, telling(opened, event, dry_run=dry_run):
            around = given_results(sarif, wanted)
            judging = Judging(opened, "gate", given_configuration(config, opened.fetcher()), around)
            beginning = Beginning(opened, event, dry_run=dry_run or watch)
            judged: Sequence[tuple[Target, Gate]] = judge_wanted(judging, wanted, bar, beginning)
            if not wanted.every:
                waited = _waited(judging, judged, now, wait, watch, beginning)
                if waited.over and not watch:
                    return 0
                judging, judged = waited.judging, waited.judged
            run = judging.run()
            if not (dry_run or watch):
                for action in post_verdicts(opened, judging, run, judged, event, moved_only=wanted.moved_only):
                    click.echo(f"almguard: {action}", err=True)
                for round_ in range(1, MOST_ROUNDS + 1):
                    if not judging.moved:
                        break
                    _say_moved(judging)
                    judging, judged = _again(judging, judged, now, beginning)
                    run = judging.run()
                    last = round_ == MOST_ROUNDS
                    for action in post_verdicts(opened, judging, run, judged, event, last=last):
                        click.echo(f"almguard: {action}", err=True)
                for action in post_releases(opened, judging, run, judged, event):
                    click.echo(f"almguard: {action}", err=True)
                run = replace(judging.run(), id=run.id)
            gates = [gate for _, gate in judged]
            in_log = () if wanted.every else for_the_log(judging, run, gates, os.environ)
    except NothingToJudge as nothing:
        click.echo(f"almguard: {nothing}", err=True)
        return 0
    if judging.failures:
        forget_postings()
    for what, failure in judging.failures:
        click.echo(f"almguard: {harmless(f'{what}: {failure.message}')}", err=True)
    if explain:
        explain_run(judging, run, outputs)
    else:
        emit(run, format_, outputs, verbose=verbose)
    code = judging.exit_code(exit_zero=exit_zero)
    quiet = dry_run or watch
    tell_job(run, gates, in_log, outputs, os.environ, code=code, format_=format_, dry_run=quiet)
    return code


def _waited(
    judging: Judging,
    judged: Sequence[tuple[Target, Gate]],
    now: datetime | None,
    wait: timedelta | None,
    watch: bool,
    beginning: Beginning,
) -> Waited:
    """The judgement after waiting, where waiting was asked for and helps."""
    from bot.cli import waiting

    def again(these: Sequence[tuple[Target, Gate]]) -> tuple[Judging, list[tuple[Target, Gate]]]:
        return _again(judging, these, now, beginning)

    clock = waiting.Clock()
    if watch:
        return waiting.watch(judging, judged, again, clock)
    return waiting.wait_for_checks(judging, judged, again, wait, clock)


def _again(
    judging: Judging, judged: Sequence[tuple[Target, Gate]], now: datetime | None, beginning: Beginning
) -> tuple[Judging, list[tuple[Target, Gate]]]:
    """Judge anew what was judged, from facts that are read anew. Where that fails, the check of each says so: what stands is
    known to be outdated, or says that it is judged still.
    """
    from bot.cli.judgement import Judging
    from bot.cli.wanted import judge_all
    from bot.engine.ports import Silence
    from bot.engine.racing import OVERTAKEN

    judging.session.renew(now or datetime.now(UTC))
    anew = Judging(judging.session, judging.command, judging.configuration, judging.around)
    try:
        return anew, judge_all(anew, [target for target, _ in judged], Silence())
    except click.ClickException as failure:
        for target, gate in judged:
            if OVERTAKEN in judging.moved.get(gate.target.name, ()):
                continue  # what stands is another run's, and newer
            beginning.not_judged(target, gate.target, judging.configurations[gate.policy_digest], failure)
        raise


def _say_moved(judging: Judging) -> None:
    for name, reasons in judging.moved.items():
        said = f"{name} moved while it was judged ({'; '.join(reasons)}): it is judged again."
        click.echo(f"almguard: {harmless(said)}", err=True)
