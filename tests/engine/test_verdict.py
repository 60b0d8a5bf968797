from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from bot.engine.ports import Known
from bot.engine.posted import read_posted
from bot.engine.racing import overtaken
from bot.engine.verdict import EXIT_CODES, decide, facts_digest, note, to_post
from bot.model.facts import Loaded, Unavailable, UnknownKind
from bot.model.facts.change import Check, Checks, CheckState
from bot.model.facts.repository import RepositoryPaths
from bot.model.findings import Finding, Severity
from bot.model.people import Person
from bot.model.results import Enforcement, Gate, Outcome, Result, Unknowing, Verdict
from bot.model.subjects import Organization, Platform, PullRequest, Repository

ORGANIZATION = Organization("github/organization/1", "acme", Platform.GITHUB, "")
NOW = datetime(2026, 11, 2, tzinfo=UTC)
REPOSITORY = Repository("github/repository/1", "acme/app", Platform.GITHUB, "", ORGANIZATION, "app", "main")
CHANGE = PullRequest(
    "github/repository/1/pull_request/1", "acme/app#1", Platform.GITHUB, "", REPOSITORY.branch("main"), 1, "Add", "",
    Person("github/user/1", "rita"), "a" * 40, "b" * 40, "add", NOW,
)  # fmt: skip


def result(
    outcome: Outcome,
    enforcement: Enforcement = Enforcement.BLOCK,
    *,
    awaiting: bool = False,
    kind: UnknownKind = UnknownKind.SCOPE,
) -> Result:
    findings = (Finding("wrong", "fix", awaiting=awaiting),) if outcome is Outcome.FAIL else ()
    unknown = (Unknowing(kind, "because"),) if outcome is Outcome.UNKNOWN else ()
    return Result(
        "p/r", "p", "r", ORGANIZATION, outcome, enforcement, Severity.HIGH, findings, unknown, "documentation only"
    )


results = st.builds(
    result,
    st.sampled_from(Outcome),
    st.sampled_from([Enforcement.AUDIT, Enforcement.WARN, Enforcement.BLOCK]),
    awaiting=st.booleans(),
    kind=st.sampled_from(UnknownKind),
)
lists = st.lists(results, max_size=6)


def test_nothing_selected_is_empty() -> None:
    assert decide([], {}) is Verdict.EMPTY


@given(lists)
def test_order_does_not_matter(some: list[Result]) -> None:
    assert decide(some, {}) is decide(some[::-1], {})


@given(lists)
def test_only_what_blocks_can_keep_a_gate_from_passing(some: list[Result]) -> None:
    blocking = [one for one in some if one.enforcement is Enforcement.BLOCK]
    if some and all(one.outcome in (Outcome.PASS, Outcome.NOT_APPLICABLE) for one in blocking):
        assert decide(some, {}) is Verdict.PASSED
    elif some:
        assert decide(some, {}) is not Verdict.PASSED


@given(lists)
def test_a_blocking_fail_beats_every_unknown(some: list[Result]) -> None:
    assert decide([*some, result(Outcome.FAIL)], {}) is Verdict.BLOCKED
    assert decide([*some, result(Outcome.FAIL, awaiting=True)], {}) in (Verdict.BLOCKED, Verdict.WAITING)


@given(lists)
def test_waiting_means_that_every_blocking_fail_awaits(some: list[Result]) -> None:
    if decide(some, {}) is Verdict.WAITING:
        failed = [one for one in some if one.outcome is Outcome.FAIL and one.enforcement is Enforcement.BLOCK]
        assert failed
        assert all(one.awaiting for one in failed)


def test_an_unknown_blocks_unless_its_kind_only_warns() -> None:
    transient = result(Outcome.UNKNOWN, kind=UnknownKind.TRANSIENT)
    assert decide([transient], {}) is Verdict.INCONCLUSIVE
    assert decide([transient], {UnknownKind.TRANSIENT: "warn"}) is Verdict.PASSED
    assert decide([transient], {UnknownKind.SCOPE: "warn"}) is Verdict.INCONCLUSIVE
    assert decide([result(Outcome.ERROR)], dict.fromkeys(UnknownKind, "warn")) is Verdict.INCONCLUSIVE


