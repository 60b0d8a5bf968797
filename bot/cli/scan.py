"""``almguard scan``: every repository of organisations and projects."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from bot.cli.options import cached, common


@click.command("scan")
@click.argument("targets", metavar="TARGET...", nargs=-1, required=True)
@click.option(
    "--include",
    "included",
    type=click.Choice(["pull-requests"]),
    multiple=True,
    help="Judge these too; left out otherwise because each costs requests.",
)
@click.option(
    "--repository-policies",
    is_flag=True,
    help="Judge each repository by its own configuration too, over the given one; costs a request each.",
)
@cached
@common
def command(
    targets: tuple[str, ...],
    included: tuple[str, ...],
    repository_policies: bool,
    cache: Path | None,
    config: Path | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    exit_zero: bool,
    now: datetime | None,
    verbose: bool,
) -> int:
    """Judge every repository of organisations and projects: ``almguard scan github:acme ado:acme/Payments``.

    A scan that could not see everything says so, and exits 3.
    """
    from bot.cli.judgement import Judging, given_configuration, target
    from bot.cli.output import emit
    from bot.cli.progress import progress
    from bot.cli.session import session
    from bot.engine.judging import kinds_judged
    from bot.model.facts import UnknownKind
    from bot.model.results import Gap
    from bot.model.subjects import PullRequest

    parsed = [target(text) for text in targets]
    with session(now, cache=cache) as opened, progress() as bar:
        judging = Judging(opened, "scan", given_configuration(config, opened.fetcher()))
        configuration = judging.configuration_for_scan()
        kinds = kinds_judged(configuration, opened.now)
        if "pull-requests" not in included:
            kinds -= {PullRequest}
        for one in parsed:
            try:
                provider, root = judging.resolve(one)
            except click.ClickException as error:
                if len(parsed) == 1:
                    raise
                # One target that cannot be read ends neither the others nor the knowledge that it is missing.
                judging.gaps.append(Gap(str(one), str(one), "target", UnknownKind.SCOPE, error.message))
                continue
            bar.total("repositories", None)
            subjects = []
            for item in provider.discover(root, kinds):
                if isinstance(item, Gap):
                    judging.gaps.append(item)
                else:
                    subjects.append(item)
                    bar.advance("repositories")
            if repository_policies:
                for each, theirs in judging.configurations_of(configuration, provider, subjects):
                    judging.judge(judging.using(each), provider, theirs, bar, whole=False)
            else:
                # With several targets, a waiver that this one does not need may be for the next.
                judging.judge(configuration, provider, subjects, bar, whole=len(parsed) == 1)
                judging.note_idle_waivers(root)
        run = judging.run()
    emit(run, format_, outputs, verbose=verbose)
    return judging.exit_code(exit_zero=exit_zero)
