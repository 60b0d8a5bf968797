"""Reads YAML into a tree whose every node knows its place, and refuses what people and parsers read differently.

YAML 1.1 and 1.2 disagree about ``off``, ``010``, ``12:30`` and dates. What both read alike is taken; a date is taken as
the text that it is; the rest is refused with an explanation, because a policy must not mean two things.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import NoReturn, Protocol

import yaml

from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree
from bot.policy.problems import PolicyError, Problem, did_you_mean
from bot.policy.validation import validate

__all__ = ["PolicyError", "Problem", "did_you_mean", "parse_yaml", "validate"]

MAX_SIZE = 1_000_000
MAX_DEPTH = 64
MAX_NODES = 100_000
"""Aliases counted each time; a small file with aliases of aliases must not grow without bounds."""

Reader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def parse_yaml(text: str, file: str) -> Tree:
    """The tree of a YAML file. What is wrong as YAML but can be read past is in its ``problems``; else ``PolicyError``."""
    if len(text) > MAX_SIZE:
        raise PolicyError(
            [Problem(file, 1, 1, "", f"the file has {len(text):,} characters; at most {MAX_SIZE:,} are read")]
        )
    reader = _Reader(file)
    try:
        root = reader.read(yaml.parse(text, Loader=Reader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = ", ".join(part for part in (error.context, error.problem) if part)
        raise PolicyError([*reader.problems, Problem(file, *_place(mark), "", f"not valid YAML: {said}")]) from error
    except (yaml.YAMLError, UnicodeError) as error:
        raise PolicyError([*reader.problems, _unreadable(text, file, error)]) from error
    except _StopError as stop:
        raise PolicyError([*reader.problems, stop.problem]) from stop
    return Tree(file, root, tuple(reader.problems), tuple(text.splitlines()))


class Position(Protocol):
    """What both parsers' marks have."""

    line: int
    column: int


class _StopError(Exception):
    """Reading on makes no sense."""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem


