"""The way of a gate: resolve, configure, load, publish; and what it may cost."""

from __future__ import annotations

from dataclasses import replace

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
        subject, "almguard", verdict, f"{verdict}: a rule", f"# {verdict}", comment, details_url="https://ci.example/1"
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


def test_no_comment_leaves_the_one_there_is_alone(house: House) -> None:
    for verdict, comment in ((Verdict.BLOCKED, "Wrong"), (Verdict.PASSED, None), (Verdict.WAITING, None)):
        provider = house.provider()
        house.publisher(provider).publish(publication(pull_request(house, provider), verdict, comment))
    assert [one["body"] for one in house.state()["issue_comments"]] == [f"{marker('almguard')}\nWrong"]


def test_a_comment_is_brought_up_to_date_but_not_begun_where_that_is_not_wanted(house: House) -> None:
    def publish(words: str, create: bool) -> list[str]:
        provider = house.provider()
        one = replace(publication(pull_request(house, provider), Verdict.PASSED, words), create_comment=create)
        house.publisher(provider).publish(one)
        return [each["body"] for each in house.state()["issue_comments"]]

    sign = marker("almguard")
    assert publish("Quiet", create=False) == []
    assert publish("Loud", create=True) == [f"{sign}\nLoud"]
    assert publish("Now it is well", create=False) == [f"{sign}\nNow it is well"]


def runs_of(house: House) -> list[tuple[str, str, str | None]]:
    runs = [run for run in house.state()["check_runs"] if run["name"] == "almguard"]
    return [(run["app"], run["sha"], run["conclusion"]) for run in runs]


def test_a_merge_group_has_the_check_on_its_own_commit(house: House) -> None:
    provider = house.provider()
    head = pull_request(house, provider)
    house.publisher(provider).publish(publication(head, Verdict.PASSED))
    again = house.provider()
    subject = pull_request(house, again)
    read(again, subject, Checks)  # so that the check run on the head is remembered
    group = replace(subject, head_sha=subject.base_sha)
    for verdict in (Verdict.WAITING, Verdict.BLOCKED):
        house.publisher(again).publish(publication(group, verdict, None))
    assert runs_of(house) == [("almguard", head.head_sha, "success"), ("almguard", subject.base_sha, "failure")]


def test_a_check_run_of_another_app_is_left_and_a_new_one_posted(house: House) -> None:
    for token, verdict in ((APP, Verdict.PASSED), (ACTIONS, Verdict.BLOCKED), (ACTIONS, Verdict.INCONCLUSIVE)):
        provider = house.provider(token)
        subject = pull_request(house, provider)
        read(provider, subject, Checks)
        house.publisher(provider).publish(publication(subject, verdict, None))
    assert [(app, conclusion) for app, _, conclusion in runs_of(house)] == [
        ("almguard", "success"),
        ("github-actions", "action_required"),
    ]
    assert house.state()["statuses"] == [], "the older success would stand beside a status"


def test_no_status_is_posted_beside_an_older_check_run(house: House) -> None:
    provider = house.provider()
    house.publisher(provider).publish(publication(pull_request(house, provider), Verdict.PASSED))
    other = house.provider(PAT)
    with pytest.raises(PlatformError, match=r"earlier run \(the App almguard\) still stands") as raised:
        house.publisher(other).publish(publication(pull_request(house, other), Verdict.BLOCKED))
    assert raised.value.kind is UnknownKind.SCOPE
    assert house.state()["statuses"] == []


SHARED = {
    "repositories": [
        {
            "name": "app",
            "branches": {name: [{"files": {"a.txt": name}, "at": "-60d"}] for name in ("release/1", "release/2")},
            "pull_requests": [
                {"number": 2, "author": "ana", "source": "feature"},
                {"number": 3, "author": "ana", "source": "feature", "target": "release/1"},
                {"number": 4, "author": "ana", "source": "feature", "target": "release/2", "state": "closed"},
                {"number": 5, "author": "ana", "source": "another"},
            ],
        }
    ]
}


def test_other_open_pull_requests_of_the_same_head_are_named_without_a_request(build) -> None:
    provider = build(SHARED).provider("sandbox-token")

    def others(number: int) -> list[str]:
        subject = provider.resolve(parse(f"github:acme/app#{number}"))
        assert isinstance(subject, PullRequest)
        return [str(one) for one in provider.same_head(subject)]

    assert [others(number) for number in (2, 3, 4, 5)] == [
        ["github:acme/app#3"], ["github:acme/app#2"], ["github:acme/app#2", "github:acme/app#3"], []]  # fmt: skip
    assert provider.requests() == 4
    subject = provider.resolve(parse("github:acme/app#2"))
    provider.memory.pull_requests.clear()  # as where nothing came along
    before = provider.requests()
    assert [one.pull_request for one in provider.same_head(subject)] == [3]
    assert provider.requests() == before + 1


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
