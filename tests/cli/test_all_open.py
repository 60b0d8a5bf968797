"""Every open pull request again: judged in bulk, and told only where it moved."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
import requests

from bot.cli import all_open as open_ones
from bot.cli.beginning import Beginning
from bot.cli.failures import Unread
from bot.cli.judgement import Judging
from bot.cli.session import session
from bot.engine.targets import parse
from bot.model.subjects import PullRequest
from bot.policy.load import shipped_packs
from tests.cli.conftest import POLICY, Ended, World, demo_scenario
from tests.cli.test_ci_gate import job
from tests.cli.test_races import verdict

REPOSITORY = {"github": "github:acme/payments", "azure-devops": "ado:acme/Payments/payments"}
ONE = {"github": "github:acme/payments#{}", "azure-devops": "ado:acme/Payments/payments!{}"}
WHOLE = {"github": "github:acme", "azure-devops": "ado:acme/Payments"}
ON_BOTH = pytest.mark.parametrize("platform", REPOSITORY)
POSTING = ("POST", "PATCH", "PUT")


def posts(world: World) -> list[str]:
    """The writes that were sent, GraphQL's and Azure DevOps' questions left out."""
    return [
        asked["path"]
        for asked in world.ledger()
        if asked["method"] in POSTING and not asked["path"].lower().endswith(("graphql", "batch", "query"))
    ]


def all_open(world: World, target: str, *more: str) -> Ended:
    requests.delete(f"{world.sandbox.url}/_sandbox/requests", timeout=10)
    return world.call("gate", "--all-open", target, "--config", world.policy, "--format", "json", *more)


@ON_BOTH
def test_what_did_not_move_is_left_alone(demo: World, platform: str) -> None:
    first = all_open(demo, REPOSITORY[platform])
    assert first.code == 1, first.out + first.err
    numbers = {subject["name"] for subject in first.json()["subjects"]}
    assert len(numbers) >= 3
    assert posts(demo)
    second = all_open(demo, REPOSITORY[platform])
    assert second.code == 1
    assert posts(demo) == [], second.err
    assert f"0 moved, {len(numbers)} did not" in " ".join(second.json()["notices"])


@ON_BOTH
def test_the_one_that_moved_is_told(demo: World, platform: str) -> None:
    all_open(demo, WHOLE[platform])
    happen(demo, pull_request=13, review={"by": "bo", "state": "approved"})
    ended = all_open(demo, WHOLE[platform])
    assert ended.code == 1, ended.out + ended.err
    assert "1 moved" in " ".join(ended.json()["notices"])
    assert all(f"{ONE[platform].format(13).partition(':')[2]}: " in line for line in ended.err.splitlines()), ended.err
    assert 1 <= len(posts(demo)) <= 3, posts(demo)
    assert all_open(demo, WHOLE[platform]).code == 1
    assert posts(demo) == []


@ON_BOTH
def test_it_is_told_though_the_verdict_is_the_same(demo: World, platform: str) -> None:
    all_open(demo, REPOSITORY[platform])
    happen(demo, pull_request=12, set={"title": "Retry a charge that timed out twice"})
    all_open(demo, REPOSITORY[platform])
    assert posts(demo)
    all_open(demo, REPOSITORY[platform])
    assert posts(demo) == []


@ON_BOTH
def test_what_a_run_for_one_posted_stands_as_well(demo: World, platform: str) -> None:
    """The facts of one pull request have one digest, however many are judged with it."""
    reports = {}
    for number in (12, 13, 14):
        ended = demo.call("gate", ONE[platform].format(number), "--config", demo.policy, "--format", "json")
        reports[number] = ended.json()["gate"]["verdict"]
    assert set(reports.values()) == {"blocked", "waiting", "passed"}
    ended = all_open(demo, REPOSITORY[platform])
    stood = len(ended.json()["subjects"]) - 3
    assert f"{stood} moved, 3 did not" in " ".join(ended.json()["notices"])


def test_a_token_that_may_post_statuses_alone(world: Callable[[dict[str, Any]], World]) -> None:
    made = demo_scenario()
    made["tokens"] = {"sandbox-token": {"person": "olga", "kind": "pat"}}
    served = world(made)
    assert all_open(served, REPOSITORY["github"]).code == 1
    assert any("/statuses/" in path for path in posts(served))
    all_open(served, REPOSITORY["github"])
    assert posts(served) == []
    happen(served, pull_request=13, review={"by": "bo", "state": "approved"})
    all_open(served, REPOSITORY["github"])
    assert sum("/statuses/" in path for path in posts(served)) == 1


OWN = "apiVersion: almguard/v1\nkind: Config\npolicies: [policies/plan.yml]\n"
PLAN = (
    "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: plan}\nrules: [{rule: requirement-link, enforce: block}]\n"
)


def with_a_second_repository(config: str) -> dict[str, Any]:
    made = demo_scenario()
    made["repositories"][0]["files"] |= {"almguard.yml": OWN, "policies/plan.yml": PLAN}
    other = {
        "name": "secret", "files": {"almguard.yml": config, "README.md": "x"},
        "pull_requests": [{"number": 70, "title": "Another", "author": "olga", "source": "another"}],
    }  # fmt: skip
    made["repositories"].append(other)
    return made


@ON_BOTH
def test_one_repository_whose_configuration_does_not_load_ends_none_of_the_others(
    world: Callable[[dict[str, Any]], World], platform: str
) -> None:
    served = world(with_a_second_repository("apiVersion: almguard/v1\nkind: Cnfig\n"))
    told = {"ALMGUARD_POSTED_FILE": str(served.folder / "posted")}
    ended = served.call("gate", "--all-open", WHOLE[platform], "--format", "json", environ=told)
    assert ended.code == 2, ended.out + ended.err
    assert (served.folder / "posted").read_text(encoding="utf-8") == ""  # no step may succeed by what the others posted
    assert "secret" in ended.err
    assert "almguard.yml:2:" in ended.err
    assert len(ended.json()["subjects"]) >= 3
    assert not any("secret" in subject["name"] for subject in ended.json()["subjects"])
    assert posts(served)


@ON_BOTH
def test_each_repository_is_judged_by_its_own_and_told_nothing_of_another(
    world: Callable[[dict[str, Any]], World], platform: str
) -> None:
    served = world(with_a_second_repository("apiVersion: almguard/v1\nkind: Config\npolicies: [pack:baseline]\n"))
    ended = served.call("gate", "--all-open", WHOLE[platform], "--format", "json")
    keys = {(result["subject"].rpartition("/")[2], result["policy"]) for result in ended.json()["results"]}
    assert ("70", "baseline") in keys
    assert ("13", "plan") in keys
    assert ("13", "baseline") not in keys
    state = served.state()["repositories"]
    told = state["acme/payments"]
    texts = [check["summary"] for check in told["check_runs"]] + [
        comment["content"]
        for pull in told["pull_requests"]
        for thread in pull["ado_threads"]
        for comment in thread["comments"]
    ]
    assert texts
    assert not any(text and ("secret" in text or "baseline" in text) for text in texts)


@ON_BOTH
def test_one_that_cannot_be_told_ends_none_of_the_others(demo: World, platform: str) -> None:
    what = {"github": "POST .*/check-runs", "azure-devops": "POST .*/pullRequests/13/statuses"}[platform]
    demo.fault(match=what, kind="status", status=422, times=1)
    ended = all_open(demo, REPOSITORY[platform])
    assert ended.code == 1, ended.out + ended.err
    assert "could not be posted" in ended.err
    checks = [path for path in posts(demo) if "statuses" in path or "check-runs" in path]
    assert len(checks) == len(ended.json()["subjects"])


def test_it_takes_what_holds_pull_requests(demo: World) -> None:
    ended = demo.call("gate", "--all-open", "github:acme/payments#12")
    assert ended.code == 2
    assert "almguard gate github:acme/payments#12" in ended.err


@ON_BOTH
def test_where_none_is_open_there_is_nothing_to_judge(world: Callable[[dict[str, Any]], World], platform: str) -> None:
    made = demo_scenario()
    made["repositories"][0]["pull_requests"] = []
    ended = world(made).call("gate", "--all-open", REPOSITORY[platform])
    assert (ended.code, ended.out) == (0, "")
    assert "no open pull request" in ended.err


def happen(world: World, **event: Any) -> None:
    requests.post(f"{world.sandbox.url}/_sandbox/events", json=event, timeout=10).raise_for_status()


def test_what_several_need_is_asked_for_once(world: Callable[[dict[str, Any]], World]) -> None:
    made = demo_scenario()
    pulls = made["repositories"][0]["pull_requests"]
    for pull in pulls:
        pull["reviews"] = [{"by": "cleo", "state": "approved", "at": "-1h"}]
    for number, item in ((13, 101), (14, 102)):
        (one,) = [pull for pull in pulls if pull["number"] == number]
        one |= {"body": "", "links": {"work_items": [item]}}
    served = world(made)
    asked = {}
    for platform, target in REPOSITORY.items():
        all_open(served, target)
        asked[platform] = [one["path"].lower() for one in served.ledger()]
    assert sum(path.endswith("/collaborators/cleo/permission") for path in asked["github"]) == 1
    assert sum(path.endswith("/workitemsbatch") for path in asked["azure-devops"]) == 1


@ON_BOTH
def test_facts_of_every_shipped_policy_are_the_same_one_by_one_and_together(demo: World, platform: str) -> None:
    packs = ", ".join(f"pack:{name}" for name in shipped_packs())
    config = demo.write("packs.yml", f"apiVersion: almguard/v1\nkind: Config\npolicies: [{packs}]\n")
    numbers = (12, 13, 14)
    for number in numbers:
        assert demo.call("gate", ONE[platform].format(number), "--config", config).code in (1, 3, 5)
    for target in (REPOSITORY[platform], WHOLE[platform]):
        ended = demo.call("gate", "--all-open", target, "--config", config, "--format", "json")
        assert {subject["name"] for subject in ended.json()["subjects"]} >= {
            ONE[platform].format(number).partition(":")[2] for number in numbers
        }
        said = " ".join(ended.json()["notices"])
        moved = len(ended.json()["subjects"]) - len(numbers) if target == REPOSITORY[platform] else 0
        assert f"{moved} moved" in said, said


LAX = PLAN.replace("block", "audit")


def on_one_commit(dev: dict[str, str]) -> dict[str, Any]:
    """2 goes into main and 3 into dev, from one branch; dev has a policy of its own."""
    made = demo_scenario()
    home = made["repositories"][0]
    home["files"] |= {"almguard.yml": OWN, "policies/plan.yml": PLAN}
    home["branches"] = {"dev": [{"message": "Relax", "files": dev}]}
    home["pull_requests"] = [
        {"number": 2, "title": "Two", "author": "ana", "source": "two"},
        {"number": 3, "title": "Two for dev", "author": "ana", "source": "two", "target": "dev"},
    ]
    return made


def conclusions(world: World) -> set[str]:
    runs = world.state()["repositories"]["acme/payments"]["check_runs"]
    return {run["conclusion"] for run in runs if run["name"] == "almguard"}


def test_a_push_to_one_base_lets_nothing_through_that_goes_into_another(
    world: Callable[[dict[str, Any]], World],
) -> None:
    """The check is the commit's: it says the worst of both, whichever of them is meant."""
    served = world(on_one_commit({"policies/plan.yml": LAX}))
    assert served.call("gate", ONE["github"].format(2)).code == 1
    assert conclusions(served) == {"failure"}
    pushed = job(served, "push", {"ref": "refs/heads/dev", "repository": {"full_name": "acme/payments"}})
    ended = served.call("gate", environ=pushed)
    assert ended.code == 1, ended.out + ended.err
    assert conclusions(served) == {"failure"}


