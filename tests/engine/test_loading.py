"""Loading in rounds: what is asked, in which order, and what becomes of silence."""

from __future__ import annotations

import pytest

from bot.engine.loading import Needs, load
from bot.engine.ports import Known
from bot.model.facts import FactRequest, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.facts.change import Commits, ReviewerPermissions, Reviews, TeamMembers, TeamSpec
from bot.model.facts.protection import BranchRules, SecretScanning
from bot.model.subjects import Organization, Platform, Repository
from tests.engine.memory_provider import NOW, MemoryProvider
from tests.policy.examples import ORGANIZATION, REPOSITORY, pull_request

PULL = pull_request()
REVIEWS, COMMITS = Reviews(()), Commits(())
SCANNING = SecretScanning(enabled=True, push_protection=None)


def needs(*requests: FactRequest, subject: object = PULL) -> Needs:
    made = Needs()
    for request in requests:
        made.add(request, [subject])  # type: ignore[list-item]
    return made


def test_what_is_independent_is_asked_in_one_round() -> None:
    provider = MemoryProvider({(Reviews, PULL.id): REVIEWS, (Commits, PULL.id): COMMITS})
    assert load(needs(FactRequest(Reviews), FactRequest(Commits)), provider, known := Known()) == ()
    assert provider.rounds == [{Reviews: [PULL.id], Commits: [PULL.id]}]
    assert known.value(Reviews, PULL) == REVIEWS


def test_what_builds_on_a_fact_is_asked_after_it_with_its_answer() -> None:
    provider = MemoryProvider(
        {(Reviews, PULL.id): REVIEWS, (ReviewerPermissions, PULL.id): ReviewerPermissions({})},
        {ReviewerPermissions: (FactRequest(Reviews),)},
    )
    assert load(needs(FactRequest(ReviewerPermissions)), provider, Known()) == ()
    assert provider.rounds == [{Reviews: [PULL.id]}, {ReviewerPermissions: [PULL.id]}]
    assert provider.known == [frozenset(), {Reviews}]


def test_dependencies_of_dependencies() -> None:
    answers = {(kind, PULL.id): value for kind, value in ((Reviews, REVIEWS), (Commits, COMMITS))}
    provider = MemoryProvider(
        {**answers, (ReviewerPermissions, PULL.id): ReviewerPermissions({})},
        {ReviewerPermissions: (FactRequest(Reviews),), Reviews: (FactRequest(Commits),)},
    )
    load(needs(FactRequest(ReviewerPermissions)), provider, Known())
    assert [list(asked) for asked in provider.rounds] == [[Commits], [Reviews], [ReviewerPermissions]]


def test_specs_of_one_fact_unite() -> None:
    provider = MemoryProvider({(TeamMembers, REPOSITORY.id): TeamMembers({})})
    wanted = needs(
        FactRequest(TeamMembers, TeamSpec(frozenset({"a"}))), FactRequest(TeamMembers, TeamSpec(frozenset({"b"})))
    )
    load(wanted, provider, Known())
    assert provider.asked == [FactRequest(TeamMembers, TeamSpec(frozenset({"a", "b"})))]
    assert provider.rounds == [{TeamMembers: [REPOSITORY.id]}]


def test_a_fact_about_the_repository_is_asked_once_for_all_that_belong_to_it() -> None:
    provider = MemoryProvider({(SecretScanning, REPOSITORY.id): SCANNING})
    wanted = Needs()
    wanted.add(FactRequest(SecretScanning), [PULL, REPOSITORY, REPOSITORY.branch("next")])
    load(wanted, provider, Known())
    assert provider.rounds == [{SecretScanning: [REPOSITORY.id]}]


def test_what_is_known_is_not_asked_again() -> None:
    provider = MemoryProvider({})
    known = Known({(Reviews, PULL.id): Loaded(REVIEWS, "", NOW)})
    assert load(needs(FactRequest(Reviews)), provider, known) == ()
    assert provider.rounds == []


def test_a_fact_about_what_cannot_be_reached_is_not_asked() -> None:
    empty = Repository("r/2", "acme/new", Platform.GITHUB, "", ORGANIZATION, "new")
    provider = MemoryProvider({})
    load(needs(FactRequest(BranchRules), subject=empty), provider, Known())
    load(needs(FactRequest(BranchRules), subject=Organization("o/9", "x", Platform.GITHUB, "")), provider, Known())
    assert provider.rounds == []


def test_an_unanswered_request_is_a_gap_and_unavailable() -> None:
    provider = MemoryProvider({(Commits, PULL.id): COMMITS})
    gaps = load(needs(FactRequest(Reviews), FactRequest(Commits)), provider, known := Known())
    assert [(gap.subject, gap.fact, gap.kind) for gap in gaps] == [(PULL.id, "reviews", UnknownKind.TRANSIENT)]
    answer = known.answer(Reviews, PULL)
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.TRANSIENT
    assert known.value(Commits, PULL) == COMMITS


def test_what_could_not_be_read_is_a_gap_and_what_does_not_exist_is_none() -> None:
    hidden = Unavailable(UnknownKind.SCOPE, "needs pull requests: read")
    provider = MemoryProvider({(Reviews, PULL.id): hidden, (Commits, PULL.id): NotSupported("no commits here")})
    gaps = load(needs(FactRequest(Reviews), FactRequest(Commits)), provider, Known())
    assert [(gap.fact, gap.kind, gap.reason) for gap in gaps] == [("reviews", hidden.kind, hidden.reason)]


def test_facts_that_wait_for_each_other_are_an_error_of_the_provider() -> None:
    ring = {Reviews: (FactRequest(Commits),), Commits: (FactRequest(Reviews),)}
    with pytest.raises(RuntimeError, match=r"wait for each other: .*commits.*reviews"):
        load(needs(FactRequest(Reviews)), MemoryProvider({}, ring), Known())
