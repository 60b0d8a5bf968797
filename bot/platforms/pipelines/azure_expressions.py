"""Azure Pipelines' compile-time expressions, ``${{ eq(parameters.lint, true) }}``, as far as a file alone decides them.

Three-valued: what rests on a variable, or on a function that is not known here, is ``None``, and the caller keeps the
text. Functions and their rules: learn.microsoft.com, "Expressions" of Azure Pipelines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from bot.platforms.pipelines.yaml_tree import Entries, Items, Node, Scalar

MAX_EXPRESSION = 4_000

_TOKEN = re.compile(
    r"\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<word>[A-Za-z_][\w-]*)|(?P<number>-?\d[\d.]*)|(?P<sign>[()\[\],.]))"
)

Scope = Mapping[str, Node]
"""Names that are known: ``parameters``, and the variable of each loop around."""


def evaluate(expression: str, scope: Scope) -> Node | None:
    """What an expression (without its ``${{ }}``) gives; None where the file alone does not tell."""
    if len(expression) > MAX_EXPRESSION:
        return None
    tokens = _tokens(expression)
    if not tokens:
        return None
    reader = _Reader(tokens, scope)
    try:
        value = reader.value()
    except _SyntaxError:
        return None
    return value if reader.at_end else None


def truth(node: Node | None) -> bool | None:
    """Whether a value counts as true; None where it is not known."""
    match node:
        case None:
            return None
        case Scalar():
            return node.text.lower() not in ("", "false", "0")
        case _:
            return True


class _SyntaxError(Exception):
    """The expression is not one that is understood here."""


def _tokens(expression: str) -> list[tuple[str, str]]:
    tokens: list[tuple[str, str]] = []
    position, end = 0, len(expression.rstrip())
    while position < end:
        match = _TOKEN.match(expression, position)
        if match is None or match.lastgroup is None:
            return []
        tokens.append((match.lastgroup, match[match.lastgroup]))
        position = match.end()
    return tokens


class _Reader:
    """Reads one expression from left to right."""

    def __init__(self, tokens: list[tuple[str, str]], scope: Scope) -> None:
        self._tokens = tokens
        self._scope = scope
        self._position = 0

    @property
    def at_end(self) -> bool:
        return self._position == len(self._tokens)

    def value(self) -> Node | None:
        kind, text = self._next()
        if kind == "text":
            return Scalar(0, text.replace("''", "'"))
        if kind == "number":
            return Scalar(0, text)
        if kind != "word":
            raise _SyntaxError
        if self._peek("("):
            return _call(text, self._arguments())
        if text.lower() in ("true", "false"):
            return Scalar(0, text.lower())
        return self._path(self._scope.get(text))

    def _path(self, node: Node | None) -> Node | None:
        while self._peek(".") or self._peek("["):
            key: str | None
            if self._next()[1] == ".":
                kind, key = self._next()
                if kind != "word":
                    raise _SyntaxError
            else:
                index = self.value()
                self._expect("]")
                key = index.text if isinstance(index, Scalar) else None
            node = _child(node, key)
        return node

    def _arguments(self) -> list[Node | None]:
        self._expect("(")
        arguments: list[Node | None] = []
        while not self._peek(")"):
            if arguments:
                self._expect(",")
            arguments.append(self.value())
        self._expect(")")
        return arguments

    def _peek(self, sign: str) -> bool:
        return self._position < len(self._tokens) and self._tokens[self._position] == ("sign", sign)

    def _expect(self, sign: str) -> None:
        if self._next() != ("sign", sign):
            raise _SyntaxError

    def _next(self) -> tuple[str, str]:
        if self.at_end:
            raise _SyntaxError
        self._position += 1
        return self._tokens[self._position - 1]


def _child(node: Node | None, key: str | None) -> Node | None:
    """What stands under a key; a known mapping without the key gives the empty text."""
    match node:
        case None:
            return None
        case Entries():
            if key is None:
                return None
            found = node.get(key)
            if found is None:
                found = next((value for name, value in node if name.text.lower() == key.lower()), None)
            return Scalar(node.line, "") if found is None else found
        case Items():
            return node.items[int(key)] if key is not None and key.isdecimal() and int(key) < len(node.items) else None
        case Scalar():
            return Scalar(node.line, "")


def _bool(value: bool | None) -> Node | None:
    return None if value is None else Scalar(0, "true" if value else "false")


def _equal(one: Node | None, other: Node | None) -> bool | None:
    if one is None or other is None:
        return None
    if isinstance(one, Scalar) and isinstance(other, Scalar):
        return one.text.lower() == other.text.lower()
    return one == other


def _all(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def _any(values: list[bool | None]) -> bool | None:
    return True if True in values else None if None in values else False


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _text_test(test: Callable[[str, str], bool], arguments: list[Node | None]) -> bool | None:
    match arguments:
        case [Scalar() as one, Scalar() as other]:
            return test(one.text.lower(), other.text.lower())
        case _:
            return None


def _call(name: str, arguments: list[Node | None]) -> Node | None:
    match name.lower(), arguments:
        case "eq", [one, other]:
            return _bool(_equal(one, other))
        case "ne", [one, other]:
            return _bool(_not(_equal(one, other)))
        case "and", _:
            return _bool(_all([truth(each) for each in arguments]))
        case "or", _:
            return _bool(_any([truth(each) for each in arguments]))
        case "not", [one]:
            return _bool(_not(truth(one)))
        case "in", [one, *others]:
            return _bool(_any([_equal(one, other) for other in others]))
        case "notin", [one, *others]:
            return _bool(_not(_any([_equal(one, other) for other in others])))
        case "contains", _:
            return _bool(_text_test(lambda one, other: other in one, arguments))
        case "startswith", _:
            return _bool(_text_test(str.startswith, arguments))
        case "endswith", _:
            return _bool(_text_test(str.endswith, arguments))
        case "containsvalue", [Items() as many, one]:
            return _bool(_any([_equal(each, one) for each in many]))
        case "coalesce", _:
            return _coalesce(arguments)
        case "length", [Items() as many]:
            return Scalar(0, str(len(many.items)))
        case _:
            return None


def _coalesce(arguments: list[Node | None]) -> Node | None:
    for each in arguments:
        if each is None or not isinstance(each, Scalar) or each.text:
            return each
    return Scalar(0, "")
