"""Reads JSON into the same tree as YAML, whose every node knows its place."""

from __future__ import annotations

import json
import re
from bisect import bisect_right

from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree
from bot.policy.problems import PolicyError, Problem

SPACE = re.compile(r"[ \t\r\n]*")
DECODER = json.JSONDecoder()


def parse_json(text: str, file: str) -> Tree:
    """The tree of a JSON file; a key that is given twice is among its ``problems``. Raises ``PolicyError``."""
    text = text.removeprefix("\ufeff")
    try:
        json.loads(text)
        return _Reader(text, file).tree()
    except json.JSONDecodeError as error:
        problem = Problem(file, error.lineno, error.colno, "", f"not valid JSON: {error.msg}")
        raise PolicyError([problem]) from error
    except RecursionError as error:
        raise PolicyError([Problem(file, 1, 1, "", "not valid JSON: it is nested too deeply")]) from error
    except ValueError as error:  # A number with thousands of digits.
        raise PolicyError([Problem(file, 1, 1, "", f"not valid JSON: {error}")]) from error


class _Reader:
    """Walks a text that is known to be JSON."""

    def __init__(self, text: str, file: str) -> None:
        self.text, self.file = text, file
        self.starts = [0, *(found.end() for found in re.finditer("\n", text))]
        self.problems: list[Problem] = []

    def tree(self) -> Tree:
        root, _ = self.node(self.skip(0))
        return Tree(self.file, root, tuple(self.problems), tuple(self.text.split("\n")))

    def node(self, at: int) -> tuple[Node, int]:
        """The value that begins at a place, and where it ends."""
        match self.text[at]:
            case "{":
                return self.mapping(at)
            case "[":
                return self.sequence(at)
            case first:
                value, end = DECODER.raw_decode(self.text, at)
                written = value if isinstance(value, str) else self.text[at:end]
                return Scalar(self.mark(at), written, value, '"' if first == '"' else ""), end

    def mapping(self, at: int) -> tuple[Node, int]:
        found = Mapping(self.mark(at))
        at = self.skip(at + 1)
        while self.text[at] != "}":
            mark = self.mark(at)
            key, at = DECODER.raw_decode(self.text, at)
            value, at = self.node(self.skip(self.skip(at) + 1))
            if key in found.entries:
                first = found.entries[key][0].line
                message = f"the key {key!r} is here twice; the first is on line {first}"
                self.problems.append(Problem(self.file, mark.line, mark.column, "", message))
            found.entries[key] = (mark, value)
            at = self.past_comma(at)
        return found, at + 1

    def sequence(self, at: int) -> tuple[Node, int]:
        found = Sequence(self.mark(at))
        at = self.skip(at + 1)
        while self.text[at] != "]":
            item, at = self.node(at)
            found.items.append(item)
            at = self.past_comma(at)
        return found, at + 1

    def past_comma(self, at: int) -> int:
        at = self.skip(at)
        return self.skip(at + 1) if self.text[at] == "," else at

    def skip(self, at: int) -> int:
        """Past white space."""
        found = SPACE.match(self.text, at)
        assert found is not None
        return found.end()

    def mark(self, at: int) -> Mark:
        line = bisect_right(self.starts, at)
        return Mark(line, at - self.starts[line - 1] + 1)
