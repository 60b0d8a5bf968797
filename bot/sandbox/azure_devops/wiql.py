"""A small part of WIQL, Microsoft's query language for work items.

``SELECT [a], [b] FROM WorkItems WHERE condition AND condition ... ORDER BY [c] DESC``, where a condition is
``[Field] OPERATOR value``. Operators: ``= <> > < >= <= IN, NOT IN, CONTAINS, NOT CONTAINS, UNDER``. Values: numbers,
``'text'``, ``@project``, ``@me``, ``@today`` and ``@today - N``. Anything else is refused, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.sandbox.azure_devops.problems import Problem

TOKEN = re.compile(
    r"\s*(?:(?P<field>\[[^\]]+\])|(?P<text>'(?:[^']|'')*')|(?P<number>-?\d+(?:\.\d+)?)|(?P<macro>@\w+)"
    r"|(?P<operator><>|<=|>=|=|<|>|\(|\)|,|-|\+|\*)|(?P<word>[A-Za-z_][\w.]*))"
)

Value = str | float | datetime | bool | None
Fields = Mapping[str, object]


@dataclass(frozen=True)
class Query:
    """A query that was understood."""

    columns: tuple[str, ...]
    conditions: tuple[Callable[[Fields], bool], ...]
    order: tuple[tuple[str, bool], ...]
    """Fields to sort by, each with whether it descends."""

    def run(self, items: list[Fields]) -> list[Fields]:
        """The items that meet every condition, in order."""
        found = [fields for fields in items if all(condition(fields) for condition in self.conditions)]
        for name, descending in reversed(self.order):
            found.sort(key=lambda fields: _sortable(fields.get(name)), reverse=descending)
        return found


def parse(text: str, macros: Mapping[str, Value]) -> Query:
    """Read a query, or raise the service's refusal."""
    return _Parser(text, macros).query()


def syntax_error(text: str, near: str) -> Problem:
    """The refusal of a query that is not understood."""
    return Problem(
        400,
        f"TF51006: The query statement cannot be understood. The error is caused by «{near}». Query: {text}",
        "SyntaxException",
        "Microsoft.TeamFoundation.WorkItemTracking.Server",
    )


