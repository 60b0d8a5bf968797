"""The way of a gate: resolve, configure, load, publish; and what it may cost."""

from __future__ import annotations

import pytest

from bot.engine.loading import Needs, load
from bot.engine.ports import Known, PlatformError, Publication
from bot.engine.targets import parse
from bot.model.facts import FactRequest, Loaded, UnknownKind
from bot.model.facts.change import (
    ChangedFiles,
    Checks,
    CodeOwners,
    Commits,
    FormerCommits,
    LinkedWorkItems,
    Pushes,
    ReviewerPermissions,
    Reviews,
    TeamMembers,
    TeamSpec,
)
from bot.model.facts.pipelines import FileContents, PathSpec, Pipelines
from bot.model.results import Verdict
from bot.model.subjects import PullRequest
from bot.platforms.github.publisher import LONGEST, marker

from .conftest import ACTIONS, APP, NOTHING, PAT, READER, House, read, value

GATE = [
    FactRequest(fact)
    for fact in (
        Reviews,
        Commits,
        Pushes,
        ChangedFiles,
        LinkedWorkItems,
        Checks,
        ReviewerPermissions,
        FormerCommits,
        CodeOwners,
        Pipelines,
    )
] + [
    FactRequest(TeamMembers, TeamSpec(frozenset({"acme/payments-team"}))),
    FactRequest(FileContents, PathSpec(frozenset({"Makefile", "README.md"}))),
]


def publication(
    subject: PullRequest, verdict: Verdict = Verdict.BLOCKED, comment: str | None = "No **good**"
) -> Publication:
    return Publication(
        subject, "almguard", verdict, f"{verdict}: a rule", f"# {verdict}", comment, "https://ci.example/1"
    )


def pull_request(house: House, provider, number: int = 12) -> PullRequest:
    subject = provider.resolve(parse(f"github:acme/payments#{number}"))
    assert isinstance(subject, PullRequest)
    return subject


SIMPLE = {
    "people": {"ana": {}, "ben": {}},
    "repositories": [
        {
            "name": "app",
            "permissions": {"ana": "write", "ben": "write"},
            "files": {
                "a.txt": "1",
                ".github/almguard.yml": "x: 1",
                ".github/workflows/ci.yml": "on: pull_request\njobs: {a: {steps: []}}",
            },
            "pull_requests": [
                {"number": 2, "title": "Change", "author": "ana", "body": "Fixes #7", "checks": [{"name": "a"}],
                 "reviews": [{"by": "ben"}]},
            ],
        }
    ],
    "work_items": [{"id": 7, "repository": "app"}],
    "teams": {"team": {"members": ["ben"]}},
}  # fmt: skip


def test_a_gate_takes_eight_requests_and_four_round_trips_at_most(build) -> None:
    house = build(SIMPLE)
    provider = house.provider("sandbox-token")
    subject = provider.resolve(parse("github:acme/app#2"))
    assert provider.configuration(subject, (".github/almguard.yml", "almguard.yml")) is not None
    needs, known = Needs(), Known()
    for request in GATE:
        needs.add(request, [subject])
    assert load(needs, provider, known) == ()
    assert all(isinstance(answer, Loaded) for answer in known.answers.values())
    house.publisher(provider).publish(publication(subject))
    assert provider.requests() == len(house.ledger()), house.lines()
    assert provider.requests() <= 8, house.lines()
    assert provider.round_trips() <= 4, house.lines()


def test_publishing_twice_leaves_one_check_and_one_comment(house: House) -> None:
    for verdict in (Verdict.BLOCKED, Verdict.WAITING, Verdict.PASSED):
        provider = house.provider()
        house.publisher(provider).publish(publication(pull_request(house, provider), verdict, f"It is {verdict}"))
    state = house.state()
    runs = [run for run in state["check_runs"] if run["name"] == "almguard"]
    assert [(run["status"], run["conclusion"]) for run in runs] == [("completed", "success")]
    assert [one["body"] for one in state["issue_comments"]] == [f"{marker('almguard')}\nIt is passed"]


def test_publishing_twice_in_one_run(house: House) -> None:
    provider = house.provider()
    subject = pull_request(house, provider)
    publisher = house.publisher(provider)
    list(provider.load({FactRequest(Checks): [subject]}, Known()))
    publisher.publish(publication(subject, Verdict.WAITING))
    publisher.publish(publication(subject, Verdict.BLOCKED, "Other"))
    state = house.state()
    assert [run["conclusion"] for run in state["check_runs"] if run["name"] == "almguard"] == ["failure"]
    assert len(state["issue_comments"]) == 1


