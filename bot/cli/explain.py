"""``almguard explain``: a rule, or why a target is judged as it is."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from bot.cli.options import common


@click.command("explain")
@click.argument("what", metavar="RULE|TARGET")
@click.argument("rule", required=False)
@click.option("--environment", help="Judge the release for this environment.")
@common
def command(
    what: str,
    rule: str | None,
    environment: str | None,
    config: Path | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    exit_zero: bool,
    now: datetime | None,
    verbose: bool,  # noqa: ARG001 - an explanation always shows everything
) -> int:
    """Explain a rule (what, why, evidence, parameters), or judge a target and show every entry in full.

    ``almguard explain approvals``; ``almguard explain github:acme/payments#12``; with a rule after the target, that rule
    alone. Nothing is posted, and the exit code is the verdict's.
    """
    from bot.cli.failures import Refusal
    from bot.rules.registry import find, suggest

    named = find(what)
    if named is not None and rule is None:
        _page(named.id)
        return 0
    if ":" not in what and "/" not in what and not Path(what).exists():
        close = suggest(what)
        hint = f" Did you mean {close}?" if close else " 'almguard rules' lists them."
        raise Refusal(f"There is no rule {what!r}, and it is no target and no folder.{hint}")
    if rule is not None and find(rule) is None:
        close = suggest(rule)
        raise Refusal(f"There is no rule {rule!r}." + (f" Did you mean {close}?" if close else ""))
    return _target(what, rule, environment, config, format_, outputs, now, exit_zero=exit_zero)


def _page(rule_id: str) -> None:
    from rich.console import Console
    from rich.markdown import Markdown

    from bot.report import rule_page
    from bot.rules.registry import rules

    # The page as it is written into docs/rules/, without the note that it is generated.
    page = rule_page.page(rules()[rule_id]).partition("-->")[2].lstrip()
    console = Console(highlight=False)
    if console.is_terminal:
        console.print(Markdown(page))
    else:
        click.echo(page)


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
) -> int:
    from dataclasses import replace

    from bot.cli.judgement import Judging, given_configuration, target
    from bot.cli.output import emit
    from bot.cli.progress import progress
    from bot.cli.session import session
    from bot.rules.registry import find

    parsed = target(what, environment)
    given = given_configuration(config)
    with session(now) as opened, progress() as bar:
        judging = Judging(opened, "gate", given)
        provider, root = judging.resolve(parsed)
        configuration = judging.configuration_for(provider, root)
        subjects = judging.below(provider, root, configuration)
        found = find(rule) if rule is not None else None
        if found is not None:
            configuration = replace(
                configuration,
                policies=tuple(
                    replace(policy, entries=tuple(entry for entry in policy.entries if entry.rule.id == found.id))
                    for policy in configuration.policies
                ),
            )
        judging.judge(configuration, provider, subjects, bar)
        run = replace(judging.run(), command="explain")
    emit(run, format_, outputs, verbose=True)
    return judging.exit_code(exit_zero=exit_zero)
