"""Which of several credentials a request is sent with."""

from __future__ import annotations

from collections import Counter

import pytest
from requests import Request

from bot.engine.ports import PlatformError
from bot.platforms.credentials import Pool, Sight, compare, ordinal

HEADERS = ["token a", "token b", "token c"]


def asked(number: int, body: str | None = None):
    return Request("POST" if body else "GET", f"https://host/{number}", data=body).prepare()


def free(_header: str) -> float:
    return 0.0


def test_an_address_keeps_its_credential_and_all_are_used() -> None:
    pool = Pool(HEADERS, lambda _: None)
    chosen = [pool.choose(asked(number), free) for number in range(300)]
    assert chosen == [Pool(HEADERS, lambda _: None).choose(asked(number), free) for number in range(300)]
    assert all(amount > 60 for amount in Counter(chosen).values())
    assert len({pool.choose(asked(1, f"query {number}"), free) for number in range(30)}) == 3


def test_one_that_has_to_wait_is_left_and_come_back_to() -> None:
    pool = Pool(HEADERS, lambda _: None)
    usual = pool.choose(asked(1), free)
    other = pool.choose(asked(1), lambda header: 60.0 * (header == usual))
    assert other != usual
    assert pool.choose(asked(1), lambda header: 60.0 if header == usual else 90.0) == usual
    assert pool.choose(asked(1), free) == usual
    assert pool.has_other(lambda header: 60.0 * (header == usual))
    assert not pool.has_other(lambda _header: 1.0)


def test_one_that_is_refused_is_told_of_once_and_the_last_one_stays() -> None:
    notices: list[str] = []
    pool = Pool(HEADERS, notices.append)
    assert pool.refuse("token b")
    assert pool.refuse("token b")
    assert notices == ["the 2nd of 3 tokens is refused: it was revoked or has expired; the others go on"]
    assert "token b" not in {pool.choose(asked(number), free) for number in range(50)}
    assert pool.refuse("token a")
    assert not pool.refuse("token c")
    assert pool.choose(asked(1), free) == "token c"


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (Sight("ben", "a token", 5, "x"), r"the 1st \(ana\) sees 8 repositories, the 2nd \(ben\) 5"),
        (Sight("ben", "another", 8, "x"), "the 1st is a token, the 2nd is another"),
        (Sight("ben", "a token", 8, "y"), "sees other repositories"),
    ],
)
def test_what_differs_is_said(other: Sight, words: str) -> None:
    with pytest.raises(PlatformError, match=words):
        compare("TOKENS", "acme", [Sight("ana", "a token", 8, "x"), other])
    compare("TOKENS", "acme", [Sight("ana", "a token", 8, "x"), Sight("ben", "a token", 8, "x")])


def test_ordinals() -> None:
    assert [ordinal(number) for number in (1, 2, 3, 4, 11, 12, 13, 21, 111)] == [
        "1st", "2nd", "3rd", "4th", "11th", "12th", "13th", "21st", "111th",
    ]  # fmt: skip
