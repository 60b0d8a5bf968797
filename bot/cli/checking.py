"""Checks files of every kind, each by what it says that it is, and keeps every mistake of all of them."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bot.cli.failures import Refusal
from bot.cli.places import FilesBeside
from bot.policy.load import load_configuration
from bot.policy.loader import parse_yaml
from bot.policy.nodes import Mapping, Scalar, Tree
from bot.policy.problems import PolicyError, Problem, did_you_mean
from bot.policy.references import FetchError
from bot.policy.resolving import texts
from bot.policy.waivers import Standing, read_waivers, standing

if TYPE_CHECKING:
    from bot.policy.configuration import CompiledPolicy, Configuration
    from bot.policy.references import Fetcher

KINDS = ("Policy", "Config", "Waivers", "Identities", "Tests", "Scenario")
PLACE = re.compile(
    r"(?P<file>.+?):(?P<line>\d+)(?::(?P<column>\d+))?: (?:(?P<path>[\w.\[\]-]+): )?(?P<message>.*)", re.DOTALL
)
"""A mistake as text: of what keeps its mistakes as that."""


@dataclass
class Checker:
    """Checks one file after the other."""

    now: datetime
    fetcher: Fetcher | None = None
    """Reads what policies extend in other repositories; without one that is a mistake."""
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    """What holds, and will surprise somebody."""
    fine: list[str] = field(default_factory=list)
    """A sentence for every file in which nothing is wrong."""

    def check(self, path: Path) -> None:
        """Check a file, and everything that it names."""
        source = os.path.normpath(path)
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            self.problems.append(Problem(source, 1, 1, "", f"it cannot be read: {_reason(error)}"))
            return
        try:
            self.fine.append(f"{source}: {self._checked(path, text, source)}: all is well.")
        except PolicyError as error:
            self.problems += error.problems
        except Refusal as refusal:  # a file that tests refer to cannot be read
            self.problems.append(Problem(source, 1, 1, "", refusal.message))

    def error(self) -> PolicyError | None:
        """All that is wrong, sorted, each mistake once."""
        return PolicyError(self.problems) if self.problems else None

    def _checked(self, path: Path, text: str, source: str) -> str:
        """What a file holds, in words. Raises ``PolicyError``."""
        match path.suffix.lower():
            case ".csv":
                from bot.policy.inventory import read_inventory

                return f"an inventory of {_count(len(read_inventory(text, source).rows), 'row')}"
            case ".json":
                from bot.policy.baseline import read_baseline

                return f"a baseline of {_count(len(read_baseline(text, source).findings), 'finding')}"
        tree = parse_yaml(text, source)
        root = tree.root if isinstance(tree.root, Mapping) else Mapping(tree.root.mark)
        kind = root.get("kind")
        match kind.text if isinstance(kind, Scalar) else None:
            case "Policy" | "Config":
                return self._configuration(path, tree, text)
            case "Waivers":
                return self._waivers(tree)
            case "Identities":
                from bot.policy.identities import read_identities

                return f"identities of {_count(len(read_identities(text, source).people), 'person', 'people')}"
            case "Tests":
                from bot.cli.casefiles import CaseFiles

                return _count(len(CaseFiles(self.fetcher).load(path).cases), "case")
            case "Scenario":
                return _scenario(path)
            case None if "analyzers" in root.entries:
                from bot.policy.catalogue import parse_catalogue

                return f"a catalogue of {_count(len(parse_catalogue(text, source).analyzers), 'tool')}"
            case None if "controls" in root.entries:
                from bot.policy.frameworks import parse_framework

                return f"a map of {_count(len(parse_framework(text, source).controls), 'control')}"
            case said:
                raise PolicyError([*tree.problems, _unknown_kind(tree, root, said)])

    def _configuration(self, path: Path, tree: Tree, text: str) -> str:
        beside = FilesBeside(path)
        problems: list[Problem] = list(_analyzers(tree, beside))
        try:
            found = load_configuration(text, tree.file, beside, self.fetcher)
        except PolicyError as error:
            raise PolicyError([*error.problems, *problems]) from None
        if problems:
            raise PolicyError(problems)
        self.warnings += [_as_problem(warning, tree.file) for warning in found.warnings]
        self.warnings += [warning for policy in found.policies for warning in _waived(policy, self.now)]
        return _described(found)

    def _waivers(self, tree: Tree) -> str:
        """Waivers by themselves: which entries there are, and what their policies allow, stands elsewhere."""
        waivers, problems = read_waivers(tree)
        if problems or tree.problems:
            raise PolicyError([*tree.problems, *problems])
        today = self.now.date()
        for each in waivers:
            if each.written.expires < today:
                self.warnings.append(each.problem("expires", f"it ended on {each.written.expires}, and covers nothing"))
        return _count(len(waivers), "waiver")


def _analyzers(tree: Tree, beside: FilesBeside) -> Iterator[Problem]:
    """What is wrong in the catalogues of tools that a configuration names; that one is missing is told with the rest."""
    named = tree.root.get("analyzers") if isinstance(tree.root, Mapping) else None
    for _, _, name in texts(named, "analyzers"):
        from bot.policy.catalogue import parse_catalogue

        try:
            found = beside.read(name)
            if found is not None:
                parse_catalogue(*found)
        except FetchError:
            continue
        except PolicyError as error:
            yield from error.problems


def _waived(policy: CompiledPolicy, now: datetime) -> Iterator[Problem]:
    """Waivers that do not apply, or not for long."""
    for waiver in policy.waivers:
        held = standing(waiver, now, policy.limits)
        if held.standing is not Standing.ACTIVE:
            lost = "" if held.applies else "; it covers nothing"
            yield Problem(waiver.source, waiver.line, 1, "", f"the waiver of {waiver.entry}: {held.sentence}{lost}")


def _scenario(path: Path) -> str:
    from bot.sandbox.loading import ScenarioError, load_scenario

    try:
        scenario = load_scenario(path)
    except ScenarioError as error:
        raise PolicyError(_as_problem(text, str(path)) for text in error.problems) from None
    return f"a scenario of {_count(len(scenario.repositories), 'repository', 'repositories')}"


def _unknown_kind(tree: Tree, root: Mapping, said: str | None) -> Problem:
    listed = f"{', '.join(KINDS[:-1])} or {KINDS[-1]}"
    kind = root.get("kind")
    if kind is None:
        return tree.problem(root.mark, "", f"the key 'kind' is missing; it is {listed}")
    written = repr(said) if said is not None else "not a text"
    return tree.problem(
        kind.mark, "kind", f"{listed} is wanted here, and this is {written}{did_you_mean(said or '', KINDS)}"
    )


def _described(found: Configuration) -> str:
    entries = sum(len(policy.entries) for policy in found.policies)
    waivers = sum(len(policy.waivers) for policy in found.policies)
    said = [f"{_count(entries, 'entry', 'entries')} in {_count(len(found.policies), 'policy', 'policies')}"]
    said += [_count(waivers, "waiver")] if waivers else []
    return f"{', '.join(said)} ({', '.join(policy.name for policy in found.policies)})"


def _as_problem(text: str, file: str) -> Problem:
    found = PLACE.fullmatch(text)
    if found is None:
        return Problem(file, 1, 1, "", text)
    return Problem(found["file"], int(found["line"]), int(found["column"] or 1), found["path"] or "", found["message"])


def _reason(error: OSError | UnicodeDecodeError) -> str:
    return (error.strerror or str(error)) if isinstance(error, OSError) else "it is not UTF-8 text"


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number:,} {one if number == 1 else many or one + 's'}"
