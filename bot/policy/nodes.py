"""The tree of a YAML file: values that know their place."""

from __future__ import annotations

from collections.abc import Iterator
from collections.abc import Mapping as AnyMapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, TypeGuard

from bot.policy.problems import Problem

Json: TypeAlias = "str | int | float | bool | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True)
class Mark:
    """A place in a file, from 1."""

    line: int
    column: int
    file: str = ""
    """The file's name for people. A merged policy has values from several files."""


@dataclass(frozen=True, slots=True, eq=False)
class Scalar:
    """A single value."""

    mark: Mark
    text: str
    """As it was written, without quotes."""
    value: str | int | float | bool | None
    style: str = ""
    """``'``, ``"``, ``|``, ``>``, or nothing for a plain one."""

    def plain(self) -> Json:
        """The value."""
        return self.value


@dataclass(frozen=True, slots=True, eq=False)
class Sequence:
    """A list."""

    mark: Mark
    items: list[Node] = field(default_factory=list)

    def plain(self) -> Json:
        """The list without places."""
        return [item.plain() for item in self.items]


@dataclass(frozen=True, slots=True, eq=False)
class Mapping:
    """A mapping; its keys are texts, in the order in which they stand."""

    mark: Mark
    entries: dict[str, tuple[Mark, Node]] = field(default_factory=dict)

    def plain(self) -> Json:
        """The mapping without places."""
        return {key: node.plain() for key, (_, node) in self.entries.items()}

    def get(self, key: str) -> Node | None:
        """The value of a key."""
        found = self.entries.get(key)
        return found[1] if found else None


Node: TypeAlias = Scalar | Sequence | Mapping


def is_text(node: Node | None) -> TypeGuard[Scalar]:
    """Whether it is a text, and not the empty one."""
    return isinstance(node, Scalar) and isinstance(node.value, str) and bool(node.value)


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """One YAML file; or a policy that was merged from several."""

    file: str
    root: Node
    problems: tuple[Problem, ...]
    """What is wrong with it as YAML, but did not stop the reading."""
    lines: tuple[str, ...]
    inherited: AnyMapping[str, tuple[str, ...]] = field(default_factory=dict)
    """The lines of the other files that its values come from, by the files' names."""

    def problem(self, mark: Mark, path: str, message: str) -> Problem:
        """A mistake, in the file that the mark is of."""
        return Problem(mark.file or self.file, mark.line, mark.column, path, message)

    def inside(self, scalar: Scalar, line: int, column: int) -> Mark:
        """The place in the file of a place in a text value, both from 1."""
        at = scalar.mark
        lines = self.inherited.get(at.file, self.lines)
        if scalar.style in ("", "'", '"'):
            if line > 1 or at.line > len(lines) or scalar.text not in lines[at.line - 1]:
                return at
            return replace(at, column=at.column + len(scalar.style) + column - 1)
        body = [(number, text) for number, text in _below(lines, at.line) if text.strip() or scalar.style == "|"]
        if scalar.style == ">" or line > len(body):
            return at
        number, text = body[line - 1]
        indent = min((len(t) - len(t.lstrip(" ")) for _, t in body if t.strip()), default=0)
        return replace(at, line=number, column=min(indent, len(text)) + column)


def _below(lines: tuple[str, ...], number: int) -> Iterator[tuple[int, str]]:
    """The lines of a block that begins on a line."""
    header = lines[number - 1] if number <= len(lines) else ""
    parent = len(header) - len(header.lstrip(" -"))
    parent = len(header) - len(header.lstrip(" ")) if ":" not in header[:parent] else parent
    for following, text in enumerate(lines[number:], number + 1):
        if text.strip() and len(text) - len(text.lstrip(" ")) <= parent:
            return
        yield following, text
