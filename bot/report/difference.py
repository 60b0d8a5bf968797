"""Two runs compared, for ``almguard report diff``: what became worse, what better, and whether that is enough to stop at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from bot.engine.comparing import Changes, counted_findings, tally
from bot.model.json_fields import JsonValue
from bot.model.results import Change, Changed, Enforcement, Run
from bot.report.changes import BETTER, WORSE, changed_document
from bot.report.json_pieces import Items, Object, pieces
from bot.report.json_report import about

SCHEMA = "almguard.changes/v1"
KEPT = 200
"""How many changes of an entry are kept to be shown."""


@dataclass(slots=True)
class OfEntry:
    """What became of one entry: on how many subjects, and the first of them."""

    key: str
    total: int = 0
    kept: list[Changed] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Difference:
    """What changed, in one pass."""

    before: Run
    after: Run
    changes: Changes
    counts: Counter[Change]
    entries: dict[Change, dict[str, OfEntry]]
    blocking: int
    """How many entries that block got worse."""
    lost: int
    """How many entries that block can no longer be decided."""
    caveats: tuple[str, ...]
    """Why a change may be no change of what was judged."""

    def of(self, change: Change) -> list[OfEntry]:
        """The entries with such a change, those with most of it first."""
        return sorted(self.entries.get(change, {}).values(), key=lambda entry: (-entry.total, entry.key))

    @property
    def headline(self) -> str:
        """All of it in one line."""
        said = ", ".join(f"{self.counts[change]} {change}" for change in (*WORSE, *BETTER) if self.counts[change])
        return said or "nothing has changed"


def difference(before: Run, after: Run) -> Difference:
    """Compare two runs, and keep what is shown of it."""
    changes = Changes(before, after)
    entries: dict[Change, dict[str, OfEntry]] = {}
    blocking = lost = 0

    def gone_through() -> Iterator[Changed]:
        nonlocal blocking, lost
        for changed in changes:
            result = changed.after or changed.before
            assert result is not None
            entry = entries.setdefault(changed.change, {}).setdefault(result.key, OfEntry(result.key))
            entry.total += 1
            if len(entry.kept) < KEPT:
                entry.kept.append(changed)
            if result.enforcement is Enforcement.BLOCK:
                blocking += is_worse(changed)
                lost += changed.change is Change.LOST
            yield changed

    counts = tally(gone_through())
    return Difference(before, after, changes, counts, entries, blocking, lost, tuple(_caveats(before, after)))


def is_worse(changed: Changed) -> bool:
    """Whether something fails that did not; of other findings, whether one of them is new."""
    if changed.change is Change.MOVED and changed.before is not None and changed.after is not None:
        return bool(counted_findings(changed.after) - counted_findings(changed.before))
    return changed.change in (Change.BROKE, Change.APPEARED)


def json_pieces(found: Difference) -> Iterator[str]:
    """As JSON, piece by piece."""
    caveats: list[JsonValue] = list(found.caveats)
    yield from pieces(
        Object(
            {
                "schema": SCHEMA,
                "before": about(found.before),
                "after": about(found.after),
                "caveats": caveats,
                "counts": {change.value: found.counts[change] for change in Change},
                "items": Items(map(changed_document, found.changes)),
            }
        )
    )
    yield "\n"


def _caveats(before: Run, after: Run) -> Iterator[str]:
    was, is_ = ({(each.name, each.sha256) for each in run.policies} for run in (before, after))
    if names := sorted({name for name, _ in was ^ is_}):
        yield f"The policies are not the same ({', '.join(names[:6])}{', …' if len(names) > 6 else ''})."
    if before.version != after.version:
        yield f"The first was made by almguard {before.version}, the second by {after.version}."
    if before.targets != after.targets or before.shard != after.shard:
        yield "They are not of the same targets."
    for word, run in (("first", before), ("second", after)):
        if not run.complete:
            yield f"The {word} is incomplete: what it could not read is not compared."
