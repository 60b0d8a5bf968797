"""What conditions may speak of: names, their types, and where their values are found, all read from the dataclasses.

A subject's fields are names with a dot (``pr.title``, ``pr.author.is_bot``), each with a type of its own, so that a typo
does not compile and an unset field alone is unbound. A fact with one field is one name (``files``), a list or a mapping; one
with several has a name for each (``teams.members``), but for the field that is called as the fact itself.
"""

from __future__ import annotations

import dataclasses
import types
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from bot.model.facts import Fact, FactRequest, NamingSpec, fact_types
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    PullRequest,
    Release,
    Repository,
    Subject,
    WorkItem,
)

C = TypeVar("C", bound=Callable[..., Any])


def by_type(function: C) -> C:
    """``functools.cache`` for functions of a class; mypy takes the hash of an instance for that of its class."""
    return cast(C, cache(function))


HAS = "has."
"""What stands before a name that says whether another is set: ``has.release.author.login``."""


class Kind(StrEnum):
    """The kinds of values; the words are those of messages."""

    TEXT = "text"
    INTEGER = "a whole number"
    NUMBER = "a number"
    BOOLEAN = "true or false"
    TIME = "a time"
    LIST = "a list"
    MAPPING = "a mapping"
    RECORD = "a record"


@dataclass(frozen=True, slots=True)
class Shape:
    """The type of a value."""

    kind: Kind
    optional: bool = False
    element: Shape | None = None
    """Of a list or a mapping."""
    record: type | None = None
    """The dataclass of a record."""
    choices: type[StrEnum] | None = None
    """The enum that a text is one of."""


@dataclass(frozen=True, slots=True)
class Name:
    """One name that conditions may use."""

    name: str
    """With its dots: ``pr.author.login``."""
    shape: Shape
    path: tuple[str, ...]
    """Attributes, from the subject that is judged, or from the fact."""
    fact: type[Fact] | None = None
    by_name: bool = False
    """What of it is asked for are the names that stand in the expression: ``contents["README.md"]``."""

    @property
    def root(self) -> str:
        """What stands before the first dot."""
        return self.name.split(".", 1)[0]


_HOME: Mapping[str, tuple[str, ...]] = {
    "branch": ("repository", "default"),
    "repository": ("repository",),
    "organization": ("repository", "organization"),
}

ROOTS: Mapping[type[Subject], Mapping[str, tuple[str, ...]]] = {
    Organization: {"organization": ()},
    Repository: {"repository": (), "branch": ("default",), "organization": ("organization",)},
    Branch: {"branch": (), "repository": ("repository",), "organization": ("repository", "organization")},
    PullRequest: {
        "pr": (),
        "branch": ("base",),
        "repository": ("base", "repository"),
        "organization": ("base", "repository", "organization"),
    },
    Pipeline: {"pipeline": (), **_HOME},
    Environment: {"environment": (), **_HOME},
    Release: {"release": (), **_HOME},
    WorkItem: {"work_item": ()},
}
"""By the type of the subject judged: the subjects that a condition may name, and the way to each.

They are those that the engine reaches: a repository's branch is its default branch.
"""

SUBJECTS: Mapping[str, type[Subject]] = {
    "pr": PullRequest,
    "branch": Branch,
    "repository": Repository,
    "organization": Organization,
    "pipeline": Pipeline,
    "environment": Environment,
    "release": Release,
    "work_item": WorkItem,
}

OWN_NAME: Mapping[type, str] = {Branch: "branch", Environment: "environment"}
"""``branch.name`` is ``main`` in a condition, not the display name ``acme/payments@main``."""


@by_type
def vocabulary(subject: type[Subject]) -> Mapping[str, Name]:
    """Every name that a condition about this type of subject may use, except ``now``."""
    names = [name for root, way in ROOTS[subject].items() for name in _fields(root, SUBJECTS[root], way)]
    reached = {SUBJECTS[root] for root in ROOTS[subject]}
    names += [name for fact in fact_types().values() if fact.subject in reached for name in _of_fact(fact)]
    return {name.name: name for name in names}


def request(fact: type[Fact], names: frozenset[str] = frozenset()) -> FactRequest:
    """How a fact is asked for so that conditions can speak of it. ``names``: what of it they name."""
    if fact.spec is None:
        return FactRequest(fact)
    return FactRequest(fact, fact.spec.naming(names) if issubclass(fact.spec, NamingSpec) else fact.spec())


