"""What the fields of a JSON document hold, written, and read with a word about what is wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import TypeVar

JsonValue = None | bool | int | str | list["JsonValue"] | dict[str, "JsonValue"]
Document = Mapping[str, JsonValue]

Word = TypeVar("Word", bound=StrEnum)
Item = TypeVar("Item")


class DocumentError(ValueError):
    """A document is not what it should be; the text says which field, and how."""


def time_of(moment: datetime | None) -> str | None:
    """A time as reports write it."""
    if moment is None:
        return None
    # The model's times carry their zone; one without is taken for UTC rather than for the machine's.
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    return aware.astimezone(UTC).isoformat().replace("+00:00", "Z")


def text(document: Document, field: str, default: str | None = None) -> str:
    """A text. A field that was added to the format after others has a default; one without must be there."""
    value = document.get(field, default)
    if isinstance(value, str):
        return value
    raise _wrong(document, field, "a text")


def maybe_text(document: Document, field: str) -> str | None:
    """A text, or null."""
    return None if document.get(field) is None else text(document, field)


def number(document: Document, field: str) -> int:
    """A whole number."""
    value = document.get(field)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    raise _wrong(document, field, "a whole number")


def maybe_number(document: Document, field: str) -> int | None:
    """A whole number, or null."""
    return None if document.get(field) is None else number(document, field)


def flag(document: Document, field: str, default: bool | None = None) -> bool:
    """True or false."""
    value = document.get(field, default)
    if isinstance(value, bool):
        return value
    raise _wrong(document, field, "true or false")


def maybe_flag(document: Document, field: str) -> bool | None:
    """True, false or null."""
    return None if document.get(field) is None else flag(document, field)


def word(document: Document, field: str, words: type[Word]) -> Word:
    """One of the words of an enumeration."""
    value = document.get(field)
    try:
        return words(value)  # type: ignore[arg-type]
    except ValueError:
        raise _wrong(document, field, f"one of {', '.join(words)}") from None


def time(document: Document, field: str) -> datetime:
    """A time with its zone."""
    value = text(document, field)
    try:
        read = datetime.fromisoformat(value)
        # One at the end of time may have no place in another zone.
        return read.astimezone(UTC) if read.tzinfo is not None else read.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise _wrong(document, field, "a time such as 2027-01-15T09:30:00Z") from None


def maybe_time(document: Document, field: str) -> datetime | None:
    """A time with its zone, or null."""
    return None if document.get(field) is None else time(document, field)


def day(document: Document, field: str) -> date:
    """A day."""
    try:
        return date.fromisoformat(text(document, field))
    except ValueError:
        raise _wrong(document, field, "a day such as 2027-01-15") from None


def part(document: Document, field: str) -> dict[str, JsonValue]:
    """An object."""
    value = document.get(field)
    if isinstance(value, dict):
        return value
    raise _wrong(document, field, "an object")


def maybe_part(document: Document, field: str) -> dict[str, JsonValue] | None:
    """An object, or null."""
    return None if document.get(field) is None else part(document, field)


def parts(document: Document, field: str, read: Callable[[dict[str, JsonValue]], Item]) -> tuple[Item, ...]:
    """A list of objects, each of them read; none where the field is not there."""
    items = []
    for item in _list(document, field):
        if not isinstance(item, dict):
            raise _wrong(document, field, "a list of objects")
        items.append(read(item))
    return tuple(items)


def texts(document: Document, field: str) -> tuple[str, ...]:
    """A list of texts; none where the field is not there."""
    items = []
    for item in _list(document, field):
        if not isinstance(item, str):
            raise _wrong(document, field, "a list of texts")
        items.append(item)
    return tuple(items)


def _list(document: Document, field: str) -> list[JsonValue]:
    value = document.get(field, [])
    if isinstance(value, list):
        return value
    raise _wrong(document, field, "a list")


def _wrong(document: Document, field: str, wanted: str) -> DocumentError:
    if field not in document:
        return DocumentError(f"{field!r} is missing; it should be {wanted}")
    return DocumentError(f"{field!r} should be {wanted}, not {str(document[field])[:60]!r}")
