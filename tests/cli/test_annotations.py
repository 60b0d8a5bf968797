"""Findings with a place, shown at their lines: by the whole program."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from tests.cli.conftest import World, demo_scenario

GITHUB, AZURE = "github:acme/payments#12", "ado:acme/Payments/payments!12"
LOCATED = """
apiVersion: almguard/v1
kind: Config
policies: [located-policy.yml]
gate: {annotations: %s}
"""
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: located}
rules:
  - name: no-retry
    subject: pull_request
    assert: pr.number == 0
    message: "{{ pr.title }} retries."
    fix: Do not.
    location: %s
    enforce: block
"""


def configuration(world: World, location: str = "src/retry.py", annotations: str = "check") -> str:
    world.write("located-policy.yml", POLICY % location)
    return world.write("located.yml", LOCATED % annotations)


def check_runs(world: World) -> list[dict[str, Any]]:
    address = f"{world.sandbox.url}/api/v3/repos/acme/payments/commits/ana/retry/check-runs?check_name=almguard"
    found = requests.get(address, headers={"Authorization": "Bearer sandbox-token"}, timeout=10)
    found.raise_for_status()
    runs: list[dict[str, Any]] = found.json()["check_runs"]
    return runs


def annotations(world: World, run: dict[str, Any]) -> list[dict[str, Any]]:
    found = requests.get(
        run["output"]["annotations_url"], headers={"Authorization": "Bearer sandbox-token"}, timeout=10
    )
    found.raise_for_status()
    said: list[dict[str, Any]] = found.json()
    return said


def test_a_rule_of_ones_own_speaks_at_its_file_and_once(demo: World) -> None:
    for _ in range(2):
        assert demo.call("gate", GITHUB, "--config", configuration(demo)).code == 1
    (run,) = check_runs(demo)
    assert run["output"]["annotations_count"] == 1
    (said,) = annotations(demo, run)
    assert (said["path"], said["start_line"], said["annotation_level"]) == ("src/retry.py", 1, "failure")
    assert said["title"] == "located/no-retry (medium)"
    assert said["message"] == "Retry a charge that timed out retries.\nWhat to do: Do not."


@pytest.mark.parametrize(("location", "asked"), [("src/app.py", "check"), ("src/retry.py", "never")])
def test_elsewhere_or_unwanted_it_stays_in_the_summary(demo: World, location: str, asked: str) -> None:
    assert demo.call("gate", GITHUB, "--config", configuration(demo, location, asked)).code == 1
    (run,) = check_runs(demo)
    assert run["output"]["annotations_count"] == 0
    assert location.replace(".", "") in run["output"]["summary"].replace(".", "")


ALERTS = """
apiVersion: almguard/v1
kind: Config
policies: [alerts-policy.yml]
gate: {annotations: threads}
"""
ALERTS_POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: alerts}
rules: [{rule: code-alerts, enforce: block}]
"""


@pytest.fixture
def alerts(world: Any) -> World:
    """Pull request 12 brings two alerts, one of them in a file that it does not change."""
    scenario = demo_scenario()
    alert = {"kind": "code", "pull_request": 12, "rule": "py/injection", "line": 1}
    scenario["repositories"][0]["alerts"] = [
        {**alert, "number": 71, "path": "src/retry.py"},
        {**alert, "number": 72, "path": "src/app.py", "line": 2},
    ]
    served: World = world(scenario)
    served.write("alerts-policy.yml", ALERTS_POLICY)
    return served


def test_code_alerts_are_shown_at_their_lines_on_github(alerts: World) -> None:
    ended = alerts.call("gate", GITHUB, "--config", alerts.write("alerts.yml", ALERTS))
    assert ended.code == 1, ended.out + ended.err
    (run,) = check_runs(alerts)
    (said,) = annotations(alerts, run)
    assert (said["path"], said["start_line"], said["annotation_level"]) == ("src/retry.py", 1, "failure")
    assert "py/injection (high) at src/retry.py:1" in said["message"]
    assert "src/app" in run["output"]["summary"].replace("\\", "")


def test_code_alerts_are_shown_at_their_lines_on_azure_devops(alerts: World) -> None:
    job = {"TF_BUILD": "True", "SYSTEM_HOSTTYPE": "build"}
    ended = alerts.call("gate", AZURE, "--config", alerts.write("alerts.yml", ALERTS), environ=job)
    assert ended.code == 1, ended.out + ended.err
    (issue,) = [line for line in ended.out.splitlines() if line.startswith("##vso[task.logissue ")]
    assert "sourcepath=src/retry.py;linenumber=1;columnnumber=1;code=alerts/code-alerts;]" in issue
    pulls = alerts.state()["repositories"]["acme/payments"]["pull_requests"]
    threads = [thread for pull in pulls for thread in pull["ado_threads"] if thread["path"]]
    assert [(thread["path"], thread["line"], thread["status"]) for thread in threads] == [("src/retry.py", 1, "active")]
