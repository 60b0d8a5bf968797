"""``almguard validate``: check policy files, offline."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("validate")
@click.argument("paths", metavar="[FILE]...", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def command(paths: tuple[Path, ...]) -> int:
    """Check policy files and configurations: every mistake at once, as file:line:column. Without a file, those that a
    gate would find here: .github/almguard.yml, then almguard.yml.
    """
    from bot.cli.failures import Refusal
    from bot.cli.judgement import given_configuration
    from bot.cli.places import CONFIG_PATHS
    from bot.engine.verdict import USAGE
    from bot.policy.catalogue import load_catalogue
    from bot.policy.problems import PolicyError

    chosen = paths or tuple(path for name in CONFIG_PATHS if (path := Path(name)).is_file())[:1]
    if not chosen:
        raise Refusal(f"There is no {' and no '.join(CONFIG_PATHS)} here. Name a file: almguard validate policy.yml")
    broken = []
    for path in chosen:
        try:
            configuration = given_configuration(path)
            assert configuration is not None
            load_catalogue(configuration.analyzers)
        except PolicyError as error:
            broken.append(str(error))
            continue
        except Refusal as refusal:
            broken.append(refusal.message.partition("\n")[2] or refusal.message)
            continue
        entries = sum(len(policy.entries) for policy in configuration.policies)
        names = ", ".join(policy.name for policy in configuration.policies)
        click.echo(f"{path}: {entries} entries in {len(configuration.policies)} policies ({names}): all is well.")
    if broken:
        click.echo("\n".join(broken), err=True)
        return USAGE
    return 0
