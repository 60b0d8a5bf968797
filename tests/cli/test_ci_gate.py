"""The gate as a CI job runs it: the event tells the target, the base branch the configuration."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests

from bot.sandbox.scenario import Scenario
from tests.cli.conftest import Ended, World, demo_scenario, serve

CONFIG = """
apiVersion: almguard/v1
kind: Config
policies: ["policies/*.yml"]
gate: {context: governance}
"""
RULE = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: %s}\nrules: [{rule: %s, enforce: block}]\n"
ON_BASE = {
    ".github/almguard.yml": CONFIG,
    "policies/plan.yml": RULE % ("plan", "requirement-link"),
    "policies/review.yml": RULE % ("review", "approvals"),
    "policies/notes.txt": "no policy",
}
LAX = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: lax}\nrules: []\n"
MALFORMED = "apiVersion: almguard/v1\nkind: Polcy\nrules: nothing\n"

TARGETS = {"github": "github:acme/payments#{}", "azure-devops": "ado:acme/Payments/payments!{}"}
ON_BOTH = pytest.mark.parametrize("platform", TARGETS)
QUEUE = f"gh-readonly-queue/main/pr-14-{'0' * 40}"


def scenario() -> dict[str, Any]:
    """The demo's, with a configuration on the base branch; 12 changes it in its own branch."""
    made = demo_scenario()
    payments = made["repositories"][0]
    payments["files"] |= ON_BASE
    payments["branches"] = {QUEUE: [{"message": "Merge 14", "files": {"src/merged.py": "M = 1\n"}}]}
    (twelve,) = [pull for pull in payments["pull_requests"] if pull["number"] == 12]
    twelve["pushes"][0]["commits"][0]["files"] |= {".github/almguard.yml": LAX, "policies/plan.yml": MALFORMED}
    payments["pull_requests"].append(
        {
            "number": 16, "title": "From afar", "body": "Fixes #103", "author": "rita", "source": "afar", "fork": "rita",
            "links": {"work_items": [103]},
        }
    )  # fmt: skip
    return made


@pytest.fixture
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    yield from serve(Scenario.model_validate(scenario()), tmp_path_factory.mktemp("ci"))


def github(world: World, path: str) -> Any:
    address = f"{world.sandbox.url}/api/v3/repos/acme/payments/{path}"
    found = requests.get(address, headers={"Authorization": "Bearer sandbox-token"}, timeout=10)
    found.raise_for_status()
    return found.json()


def job(world: World, event: str, payload: object, **more: str) -> dict[str, str]:
    """A job of GitHub Actions."""
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_EVENT_NAME": event,
        "GITHUB_EVENT_PATH": world.write("event.json", json.dumps(payload)),
        "GITHUB_REPOSITORY": "acme/payments",
        "GITHUB_SERVER_URL": world.sandbox.url,
        "GITHUB_RUN_ID": "77",
        "GITHUB_STEP_SUMMARY": str(world.folder / "summary.md"),
        **more,
    }


def on_pull_request(world: World, number: int, event: str, action: str = "synchronize") -> dict[str, str]:
    pull = github(world, f"pulls/{number}")
    return job(world, event, {"action": action, "pull_request": pull, "repository": pull["base"]["repo"]})


def build(world: World, number: int, **more: str) -> dict[str, str]:
    """A build of Azure Pipelines, which has only its own token."""
    address = f"{world.sandbox.url}/acme/Payments/_apis/git/repositories/payments/pullRequests/{number}"
    pull = requests.get(address, auth=("", "sandbox-token"), timeout=10).json()
    return {
        "TF_BUILD": "True",
        "BUILD_REASON": "PullRequest",
        "BUILD_BUILDID": "900",
        "BUILD_REPOSITORY_PROVIDER": "TfsGit",
        "BUILD_REPOSITORY_ID": pull["repository"]["id"],
        "BUILD_REPOSITORY_NAME": "payments",
        "BUILD_REPOSITORY_URI": f"{world.sandbox.url}/acme/Payments/_git/payments",
        "SYSTEM_TEAMPROJECT": "Payments",
        "SYSTEM_PULLREQUEST_PULLREQUESTID": str(number),
        "SYSTEM_PULLREQUEST_TARGETBRANCH": "refs/heads/main",
        "SYSTEM_PULLREQUEST_SOURCECOMMITID": pull["lastMergeSourceCommit"]["commitId"],
        "AZURE_DEVOPS_EXT_PAT": "",
        "SYSTEM_ACCESSTOKEN": "sandbox-token",
        **more,
    }


