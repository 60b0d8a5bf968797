"""``almguard waivers add``: one waiver more, written into its file so that nothing else in it changes."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from bot.cli.options import AS_OF, CONFIGURATION

if TYPE_CHECKING:
    from bot.cli.session import Session
    from bot.policy.amending import Fields
    from bot.policy.configuration import Configuration, Files
    from bot.policy.models import WaiverLimits
    from bot.policy.problems import Problem
    from bot.policy.waivers import Waiver

DEFAULT_FILE = "waivers.yml"
REQUIRED = ("entry", "subject", "reason", "owner", "approver", "expires")
ORDER = ("entry", "subject", "when", "reason", "compensating_control", "owner", "approver", "ticket", "expires")
"""In which they are written."""


@click.command("add")
@click.option("--entry", metavar="KEY", help="The entry that is waived: policy/name.")
@click.option(
    "--subject", metavar="GLOB", multiple=True, help="For what: a name, or a glob; may be given several times."
)
@click.option("--reason", metavar="TEXT", help="Why.")
@click.option("--owner", metavar="PERSON", help="Who answers for it.")
@click.option("--approver", metavar="PERSON", help="Who has approved it: another person than the owner.")
@click.option("--expires", metavar="DAY", help="The last day on which it applies: 2027-01-31.")
@click.option("--when", metavar="CEL", help="Only for subjects where this condition holds.")
@click.option("--compensating-control", metavar="TEXT", help="What guards against the harm meanwhile.")
@click.option("--ticket", metavar="TEXT", help="Where it was asked for.")
@click.option(
    "--file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="The file to add it to, where the configuration names several.",
)
@CONFIGURATION
@AS_OF
def command(file: Path | None, config: Path | None, now: datetime | None, **given: Any) -> int:
    """Add a waiver to a file of waivers. Comments and layout stay as they are; a file that is not there is made.

    Nothing is written unless the configuration loads with the waiver in it, and the waiver applies.
    """
    from bot.cli.failures import Refusal
    from bot.cli.output import write_whole
    from bot.cli.places import found_here
    from bot.cli.session import session
    from bot.policy.waivers import standing

    fields = _fields(given)
    config = config or found_here()
    path = file or _named_file(config)
    after = _with_waiver(path, fields)
    with session(now) as opened:
        placed = _Placing(config, path, after).checked(opened)
        held = standing(placed.waiver, opened.now, placed.limits)
    if not held.applies:
        raise Refusal(f"it would not apply, so nothing was written: {held.sentence}")
    write_whole(path.resolve(), after)
    click.echo(f"{path}:{placed.waiver.line}: {placed.waiver.entry}: {held.sentence}.")
    if not placed.named:
        click.echo(
            f"{config} does not name {path} yet, so the waiver has no effect: list it there under 'waivers:'.", err=True
        )
    return 0


def _fields(given: Mapping[str, Any]) -> Fields:
    """What was given as options, checked as a waiver, in the order in which it is written."""
    import json

    from bot.policy.json_tree import parse_json
    from bot.policy.validation import check
    from bot.policy.waivers import WaiverEntry

    missing = [_option(name) for name in REQUIRED if given[name] in (None, ())]
    if missing:
        raise click.UsageError(f"Missing {', '.join(missing)}.")
    fields = {name: given[name] for name in ORDER if given[name] is not None}
    fields["subject"] = list(given["subject"]) if len(given["subject"]) > 1 else given["subject"][0]
    tree = parse_json(json.dumps(fields), "")
    _, problems = check(WaiverEntry, tree, tree.root)
    if problems:
        told = (
            f"{_option(each.path.partition('[')[0])}: {each.message}" if each.path else each.message
            for each in problems
        )
        raise click.UsageError("\n".join(told))
    return fields


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _named_file(config: Path) -> Path:
    """The one file of waivers that a configuration names; where it names none, one beside its policies."""
    from bot.cli.failures import Refusal
    from bot.cli.places import Folder, root_of, text_of
    from bot.policy.globs import any_glob
    from bot.policy.loader import parse_yaml
    from bot.policy.nodes import Mapping as MappingNode
    from bot.policy.problems import PolicyError
    from bot.policy.resolving import REMOTE, texts

    root = root_of(config)
    try:
        tree = parse_yaml(text_of(config), str(config))
    except PolicyError as error:
        raise Refusal(str(error)) from None
    listed = tree.root.get("waivers") if isinstance(tree.root, MappingNode) else None
    names = [name for _, _, name in texts(listed, "waivers") if not name.startswith(REMOTE)]
    found = {name for name in names if not any(character in name for character in "*?[")}
    found |= {file for file in Folder(root).list() if any(any_glob(file, (name,)) for name in names)}
    if len(found) > 1:
        raise Refusal(f"{config} names several files of waivers; choose one with --file: {', '.join(sorted(found))}")
    path, here = root / next(iter(found), DEFAULT_FILE), Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def _with_waiver(path: Path, fields: Fields) -> str:
    from bot.cli.failures import Refusal
    from bot.cli.places import text_of
    from bot.cli.starter import SCHEMAS
    from bot.policy.amending import with_waiver
    from bot.policy.models import API_VERSION
    from bot.policy.problems import PolicyError

    modeline = f"# yaml-language-server: $schema={SCHEMAS}/waivers.schema.json"
    new = f"{modeline}\napiVersion: {API_VERSION}\nkind: Waivers\nwaivers:\n"
    try:
        return with_waiver(text_of(path) if path.exists() else new, str(path), fields)
    except PolicyError as error:
        raise Refusal(f"nothing was written:\n{error}") from None


@dataclass(frozen=True)
class _Placed:
    """A waiver as its configuration would have it."""

    waiver: Waiver
    limits: WaiverLimits
    named: bool
    """Whether the configuration names its file."""


@dataclass(frozen=True)
class _Placing:
    """A file of waivers with one more, before it is written."""

    config: Path
    path: Path
    text: str

    def checked(self, opened: Session) -> _Placed:
        """The waiver, where everything loads with it; else ``Refusal`` with what is wrong."""
        from bot.policy.loader import parse_yaml
        from bot.policy.waivers import bind, read_waivers

        configuration = self._configuration(opened)
        written, problems = read_waivers(parse_yaml(self.text, str(self.path)))
        members = {key: (policy, each) for policy in configuration.policies for key, each in policy.members().items()}
        kinds = {key: each.kinds for key, (_, each) in members.items()}
        bound, unbound = bind(written, kinds, configuration.identities)
        if problems or unbound:
            raise _broken([*problems, *unbound])
        named = any(each.source == self._name for policy in configuration.policies for each in policy.waivers)
        return _Placed(bound[-1], members[bound[-1].entry][0].limits, named)

    @property
    def _name(self) -> str:
        """The file, from the root of the place that the configuration is for."""
        from bot.cli.places import root_of

        root, path = root_of(self.config).resolve(), self.path.resolve()
        return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)

    def _configuration(self, opened: Session) -> Configuration:
        """The configuration as it would be."""
        from bot.cli.failures import Refusal
        from bot.cli.places import Folder, root_of, text_of
        from bot.policy.load import load_configuration
        from bot.policy.problems import PolicyError

        config, folder = text_of(self.config), Folder(root_of(self.config))
        try:
            return load_configuration(
                config, str(self.config), _Changed(folder, self._name, self.text), opened.fetcher()
            )
        except PolicyError as error:
            would_be = error.problems
        try:
            load_configuration(config, str(self.config), folder, opened.fetcher())
        except PolicyError as error:
            if set(would_be) <= set(error.problems):
                raise Refusal(f"the configuration does not load as it is, so nothing was written:\n{error}") from None
        raise _broken(would_be)


def _broken(problems: Sequence[Problem]) -> click.ClickException:
    from bot.cli.failures import Refusal
    from bot.policy.problems import PolicyError

    told = PolicyError(problems)
    return Refusal(f"with the waiver the configuration would not load, so nothing was written:\n{told}")


@dataclass(frozen=True)
class _Changed:
    """The files of a place, of which one has another text."""

    files: Files
    path: str
    text: str

    def read(self, path: str) -> tuple[str, str] | None:
        """A file's text and its name."""
        if posixpath.normpath(path) == self.path:
            return self.text, self.path
        return self.files.read(path)

    def list(self) -> Sequence[str]:
        """The paths of all files."""
        return sorted({*self.files.list(), self.path})