class _Reader:
    """Composes the tree from the parser's events."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.problems: list[Problem] = []
        self.anchors: dict[str, tuple[Node, int]] = {}
        self.count = 0

    def read(self, events: Iterator[yaml.Event]) -> Node:
        root: Node | None = None
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                if root is not None:
                    self.stop(event, "a second document begins; one file is one document")
                root = self.node(next(events), events, 1)
        if root is None:
            raise _StopError(Problem(self.file, 1, 1, "", "the file is empty"))
        return root

    def node(self, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> Node:
        mark = self.mark(event)
        if isinstance(event, yaml.AliasEvent):
            return self.alias(event)
        if depth > MAX_DEPTH:
            self.stop(event, f"nested more than {MAX_DEPTH} levels deep")
        before = self.count
        self.grow(event, 1)
        node: Node
        match event:
            case yaml.ScalarEvent():
                node = self.scalar(event, mark)
            case yaml.SequenceStartEvent():
                node = Sequence(mark)
                self.tag(event)
                while not isinstance(item := next(events), yaml.SequenceEndEvent):
                    node.items.append(self.node(item, events, depth + 1))
            case yaml.MappingStartEvent():
                node = Mapping(mark)
                self.tag(event)
                while not isinstance(key := next(events), yaml.MappingEndEvent):
                    self.entry(node, key, events, depth)
            case _:
                raise AssertionError(f"the YAML parser gave {event!r} where a value begins")
        if event.anchor:
            self.anchors[event.anchor] = (node, self.count - before)
        return node

    def entry(self, mapping: Mapping, event: yaml.Event, events: Iterator[yaml.Event], depth: int) -> None:
        mark = self.mark(event)
        key = self.node(event, events, depth + 1)
        value = self.node(next(events), events, depth + 1)
        if not isinstance(key, Scalar):
            self.report(mark, "a key is text, and this is a list or a mapping")
        elif key.text == "<<" and not key.style:
            self.report(mark, "merging with '<<' is not supported; write the keys out")
        elif key.text in mapping.entries:
            first = mapping.entries[key.text][0]
            self.report(mark, f"the key {key.text!r} is here twice; the first is on line {first.line}")
        else:
            if key.value is None and not key.style:
                self.report(mark, f"the key {key.text!r} is read as null; write it in quotes")
            mapping.entries[key.text] = (mark, value)

    def alias(self, event: yaml.AliasEvent) -> Node:
        found = self.anchors.get(event.anchor or "")
        if found is None:
            self.stop(event, f"the alias '*{event.anchor}' has no anchor '&{event.anchor}' that ends before it")
        node, size = found
        self.grow(event, size)
        return node

    def grow(self, event: yaml.Event, size: int) -> None:
        self.count += size
        if self.count > MAX_NODES:
            self.stop(event, f"the file has more than {MAX_NODES:,} values, aliases counted each time")

    def scalar(self, event: yaml.ScalarEvent, mark: Mark) -> Scalar:
        self.tag(event)
        style, text = event.style or "", event.value
        if style or event.tag == "tag:yaml.org,2002:str":
            return Scalar(mark, text, text, style)
        value, objection = _resolve(text)
        if objection:
            self.report(mark, objection)
        return Scalar(mark, text, value)

    def tag(self, event: yaml.ScalarEvent | yaml.CollectionStartEvent) -> None:
        if event.tag not in (None, "!", "tag:yaml.org,2002:str"):
            self.report(self.mark(event), f"the tag {event.tag!r} is not supported; write the value without it")

    def mark(self, event: yaml.Event) -> Mark:
        return Mark(*_place(event.start_mark), self.file)

    def report(self, mark: Mark, message: str) -> None:
        self.problems.append(Problem(self.file, mark.line, mark.column, "", message))

    def stop(self, event: yaml.Event, message: str) -> NoReturn:
        mark = self.mark(event)
        raise _StopError(Problem(self.file, mark.line, mark.column, "", message))


WORDS = re.compile(r"(?i:yes|no|on|off)")
DECIMAL = re.compile(r"[-+]?(0|[1-9][0-9]*)")
FLOAT = re.compile(r"[-+]?(0|[1-9][0-9]*)\.[0-9]+([eE][-+][0-9]+)?")
ODD_NUMBER = re.compile(
    r"[-+]?(0[0-7_]+|0b[01_]+|0x[0-9a-fA-F_]+|0o[0-7]+|[0-9][0-9_]*_[0-9_]*(\.[0-9_]*)?|\.[0-9]+|[0-9]+\."
    r"|[0-9.]+[eE][-+]?[0-9]+|\.(?i:inf)|0[0-9]+(\.[0-9]*)?)|\.(?i:nan)"
)
SEXAGESIMAL = re.compile(r"[-+]?[1-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
LONGEST_NUMBER = 18


def _resolve(text: str) -> tuple[str | int | float | bool | None, str]:
    """The value of a plain scalar, and what there is to object to it."""
    if text in ("", "~", "null", "Null", "NULL"):
        return None, ""
    if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
        return text.lower() == "true", ""
    if WORDS.fullmatch(text):
        meant = "true" if text.lower() in ("yes", "on") else "false"
        return text, f'YAML 1.1 reads {text!r} as {meant}, YAML 1.2 as text; write {meant}, or "{text}" in quotes'
    if DECIMAL.fullmatch(text) and len(text) <= LONGEST_NUMBER:
        return int(text), ""
    if FLOAT.fullmatch(text):
        return (float(text), "") if math.isfinite(float(text)) else (text, f"the number {text!r} is too large")
    if SEXAGESIMAL.fullmatch(text):
        return text, f'YAML 1.1 reads {text!r} as a number to the base of 60; write "{text}" in quotes'
    if ODD_NUMBER.fullmatch(text) or DECIMAL.fullmatch(text):
        return text, f'YAML readers disagree about the number {text!r}; write a plain number, or "{text}" in quotes'
    return text, ""


def is_plain_text(text: str) -> bool:
    """Whether a text that is written without quotes is read as that text."""
    return _resolve(text) == (text, "")


def _place(mark: Position | None) -> tuple[int, int]:
    return (1, 1) if mark is None else (mark.line + 1, mark.column + 1)


def _unreadable(text: str, file: str, error: Exception) -> Problem:
    """Characters that YAML does not allow, found here because the parsers do not tell the line."""
    forbidden = re.search(r"[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", text)
    if forbidden is None:
        return Problem(file, 1, 1, "", f"not valid YAML: {error}")
    before = text[: forbidden.start()]
    column = forbidden.start() - (before.rfind("\n") + 1) + 1
    code = f"U+{ord(forbidden[0]):04X}"
    return Problem(file, before.count("\n") + 1, column, "", f"not valid YAML: the character {code} is not allowed")
