from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from bot.engine.posted import Posted, read_posted
from bot.model.results import Verdict

AT = datetime(2026, 11, 2, 9, 30, 15, tzinfo=UTC)
POSTED = Posted(Verdict.WAITING, "0123456789abcdef", "f" * 16, AT)


@pytest.mark.parametrize("verdict", Verdict)
def test_what_was_kept_is_read_back(verdict: Verdict) -> None:
    one = replace(POSTED, verdict=verdict)
    assert read_posted(str(one)) == one
    assert len(str(one)) < 100


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ci:1",
        "waiting",
        str(POSTED) + "x",
        str(POSTED).replace("waiting", "delighted"),
        str(POSTED).replace("20261102T", "20261302T"),
        str(POSTED).replace("0123", "0xyz"),
    ],
)
def test_another_text_is_none_of_ours(text: str) -> None:
    assert read_posted(text) is None


def test_time_alone_says_nothing_new() -> None:
    assert POSTED.says_as(replace(POSTED, read_at=AT + timedelta(days=1)))
    assert not POSTED.says_as(None)
    for other in (
        replace(POSTED, verdict=Verdict.PASSED),
        replace(POSTED, facts_digest="0" * 16),
        replace(POSTED, policy_digest="0" * 16),
    ):
        assert not POSTED.says_as(other)
