"""A repository with merged pull requests, each with something that came after its merge."""

from __future__ import annotations

from typing import Any

OWN = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: own}
rules:
  - {rule: approvals, enforce: block, with: {minimum: 1}}
"""

NOW = "2026-11-02T12:00:00Z"


def day(number: int, hour: int = 10) -> str:
    return f"2026-10-{number:02}T{hour:02}:00:00Z"


def merged(number: int, **more: Any) -> dict[str, Any]:
    """A pull request that was opened on the 10th and merged on the 20th."""
    part = {"number": number, "title": f"Change {number}", "author": "ana", "state": "merged", "source": f"f/{number}"}
    return {**part, "created_at": day(10), "closed_at": day(20), **more}


def world(*pull_requests: dict[str, Any], policy: str = OWN, **more: Any) -> dict[str, Any]:
    """A scenario of one repository, with its own policy."""
    return {
        "now": NOW,
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}]}],
        "repositories": [
            {
                "name": "payments",
                "permissions": {"ana": "write", "bo": "write", "cy": "write", "rob": "read"},
                "files": {"README.md": "hi\n", ".github/almguard.yml": policy},
                "pull_requests": list(pull_requests),
            },
            *more.pop("repositories", []),
        ],
        **more,
    }


def policy(*rules: str, name: str = "new") -> str:
    """A policy whose entries block."""
    return f"apiVersion: almguard/v1\nkind: Policy\nmetadata: {{name: {name}}}\nrules:\n" + "".join(
        f"  - {rule}\n" for rule in rules
    )
