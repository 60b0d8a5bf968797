"""The same release is judged alike on both platforms: ready to roll back, and one case for each line that is missing."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from tests.parity.conftest import Gate

LINES = ["previous", "artifacts", "procedure", "rehearsed", "migrations", "immutable", "notes", "configuration"]

POLICY = f"""
apiVersion: almguard/v1
kind: Policy
metadata: {{name: cases}}
rules:
  - rule: rollback-ready
    enforce: block
    with: {{require: [{", ".join(LINES)}], keep_days: 30, rehearse_days: 90}}
"""

DEPLOY = """
name: deploy
on:
  workflow_dispatch:
    inputs:
      version: {required: true}
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - uses: actions/checkout@0123456789012345678901234567890123456789
        with: {ref: "${{ inputs.version }}"}
      - run: ./deploy.sh "${{ inputs.version }}"
"""

PIPELINE = """
stages:
  - stage: Deploy
    jobs:
      - deployment: deploy
        environment: production
        strategy:
          runOnce:
            deploy:
              steps:
                - script: ./deploy.sh
"""

REVERSIBLE = "def upgrade():\n    op.add_column('a', 'b')\n\n\ndef downgrade():\n    op.drop_column('a', 'b')\n"
ONE_WAY = "def upgrade():\n    op.add_column('a', 'b')\n\n\ndef downgrade():\n    pass\n"
MIGRATION = "alembic/versions/0002_b.py"

Change = Callable[[dict[str, Any]], None]


def ready() -> dict[str, Any]:
    """A repository whose release v1.1.0 could be rolled back to v1.0.0."""

    def digest(character: str) -> str:
        return "sha256:" + character * 64

    def release(version: str, commit: str, run: int, age: str, number: str) -> dict[str, Any]:
        asset = {"name": f"pay-{version}.tar.gz", "digest": digest(number)}
        notes = f"What changed: #10{number}, AB#10{number}."
        return {
            "version": version, "commit": commit, "run": run, "created_at": age, "immutable": True,
            "notes": notes, "assets": [asset], "author": "ana",
        }  # fmt: skip

    def run(number: int, commit: str, age: str) -> dict[str, Any]:
        artifact = {"name": "pay", "expires_at": "+80d"}
        return {
            "id": number, "pipeline": "deploy", "commit": commit, "branch": "main", "at": age,
            "artifacts": [artifact], "leases": ["+200d"], "by": "ana", "event": "workflow_dispatch",
        }  # fmt: skip

    return {
        "name": "pay",
        "permissions": {"ana": "write"},
        "files": {".github/workflows/deploy.yml": DEPLOY, "azure-pipelines.yml": PIPELINE, "README.md": "# Pay\n"},
        "commits": [
            {"id": "c1", "at": "-40d", "message": "One\n\nFixes #101", "author": "ana", "files": {"a.py": "A = 1\n"}},
            {
                "id": "c2",
                "at": "-10d",
                "message": "Two\n\nFixes #102",
                "author": "ana",
                "files": {MIGRATION: REVERSIBLE},
            },
        ],
        "pipelines": [{"name": "deploy", "path": ".github/workflows/deploy.yml", "azure_path": "azure-pipelines.yml"}],
        "environments": [{"name": "production"}],
        "runs": [run(900, "c1", "-39d"), run(901, "c2", "-9d")],
        "releases": [release("v1.0.0", "c1", 900, "-39d", "1"), release("v1.1.0", "c2", 901, "-9d", "2")],
        "deployments": [
            {"environment": "production", "release": "v1.0.0", "run": 900, "at": "-38d", "by": "ana"},
            {"environment": "production", "release": "v1.1.0", "run": 901, "at": "-8d", "by": "ana"},
            {"environment": "production", "release": "v1.0.0", "run": 900, "at": "-7d", "by": "ana", "attempt": 2},
            {"environment": "production", "release": "v1.1.0", "run": 901, "at": "-6d", "by": "ana", "attempt": 2},
        ],
    }


def no_earlier_success(pay: dict[str, Any]) -> None:
    pay["deployments"] = [{**d, "status": "failure"} if d["release"] == "v1.0.0" else d for d in pay["deployments"]]


def artifacts_gone(pay: dict[str, Any]) -> None:
    pay["releases"][0]["assets"][0]["missing"] = True
    pay["runs"][0]["artifacts"][0] |= {"expired": True, "expires_at": "-1d"}
    pay["runs"][0]["leases"] = []


def no_procedure(pay: dict[str, Any]) -> None:
    del pay["files"][".github/workflows/deploy.yml"]
    pay["runs"][0]["deleted"] = True


def never_rehearsed(pay: dict[str, Any]) -> None:
    del pay["deployments"][2:]


def one_way_migration(pay: dict[str, Any]) -> None:
    pay["commits"][1]["files"] = {MIGRATION: ONE_WAY}


def tag_moved(pay: dict[str, Any]) -> None:
    pay["releases"][1]["tag_moved"] = True


def no_notes(pay: dict[str, Any]) -> None:
    pay["releases"][1]["notes"] = ""


def notes_without_items(pay: dict[str, Any]) -> None:
    pay["releases"][1]["notes"] = "Better than ever."


CASES: dict[str, tuple[Change | None, str, str]] = {
    "ready": (None, "pass", ""),
    "previous": (no_earlier_success, "fail", "earlier"),
    "artifacts": (artifacts_gone, "fail", "artifact"),
    "procedure": (no_procedure, "fail", "way back"),
    "rehearsed": (never_rehearsed, "fail", "rehears"),
    "migrations": (one_way_migration, "fail", MIGRATION),
    "immutable": (tag_moved, "fail", "tag"),
    "notes": (no_notes, "fail", "notes"),
    "notes name the items": (notes_without_items, "fail", "102"),
}


def world(change: Change | None) -> dict[str, Any]:
    pay = copy.deepcopy(ready())
    if change is not None:
        change(pay)
    return {
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}]}],
        "repositories": [pay],
        "work_items": [{"id": 101, "repository": "pay", "state": "Closed"}, {"id": 102, "repository": "pay"}],
    }


@pytest.mark.parametrize("name", CASES)
def test_same_outcome_on_both_platforms(serve: Any, name: str) -> None:
    change, outcome, words = CASES[name]
    gate: Gate = serve(world(change))
    for text in ("github:acme/pay@v1.1.0", "ado:acme/Payments/pay@v1.1.0"):
        judged = gate(text, POLICY)
        said = judged.messages("rollback-ready")
        assert judged.outcomes == {"rollback-ready": outcome}, f"{text}\n{said}"
        assert words.lower() in said.lower(), text


def test_the_first_release_of_all_is_not_applicable(serve: Any) -> None:
    def first(pay: dict[str, Any]) -> None:
        del pay["deployments"][1:]
        del pay["releases"][1:]

    gate: Gate = serve(world(first))
    for text in ("github:acme/pay@v1.0.0", "ado:acme/Payments/pay@v1.0.0"):
        judged = gate(text, POLICY)
        assert judged.outcomes == {"rollback-ready": "not_applicable"}, judged.messages("rollback-ready")
        assert "first release" in judged.messages("rollback-ready")
