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


def test_a_merge_group_of_several_is_judged_for_each_and_its_commit_carries_the_worst(world: Any) -> None:
    made = scenario()
    queue = made["repositories"][0]["branches"]
    for number in (13, 14):
        queue.pop(QUEUE, None)
        queue[f"gh-readonly-queue/main/pr-{number}-{'0' * 40}"] = [
            {"message": f"Merge {number}", "files": {f"src/merged{number}.py": "M = 1\n"}}
        ]
    served: World = world(made)
    first, last = (
        github(served, f"commits/gh-readonly-queue/main/pr-{number}-{'0' * 40}")["sha"] for number in (13, 14)
    )

    def gate(below: str) -> Any:
        group = {
            "head_ref": f"refs/heads/{QUEUE}", "head_sha": last, "base_ref": "refs/heads/main", "base_sha": below,
        }  # fmt: skip
        payload = {"action": "checks_requested", "merge_group": group}
        return served.call("gate", "--format", "json", environ=job(served, "merge_group", payload))

    alone = gate(first)
    assert alone.code == 0, alone.out + alone.err
    assert [one["name"] for one in alone.json()["subjects"]] == ["acme/payments#14"]
    together = gate(github(served, "commits/main")["sha"])
    assert together.code == 5, together.out + together.err
    assert [one["name"] for one in together.json()["subjects"]] == ["acme/payments#13", "acme/payments#14"]
    checks = posts(served)
    assert {check["sha"] for check in checks} == {last}
    assert {check["status"] for check in checks} == {"in_progress"}


def test_a_status_is_about_the_open_pull_requests_of_its_commit(served: World) -> None:
    """``status`` names none, and neither do the runs of a fork."""
    head = github(served, "pulls/16")["head"]["sha"]
    run = {"action": "completed", "workflow_run": {"head_sha": head, "pull_requests": []}, "repository": {"id": 1}}
    for event, payload in (("status", {"sha": head}), ("workflow_run", run)):
        ended = served.call("gate", "--format", "json", environ=job(served, event, payload))
        assert ended.code == 5, ended.out + ended.err
        assert [one["name"] for one in ended.json()["subjects"]] == ["acme/payments#16"]
    assert len(posts(served)) == 2  # the second time nothing had moved
    ended = served.call("gate", environ=job(served, "status", {"sha": github(served, "commits/main")["sha"]}))
    assert (ended.code, ended.out) == (0, "")
    assert "nothing to judge" in ended.err


def test_a_schedule_judges_every_open_one_and_a_push_those_into_its_branch(served: World) -> None:
    ended = served.call("gate", "--format", "json", environ=job(served, "schedule", {"schedule": "17 * * * *"}))
    assert ended.code == 1, ended.out + ended.err
    names = {one["name"] for one in ended.json()["subjects"]}
    assert {f"acme/payments#{number}" for number in (12, 13, 14, 16)} <= names
    assert served.call("gate", "--all-open", environ=job(served, "push", {})).code == 1
    pushed = served.call("gate", "--format", "json", environ=job(served, "push", {"ref": "refs/heads/main"}))
    assert {one["name"] for one in pushed.json()["subjects"]} == names
    assert "0 moved" in " ".join(pushed.json()["notices"])
    elsewhere = served.call("gate", environ=job(served, "push", {"ref": "refs/heads/next"}))
    assert (elsewhere.code, elsewhere.out) == (0, "")
    assert "no open pull request into next" in elsewhere.err


def test_what_the_gate_posts_does_not_start_it_without_end(served: World) -> None:
    suite = {"action": "completed", "check_suite": {"head_sha": github(served, "pulls/13")["head"]["sha"]}}
    for _ in range(3):
        ended = served.call("gate", environ=job(served, "check_suite", {**suite, "repository": {"id": 1}}))
        assert ended.code == 5, ended.out + ended.err
        writes = [one for one in served.ledger() if one["method"] in ("POST", "PATCH") and "graphql" not in one["path"]]
        assert len(writes) == 2


def test_a_command_is_answered_and_a_remark_where_something_moved(served: World) -> None:
    issue = {"number": 13, "state": "open", "pull_request": {"url": "x"}}

    def say(body: str) -> int:
        before = len(served.ledger())
        comment = {"body": body, "user": {"login": "ana", "type": "User"}}
        payload = {"action": "created", "issue": issue, "comment": comment}
        assert served.call("gate", environ=job(served, "issue_comment", payload)).code == 5
        asked = served.ledger()[before:]
        return sum(one["method"] in ("POST", "PATCH") and "graphql" not in one["path"] for one in asked)

    assert say("Nice.") == 2
    assert say("Nice.") == 0
    assert say("/almguard") >= 1


