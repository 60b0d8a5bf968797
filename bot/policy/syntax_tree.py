"""The syntax tree of a compiled expression, as CEL serializes it.

https://github.com/cel-expr/cel-spec/blob/master/proto/cel/expr/checked.proto
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import zip_longest

from bot.policy.wire import Message


@dataclass(frozen=True, slots=True)
class Mistake:
    """What is wrong, and where in the expression: line and column from 1."""

    line: int
    column: int
    message: str


@dataclass(frozen=True, slots=True)
class Comprehension:
    """What a macro (``all``, ``exists``, ``filter``, ``map``) is made of."""

    variable: str
    over: Node
    accumulator: str
    parts: tuple[Node, ...]
    second_variable: str = ""


@dataclass(frozen=True, slots=True)
class Node:
    """One expression. Which fields are set says what it is."""

    id: int
    name: str = ""
    constant: str | None = None
    """A text constant."""
    number: int | None = None
    """A constant whole number; constants of other types matter to nobody here."""
    field: str = ""
    function: str = ""
    operands: tuple[Node, ...] = ()
    """The operand of a field, the target and arguments of a function, the elements of a list or mapping."""
    is_list: bool = False
    asks: bool = False
    """``has(holder.field)``: whether the field is there, not its value."""
    comprehension: Comprehension | None = None


@dataclass(frozen=True, slots=True)
class Use:
    """One place where a variable stands."""

    node: Node
    key: str | None
    """What of it is looked at there: ``a`` in ``x["a"]``, ``x.a`` and ``"a" in x``; None: that is not said."""


@dataclass(frozen=True, slots=True)
class SyntaxTree:
    """A whole expression."""

    root: Node
    source: Message | None
    """``cel.expr.SourceInfo``: where the nodes stand. It is read only where there is a mistake to tell."""

    @staticmethod
    def decode(serialized: bytes) -> SyntaxTree:
        """The tree in a serialized ``cel.expr.CheckedExpr``."""
        checked = Message(Message(serialized).data(2))
        expression, source = checked.message(4), checked.message(5)
        if expression is None:
            raise ValueError("a compiled expression without an expression in it")
        return SyntaxTree(_node(expression), source)

    def names(self) -> frozenset[str]:
        """The variables that it uses: those of its own macros are not among them."""
        return frozenset(_names(self.root, frozenset()))

    def uses(self, name: str) -> list[Use]:
        """Each place where a variable is used."""
        return list(_uses(self.root, name))

    def call(self, function: str) -> Node | None:
        """The one place where a function or operator is called; None: there are several, or none."""
        found = [node for node in walk(self.root) if node.function == function]
        return found[0] if len(found) == 1 else None

    def functions(self) -> frozenset[str]:
        """The functions and operators that it calls."""
        return frozenset(node.function for node in walk(self.root) if node.function)

    def constant_calls(self) -> Iterator[tuple[Node, str]]:
        """Calls whose failure is sure before they run, each as an expression of its own: ``timestamp("…")``,
        ``duration("…")``, and time zones, ``timestamp(0).getHours("…")``.
        """
        for node in walk(self.root):
            last = node.operands[-1].constant if node.function and node.operands else None
            if last is None:
                continue
            if node.function in ("timestamp", "duration"):
                yield node.operands[-1], f"{node.function}({json.dumps(last)})"
            elif node.function.startswith("get") and len(node.operands) == 2:
                yield node.operands[-1], f"timestamp(0).{node.function}({json.dumps(last)})"

    def mistake(self, node: Node, text: str, message: str) -> Mistake:
        """What is wrong with a node, at its place in the text."""
        # The position of a name with dots is that of its last dot.
        pairs = self.source.messages(4) if self.source is not None else []
        offset = next((pair.integer(2) for pair in pairs if pair.integer(1) == node.id), 0)
        before = text[: max(0, offset - max(0, node.name.rfind(".")))]
        return Mistake(before.count("\n") + 1, len(before) - before.rfind("\n"), message)


def walk(node: Node) -> Iterator[Node]:
    """A node and all that is in it."""
    yield node
    loop = node.comprehension
    for child in (*node.operands, *((loop.over, *loop.parts) if loop is not None else ())):
        yield from walk(child)


def _names(node: Node, own: frozenset[str]) -> Iterator[str]:
    if node.name and node.name not in own:
        yield node.name
    for operand in node.operands:
        yield from _names(operand, own)
    loop = node.comprehension
    if loop is not None:
        yield from _names(loop.over, own)
        for part in loop.parts:
            yield from _names(part, own | {loop.variable, loop.accumulator, loop.second_variable})


def _uses(node: Node, name: str, key: str | None = None) -> Iterator[Use]:
    if node.name == name:
        yield Use(node, key)
    keys: tuple[str | None, ...] = ()
    if node.field:
        keys = (node.field,)
    elif node.function == "_[_]":
        keys = (node.operands[1].constant,)
    elif node.function == "@in":
        keys = (None, node.operands[0].constant)
    for operand, within in zip_longest(node.operands, keys[: len(node.operands)]):
        yield from _uses(operand, name, within)
    loop = node.comprehension
    if loop is not None:
        yield from _uses(loop.over, name)
        if name not in (loop.variable, loop.accumulator, loop.second_variable):
            for part in loop.parts:
                yield from _uses(part, name)


def _node(message: Message) -> Node:
    """``cel.expr.Expr``."""
    id = message.integer(2)  # noqa: A001 - the field's name
    constant, name, select = message.message(3), message.message(4), message.message(5)
    call, items, struct, loop = message.message(6), message.message(7), message.message(8), message.message(9)
    if constant is not None:
        number = constant.signed(3) if 3 in constant else None
        return Node(id, constant=constant.text(6) if 6 in constant else None, number=number)
    if name is not None:
        return Node(id, name=name.text(1))
    if select is not None:
        return Node(id, field=select.text(2), operands=_children(select, 1), asks=select.integer(3) == 1)
    if call is not None:
        return Node(id, function=call.text(2), operands=_children(call, 1, 3))
    if items is not None:
        return Node(id, operands=_children(items, 1), is_list=True)
    if struct is not None:
        entries = [_children(entry, 3, 4) for entry in struct.messages(2)]
        return Node(id, operands=tuple(child for entry in entries for child in entry))
    if loop is not None:
        over, *_ = _children(loop, 2)
        parts = _children(loop, 4, 5, 6, 7)
        return Node(id, comprehension=Comprehension(loop.text(1), over, loop.text(3), parts, loop.text(8)))
    return Node(id)


def _children(message: Message, *numbers: int) -> tuple[Node, ...]:
    return tuple(_node(child) for number in numbers for child in message.messages(number))
