"""A gate that waits: for checks, or with somebody who watches. No clock is read here, and nobody sleeps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

import pytest
import requests

from bot.cli import waiting
from tests.cli.conftest import Ended, World

GITHUB, AZURE = "github:acme/payments#14", "ado:acme/Payments/payments!14"
BOTH = pytest.mark.parametrize("target", [GITHUB, AZURE], ids=["github", "azure-devops"])

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: checked}
rules:
  - {rule: required-checks, enforce: block, with: {checks: ["*slow"]}}
"""
REVIEWED = POLICY + "  - {rule: approvals, enforce: block, with: {minimum: 4}}\n"
CONFIG = "apiVersion: almguard/v1\nkind: Config\npolicies: [checked.yml]\ngate: {wait: 10m}\n"

Step = Callable[[], object]


class Script(waiting.Clock):
    """What happens in each pause, one after the other; time passes only in pauses."""

    def __init__(self, steps: Sequence[Step] = ()) -> None:
        super().__init__(read=lambda: self.now, sleep=self.pause, chance=lambda: 0.5)
        self.now = 1_000.0
        self.steps = list(steps)
        self.slept: list[float] = []

    def pause(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        if self.steps:
            self.steps.pop(0)()


def happens(world: World, **event: Any) -> Step:
    def step() -> None:
        address = f"{world.sandbox.url}/_sandbox/events"
        requests.post(address, json={"pull_request": 14, **event}, timeout=10).raise_for_status()

    return step


def check(world: World, pull_request: int = 14, **check: Any) -> Step:
    return happens(world, pull_request=pull_request, check={"name": "slow", "kind": "status", **check})


def nothing() -> None:
    pass


@pytest.fixture
def gate(demo: World, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Ended, Script]]:
    def run(target: str, *options: str, steps: Sequence[Step] = (), policy: str = POLICY) -> tuple[Ended, Script]:
        script = Script(steps)
        monkeypatch.setattr(waiting, "Clock", lambda: script)
        demo.write("checked.yml", policy)
        config = demo.write("config.yml", CONFIG if not options else CONFIG.replace("gate: {wait: 10m}\n", ""))
        return demo.call("gate", target, "--config", config, *options), script

    return run


def posted(world: World, name: str = "almguard") -> list[str]:
    """The states that were posted under our name, on either platform."""
    found = []
    for repository in world.state()["repositories"].values():
        found += [run["conclusion"] or run["status"] for run in repository["check_runs"] if run["name"] == name]
        for pull in repository["pull_requests"]:
            found += [status["state"] for status in pull["ado_statuses"] if status["name"] == name]
    return found


@BOTH
@pytest.mark.parametrize("options", [(), ("--wait", "10m")], ids=["configured", "on the command line"])
def test_it_waits_for_running_checks_and_posts_once(demo: World, gate: Any, target: str, options: Any) -> None:
    check(demo, state="in_progress")()
    ended, script = gate(target, *options, steps=[nothing, check(demo, conclusion="success")])
    assert ended.code == 0, ended.out + ended.err
    assert script.slept == [10.0, 15.0]
    assert "waiting up to 10 min for checks of acme/" in ended.err
    assert "slow" in ended.err
    assert posted(demo) in (["success"], ["succeeded"])


@BOTH
def test_a_check_that_fails_ends_the_waiting(demo: World, gate: Any, target: str) -> None:
    ended, script = gate(target, steps=[check(demo, state="in_progress"), check(demo, conclusion="failure")])
    assert ended.code == 1, ended.out + ended.err
    assert len(script.slept) == 2


@BOTH
def test_at_the_end_of_its_patience_it_posts_that_it_waits(demo: World, gate: Any, target: str) -> None:
    check(demo, state="in_progress")()
    ended, script = gate(target, "--wait", "1m30s")
    assert ended.code == 5, ended.out + ended.err
    assert sum(script.slept) == 90
    assert script.slept[:3] == [10.0, 15.0, 22.5]
    assert posted(demo) in (["in_progress"], ["pending"])


@BOTH
def test_it_does_not_wait_for_people(demo: World, gate: Any, target: str) -> None:
    check(demo, state="in_progress")()
    ended, script = gate(target, policy=REVIEWED)
    assert ended.code == 5, ended.out + ended.err
    assert script.slept == []


@BOTH
def test_without_being_told_to_it_does_not_wait(demo: World, gate: Any, target: str) -> None:
    ended, script = gate(target, "--wait", "0s")
    assert (ended.code, script.slept) == (5, [])


@BOTH
@pytest.mark.parametrize(
    ("event", "words"),
    [
        ({"set": {"state": "closed"}}, "was closed"),
        ({"merge": True}, "was merged"),
        ({"push": {"commits": [{"message": "More", "files": {"src/more.py": "M = 1\n"}}]}}, "has a newer head"),
    ],
    ids=["closed", "merged", "pushed to"],
)
def test_when_there_is_nobody_left_to_tell_it_gives_up(
    demo: World, gate: Any, target: str, event: dict[str, Any], words: str
) -> None:
    check(demo, state="in_progress")()
    ended, script = gate(target, steps=[nothing, happens(demo, **event)])
    assert words in ended.err
    assert (ended.code, ended.out) == (0, "")
    assert len(script.slept) == 2
    assert posted(demo) == []


