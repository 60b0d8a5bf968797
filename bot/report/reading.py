"""A JSON report read back into a run. What is in the file is somebody else's: it is checked, and never trusted."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from bot.model.documents import (
    coverage_from,
    gap_from,
    gate_from,
    policy_from,
    result_from,
    skip_from,
)
from bot.model.facts import UnknownKind
from bot.model.json_fields import (
    Document,
    DocumentError,
    flag,
    maybe_part,
    maybe_text,
    number,
    part,
    parts,
    text,
    texts,
    time,
)
from bot.model.results import Outcome, Result, Run, Spent
from bot.model.subject_documents import subject_from
from bot.model.subjects import Subject
from bot.report.json_report import SCHEMA

Item = TypeVar("Item")


class ReportError(ValueError):
    """A file is no report that can be read; the text says what is wrong, and does not name the file."""


def read_report(content: str) -> Run:
    """The run that a JSON report tells of. Raises ``ReportError``."""
    try:
        return _run(_document(content))
    except DocumentError as error:
        raise ReportError(f"it is no whole report of almguard: {error}") from None
    except RecursionError:
        raise ReportError("it is no report of almguard: it nests too deep") from None


def _document(content: str) -> Document:
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        if content.strip() and not content[error.pos :].strip():
            raise ReportError(f"it is cut off at line {error.lineno}: write it again") from None
        raise ReportError(f"it is no JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except ValueError as error:
        raise ReportError(f"it is no JSON that can be read: {error}") from None
    if not isinstance(document, dict) or "schema" not in document:
        raise ReportError("it is no report of almguard: write one with --output json:FILE")
    if document["schema"] != SCHEMA:
        raise ReportError(f"it is of the schema {str(document['schema'])[:60]!r}, and this reads {SCHEMA}")
    return document


def _run(document: Document) -> Run:
    about = part(document, "run")
    subjects = {subject.id: subject for subject in _each(document, "subjects", subject_from)}
    run = Run(
        id=text(about, "id"),
        command=text(about, "command"),
        version=text(part(document, "tool"), "version"),
        started_at=time(about, "started_at"),
        finished_at=time(about, "finished_at"),
        now=time(about, "now"),
        requests=_requests(part(about, "requests")),
        depth=number(about, "depth"),
        policies=_each(document, "policies", policy_from),
        subjects=tuple(subjects.values()),
        results=_each(document, "results", lambda result: _result(result, subjects)),
        gaps=_each(about, "gaps", gap_from),
        gate=None if (gate := maybe_part(document, "gate")) is None else gate_from(gate),
        notices=texts(document, "notices"),
        coverage=_each(about, "coverage", coverage_from),
        skipped=_each(about, "skipped", skip_from),
        targets=texts(about, "targets"),
        shard=maybe_text(about, "shard"),
        lenient=_kinds(texts(about, "lenient")) if "lenient" in about else frozenset(),
        spent={}
        if (spent := maybe_part(about, "spent")) is None
        else {name: _spent(part(spent, name)) for name in spent},
    )
    if flag(about, "complete") is not run.complete:
        raise DocumentError("'complete' and 'gaps' disagree")
    summary, counted = part(document, "summary"), Counter(result.outcome for result in run.results)
    if len(run.results) != number(summary, "total"):
        raise DocumentError("'results' has not as many as 'summary' says")
    if any(number(part(summary, "outcomes"), outcome) != counted[outcome] for outcome in Outcome):
        raise DocumentError("'results' have other outcomes than 'summary' says")
    return run


def _each(document: Document, field: str, read: Callable[[Document], Item]) -> tuple[Item, ...]:
    """A list, with the number of the item that is wrong."""
    at = -1

    def counted(item: Document) -> Item:
        nonlocal at
        at += 1
        return read(item)

    try:
        return parts(document, field, counted)
    except DocumentError as error:
        raise DocumentError(f"{field}[{at}]: {error}" if at >= 0 else str(error)) from None


def _result(document: Document, subjects: Mapping[str, Subject]) -> Result:
    subject = text(document, "subject")
    if subject not in subjects:
        raise DocumentError(f"its subject {subject[:80]!r} is none of the subjects")
    return result_from(document, subjects[subject])


def _kinds(words: Iterable[str]) -> frozenset[UnknownKind]:
    try:
        return frozenset(map(UnknownKind, words))
    except ValueError as error:
        raise DocumentError(f"'lenient': {error}") from None


def _requests(document: Document) -> dict[str, int]:
    return {name: number(document, name) for name in document}


def _spent(document: Document) -> Spent:
    return Spent(*(number(document, name) for name in ("requests", "not_modified", "graphql", "points")))
