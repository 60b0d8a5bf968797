"""From results to one verdict, and from a verdict to an exit code."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum

from bot.engine.ports import Known
from bot.engine.posted import DIGEST_LENGTH, Posted
from bot.engine.reach import reach
from bot.model.facts import Loaded, UnknownKind
from bot.model.results import Enforcement, Gate, Outcome, Result, Verdict
from bot.model.subjects import Branch, Organization, Repository, Subject

OnUnknown = Mapping[UnknownKind, str]
"""By the kind of unknown, ``block`` or ``warn``; what is not named blocks."""

EXIT_CODES = {
    Verdict.PASSED: 0,
    Verdict.BLOCKED: 1,
    Verdict.INCONCLUSIVE: 3,
    Verdict.EMPTY: 4,
    Verdict.WAITING: 5,
}
USAGE = 2
"""The exit code of everything that is no verdict: wrong usage, a policy that does not load, Ctrl-C, a crash."""


def decide(results: Iterable[Result], on_unknown: OnUnknown) -> Verdict:
    """The verdict on one subject, from all its results.

    A blocking fail blocks, or waits when time or people can cure every one; else a blocking unknown or error is
    inconclusive, unless ``on_unknown`` of each of its kinds says ``warn``; no result at all is empty. What a waiver covers
    counts as a pass, and so does a fail whose every finding is in the baseline, as far as nothing beside it is unknown.
    """
    verdicts: set[Verdict] = set()
    empty = True
    for result in results:
        empty = False
        if result.enforcement is not Enforcement.BLOCK or (result.excused and not result.half_known):
            continue
        if result.outcome is Outcome.FAIL and not result.excused:
            verdicts.add(Verdict.WAITING if result.awaiting else Verdict.BLOCKED)
        elif _inconclusive(result, on_unknown):
            verdicts.add(Verdict.INCONCLUSIVE)
    if empty:
        return Verdict.EMPTY
    order = (Verdict.BLOCKED, Verdict.WAITING, Verdict.INCONCLUSIVE)
    return next((verdict for verdict in order if verdict in verdicts), Verdict.PASSED)


def _inconclusive(result: Result, on_unknown: OnUnknown) -> bool:
    if result.outcome is Outcome.ERROR:
        return True
    if result.outcome is not Outcome.UNKNOWN and not result.half_known:
        return False
    return not result.unknown or any(on_unknown.get(u.kind, "block") == "block" for u in result.unknown)


def note(results: Sequence[Result]) -> str:
    """What to say beside the verdict when nothing was really judged."""
    if results and all(result.outcome is Outcome.NOT_APPLICABLE for result in results):
        reasons = sorted({result.reason for result in results if result.reason})
        return "no rule applied: " + "; ".join(reasons) if reasons else "no rule applied"
    return ""


def facts_digest(known: Known, subject: Subject | None = None) -> str:
    """A digest of the facts a verdict rests on: equal facts, whenever read, give an equal digest.

    With a subject, of what it is itself and of the facts about it and what it belongs to: others that were judged in the same
    run change nothing.
    """
    holders = (
        None
        if subject is None
        else {
            holder.id for kind in (type(subject), Branch, Repository, Organization) if (holder := reach(subject, kind))
        }
    )
    values = {
        f"{kind.name} {about}": _plain(answer.value if isinstance(answer, Loaded) else answer)
        for (kind, about), answer in known.answers.items()
        if holders is None or about in holders
    }
    return digest([json.dumps([_plain(subject), values], sort_keys=True)])


_RESTLESS = frozenset({"base_sha", "iteration", "pushed_at", "url"})
"""What changes about a subject while nothing of it did: each push to the base, or to another branch."""


def to_post(decisive: Gate, gates: Sequence[Gate], results: Iterable[Result], read_at: datetime) -> Posted:
    """What is to be kept with a check that tells the decisive verdict of some pull requests of one commit."""
    ids = {gate.target.id for gate in gates}
    outcomes = sorted(
        f"{result.subject.id} {result.key} {result.enforcement.value} {result.outcome.value} {len(result.findings)} "
        f"{result.waiver is not None}"
        for result in results
        if result.subject.id in ids
    )
    return Posted(
        decisive.verdict,
        digest([*sorted(gate.facts_digest for gate in gates), *outcomes])[:DIGEST_LENGTH],
        digest(sorted({gate.policy_digest for gate in gates}))[:DIGEST_LENGTH],
        read_at.astimezone(UTC),
    )


def digest(texts: Iterable[str]) -> str:
    """SHA-256 over texts, in order."""
    total = hashlib.sha256()
    for text in texts:
        total.update(hashlib.sha256(text.encode()).digest())
    return total.hexdigest()


def _plain(value: object) -> object:
    """A value as JSON has it; sets in order."""
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, datetime):
        return value.isoformat()
    if is_dataclass(value) and not isinstance(value, type):
        left_out = _RESTLESS if isinstance(value, Subject) else frozenset()
        return {one.name: _plain(getattr(value, one.name)) for one in fields(value) if one.name not in left_out}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=str)
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
