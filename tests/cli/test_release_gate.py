"""The gate on releases and deployments, as jobs run it: found by the event, posted, answered."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import requests

from tests.cli.conftest import World, demo_scenario
from tests.cli.test_ci_gate import github, job

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: release}
rules: [{rule: rollback-ready, enforce: block%s}]
"""
REHEARSED = ", with: {require: [previous, rehearsed]}"
READS = dict.fromkeys(("metadata", "contents", "actions", "deployments"), "read")
NEW = {
    "id": "r15",
    "message": "Void a charge",
    "author": "ana",
    "at": "-1d",
    "files": {"src/void.py": "def void(): ...\n"},
}


@pytest.fixture
def served(world: Callable[[dict[str, Any]], World]) -> Callable[..., World]:
    """Serves the demo's world, where the run 815 of the release v1.5.0 waits to deploy it to production."""

    def serve(extra: str = "", change: Callable[[dict[str, Any]], None] = lambda _: None) -> World:
        made = demo_scenario()
        payments = made["repositories"][0]
        payments["files"]["almguard.yml"] = POLICY % extra
        payments["commits"].append(NEW)
        payments["runs"].append(
            {"id": 815, "pipeline": "deploy", "commit": "r15", "branch": "v1.5.0", "by": "ana", "at": "-1h"}
        )
        payments["releases"].append(
            {"version": "v1.5.0", "commit": "r15", "run": 815, "created_at": "-2h", "immutable": True}
        )
        payments["deployments"].append(
            {"environment": "production", "release": "v1.5.0", "run": 815, "at": "-1h", "status": "waiting"}
        )
        # Once told to be a token, a word is taken out of every text of this process: they are no words of any other.
        made["tokens"] = {
            "sandbox-token": {},
            "token-that-reads": {"kind": "actions", "github": {**READS, "pull_requests": "read"}},
            "token-for-few": {"github": {**READS, "deployments": "write"}},
            "token-of-a-workflow": {"kind": "actions"},
            "token-without-contents": {"github": {"metadata": "read", "deployments": "read", "actions": "read"}},
        }
        change(payments)
        return world(made)

    return serve


def deployed(world: World, ref: str, event: str = "deployment") -> dict[str, str]:
    sha = github(world, f"commits/{ref}")["sha"]
    made = {"deployment": {"sha": sha, "ref": ref, "environment": "production"}, "action": "created"}
    return job(world, event, made)


def checks(world: World) -> list[dict[str, Any]]:
    found = world.state()["repositories"].get("acme/payments", {"check_runs": []})["check_runs"]
    return [one for one in found if one["posted"]]


@pytest.mark.parametrize(("extra", "code", "conclusion"), [("", 0, "success"), (REHEARSED, 1, "failure")])
def test_a_deployment_is_judged_before_it_happens(
    served: Callable[..., World], extra: str, code: int, conclusion: str
) -> None:
    world = served(extra)
    ended = world.call("gate", "--format", "json", environ=deployed(world, "v1.5.0"))
    assert ended.code == code, ended.out + ended.err
    gate = ended.json()["gate"]
    assert gate["target"]["name"] == "acme/payments@v1.5.0 in production"
    (check,) = checks(world)
    assert (check["name"], check["conclusion"]) == ("almguard/production", conclusion)
    assert check["sha"] == github(world, "commits/v1.5.0")["sha"]
    assert check["details_url"].endswith("/actions/runs/77")
    # Again: the same check.
    assert world.call("gate", environ=deployed(world, "v1.5.0")).code == code
    assert [one["id"] for one in checks(world)] == [check["id"]]
    summary = (world.folder / "summary.md").read_text(encoding="utf-8")
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
        assert f"| {line} |" in summary
    assert "v1.4.0, deployed on" in summary


def test_a_deployment_of_a_branch_is_its_commits_release(served: Callable[..., World]) -> None:
    world = served()
    ended = world.call("gate", "--format", "json", environ=deployed(world, "main"))
    assert ended.code == 0, ended.out + ended.err
    assert ended.json()["gate"]["target"]["name"] == "acme/payments@v1.5.0 in production"
    ended = world.call(
        "gate",
        "--environment",
        "production",
        "--format",
        "json",
        environ=job(world, "push", {}, GITHUB_REF="refs/heads/main", GITHUB_SHA=github(world, "commits/main")["sha"]),
    )
    assert ended.json()["gate"]["target"]["name"] == "acme/payments@v1.5.0 in production"


