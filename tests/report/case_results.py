"""Policy tests as they may have ended, for reports; with texts that anybody may have written."""

from __future__ import annotations

from bot.engine.cases import CaseOutcome, CaseResult, Difference, FileResult
from bot.policy.casefile import Case
from tests.policy.case_files import HEAD, load

HOSTILE = "\x1b[31mred\x1b[0m <&\"'> ]]> \x00 ::error::x ##vso[task.x] \ud800 \u202e"


def case(name: str, line: int) -> Case:
    (found,) = load(HEAD + "cases: [{name: a, expect: {verdict: passed}}]").cases
    return Case(name, line, found.about, found.now, found.expected)


def results(hostile: str = "0 of 2") -> list[FileResult]:
    """One file with a case of each outcome, and one where all is well."""
    file = load(HEAD + "cases: [{name: a, expect: {verdict: passed}}]")
    differences = (
        Difference("verdict", "passed", "blocked", (f"payments/approvals: fail (block): {hostile}",)),
        Difference("payments/approvals", "pass", "fail", (hostile, "another")),
    )
    ended = (
        CaseResult(case("good", 6), CaseOutcome.PASSED),
        CaseResult(case(f"two people {hostile}", 9), CaseOutcome.FAILED, differences),
        CaseResult(case("lacks a fact", 12), CaseOutcome.ERROR, error="the case gives no 'reviews'"),
    )
    return [FileResult(file, ended), FileResult(file, ended[:1])]
