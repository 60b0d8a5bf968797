from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from bot.engine.posted import Posted
from bot.engine.racing import LONGEST_RUN, misplaced, overtaken
from bot.model.results import Verdict

AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


def read(seconds: float) -> Posted:
    return Posted(Verdict.PASSED, "0" * 16, "f" * 16, AT + timedelta(seconds=seconds))


EARLY, LATE, LATEST = read(0), read(0.25), read(9)
FOREVER = Posted(Verdict.PASSED, "0" * 16, "f" * 16, AT + LONGEST_RUN + timedelta(seconds=1))


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([], False),
        ([EARLY], False),
        ([EARLY, LATE], False),
        ([LATEST], True),
        ([LATEST, EARLY], True),  # whatever was written last, somebody knows better
        ([LATEST, None], True),  # another run has begun over it
        ([None], False),
        ([read(0.25)], False),
        ([FOREVER], False),  # a clock that is wrong, or a lie: it would stand for ever
    ],
)
def test_what_was_read_later_is_not_written_over(said: list[Posted | None], expected: bool) -> None:
    assert overtaken(LATE, said) is expected


def test_who_does_not_know_when_it_read_overtakes_nobody() -> None:
    assert not overtaken(None, [LATEST])
    assert not misplaced(None, [LATEST, EARLY])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ([LATE], False),
        ([EARLY, LATE], False),
        ([LATEST, LATE], True),  # we wrote over what was read later
        ([LATE, EARLY], True),  # what was read earlier was written over ours
        ([LATE, LATEST], False),
        ([LATEST, LATE, EARLY], True),
        ([LATE, None], False),  # another run judges, and will speak
        ([LATEST, EARLY], False),  # we have said nothing: it is theirs to put right
        ([FOREVER, LATE], False),
        ([], False),
    ],
)
def test_what_is_written_last_is_to_be_what_was_read_last(said: list[Posted | None], expected: bool) -> None:
    assert misplaced(LATE, said) is expected