def test_a_commit_without_a_tag_is_refused_with_what_to_do(served: Callable[..., World]) -> None:
    world = served()
    environ = deployed(world, "v1.5.0")
    payload = json.loads((world.folder / "event.json").read_text(encoding="utf-8"))
    payload["deployment"] |= {"sha": "a" * 40, "ref": "v1.4.0"}
    world.write("event.json", json.dumps(payload))
    ended = world.call("gate", environ=environ)
    assert (ended.code, ended.out) == (2, ""), ended.err
    # The tag v1.4.0 is there, and is another commit's: a branch may be called like that.
    assert "no tag of acme/payments points at the commit aaaaaaaaaaaa, and 'v1.4.0' is none" in " ".join(
        ended.err.split()
    )
    assert "almguard gate github:acme/payments@v1.2.3 --environment production" in " ".join(ended.err.split())


def test_of_several_tags_the_releases_is_taken_then_the_most_exact(served: Callable[..., World]) -> None:
    def tag(payments: dict[str, Any]) -> None:
        payments["tags"] = {"v1": "r15", "build-2026-11-24-1": "r15", "v1.3": "r13"}
        payments["annotated_tags"] = {"v1.3.0.1": "r13"}
        payments["releases"] = [one for one in payments["releases"] if one["version"] != "v1.3.0"]
        payments["deployments"] = [one for one in payments["deployments"] if one["release"] != "v1.3.0"]

    world = served("", tag)
    ended = world.call("gate", "--format", "json", environ=deployed(world, "main"))
    assert ended.json()["gate"]["target"]["name"] == "acme/payments@v1.5.0 in production"
    sha = github(world, "commits/v1.3")["sha"]
    ended = world.call("gate", f"github:acme/payments@{sha}", "--dry-run", "--format", "json")
    assert ended.json()["gate"]["target"]["name"] == "acme/payments@v1.3.0.1", ended.err


def test_a_tag_is_found_behind_hundreds_of_newer_ones(served: Callable[..., World]) -> None:
    def nightly(payments: dict[str, Any]) -> None:
        payments["releases"] += [
            {"version": f"nightly-{number}", "commit": "r15", "created_at": "-1h"} for number in range(130)
        ]

    world = served("", nightly)
    sha = github(world, "commits/v1.3.0")["sha"]
    ended = world.call("gate", f"github:acme/payments@{sha}", "--dry-run", "--format", "json")
    assert ended.json()["gate"]["target"]["name"].startswith("acme/payments@v1.3.0"), ended.err


def test_tags_that_may_not_be_read_are_unread_and_not_missing(served: Callable[..., World]) -> None:
    world = served()
    environ = {**deployed(world, "main"), "GITHUB_TOKEN": "token-without-contents"}
    ended = world.call("gate", environ=environ)
    assert ended.code == 3, ended.out + ended.err
    assert "contents: read" in ended.err


def test_a_commit_may_be_named_by_hand(served: Callable[..., World]) -> None:
    world = served()
    sha = github(world, "commits/v1.4.0")["sha"]
    target = f"github:acme/payments@{sha}"
    ended = world.call("gate", target, "--environment", "production", "--dry-run", "--format", "json")
    assert ended.json()["gate"]["target"]["name"] == "acme/payments@v1.4.0 in production", ended.err
    assert checks(world) == []


def test_a_token_that_only_reads_leaves_the_verdict_as_it_is(served: Callable[..., World]) -> None:
    world = served()
    ended = world.call("gate", environ={**deployed(world, "v1.5.0"), "GITHUB_TOKEN": "token-that-reads"})
    assert ended.code == 0, ended.out + ended.err
    assert "checks: write or statuses: write" in " ".join(ended.out.split())
    assert checks(world) == []


