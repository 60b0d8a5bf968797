"""Laws of counting, whatever the reviews: more knowledge and more approvals never turn a pass into anything else."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import assume, given
from hypothesis import strategies as st

from bot.engine.evaluation import Judgement, evaluate
from bot.engine.ports import Known
from bot.model.facts import Loaded, Unavailable, UnknownKind
from bot.model.facts.change import (
    Commit,
    Commits,
    FormerCommits,
    Opinion,
    Push,
    Pushes,
    Review,
    ReviewerPermissions,
    Reviews,
)
from bot.model.people import Permission, Person, Signature
from bot.model.results import Outcome
from bot.model.subjects import Organization, Platform, PullRequest, Repository
from bot.rules.approve.approvals import Params
from bot.rules.registry import rules

NOW = datetime(2026, 6, 2, tzinfo=UTC)
PEOPLE = [Person(f"github.com/user/{number}", name) for number, name in enumerate(["ana", "bo", "cy", "di", "eve"])]
ANA = PEOPLE[0]
ORGANIZATION = Organization("github.com/organization/1", "acme", Platform.GITHUB, "")
REPOSITORY = Repository(
    "github.com/repository/1", "acme/pay", Platform.GITHUB, "", ORGANIZATION, "pay", default_branch="main"
)
PR = PullRequest(
    "github.com/pull_request/1",
    "acme/pay#1",
    Platform.GITHUB,
    "",
    REPOSITORY.branch("main"),
    1,
    "t",
    "",
    ANA,
    "c2",
    "b",
    "topic",
    NOW,
)
SIGNED = Signature("Ana", "ana@x", ANA)
COMMITS = Commits((Commit("c1", "m", SIGNED, SIGNED), Commit("c2", "m", SIGNED, SIGNED, parents=("c1",))))

reviews = st.lists(
    st.builds(
        Review,
        st.sampled_from(PEOPLE),
        st.sampled_from(list(Opinion)),
        st.none(),
        st.sampled_from(["c1", "c2", None]),
        required=st.booleans(),
    ),
    max_size=8,
)
levels = st.dictionaries(
    st.sampled_from([person.id for person in PEOPLE]), st.sampled_from([Permission.READ, Permission.WRITE])
)
pushers = st.sampled_from([*PEOPLE, None])
minimums = st.integers(0, 3)


def judge(
    said: list[Review], levels: dict[str, Permission], pusher: Person | None, minimum: int, pushes_read: bool = True
) -> Judgement:
    pushes = Pushes((Push(ANA, None, "c1"), Push(pusher, None, "c2")))
    known = Known()
    for fact in (Reviews(tuple(said)), COMMITS, FormerCommits(), pushes, ReviewerPermissions(levels)):
        known.answers[type(fact), PR.id] = Loaded(fact, "", NOW)
    if not pushes_read:
        known.answers[Pushes, PR.id] = Unavailable(UnknownKind.SCOPE, "not readable")
    return evaluate(rules()["approvals"], Params(minimum=minimum), PR, known, {})


@given(reviews, levels, pushers, minimums, st.sampled_from(PEOPLE))
def test_one_more_eligible_approval_never_ends_a_pass(
    said: list[Review], levels: dict[str, Permission], pusher: Person | None, minimum: int, approver: Person
) -> None:
    assume(judge(said, levels, pusher, minimum).outcome is Outcome.PASS)
    more = [*said, Review(approver, Opinion.APPROVED, None, "c2")]
    assert judge(more, levels, pusher, minimum).outcome is Outcome.PASS


@given(reviews, levels, pushers, minimums, st.randoms())
def test_the_order_of_different_peoples_reviews_is_irrelevant(
    said: list[Review], levels: dict[str, Permission], pusher: Person | None, minimum: int, random: object
) -> None:
    by_person: dict[str, list[Review]] = {}
    for review in said:
        by_person.setdefault(review.person.id, []).append(review)
    queues = list(by_person.values())
    random.shuffle(queues)  # type: ignore[attr-defined]
    merged = [review for queue in queues for review in queue]
    assert judge(merged, levels, pusher, minimum).outcome is judge(said, levels, pusher, minimum).outcome


@given(reviews, levels, pushers, minimums, st.sampled_from(PEOPLE), st.sampled_from(list(Permission)))
def test_what_is_decided_stays_decided_when_a_permission_becomes_known(
    said: list[Review],
    levels: dict[str, Permission],
    pusher: Person | None,
    minimum: int,
    person: Person,
    level: Permission,
) -> None:
    before = judge(said, levels, pusher, minimum).outcome
    assume(person.id not in levels and before is not Outcome.UNKNOWN)
    assert judge(said, {**levels, person.id: level}, pusher, minimum).outcome is before


@given(reviews, levels, st.sampled_from(PEOPLE), minimums)
def test_what_is_decided_stays_decided_when_the_pushes_become_known(
    said: list[Review], levels: dict[str, Permission], pusher: Person, minimum: int
) -> None:
    before = judge(said, levels, pusher, minimum, pushes_read=False).outcome
    assume(before is not Outcome.UNKNOWN)
    assert judge(said, levels, pusher, minimum).outcome is before


@given(reviews, levels, pushers, st.integers(0, 2))
def test_asking_for_more_never_helps(
    said: list[Review], levels: dict[str, Permission], pusher: Person | None, minimum: int
) -> None:
    if judge(said, levels, pusher, minimum).outcome is Outcome.FAIL:
        assert judge(said, levels, pusher, minimum + 1).outcome is Outcome.FAIL


@given(levels, pushers, minimums)
def test_the_author_alone_never_passes(levels: dict[str, Permission], pusher: Person | None, minimum: int) -> None:
    assume(minimum > 0)
    said = [Review(ANA, Opinion.APPROVED, None, "c2")]
    assert judge(said, levels, pusher, minimum).outcome is Outcome.FAIL
