"""A policy as it holds after inheritance: every line with the place that it comes from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import yaml

from bot.policy.configuration import CompiledPolicy
from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence

LEFT_OUT = frozenset({"apiVersion", "kind", "extends"})
ORDER = ("metadata", "override", "match", "waivers", "rules")


@dataclass(frozen=True, slots=True)
class Line:
    """One line of YAML."""

    text: str
    origin: str
    """The file and the line that it was written on; empty for a line that only holds others together."""


def effective(policy: CompiledPolicy) -> Iterator[Line]:
    """The lines of a policy, as they were written and merged."""
    if policy.tree is None or not isinstance(policy.tree.root, Mapping):
        return
    entries = policy.tree.root.entries
    for key in sorted(entries.keys() - LEFT_OUT, key=lambda key: (ORDER.index(key) if key in ORDER else 0, key)):
        yield from _pair(key, *entries[key], 0, policy.tree.file)


def _pair(key: str, mark: Mark, node: Node, depth: int, file: str) -> Iterator[Line]:
    indent = "  " * depth
    if isinstance(node, Scalar):
        yield Line(f"{indent}{_text(key)}: {_value(node)}".rstrip(), _origin(mark, file))
    elif _short(node):
        yield Line(f"{indent}{_text(key)}: {_flow(node)}", _origin(mark, file))
    else:
        yield Line(f"{indent}{_text(key)}:", "")
        yield from _block(node, depth + 1, file)


def _block(node: Node, depth: int, file: str) -> Iterator[Line]:
    if isinstance(node, Mapping):
        for key, (mark, value) in node.entries.items():
            yield from _pair(key, mark, value, depth, file)
    elif isinstance(node, Sequence):
        for item in node.items:
            first = True
            for line in _block(item, depth + 1, file):
                lead = "  " * depth + "- " if first else ""
                yield Line(lead + line.text[2 * (depth + 1) :] if first else line.text, line.origin)
                first = False
    else:
        yield Line("  " * depth + _value(node), _origin(node.mark, file))


def _short(node: Node) -> bool:
    """Whether a list or mapping of single values fits on one line, and comes from one place."""
    if isinstance(node, Sequence):
        return all(isinstance(item, Scalar) for item in node.items) and len(_flow(node)) <= 80
    if isinstance(node, Mapping):
        return not node.entries
    return True


def _flow(node: Node) -> str:
    if isinstance(node, Sequence):
        return f"[{', '.join(_value(item) for item in node.items if isinstance(item, Scalar))}]"
    return "{}"


def _value(node: Scalar) -> str:
    if node.value is None:
        return ""
    return _text(node.value)


def _text(value: str | int | float | bool) -> str:
    """A value as YAML writes it on one line."""
    written: str = yaml.safe_dump(value, width=10_000, allow_unicode=True, default_flow_style=True)
    return written.removesuffix("...\n").rstrip("\n")


def _origin(mark: Mark, file: str) -> str:
    return f"{mark.file or file}:{mark.line}"
