"""The templates of Azure Pipelines, step by step, against the sandbox."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from tests.action.azure_agent import Ran
from tests.action.conftest import Machine
from tests.cli.conftest import ROOT

GATE = "azure-gate.yml"


def pull_request(machine: Machine, number: int) -> dict[str, Any]:
    address = f"{machine.world.sandbox.url}/acme/Payments/_apis/git/repositories/payments/pullRequests/{number}"
    found: dict[str, Any] = requests.get(address, auth=("", "sandbox-token"), timeout=10).json()
    return found


def validation(machine: Machine, number: int, **parameters: object) -> Ran:
    """A build validation of a pull request."""
    return machine.build(
        GATE,
        parameters,
        BUILD_REASON="PullRequest",
        SYSTEM_PULLREQUEST_PULLREQUESTID=str(number),
        SYSTEM_PULLREQUEST_TARGETBRANCH="refs/heads/main",
        SYSTEM_PULLREQUEST_SOURCECOMMITID=pull_request(machine, number)["lastMergeSourceCommit"]["commitId"],
    )


def statuses(machine: Machine, number: int) -> list[str]:
    found = machine.world.state()["repositories"].get("acme/payments", {"pull_requests": []})["pull_requests"]
    return [one["state"] for pull in found if pull["number"] == number for one in pull["ado_statuses"]]


@pytest.mark.parametrize(
    ("number", "exit_zero", "code", "state"),
    [
        (14, False, 0, "succeeded"),
        (13, False, 5, "pending"),
        (13, True, 0, "pending"),
        (12, False, 1, "failed"),
        (12, True, 0, "failed"),
    ],
)
def test_a_build_validation(machine: Machine, number: int, exit_zero: bool, code: int, state: str) -> None:
    ran = validation(machine, number, exitZero=exit_zero)
    assert ran.code == code, ran.log
    assert ran.ran == ["Judge"]
    assert statuses(machine, number)[-1] == state
    (summary,) = ran.summaries
    assert "almguard" in summary
    verdict = {"succeeded": "passed", "pending": "waiting", "failed": "blocked"}[state]
    assert ran.tags == [f"almguard-{verdict}"]
    assert ran.variables["VERDICT"] == verdict
    assert json.loads(ran.variables["SUMMARY"])["verdict"] == verdict
    assert json.loads(Path(ran.variables["REPORT"]).read_text(encoding="utf-8"))["gate"]["verdict"] == verdict


def test_a_dry_run_posts_nothing_and_forgives_nothing(machine: Machine) -> None:
    ran = validation(machine, 12, dryRun=True, exitZero=True)
    assert ran.code == 1, ran.log
    assert statuses(machine, 12) == []


def test_sarif_files_are_looked_for_in_the_sources(machine: Machine) -> None:
    sources = machine.world.folder / "sources"
    sources.mkdir(exist_ok=True)
    (sources / "good.sarif").write_text('{"version": "2.1.0", "runs": []}')
    assert validation(machine, 14, dryRun=True, sarif="good.sarif").code == 0
    ran = validation(machine, 14, dryRun=True, sarif="good.sarif\nnone.sarif")
    assert ran.code == 2
    assert f"{sources}/none.sarif: it cannot be read" in " ".join(ran.log.split())


def test_a_build_of_a_branch_is_refused(machine: Machine) -> None:
    ran = machine.build(GATE, {}, BUILD_REASON="IndividualCI")
    assert ran.code == 2, ran.log
    assert ran.summaries == []


def test_a_schedule_judges_every_open_one_and_a_hook_the_one_that_it_is_about(machine: Machine) -> None:
    ran = machine.build(GATE, {"exitZero": True}, BUILD_REASON="Schedule")
    assert ran.code == 0, ran.log  # the verdicts stand on the pull requests
    assert [statuses(machine, number) for number in (12, 13, 14)] == [["failed"], ["pending"], ["succeeded"]]
    requests.post(
        f"{machine.world.sandbox.url}/_sandbox/events",
        json={"pull_request": 13, "review": {"by": "cleo", "state": "approved"}}, timeout=10,
    ).raise_for_status()  # fmt: skip
    voted = pull_request(machine, 13)["repository"]
    hook = {"hookPullRequest": "13", "hookRepository": voted["id"], "hookProject": voted["project"]["id"]}
    ran = machine.build(GATE, {"exitZero": True, **hook}, BUILD_REASON="ResourceTrigger")
    assert ran.code == 0, ran.log
    assert statuses(machine, 13)[-1] == "succeeded"
    assert [statuses(machine, number) for number in (12, 14)] == [["failed"], ["succeeded"]]
    again = machine.build(GATE, {"exitZero": True, **hook}, BUILD_REASON="ResourceTrigger")
    assert again.code == 0, again.log
    assert "1 open pull request judged again: 0 moved, 1 did not" in " ".join(again.log.split())


def test_the_pipeline_for_service_hooks_gives_the_steps_what_they_take() -> None:
    """What a hook tells comes in as parameters of these steps: numbers and ids, and no text that anybody writes."""
    templates = ROOT / "templates" / "pipelines"
    pipeline = yaml.load((templates / "azure-again.yml").read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    (used,) = [step for step in pipeline["steps"] if "template" in step]
    steps = yaml.load((templates / used["template"]).read_text(encoding="utf-8"), Loader=yaml.BaseLoader)
    declared = {parameter["name"] for parameter in steps["parameters"]}
    assert set(used["parameters"]) <= declared
    told = {name: text for name, text in used["parameters"].items() if name.startswith("hook")}
    assert set(told) == {name for name in declared if name.startswith("hook")}
    known = {hook["webhook"] for hook in pipeline["resources"]["webhooks"]}
    for text in told.values():
        for path in re.findall(r"parameters\.([\w.]+)", text):
            assert path.split(".")[0] in known
            assert path.split(".")[-1] in ("pullRequestId", "workItemId", "id"), path


def test_a_parameter_that_is_not_there_is_refused(machine: Machine) -> None:
    with pytest.raises(AssertionError, match="Unexpected parameter"):
        machine.build(GATE, {"dryrun": True})