class _Parser:
    """Recursive descent over the tokens, left to right."""

    def __init__(self, text: str, macros: Mapping[str, Value]) -> None:
        self._text = text
        self._macros = {name.lower(): value for name, value in macros.items()}
        self._tokens: list[tuple[str, str]] = []
        self._at = 0
        position = 0
        while text[position:].strip():
            match = TOKEN.match(text, position)
            if not match:
                raise syntax_error(text, text[position : position + 20].strip())
            self._tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            position = match.end()

    def query(self) -> Query:
        self._expect("select")
        columns = self._fields()
        self._expect("from")
        self._expect("workitems")
        conditions: list[Callable[[Fields], bool]] = []
        if self._accept("where"):
            conditions.append(self._condition())
            while self._accept("and"):
                conditions.append(self._condition())
        order: list[tuple[str, bool]] = []
        if self._accept("order"):
            self._expect("by")
            for name in self._fields(sort=order):
                order.append((name, False))
        if self._at != len(self._tokens):
            raise syntax_error(self._text, self._tokens[self._at][1])
        return Query(tuple(columns), tuple(conditions), tuple(order))

    def _fields(self, sort: list[tuple[str, bool]] | None = None) -> list[str]:
        """A list of field names; with ``sort``, each goes there with its direction instead."""
        names = []
        while True:
            name = self._field()
            if sort is not None:
                descending = self._accept("desc")
                if not descending:
                    self._accept("asc")
                sort.append((name, descending))
            else:
                names.append(name)
            if not self._accept(","):
                return names

    def _field(self) -> str:
        kind, text = self._next()
        if kind not in ("field", "word"):
            raise syntax_error(self._text, text)
        return text.strip("[]").strip()

    def _condition(self) -> Callable[[Fields], bool]:
        if self._accept("("):
            inner = self._condition()
            rest = [inner]
            while self._accept("and"):
                rest.append(self._condition())
            self._expect(")")
            return lambda fields: all(condition(fields) for condition in rest)
        name = self._field()
        negated = self._accept("not")
        kind, operator = self._next()
        operator = operator.lower()
        if operator == "in":
            values = self._values()
            return lambda fields: any(_equal(fields.get(name), value) for value in values) != negated
        if operator in ("contains", "under"):
            wanted = str(self._value()).lower()
            if operator == "contains" and name.lower() == "system.tags":  # of tags a whole one is meant
                return lambda fields: (wanted in str(fields.get(name) or "").lower().split("; ")) != negated
            if operator == "contains":
                return lambda fields: (wanted in str(fields.get(name) or "").lower()) != negated
            return lambda fields: _under(str(fields.get(name) or "").lower(), wanted) != negated
        if negated or kind != "operator":
            raise syntax_error(self._text, operator)
        value = self._value()
        match operator:
            case "=":
                return lambda fields: _equal(fields.get(name), value)
            case "<>":
                return lambda fields: not _equal(fields.get(name), value)
            case ">":
                return lambda fields: (order := _compare(fields.get(name), value)) is not None and order > 0
            case "<":
                return lambda fields: (order := _compare(fields.get(name), value)) is not None and order < 0
            case ">=":
                return lambda fields: (order := _compare(fields.get(name), value)) is not None and order >= 0
            case "<=":
                return lambda fields: (order := _compare(fields.get(name), value)) is not None and order <= 0
        raise syntax_error(self._text, operator)

    def _values(self) -> list[Value]:
        self._expect("(")
        values = [self._value()]
        while self._accept(","):
            values.append(self._value())
        self._expect(")")
        return values

    def _value(self) -> Value:
        kind, text = self._next()
        if kind == "text":
            return text[1:-1].replace("''", "'")
        if kind == "number":
            return float(text)
        if kind == "word" and text.lower() in ("true", "false"):
            return text.lower() == "true"
        if kind == "macro" and text.lower() in self._macros:
            value = self._macros[text.lower()]
            if isinstance(value, datetime):
                return value + timedelta(days=self._distance())
            return value
        raise syntax_error(self._text, text)

    def _distance(self) -> float:
        """What follows ``@today``: ``- 7``, ``+ 1`` or nothing. The tokenizer may have read ``-7`` as one number."""
        if self._accept("-"):
            return -float(self._next()[1])
        if self._accept("+"):
            return float(self._next()[1])
        if self._at < len(self._tokens) and self._tokens[self._at][0] == "number":
            return float(self._next()[1])
        return 0.0

    def _next(self) -> tuple[str, str]:
        if self._at == len(self._tokens):
            raise syntax_error(self._text, "the end")
        self._at += 1
        return self._tokens[self._at - 1]

    def _accept(self, word: str) -> bool:
        if self._at < len(self._tokens) and self._tokens[self._at][1].lower() == word:
            self._at += 1
            return True
        return False

    def _expect(self, word: str) -> None:
        if not self._accept(word):
            near = self._tokens[self._at][1] if self._at < len(self._tokens) else "the end"
            raise syntax_error(self._text, near)


def _equal(have: object, want: Value) -> bool:
    if want == "" and have is None:
        return True
    if isinstance(have, Mapping):  # a person: by display name, or by the sign-in name
        return str(want).lower() in (str(have.get("displayName")).lower(), str(have.get("uniqueName")).lower())
    order = _compare(have, want)
    return order == 0


def _compare(have: object, want: Value) -> int | None:
    """-1, 0 or 1; None where the two cannot be compared."""
    if have is None or want is None:
        return None
    if isinstance(want, datetime):
        one, other = _instant(str(have)), want
        return (one > other) - (one < other)
    if isinstance(have, bool) or isinstance(want, bool):
        return 0 if have == want else -1
    if isinstance(have, int | float) and isinstance(want, int | float):
        return (have > want) - (have < want)
    left, right = str(have).lower(), str(want).lower()
    if re.match(r"\d{4}-\d\d-\d\dT", str(have)):
        try:
            first, second = _instant(str(have)), _instant(str(want))
        except ValueError:
            return None
        return (first > second) - (first < second)
    return (left > right) - (left < right)


def _under(have: str, want: str) -> bool:
    return have == want or have.startswith(want + "\\")


def _instant(text: str) -> datetime:
    parsed = datetime.fromisoformat(text.replace("Z", "+00:00"))
    if parsed.tzinfo is None:
        return datetime.fromisoformat(text + "+00:00" if "T" in text else text + "T00:00:00+00:00")
    return parsed


def _sortable(value: object) -> tuple[int, float, str]:
    if value is None:
        return (0, 0.0, "")
    if isinstance(value, int | float):
        return (1, float(value), "")
    return (2, 0.0, str(value).lower())
