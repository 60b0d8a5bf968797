"""Enforcement that changes on a day."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.results import Enforcement
from bot.policy.schedule import Schedule, Step, at_least, mistake

RAISED = Schedule(
    (
        Step(Enforcement.AUDIT),
        Step(Enforcement.WARN, date(2026, 12, 1)),
        Step(Enforcement.BLOCK, date(2027, 1, 15)),
    )
)

DAYS = st.dates(date(2026, 1, 1), date(2027, 12, 31))


@st.composite
def schedules(draw: st.DrawFn) -> Schedule:
    days = sorted(draw(st.sets(DAYS, max_size=3)))
    words = draw(st.lists(st.sampled_from(Enforcement), min_size=len(days) + 1, max_size=len(days) + 1))
    return Schedule(tuple(Step(word, day) for word, day in zip(words, [None, *days], strict=True)))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-30T23:59:59+00:00", "audit"),
        ("2026-12-01T00:00:00+00:00", "warn"),
        ("2026-12-01T00:30:00+01:00", "audit"),
        ("2027-01-14T23:59:59+00:00", "warn"),
        ("2027-01-15T00:00:00+00:00", "block"),
        ("2030-01-01T00:00:00+00:00", "block"),
    ],
)
def test_a_step_begins_at_midnight_utc(moment: str, expected: str) -> None:
    assert RAISED.at(datetime.fromisoformat(moment)) is Enforcement(expected)


def test_the_next_step_is_the_one_that_has_not_begun() -> None:
    assert RAISED.next(datetime(2026, 12, 1, tzinfo=UTC)) == Step(Enforcement.BLOCK, date(2027, 1, 15))
    assert RAISED.next(datetime(2027, 1, 15, tzinfo=UTC)) is None


@pytest.mark.parametrize(
    ("steps", "index", "words"),
    [
        ([(Enforcement.AUDIT, date(2026, 1, 1))], 0, "write {audit}"),
        ([(Enforcement.AUDIT, None), (Enforcement.BLOCK, None)], 1, "needs the day on which it begins"),
        (
            [(Enforcement.AUDIT, None), (Enforcement.WARN, date(2026, 2, 1)), (Enforcement.BLOCK, date(2026, 2, 1))],
            2,
            "2026-02-01 does not come after 2026-02-01",
        ),
    ],
)
def test_a_list_of_steps_that_means_nothing(
    steps: list[tuple[Enforcement, date | None]], index: int, words: str
) -> None:
    wrong = mistake(steps)
    assert wrong is not None
    assert wrong[0] == index
    assert words in wrong[1]


@given(schedules(), schedules(), DAYS)
def test_one_covers_another_where_it_is_as_strict_on_every_day(one: Schedule, other: Schedule, day: date) -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(740)]
    assert one.covers(other) is all(at_least(one.on(each), other.on(each)) for each in [date.min, *days])
    assert one.covers(one)
    if one.covers(other):
        assert at_least(one.on(day), other.on(day))
