"""Control-framework maps: which rules give evidence for which controls of a standard. The shipped ones, and a user's own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, StringConstraints

from bot.policy.loader import parse_yaml
from bot.policy.models import Strict
from bot.policy.nodes import Mapping, Node, Scalar, Sequence, Tree
from bot.policy.packaged import data_file, data_folder
from bot.policy.problems import PolicyError, Problem, did_you_mean
from bot.policy.validation import check
from bot.rules import registry

FOLDER = "frameworks"

Words = Annotated[str, StringConstraints(min_length=1, max_length=1_000)]


class Control(Strict):
    """One control of a framework, and the rules that give evidence for it."""

    id: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]+([._-][A-Za-z0-9]+)*$", max_length=100)]
    """As the framework writes it: `CC8.1`."""
    title: Words
    """What it asks for, in words of our own."""
    rules: tuple[str, ...]
    """The rules that give evidence for it; empty where none does."""
    note: Words | None = None
    """For which part of the control they do, and under which parameters; or why none does."""


class Framework(Strict):
    """A framework: the controls of it that concern the software lifecycle."""

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$", max_length=100)]
    """What `--framework` takes; in capitals it begins the controls that a rule itself names: `SOC2:CC8.1`."""
    name: Words
    """What people call it."""
    version: Words
    """The edition that the ids are those of."""
    source: Annotated[str, StringConstraints(pattern=r"^https://", max_length=500)]
    """Where it is published."""
    scope: Words
    """Which part of it is listed and which is left out: what the counts are counts of."""
    controls: Annotated[tuple[Control, ...], Field(min_length=1)]
    """The controls listed, in the framework's order."""

    @property
    def prefix(self) -> str:
        """What a rule writes before a control's id."""
        return f"{self.id.upper()}:"


@dataclass(frozen=True, slots=True)
class Coverage:
    """A framework held against the rules that there are."""

    framework: Framework
    rules: tuple[tuple[Control, tuple[str, ...]], ...]
    """Each control listed, with the ids of the rules that give evidence for it, sorted."""
    unlisted: tuple[tuple[str, tuple[str, ...]], ...]
    """Controls of the framework that rules name and the map does not list, with those rules."""

    @property
    def covered(self) -> int:
        """How many of the listed controls at least one rule gives evidence for."""
        return sum(bool(rules) for _, rules in self.rules)


def shipped_frameworks() -> tuple[str, ...]:
    """The ids of the maps that are shipped, which are the names of their files."""
    return tuple(sorted(file.stem for file in (data_folder("policies") / FOLDER).glob("*.yml")))


def shipped_framework(framework_id: str) -> Framework:
    """One of ``shipped_frameworks``."""
    name = f"{FOLDER}/{framework_id}.yml"
    return parse_framework(data_file("policies", name).read_text(encoding="utf-8"), f"policies/{name}")


def read_framework(path: Path) -> Framework:
    """A user's own map. Raises ``PolicyError``."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise PolicyError([Problem(str(path), 1, 1, "", f"the framework map cannot be read: {reason}")]) from error
    return parse_framework(text, str(path))


def parse_framework(text: str, file: str) -> Framework:
    """The framework that a file maps. Raises ``PolicyError`` with every mistake at its place."""
    tree = parse_yaml(text, file)
    framework, problems = check(Framework, tree, tree.root)
    problems += [*tree.problems, *_mistakes(tree)]
    if framework is None or problems:
        raise PolicyError(problems)
    return framework


def coverage(framework: Framework) -> Coverage:
    """What the rules cover: those that the map names, and those that name the control themselves, as rules of others do."""
    claimed: dict[str, set[str]] = {}
    for rule in registry.rules().values():
        for control in rule.controls:
            if control.startswith(framework.prefix):
                claimed.setdefault(control.removeprefix(framework.prefix), set()).add(rule.id)
    listed = []
    for each in framework.controls:
        named = {found.id for name in each.rules if (found := registry.find(name)) is not None}
        listed.append((each, tuple(sorted(named | claimed.pop(each.id, set())))))
    unlisted = tuple((control, tuple(sorted(rules))) for control, rules in sorted(claimed.items()))
    return Coverage(framework, tuple(listed), unlisted)


def _mistakes(tree: Tree) -> Iterator[Problem]:
    """What only the whole file and the registry show: something given twice, a rule that does not exist."""
    ids: set[str] = set()
    for index, control in enumerate(_items(tree.root, "controls")):
        path = f"controls[{index}]"
        named = control.get("id") if isinstance(control, Mapping) else None
        if isinstance(named, Scalar):
            if named.text in ids:
                yield tree.problem(named.mark, f"{path}.id", f"the control {named.text!r} is already in this file")
            ids.add(named.text)
        rules: set[str] = set()
        for position, rule in enumerate(_items(control, "rules")):
            if not isinstance(rule, Scalar) or not isinstance(rule.value, str):
                continue
            if rule.value in rules:
                yield tree.problem(rule.mark, f"{path}.rules[{position}]", f"the rule {rule.value!r} is here twice")
            rules.add(rule.value)
            if registry.find(rule.value) is None:
                hint = did_you_mean(rule.value, registry.rules()) or "; 'almguard rules' lists them"
                yield tree.problem(rule.mark, f"{path}.rules[{position}]", f"no rule is called {rule.value!r}{hint}")


def _items(node: Node, key: str) -> list[Node]:
    listed = node.get(key) if isinstance(node, Mapping) else None
    return listed.items if isinstance(listed, Sequence) else []
