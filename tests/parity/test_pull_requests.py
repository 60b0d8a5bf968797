"""The same pull request gets the same verdict on both platforms, for the same reasons."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity.conftest import Gate

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: cases}
rules:
  - {rule: requirement-link, enforce: block}
  - {rule: approvals, enforce: block, with: {minimum: 1}}
  - {rule: static-analysis-passed, enforce: block}
  - {rule: required-checks, enforce: block, with: {checks: [semgrep], app: [github-actions, azure-pipelines]}}
"""

WORKFLOW = """
name: ci
on:
  pull_request:
    branches: [main]
jobs:
  semgrep:
    runs-on: ubuntu-latest
    steps:
      - run: semgrep scan --error
"""

PIPELINE = """
steps:
  - script: semgrep scan --error
"""

LINKED: dict[str, Any] = {"body": "Fixes #101", "links": {"work_items": [101]}}
PASSED = {"name": "semgrep", "pipeline": "ci", "conclusion": "success"}
APPROVED = {"by": "bo", "state": "approved", "at": "-20h"}
GOOD: dict[str, Any] = {**LINKED, "reviews": [APPROVED], "checks": [PASSED]}
LATER = {"at": "-2h", "commits": [{"files": {"src/b.py": "B = 1\n"}}]}


def push(number: int) -> dict[str, Any]:
    """The first push; each pull request has a head of its own, for equal commits would share their checks."""
    return {"at": "-2d", "commits": [{"files": {"src/a.py": f"A = {number}\n"}}]}


def checked(**check: Any) -> dict[str, Any]:
    return {**GOOD, "checks": [{**PASSED, **check}]}


ALL = ("requirement-link", "approvals", "static-analysis-passed", "required-checks")
NEITHER = {"static-analysis-passed": "fail", "required-checks": "fail"}

CASES: dict[str, tuple[dict[str, Any], str, dict[str, str]]] = {
    "all good": (GOOD, "passed", {}),
    "no link": ({**GOOD, "body": "Nothing here.", "links": {}}, "blocked", {"requirement-link": "fail"}),
    "linked to a missing item": (
        {**GOOD, "body": "Fixes #999", "links": {}},
        "blocked",
        {"requirement-link": "fail"},
    ),
    "linked to a closed item": (
        {**GOOD, "body": "Fixes #102", "links": {"work_items": [102]}},
        "blocked",
        {"requirement-link": "fail"},
    ),
    "not approved": ({**GOOD, "reviews": []}, "waiting", {"approvals": "fail"}),
    "approved by its author": (
        {**GOOD, "reviews": [{"by": "ana", "state": "approved"}]},
        "waiting",
        {"approvals": "fail"},
    ),
    "approved by a reader": (
        {**GOOD, "reviews": [{"by": "rita", "state": "approved"}]},
        "waiting",
        {"approvals": "fail"},
    ),
    "approved, then pushed to": (
        {**GOOD, "pushes": [LATER], "checks": [{**PASSED, "at": "-1h"}]},
        "waiting",
        {"approvals": "fail"},
    ),
    "approved, then changes requested": (
        {**GOOD, "reviews": [APPROVED, {"by": "bo", "state": "changes_requested", "at": "-2h"}]},
        "blocked",
        {"approvals": "fail"},
    ),
    "changes requested, then approved": (
        {**GOOD, "reviews": [{"by": "bo", "state": "changes_requested", "at": "-30h"}, APPROVED]},
        "passed",
        {},
    ),
    "analysis missing": ({**GOOD, "checks": []}, "blocked", NEITHER),
    "analysis pending": (checked(state="in_progress"), "waiting", NEITHER),
    "analysis failed": (checked(conclusion="failure"), "blocked", NEITHER),
    "analysis skipped": (checked(conclusion="skipped"), "blocked", NEITHER),
}


def world() -> dict[str, Any]:
    return {
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}]}],
        "repositories": [
            {
                "name": "payments",
                "permissions": {"ana": "write", "bo": "write", "rita": "read"},
                "files": {
                    ".github/workflows/ci.yml": WORKFLOW,
                    "azure-pipelines.yml": PIPELINE,
                    "README.md": "# Pay\n",
                },
                "pipelines": [{"name": "ci", "path": ".github/workflows/ci.yml", "azure_path": "azure-pipelines.yml"}],
                "protection": [{"branch": "main", "approvals": 1, "checks": [{"name": "semgrep", "pipeline": "ci"}]}],
                "pull_requests": [
                    {
                        "number": 11 + n,
                        "title": name,
                        "author": "ana",
                        "source": f"ana/{n}",
                        **change,
                        "pushes": [push(n), *change.get("pushes", ())],
                    }
                    for n, (name, (change, _, _)) in enumerate(CASES.items())
                ],
            }
        ],
        "work_items": [
            {"id": 101, "repository": "payments", "state": "Active"},
            {"id": 102, "repository": "payments", "state": "Closed", "closed_at": "-20d"},
        ],
    }


@pytest.mark.parametrize("name", CASES)
def test_same_verdict_on_both_platforms(serve: Any, name: str) -> None:
    _, verdict, differences = CASES[name]
    number = 11 + list(CASES).index(name)
    gate: Gate = serve(world())
    expected = dict.fromkeys(ALL, "pass") | differences
    for text in (f"github:acme/payments#{number}", f"ado:acme/Payments/payments!{number}"):
        judged = gate(text, POLICY)
        said = "\n".join(f"{rule}: {judged.messages(rule)}" for rule in ALL)
        assert judged.outcomes == expected, f"{text}\n{said}"
        assert judged.verdict.value == verdict, f"{text}\n{said}"
