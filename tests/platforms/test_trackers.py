"""The trackers of both platforms by themselves: how much they ask, how fast they write, and what they make of odd answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from bot.engine.ports import PlatformError
from bot.engine.targets import parse
from bot.engine.tracking import Change, Home, Step, Tracker, mark
from bot.model.subjects import Organization, Repository
from bot.platforms.azure_devops.provider import AzureDevOpsProvider
from bot.platforms.azure_devops.work_item_tracker import WorkItemTracker
from bot.platforms.github.client import GitHubClient
from bot.platforms.github.issue_tracker import GitHubIssueTracker
from bot.platforms.github.provider import GitHubProvider
from bot.platforms.transport import Transport
from bot.policy.configuration import TrackingSettings
from tests.platforms.served import Served

ON_BOTH = pytest.mark.parametrize("platform", ["github", "azure"])
WORLD: dict[str, Any] = {
    "now": "2026-11-02T09:00:00Z",
    "tokens": {"all": {}},
    "repositories": [{"name": f"r{n:02}"} for n in range(60)],
}


@pytest.fixture
def served() -> Iterator[Served]:
    made = Served(WORLD)
    yield made
    made.close()


def tracker(served: Served, platform: str, **settings: object) -> tuple[Tracker, list[Repository]]:
    provider = served.provider(platform)
    root = provider.resolve(parse("github:acme" if platform == "github" else "ado:acme/acme"))
    assert isinstance(root, Organization)
    homes = [one for one in provider.discover(root, frozenset({Repository})) if isinstance(one, Repository)]
    wanted = replace(TrackingSettings(), **settings)  # type: ignore[arg-type]
    made: Tracker
    if isinstance(provider, GitHubProvider):
        made = GitHubIssueTracker(provider.client, wanted)
    else:
        assert isinstance(provider, AzureDevOpsProvider)
        made = WorkItemTracker(provider.client, wanted)
    return made, sorted(homes, key=lambda home: home.name)


def create(of: Tracker, home: Home, text: str = "text") -> None:
    of.look_again(home)
    of.write(Change(Step.CREATE, home, "title", text, mark(text)))


def asked(served: Served) -> int:
    return len(served.sandbox.application.ledger.entries)


@ON_BOTH
@pytest.mark.parametrize("central", [False, True])
def test_looking_costs_little(served: Served, platform: str, central: bool) -> None:
    settings = {"repository": "acme/r00", "project": "acme"} if central else {}
    made, homes = tracker(served, platform, **settings)
    for home in homes[:5]:
        create(made, home)
    fresh, _ = tracker(served, platform, **settings)
    before = asked(served)
    looked = fresh.look(homes)
    spent = asked(served) - before
    assert [home.name for home in homes if looked[home.id].standing] == [home.name for home in homes[:5]]
    assert spent == {("github", False): 2, ("github", True): 1}.get((platform, central), 4), spent
    before = asked(served)
    assert fresh.look_again(homes[0]).standing == looked[homes[0].id].standing
    assert asked(served) - before <= 2


@ON_BOTH
def test_an_item_of_another_run_is_seen_where_one_is_about_to_be_made(served: Served, platform: str) -> None:
    for settings in ({}, {"repository": "acme/r00", "project": "acme", "label": "central"}):
        (one, homes), (other, _) = tracker(served, platform, **settings), tracker(served, platform, **settings)
        assert not one.look(homes)[homes[3].id].standing
        create(other, homes[3])
        assert len(one.look_again(homes[3]).standing) == 1


def test_writes_to_github_are_spread_over_time(served: Served) -> None:
    slept: list[float] = []
    transport = Transport(sleep=slept.append)
    served.transports.append(transport)
    client = GitHubClient("all", served.sandbox.github_api, served.sandbox.github_graphql, transport=transport)
    made = GitHubIssueTracker(client, TrackingSettings(repository="acme/r00", assign=False))
    _, homes = tracker(served, "github")
    for home in homes[:30]:
        made.write(Change(Step.CREATE, home, "title", "text", mark("text")))
    # A label and thirty issues, of which twenty may go at once.
    assert sum(slept) > 5


@ON_BOTH
@pytest.mark.parametrize("kind", ["html", "not_json", "status"])
def test_what_cannot_be_looked_up_is_a_failure_and_never_nothing(served: Served, platform: str, kind: str) -> None:
    made, homes = tracker(served, platform)
    served.fault(match="(?i)graphql|wiql", kind=kind, status=403 if kind == "status" else None, times=None)
    found = made.look(homes[:2])
    assert all(one.failed and one.refusal for one in found.values())


@ON_BOTH
def test_a_write_that_is_refused_says_so(served: Served, platform: str) -> None:
    made, homes = tracker(served, platform)
    served.fault(match="(?i)^POST .*(/issues|/workitems/)", kind="status", status=403, times=None)
    with pytest.raises(PlatformError) as refused:
        create(made, homes[0])
    assert ("issues: write" if platform == "github" else "vso.work_write") in str(refused.value)
