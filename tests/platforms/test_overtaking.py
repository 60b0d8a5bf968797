"""Two runs on one pull request, each with a publisher of its own: what was read later stands, whoever writes last."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import requests

from bot.engine.loading import Needs, load
from bot.engine.ports import Known, Publication, Published, Publisher
from bot.engine.posted import Posted
from bot.engine.racing import MISPLACED, OVERTAKEN, SLOW, UNTOLD
from bot.engine.targets import parse
from bot.model.facts import FactRequest
from bot.model.facts.change import Checks
from bot.model.results import Verdict
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.azure_devops.publisher import AzureDevOpsPublisher
from bot.platforms.github.provider import GitHubProvider
from bot.platforms.github.publisher import GitHubPublisher
from tests.platforms.served import Served

WORLD: dict[str, Any] = {
    "people": {"ana": {}, "ben": {}, "almguard": {}},
    "tokens": {"all": {}, "pat": {"kind": "pat"}},
    "organizations": [{"name": "acme"}],
    "repositories": [
        {
            "name": "app",
            "permissions": {"ana": "write", "ben": "write", "almguard": "write"},
            "pull_requests": [{"number": 2, "title": "Change", "author": "ana", "checks": [{"name": "lint"}]}],
        }
    ],
}
TARGETS = {"github": "github:acme/app#2", "azure": "ado:acme/acme/app!2"}
BOTH = pytest.mark.parametrize("platform", TARGETS)
AT = datetime(2026, 11, 2, 9, 30, tzinfo=UTC)


@dataclass
class Gate:
    """One run, as far as posting is concerned."""

    publisher: Publisher
    subject: PullRequest
    publication: Publication
    seconds: list[float]
    """What its clock says, the last word for ever."""

    def publish(self, **changed: Any) -> Published:
        return self.publisher.publish(replace(self.publication, **changed))


class Gates:
    """A world that gates are started in."""

    def __init__(self) -> None:
        self.served = Served(WORLD)

    def gate(self, platform: str, verdict: Verdict, read_after: float, token: str = "all") -> Gate:
        """A gate that has read the pull request and its checks; its reading began so many seconds after the first."""
        seconds = [0.0]
        provider = self.served.provider(platform, token, lambda: seconds.pop(0) if len(seconds) > 1 else seconds[0])
        subject = provider.resolve(parse(TARGETS[platform]))
        assert isinstance(subject, PullRequest)
        needs = Needs()
        needs.add(FactRequest(Checks), [subject])
        load(needs, provider, Known())
        rests_on = Posted(verdict, "0" * 16, "f" * 16, AT + timedelta(seconds=read_after))
        publication = Publication(
            subject, "almguard", verdict, verdict.value, "summary", f"It is {verdict.value}.",
            rests_on=rests_on, yields=True, look_again=True,
        )  # fmt: skip
        publisher: Publisher
        if isinstance(provider, GitHubProvider):
            publisher = GitHubPublisher(provider.client, provider.memory)
        else:
            assert isinstance(provider, AzureDevOpsProvider)
            publisher = AzureDevOpsPublisher(provider)
        return Gate(publisher, subject, publication, seconds)

    def state(self) -> Any:
        return requests.get(f"{self.served.sandbox.url}/_sandbox/state", timeout=10).json()["repositories"]["acme/app"]

    def stands(self, platform: str) -> str:
        """What is said last on the head."""
        state = self.state()
        if platform == "github":
            runs = sorted((one for one in state["check_runs"] if one["posted"]), key=lambda one: one["id"])
            return str(runs[-1]["conclusion"] or "pending") if runs else str(state["statuses"][-1]["state"])
        return str(state["pull_requests"][0]["ado_statuses"][-1]["state"])

    def says(self, platform: str) -> list[str]:
        """The sticky comments."""
        state = self.state()
        if platform == "github":
            return [one["body"] for one in state["issue_comments"]]
        return [one["comments"][0]["content"] for one in state["pull_requests"][0]["ado_threads"] if one["posted"]]


@pytest.fixture
def gates() -> Iterator[Gates]:
    made = Gates()
    yield made
    made.served.close()


BLOCKED = {"github": "failure", "azure": "failed"}
PASSED = {"github": "success", "azure": "succeeded"}


@BOTH
def test_a_slow_gate_yields_to_what_was_read_later(gates: Gates, platform: str) -> None:
    slow = gates.gate(platform, Verdict.PASSED, 0)
    assert gates.gate(platform, Verdict.BLOCKED, 1).publish().moved == ()
    slow.seconds[:] = [60.0]
    done = slow.publish()
    if platform == "github":
        assert (done.actions, done.moved) == ((), (OVERTAKEN,))
        assert gates.stands(platform) == BLOCKED[platform]
        assert gates.says(platform)[0].endswith("It is blocked.")
    else:  # what it has read of statuses is old, but everything that was ever said shows afterwards
        assert done.moved == (MISPLACED,)
    slow.publication = replace(slow.publication, rests_on=replace(slow.publication.rests_on, read_at=AT))
    assert slow.publish(yields=False, look_again=False).moved == ()
    assert gates.stands(platform) == PASSED[platform], "the last round of all looks at nothing"


@BOTH
def test_what_stands_when_the_checks_are_read_is_seen_without_a_request(gates: Gates, platform: str) -> None:
    assert gates.gate(platform, Verdict.BLOCKED, 1).publish().moved == ()
    late = gates.gate(platform, Verdict.PASSED, 0)  # began before, and reads the checks only now
    before = len(gates.served.sandbox.application.ledger.entries)
    assert late.publish().moved == (OVERTAKEN,)
    assert len(gates.served.sandbox.application.ledger.entries) == before
    assert gates.stands(platform) == BLOCKED[platform]


def test_a_token_without_checks_yields_by_the_status(gates: Gates) -> None:
    assert gates.gate("github", Verdict.BLOCKED, 1, "pat").publish().moved == ()
    assert gates.gate("github", Verdict.PASSED, 0, "pat").publish().moved == (OVERTAKEN,)
    assert gates.stands("github") == "failure"
    assert gates.gate("github", Verdict.PASSED, 2, "pat").publish().moved == ()
    assert gates.stands("github") == "success"


@BOTH
def test_what_is_read_later_replaces_what_stands(gates: Gates, platform: str) -> None:
    assert gates.gate(platform, Verdict.BLOCKED, 0).publish().moved == ()
    assert gates.gate(platform, Verdict.PASSED, 1).publish().moved == ()
    assert gates.stands(platform) == PASSED[platform]


@BOTH
def test_a_reading_from_the_future_stops_nobody(gates: Gates, platform: str) -> None:
    assert gates.gate(platform, Verdict.PASSED, 86_400).publish().moved == ()
    assert gates.gate(platform, Verdict.BLOCKED, 0).publish().moved == ()
    assert gates.stands(platform) == BLOCKED[platform]


@BOTH
def test_an_older_verdict_over_ours_is_seen_afterwards(gates: Gates, platform: str) -> None:
    older, newer = gates.gate(platform, Verdict.PASSED, 0), gates.gate(platform, Verdict.BLOCKED, 1)
    done: list[Published] = []
    gates.served.fault(kind="hold", match="POST /api/graphql" if platform == "github" else "GET .*/statuses")
    writing = threading.Thread(target=lambda: done.append(newer.publish()))
    writing.start()
    faults = gates.served.sandbox.application.faults
    while not faults.held:
        assert writing.is_alive()
        time.sleep(0.01)
    assert gates.stands(platform) == BLOCKED[platform]
    older.publish(look_again=False)
    assert gates.stands(platform) == PASSED[platform]
    faults.clear()
    writing.join(30)
    assert done[0].moved == (MISPLACED,)


LOOK = {"github": "POST /api/graphql", "azure": "GET .*/statuses"}


@BOTH
def test_where_the_look_afterwards_fails_it_is_judged_again(gates: Gates, platform: str) -> None:
    gate = gates.gate(platform, Verdict.PASSED, 0)
    gates.served.fault(kind="status", status=503, match=LOOK[platform], times=None)
    assert gate.publish().moved == (UNTOLD,)
    assert gates.stands(platform) == PASSED[platform]


@BOTH
def test_what_the_token_may_not_look_at_is_not_looked_at_again(gates: Gates, platform: str) -> None:
    gate = gates.gate(platform, Verdict.PASSED, 0)
    gates.served.fault(kind="status", status=403, match=LOOK[platform], times=None)
    assert gate.publish().moved == ()


def test_where_writing_takes_long_nobody_can_tell_on_github(gates: Gates) -> None:
    gate = gates.gate("github", Verdict.PASSED, 0)
    gate.seconds[:] = [0.0, 0.0, 60.0]
    assert gate.publish().moved == (SLOW,)
    assert gates.stands("github") == "success"
