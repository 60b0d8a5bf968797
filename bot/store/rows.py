"""What a run holds as rows, and back."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from sqlalchemy import Row

from bot.engine.reach import reach
from bot.model.documents import result_document, result_from
from bot.model.facts import UnknownKind
from bot.model.json_fields import JsonValue
from bot.model.results import AppliedWaiver, Gap, Member, Result, Skip
from bot.model.subject_documents import subject_document, subject_from
from bot.model.subjects import Repository, Subject
from bot.policy.baseline import fingerprint

Cells = dict[str, Any]

_BLANK: dict[str, JsonValue] = {
    "title": "",
    "unknowns": [],
    "reason": "",
    "findings": [],
    "evidence": [],
    "conditions": [],
    "waiver": None,
    "tree": None,
}
"""What a result's document has where there is nothing to say: it is not kept."""

_DERIVED = ("unknown", "awaiting", "baseline", "subject")
"""What follows from the rest of it."""


def plain(text: str) -> str:
    """A text as every database takes it: without NUL, and without halves of characters. Documents are kept as they were."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode()


def subject_row(run: int, subject: Subject) -> Cells:
    """A subject; its owner is the repository that it belongs to, or itself."""
    owner = reach(subject, Repository) or subject
    return {
        "run": run,
        "id": plain(subject.id),
        "kind": subject.kind,
        "name": plain(subject.name),
        "platform": subject.platform.value,
        "url": plain(subject.url),
        "owner": plain(owner.id),
        "document": _json(subject_document(subject)),
    }


def subject_of(row: Row[Any]) -> Subject:
    """The subject that was kept."""
    return subject_from(json.loads(row.document))


def result_row(run: int, batch: int, position: int, result: Result) -> Cells:
    """A result. Its document has only what the other columns do not tell."""
    told: Cells = {
        "key": result.key,
        "policy": result.policy,
        "rule": result.rule,
        "outcome": result.outcome.value,
        "enforcement": result.enforcement.value,
        "severity": result.severity.value,
    }
    columns = {name: plain(value) for name, value in told.items()}
    known: dict[str, JsonValue] = {**_BLANK, **columns}
    document = {
        name: value
        for name, value in result_document(result).items()
        if name not in _DERIVED and (name not in known or value != known[name])
    }
    return {
        "run": run,
        "subject": plain(result.subject.id),
        **columns,
        "batch": batch,
        "position": position,
        "awaiting": result.awaiting,
        "waived": result.waiver is not None,
        "waived_within": result.waived_within,
        "baseline": result.baseline,
        "document": _json(document),
    }


def result_of(row: Row[Any], subject: Subject) -> Result:
    """The result that was kept."""
    columns = {name: getattr(row, name) for name in ("key", "policy", "rule", "outcome", "enforcement", "severity")}
    return result_from({**_BLANK, **columns, **json.loads(row.document)}, subject)


def finding_rows(run: int, batch: int, position: int, result: Result) -> Iterator[Cells]:
    """The findings of a result, each with what tells it from others for as long as it is there."""
    for at, finding in enumerate(result.findings):
        mark = result.fingerprints[at] if result.fingerprints else fingerprint(result.key, result.subject.id, finding)
        place = finding.location
        yield {
            **_place(run, batch, position, result),
            "finding": at,
            "fingerprint": mark,
            "severity": result.severity.value,
            "enforcement": result.enforcement.value,
            "awaiting": finding.awaiting,
            "excused": result.waiver is not None or mark in result.known,
            "message": plain(finding.message),
            "path": None if place is None else plain(place.path),
            "line": None if place is None else place.line,
        }


def waiver_rows(run: int, batch: int, position: int, result: Result) -> Iterator[Cells]:
    """The waivers that cover a result, or a member of it."""
    for at, (entry, waiver) in enumerate(_waivers(result)):
        yield {
            **_place(run, batch, position, result),
            "waiver": at,
            "entry": plain(entry),
            "reason": plain(waiver.reason),
            "owner": plain(waiver.owner),
            "approver": plain(waiver.approver),
            "expires": waiver.expires.isoformat(),
            "ticket": plain(waiver.ticket),
            "source": plain(waiver.source),
        }


def gap_rows(run: int, batch: int, gaps: Sequence[Gap]) -> list[Cells]:
    """What could not be read."""
    return [
        {
            "run": run,
            "batch": batch,
            "position": at,
            "subject": plain(gap.subject),
            "name": plain(gap.name),
            "fact": plain(gap.fact),
            "kind": gap.kind.value,
            "reason": plain(gap.reason),
        }
        for at, gap in enumerate(gaps)
    ]


def gap_of(row: Row[Any]) -> Gap:
    """The gap that was kept."""
    return Gap(row.subject, row.name, row.fact, UnknownKind(row.kind), row.reason)


def skip_rows(run: int, skipped: Sequence[Skip]) -> list[Cells]:
    """What was left out."""
    return [
        {
            "run": run,
            "position": at,
            "subject": plain(skip.subject),
            "name": plain(skip.name),
            "reason": plain(skip.reason),
        }
        for at, skip in enumerate(skipped)
    ]


def skip_of(row: Row[Any]) -> Skip:
    """The skip that was kept."""
    return Skip(row.subject, row.name, row.reason)


def _place(run: int, batch: int, position: int, result: Result) -> Cells:
    return {
        "run": run,
        "subject": plain(result.subject.id),
        "key": plain(result.key),
        "batch": batch,
        "position": position,
    }


def _waivers(judged: Result | Member) -> Iterable[tuple[str, AppliedWaiver]]:
    if judged.waiver is not None:
        yield judged.key, judged.waiver
    for member in judged.members:
        yield from _waivers(member)


def _json(document: dict[str, JsonValue]) -> str:
    """In ASCII, so that every text can be kept."""
    return json.dumps(document, separators=(",", ":"))
