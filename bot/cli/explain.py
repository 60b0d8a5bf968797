"""``almguard explain``: a rule, the policy in force, or why a target is judged as it is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import common

if TYPE_CHECKING:
    from bot.cli.judgement import Judging
    from bot.policy.configuration import Configuration


@click.command("explain")
@click.argument("what", metavar="[RULE|TARGET]", required=False)
@click.argument("rule", metavar="[RULE|ENTRY]", required=False)
@click.option("--environment", help="Judge the release for this environment.")
@click.option("--effective", is_flag=True, help="Print the policy in force, each line with its origin.")
@click.option("--match", is_flag=True, help="Say which policies and entries apply to the target, and why not.")
@click.option("--sample", metavar="KIND", help="Print what conditions about a pull_request, repository, ... see.")
@common
def command(
    what: str | None,
    rule: str | None,
    environment: str | None,
    effective: bool,
    match: bool,
    sample: str | None,
    config: Path | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    exit_zero: bool,
    now: datetime | None,
    verbose: bool,  # noqa: ARG001 - an explanation always shows everything
) -> int:
    """Explain a rule, or judge a target and show every entry in full.

    Of a rule: what it judges and why, its evidence, parameters and facts, and the requests and permissions that they take.

    ``almguard explain approvals``; ``almguard explain github:acme/payments#12``; with a rule or an entry after the target,
    that alone. ``--effective`` prints the merged policy, of a target or of the files here; ``--sample`` what conditions see.
    Nothing is posted, and the exit code is the verdict's; ``--effective``, ``--match`` and ``--sample`` give no
    verdict and exit with 0; with 3 where the target's own configuration could not be read.
    """
    from bot.cli.failures import Refusal
    from bot.rules.registry import find, suggest

    if sample is not None:
        if what is not None or effective or match:
            raise Refusal("--sample goes with a kind of subject alone: almguard explain --sample pull_request")
        return _sample(sample)
    if what is None:
        if not effective:
            raise Refusal(
                "Name a rule (almguard explain approvals) or a target (almguard explain github:acme/payments#12)."
            )
        return _effective_here(config)
    named = find(what)
    if named is not None and rule is None and not effective and not match:
        if named.id != what:
            click.echo(f"almguard: the rule {what} is called {named.id} now.", err=True)
        _page(named.id)
        return 0
    if named is not None and not Path(what).exists():
        raise Refusal(f"{what} is a rule; --effective and --match take a target: github:OWNER/REPO, a checkout's path.")
    if ":" not in what and "/" not in what and not Path(what).exists():
        close = suggest(what)
        hint = f" Did you mean {close}?" if close else " 'almguard rules' lists them."
        raise Refusal(f"There is no rule {what!r}, and it is no target and no folder.{hint}")
    return _target(
        what, rule, environment, config, format_, outputs, now, exit_zero=exit_zero, effective=effective, match=match
    )


def _sample(kind: str) -> int:
    from bot.cli.failures import Refusal
    from bot.policy.problems import did_you_mean
    from bot.policy.vocabulary import SUBJECTS
    from bot.report.sample_page import sample_page

    kinds = {subject.kind: subject for subject in SUBJECTS.values()}
    found = kinds.get(kind.replace("-", "_"))
    if found is None:
        hint = did_you_mean(kind, kinds) or f"; there are {', '.join(kinds)}"
        raise Refusal(f"There is no kind of subject {kind!r}{hint}.")
    click.echo(sample_page(found), nl=False)
    return 0


def _page(rule_id: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    from bot.platforms.readings import READINGS
    from bot.report import rule_page
    from bot.rules.registry import rules

    # The page as it is written into docs/rules/, without the note that it is generated.
    page = rule_page.page(rules()[rule_id], READINGS).partition("-->")[2].lstrip()
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(Markdown(page))
    else:
        click.echo(page)


def _effective_here(config: Path | None) -> int:
    """The merged policy of the given file, or of what a gate would find here."""
    from bot.cli.judgement import given_configuration
    from bot.cli.places import found_here
    from bot.cli.session import session

    with session(None) as opened:
        configuration = given_configuration(config or found_here(), opened.fetcher())
    assert configuration is not None
    for warning in configuration.warnings:
        click.echo(f"almguard: {warning}", err=True)
    _print_merged(configuration)
    return 0


def _print_merged(configuration: Configuration) -> None:
    from bot.report.policies import merged

    for line in merged(configuration):
        click.echo(line)


def _target(
    what: str,
    rule: str | None,
    environment: str | None,
    config: Path | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    now: datetime | None,
    *,
    exit_zero: bool,
    effective: bool,
    match: bool,
) -> int:
    from dataclasses import replace

    from bot.cli.judgement import Judging, given_configuration, target
    from bot.cli.output import emit
    from bot.cli.progress import progress
    from bot.cli.session import session

    parsed = target(what, environment)
    with session(now) as opened, progress() as bar:
        judging = Judging(opened, "gate", given_configuration(config, opened.fetcher()))
        provider, root = judging.resolve(parsed)
        configuration = judging.configuration_for(provider, root)
        if effective:
            for notice in judging.notices:
                click.echo(f"almguard: {notice}", err=True)
            _print_merged(configuration)
            return _unread(judging)
        if rule is not None:
            configuration = _only(configuration, rule)
        subjects = judging.below(provider, root, configuration)
        judging.judge(configuration, provider, subjects, bar)
        if match:
            _print_match(judging, configuration)
            return _unread(judging)
        run = replace(judging.run(), command="explain")
    emit(run, format_, outputs, verbose=True)
    return judging.exit_code(exit_zero=exit_zero)


def _unread(judging: Judging) -> int:
    """Say what could not be read; the exit code: 3 where that is the target's own configuration."""
    from bot.report.sanitize import log_line

    for gap in judging.gaps:
        click.echo(f"almguard: {log_line(gap.reason, 1_000)}", err=True)
    return 3 if judging.unread else 0


def _print_match(judging: Judging, configuration: Configuration) -> None:
    from bot.engine.selection import selection
    from bot.report.policies import selected

    for subject in judging.judged.subjects:
        found = selection(configuration, subject, judging.judged.known, judging.results, judging.session.now)
        for line in selected(found):
            click.echo(line)


def _only(configuration: Configuration, rule: str) -> Configuration:
    """The configuration with those entries alone that are, or hold, the rule or entry of that name."""
    from dataclasses import replace

    from bot.cli.failures import Refusal
    from bot.policy.problems import did_you_mean
    from bot.rules.registry import find, rules

    found = find(rule)
    wanted = {rule, found.id if found is not None else rule}

    def holds(name: str, key: str, rule_id: str) -> bool:
        return bool({name, key, rule_id} & wanted)

    policies = tuple(
        replace(
            policy,
            entries=tuple(
                entry for entry in policy.entries if any(holds(m.name, m.key, m.rule_id) for m in entry.walk())
            ),
        )
        for policy in configuration.policies
    )
    if found is None and not any(policy.entries for policy in policies):
        names = {member.name for policy in configuration.policies for e in policy.entries for member in e.walk()}
        hint = (
            did_you_mean(rule, sorted(names | set(rules())))
            or "; 'almguard explain --effective TARGET' shows the entries"
        )
        raise Refusal(f"There is no rule and no entry {rule!r} here{hint}.")
    return replace(configuration, policies=policies)