def rule(world: World, **changes: Any) -> dict[str, str]:
    """A job that an App's webhook has dispatched."""
    callback = f"{world.sandbox.url}/api/v3/repos/acme/payments/actions/runs/815/deployment_protection_rule"
    payload = {
        "action": "requested",
        "environment": "production",
        "deployment_callback_url": callback,
        "repository": {"full_name": "acme/payments"},
        **changes,
    }
    return job(
        world, "repository_dispatch", {"action": "deploy", "client_payload": {"deployment_protection_rule": payload}}
    )


def reviews(world: World) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = world.state()["repositories"]["acme/payments"]["deployment_reviews"]
    return found


@pytest.mark.parametrize(("extra", "code", "state"), [("", 0, "approved"), (REHEARSED, 1, "rejected")])
def test_a_deployment_that_waits_is_answered(served: Callable[..., World], extra: str, code: int, state: str) -> None:
    world = served(extra)
    ended = world.call("gate", environ=rule(world))
    assert ended.code == code, ended.out + ended.err
    (review,) = reviews(world)
    assert (review["run_id"], review["environment"], review["state"]) == (815, "production", state)
    assert "✅ previous: v1.4.0" in review["comment"]
    assert f"({world.sandbox.url}/acme/payments/actions/runs/77)" in review["comment"]
    assert len(review["comment"]) <= 1024
    # Answered is answered.
    ended = world.call("gate", environ=rule(world))
    assert ended.code == 2
    assert "It may be answered already" in " ".join(ended.err.split())
    assert len(reviews(world)) == 1


def test_what_is_empty_is_rejected(served: Callable[..., World]) -> None:
    def other(payments: dict[str, Any]) -> None:
        payments["files"]["almguard.yml"] = (POLICY % "").replace("rollback-ready", "approvals")

    world = served("", other)
    assert world.call("gate", environ=rule(world)).code == 4
    assert reviews(world)[0]["state"] == "rejected"


def test_what_cannot_be_read_leaves_it_waiting(served: Callable[..., World]) -> None:
    world = served()
    ended = world.call("gate", environ={**rule(world), "GITHUB_TOKEN": "token-for-few"})
    assert ended.code == 3, ended.out + ended.err
    (review,) = reviews(world)
    assert review["state"] is None
    assert "**Inconclusive**" in review["comment"]
    assert "❔ migrations: the token needs pull requests: read" in review["comment"]


def test_what_cannot_be_judged_at_all_leaves_it_waiting_and_says_why(served: Callable[..., World]) -> None:
    def untagged(payments: dict[str, Any]) -> None:
        payments["runs"][-1] |= {"commit": "r99", "branch": "main"}
        payments["commits"].append(
            {**NEW, "id": "r99", "message": "Not tagged @olga", "files": {"src/x.py": "X = 1\n"}}
        )

    world = served("", untagged)
    assert world.call("gate", "--dry-run", environ=rule(world)).code == 2
    assert "acme/payments" not in world.state()["repositories"] or reviews(world) == []
    ended = world.call("gate", environ=rule(world))
    assert ended.code == 2, ended.out
    assert "no tag of acme/payments points at" in " ".join(ended.err.split())
    (review,) = reviews(world)
    assert review["state"] is None
    assert "**Not judged**" in review["comment"]
    assert "no tag of acme/payments points at" in review["comment"]


def test_a_dry_run_answers_nothing(served: Callable[..., World]) -> None:
    world = served(REHEARSED)
    assert world.call("gate", "--dry-run", environ=rule(world)).code == 1
    assert world.state()["repositories"].get("acme/payments", {}).get("deployment_reviews", []) == []


def test_only_the_app_may_answer(served: Callable[..., World]) -> None:
    world = served()
    ended = world.call("gate", environ={**rule(world), "GITHUB_TOKEN": "token-of-a-workflow"})
    assert ended.code == 2
    assert "Only the GitHub App whose rule it is may answer" in " ".join(ended.err.split())


