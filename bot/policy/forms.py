"""How values of the model's dataclasses are written as YAML: one form for each annotated type.

Building, writing and the JSON Schema all go by these, so that a fact which is added to the model can be written at once.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from datetime import datetime
from enum import Enum, StrEnum
from functools import cache
from typing import Any, Final, TypeVar, Union, cast, get_args, get_origin, get_type_hints

C = TypeVar("C", bound=Callable[..., Any])


def by_type(function: C) -> C:
    """``functools.cache`` for functions of an annotation; mypy takes the hash of an instance for that of its class."""
    return cast(C, cache(function))


class Kind(StrEnum):
    """The kinds of values."""

    TEXT = "text"
    WHOLE = "whole"
    NUMBER = "number"
    TRUTH = "truth"
    MOMENT = "moment"
    CHOICE = "choice"
    LIST = "list"
    ROW = "row"
    """A list of a fixed length, each member with a form of its own."""
    SET = "set"
    MAPPING = "mapping"
    RECORD = "record"


@dataclass(frozen=True, slots=True)
class Form:
    """How a value of one annotated type is written."""

    kind: Kind
    optional: bool = False
    """``null`` is a value of it."""
    inner: tuple[Form, ...] = ()
    """Of what a list, a set or a mapping holds; of a row, one for each member."""
    type: Any = None
    """The enum of a choice, the dataclass of a record."""


class Required(Enum):
    """What a key has that cannot be left out."""

    REQUIRED = "required"


REQUIRED: Final = Required.REQUIRED


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record."""

    name: str
    form: Form
    absent: object
    """The value where it is left out: the default, or what is empty; ``REQUIRED``: it cannot be."""


SCALARS: Mapping[Any, Kind] = {
    str: Kind.TEXT,
    int: Kind.WHOLE,
    float: Kind.NUMBER,
    bool: Kind.TRUTH,
    datetime: Kind.MOMENT,
}


@by_type
def form_of(hint: Any) -> Form:
    """The form of an annotated type. Raises ``TypeError`` for one that facts and subjects do not have."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        options = [option for option in arguments if option is not type(None)]
        if len(options) == 1:
            only = form_of(options[0])
            return Form(only.kind, True, only.inner, only.type)
    elif hint in SCALARS:
        return Form(SCALARS[hint])
    elif isinstance(hint, type) and issubclass(hint, StrEnum):
        return Form(Kind.CHOICE, type=hint)
    elif isinstance(hint, type) and is_dataclass(hint):
        return Form(Kind.RECORD, type=hint)
    elif origin is tuple and arguments[-1] is Ellipsis:
        return Form(Kind.LIST, inner=(form_of(arguments[0]),))
    elif origin is tuple:
        return Form(Kind.ROW, inner=tuple(map(form_of, arguments)))
    elif origin is frozenset:
        return Form(Kind.SET, inner=(form_of(arguments[0]),))
    elif origin in (Mapping, dict) and arguments[0] is str:
        return Form(Kind.MAPPING, inner=(form_of(arguments[1]),))
    raise TypeError(f"{hint} has no form in YAML")


@by_type
def fields_of(record: type) -> Mapping[str, Field]:
    """The keys of a dataclass, in order."""
    hints = get_type_hints(record)
    found = {}
    for field in fields(cast(Any, record)):
        form = form_of(hints[field.name])
        absent = field.default if field.default is not MISSING else REQUIRED
        if field.default_factory is not MISSING:
            absent = field.default_factory()
        found[field.name] = Field(field.name, form, _empty(form) if absent is REQUIRED else absent)
    return found


def _empty(form: Form) -> object:
    """What need not be said: no items, nothing known, the empty text."""
    if form.optional:
        return None
    empty: Mapping[Kind, object] = {Kind.LIST: (), Kind.SET: frozenset(), Kind.MAPPING: {}}
    return empty.get(form.kind, REQUIRED)
