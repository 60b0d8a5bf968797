"""Cases judged: what is compared, what is missing, what is left alone."""

from __future__ import annotations

from typing import Any

import pytest

from bot.engine.cases import CaseOutcome, CaseResult, FileResult, run_given
from bot.engine.coverage import EntrySeen, coverage
from bot.engine.reach import can_reach
from bot.model.analyzers import AnalyzerCatalogue
from bot.model.facts import fact_types
from bot.policy.factfile import fits
from bot.policy.subjectfile import SUBJECTS
from tests.policy.case_files import FACTS, HEAD, load

NO_TOOLS = AnalyzerCatalogue(())
APPROVED = "{person: bo, opinion: approved, commit: c2}"


def run(
    cases: str, files: dict[str, str] | None = None, policy: str = "../payments.yml", facts: str = FACTS
) -> FileResult:
    file = load(HEAD.replace("../payments.yml", policy) + facts + "cases:\n" + cases, files)
    return FileResult(file, tuple(run_given(case, file.configuration, NO_TOOLS) for case in file.cases))


def ended(case: str, **more: Any) -> CaseResult:
    (found,) = run(f"  - {{name: a, {case}}}", **more).cases
    return found


def test_a_case_that_is_as_expected_passes() -> None:
    found = ended(
        "expect: {entries: {change-approval: fail, approvals: fail, docs-approval: not_applicable}, "
        "findings: {approvals: [0 of 2, 2 missing], change-approval: 0 of 2}}"
    )
    assert found.outcome is CaseOutcome.PASSED, found
    assert not found.differences


def test_what_is_not_as_expected_is_told_with_what_was_said() -> None:
    found = ended("expect: {entries: {change-approval: pass}, findings: {approvals: nonsense}}")
    assert found.outcome is CaseOutcome.FAILED
    first, second = found.differences
    assert (first.what, first.expected, first.got) == ("payments/change-approval", "pass", "fail")
    assert any("0 of 2 approvals" in said for said in first.said)
    assert (second.what, second.expected) == ("payments/approvals", "a finding with 'nonsense'")
    assert second.got == "1 finding without it"


def test_a_verdict_needs_every_entry_and_its_facts() -> None:
    found = ended("expect: {verdict: blocked}")
    assert found.outcome is CaseOutcome.FAILED, found
    (difference,) = found.differences
    assert (difference.what, difference.expected, difference.got) == ("verdict", "blocked", "waiting")
    assert any(said.startswith("payments/change-approval: fail (block): 0 of 2") for said in difference.said)


def test_a_fact_that_is_needed_and_not_given_is_an_error_of_the_case() -> None:
    found = ended("expect: {entries: {approvals: fail}}", facts="facts: {reviews: [], files: []}\n")
    assert found.outcome is CaseOutcome.ERROR
    assert "'commits' (payments/change-approval)" in found.error
    assert "'pushes' (payments/change-approval)" in found.error
    assert "'reviews'" not in found.error
    assert not found.results


def test_an_entry_that_nothing_is_expected_of_needs_no_facts() -> None:
    only = "facts: {work_items: []}\n"
    assert ended("expect: {entries: {requirement-link: fail}}", facts=only).outcome is CaseOutcome.PASSED
    assert ended("expect: {verdict: blocked}", facts=only).outcome is CaseOutcome.ERROR


@pytest.mark.parametrize(
    ("expected", "outcome"),
    [
        ("scope", CaseOutcome.PASSED),
        ("[scope, the scope repo]", CaseOutcome.PASSED),
        ("limit", CaseOutcome.FAILED),
        ("nonsense", CaseOutcome.FAILED),
    ],
)
def test_why_something_is_unknown_is_a_kind_or_a_text(expected: str, outcome: CaseOutcome) -> None:
    found = ended(
        "facts: {reviews: {unavailable: needs the scope repo}}, "
        f"expect: {{verdict: inconclusive, entries: {{approvals: unknown}}, unknown: {{approvals: {expected}}}}}"
    )
    assert found.outcome is outcome, found
    for difference in found.differences:
        assert difference.said == ("scope: needs the scope repo",)


def test_what_is_not_supported_is_not_applicable() -> None:
    case = "facts: {work_items: {not_supported: none here}}, expect: {entries: {requirement-link: not_applicable}}"
    assert ended(case).outcome is CaseOutcome.PASSED


def test_an_entry_that_judges_nothing_of_the_kind_is_not_selected() -> None:
    case = "expect: {entries: {secret-scanning: not_selected, branch-protection: not_selected, approvals: fail}}"
    assert ended(case).outcome is CaseOutcome.PASSED
    (difference,) = ended("expect: {entries: {secret-scanning: pass}}").differences
    assert difference.got == "not_selected"


def test_a_policy_that_does_not_select_the_subject_is_empty() -> None:
    policy = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: narrow}
