"""Asking for reviews: optional reviewers, each once, ever."""

from __future__ import annotations

from dataclasses import replace

import pytest

from bot.engine.ports import ReviewRequest
from bot.model.findings import Reviewer
from bot.model.results import Verdict
from bot.platforms.azure_devops.publisher import AzureDevOpsPublisher
from bot.sandbox.azure_devops.people import sign_in_name
from tests.platforms.azure_devops.test_ado_publisher import publication, statuses

NOBODY = Reviewer("nobody-at-all")


@pytest.fixture
def ask(reader_for):
    def publish(*candidates: Reviewer, most: int = 2, token: str = "all"):
        reader = reader_for(token)
        made = publication(reader.subject(), Verdict.WAITING, None)
        return AzureDevOpsPublisher(reader.provider).publish(replace(made, ask=ReviewRequest(candidates, most)))

    return publish


def asked(sandbox) -> list[str]:
    part = sandbox.world.repository("acme", "payments").pull_requests[12].part
    return part.requested_reviewers


def test_the_first_are_asked_as_optional_reviewers(ask, sandbox, people):
    done = ask(*people)
    assert asked(sandbox) == ["team:payments-team", "ben", "dee"]
    assert any(f"Asked {people[0]}, {people[1]} for a review." in line for line in done.actions)
    assert done.refused == ()


def test_whoever_was_asked_is_not_asked_again_even_if_taken_off(ask, sandbox, people):
    ask(people[0])
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    pull_request.part = pull_request.part.model_copy(update={"requested_reviewers": []})
    ask(people[0])
    assert asked(sandbox) == []
    ask(people[0], people[1])
    assert asked(sandbox) == ["dee"]


def test_a_group_is_asked(ask, sandbox):
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    pull_request.part = pull_request.part.model_copy(update={"requested_reviewers": []})
    ask(Reviewer("acme/payments-team", is_team=True))
    assert asked(sandbox) == ["team:payments-team"]


def test_whoever_is_a_reviewer_already_is_left_alone(ask, sandbox):
    before = asked(sandbox)
    done = ask(Reviewer(sign_in_name(sandbox.world.people["cid"])), Reviewer("payments-team", is_team=True))
    assert asked(sandbox) == before
    assert not any("Asked" in line for line in done.actions)


def test_who_is_not_to_be_found_is_told(ask, sandbox, people):
    done = ask(NOBODY, people[0])
    assert "nobody-at-all was not asked" in done.refused[0]
    assert asked(sandbox) == ["team:payments-team", "ben"]


def test_a_refusal_does_not_lose_the_status(ask, sandbox, people, break_down):
    break_down(match="PUT .*/reviewers/", kind="status", status=403, body='{"message": "TF401027: no"}')
    done = ask(people[0])
    assert "vso.code_write" in done.refused[0]
    assert [one.state for one in statuses(sandbox)] == ["pending"]


@pytest.fixture
def people(sandbox) -> list[Reviewer]:
    """Three who have nothing to do with the pull request yet, by their unique names."""
    pull_request = sandbox.world.repository("acme", "payments").pull_requests[12]
    pull_request.reviews.clear()
    pull_request.part = pull_request.part.model_copy(update={"requested_reviewers": ["team:payments-team"]})
    return [Reviewer(sign_in_name(sandbox.world.people[login])) for login in ("ben", "dee", "cid")]