def posts(world: World) -> list[dict[str, Any]]:
    repository = world.state()["repositories"]["acme/payments"]
    return [one for one in (*repository["check_runs"], *repository["issue_comments"]) if one["posted"]]


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "pull_request_review"])
def test_an_event_of_a_pull_request(served: World, event: str) -> None:
    ended = served.call("gate", "--format", "json", environ=on_pull_request(served, 13, event))
    assert ended.code == 5, ended.out + ended.err
    report = ended.json()
    assert report["gate"]["target"]["name"] == "acme/payments#13"
    assert {result["key"] for result in report["results"]} == {"plan/requirement-link", "review/approvals"}
    check, comment = posts(served)
    assert (check["name"], check["status"], check["sha"]) == (
        "governance",
        "in_progress",
        github(served, "pulls/13")["head"]["sha"],
    )
    assert check["details_url"] == f"{served.sandbox.url}/acme/payments/actions/runs/77"
    assert comment["number"] == 13
    summary = (served.folder / "summary.md").read_text(encoding="utf-8")
    assert "Waiting" in summary
    assert "approvals" in summary


def test_a_merge_group_is_judged_for_its_pull_request_and_the_verdict_is_on_its_own_commit(served: World) -> None:
    commit = github(served, f"commits/{QUEUE}")["sha"]
    group = {"head_ref": f"refs/heads/{QUEUE}", "head_sha": commit, "base_ref": "refs/heads/main"}
    payload = {"action": "checks_requested", "merge_group": group}
    ended = served.call("gate", environ=job(served, "merge_group", payload))
    assert ended.code == 0, ended.out + ended.err
    (check,) = posts(served)
    assert (check["sha"], check["conclusion"], check["name"]) == (commit, "success", "governance")


@pytest.mark.parametrize(("event", "posted"), [("pull_request", 0), ("pull_request_target", 2)])
def test_a_fork(served: World, event: str, posted: int) -> None:
    ended = served.call("gate", environ=on_pull_request(served, 16, event))
    assert ended.code == 5, ended.out + ended.err
    assert len(posts(served)) == posted
    assert ("fork may only read: nothing was posted" in " ".join(ended.out.split())) is (posted == 0), ended.out
    summary = (served.folder / "summary.md").read_text(encoding="utf-8")
    assert "Waiting" in summary
    assert ("nothing was posted" in summary) is (posted == 0)


def test_what_leaves_nothing_to_judge_is_no_failure(served: World) -> None:
    ended = served.call("gate", environ=on_pull_request(served, 13, "pull_request", "closed"))
    assert (ended.code, ended.out) == (0, "")
    assert "acme/payments#13 is closed" in ended.err
    assert posts(served) == []


def test_what_is_about_no_pull_request_is_refused(served: World) -> None:
    for event, words in (("push", "a push belongs to no pull request"), ("schedule", "almguard scan")):
        ended = served.call("gate", environ=job(served, event, {}))
        assert ended.code == 2
        assert words in ended.err
    ended = served.call("gate", environ=build(served, 13, BUILD_REASON="IndividualCI"))
    assert ended.code == 2
    assert "IndividualCI" in ended.err
    ended = served.call("gate")
    assert ended.code == 2
    assert "almguard gate github:OWNER/REPO#12" in ended.err


def test_a_build_of_azure_pipelines(served: World) -> None:
    ended = served.run("gate", "--format", "json", environ=build(served, 14))
    assert ended.code == 0, ended.out + ended.err
    assert ended.json()["gate"]["verdict"] == "passed"
    pulls = {pull["number"]: pull for pull in served.state()["repositories"]["acme/payments"]["pull_requests"]}
    (status,) = pulls[14]["ado_statuses"]
    assert (status["genre"], status["name"], status["state"]) == ("almguard", "governance", "succeeded"), status
    assert status["target_url"].endswith("/acme/Payments/_build/results?buildId=900")
    ended = served.call("gate", environ=build(served, 14, SYSTEM_ACCESSTOKEN=""))
    assert ended.code == 2
    assert "SYSTEM_ACCESSTOKEN: $(System.AccessToken)" in ended.err


