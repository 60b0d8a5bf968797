"""action.yml, step by step, against the sandbox: what each event ends as, and what the steps after it are told."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from tests.action.conftest import QUEUE, Machine
from tests.action.github_runner import assignments, evaluated

FORK = "The token of a pull request from a fork may only read"


@pytest.mark.skipif(
    not os.environ.get("ALMGUARD_SKIP_NOTHING"), reason="installs from a package index; set ALMGUARD_SKIP_NOTHING=1"
)
def test_it_installs_itself_and_judges(machine: Machine) -> None:
    machine.steps = {}
    ran = machine.on_pull_request(13)
    assert ran.code == 0, ran.log
    assert ran.ran == ("install", "gate")
    assert ran.outputs["verdict"] == "waiting"
    assert len(machine.posts()) == 2


def test_a_pull_request(machine: Machine) -> None:
    ran = machine.on_pull_request(13)
    assert ran.code == 0, ran.log
    assert ran.ran == ("gate",)
    assert (ran.outputs["verdict"], ran.outputs["exit-code"]) == ("waiting", "5")
    report = json.loads(Path(ran.outputs["report"]).read_text(encoding="utf-8"))
    assert report["gate"]["verdict"] == "waiting"
    told = json.loads(ran.outputs["summary"])
    assert (told["verdict"], told["exit_code"], told["total"]) == ("waiting", 5, report["summary"]["total"])
    assert "Waiting" in ran.summary
    check, _ = machine.posts()
    assert (check["name"], check["status"], check["sha"]) == (
        "almguard",
        "in_progress",
        machine.get("pulls/13")["head"]["sha"],
    )


@pytest.mark.parametrize(
    ("number", "mode", "code"),
    [(14, "auto", 0), (12, "auto", 0), (12, "always", 1), (12, "never", 0), (13, "always", 5), (14, "always", 0)],
)
def test_the_step_fails_as_it_is_told_to(machine: Machine, number: int, mode: str, code: int) -> None:
    ran = machine.on_pull_request(number, fail_step=mode)
    assert ran.code == code, ran.log
    assert ran.outputs["verdict"] == {12: "blocked", 13: "waiting", 14: "passed"}[number]
    assert machine.posts()


@pytest.mark.parametrize(("mode", "code"), [("auto", 5), ("always", 5), ("never", 0)])
def test_a_fork_is_told_by_the_summary_and_the_exit_code_and_once(machine: Machine, mode: str, code: int) -> None:
    ran = machine.on_pull_request(16, token="token-of-a-fork", fail_step=mode)
    assert ran.code == code, ran.log
    assert ran.outputs["verdict"] == "waiting"
    assert machine.posts() == []
    assert "Waiting" in ran.summary
    assert ran.summary.count(FORK) == 1
    assert " ".join(ran.log.split()).count(FORK) == 1


def test_a_forks_pull_request_in_the_base_repository_is_posted(machine: Machine) -> None:
    ran = machine.on_pull_request(16, "pull_request_target")
    assert ran.code == 0, ran.log
    assert FORK not in ran.summary
    assert len(machine.posts()) == 2


def test_a_token_that_may_not_post_is_an_error_that_says_what_it_needs(machine: Machine) -> None:
    ran = machine.on_pull_request(13, token="token-of-a-fork", fail_step="never")
    assert (ran.code, ran.outputs["verdict"]) == (2, "error"), ran.log
    assert "checks: write" in ran.log
    assert "permissions: {checks: write" in ran.log
    assert ran.commands("error") == [
        "Not everything was judged, or a verdict could not be posted: the reason is in the log above."
    ]
    assert "could not be posted: it stands in this report alone" in ran.summary.replace("\\", "")
    report = json.loads(Path(ran.outputs["report"]).read_text(encoding="utf-8"))
    assert report["gate"]["verdict"] == "waiting"
    assert json.loads(ran.outputs["summary"])["verdict"] == "waiting"


def test_a_merge_group(machine: Machine) -> None:
    commit = machine.get(f"commits/{QUEUE}")["sha"]
    group = {"head_ref": f"refs/heads/{QUEUE}", "head_sha": commit, "base_ref": "refs/heads/main"}
    ran = machine.job("merge_group", {"action": "checks_requested", "merge_group": group})
    assert (ran.code, ran.outputs["verdict"]) == (0, "passed"), ran.log
    (check,) = machine.posts()
    assert (check["sha"], check["conclusion"]) == (commit, "success")


@pytest.mark.parametrize(("mode", "code"), [("auto", 1), ("always", 1), ("never", 0)])
def test_a_release_has_the_table_of_evidence_in_the_summary(machine: Machine, mode: str, code: int) -> None:
    ran = machine.job("release", {"action": "published", "release": {"tag_name": "v1.4.0"}}, fail_step=mode)
    assert ran.code == code, ran.log
    assert ran.outputs["verdict"] == "blocked"
    for line in (
        "previous",
        "artifacts",
        "procedure",
        "rehearsed",
        "migrations",
        "immutable",
        "notes",
        "configuration",
    ):
        assert re.search(rf"^\s*\| [✅❌]? ?\| {line} \|", ran.summary, re.MULTILINE), (line, ran.summary)


@pytest.mark.parametrize(("mode", "code"), [("auto", 0), ("always", 1), ("never", 0)])
def test_a_deployment_that_waits_is_answered_and_the_answer_tells_the_verdict(
    machine: Machine, mode: str, code: int
) -> None:
    callback = f"{machine.world.sandbox.url}/api/v3/repos/acme/payments/actions/runs/815/deployment_protection_rule"
    rule = {
        "environment": "production",
        "deployment_callback_url": callback,
        "repository": {"full_name": "acme/payments"},
    }
    payload = {"client_payload": {"deployment_protection_rule": rule}}
    ran = machine.job("repository_dispatch", payload, fail_step=mode)
    assert ran.code == code, ran.log
    assert ran.outputs["verdict"] == "blocked"
    (review,) = machine.world.state()["repositories"]["acme/payments"]["deployment_reviews"]
    assert review["state"] == "rejected"
    assert machine.posts() == []


def test_a_run_by_hand_with_an_environment_judges_the_release_of_its_commit(machine: Machine) -> None:
    sha = machine.get("commits/v1.4.0")["sha"]
    ran = machine.job("workflow_dispatch", {}, environment="production", GITHUB_REF="refs/heads/main", GITHUB_SHA=sha)
    assert (ran.code, ran.outputs["verdict"]) == (1, "blocked"), ran.log
    (check,) = machine.posts()
    assert (check["name"], check["sha"], check["conclusion"]) == ("almguard/production", sha, "failure")


def test_a_pull_request_that_was_closed_leaves_nothing_to_judge(machine: Machine) -> None:
    pull = machine.get("pulls/14")
    ran = machine.job("pull_request", {"action": "closed", "pull_request": pull}, fail_step="always")
    assert (ran.code, ran.outputs["verdict"], ran.outputs["report"]) == (0, "skipped", ""), ran.log
    assert ran.commands("error") == []


def test_sarif_files_are_looked_for_in_the_workspace(machine: Machine) -> None:
    workspace = machine.world.folder / "workspace"
    workspace.mkdir(exist_ok=True)
    (workspace / "good.sarif").write_text('{"version": "2.1.0", "runs": []}')
    assert machine.on_pull_request(14, dry_run="true", sarif="good.sarif").code == 0
    ran = machine.on_pull_request(14, dry_run="true", sarif="good.sarif none.sarif")
    assert (ran.code, ran.outputs["verdict"]) == (2, "error")
    assert f"{workspace}/none.sarif: it cannot be read" in " ".join(ran.log.split())


def test_a_dry_run_posts_nothing_and_is_the_verdict(machine: Machine) -> None:
    ran = machine.on_pull_request(12, dry_run="true")
    assert (ran.code, ran.outputs["verdict"]) == (1, "blocked"), ran.log
    assert machine.posts() == []


@pytest.mark.parametrize(
    ("inputs", "words"),
    [
        ({"fail_step": "sometimes"}, "The input fail-step is auto, always or never."),
        ({"dry_run": "yes"}, "The input dry-run is true or false."),
        ({"targets": "github:acme/payments#999"}, "There is no pull request or issue #999"),
        ({"targets": "gitlab:acme/payments"}, "there is no platform 'gitlab'"),
        ({"config": "nowhere.yml"}, "nowhere.yml' does not exist"),
        ({"format": "poem"}, "'poem' is not one of"),
        ({"targets": "--help"}, "Nothing was judged"),
    ],
)
def test_broken_inputs_stop_the_step_and_say_why(machine: Machine, inputs: dict[str, str], words: str) -> None:
    ran = machine.on_pull_request(14, **inputs)
    assert ran.code == 2, ran.log
    assert words in " ".join(ran.log.split()), ran.log
    assert ran.outputs["verdict"] in ("", "error")
    assert machine.posts() == []


def test_a_configuration_is_read_from_the_workspace(machine: Machine) -> None:
    policy = "{rule: approvals, enforce: block, with: {minimum: 2}}"
    head = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: strict}\n"
    machine.world.write("workspace/strict.yml", f"{head}rules: [{policy}]\n")
    ran = machine.on_pull_request(14, config="strict.yml")
    assert ran.outputs["verdict"] == "waiting", ran.log


def test_what_the_runner_reads_is_read_as_github_does() -> None:
    assert assignments("a=1\nb<<END\nx=y\n\nEND\nc=\n") == {"a": "1", "b": "x=y\n", "c": ""}
    with pytest.raises(AssertionError, match="delimiter"):
        assignments("b<<END\nx")
    context = {"inputs": {"a-b": "${{ inputs.c }}"}, "steps": {}}
    assert evaluated("<${{ inputs.a-b }}${{ steps.none.outputs.x }}>", context) == "<${{ inputs.c }}>"
    with pytest.raises(AssertionError):
        evaluated("${{ inputs.missing }}", context)
