from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from bot.engine.ports import ReviewRequest
from bot.engine.review_requests import review_request
from bot.model.findings import Finding, Reviewer, ReviewWanted, Severity
from bot.model.people import Person
from bot.model.results import AppliedWaiver, Enforcement, Gate, Outcome, Result, Verdict
from bot.model.subjects import Organization, Platform, PullRequest, Repository

NOW = datetime(2027, 1, 15, tzinfo=UTC)
ACME = Organization("h/organization/1", "acme", Platform.GITHUB, "")
PAY = Repository(
    "h/repository/1", "acme/pay", Platform.GITHUB, "", organization=ACME, short_name="pay", default_branch="main"
)
CHANGE = PullRequest(
    "h/pull_request/1", "acme/pay#1", Platform.GITHUB, "", base=PAY.branch("main"), number=1, title="", body="",
    author=Person("h/user/1", "ana"), head_sha="a" * 40, base_sha="b" * 40, source_branch="x", created_at=NOW,
)  # fmt: skip
BEN, CARA, TEAM = Reviewer("ben"), Reviewer("cara"), Reviewer("acme/team", is_team=True)


def gate(verdict: Verdict = Verdict.WAITING, **changes: object) -> Gate:
    return Gate(replace(CHANGE, **changes), verdict, "p", "f")  # type: ignore[arg-type]


def missing(*candidates: Reviewer, asked: int = 0, awaiting: bool = True, **changes: object) -> Result:
    finding = Finding("1 missing.", "Ask.", awaiting=awaiting, review=ReviewWanted(candidates, asked))
    made = Result("p/approvals", "p", "approvals", CHANGE, Outcome.FAIL, Enforcement.BLOCK, Severity.HIGH, (finding,))
    return replace(made, **changes)  # type: ignore[arg-type]


def test_those_who_can_approve_are_asked_each_once() -> None:
    found = review_request(gate(), [missing(BEN, TEAM), missing(TEAM, CARA)], 2)
    assert found == ReviewRequest((BEN, TEAM, CARA), 2)


def test_those_who_have_yet_to_answer_count() -> None:
    assert review_request(gate(), [missing(BEN, asked=2), missing(CARA)], 3) == ReviewRequest((BEN, CARA), 1)
    assert review_request(gate(), [missing(BEN, asked=3)], 3) is None


@pytest.mark.parametrize("verdict", [one for one in Verdict if one is not Verdict.WAITING])
def test_nobody_is_asked_before_it_is_their_turn(verdict: Verdict) -> None:
    assert review_request(gate(verdict), [missing(BEN)], 2) is None


def test_nobody_is_asked_about_a_draft_or_without_the_setting() -> None:
    assert review_request(gate(draft=True), [missing(BEN)], 2) is None
    assert review_request(gate(), [missing(BEN)], 0) is None


def test_nobody_is_asked_for_what_does_not_count() -> None:
    waiver = AppliedWaiver("r", "o", "a", NOW.date())
    results = [
        missing(BEN, enforcement=Enforcement.AUDIT),
        missing(BEN, waiver=waiver),
        missing(BEN, awaiting=False),
        missing(BEN, outcome=Outcome.UNKNOWN),
        missing(BEN, subject=PAY),
        missing(BEN, fingerprints=("x",), known=frozenset({"x"})),
    ]
    assert review_request(gate(), results, 2) is None