@pytest.mark.parametrize(
    ("verdict", "status", "conclusion"),
    [
        (Verdict.PASSED, "completed", "success"),
        (Verdict.WAITING, "in_progress", None),
        (Verdict.BLOCKED, "completed", "failure"),
        (Verdict.INCONCLUSIVE, "completed", "action_required"),
        (Verdict.EMPTY, "completed", "failure"),
    ],
)
def test_each_verdict_has_a_conclusion(house: House, verdict: Verdict, status: str, conclusion: str | None) -> None:
    provider = house.provider(ACTIONS)
    done = house.publisher(provider).publish(publication(pull_request(house, provider), verdict, None))
    runs = [run for run in house.state()["check_runs"] if run["name"] == "almguard"]
    assert [(run["status"], run["conclusion"]) for run in runs] == [(status, conclusion)]
    assert len(done.actions) == 1
    assert house.state()["issue_comments"] == []


def test_no_comment_settles_the_one_there_is(house: House) -> None:
    for comment in ("Wrong", None, None):
        provider = house.provider()
        house.publisher(provider).publish(publication(pull_request(house, provider), Verdict.PASSED, comment))
    comments = house.state()["issue_comments"]
    assert len(comments) == 1
    assert "Nothing is left to do" in comments[0]["body"]


def test_only_own_comments_are_touched_and_doubles_deleted(house: House) -> None:
    sign = marker("almguard")
    for token, body in ((PAT, f"{sign} somebody else's"), (APP, f"{sign} one"), (APP, f"{sign} two"), (APP, "a word")):
        house.provider(token).client.rest("POST", "/repos/acme/payments/issues/12/comments", body={"body": body})
    provider = house.provider()
    house.publisher(provider).publish(publication(pull_request(house, provider)))
    bodies = [one["body"] for one in house.state()["issue_comments"]]
    assert bodies == [f"{sign} somebody else's", f"{sign}\nNo **good**", "a word"]


def test_a_personal_token_posts_a_status(house: House) -> None:
    provider = house.provider(PAT)
    done = house.publisher(provider).publish(publication(pull_request(house, provider), Verdict.INCONCLUSIVE))
    assert any("commit status" in line for line in done.actions)
    statuses = house.state()["statuses"]
    assert [(one["context"], one["state"]) for one in statuses] == [("almguard", "error")]


def test_a_token_that_may_not_write_is_told_what_it_lacks(house: House) -> None:
    provider = house.provider(READER)
    with pytest.raises(PlatformError, match="checks: write, or commit statuses: write") as raised:
        house.publisher(provider).publish(publication(pull_request(house, provider)))
    assert raised.value.kind is UnknownKind.SCOPE


def test_long_texts_are_cut(house: House) -> None:
    provider = house.provider()
    subject = pull_request(house, provider)
    long = "ä" * 70_000
    house.publisher(provider).publish(Publication(subject, "almguard", Verdict.BLOCKED, long, long, long))
    state = house.state()
    assert len(state["issue_comments"][0]["body"]) == LONGEST
    summary = next(run for run in state["check_runs"] if run["name"] == "almguard")["summary"]
    assert len(summary) == LONGEST
    assert summary.endswith("no longer text)")


def test_a_configuration_that_cannot_be_read_is_not_missing(house: House) -> None:
    provider = house.provider(NOTHING)
    subject = provider.resolve(parse("github:acme/payments"))
    with pytest.raises(PlatformError, match="contents: read") as raised:
        provider.configuration(subject, ("almguard.yml",))
    assert raised.value.kind is UnknownKind.SCOPE


def test_a_missing_configuration_is_none(house: House) -> None:
    provider = house.provider()
    subject = provider.resolve(parse("github:acme/open"))
    assert provider.configuration(subject, (".github/almguard.yml", "almguard.yml")) is None
    found = provider.configuration(provider.resolve(parse("github:acme/payments#12")), ("README.md",))
    assert found is not None
    assert found.text == "# Payments\n"


def test_a_rebase_is_proven_only_where_an_approval_hangs_on_it(house: House) -> None:
    provider = house.provider()
    subject = provider.resolve(parse("github:acme/payments#12"))
    read(provider, subject, Reviews, Commits)
    before = provider.requests()
    found = value(provider, subject, FormerCommits)
    assert found == FormerCommits()
    assert provider.requests() == before + 1, "the reviews and commits, which it builds on, and nothing else"