def test_an_unknown_of_two_kinds_blocks_while_one_of_them_does() -> None:
    two = (Unknowing(UnknownKind.TRANSIENT, "a"), Unknowing(UnknownKind.SCOPE, "b"))
    torn = replace(result(Outcome.UNKNOWN), unknown=two)
    assert decide([torn], {UnknownKind.TRANSIENT: "warn"}) is Verdict.INCONCLUSIVE
    assert decide([torn], {UnknownKind.SCOPE: "warn"}) is Verdict.INCONCLUSIVE
    assert decide([torn], {UnknownKind.SCOPE: "warn", UnknownKind.TRANSIENT: "warn"}) is Verdict.PASSED


def test_an_unknown_that_says_no_kind_blocks() -> None:
    silent = replace(result(Outcome.UNKNOWN), unknown=())
    assert decide([silent], dict.fromkeys(UnknownKind, "warn")) is Verdict.INCONCLUSIVE


def test_every_verdict_has_its_own_exit_code() -> None:
    assert sorted(EXIT_CODES.values()) == [0, 1, 3, 4, 5]
    assert set(EXIT_CODES) == set(Verdict)


def test_when_nothing_applied_the_reasons_are_said() -> None:
    assert note([result(Outcome.NOT_APPLICABLE)]) == "no rule applied: documentation only"
    assert note([result(Outcome.NOT_APPLICABLE), result(Outcome.PASS)]) == ""


def test_the_facts_digest_is_about_values_and_not_about_when_they_were_read() -> None:
    def known(state: CheckState, hour: int) -> Known:
        checks = Checks((Check("lint", state),))
        return Known({(Checks, "a"): Loaded(checks, "", NOW.replace(hour=hour))})

    assert facts_digest(known(CheckState.SUCCESS, 1)) == facts_digest(known(CheckState.SUCCESS, 2))
    assert facts_digest(known(CheckState.SUCCESS, 1)) != facts_digest(known(CheckState.FAILURE, 1))
    assert facts_digest(Known({(Checks, "a"): Unavailable(UnknownKind.SCOPE, "x")})) != facts_digest(Known())


def test_the_facts_digest_of_a_pull_request_is_about_itself_and_what_it_belongs_to() -> None:
    change = CHANGE
    lint = Loaded(Checks((Check("lint", CheckState.SUCCESS),)), "", NOW)
    other = Loaded(Checks((Check("lint", CheckState.FAILURE),)), "", NOW)
    rules = Loaded(RepositoryPaths(("a.py",)), "", NOW)
    alone = facts_digest(Known({(Checks, change.id): lint}), change)
    assert facts_digest(Known({(Checks, change.id): lint, (Checks, "another"): other}), change) == alone
    assert facts_digest(Known({(Checks, change.id): lint, (RepositoryPaths, change.base.id): rules}), change) != alone
    assert facts_digest(Known({(Checks, change.id): other}), change) != alone
    assert facts_digest(Known({(Checks, change.id): lint}), replace(change, title="another")) != alone
    assert facts_digest(Known({(Checks, change.id): lint}), replace(change, base_sha="f" * 40)) == alone
    home = replace(change.repository, pushed_at=NOW)
    assert facts_digest(Known({(Checks, change.id): lint}), replace(change, base=home.branch("main"))) == alone
    assert facts_digest(Known({(Checks, change.id): lint}), replace(change, base=home.branch("next"))) != alone


def test_of_two_readings_within_a_second_the_later_is_known() -> None:
    gate = Gate(CHANGE, Verdict.PASSED, "f" * 64, "0" * 64)
    first, second = (to_post(gate, [gate], [], NOW + timedelta(milliseconds=at)) for at in (100, 400))
    assert overtaken(first, [read_posted(str(second))])
    assert not overtaken(second, [read_posted(str(first))])