def test_a_pull_request_that_was_closed_since_is_passed_over(world: Any) -> None:
    made = scenario()
    (thirteen,) = [pull for pull in made["repositories"][0]["pull_requests"] if pull["number"] == 13]
    thirteen["state"] = "closed"
    served: World = world(made)
    issue = {"number": 13, "state": "open", "pull_request": {"url": "x"}}
    ended = served.call("gate", environ=job(served, "issue_comment", {"action": "created", "issue": issue}))
    assert (ended.code, ended.out) == (0, "")
    assert "acme/payments#13 is closed" in ended.err
    assert posts(served) == []


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
    for event, words in (("issues", "almguard audit"), ("create", "pull_request or release")):
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
    first, status = pulls[14]["ado_statuses"]
    assert (first["name"], first["state"]) == ("governance", "pending")
    assert (status["genre"], status["name"], status["state"]) == ("almguard", "governance", "succeeded"), status
    assert status["target_url"].endswith("/acme/Payments/_build/results?buildId=900")
    ended = served.call("gate", environ=build(served, 14, SYSTEM_ACCESSTOKEN=""))
    assert ended.code == 2
    assert "SYSTEM_ACCESSTOKEN: $(System.AccessToken)" in ended.err


def hook(world: World, **more: str) -> dict[str, str]:
    """A build that a service hook started, in a pipeline of another repository."""
    environ = build(world, 13, BUILD_REASON="ResourceTrigger", BUILD_REPOSITORY_NAME="governance")
    return {name: value for name, value in environ.items() if "PULLREQUEST" not in name} | more


def judged(ended: Ended) -> list[str]:
    assert ended.code in (0, 1, 5), ended.out + ended.err
    return [one["name"] for one in ended.json()["subjects"]]


def test_service_hooks_of_azure_devops(served: World) -> None:
    pull = requests.get(
        f"{served.sandbox.url}/acme/Payments/_apis/git/repositories/payments/pullRequests/13",
        auth=("", "sandbox-token"), timeout=10,
    ).json()  # fmt: skip
    repository, project = pull["repository"]["id"], pull["repository"]["project"]["id"]
    voted = {
        "ALMGUARD_HOOK_PULL_REQUEST": "13",
        "ALMGUARD_HOOK_REPOSITORY": repository,
        "ALMGUARD_HOOK_PROJECT": project,
        "ALMGUARD_HOOK_WORK_ITEM": "",
        "ALMGUARD_HOOK_BUILD": "$(nothing)",
    }
    ended = served.call("gate", "--format", "json", environ=hook(served, **voted))
    assert judged(ended) == ["acme/Payments/payments!13"]
    ended = served.call("gate", "--format", "json", environ=hook(served, ALMGUARD_HOOK_WORK_ITEM="103"))
    assert judged(ended) == ["acme/Payments/payments!13", "acme/Payments/payments!16"]
    builds = requests.get(
        f"{served.sandbox.url}/acme/Payments/_apis/build/builds", auth=("", "sandbox-token"), timeout=10
    ).json()["value"]
    (built, *_) = [one["id"] for one in builds if one["sourceBranch"] == "refs/pull/13/merge"]
    (other, *_) = [one["id"] for one in builds if not one["sourceBranch"].startswith("refs/pull/")]
    assert judged(served.call("gate", "--format", "json", environ=hook(served, ALMGUARD_HOOK_BUILD=str(built)))) == [
        "acme/Payments/payments!13"
    ]
    for nothing in (str(other), "987654"):
        ended = served.call("gate", environ=hook(served, ALMGUARD_HOOK_BUILD=nothing))
        assert (ended.code, ended.out) == (0, ""), ended.err
        assert "nothing to judge" in ended.err
    everything = served.call("gate", "--format", "json", environ=hook(served))
    assert {"acme/Payments/payments!12", "acme/Payments/payments!14"} <= set(judged(everything))
    assert "2 did not." in " ".join(everything.json()["notices"])


@pytest.mark.parametrize("reason", ["Schedule", "Manual"])
def test_a_build_by_schedule_or_by_hand_judges_the_open_ones(served: World, reason: str) -> None:
    environ = hook(served, BUILD_REASON=reason)
    whole = judged(served.call("gate", "--format", "json", environ=environ))
    assert set(whole) >= {f"acme/Payments/payments!{number}" for number in (12, 13, 14)}
    told = {**environ, "ALMGUARD_OPEN_IN": "ado:acme/Payments/payments"}
    assert judged(served.call("gate", "--format", "json", environ=told)) == whole
    github_built = {**environ, "BUILD_REPOSITORY_PROVIDER": "GitHub", "BUILD_REPOSITORY_NAME": "acme/payments"}
    assert "acme/payments#12" in judged(served.call("gate", "--format", "json", environ=github_built))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (
            {"ALMGUARD_HOOK_PULL_REQUEST": "13; rm", "ALMGUARD_HOOK_REPOSITORY": "payments"},
            "ALMGUARD_HOOK_PULL_REQUEST is no number",
        ),
        ({"ALMGUARD_HOOK_PULL_REQUEST": "13"}, "ALMGUARD_HOOK_REPOSITORY is not"),
        ({"ALMGUARD_HOOK_PULL_REQUEST": "13", "ALMGUARD_HOOK_REPOSITORY": "a/../b"}, "no name or id"),
        ({"ALMGUARD_OPEN_IN": "/etc"}, "is a path"),
    ],
)
def test_a_hook_that_tells_something_else_is_refused(served: World, more: dict[str, str], says: str) -> None:
    ended = served.call("gate", environ=hook(served, **more))
    assert ended.code == 2, ended.out + ended.err
    assert says in ended.err
    assert posts(served) == []


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
    assert [one.get("conclusion") for one in posts(served)] == (["action_required"] if platform == "github" else [])


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
