"""The syntax tree of a compiled condition, and the mistakes in it that CEL's own types do not show.

CEL knows the elements of lists only as mappings, so ``files.all(f, f.pth == "a")`` compiles. Here the fields of elements are
looked up in the dataclasses, and what an enum is compared with among its values.
https://github.com/cel-expr/cel-spec/blob/master/proto/cel/expr/checked.proto
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from itertools import zip_longest

from bot.policy.functions import FUNCTIONS, Constant, pattern_mistake
from bot.policy.vocabulary import Kind, Name, Shape, shapes
from bot.policy.wire import Message

Scope = Mapping[str, Shape | None]
TIME_FUNCTIONS = frozenset({"timestamp", *(name for name, function in FUNCTIONS.items() if function.takes_times)})
COMPARISONS = frozenset({"_==_", "_!=_"})


class Wanted(Enum):
    """What an expression is for, and so what kinds of value it may have."""

    CONDITION = ("a condition is true or false", frozenset({Kind.BOOLEAN}))
    WORDS = (
        "a message shows a text, a number, true or false, or a time",
        frozenset({Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN, Kind.TIME}),
    )

    def __init__(self, sentence: str, kinds: frozenset[Kind]) -> None:
        self.sentence = sentence
        self.kinds = kinds

    def refusal(self, kind: str) -> str:
        """Why a value of another kind will not do."""
        hint = "; write size(…), or join a list of texts with ….join(', ')"
        more = hint if self is Wanted.WORDS and kind is Kind.LIST else ""
        return f"{self.sentence}, and this is {kind}{more}"


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

    def functions(self) -> frozenset[str]:
        """The functions and operators that it calls."""
        return frozenset(node.function for node in _walk(self.root) if node.function)

    def constant_calls(self) -> Iterator[tuple[Node, str]]:
        """Calls whose failure is sure before they run, each as an expression of its own: ``timestamp("…")``,
        ``duration("…")``, and time zones, ``timestamp(0).getHours("…")``.
        """
        for node in _walk(self.root):
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


def check(tree: SyntaxTree, text: str, known: Mapping[str, Name], wanted: Wanted) -> list[Mistake]:
    """What is wrong with an expression that compiled."""
    checker = _Checker(tree, text, known)
    shape = checker.shape(tree.root, {})
    checker.names()
    if shape is not None and shape.kind not in wanted.kinds:
        checker.report(tree.root, wanted.refusal(shape.kind))
    return checker.mistakes


class _Checker:
    """Walks a tree, knows the shape of what it can, and collects mistakes."""

    def __init__(self, tree: SyntaxTree, text: str, known: Mapping[str, Name]) -> None:
        self.tree, self.text, self.known = tree, text, known
        self.mistakes: list[Mistake] = []

    def report(self, node: Node, message: str) -> None:
        self.mistakes.append(self.tree.mistake(node, self.text, message))

    def names(self) -> None:
        """What is asked for by name is named: nobody could read every file, or every team."""
        for name in self.tree.names() & self.known.keys():
            for use in self.tree.uses(name) if self.known[name].by_name else ():
                if use.key is None:
                    self.report(use.node, f"say what of it is meant, as a constant: {name}['…'], or '…' in {name}")
                elif not use.key.strip() or not use.key.isprintable():
                    self.report(use.node, f"{use.key!r} is no name that {name} could be asked for")

    def shape(self, node: Node, scope: Scope, in_time: bool = False) -> Shape | None:
        """The shape of a node's value, as far as the dataclasses tell it."""
        if node.comprehension is not None:
            return self._comprehension(node.comprehension, scope)
        if node.name:
            if node.name in scope:
                return scope[node.name]
            return self.known[node.name].shape if node.name in self.known else None
        if node.field:
            found = self._field(node, self.shape(node.operands[0], scope), in_time)
            return Shape(Kind.BOOLEAN) if node.asks else found
        inner = [self.shape(operand, scope, node.function in TIME_FUNCTIONS) for operand in node.operands]
        if node.function:
            return self._call(node, inner)
        return None

    def _comprehension(self, loop: Comprehension, scope: Scope) -> Shape | None:
        over = self.shape(loop.over, scope)
        element = over.element if over is not None and over.kind is Kind.LIST else None
        inside = {**scope, loop.variable: element, loop.accumulator: None}
        if loop.second_variable:
            inside |= {loop.variable: None, loop.second_variable: element}
        for part in loop.parts:
            self.shape(part, inside)
        return over if _filters(loop) else None

    def _field(self, node: Node, of: Shape | None, in_time: bool) -> Shape | None:
        if of is None or of.kind is Kind.MAPPING:
            return of.element if of is not None else None
        if of.kind is not Kind.RECORD or of.record is None:
            self.report(node, f"{node.field!r}: this is {of.kind} and has no fields")
            return None
        fields = shapes(of.record)
        if node.field not in fields:
            close = difflib.get_close_matches(node.field, fields, n=1)
            hint = f", did you mean {close[0]!r}" if close else f"; it has {', '.join(fields)}"
            self.report(node, f"there is no field {node.field!r} here{hint}")
            return None
        shape = fields[node.field]
        if shape.kind is Kind.TIME and not in_time and not node.asks:
            self.report(node, f"inside a list a time is text: write timestamp(….{node.field})")
        return shape

    def _call(self, node: Node, operands: list[Shape | None]) -> Shape | None:
        if node.function in COMPARISONS:
            for shape, other in zip(operands, reversed(node.operands), strict=True):
                self._choice(shape, other)
        elif node.function == "@in":
            for element in node.operands[1].operands:
                self._choice(operands[0], element)
        elif node.function == "_[_]":
            return operands[0].element if operands[0] is not None else None
        elif node.function == "matches":
            self._regex(node.operands[-1])
        elif node.function in FUNCTIONS:
            self._arguments(node, operands)
            return FUNCTIONS[node.function].returns
        return None

    def _choice(self, shape: Shape | None, node: Node) -> None:
        if shape is None or shape.choices is None or node.constant is None:
            return
        values = [str(choice) for choice in shape.choices]
        if node.constant not in values:
            close = difflib.get_close_matches(node.constant, values, n=1)
            hint = f", did you mean {close[0]!r}" if close else ""
            self.report(node, f"it is never {node.constant!r}, only {', '.join(values)}{hint}")

    def _regex(self, node: Node) -> None:
        if node.constant is not None and (message := pattern_mistake(node.constant)) is not None:
            self.report(node, message)

    def _arguments(self, node: Node, shapes: list[Shape | None]) -> None:
        """The constant arguments of our own functions; and that a list of files or paths is one."""
        function = FUNCTIONS[node.function]
        for place, message in function.mistakes([_constant(operand) for operand in node.operands]):
            self.report(node.operands[place], message)
        if function.takes_paths and (shape := shapes[0]) is not None and not _has_paths(shape):
            self.report(node.operands[0], f"{node.function} looks at files or paths, and this list has none")


def _constant(node: Node) -> Constant | None:
    """The value of an argument that is written out; None: it is not."""
    if node.constant is not None or node.number is not None:
        return node.constant if node.constant is not None else node.number
    texts = [item.constant for item in node.operands if item.constant is not None]
    return texts if node.is_list and len(texts) == len(node.operands) else None


def _has_paths(of: Shape) -> bool:
    element = of.element
    if element is None or element.record is None:
        return element is None or element.kind is Kind.TEXT
    return "path" in shapes(element.record)


def _filters(loop: Comprehension) -> bool:
    """Whether the macro is ``filter``: its result has the elements of its range. Its step appends the loop's own variable."""
    return any(
        node.function == "_+_"
        and any(len(o.operands) == 1 and o.operands[0].name == loop.variable for o in node.operands)
        for part in loop.parts
        for node in _walk(part)
    )


def _walk(node: Node) -> Iterator[Node]:
    yield node
    loop = node.comprehension
    for child in (*node.operands, *((loop.over, *loop.parts) if loop is not None else ())):
        yield from _walk(child)


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