@BOTH
def test_its_own_earlier_verdict_is_no_check_that_it_waits_for(demo: World, gate: Any, target: str) -> None:
    """Nothing has reported but a verdict of ours that waits; then something reports."""
    push = happens(demo, push={"commits": [{"message": "More", "files": {"src/more.py": "M = 1\n"}}]})
    push()
    everything = POLICY.replace('checks: ["*slow"]', "leave_out: [lint, semgrep]")
    first, _ = gate(target, "--wait", "0s", policy=everything)
    assert first.code == 5, first.out + first.err
    assert posted(demo) in (["in_progress"], ["pending"])
    ended, script = gate(target, policy=everything, steps=[nothing, check(demo, conclusion="success")])
    assert (ended.code, len(script.slept)) == (0, 2), ended.out + ended.err


@BOTH
def test_a_pause_reads_the_pull_request_and_its_checks_alone(demo: World, gate: Any, target: str) -> None:
    check(demo, state="in_progress")()
    sent: list[int] = []

    def count() -> None:
        sent.append(len(demo.ledger()))

    gate(target, "--dry-run", "--wait", "1m", steps=[count, count])
    assert sent[1] - sent[0] <= (2 if target is GITHUB else 4)


@BOTH
def test_what_cannot_be_read_for_a_moment_is_awaited(demo: World, gate: Any, target: str) -> None:
    check(demo, state="in_progress")()

    def broken() -> None:
        demo.fault(match="graphql" if target is GITHUB else "evaluations", kind="status", status=403)

    ended, script = gate(target, steps=[broken, check(demo, conclusion="success")])
    assert "cannot be read at the moment" in ended.err, ended.err
    assert (ended.code, len(script.slept)) == (0, 2), ended.err


@BOTH
def test_who_watches_sees_what_changes_and_posts_nothing(demo: World, gate: Any, target: str) -> None:
    check(demo, state="in_progress")()
    ended, script = gate(target, "--watch", steps=[nothing, check(demo, conclusion="success")])
    assert ended.code == 0, ended.out + ended.err
    assert len(script.slept) == 2
    assert "is waiting" in ended.err
    assert "- " in ended.err
    assert "has not ended" in ended.err
    assert "is passed" in ended.err
    assert posted(demo) == []


def test_who_watches_waits_for_people_too_and_a_newer_head_is_watched_on(demo: World, gate: Any) -> None:
    check(demo, conclusion="success")()
    push = happens(demo, push={"commits": [{"message": "More", "files": {"src/more.py": "M = 1\n"}}]})
    ended, script = gate(GITHUB, "--watch", policy=REVIEWED, steps=[push, happens(demo, set={"state": "closed"})])
    assert ended.code == 5, ended.out + ended.err
    assert len(script.slept) == 2
    assert ended.err.count("is waiting") == 2 + 1
    assert "was closed" in ended.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((GITHUB, "--wait", "10"), "'10' is no length of time: write 90s, 10m or 1h30m"),
        ((GITHUB, "--wait", "-5m"), "is no length of time"),
        (("github:acme", "--all-open", "--wait", "5m"), "goes with neither"),
        (("--watch",), "name what to watch"),
    ],
)
def test_what_cannot_be_waited_for_is_refused(demo: World, options: tuple[str, ...], words: str) -> None:
    ended = demo.call("gate", *options)
    assert ended.code == 2
    assert words in ended.err


def test_a_wait_that_is_no_length_of_time_does_not_load(demo: World) -> None:
    demo.write("checked.yml", POLICY)
    for wrong in ("10", "10 m", "soon", "''"):
        config = demo.write("config.yml", CONFIG.replace("10m", wrong))
        ended = demo.call("gate", GITHUB, "--config", config)
        assert ended.code == 2
        assert "config.yml:4:" in ended.err, ended.err


def test_pauses_differ_and_grow_to_a_limit() -> None:
    def slept(chance: float) -> list[float]:
        script = Script()
        script.chance = lambda: chance
        list(script.pauses(timedelta(minutes=10)))
        return script.slept

    assert slept(0.0)[:2] == [8.0, 12.0]
    assert slept(1.0)[:2] == [12.0, 18.0]
    assert max(slept(0.5)) == waiting.LONGEST_PAUSE
    assert sum(slept(0.3)) == pytest.approx(600)


def test_one_of_several_that_is_merged_meanwhile_leaves_the_others_to_be_told(
    demo: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a merge queue the first of a group is merged while the checks of the others run."""
    check(demo, state="in_progress")()
    check(demo, state="in_progress", pull_request=13)()
    script = Script([happens(demo, merge=True), check(demo, conclusion="success", pull_request=13)])
    monkeypatch.setattr(waiting, "Clock", lambda: script)
    demo.write("checked.yml", POLICY)
    config = demo.write("config.yml", CONFIG)
    ended = demo.call("gate", "github:acme/payments#14", "github:acme/payments#13", "--config", config)
    assert "was merged" in ended.err
    assert ended.code == 0, ended.out + ended.err
    assert posted(demo) == ["success"]
