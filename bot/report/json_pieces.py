"""JSON that can be shown in a log, written piece by piece: a report may be larger than memory.

A piece is never cut within a record, so that whoever looks for secrets in each piece sees every text whole.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from bot.model.json_fields import JsonValue

_UNWRITABLE = re.compile("[\ud800-\udfff\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, slots=True)
class Items:
    """A list that is written as it is gone through; each item is a piece."""

    items: Iterable[JsonValue | Object]


@dataclass(frozen=True, slots=True)
class Object:
    """An object that is written field by field."""

    fields: Mapping[str, JsonValue | Object | Items]


def written(value: JsonValue, indent: int | None) -> str:
    """A value as JSON text that can be shown in a log.

    Standard output is a log in CI, and the Azure Pipelines agent obeys ``##vso[`` anywhere in a line. Outside of strings JSON
    has neither sign, and inside them an escape is the same value. Lone surrogates cannot be written, and what
    turns a line round must not be shown.
    """
    text = json.dumps(value, indent=indent, ensure_ascii=False).replace("##", "\\u0023\\u0023")
    return text if text.isascii() and "\x7f" not in text else _UNWRITABLE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    return f"\\u{ord(found[0]):04x}"


def pieces(value: JsonValue | Object | Items, level: int = 0) -> Iterator[str]:
    """The same, indented by two, in pieces."""
    inner, outer = "  " * (level + 1), "  " * level
    match value:
        case Object(fields=fields):
            opened = "{\n"
            for name, field in fields.items():
                # A field's first piece goes with its name.
                opened += f"{inner}{written(name, None)}: "
                for piece in pieces(field, level + 1):
                    yield opened + piece
                    opened = ""
                opened = ",\n"
            yield f"\n{outer}}}"
        case Items(items=items):
            opened = "[\n"
            for item in items:
                for piece in pieces(item, level + 1):
                    yield (opened + inner if opened else "") + piece
                    opened = ""
                opened = ",\n"
            yield f"\n{outer}]" if opened == ",\n" else "[]"
        case _:
            yield written(value, 2).replace("\n", f"\n{outer}")
