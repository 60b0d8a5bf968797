from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given

from bot.model.annotations import Level
from bot.model.findings import Finding, Location, Severity
from bot.model.results import AppliedWaiver, Enforcement, Outcome, Result
from bot.report.annotations import annotate, located
from tests.report.hostile import texts
from tests.report.runs import NOW, pull_request, release, repository, result

CHANGED = frozenset({"src/a.py", "src/b.py"})


def finding(path: str = "src/a.py", line: int | None = 3, message: str = "Wrong.", **changes: object) -> Finding:
    return replace(Finding(message, "Do it right.", location=Location(path, line)), **changes)  # type: ignore[arg-type]


def failed(*findings: Finding, **changes: object) -> Result:
    return result("code-alerts", Outcome.FAIL, **{"findings": findings, **changes})  # type: ignore[arg-type]


def test_a_finding_is_told_at_its_place_with_what_to_do() -> None:
    (one,) = annotate(pull_request(), [failed(finding())], CHANGED)
    assert (one.path, one.line, one.level) == ("src/a.py", 3, Level.FAILURE)
    assert one.entry == "payments/code-alerts"
    assert one.title == "payments/code-alerts (high)"
    assert one.message == "Wrong.\nWhat to do: Do it right."
    assert "**What to do:** Do it right." in one.markdown


def test_only_what_the_change_touches_and_only_what_has_a_place() -> None:
    elsewhere, nowhere = finding("src/c.py"), finding(location=None)
    assert annotate(pull_request(), [failed(elsewhere, nowhere)], CHANGED) == ()
    assert located(pull_request(), [failed(elsewhere)])
    assert not located(pull_request(), [failed(nowhere)])


def test_only_what_counts_and_is_about_this_pull_request() -> None:
    waiver = AppliedWaiver("r", "o", "a", (NOW + timedelta(days=9)).date())
    known = failed(finding(), finding(line=9), fingerprints=("x", "y"), known=frozenset({"x"}))
    others = [
        failed(finding(), waiver=waiver),
        failed(finding(), subject=repository()),
        failed(finding(), subject=release()),
        replace(failed(finding()), outcome=Outcome.UNKNOWN),
    ]
    assert [one.line for one in annotate(pull_request(), [known, *others], CHANGED)] == [9]


@pytest.mark.parametrize(
    ("enforcement", "severity", "awaiting", "level"),
    [
        (Enforcement.BLOCK, Severity.LOW, False, Level.FAILURE),
        (Enforcement.BLOCK, Severity.HIGH, True, Level.WARNING),
        (Enforcement.WARN, Severity.MEDIUM, False, Level.WARNING),
        (Enforcement.WARN, Severity.LOW, False, Level.NOTICE),
        (Enforcement.AUDIT, Severity.CRITICAL, False, Level.NOTICE),
    ],
)
def test_the_level_goes_by_what_the_policy_does_about_it(
    enforcement: Enforcement, severity: Severity, awaiting: bool, level: Level
) -> None:
    one = failed(finding(awaiting=awaiting), enforcement=enforcement, severity=severity)
    assert [each.level for each in annotate(pull_request(), [one], CHANGED)] == [level]


def test_the_gravest_come_first_and_each_once() -> None:
    noted = failed(finding("src/a.py", 1), enforcement=Enforcement.AUDIT)
    blocked = failed(finding("src/b.py", 2), finding("src/b.py", 2), finding("src/b.py", 1), key="payments/other")
    found = annotate(pull_request(), [noted, blocked, blocked], CHANGED)
    assert [(one.path, one.line) for one in found] == [("src/b.py", 1), ("src/b.py", 2), ("src/a.py", 1)]


def test_its_key_stays_when_its_line_moves() -> None:
    def keys(*findings: Finding) -> set[str]:
        return {one.key for one in annotate(pull_request(), [failed(*findings)], CHANGED)}

    assert keys(finding(line=3)) == keys(finding(line=30))
    assert len(keys(finding(line=3), finding(line=30), finding("src/b.py"), finding(message="Also wrong."))) == 4
    assert keys(finding(discriminator="x")) == keys(finding(discriminator="x", message="Put otherwise."))


def test_a_path_is_from_the_root_however_it_is_written() -> None:
    found = annotate(pull_request(), [failed(finding("./src/a.py"), finding("/src/b.py", 0))], CHANGED)
    assert [(one.path, one.line) for one in found] == [("src/a.py", 3), ("src/b.py", None)]


@given(text=texts)
def test_no_text_does_anything(text: str) -> None:
    one = finding(message=text, fix=text)
    for found in annotate(pull_request(), [failed(one, key=f"p/{text[:50]}")], CHANGED):
        for said in (found.title, *found.message.split("\n"), found.markdown):
            assert "::" not in said or said == found.markdown
            assert "##" not in said
            assert len(said) < 25_000
        assert "\n" not in found.title
        assert len(found.message.split("\n")) <= 2
