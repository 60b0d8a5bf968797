"""Asking for reviews: by the whole program, on both platforms."""

from __future__ import annotations

from typing import Any

import pytest

from tests.cli.conftest import World, demo_scenario

GITHUB, AZURE = "github:acme/payments#13", "ado:acme/Payments/payments!13"
BOTH = pytest.mark.parametrize("target", [GITHUB, AZURE], ids=["github", "azure-devops"])
CONFIG = """
apiVersion: almguard/v1
kind: Config
policies: [asking-policy.yml]
gate: {comment: %s, request_reviews: %d}
"""
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: asking}
rules:
  - {rule: approvals, enforce: block, with: {minimum: 2, from: {teams: [payments-team]}}}
"""


def configuration(world: World, most: int = 2, comment: str = "on-change") -> str:
    world.write("asking-policy.yml", POLICY)
    return world.write("asking.yml", CONFIG % (comment, most))


def asked(world: World, number: int = 13) -> list[str]:
    pulls = world.state()["repositories"].get("acme/payments", {"pull_requests": []})["pull_requests"]
    return next((one["requested_reviewers"] for one in pulls if one["number"] == number), [])


@BOTH
def test_whoever_can_still_approve_is_asked_once(demo: World, target: str) -> None:
    for _ in range(2):
        ended = demo.call("gate", target, "--config", configuration(demo))
        assert ended.code == 5, ended.err
    assert asked(demo) == ["team:payments-team"]
    assert demo.call("gate", target, "--config", configuration(demo), "--format", "json").json()["notices"] == []


@BOTH
def test_nobody_is_asked_unless_it_is_wanted(demo: World, target: str) -> None:
    assert demo.call("gate", target, "--config", configuration(demo, 0)).code == 5
    assert demo.call("gate", target, "--config", configuration(demo), "--dry-run").code == 5
    assert asked(demo) == []


@BOTH
def test_a_draft_is_judged_quietly(world: Any, target: str) -> None:
    scenario = demo_scenario()
    (thirteen,) = [one for one in scenario["repositories"][0]["pull_requests"] if one["number"] == 13]
    thirteen["draft"] = True
    served: World = world(scenario)
    assert served.call("gate", target, "--config", configuration(served)).code == 5
    assert asked(served) == []
    repository = served.state()["repositories"]["acme/payments"]
    assert repository["issue_comments"] == []
    assert [one["ado_threads"] for one in repository["pull_requests"] if one["ado_threads"]] == []
