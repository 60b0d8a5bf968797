"""Two runs compared: each difference once, in words that say which way it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.comparing import Changes, Standing, compare, standing, tally
from bot.model.facts import UnknownKind, fact_types
from bot.model.findings import Finding
from bot.model.results import Change, Enforcement, Gap, Outcome, Result, Run
from bot.model.subjects import Organization, Platform, Repository
from tests.report import runs

SUBJECTS = [runs.repository(f"r{number}", number) for number in range(4)]
KEYS = ["approvals", "secret-scanning", "requirement-link"]


def made(rule: str, subject: Repository, how: str) -> Result:
    found = (Finding("it is wrong", "mend it"),)
    failing = runs.result(rule, Outcome.FAIL, subject, findings=found, fingerprints=("a",))
    return {
        "pass": runs.result(rule, Outcome.PASS, subject),
        "not-applicable": runs.result(rule, Outcome.NOT_APPLICABLE, subject),
        "unknown": runs.result(rule, Outcome.UNKNOWN, subject),
        "error": runs.result(rule, Outcome.ERROR, subject),
        "fail": failing,
        "other": replace(failing, fingerprints=("b",)),
        "waived": replace(failing, waiver=runs.WAIVER),
        "known": replace(failing, known=frozenset({"a"})),
        "half-known": replace(failing, known=frozenset({"a"}), unknown=runs.UNKNOWN.unknown),
        "disabled": replace(failing, enforcement=Enforcement.DISABLED),
    }[how]


WAYS = ["pass", "not-applicable", "unknown", "error", "fail", "other", "waived", "known", "half-known", "disabled"]


def a_run(ways: dict[tuple[str, Repository], str], gaps: Sequence[Gap] = ()) -> Run:
    results = [made(rule, subject, how) for (rule, subject), how in ways.items()]
    return runs.run(*results, command="scan", gaps=tuple(gaps))


def one(how: str | None) -> Run:
    return a_run({} if how is None else {("approvals", SUBJECTS[0]): how})


def changed(before: str | None, after: str | None) -> list[Change]:
    return [each.change for each in compare(one(before), one(after))]


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ("pass", "fail", Change.BROKE),
        ("waived", "fail", Change.BROKE),
        ("unknown", "fail", Change.BROKE),
        ("fail", "pass", Change.FIXED),
        ("fail", "not-applicable", Change.FIXED),
        ("fail", "waived", Change.FIXED),
        ("fail", "known", Change.FIXED),
        ("fail", "other", Change.MOVED),
        ("fail", "unknown", Change.LOST),
        ("fail", "error", Change.LOST),
        ("fail", "half-known", Change.LOST),
        ("pass", "unknown", Change.LOST),
        ("unknown", "pass", Change.REGAINED),
        ("error", "waived", Change.REGAINED),
        (None, "fail", Change.APPEARED),
        ("disabled", "fail", Change.APPEARED),
        ("fail", None, Change.GONE),
        ("fail", "disabled", Change.GONE),
        ("pass", "waived", None),
        ("pass", "not-applicable", None),
        ("unknown", "error", None),
        (None, "pass", None),
        ("pass", None, None),
        (None, "unknown", None),
    ],
)
def test_what_a_change_is_called(before: str | None, after: str | None, change: Change | None) -> None:
    assert changed(before, after) == ([] if change is None else [change])


BACK = {
    Change.BROKE: {Change.FIXED, Change.LOST},
    Change.FIXED: {Change.BROKE},
    Change.MOVED: {Change.MOVED},
    Change.LOST: {Change.REGAINED, Change.BROKE},
    Change.REGAINED: {Change.LOST},
    Change.APPEARED: {Change.GONE},
    Change.GONE: {Change.APPEARED},
}
"""A fail that cannot be decided is lost, and one that could not be decided and fails broke: fixed it never was."""

places = st.sampled_from([(rule, subject) for rule in KEYS for subject in SUBJECTS])
ways = st.dictionaries(places, st.sampled_from(WAYS), max_size=12)


@given(ways)
def test_nothing_has_changed_from_a_run_to_itself(some: dict[tuple[str, Repository], str]) -> None:
    assert list(compare(a_run(some), a_run(some))) == []


@given(ways, ways)
def test_the_other_way_round_each_change_is_its_opposite(
    some: dict[tuple[str, Repository], str], others: dict[tuple[str, Repository], str]
) -> None:
    there = {place(each): each.change for each in compare(a_run(some), a_run(others))}
    back = {place(each): each.change for each in compare(a_run(others), a_run(some))}
    assert there.keys() == back.keys()
    assert all(back[where] in BACK[change] for where, change in there.items())


@given(ways, ways)
def test_every_difference_is_told_once(
    some: dict[tuple[str, Repository], str], others: dict[tuple[str, Repository], str]
) -> None:
    told = list(compare(a_run(some), a_run(others)))
    told_of = Counter(place(each) for each in told)
    assert all(amount == 1 for amount in told_of.values())
    assert [place(each) for each in told] == sorted(place(each) for each in told)
    for rule, subject in product(KEYS, SUBJECTS):
        was, is_ = some.get((rule, subject)), others.get((rule, subject))
        ended = [standing(None if how is None else made(rule, subject, how)) for how in (was, is_)]
        where = (subject.id, f"payments/{rule}")
        if Standing.FAILS in ended and ended[0] is not ended[1]:
            assert where in told_of
        elif ended == [Standing.FAILS, Standing.FAILS]:
            assert (where in told_of) == (was != is_)


def place(each: object) -> tuple[str, str]:
    result = getattr(each, "after") or getattr(each, "before")  # noqa: B009
    assert isinstance(result, Result)
    return result.subject.id, result.key


@pytest.mark.parametrize(
    "gap",
    [
        Gap(SUBJECTS[0].id, "acme/r0", "repository", UnknownKind.TRANSIENT, "it answers 502"),
        Gap(runs.ACME.id, "acme", "listing", UnknownKind.TRANSIENT, "the second page was not read"),
        Gap("github:acme", "github:acme", "target", UnknownKind.SCOPE, "no such organisation"),
    ],
)
@pytest.mark.parametrize("before", ["fail", "pass"])
def test_a_subject_that_could_not_be_read_is_lost_and_never_fixed(gap: Gap, before: str) -> None:
    (told,) = compare(one(before), a_run({}, [gap]))
    assert (told.change, told.after) == (Change.LOST, None)


@pytest.mark.parametrize(
    "gap",
    [
        Gap(SUBJECTS[1].id, "acme/r1", "repository", UnknownKind.TRANSIENT, "it answers 502"),
        Gap(runs.ACME.id, "acme", next(iter(fact_types())), UnknownKind.SCOPE, "a fact about the organisation alone"),
        Gap("dev.azure.com/organization/1", "acme", "projects", UnknownKind.SCOPE, "another platform"),
    ],
)
def test_a_gap_elsewhere_makes_nothing_lost(gap: Gap) -> None:
    assert [each.change for each in compare(one("fail"), a_run({}, [gap]))] == [Change.GONE]


def test_an_entry_that_is_no_longer_asked_is_gone_though_its_subject_has_a_gap() -> None:
    gap = Gap(SUBJECTS[0].id, "acme/r0", "repository", UnknownKind.TRANSIENT, "it answers 502")
    after = a_run({("secret-scanning", SUBJECTS[0]): "pass"}, [gap])
    assert [each.change for each in compare(one("fail"), after)] == [Change.GONE]


def test_a_project_that_could_not_be_listed_makes_its_repositories_lost() -> None:
    project = Organization(
        "dev.azure.com/organization/p", "acme/Payments", Platform.AZURE_DEVOPS, "", project="Payments"
    )
    home = replace(SUBJECTS[0], id="dev.azure.com/repository/1", platform=Platform.AZURE_DEVOPS, organization=project)
    gap = Gap("dev.azure.com/organization/acme", "acme", "projects", UnknownKind.TRANSIENT, "it answers 503")
    told = compare(a_run({("approvals", home): "fail"}), a_run({}, [gap]))
    assert [each.change for each in told] == [Change.LOST]


def test_changes_can_be_gone_through_again_and_are_counted() -> None:
    changes = Changes(
        a_run({("approvals", s): "pass" for s in SUBJECTS}), a_run({("approvals", s): "fail" for s in SUBJECTS})
    )
    assert len(changes) == len(list(changes)) == 4
    assert tally(changes) == {Change.BROKE: 4}
    assert next(iter(changes)) in changes


def test_a_kept_run_that_is_out_of_order_is_refused() -> None:
    turned = {number: made("approvals", SUBJECTS[number], "fail") for number in (1, 0)}.values()
    with pytest.raises(ValueError, match="out of order"):
        list(compare(replace(one("fail"), results=turned), one("fail")))


def test_more_changes_than_memory_should_hold_are_compared_again(monkeypatch: pytest.MonkeyPatch) -> None:
    before = a_run({("approvals", s): "pass" for s in SUBJECTS})
    after = a_run({("approvals", s): "fail" for s in SUBJECTS})
    whole = list(Changes(before, after))
    monkeypatch.setattr(Changes, "MOST", 3)
    changes = Changes(before, after)
    assert list(changes) == list(changes) == whole
    assert len(changes) == 4