def test_where_one_cannot_be_judged_the_check_that_it_shares_says_no_pass(
    world: Callable[[dict[str, Any]], World],
) -> None:
    made = on_one_commit({"policies/plan.yml": LAX})
    made["repositories"][0]["files"]["policies/plan.yml"] = "rules: nothing\n"
    served = world(made)
    ended = served.call("gate", "--all-open", REPOSITORY["github"])
    assert ended.code == 2, ended.out + ended.err
    assert conclusions(served) == {"action_required"}
    assert "payments#3: its check is that of acme/payments#2 too, which could not be judged" in ended.err


def test_one_that_shares_its_check_with_one_that_was_not_listed_is_told_nothing(
    world: Callable[[dict[str, Any]], World], monkeypatch: pytest.MonkeyPatch
) -> None:
    served = world(on_one_commit({"policies/plan.yml": LAX}))
    listed = open_ones._open

    def broken_off(*arguments: Any) -> tuple[list[PullRequest], bool]:
        return [one for one in listed(*arguments)[0] if one.number == 3], False

    monkeypatch.setattr(open_ones, "_open", broken_off)
    ended = served.call("gate", "--all-open", REPOSITORY["github"])
    assert ended.code == 3, ended.out + ended.err
    assert "its check is that of acme/payments#2 too, which was not listed" in ended.err
    assert conclusions(served) == set()