@ON_BOTH
def test_the_configuration_is_the_bases_not_the_heads(served: World, platform: str) -> None:
    ended = served.call("gate", TARGETS[platform].format(12), "--dry-run", "--format", "json")
    assert ended.code == 1, ended.out + ended.err
    report = ended.json()
    assert {policy["name"] for policy in report["policies"]} == {"plan", "review"}
    assert {result["key"]: result["outcome"] for result in report["results"]} == {
        "plan/requirement-link": "fail",
        "review/approvals": "fail",
    }


@ON_BOTH
def test_a_malformed_configuration_on_the_base_stops_the_gate(world: Any, platform: str) -> None:
    made = scenario()
    made["repositories"][0]["files"]["policies/plan.yml"] = (
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: plan}\nrules:\n"
        "  - {rule: aprovals, enforce: block}\n  - {rule: approvals, enforce: maybe}\n"
    )
    made["repositories"][0]["files"]["policies/review.yml"] = "apiVersion: almguard/v1\nkind: Policy\nmetadata: []\n"
    served: World = world(made)
    environ = on_pull_request(served, 14, "pull_request") if platform == "github" else build(served, 14)
    ended = served.call("gate", environ=environ)
    assert (ended.code, ended.out) == (2, ""), ended.err
    for mistake in (
        "policies/plan.yml:5:",
        "policies/plan.yml:6:",
        "policies/review.yml:3:",
        "did you mean 'approvals'",
    ):
        assert mistake in ended.err, ended.err
    assert "nothing was judged" in ended.err
    assert posts(served) == []


BOARDS = "connections: [{match: 'acme/*', work_items: 'ado:acme/Payments'%s}]\n"


def linked(world: Any, connections: str) -> Callable[..., Ended]:
    """Gates a pull request that names ``AB#104`` in its body and nothing else."""
    made = demo_scenario()
    payments = made["repositories"][0]
    payments["files"] |= {
        "almguard.yml": "apiVersion: almguard/v1\nkind: Config\npolicies: [policies/plan.yml]\n" + connections,
        "policies/plan.yml": ON_BASE["policies/plan.yml"],
    }
    (fourteen,) = [pull for pull in payments["pull_requests"] if pull["number"] == 14]
    fourteen |= {"body": "AB#104", "links": {}}
    made["tokens"] = {"sandbox-token": {}, "of-the-boards": {"azure": ["vso.work"]}}
    served: World = world(made)

    def gate(**environ: str) -> Ended:
        return served.call("gate", "github:acme/payments#14", "--dry-run", "--format", "json", environ=environ)

    return gate


def unknown(ended: Ended) -> str:
    assert ended.code == 3, ended.out + ended.err
    (result,) = ended.json()["results"]
    assert result["outcome"] == "unknown"
    return str(result["unknown"]["reason"])


def test_a_connection_leads_from_github_to_azure_boards(world: Any) -> None:
    gate = linked(world, BOARDS % "")
    ended = gate()
    assert ended.code == 0, ended.out + ended.err
    assert ended.json()["run"]["requests"]["azure_devops"] >= 1
    assert "AZURE_DEVOPS_EXT_PAT" in unknown(gate(AZURE_DEVOPS_EXT_PAT=""))


def test_a_connection_may_have_a_token_of_its_own(world: Any) -> None:
    gate = linked(world, BOARDS % ", credential: BOARDS")
    assert "ALMGUARD_BOARDS_TOKEN" in unknown(gate())
    ended = gate(AZURE_DEVOPS_EXT_PAT="", ALMGUARD_BOARDS_TOKEN="of-the-boards")
    assert ended.code == 0, ended.out + ended.err
    assert "vso.work" in unknown(gate(ALMGUARD_BOARDS_TOKEN="nobodys-token"))


def test_without_a_connection_it_says_what_to_configure(world: Any) -> None:
    assert 'connections` with `match: "acme/payments"' in unknown(linked(world, "")())
