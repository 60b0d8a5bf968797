"""The sample of a type of subject as YAML: what its conditions see, each field with what it means."""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Iterator, Mapping
from datetime import datetime

from bot.model.subjects import Subject
from bot.policy.docstrings import class_doc, field_docs
from bot.policy.loader import is_plain_text
from bot.policy.sample import NOW, sample
from bot.policy.vocabulary import Name, Shape, shapes, vocabulary

WIDTH = 110
PLAIN = re.compile(r"[\w./]([\w ./@+*()=-]*[\w./@+*()=-])?")
"""What needs no quotes, as far as its characters go."""


def sample_page(subject: type[Subject]) -> str:
    """The sample, with the docstrings as comments: those of a record where it stands for the first time."""
    writer = _Writer()
    kind = subject.kind.replace("_", " ")
    known = vocabulary(subject)
    values = sample(subject).bindings(known)
    lines = [
        *_comment(
            f"What the conditions about {'an' if kind[0] in 'aeiou' else 'a'} {kind} see, on a sample that is made up. "
            "What is not set, or could not be read, is absent.",
            0,
        ),
        *_comment("When it is judged.", 0),
        f"now: {_scalar(NOW)}",
        *writer.names(subject, known, values),
    ]
    return "\n".join(lines) + "\n"


class _Writer:
    """Writes names and values, and remembers which records were explained."""

    def __init__(self) -> None:
        self.explained: set[object] = set()

    def names(self, subject: type[Subject], known: Mapping[str, Name], values: Mapping[str, object]) -> Iterator[str]:
        """Every name: parts before a dot are keys around it, but for those that have a value themselves."""
        written: tuple[str, ...] = ()
        for name in known.values():
            if name.name not in values:
                continue
            *around, last = self.keys(name.name, known)
            shared = 0
            while shared < min(len(around), len(written)) and around[shared] == written[shared]:
                shared += 1
            for depth in range(shared, len(around)):
                yield from self.heading(name, depth)
                yield f"{'  ' * depth}{around[depth]}:"
            written = tuple(around)
            if name.fact is not None and not around:
                yield from self.heading(name, 0)
            yield from self.field(last, values[name.name], name.shape, len(around), self.meaning(subject, name))

    def keys(self, name: str, known: Mapping[str, Name]) -> list[str]:
        """The keys that lead to a name."""
        parts = name.split(".")
        for end in range(len(parts) - 1, 0, -1):
            if ".".join(parts[:end]) in known:
                return [name]
        return parts

    def heading(self, name: Name, depth: int) -> Iterator[str]:
        """What a fact is, before the first of its names."""
        if name.fact is None or depth or name.fact in self.explained:
            return
        self.explained.add(name.fact)
        named = " Only what the condition names is read." if name.by_name else ""
        yield ""
        yield from _comment(class_doc(name.fact) + named, 0)

    def meaning(self, subject: type[Subject], name: Name) -> str:
        """What is said of a field."""
        holder: type = name.fact or subject
        for attribute in name.path[:-1]:
            holder = shapes(holder)[attribute].record or holder
            self.explained.add(holder)
        return field_docs(holder).get(name.path[-1], "")

    def field(self, key: str, value: object, shape: Shape | None, depth: int, meaning: str) -> Iterator[str]:
        """One key with its value, and a comment before it."""
        yield from _comment(" ".join(filter(None, [meaning, _choices(shape)])), depth)
        margin = "  " * depth
        if not isinstance(value, (list, dict)) or not value:
            yield f"{margin}{_scalar(key)}: {_scalar(value)}"
            return
        yield f"{margin}{_scalar(key)}:"
        yield from self.inside(value, shape, depth + 1)

    def inside(self, value: object, shape: Shape | None, depth: int) -> Iterator[str]:
        """What a list, a mapping or a record holds."""
        if isinstance(value, dict):
            yield from self.fields(value, shape, depth)
            return
        assert isinstance(value, list)
        element = shape.element if shape is not None else None
        for item in value:
            if not isinstance(item, (list, dict)):
                yield f"{'  ' * depth}- {_scalar(item)}"
                continue
            lines = self.inside(item, element, depth + 1)
            # The mark of an item goes before its first line that is no comment.
            marked = False
            for line in lines:
                if marked or line.lstrip().startswith("#"):
                    yield line
                else:
                    yield f"{'  ' * depth}- {line[2 * depth + 2 :]}"
                    marked = True

    def fields(self, value: Mapping[str, object], shape: Shape | None, depth: int) -> Iterator[str]:
        """The keys of a mapping or a record."""
        record = shape.record if shape is not None else None
        docs = field_docs(record) if record is not None and record not in self.explained else {}
        if record is not None:
            self.explained.add(record)
        for key, item in value.items():
            inner = shapes(record)[key] if record is not None else shape.element if shape is not None else None
            shown = inner if docs or record is None else _unsaid(inner)
            yield from self.field(key, item, shown, depth, docs.get(key, ""))


def _unsaid(shape: Shape | None) -> Shape | None:
    """The shape without its choices, which were told before."""
    return None if shape is None else Shape(shape.kind, shape.optional, shape.element, shape.record)


def _choices(shape: Shape | None) -> str:
    return "" if shape is None or shape.choices is None else f"One of: {', '.join(shape.choices)}."


def _comment(text: str, depth: int) -> list[str]:
    margin = "  " * depth + "# "
    return textwrap.wrap(text, WIDTH, initial_indent=margin, subsequent_indent=margin)


def _scalar(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, str) and PLAIN.fullmatch(value) and is_plain_text(value):
        return value
    return json.dumps(value, ensure_ascii=False)
