"""The tables of docs/expressions.md: every name and function of the expressions, from the classes that define them.

``python -m bot.report.expression_page docs/expressions.md`` brings the page up to date.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from bot.model.facts import Fact, fact_types
from bot.model.subjects import Subject
from bot.policy.docstrings import class_doc, field_docs
from bot.policy.functions import FUNCTIONS
from bot.policy.vocabulary import ROOTS, SUBJECTS, Kind, Name, Shape, shapes, vocabulary

PART = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(page: str) -> str:
    """The page with its generated parts as the code has them now."""
    parts = {"reach": _reach, "names": _names, "records": _records, "functions": _functions}
    return PART.sub(lambda found: f"{found[1]}\n{_text(parts[found[2]]())}\n{found[3]}", page)


def _text(lines: Iterable[str]) -> str:
    return "\n".join(lines) + "\n"


def _reach() -> Iterator[str]:
    """What an expression about each type of subject may name."""
    yield from ("| about a | it names | and these facts |", "| --- | --- | --- |")
    for subject, roots in ROOTS.items():
        reached = {SUBJECTS[root] for root in roots}
        facts = ", ".join(_code(name) for name, fact in fact_types().items() if fact.subject in reached)
        yield f"| {_kind(subject)} | {', '.join(map(_code, roots))} | {facts} |"


def _names() -> Iterator[str]:
    """The names of each subject, then of each fact."""
    for root, subject in SUBJECTS.items():
        known = [name for name in vocabulary(subject).values() if name.root == root and name.fact is None]
        yield from (f"### {_code(root)}", "", *_table(subject, known), "")
    for fact in fact_types().values():
        known = [name for name in vocabulary(fact.subject).values() if name.fact is fact]
        about = f"About a {_kind(fact.subject)}."
        named = (
            " Only what the expression names, as a constant, is read." if any(name.by_name for name in known) else ""
        )
        yield from (f"### {_code(fact.name)}", "", f"{class_doc(fact)} {about}{named}", "", *_table(fact, known), "")


def _records() -> Iterator[str]:
    """The fields of what lists and mappings hold."""
    for record in _held():
        docs = field_docs(record)
        yield from (
            f"### {record.__name__}",
            "",
            class_doc(record),
            "",
            "| field | type | meaning |",
            "| --- | --- | --- |",
        )
        for field, shape in shapes(record).items():
            yield _row(_code(field), _type(shape, inside=True), docs.get(field, ""))
        yield ""


def _functions() -> Iterator[str]:
    """Every function."""
    yield from ("| function | its value | meaning |", "| --- | --- | --- |")
    for function in FUNCTIONS.values():
        yield _row(_code(function.signature), _type(function.returns), function.meaning.replace("``", "`"))


def _table(holder: type[Subject] | type[Fact], names: Iterable[Name]) -> Iterator[str]:
    yield from ("| name | type | meaning |", "| --- | --- | --- |")
    for name in names:
        record: type = holder
        # A branch's name is another field than the one that is called so.
        for attribute in name.path[:-1]:
            record = shapes(record)[attribute].record or record
        yield _row(_code(name.name), _type(name.shape), field_docs(record).get(name.path[-1], ""))


def _held() -> list[type]:
    """The records in lists and mappings, by name."""
    found: dict[str, type] = {}

    def look(shape: Shape | None) -> None:
        while shape is not None and shape.element is not None:
            shape = shape.element
        if shape is not None and shape.record is not None and shape.record.__name__ not in found:
            found[shape.record.__name__] = shape.record
            for inner in shapes(shape.record).values():
                look(inner)

    for subject in ROOTS:
        for name in vocabulary(subject).values():
            look(name.shape)
    return [found[name] for name in sorted(found)]


WORDS: Mapping[Kind, str] = {Kind.TIME: "time", Kind.BOOLEAN: "true or false", Kind.INTEGER: "whole number"}


def _type(shape: Shape | None, *, inside: bool = False) -> str:
    if shape is None:
        return ""
    optional = ", may be unset" if shape.optional else ""
    if shape.choices is not None:
        return "one of " + ", ".join(map(_code, shape.choices)) + optional
    match shape.kind:
        case Kind.LIST:
            return f"list of {_type(shape.element, inside=True)}" + optional
        case Kind.MAPPING:
            return f"mapping from text to {_type(shape.element, inside=True)}" + optional
        case Kind.RECORD if shape.record is not None:
            return f"[{shape.record.__name__}](#{shape.record.__name__.lower()})" + optional
        case Kind.TIME if inside:
            return "time as text" + optional
        case kind:
            return WORDS.get(kind, kind.value.removeprefix("a ")) + optional


def _row(*cells: str) -> str:
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells).rstrip() + " |"


def _code(text: str) -> str:
    return f"`{text}`"


def _kind(subject: type[Subject]) -> str:
    return subject.kind.replace("_", " ")


if __name__ == "__main__":
    for each in map(Path, sys.argv[1:]):
        each.write_text(refreshed(each.read_text(encoding="utf-8")), encoding="utf-8")
