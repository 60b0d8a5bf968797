"""Asking for reviews: each once, ever, and no more than are wanted."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import requests

from bot.engine.ports import Published, ReviewRequest
from bot.model.findings import Reviewer
from bot.model.results import Verdict

from .conftest import APP, READER, House
from .test_gate import publication, pull_request

ANA, BEN, CARA, NOBODY = Reviewer("ana"), Reviewer("ben"), Reviewer("cara"), Reviewer("nobody")
TEAM = Reviewer("acme/payments-team", is_team=True)
FOREIGN = Reviewer("other/payments-team", is_team=True)
MAIL = Reviewer("ben@example.com")


def ask(house: House, *candidates: Reviewer, most: int = 2, token: str | None = None, number: int = 14) -> Published:
    provider = house.provider(token) if token else house.provider()
    subject = pull_request(house, provider, number)
    made = publication(subject, Verdict.WAITING, None)
    return house.publisher(provider).publish(replace(made, ask=ReviewRequest(candidates, most)))


def asked(house: House, number: int = 14) -> list[str]:
    return next(one["requested_reviewers"] for one in house.state()["pull_requests"] if one["number"] == number)


@pytest.fixture
def house(build: Any) -> House:
    from .conftest import WORLD

    payments = WORLD["repositories"][0]
    fourteen = {"number": 14, "title": "Ask", "author": "ana", "source": "ask"}
    return build({**WORLD, "repositories": [{**payments, "pull_requests": [*payments["pull_requests"], fourteen]}]})


def test_the_first_are_asked_people_and_teams_alike(house: House) -> None:
    done = ask(house, CARA, TEAM, BEN)
    assert asked(house) == ["cara", "team:payments-team"]
    assert "asked cara, team acme/payments-team for a review" in done.actions
    assert done.refused == ()


def test_whoever_was_asked_is_not_asked_again_even_if_taken_back(house: House) -> None:
    ask(house, CARA, TEAM)
    address = f"{house.sandbox.github_api}/repos/acme/payments/pulls/14/requested_reviewers"
    body = {"reviewers": ["cara"], "team_reviewers": ["payments-team"]}
    requests.delete(address, json=body, headers={"Authorization": f"Bearer {APP}"}, timeout=10).raise_for_status()
    assert asked(house) == []
    assert ask(house, CARA, TEAM).actions == ask(house, CARA, TEAM, most=5).actions
    assert asked(house) == []
    ask(house, CARA, TEAM, BEN)
    assert asked(house) == ["ben"]


def test_who_cannot_be_asked_keeps_nobody_else_from_being_asked(house: House) -> None:
    done = ask(house, FOREIGN, MAIL, NOBODY, CARA)
    assert asked(house) == ["cara"]
    (told,) = done.refused
    assert "nobody was not asked for a review of acme/payments#14: Reviews may only be requested from" in told
    assert any("posted the check" in line for line in done.actions)


def test_the_author_is_refused_by_the_platform_and_told(house: House) -> None:
    assert "pull request author" in ask(house, ANA).refused[0]
    assert asked(house) == []


def test_a_refusal_does_not_lose_the_check(house: House) -> None:
    house.fault(kind="status", match="POST .*/requested_reviewers", status=403)
    done = ask(house, CARA)
    assert "pull requests: write" in done.refused[0]
    assert any("posted the check" in line for line in done.actions)
    house.fault(kind="status", match="GET .*/events", status=500, times=None)
    assert "Nobody was asked" in ask(house, CARA).refused[0]


def test_nobody_is_looked_up_where_nobody_is_to_be_asked(house: House) -> None:
    provider = house.provider(READER)
    with pytest.raises(Exception, match="could not be posted"):
        house.publisher(provider).publish(publication(pull_request(house, provider, 14), Verdict.WAITING, None))
    assert not [line for line in house.lines() if "/events" in line]
