"""``almguard baseline``: the findings of today, written down so that only new ones block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import InstantType

if TYPE_CHECKING:
    from bot.cli.judgement import Judging
    from bot.model.results import Member, Result
    from bot.policy.baseline import Baseline, KnownFinding

DEFAULT_FILE = Path("almguard-baseline.json")


@click.command("baseline")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    envvar="ALMGUARD_CONFIG",
    help="A policy or configuration file: the floor under the target's own, which can only add to it.",
)
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    default=DEFAULT_FILE,
    show_default=True,
    help="The file; what it has already is kept.",
)
@click.option("--prune", is_flag=True, help="Add nothing; drop what is gone.")
@click.option("--now", type=InstantType(), envvar="ALMGUARD_NOW", help="Judge as of this instant instead of the clock.")
def command(targets: tuple[str, ...], config: Path | None, output: Path, prune: bool, now: datetime | None) -> int:
    """Judge targets as 'audit' does, and add what fails today to the baseline: ``almguard baseline github:acme``.

    A configuration that names the file (baseline: almguard-baseline.json) shows these findings and blocks for new ones only.
    With --prune a finding is dropped where its entry was judged again and no longer finds it; what could not be read
    stays. Exit 3: not everything could be read.
    """
    from bot.cli.output import write_whole
    from bot.policy.baseline import Baseline
    from bot.report.sanitize import plain

    before = _there(output, prune=prune)
    judging = _judged(targets, config, now)
    moment = judging.session.now
    known = before or Baseline(moment)
    if prune:
        after = known.pruned(_findings(judging, excused=True), _decided(judging.results), moment)
    else:
        after = known.with_added(_findings(judging, excused=False), moment)
    if after is not before:
        write_whole(output, after.render())
    click.echo(f"{output}: {_change(known, after, prune=prune)}.")
    named = any(policy.baseline is not None for each in judging.configurations.values() for policy in each.policies)
    if not named:
        click.echo(f"No configuration names it yet, so it has no effect: write 'baseline: {output}' there.", err=True)
    for gap in dict.fromkeys(f"{gap.name}: {gap.reason}" for gap in judging.gaps):
        click.echo(plain(f"not read, so neither added nor dropped: {gap}"), err=True)
    return 3 if judging.gaps else 0


def _there(path: Path, *, prune: bool) -> Baseline | None:
    """The baseline as it is; None where there is none yet."""
    from bot.cli.failures import Refusal
    from bot.cli.places import text_of
    from bot.policy.baseline import read_baseline
    from bot.policy.problems import PolicyError

    if not path.exists():
        if prune:
            raise Refusal(f"there is no {path} to prune; without --prune it is written")
        return None
    try:
        return read_baseline(text_of(path), str(path))
    except PolicyError as error:
        raise Refusal(f"the baseline does not load, so nothing was written:\n{error}") from None


def _judged(targets: Sequence[str], config: Path | None, now: datetime | None) -> Judging:
    from bot.cli.judgement import Judging, given_configuration, target
    from bot.cli.progress import progress
    from bot.cli.session import session

    parsed = [target(text) for text in targets]
    with session(now) as opened, progress() as bar:
        judging = Judging(opened, "audit", given_configuration(config, opened.fetcher()))
        for one in parsed:
            provider, root = judging.resolve(one)
            configuration = judging.configuration_for(provider, root)
            judging.judge(configuration, provider, judging.below(provider, root, configuration), bar)
    return judging


def _findings(judging: Judging, *, excused: bool) -> Iterator[KnownFinding]:
    """What fails today. To be added is only what nothing else excuses: a waiver ends, and a baseline does not."""
    from bot.cli.failures import redacted
    from bot.engine.judging import finding_keys
    from bot.model.results import Outcome
    from bot.policy.baseline import KnownFinding
    from bot.report.sanitize import plain

    policies = [policy for configuration in judging.configurations.values() for policy in configuration.policies]
    unexcusable = {policy.name for policy in policies if not policy.limits.allowed}
    for result in judging.results:
        if result.outcome is not Outcome.FAIL or not result.fingerprints:
            continue
        if not excused and (result.waiver is not None or result.policy in unexcusable):
            continue
        keys = finding_keys(result.key, result)
        for fingerprint, key, finding in zip(result.fingerprints, keys, result.findings, strict=True):
            yield KnownFinding.of(fingerprint, key, result.subject, plain(redacted(finding.message)))


def _decided(results: Sequence[Result]) -> frozenset[tuple[str, str]]:
    """The subjects and keys of which it is known what they find today: nothing was left unread."""
    from bot.model.results import Outcome

    known = (Outcome.PASS, Outcome.FAIL, Outcome.NOT_APPLICABLE)
    return frozenset(
        (result.subject.id, key)
        for result in results
        if result.outcome in known and not result.unknown
        for key in _keys(result)
    )


def _keys(judged: Result | Member) -> Iterator[str]:
    """Its key and those of its members, waived ones aside: what they find is not among the group's findings, and yet there."""
    yield judged.key
    for member in judged.members:
        if member.waiver is None:
            yield from _keys(member)


def _change(before: Baseline, after: Baseline, *, prune: bool) -> str:
    moved = len(after.fingerprints ^ before.fingerprints)
    total = len(after.fingerprints)
    return f"{total:,} {'finding' if total == 1 else 'findings'}, {moved:,} {'dropped' if prune else 'added'}"