@ON_BOTH
def test_nothing_stays_passed_where_the_policy_loads_no_more(
    world: Callable[[dict[str, Any]], World], platform: str
) -> None:
    made = demo_scenario()
    made["repositories"][0]["files"] |= {"almguard.yml": OWN, "policies/plan.yml": "rules: nothing\n"}
    served = world(made)
    assert served.call("gate", "--all-open", REPOSITORY[platform], "--dry-run").code == 2
    assert not any("statuses" in path or "check-runs" in path for path in posts(served))
    assert served.call("gate", "--all-open", REPOSITORY[platform]).code == 2
    for number in (12, 13, 14):
        assert verdict(served, platform, number) == {"github": "action_required", "azure-devops": "error"}[platform]


@ON_BOTH
def test_where_a_configuration_cannot_be_read_only_a_pass_is_taken_back(demo: World, platform: str) -> None:
    path = demo.write("lax.yml", POLICY.replace("minimum: 1", "minimum: 0"))
    assert demo.call("gate", ONE[platform].format(14), "--config", path).code == 0
    before = len(posts(demo))
    with mock.patch.dict(os.environ, demo.environ, clear=True), session(None) as opened:
        judging = Judging(opened, "gate")
        targets = [(one, judging.resolve(one)[1]) for one in (parse(ONE[platform].format(n)) for n in (12, 14))]
        beginning = Beginning(opened, None, dry_run=False)
        beginning.unjudged([(one, it) for one, it in targets if isinstance(it, PullRequest)], Unread("no answer"))
    assert verdict(demo, platform, 14) == {"github": "action_required", "azure-devops": "error"}[platform]
    assert len(posts(demo)) == before + 1