match: {repository: "acme/pay*", properties: {tier: critical}}
rules: [{rule: requirement-link, enforce: block}]
"""
    more: dict[str, Any] = {"files": {"narrow.yml": policy}, "policy": "../narrow.yml"}
    other = "subject: {repository: acme/shop}, expect: {verdict: empty}"
    assert (
        ended("facts: {properties: {values: {tier: low}}}, expect: {verdict: empty}", **more).outcome
        is CaseOutcome.PASSED
    )
    assert "'properties'" in ended(other, **more).error
    unread = (
        "facts: {properties: {unavailable: x}}, expect: {verdict: inconclusive, unknown: {requirement-link: selects}}"
    )
    assert ended(unread, **more).outcome is CaseOutcome.PASSED
    critical = "facts: {properties: {values: {tier: critical}}}, expect: {verdict: passed}"
    assert ended(critical, **more).outcome is CaseOutcome.PASSED


CONFIG = """
apiVersion: almguard/v1
kind: Config
policies: [payments.yml]
waivers: [waivers.yml]
gate: {on_unknown: {scope: warn}}
"""
WAIVERS = """
apiVersion: almguard/v1
kind: Waivers
waivers:
  - entry: payments/change-approval
    subject: acme/payments
    reason: Bo is alone
    owner: ana
    approver: bo
    expires: 2026-06-30
"""
WAIVED: dict[str, Any] = {"files": {"config.yml": CONFIG, "waivers.yml": WAIVERS}, "policy": "../config.yml"}


def test_what_is_waived_keeps_its_outcome() -> None:
    found = ended("expect: {verdict: passed, entries: {change-approval: fail}, waived: change-approval}", **WAIVED)
    assert found.outcome is CaseOutcome.PASSED, found
    (difference,) = ended("expect: {waived: requirement-link}", **WAIVED).differences
    assert (difference.expected, difference.got) == ("waived", "not waived")


def test_a_waiver_that_has_expired_is_a_finding() -> None:
    late = "now: 2026-07-01T00:00:00Z, expect: {verdict: waiting, entries: {payments/waivers: fail}}"
    found = ended(late, **WAIVED)
    assert found.outcome is CaseOutcome.PASSED, found
    (difference,) = ended("now: 2026-07-01T00:00:00Z, expect: {waived: change-approval}", **WAIVED).differences
    assert difference.got == "not waived"


def test_the_gate_settings_of_the_configuration_decide() -> None:
    case = "facts: {work_items: {unavailable: x}}, expect: {verdict: %s}"
    assert ended(case % "passed", **WAIVED).outcome is CaseOutcome.PASSED
    assert ended(case % "waiting").outcome is CaseOutcome.PASSED


def test_what_the_program_posted_itself_is_no_evidence() -> None:
    policy = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: own}
rules:
  - {name: quiet, subject: pull_request, assert: 'checks.size() == 1', message: m, enforce: block}
"""
    checks = "[{name: almguard, state: success}, {name: ci, state: success}]"
    case = f"facts: {{checks: {checks}}}, expect: {{verdict: passed}}"
    found = ended(case, files={"own.yml": policy}, policy="../own.yml", facts="")
    assert found.outcome is CaseOutcome.PASSED, found


def test_an_empty_repository_has_no_branch_that_a_fact_could_be_about() -> None:
    policy = (
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\nrules: [{rule: branch-protection, enforce: block}]"
    )
    more: dict[str, Any] = {"files": {"p.yml": policy}, "policy": "../p.yml", "facts": ""}
    case = (
        "subject: {kind: repository, default_branch: null}, facts: {branch_rules: []}, "
        "expect: {entries: {branch-protection: not_applicable}}"
    )
    assert ended(case, **more).outcome is CaseOutcome.PASSED


def test_a_fact_fits_where_the_engine_can_reach_what_it_is_about() -> None:
    for kind in SUBJECTS.values():
        for fact in fact_types().values():
            assert fits(fact, kind) == can_reach(kind, fact.subject)


def seen(files: FileResult) -> dict[str, EntrySeen]:
    return {entry.key.partition("/")[2]: entry for entry in coverage([files])}


def test_coverage_is_of_every_entry_member_and_condition() -> None:
    found = seen(run("  - {name: a, expect: {entries: {approvals: fail}}}"))
    assert list(found) == ["secret-scanning", "requirement-link", "change-approval", "approvals", "docs-approval"]
    assert found["secret-scanning"].never == ("never failed", "never passed")
    assert found["approvals"].never == ("never passed",)
    assert found["change-approval"].never == ("never passed",)
    condition = 'when: files.all(f, f.path.startsWith("docs/")) never held'
    assert found["docs-approval"].never == ("never failed", "never passed", condition)


def test_coverage_grows_with_every_case() -> None:
    docs = "facts: {files: [docs/a.md], reviews: [%s]}, expect: {entries: {change-approval: %s}}"
    both = "facts: {reviews: [%s, {person: cy, opinion: approved, commit: c2}]}, expect: {entries: {approvals: pass}}"
    cases = [docs % (APPROVED, "pass"), docs % ("", "fail"), both % APPROVED]
    found = seen(run("".join(f"  - {{name: c{index}, {case}}}\n" for index, case in enumerate(cases))))
    assert not found["approvals"].never
    assert not found["docs-approval"].never
    assert not found["change-approval"].never
    assert found["requirement-link"].never == ("never failed", "never passed")


def test_a_case_that_could_not_be_judged_exercises_nothing() -> None:
    found = seen(run("  - {name: a, expect: {entries: {approvals: fail}}}", facts="facts: {reviews: []}\n"))
    assert found["approvals"].never == ("never failed", "never passed")


def test_two_files_of_one_policy_are_counted_together() -> None:
    first = run("  - {name: a, expect: {entries: {requirement-link: pass}}}")
    second = run("  - {name: a, facts: {work_items: []}, expect: {entries: {requirement-link: fail}}}")
    entries = {entry.key: entry for entry in coverage([first, second])}
    assert not entries["payments/requirement-link"].never
