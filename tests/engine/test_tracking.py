"""What becomes of a repository's item: what is gathered from a run, and the step that follows from what stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date

import pytest

from bot.engine.tracking import (
    MOST_FINDINGS,
    Gathering,
    Mood,
    Standing,
    Step,
    Tracked,
    Wish,
    decide,
    mark,
)
from bot.model.facts import UnknownKind
from bot.model.findings import Finding, Severity
from bot.model.results import Enforcement, Gap, Outcome, Result, Run, Unknowing
from bot.model.subjects import Subject
from bot.policy.baseline import fingerprint
from bot.policy.configuration import TrackingSettings
from tests.report import runs

PAY, SHOP = runs.repository("pay", 2), runs.repository("shop", 3)
MAIN = PAY.branch("main")
FAIL = Finding("it lies open", "close it")


def failing(subject: Subject = PAY, **changes: object) -> Result:
    return runs.result("secret-scanning", Outcome.FAIL, subject, findings=(FAIL,), **changes)


def unknown(subject: Subject = PAY, **changes: object) -> Result:
    why = (Unknowing(UnknownKind.SCOPE, "no scope"),)
    return runs.result("branch-protection", Outcome.UNKNOWN, subject, unknown=why, **changes)


def gather(run: Run, **settings: object) -> dict[str, Tracked]:
    made = replace(TrackingSettings(), **settings)  # type: ignore[arg-type]
    return {tracked.home.name: tracked for tracked in Gathering(made).gather(run)}


def test_what_belongs_to_a_repository_is_told_there() -> None:
    passing = runs.result("approvals", Outcome.PASS, SHOP)
    found = gather(runs.run(failing(), failing(MAIN), failing(runs.pull_request()), failing(runs.ACME), passing))
    assert {name: one.amount for name, one in found.items()} == {"acme": 1, "acme/pay": 2, "acme/shop": 0}
    assert [told.subject.name for told in found["acme/pay"].told] == ["acme/pay", "acme/pay@main"]


def test_what_was_judged_in_part_is_not_touched() -> None:
    assert gather(runs.run(failing(MAIN), runs.result("approvals", Outcome.PASS, runs.pull_request()))) == {}


@pytest.mark.parametrize(
    ("changes", "settings", "amount"),
    [
        ({}, {}, 1),
        ({"enforcement": Enforcement.WARN}, {}, 1),
        ({"enforcement": Enforcement.AUDIT}, {}, 0),
        ({"enforcement": Enforcement.AUDIT}, {"enforcement": Enforcement.AUDIT}, 1),
        ({"enforcement": Enforcement.WARN}, {"enforcement": Enforcement.BLOCK}, 0),
        ({"severity": Severity.MEDIUM}, {"severity": Severity.HIGH}, 0),
        ({"severity": Severity.CRITICAL}, {"severity": Severity.HIGH}, 1),
        ({"fingerprints": ("a1",), "known": frozenset({"a1"})}, {}, 0),
    ],
)
def test_which_findings_are_told(changes: dict[str, object], settings: dict[str, object], amount: int) -> None:
    assert gather(runs.run(failing(**changes)), **settings)["acme/pay"].amount == amount


def test_of_several_findings_those_of_the_baseline_are_left_out() -> None:
    old, new = Finding("old", ""), Finding("new", "")
    result = runs.result(
        "code-alerts",
        Outcome.FAIL,
        PAY,
        findings=(old, new),
        fingerprints=("a" * 32, "b" * 32),
        known=frozenset({"a" * 32}),
    )
    (told,) = gather(runs.run(result))["acme/pay"].told
    assert (told.finding, told.reference) == (new, "bbbbbbbb")


def test_a_finding_is_known_again_by_its_fingerprint() -> None:
    (told,) = gather(runs.run(failing()))["acme/pay"].told
    assert fingerprint("payments/secret-scanning", PAY.id, FAIL).startswith(told.reference)


def test_many_findings_are_counted_and_not_all_kept() -> None:
    many = tuple(Finding(f"number {n}", "", discriminator=str(n)) for n in range(MOST_FINDINGS + 7))
    result = runs.result("code-alerts", Outcome.FAIL, PAY, findings=many)
    tracked = gather(runs.run(result))["acme/pay"]
    assert (len(tracked.told), tracked.more, tracked.amount) == (MOST_FINDINGS, 7, MOST_FINDINGS + 7)


def test_what_is_unknown_is_noted_unless_it_would_not_be_told() -> None:
    found = gather(runs.run(unknown(), unknown(SHOP, enforcement=Enforcement.AUDIT)))
    assert list(found["acme/pay"].unknown) == ["payments/branch-protection on acme/pay: no scope"]
    assert not found["acme/shop"].unknown


@pytest.mark.parametrize(
    ("gap", "noted"),
    [
        (Gap(PAY.id, PAY.name, "environments", UnknownKind.SCOPE, "no scope"), ["acme/pay"]),
        (Gap(PAY.id, PAY.name, "configuration", UnknownKind.UNREADABLE, "odd"), ["acme/pay"]),
        (Gap(runs.ACME.id, "acme", "listing", UnknownKind.TRANSIENT, "cut"), ["acme/pay", "acme/shop"]),
        (Gap("other.example/organization/9", "above", "projects", UnknownKind.SCOPE, "no"), ["acme/pay", "acme/shop"]),
        (Gap("github.com/repository/99", "acme/gone", "judging", UnknownKind.SCOPE, "gone"), []),
        # A fact that could not be read makes results unknown, and those are told by themselves.
        (Gap(PAY.id, PAY.name, "code_owners", UnknownKind.SCOPE, "no scope"), []),
        (Gap(PAY.id, PAY.name, "secret-scanning", UnknownKind.SCOPE, "no scope"), []),
    ],
)
def test_what_could_not_be_listed_may_hide_findings(gap: Gap, noted: list[str]) -> None:
    passing = runs.result("secret-scanning", Outcome.PASS, PAY), runs.result("secret-scanning", Outcome.PASS, SHOP)
    found = gather(runs.run(*passing, gaps=(gap,)))
    assert sorted(name for name, one in found.items() if one.unknown) == noted


def say(mood: Mood, since: Mapping[str, date]) -> str:
    return f"{mood} {sorted(since)}"


def wish(*, findings: int = 0, unknowns: int = 0) -> Wish:
    tracked = Tracked(PAY, more=findings, unknown=dict.fromkeys(map(str, range(unknowns))))
    return Wish(tracked, "title", say, lambda said: {said: date(2026, 1, 1)} if said else {})


def standing(number: int = 1, *, is_open: bool = True, says: str = "found ['old']") -> Standing:
    return Standing(number, f"acme/pay#{number}", "", is_open, "whole", "old", mark(says))


@pytest.mark.parametrize(
    ("wanted", "stands", "steps"),
    [
        (wish(), [], []),
        (wish(unknowns=1), [], []),
        (wish(findings=1), [], [Step.CREATE]),
        (wish(findings=1), [standing()], []),
        (wish(findings=1), [standing(says="other")], [Step.EDIT]),
        (wish(findings=1), [standing(is_open=False)], [Step.REOPEN]),
        (wish(findings=1, unknowns=1), [standing()], []),
        (wish(), [standing()], [Step.CLOSE]),
        (wish(), [standing(is_open=False)], []),
        (wish(unknowns=1), [standing()], [Step.EDIT]),
        (wish(unknowns=1), [standing(says="unsure ['old']")], []),
        (wish(unknowns=1), [standing(is_open=False)], []),
        (wish(findings=1), [standing(), standing(2)], [Step.CLOSE_DUPLICATE]),
        (wish(findings=1), [standing(), standing(2, is_open=False)], []),
        (wish(), [standing(is_open=False), standing(2)], [Step.CLOSE_DUPLICATE]),
        (wish(findings=1), [standing(is_open=False), standing(2)], [Step.REOPEN, Step.CLOSE_DUPLICATE]),
    ],
)
def test_the_step_that_follows(wanted: Wish, stands: list[Standing], steps: list[Step]) -> None:
    changes = decide(wanted, stands)
    assert [change.step for change in changes] == steps
    for change in changes:
        assert change.digest == mark(change.text)
        assert (change.standing is None) == (change.step is Step.CREATE)
