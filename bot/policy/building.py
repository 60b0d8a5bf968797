"""Builds values of the model's dataclasses from YAML; everything that is wrong is noted with its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from collections.abc import Mapping as AnyMapping
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any, Final

from bot.policy.forms import REQUIRED, Field, Form, Kind, fields_of
from bot.policy.nodes import Mapping, Mark, Node, Scalar, Sequence, Tree
from bot.policy.problems import Problem, did_you_mean
from bot.policy.validation import choice, mistyped


class Wrong(Enum):
    """What stands in for a value that could not be built; what is wrong has been noted."""

    WRONG = "wrong"


WRONG: Final = Wrong.WRONG

NO_MOMENT = "an instant with its zone is wanted here, such as 2026-06-01T09:00:00Z"


MOMENT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})$"
"""What an instant looks like: https://www.rfc-editor.org/rfc/rfc3339#section-5.6."""


def moment(text: str) -> datetime | None:
    """An instant with its zone; None: the text is none."""
    try:
        return datetime.fromisoformat(text) if re.fullmatch(MOMENT, text) else None
    except ValueError:
        return None


class Builder:
    """Builds values from the nodes of one file.

    ``own`` holds the dataclasses that are built in a way of their own: a bare text that stands for one, a default that
    depends on another key.
    """

    def __init__(self, tree: Tree, own: AnyMapping[type, Own]) -> None:
        self.tree = tree
        self.own = own
        self.problems: list[Problem] = []

    def note(self, mark: Mark, path: str, message: str) -> Wrong:
        """Note a mistake."""
        self.problems.append(self.tree.problem(mark, path, message))
        return WRONG

    def value(self, form: Form, node: Node, path: str) -> Any:
        """A value of the form, or ``WRONG``."""
        if form.optional and isinstance(node, Scalar) and node.value is None:
            return None
        match form.kind:
            case Kind.TEXT | Kind.WHOLE | Kind.NUMBER | Kind.TRUTH:
                return self._scalar(form.kind, node, path)
            case Kind.MOMENT:
                found = moment(node.value) if isinstance(node, Scalar) and isinstance(node.value, str) else None
                return found or self.note(node.mark, path, NO_MOMENT)
            case Kind.CHOICE:
                return self._choice(form.type, node, path)
            case Kind.LIST | Kind.SET:
                return self._list(form, node, path)
            case Kind.ROW:
                return self._row(form, node, path)
            case Kind.MAPPING:
                return self._mapping(form, node, path)
            case Kind.RECORD:
                own = self.own.get(form.type)
                return self.record(form.type, node, path) if own is None else own(self, node, path)

    def record(self, type_: type, node: Node, path: str) -> Any:
        """A value of a dataclass from its keys."""
        if not isinstance(node, Mapping):
            return self.note(node.mark, path, mistyped("dict_type", node))
        return self.made(type_, self.keys(fields_of(type_).values(), node, path), node, path)

    def keys(self, known: Iterable[Field], node: Mapping, path: str) -> dict[str, Any]:
        """The values of the keys that are there. A key that is not known is a mistake."""
        by_name = {field.name: field for field in known}
        built: dict[str, Any] = {}
        for key, (mark, value) in node.entries.items():
            inside = f"{path}.{key}" if path else key
            if key in by_name:
                built[key] = self.value(by_name[key].form, value, inside)
            else:
                hint = did_you_mean(key, by_name) or f"; there are {', '.join(by_name)}"
                built[key] = self.note(mark, inside, f"unknown key {key!r}{hint}")
        return built

    def made(self, type_: Any, built: dict[str, Any], node: Node, path: str) -> Any:
        """The dataclass of built values; what was left out is empty, where it can be."""
        lacking = []
        for name, field in fields_of(type_).items():
            if name in built:
                continue
            if field.absent is REQUIRED:
                lacking.append(name)
            else:
                built[name] = field.absent
        for name in lacking:
            self.note(node.mark, path, f"the key {name!r} is missing")
        return WRONG if lacking or WRONG in built.values() else type_(**built)

    def _scalar(self, kind: Kind, node: Node, path: str) -> Any:
        value = node.value if isinstance(node, Scalar) else None
        types = PLAIN[kind]
        if not isinstance(value, types) or (isinstance(value, bool) and bool not in types):
            return self.note(node.mark, path, mistyped(WANTED[kind], node))
        return float(value) if kind is Kind.NUMBER and isinstance(value, int) else value

    def _choice(self, type_: type[StrEnum], node: Node, path: str) -> StrEnum | Wrong:
        choices = [member.value for member in type_]
        if isinstance(node, Scalar) and node.value in choices:
            return type_(node.value)
        return self.note(node.mark, path, choice(node, choices))

    def _list(self, form: Form, node: Node, path: str) -> Any:
        if not isinstance(node, Sequence):
            return self.note(node.mark, path, mistyped("list_type", node))
        items = [self.value(form.inner[0], item, f"{path}[{index}]") for index, item in enumerate(node.items)]
        if WRONG in items:
            return WRONG
        return tuple(items) if form.kind is Kind.LIST else frozenset(items)

    def _row(self, form: Form, node: Node, path: str) -> Any:
        if not isinstance(node, Sequence) or len(node.items) != len(form.inner):
            return self.note(node.mark, path, f"a list of {len(form.inner)} values is wanted here")
        each = zip(form.inner, node.items, strict=True)
        items = [self.value(inner, item, f"{path}[{index}]") for index, (inner, item) in enumerate(each)]
        return WRONG if WRONG in items else tuple(items)

    def _mapping(self, form: Form, node: Node, path: str) -> Any:
        if not isinstance(node, Mapping):
            return self.note(node.mark, path, mistyped("dict_type", node))
        items = {key: self.value(form.inner[0], value, f"{path}.{key}") for key, (_, value) in node.entries.items()}
        return WRONG if WRONG in items.values() else items


Own = Callable[[Builder, Node, str], Any]
"""Builds a value from a node, at a path: a dataclass in a way of its own."""

PLAIN: AnyMapping[Kind, tuple[type, ...]] = {
    Kind.TEXT: (str,),
    Kind.WHOLE: (int,),
    Kind.NUMBER: (int, float),
    Kind.TRUTH: (bool,),
}
WANTED: AnyMapping[Kind, str] = {
    Kind.TEXT: "string_type",
    Kind.WHOLE: "int_type",
    Kind.NUMBER: "float_type",
    Kind.TRUTH: "bool_type",
}
"""What pydantic calls it where such a value is wanted: the words for it are the same."""
