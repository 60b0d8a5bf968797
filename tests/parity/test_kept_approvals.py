"""An approval outlives what nobody wrote, on both platforms: an update merge, a rebase; and nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from tests.parity.conftest import Gate

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: cases}
rules:
  - {rule: approvals, enforce: block, with: {minimum: 1}}
"""

WORK = {"message": "Work", "files": {"src/work.py": "WORK = 1\n"}}
MORE = {"message": "More", "files": {"src/more.py": "MORE = 1\n", "docs/more.md": None}}
OTHER = {"message": "Work", "files": {"src/work.py": "WORK = 2\n"}}
FIRST = {"at": "-5d", "commits": [WORK, MORE]}
UPDATE = {"merge": "base", "author": "ana"}


def updated(by: str, **merge: Any) -> list[dict[str, Any]]:
    return [FIRST, {"at": "-1d", "by": by, "commits": [{**UPDATE, **merge}]}]


def rebased(*commits: dict[str, Any]) -> list[dict[str, Any]]:
    return [FIRST, {"at": "-1d", "force": True, "commits": list(commits)}]


CASES: dict[str, tuple[list[dict[str, Any]], str]] = {
    "nothing came after": ([FIRST], "pass"),
    "an update merge by the platform": (updated("updater[bot]"), "pass"),
    "a merge by the platform that touches something else": (
        updated("updater[bot]", files={"src/evil.py": "EVIL = 1\n"}),
        "fail",
    ),
    "a merge by the platform that touches the change": (
        updated("updater[bot]", files={"src/work.py": "EVIL = 1\n"}),
        "fail",
    ),
    "a merge by the platform that leaves out what the base has": (
        updated("updater[bot]", files={"src/base.py": None}),
        "fail",
    ),
    "a merge that a person made": (updated("ana", committer="ana"), "fail"),
    "a merge that a person made in the name of the platform": (
        updated("ana", committer="ana", author="web-flow", email="noreply@github.com"),
        "fail",
    ),
    "a rebase": (rebased(WORK, MORE), "pass"),
    "a rebase with another patch": (rebased(OTHER, MORE), "fail"),
    "a rebase in another order": (rebased(MORE, WORK), "fail"),
    "a rebase with a commit more": (rebased(WORK, MORE, {"message": "x", "files": {"x.py": "x\n"}}), "fail"),
    "a rebase into one commit": (rebased({"message": "Both", "files": {**WORK["files"], **MORE["files"]}}), "fail"),
    "another indentation": (
        rebased({"message": "Work", "files": {"src/work.py": " WORK = 1\n"}}, MORE),
        "fail",
    ),
}


def world() -> dict[str, Any]:
    return {
        "people": {"updater[bot]": {"bot": True}},
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}]}],
        "repositories": [
            {
                "name": "payments",
                "permissions": {"ana": "write", "bo": "write"},
                "files": {"README.md": "# Pay\n", "src/base.py": "BASE = 1\n", "docs/more.md": "more\n"},
                "commits": [
                    {"message": "Base", "at": "-3d", "author": "olga", "files": {"src/base.py": "BASE = 2\n"}},
                ],
                "pull_requests": [
                    {
                        "number": 11 + n,
                        "title": name,
                        "author": "ana",
                        "source": f"ana/{n}",
                        "created_at": "-6d",
                        "pushes": pushes,
                        "reviews": [{"by": "bo", "state": "approved", "at": "-4d"}],
                    }
                    for n, (name, (pushes, _)) in enumerate(CASES.items())
                ],
            }
        ],
    }


@pytest.mark.parametrize("name", CASES)
def test_same_outcome_on_both_platforms(serve: Any, name: str) -> None:
    number, (_, outcome) = 11 + list(CASES).index(name), CASES[name]
    gate: Gate = serve(world())
    for text in (f"github:acme/payments#{number}", f"ado:acme/Payments/payments!{number}"):
        judged = gate(text, POLICY)
        assert judged.outcomes == {"approvals": outcome}, f"{text}: {judged.messages('approvals')}"
        if outcome == "fail":
            assert "and the head is now" in judged.messages("approvals"), judged.messages("approvals")