def test_statuses_of_azure_devops_are_each_of_one_pull_request(world: Callable[[dict[str, Any]], World]) -> None:
    served = world(on_one_commit({"policies/plan.yml": LAX}))
    assert served.call("gate", "--all-open", REPOSITORY["azure-devops"]).code == 1
    pulls = served.state()["repositories"]["acme/payments"]["pull_requests"]
    assert {one["number"]: one["ado_statuses"][-1]["state"] for one in pulls} == {2: "failed", 3: "succeeded"}


@ON_BOTH
def test_a_step_of_a_dated_enforcement_is_told_though_the_verdict_is_the_same(demo: World, platform: str) -> None:
    """What says that it only warns would be wrong from that day on."""
    demo.write(
        "dated.yml",
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: dated}\nrules:\n"
        "  - {rule: requirement-link, enforce: block}\n"
        "  - {rule: approvals, enforce: [{audit}, {warn: 2027-01-01}]}\n",
    )
    target = ("--all-open", REPOSITORY[platform], "--config", f"{demo.folder}/dated.yml", "--format", "json")
    assert demo.call("gate", *target, "--now", "2026-12-31T12:00:00Z").code == 1
    requests.delete(f"{demo.sandbox.url}/_sandbox/requests", timeout=10)
    demo.call("gate", *target, "--now", "2026-12-31T13:00:00Z")
    assert posts(demo) == []
    demo.call("gate", *target, "--now", "2027-01-01T12:00:00Z")
    assert posts(demo)
