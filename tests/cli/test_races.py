"""Runs that overtake one another, and pull requests that move while they are judged: the newest verdict stays."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
import requests

from bot.sandbox.faults import Fault
from tests.cli.conftest import World
from tests.cli.test_ci_gate import build, github, on_pull_request, scenario

TARGETS = {"github": "github:acme/payments#{}", "azure-devops": "ado:acme/Payments/payments!{}"}
ON_BOTH = pytest.mark.parametrize("platform", TARGETS)
CHECK = {"github": "(POST|PATCH) .*/check-runs", "azure-devops": "POST .*/statuses"}
COMMENT = {"github": "POST .*/issues/.*/comments", "azure-devops": "POST .*/threads$"}
EDIT = {"github": "PATCH .*/issues/comments/", "azure-devops": "PATCH .*/threads/.*/comments/"}


def meanwhile(
    world: World, arguments: tuple[str, ...], match: str, happens: Callable[[], object], skip: int = 0
) -> str:
    """Run a gate, and let something happen while one of its requests is on its way; what it said on stderr."""
    world.fault(kind="hold", match=match, skip=skip)
    running = world.start("gate", *arguments)
    faults = world.sandbox.application.faults
    deadline = time.monotonic() + 60
    while not faults.held:
        assert running.poll() is None, running.communicate()
        assert time.monotonic() < deadline, "the request never came"
        time.sleep(0.02)
    happens()
    faults.clear()
    _, err = running.communicate(timeout=60)
    said = err.decode()
    assert "error in almguard itself" not in said, said
    return said


def event(world: World, number: int, **what: Any) -> None:
    sent = {"repository": "acme/payments", "pull_request": number, **what}
    requests.post(f"{world.sandbox.url}/_sandbox/events", json=sent, timeout=10).raise_for_status()


def verdict(world: World, platform: str, number: int) -> str:
    """What the newest check on the head says."""
    repository = world.state()["repositories"]["acme/payments"]
    if platform == "github":
        head = github(world, f"pulls/{number}")["head"]["sha"]
        check = [one for one in repository["check_runs"] if one["posted"] and one["sha"] == head][-1]
        return check["conclusion"] or check["status"]
    pulls = {pull["number"]: pull for pull in repository["pull_requests"]}
    return str(pulls[number]["ado_statuses"][-1]["state"])


def said_to(world: World, platform: str, number: int) -> list[str]:
    """The sticky comments, on Azure DevOps those of open threads."""
    repository = world.state()["repositories"]["acme/payments"]
    if platform == "github":
        return [one["body"] for one in repository["issue_comments"] if one["posted"]]
    pulls = {pull["number"]: pull for pull in repository["pull_requests"]}
    threads = [one for one in pulls[number]["ado_threads"] if one["posted"] and one["status"] == "active"]
    return [thread["comments"][0]["content"] for thread in threads]


PASSED = {"github": "success", "azure-devops": "succeeded"}
WAITING = {"github": "in_progress", "azure-devops": "pending"}


@ON_BOTH
def test_an_older_run_that_ends_later_is_judged_again(demo: World, platform: str) -> None:
    target = TARGETS[platform].format(13)
    arguments = (target, "--config", demo.policy)

    def overtaken() -> None:
        event(demo, 13, review={"by": "cleo", "state": "approved"})
        assert demo.call("gate", *arguments).code == 0
        assert verdict(demo, platform, 13) == PASSED[platform]

    said = meanwhile(demo, arguments, CHECK[platform], overtaken)
    assert "moved while it was judged" in said, said
    assert verdict(demo, platform, 13) == PASSED[platform]
    assert all("Waiting" not in text for text in said_to(demo, platform, 13))


def test_a_review_alone_has_it_judged_again_where_no_other_run_does(demo: World) -> None:
    arguments = (TARGETS["github"].format(13), "--config", demo.policy)
    said = meanwhile(
        demo, arguments, CHECK["github"], lambda: event(demo, 13, review={"by": "cleo", "state": "approved"})
    )
    assert "it was reviewed" in said, said
    assert verdict(demo, "github", 13) == "success"


@ON_BOTH
def test_a_newer_head_has_the_last_word(demo: World, platform: str) -> None:
    target = TARGETS[platform].format(13)
    arguments = (target, "--config", demo.policy)
    # By another policy first, so that the comment has something else to say, whatever the minute.
    head = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: other}\n"
    other = demo.write("other.yml", f"{head}rules: [{{rule: approvals, enforce: block}}]\n")
    assert demo.call("gate", target, "--config", other).code == 5

    def pushed() -> None:
        event(
            demo,
            13,
            push={"by": "ana", "commits": [{"message": "More", "author": "ana", "files": {"src/more.py": "m = 1\n"}}]},
        )
        assert demo.call("gate", *arguments).code in (1, 5)

    said = meanwhile(demo, arguments, EDIT[platform], pushed)
    assert "it has another head" in said, said
    head = github(demo, "pulls/13")["head"]["sha"]
    (comment,) = said_to(demo, platform, 13)
    if platform == "github":
        assert head[:7] in comment, comment
    assert verdict(demo, platform, 13) != PASSED[platform]


@ON_BOTH
def test_a_comment_that_is_deleted_meanwhile_is_written_anew(demo: World, platform: str) -> None:
    target = TARGETS[platform].format(12)
    assert demo.call("gate", target, "--config", demo.policy).code == 1
    lax = demo.write(
        "lax.yml",
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: lax}\nrules: [{rule: approvals, enforce: block}]\n",
    )

    def deleted() -> None:
        repository = demo.sandbox.world.repositories[0]
        if platform == "github":
            repository.issue_comments.clear()
        else:
            repository.pull_requests[12].ado_threads[:] = [
                t for t in repository.pull_requests[12].ado_threads if not t.posted
            ]

    meanwhile(demo, (target, "--config", lax), EDIT[platform], deleted)
    (comment,) = said_to(demo, platform, 12)
    assert "approval" in comment


@ON_BOTH
def test_two_runs_that_comment_first_leave_one_comment(demo: World, platform: str) -> None:
    target = TARGETS[platform].format(12)
    arguments = (target, "--config", demo.policy)
    meanwhile(demo, arguments, COMMENT[platform], lambda: demo.call("gate", *arguments))
    assert len(said_to(demo, platform, 12)) == 1


@ON_BOTH
def test_a_new_head_is_pending_before_it_is_judged(world: Callable[[dict[str, Any]], World], platform: str) -> None:
    served = world(scenario())
    environ = on_pull_request(served, 14, "pull_request") if platform == "github" else build(served, 14)
    served.environ |= environ
    seen: list[str] = []
    meanwhile(served, (), CHECK[platform], lambda: seen.append(verdict(served, platform, 14)), skip=1)
    assert seen == [WAITING[platform]]
    assert verdict(served, platform, 14) == PASSED[platform]


def test_other_events_put_nothing_back(world: Callable[[dict[str, Any]], World]) -> None:
    served = world(scenario())
    assert served.call("gate", environ=on_pull_request(served, 14, "pull_request_review", "submitted")).code == 0
    assert served.call("gate", environ=on_pull_request(served, 14, "pull_request", "labeled")).code == 0
    writes = [one for one in served.ledger() if one["method"] in ("POST", "PATCH") and "check-runs" in one["path"]]
    assert len(writes) == 2


@pytest.mark.parametrize(
    ("platform", "event", "action"),
    [
        ("github", "pull_request", "synchronize"),
        ("github", "pull_request_review", "submitted"),
        ("github", "pull_request", "labeled"),
        ("azure-devops", "", ""),
    ],
)
def test_what_could_not_be_judged_is_said_at_the_check(
    world: Callable[[dict[str, Any]], World], platform: str, event: str, action: str
) -> None:
    made = scenario()
    made["repositories"][0]["files"]["policies/plan.yml"] = "apiVersion: almguard/v1\nkind: Policy\nrules: nothing\n"
    served = world(made)
    environ = on_pull_request(served, 14, event, action) if platform == "github" else build(served, 14)
    ended = served.call("gate", environ=environ)
    assert ended.code == 2, ended.out + ended.err
    assert verdict(served, platform, 14) == ("action_required" if platform == "github" else "error")
    if platform == "github":
        (check,) = [one for one in served.state()["repositories"]["acme/payments"]["check_runs"] if one["posted"]]
        assert check["title"] == "Not judged"
        assert "policies/plan.yml" in check["summary"].replace("\\", "")


@ON_BOTH
def test_a_change_of_the_rules_is_told(world: Callable[[dict[str, Any]], World], platform: str) -> None:
    """Number 12 loosens the policy in its own branch: it is judged by the base's, and whoever reviews it reads that."""
    served = world(scenario())
    environ = on_pull_request(served, 12, "pull_request") if platform == "github" else build(served, 12)
    assert served.call("gate", environ=environ).code == 1
    (comment,) = said_to(served, platform, 12)
    plain = comment.replace("\\", "").replace("\u200b", "")
    assert "This change would alter the rules: .github/almguard.yml, policies/plan.yml." in plain, plain
    assert "judged by those of its base branch, main" in plain
    environ = on_pull_request(served, 13, "pull_request") if platform == "github" else build(served, 13)
    served.call("gate", environ=environ)
    assert "alter the rules" not in said_to(served, platform, 13)[-1]


def test_what_moved_and_cannot_be_judged_again_is_not_left_as_it_was(
    demo: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict that was posted first is known to be outdated."""
    faults, arguments = demo.sandbox.application.faults, (TARGETS["github"].format(13), "--config", demo.policy)
    event(demo, 13, review={"by": "cleo", "state": "approved"})
    assert demo.call("gate", *arguments).code == 0

    def refused_from_then_on() -> None:
        type(faults).clear(faults)
        faults.add(Fault(kind="status", status=403, match="POST .*/graphql", skip=1, times=1_000))

    def withdrawn() -> None:
        event(demo, 13, review={"by": "cleo", "state": "changes_requested"})
        monkeypatch.setattr(faults, "clear", refused_from_then_on)

    said = meanwhile(demo, arguments, CHECK["github"], withdrawn)
    monkeypatch.undo()
    faults.clear()
    assert "moved while it was judged" in said, said
    assert verdict(demo, "github", 13) == "action_required"
