"""Alerts of code scanning mean the same on both platforms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity.conftest import Gate

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: cases}
rules:
  - {rule: code-alerts, enforce: block, with: {severity: high, max_age_days: 7}}
"""
BOTH = pytest.mark.parametrize("target", ["github:acme/payments", "ado:acme/Payments/payments"])
NEW = {"kind": "code", "pull_request": 12, "path": "src/a.py", "line": 3, "rule": "py/injection"}
OLD = {"kind": "code", "number": 90, "path": "src/old.py", "rule": "py/old", "created_at": "-9d"}
BY = {"state": "dismissed", "dismissed_by": "bo", "dismissed_reason": "false positive"}
LOOKED = [{}, {"pull_request": 12}]


def world(*alerts: dict[str, Any], security: dict[str, Any] | None = None, **repository: Any) -> dict[str, Any]:
    push = {"at": "-2d", "commits": [{"files": {"src/a.py": "A = 1\n"}}]}
    return {
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}]}],
        "repositories": [
            {
                "name": "payments",
                "permissions": {"ana": "write", "bo": "write"},
                "security": {"code_scanning": True} if security is None else security,
                "pull_requests": [
                    {"number": 12, "title": "More", "author": "ana", "source": "ana/more", "pushes": [push]}
                ],
                "alerts": [{"number": at, **alert} for at, alert in enumerate(alerts, 1)],
                **repository,
            }
        ],
    }


CASES: dict[str, tuple[dict[str, Any], str, str]] = {
    "nothing found": (world(), "passed", ""),
    "found in the change": (world(NEW), "blocked", "src/a.py:3"),
    "found in the base as well": (world(OLD), "passed", ""),
    "a lesser one": (world({**NEW, "severity": "medium"}), "passed", ""),
    "a graver one": (world({**NEW, "severity": "critical"}), "blocked", "critical"),
    "mended already": (world({**NEW, "state": "fixed"}), "passed", ""),
    "dismissed by somebody else": (world({**NEW, **BY}), "passed", ""),
    "dismissed by its author": (world({**NEW, **BY, "dismissed_by": "ana"}), "blocked", "is the author"),
    "not looked at yet": (world(analyses=[{}]), "waiting", "has not looked at the head commit yet"),
    "looked at": (world(analyses=LOOKED), "passed", ""),
    "nothing was ever uploaded": (world(security={"code_scanning": False, "secret_scanning": True}), "passed", "ever"),
    "not bought": (world(security={}), "", ""),
}


def told(target: str, number: int = 12) -> str:
    return f"{target}#{number}" if target.startswith("github") else f"{target}!{number}"


@BOTH
@pytest.mark.parametrize("name", CASES)
def test_same_verdict_on_both_platforms(serve: Any, target: str, name: str) -> None:
    scenario, verdict, words = CASES[name]
    judged = serve(scenario)(told(target), POLICY)
    said = judged.messages("code-alerts")
    if name == "not bought":  # GitHub keeps it from whom does not pay; on Azure DevOps there is then no such thing
        expected = ("unknown", "Advanced Security") if "github" in target else ("not_applicable", "Advanced Security")
        assert judged.outcomes["code-alerts"] == expected[0], said
        assert expected[1] in said
        return
    assert judged.verdict.value == verdict, said
    assert words in said


@BOTH
def test_a_repository_is_judged_by_the_age_of_its_alerts(serve: Any, target: str) -> None:
    gate: Gate = serve(world(OLD, {**OLD, "number": 91, "rule": "py/young", "created_at": "-2d"}))
    judged = gate(target, POLICY)
    assert judged.outcomes == {"code-alerts": "fail"}
    assert "py/old (high) at src/old.py:1" in judged.messages("code-alerts")
    assert "open for 9 days, 7 are allowed" in judged.messages("code-alerts")
    assert "py/young" not in judged.messages("code-alerts")


@BOTH
def test_a_dismissal_without_a_reason_is_none(serve: Any, target: str) -> None:
    old = {**OLD, **BY, "dismissed_reason": ""}
    if "github" in target:
        assert serve(world({**OLD, **BY}))(target, POLICY).outcomes == {"code-alerts": "pass"}
    judged = serve(world(old))(target, POLICY)
    assert judged.outcomes == {"code-alerts": "fail"}, judged.messages("code-alerts")
    assert "without a reason" in judged.messages("code-alerts")


def test_github_alone_tells_which_commit_was_looked_at(serve: Any) -> None:
    later = {"at": "-1d", "commits": [{"files": {"src/b.py": "B = 1\n"}}]}
    scenario = world(analyses=[{}, {"pull_request": 12, "push": 1}])
    scenario["repositories"][0]["pull_requests"][0]["pushes"].append(later)
    gate: Gate = serve(scenario)
    assert gate("github:acme/payments#12", POLICY).verdict.value == "waiting"
    assert gate("ado:acme/Payments/payments!12", POLICY).verdict.value == "passed"


def test_a_tool_that_looks_in_parts_has_looked_when_all_have(serve: Any) -> None:
    later = {"at": "-1d", "commits": [{"files": {"src/b.py": "B = 1\n"}}]}
    first = [{"pull_request": 12, "push": 1, "category": language, "at": "-2d"} for language in ("python", "go")]
    second = [{"pull_request": 12, "push": 2, "category": language} for language in ("python", "go")]

    def judged(*analyses: dict[str, Any]) -> Any:
        scenario = world(analyses=[{}, *first, *analyses])
        scenario["repositories"][0]["pull_requests"][0]["pushes"].append(later)
        return serve(scenario)("github:acme/payments#12", POLICY)

    assert judged(*second).verdict.value == "passed"
    half = judged(second[0])
    assert half.verdict.value == "waiting"
    assert "CodeQL has looked at the head commit in part: go" in half.messages("code-alerts")


def test_results_that_did_not_arrive_whole_are_unknown(serve: Any) -> None:
    gate: Gate = serve(world(analyses=[{}, {"pull_request": 12, "error": "too large"}]))
    judged = gate("github:acme/payments#12", POLICY)
    assert judged.outcomes == {"code-alerts": "unknown"}
    assert "too large" in judged.messages("code-alerts")


@BOTH
def test_nobody_looked_at_an_empty_repository(serve: Any, target: str) -> None:
    judged = serve(world(empty=True, pull_requests=[]))(target, POLICY)
    assert judged.outcomes == {"code-alerts": "not_applicable"}
    assert "None" not in judged.messages("code-alerts")
