"""YAML as a tree of text with line numbers: nothing is resolved, so ``on:`` stays ``on`` and ``3.10`` stays ``3.10``.

The tree is built from the parser's events, without recursion: a hostile file can exhaust neither the stack nor, through
aliases of aliases, the memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

MAX_CHARACTERS = 1_000_000
MAX_NODES = 100_000
MAX_DEPTH = 64

_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class TreeError(ValueError):
    """A text is not a usable YAML document."""

    def __init__(self, problem: str, line: int) -> None:
        super().__init__(f"line {line}: {problem}")
        self.line = line


@dataclass(frozen=True, slots=True)
class Scalar:
    """A single value, as it is written."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Items:
    """A list."""

    line: int
    items: tuple[Node, ...] = ()

    def __iter__(self) -> Iterator[Node]:
        return iter(self.items)


@dataclass(frozen=True, slots=True)
class Entries:
    """A mapping; of a key that is given twice the last counts."""

    line: int
    entries: tuple[tuple[Scalar, Node], ...] = ()

    def __iter__(self) -> Iterator[tuple[Scalar, Node]]:
        return iter(self.entries)

    def get(self, key: str) -> Node | None:
        """The value under a key."""
        return next((value for name, value in reversed(self.entries) if name.text == key), None)

    def text(self, key: str) -> str:
        """The scalar under a key as text; empty where there is none, or something else than a scalar."""
        value = self.get(key)
        return value.text if isinstance(value, Scalar) else ""

    def mapping(self, key: str) -> Entries:
        """The mapping under a key; an empty one where there is none."""
        value = self.get(key)
        return value if isinstance(value, Entries) else Entries(self.line)

    def items(self, key: str) -> tuple[Node, ...]:
        """The items of the list under a key; a lone scalar is a list of one."""
        value = self.get(key)
        if isinstance(value, Items):
            return value.items
        return (value,) if isinstance(value, Scalar) and value.text else ()

    def texts(self, key: str) -> tuple[str, ...]:
        """The scalars of the list under a key."""
        return tuple(item.text for item in self.items(key) if isinstance(item, Scalar))

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, in order."""
        return tuple(name.text for name, _ in self.entries)


Node = Scalar | Items | Entries


def load(text: str) -> Node:
    """The one document that a text holds. Raises ``TreeError`` with the line."""
    if len(text) > MAX_CHARACTERS:
        raise TreeError(f"the file has {len(text):,} characters, more than the {MAX_CHARACTERS:,} that are read", 1)
    builder = _Builder()
    try:
        for event in yaml.parse(text, Loader=_Loader):
            builder.take(event)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # a text that ends too early is reported on the line after its last
        line = min(mark.line + 1, len(text.splitlines())) if mark else 1
        raise TreeError(error.problem or "it is not YAML", line) from error
    except yaml.reader.ReaderError as error:
        position = error.position if isinstance(error.position, int) else 0
        raise TreeError(
            f"a character that YAML does not allow: {error.reason}", text.count("\n", 0, position) + 1
        ) from error
    except UnicodeError as error:
        raise TreeError("a character that YAML does not allow: half of a surrogate pair", 1) from error
    if builder.root is None:
        raise TreeError("the file is empty", 1)
    return builder.root


@dataclass(slots=True)
class _Open:
    """A list or mapping whose end was not seen yet."""

    line: int
    anchor: str | None
    is_mapping: bool
    children: list[Node]
    size: int = 1


class _Builder:
    """Takes events, one after another."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self._open: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int] | None] = {}

    def take(self, event: yaml.Event) -> None:
        line = event.start_mark.line + 1 if event.start_mark else 1
        match event:
            case yaml.DocumentStartEvent():
                if self.root is not None:
                    raise TreeError("the file holds more than one YAML document", line)
            case yaml.ScalarEvent():
                self._add(Scalar(line, event.value), 1, event.anchor, line)
            case yaml.AliasEvent():
                name = event.anchor or ""
                known = self._anchors.get(name)
                if known is None:
                    what = "refers to itself" if name in self._anchors else "is not defined before it"
                    raise TreeError(f"the alias *{name} {what}", line)
                self._add(known[0], known[1], None, line)
            case yaml.SequenceStartEvent() | yaml.MappingStartEvent():
                if len(self._open) >= MAX_DEPTH:
                    raise TreeError(f"it is nested more than {MAX_DEPTH} levels deep", line)
                if event.anchor:
                    self._anchors[event.anchor] = None
                self._open.append(_Open(line, event.anchor, isinstance(event, yaml.MappingStartEvent), []))
            case yaml.SequenceEndEvent() | yaml.MappingEndEvent():
                done = self._open.pop()
                self._add(_close(done), done.size, done.anchor, done.line)

    def _add(self, node: Node, size: int, anchor: str | None, line: int) -> None:
        if anchor:
            self._anchors[anchor] = (node, size)
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        parent.children.append(node)
        parent.size += size
        if parent.size > MAX_NODES:
            raise TreeError(f"it has more than {MAX_NODES:,} values once its aliases are followed", line)


def _close(done: _Open) -> Node:
    if not done.is_mapping:
        return Items(done.line, tuple(done.children))
    entries: list[tuple[Scalar, Node]] = []
    for key, value in zip(done.children[::2], done.children[1::2], strict=True):
        if not isinstance(key, Scalar):
            raise TreeError("a list or a mapping cannot be a key", key.line)
        entries.append((key, value))
    return Entries(done.line, tuple(entries))
