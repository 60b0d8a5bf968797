"""What the page tells of earlier runs: how many entries failed in each, and what has changed since the last."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from bot.model.results import Change, Changed, Outcome, Run
from bot.report.changes import BETTER, MEANINGS, WORSE
from bot.report.difference_pages import why
from bot.report.overview import overview
from bot.report.sanitize import log_line

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 720, 180, 48, 12, 24
"""Of the drawing and of its margins, in its own units."""
DRAWN = ((Outcome.FAIL, "blocks"), (Outcome.ERROR, "error"), (Outcome.UNKNOWN, "unknown"))
"""What is drawn of a run, from the bottom up, and in which colour."""
LISTED = 200


@dataclass(frozen=True, slots=True)
class Point:
    """A run of the trend."""

    day: str
    moment: str
    repositories: int
    amounts: dict[str, int]
    """By outcome."""
    waived: int
    requests: int
    complete: bool
    x: float
    width: float
    pieces: tuple[tuple[str, str, int, float, float], ...]
    """Colour, word, amount, where it begins and how high it is."""


@dataclass(frozen=True, slots=True)
class Trend:
    """Runs of the same targets, the oldest first."""

    points: tuple[Point, ...]
    most: int
    """The highest bar."""
    said: str
    """For who does not see the drawing."""
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    top: int = TOP
    base: int = HEIGHT - BOTTOM


@dataclass(frozen=True, slots=True)
class Since:
    """What has changed."""

    day: str
    counts: tuple[tuple[str, int, str], ...]
    """Word, amount, meaning."""
    filters: tuple[tuple[str, str, int], ...]
    """Name, title and amount of what the list can be narrowed to."""
    rows: tuple[tuple[str, str, str, str], ...]
    """Word, entry, subject, why."""
    more: int


FILTERS = (
    ("new", "New", (Change.BROKE, Change.APPEARED, Change.MOVED)),
    ("fixed", "Fixed", (Change.FIXED,)),
    ("lost", "Lost", (Change.LOST,)),
)
"""What the list of repositories is narrowed to; the page's script knows them by their names."""


def trend(run: Run) -> Trend | None:
    """Earlier runs and this one; None: there is none before."""
    if not run.history:
        return None
    seen = overview(run)
    now = {outcome: seen.amount(outcome) for outcome in Outcome} | {Outcome.FAIL: seen.counting[Outcome.FAIL]}
    told = [
        (each.started_at, each.judged, each.outcomes, each.waived, each.requests, each.complete) for each in run.history
    ]
    told.append((run.started_at, len(seen.table.rows), now, seen.waived, run.requests, run.complete))
    most = max(1, *(sum(outcomes.get(outcome, 0) for outcome, _ in DRAWN) for _, _, outcomes, *_ in told))
    step = (WIDTH - LEFT) / len(told)
    points = []
    for at, (moment, judged, outcomes, waived, requests, complete) in enumerate(told):
        amounts = {outcome.value: outcomes.get(outcome, 0) for outcome in Outcome}
        points.append(
            Point(
                _day(moment), f"{moment:%Y-%m-%d %H:%M}", judged, amounts, waived, sum(requests.values()), complete,
                round(LEFT + at * step + step * 0.1, 1), round(step * 0.8, 1), tuple(_pieces(amounts, most)),
            )
        )  # fmt: skip
    first, last = points[0], points[-1]
    said = (
        f"From {first.day} to {last.day}: {first.amounts['fail']} failing became {last.amounts['fail']}, "
        f"{_open(first)} not decided became {_open(last)}."
    )
    return Trend(tuple(points), most, said)


def _open(point: Point) -> int:
    return point.amounts["unknown"] + point.amounts["error"]


def _pieces(amounts: dict[str, int], most: int) -> Iterator[tuple[str, str, int, float, float]]:
    room = HEIGHT - TOP - BOTTOM
    y = float(HEIGHT - BOTTOM)
    for outcome, colour in DRAWN:
        if amount := amounts[outcome.value]:
            high = room * amount / most
            y -= high
            yield colour, outcome.value, amount, round(y, 1), round(high, 1)


def since(run: Run) -> Since | None:
    """What has changed since the run before; None: there is none."""
    if run.changes is None:
        return None
    counts: Counter[Change] = Counter()
    kept: dict[Change, list[Changed]] = {change: [] for change in Change}
    for changed in run.changes:
        counts[changed.change] += 1
        if len(kept[changed.change]) < LISTED:
            kept[changed.change].append(changed)
    order = (*WORSE, *BETTER)
    listed = [changed for change in order for changed in kept[change]][:LISTED]
    return Since(
        day=_day(run.history[-1].started_at) if run.history else "the last run",
        counts=tuple((change.value, counts[change], MEANINGS[change]) for change in order if counts[change]),
        filters=tuple((name, title, sum(counts[one] for one in some)) for name, title, some in FILTERS),
        rows=tuple(_row(changed) for changed in listed),
        more=sum(counts.values()) - len(listed),
    )


def _row(changed: Changed) -> tuple[str, str, str, str]:
    result = changed.after or changed.before
    assert result is not None
    return changed.change.value, log_line(result.key), log_line(result.subject.name), log_line(why(changed), 300)


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
