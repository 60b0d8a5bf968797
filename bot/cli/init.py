"""``almguard init``: the first policy, with its test, its waivers and the pipeline that enforces it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bot.cli.options import InstantType

if TYPE_CHECKING:
    from bot.cli.detection import Checkout

PLATFORMS = ("github", "azure-devops")


@click.command("init")
@click.argument("folder", default=".", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--platform", type=click.Choice(PLATFORMS), help="Needed only where the checkout does not tell it.")
@click.option("--pack", default="baseline", show_default=True, help="The shipped policy to begin with.")
@click.option("--force", is_flag=True, help="Overwrite files that are there.")
@click.option("--dry-run", is_flag=True, help="Print the files, and write nothing.")
@click.option(
    "--now", type=InstantType(), envvar="ALMGUARD_NOW", help="Count days from this instant instead of the clock."
)
def command(folder: Path, platform: str | None, pack: str, force: bool, dry_run: bool, now: datetime | None) -> int:
    """Write a first policy into a checkout: a configuration, a policy on top of a pack, a policy test, a file for waivers,
    and the pipeline that runs the gate.

    The platform, the repository, its default branch and the analysis that runs already are found out. What exists is never
    overwritten without --force: if one of the files is there, nothing is written.
    """
    from datetime import UTC

    from bot.cli.detection import look_at
    from bot.cli.failures import Refusal
    from bot.cli.output import write_all
    from bot.cli.starter import starter
    from bot.model.subjects import Platform
    from bot.policy.load import shipped_packs
    from bot.policy.problems import did_you_mean

    pack = pack.removeprefix("pack:")
    if pack not in shipped_packs():
        hint = did_you_mean(pack, shipped_packs()) or f"; there is {', '.join(shipped_packs())}"
        raise Refusal(f"No pack is called {pack!r}{hint}.")
    moment = now or datetime.now(UTC)
    found = look_at(folder, Platform(platform) if platform else None, moment)
    files = starter(found, pack, moment)
    if dry_run:
        for name, text in files.items():
            click.echo(f"==> {name}\n{text}")
        return 0
    refused = list(_refused(folder, files, force=force))
    if refused:
        raise Refusal("Nothing was written:\n" + "\n".join(f"  {line}" for line in refused))
    write_all({folder / name: text for name, text in files.items()})
    for line in _said(found, files):
        click.echo(line)
    return 0


def _refused(folder: Path, files: Mapping[str, str], *, force: bool) -> Iterator[str]:
    """Why files cannot be written, one line for each."""
    from bot.cli.places import CONFIG_PATHS

    root = folder.resolve()
    for name in CONFIG_PATHS:
        if name not in files and (folder / name).exists():
            yield f"{folder / name}: it is a configuration already, and of several only one is read; take it away first"
    for name in files:
        path = folder / name
        blocked = next((above for above in path.parents if above.exists() and not above.is_dir()), None)
        if not path.resolve().is_relative_to(root):
            yield f"{path}: a symbolic link leads out of {folder}"
        elif path.is_dir():
            yield f"{path}: a folder has this name"
        elif blocked is not None:
            yield f"{path}: {blocked} is a file, and no folder"
        elif not force and (path.exists() or path.is_symlink()):
            yield f"{path}: it exists; --force overwrites it"


def _said(found: Checkout, files: Mapping[str, str]) -> Iterator[str]:
    """What was found, what was written, and what comes next."""
    from bot.model.subjects import Platform

    github = found.platform is Platform.GITHUB
    platform = f"{'GitHub' if github else 'Azure DevOps'} (told by {found.told_by})"
    owners = [found.code_owners] if found.code_owners else []
    tools = ", ".join(dict.fromkeys(tool.partition(" (")[0] for tool in found.analysis)) or "none"
    seen = [platform, f"the default branch {found.branch}", *owners, f"analysis that gates: {tools}"]
    yield f"{found.target or found.name}: {', '.join(seen)}."
    for name in files:
        yield f"wrote {found.root / name}"
    yield ""
    yield f"1. Read policies/{found.name}.yml, then: almguard validate && almguard test && almguard audit ."
    if github:
        yield (
            "2. In .github/workflows/almguard.yml pin almguard/almguard to a release's commit, and merge all of it. The "
            "workflow's token needs contents, issues and actions to read; checks, statuses and pull-requests to write."
        )
        yield (
            f"3. Require the check 'almguard' in a ruleset of {found.branch}, and let CODEOWNERS guard .github/, policies/ and "
            "waivers.yml."
        )
    else:
        yield (
            "2. Merge all of it, make a pipeline of .azuredevops/almguard.yml, and give the build service of the project "
            "'Contribute to pull requests' on the repository, to post the status and the thread."
        )
        yield (
            f"3. Add the pipeline as a required build validation of {found.branch}, and require the status almguard/almguard "
            "with a status policy."
        )
        yield (
            "4. Make a second pipeline of .azuredevops/almguard-again.yml: it judges open pull requests again, when votes and "
            "work items change too. docs/gate.md says which service hooks that needs; without them take its webhooks out."
        )