def test_a_payload_in_a_file(served: Callable[..., World]) -> None:
    world = served()
    rule(world)
    payload = json.loads((world.folder / "event.json").read_text(encoding="utf-8"))["client_payload"]
    path = world.write("payload.json", json.dumps(payload["deployment_protection_rule"]))
    ended = world.call("gate", "--event", path)
    assert ended.code == 0, ended.out + ended.err
    assert reviews(world)[0]["state"] == "approved"
    ended = world.call("gate", "--event", path, "github:acme/payments#12")
    assert ended.code == 2
    assert "give no target beside it" in ended.err
    ended = world.call("gate", "--event", str(world.folder / "absent.json"))
    assert (ended.code, "cannot be read" in ended.err) == (2, True)


def test_no_address_but_the_apis_is_called(served: Callable[..., World]) -> None:
    world = served()
    requests.delete(f"{world.sandbox.url}/_sandbox/requests", timeout=5)
    evil = "http://127.0.0.1:9/api/v3/repos/acme/payments/actions/runs/815/deployment_protection_rule"
    ended = world.call("gate", environ=rule(world, deployment_callback_url=evil))
    assert ended.code == 2
    assert world.ledger() == []


@pytest.mark.parametrize(
    "arguments",
    [("github:acme/payments#12",), ("ado:acme/Payments/payments!12",), ("--all-open",), ("--event", "payload.json")],
)
def test_an_environment_is_never_passed_over(served: Callable[..., World], arguments: tuple[str, ...]) -> None:
    world = served()
    ended = world.call("gate", *arguments, "--environment", "production")
    assert (ended.code, ended.out) == (2, "")
    assert "--environment" in ended.err
    assert world.ledger() == []


def test_a_nightly_deployment_is_judged_as_the_release_of_its_commit(served: Callable[..., World]) -> None:
    world = served(REHEARSED)
    sha = github(world, "commits/main")["sha"]
    environ = job(world, "schedule", {}, GITHUB_REF="refs/heads/main", GITHUB_SHA=sha)
    assert world.call("gate", "--environment", "production", environ=environ).code == 1


@pytest.mark.parametrize("target", ["github:acme/payments@v1.5.0", "ado:acme/Payments/payments@v1.5.0"])
def test_an_environment_is_the_same_in_any_case(served: Callable[..., World], target: str) -> None:
    world = served(REHEARSED)
    ended = world.call("gate", target, "--environment", "PRODUCTION", "--dry-run", "--format", "json")
    assert ended.code == 1, ended.out
    assert ended.json()["gate"]["target"]["name"].endswith("in production")


@pytest.mark.parametrize("part", ["artifacts", "leases"])
def test_a_run_of_azure_that_cannot_be_read_is_not_one_that_cannot_be_repeated(
    served: Callable[..., World], part: str
) -> None:
    world = served(", with: {require: [procedure]}")
    gate = ("gate", "ado:acme/Payments/payments@v1.4.0", "--environment", "production", "--dry-run")
    assert world.call(*gate).code == 0
    world.fault(match=f"builds/813/{part}", times=50, kind="status", status=403)
    ended = world.call(*gate)
    assert ended.code == 3, ended.out
    assert "is disabled" not in ended.out


PUT_BACK = {"github": "github:acme/payments@v1.3.0", "azure-devops": "ado:acme/Payments/payments@v1.3.0"}


@pytest.mark.parametrize("platform", PUT_BACK)
def test_an_older_release_that_is_put_back_is_judged_by_what_it_replaces(
    served: Callable[..., World], platform: str
) -> None:
    world = served(", with: {require: [previous, artifacts, procedure, migrations]}")
    options = (PUT_BACK[platform], "--environment", "production", "--format", "json")
    ended = world.call("gate", *options, "--dry-run")
    assert ended.code == 0, ended.out + ended.err
    (result,) = ended.json()["results"]
    assert next(one for one in result["evidence"] if one["what"] == "previous")["value"].startswith(
        "v1.4.0, deployed on"
    )
    # As it stands it is what it was: the first.
    ended = world.call("audit", *options)
    assert "no earlier release was deployed successfully" in ended.out
    # What runs there already is judged by what was before it.
    ended = world.call("gate", options[0].replace("v1.3.0", "v1.4.0"), *options[1:], "--dry-run")
    (result,) = ended.json()["results"]
    assert next(one for one in result["evidence"] if one["what"] == "previous")["value"].startswith(
        "v1.3.0, deployed on"
    )
