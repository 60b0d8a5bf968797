"""The mistakes in an expression that CEL's own types do not show.

CEL knows the elements of lists only as mappings, so ``files.all(f, f.pth == "a")`` compiles. Here the fields of elements are
looked up in the dataclasses, what an enum is compared with among its values, and constants in the functions that take them.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from enum import Enum

from bot.policy.document import Undecided
from bot.policy.functions import FUNCTIONS, Constant, pattern_mistake
from bot.policy.syntax_tree import Comprehension, Mistake, Node, SyntaxTree, walk
from bot.policy.vocabulary import Kind, Name, Shape, shapes

Scope = Mapping[str, Shape | None]
TIME_FUNCTIONS = frozenset({"timestamp", *(name for name, function in FUNCTIONS.items() if function.takes_times)})
COMPARISONS = frozenset({"_==_", "_!=_"})
NUMBERS = frozenset({Kind.INTEGER, Kind.NUMBER})
INTERCHANGEABLE = ({Kind.RECORD, Kind.MAPPING}, {Kind.TIME, Kind.TEXT})
"""A record may be compared with a mapping that is written out; a time inside a list is text."""
PYTHON: Mapping[Kind, type | tuple[type, ...]] = {
    Kind.BOOLEAN: bool,
    Kind.INTEGER: int,
    Kind.NUMBER: float,
    Kind.TEXT: str,
    Kind.TIME: datetime,
    Kind.LIST: list,
    Kind.MAPPING: dict,
}
NO_OVERLOAD = re.compile(r"No matching overloads found : (?P<function>(?:\([^)]*\)\.)?[^(]*)(?P<types>\(.*\))?$")


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


def check(tree: SyntaxTree, text: str, known: Mapping[str, Name], wanted: Wanted) -> list[Mistake]:
    """What is wrong with an expression that compiled."""
    checker = _Checker(tree, text, known)
    shape = checker.shape(tree.root, {})
    checker.names()
    if shape is not None and shape.kind not in wanted.kinds:
        checker.report(tree.root, wanted.refusal(shape.kind))
    return checker.mistakes


def check_value(value: object, tree: SyntaxTree, text: str, wanted: Wanted) -> Iterator[Mistake]:
    """What is wrong with an expression that has come to this on a sample: inside lists CEL knows no types before it runs.

    Only what would be so on anything else as well: a key that the sample does not have is no mistake.
    """
    if isinstance(value, Undecided):
        wrong = NO_OVERLOAD.search(value.reason)
        if wrong is not None:
            function = wrong["function"].rpartition(").")[2]
            yield tree.mistake(
                tree.call(function) or tree.root, text, f"this fails each time: {_misfit(function, wrong)}"
            )
        return
    kind = next((kind for kind, types in PYTHON.items() if isinstance(value, types)), "none of these")
    if kind not in wanted.kinds:
        yield tree.mistake(tree.root, text, wanted.refusal(kind))


def _misfit(function: str, wrong: re.Match[str]) -> str:
    if function.startswith("<"):
        return "all, exists, filter and map go over a list or a mapping"
    of = f" of {wrong['types']}" if wrong["types"] else " of what stands there"
    return f"there is no {function.strip('_@')!r}{of}"


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
        if node.constant is not None or node.number is not None:
            return Shape(Kind.TEXT if node.number is None else Kind.INTEGER)
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
            self._comparison(node.operands[1], *operands)
        elif node.function == "@in":
            for element in node.operands[1].operands:
                self._choice(operands[0], element)
                self._comparison(element, operands[0], self.shape(element, {}))
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

    def _comparison(self, node: Node, one: Shape | None, other: Shape | None) -> None:
        """Inside lists CEL compares what can never be equal, and finds that it is not."""
        if one is None or other is None or {one.kind, other.kind} <= NUMBERS or one.kind is other.kind:
            return
        if {one.kind, other.kind} not in INTERCHANGEABLE:
            self.report(node, f"these are never equal: {one.kind} and {other.kind}")

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
        for node in walk(part)
    )