def _of_fact(fact: type[Fact]) -> Iterator[Name]:
    fields = [field.name for field in dataclasses.fields(fact)]
    direct = fact.value or (fields[0] if len(fields) == 1 else fact.name)
    by_name = fact.spec is not None and issubclass(fact.spec, NamingSpec)
    for field in [fact.value] if fact.value else fields:
        shape, chosen = shape_of(fact, field), field in fact.chosen
        if chosen and not by_name:
            continue  # Rules alone can say what of it they want.
        if shape.kind is Kind.RECORD and shape.record is not None:
            found = _fields(f"{fact.name}.{field}", shape.record, (field,), shape.optional)
            yield from (dataclasses.replace(name, fact=fact) for name in found)
        else:
            yield Name(fact.name if field == direct else f"{fact.name}.{field}", shape, (field,), fact, chosen)


@by_type
def shapes(record: type) -> Mapping[str, Shape]:
    """The fields of a dataclass, and its properties, with their types."""
    hints = {name: hint for name, hint in get_type_hints(record).items() if name in _field_names(record)}
    for name, attribute in vars(record).items():
        if isinstance(attribute, property) and attribute.fget is not None:
            hints[name] = get_type_hints(attribute.fget)["return"]
    found = {name: _shape(hint) for name, hint in hints.items()}
    return {name: shape for name, shape in found.items() if shape is not None}


def shape_of(record: type, attribute: str) -> Shape:
    """The type of one attribute."""
    return shapes(record)[attribute]


def plain(value: Any) -> Any:
    """A value as CEL takes it: records become mappings without what is unset, times become text."""
    if value is None or isinstance(value, (bool, int, float)):
        return value
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {_text(str(key)): plain(item) for key, item in value.items()}
    if isinstance(value, (set, frozenset)):
        return sorted(plain(item) for item in value)
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return _converter(type(value))(value)


def _text(value: str) -> str:
    """The CEL library cuts a text at a NUL and fails on a lone surrogate; either becomes a question mark."""
    if value.isascii() and "\0" not in value:
        return str(value)
    return value.encode("utf-8", "replace").decode().replace("\0", "?")


@by_type
def _converter(record: type) -> Callable[[Any], dict[str, Any]]:
    names = tuple(shapes(record))

    def convert(value: Any) -> dict[str, Any]:
        pairs = ((name, getattr(value, name)) for name in names)
        return {name: plain(item) for name, item in pairs if item is not None}

    return convert


def _fields(prefix: str, record: type[Any], way: tuple[str, ...], optional: bool = False) -> Iterator[Name]:
    optional = optional or way[-1:] == ("default",)
    for attribute, shape in shapes(record).items():
        if attribute == OWN_NAME.get(record):
            continue
        source = OWN_NAME.get(record, attribute) if attribute == "name" else attribute
        if shape.kind is Kind.RECORD and shape.record is not None:
            if not issubclass(shape.record, Subject):
                yield from _fields(f"{prefix}.{attribute}", shape.record, (*way, source), optional or shape.optional)
            continue
        yield Name(
            f"{prefix}.{attribute}", dataclasses.replace(shape, optional=optional or shape.optional), (*way, source)
        )


def _field_names(record: type) -> frozenset[str]:
    return frozenset(field.name for field in dataclasses.fields(record))


SCALARS: Mapping[type, Kind] = {str: Kind.TEXT, int: Kind.INTEGER, float: Kind.NUMBER, bool: Kind.BOOLEAN}


def _shape(hint: Any) -> Shape | None:
    if get_origin(hint) in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        inner = _shape(options[0]) if len(options) == 1 else None
        return None if inner is None else dataclasses.replace(inner, optional=True)
    origin = get_origin(hint)
    if origin in (tuple, list, set, frozenset):
        return Shape(Kind.LIST, element=_shape(get_args(hint)[0]))
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return Shape(Kind.MAPPING, element=_shape(get_args(hint)[1]))
    if hint in SCALARS:
        return Shape(SCALARS[hint])
    if hint is datetime:
        return Shape(Kind.TIME)
    if isinstance(hint, type) and issubclass(hint, StrEnum):
        return Shape(Kind.TEXT, choices=hint)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        return Shape(Kind.RECORD, record=hint)
    return None
