"""``almguard audit``: one target, in depth."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import click

from bot.cli.failures import Refusal
from bot.cli.options import cached, common
from bot.cli.sarif_files import SARIF, given_results


@click.command("audit")
@click.argument("targets", metavar="[TARGET]...", nargs=-1)
@click.option("--environment", help="Judge the release for this environment.")
@SARIF
@cached
@common
def command(
    targets: tuple[str, ...],
    environment: str | None,
    sarif: tuple[Path, ...],
    cache: Path | None,
    config: Path | None,
    format_: str,
    outputs: tuple[tuple[str, Path], ...],
    exit_zero: bool,
    now: datetime | None,
    verbose: bool,
) -> int:
    """Judge one target in depth: a checkout (the default: this folder), a repository, a pull request, a release.

    Examples: ``almguard audit .``, ``almguard audit github:acme/payments``, ``almguard audit github:acme/payments#12``,
    ``almguard audit ado:acme/Payments/payments@v1.4.0``.
    """
    from bot.cli.judgement import Judging, given_configuration, target
    from bot.cli.output import emit
    from bot.cli.progress import progress
    from bot.cli.session import session

    parsed = [target(text, environment) for text in targets or (".",)]
    if sarif and len(parsed) > 1:
        raise Refusal("--sarif is about one commit: audit one target with it.")
    around = given_results(sarif)
    with session(now, cache=cache) as opened, progress() as bar:
        judging = Judging(opened, "audit", given_configuration(config, opened.fetcher()), around)
        for one in parsed:
            provider, root = judging.resolve(one)
            configuration = judging.configuration_for(provider, root)
            subjects = judging.below(provider, root, configuration)
            judging.judge(configuration, provider, subjects, bar)
        run = judging.run()
    emit(run, format_, outputs, verbose=verbose)
    return judging.exit_code(exit_zero=exit_zero)
