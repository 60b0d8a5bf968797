"""A pull request into another's branch is judged by the policy of where the stack lands, where that policy says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Ended, World

TARGETS = {"github": "github:acme/app#{}", "azure-devops": "ado:acme/Payments/app!{}"}
WHOLE = {"github": "github:acme/app", "azure-devops": "ado:acme/Payments/app"}
ON_BOTH = pytest.mark.parametrize("platform", TARGETS)
CONFIG = "apiVersion: almguard/v1\nkind: Config\npolicies: [policies/*.yml]\ngate: {follow_stack: %s}\n"
POLICY = (
    "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: %s}\nmatch: {branch: [default]}\n"
    "rules: [{rule: requirement-link, enforce: block}]\n"
)
WEAK = (
    "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: weak}\nrules: [{rule: requirement-link, enforce: warn}]\n"
)


def stack(follow: str, weak: dict[str, str] | None = None) -> dict[str, Any]:
    """1 goes into main, 2 into its branch and 3 into that of 2; the branches under them may have a policy of their own."""
    changes = {"src/one.py": "ONE = 1\n", **(weak or {})}
    return {
        "apiVersion": "almguard.sandbox/v1", "kind": "Scenario", "description": "A stack.",
        "people": {who: {"name": who, "email": f"{who}@acme.example"} for who in ("olga", "ana")},
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Payments"}]}],
        "repositories": [{
            "name": "app", "permissions": {"ana": "write"},
            "files": {"almguard.yml": CONFIG % follow, "policies/plan.yml": POLICY % "plan", "README.md": "x"},
            "pull_requests": [
                {"number": 1, "title": "One", "author": "ana", "source": "one",
                 "pushes": [{"commits": [{"message": "One", "author": "ana", "files": changes}]}]},
                {"number": 2, "title": "Two", "author": "ana", "source": "two", "target": "one",
                 "pushes": [{"commits": [{"message": "Two", "author": "ana", "files": {**changes, "src/two.py": "T = 2\n"}}]}]},
                {"number": 3, "title": "Three", "author": "ana", "source": "three", "target": "two"},
            ],
        }],
    }  # fmt: skip


def gate(world: World, target: str, *more: str) -> Ended:
    return world.call("gate", target, "--dry-run", "--format", "json", *more)


@ON_BOTH
def test_it_is_followed_where_the_branch_that_it_lands_in_says_so(
    world: Callable[[dict[str, Any]], World], platform: str
) -> None:
    weak = {"almguard.yml": CONFIG % "false", "policies/plan.yml": WEAK}
    served = world(stack("true", weak))
    for number in (2, 3):
        ended = gate(served, TARGETS[platform].format(number))
        assert ended.code == 1, ended.out + ended.err
        report = ended.json()
        assert report["gate"]["base_branch"] == "main"
        assert {result["key"] for result in report["results"]} == {"plan/requirement-link"}
        assert "by the policy of main, where it will land" in " ".join(report["notices"])


@ON_BOTH
def test_it_is_judged_by_its_base_otherwise(world: Callable[[dict[str, Any]], World], platform: str) -> None:
    weak = {"almguard.yml": CONFIG % "true", "policies/plan.yml": WEAK}
    served = world(stack("false", weak))
    ended = gate(served, TARGETS[platform].format(2))
    assert ended.code == 0, ended.out + ended.err
    report = ended.json()
    assert report["gate"]["base_branch"] == "one"
    assert {result["key"] for result in report["results"]} == {"weak/requirement-link"}


@ON_BOTH
def test_a_floor_may_ask_for_it(world: Callable[[dict[str, Any]], World], platform: str) -> None:
    served = world(stack("false"))
    floor = served.write("floor/floor.yml", CONFIG % "true")
    served.write("floor/policies/held.yml", POLICY % "held")
    ended = gate(served, TARGETS[platform].format(3), "--config", floor)
    assert ended.code == 1, ended.out + ended.err
    assert {result["policy"] for result in ended.json()["results"]} == {"held", "plan"}


@ON_BOTH
def test_all_open_ones_are_followed_too_and_stand_as_one_by_one(
    world: Callable[[dict[str, Any]], World], platform: str
) -> None:
    served = world(stack("true"))
    for number in (1, 2, 3):
        assert served.call("gate", TARGETS[platform].format(number)).code == 1
    ended = served.call("gate", "--all-open", WHOLE[platform], "--format", "json")
    assert ended.code == 1, ended.out + ended.err
    assert "0 moved, 3 did not" in " ".join(ended.json()["notices"])


@ON_BOTH
def test_what_is_no_stack_costs_no_further_request(world: Callable[[dict[str, Any]], World], platform: str) -> None:
    served = world(stack("true"))
    asked = gate(served, TARGETS[platform].format(1)).json()["run"]["requests"]
    unaware = world(stack("false"))
    assert gate(unaware, TARGETS[platform].format(1)).json()["run"]["requests"] == asked
    searched = [one for one in served.ledger() if "searchCriteria.sourceRefName" in str(one)]
    assert searched == []


def merged_onwards(lax: dict[str, str]) -> dict[str, Any]:
    """3 goes into a guarded release branch, which somebody would merge into a branch of theirs."""
    strict = {
        "almguard.yml": CONFIG % "false",
        "policies/plan.yml": (POLICY % "plan").replace("[default]", "[release]"),
    }
    made = stack("false")
    made["repositories"][0]["protection"] = [{"branch": "release", "approvals": 1}]
    made["repositories"][0]["pull_requests"] = [
        {"number": 1, "title": "Lax", "author": "ana", "source": "lax", "state": "closed",
         "pushes": [{"commits": [{"message": "Lax", "author": "ana", "files": lax}]}]},
        {"number": 2, "title": "Onwards", "author": "ana", "source": "release", "target": "lax",
         "pushes": [{"commits": [{"message": "Release", "author": "ana", "files": strict}]}]},
        {"number": 3, "title": "Three", "author": "ana", "source": "three", "target": "release",
         "pushes": [{"commits": [{"message": "Three", "author": "ana", "files": {**strict, "src/three.py": "T = 3\n"}}]}]},
    ]  # fmt: skip
    return made


@ON_BOTH
@pytest.mark.parametrize("config", [CONFIG % "true", "gate: [it does not load"], ids=["lax", "broken"])
def test_a_guarded_branch_is_never_judged_by_where_somebody_would_merge_it(
    world: Callable[[dict[str, Any]], World], platform: str, config: str
) -> None:
    served = world(merged_onwards({"almguard.yml": config, "policies/plan.yml": WEAK}))
    ended = gate(served, TARGETS[platform].format(3))
    assert ended.code == 1, ended.out + ended.err
    report = ended.json()
    assert report["gate"]["base_branch"] == "release"
    assert {result["key"] for result in report["results"]} == {"plan/requirement-link"}
