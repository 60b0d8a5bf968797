"""An owner of many repositories: what is read once, how much is asked for at a time, and what moves away meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from bot.engine.loading import Needs, load
from bot.engine.ports import Known, PlatformError
from bot.engine.reach import reach
from bot.engine.targets import parse
from bot.model.facts import Answer, Fact, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.pipelines import Pipelines
from bot.model.facts.protection import BranchRules, ClassicProtection, SecretScanning
from bot.model.facts.repository import Properties
from bot.model.results import Gap
from bot.model.subjects import Organization, Platform, Repository, Subject
from bot.platforms.github.client import GitHubClient, Graph, TooMuch
from bot.platforms.github.memory import Memory
from bot.platforms.github.provider import GitHubProvider
from bot.platforms.github.query import Piece, ask, batches, repository
from bot.platforms.github.resolving import Resolver
from bot.platforms.github.sizing import Sizing
from tests.platforms.github.conftest import House

WORKFLOW = "on: push\njobs: {}\n"


def owner(size: int) -> dict[str, Any]:
    return {
        "organizations": [{"name": "acme"}],
        "repositories": [
            {
                "name": f"app-{number:03}",
                "properties": {"tier": "critical" if number % 2 else "low"},
                "security": {"secret_scanning": number % 3 == 0, "push_protection": False},
                "files": {".github/workflows/ci.yml": WORKFLOW},
            }
            for number in range(size)
        ],
    }


def listed(provider: GitHubProvider) -> list[Repository]:
    root = provider.resolve(parse("github:acme"))
    found = list(provider.discover(root, frozenset({Repository})))
    assert all(isinstance(one, Repository) for one in found), found
    return found  # type: ignore[return-value]


def ask_for(provider: GitHubProvider, subjects: list[Repository], *facts: type[Fact]) -> dict[str, list[Answer]]:
    """By repository, the answers in the order of the facts."""
    answers: dict[str, list[Answer]] = {one.short_name: [] for one in subjects}
    needs, known = Needs(), Known()
    for fact in facts:
        needs.add(FactRequest(fact), subjects)
    load(needs, provider, known)
    for one in subjects:
        for fact in facts:
            holder = reach(one, fact.subject)
            assert holder is not None
            answer = known.answer(fact, holder)
            assert answer is not None
            answers[one.short_name].append(answer)
    return answers


def values(answers: dict[str, list[Answer]]) -> dict[str, list[Any]]:
    assert all(isinstance(one, Loaded) for each in answers.values() for one in each), answers
    return {name: [one.value for one in each if isinstance(one, Loaded)] for name, each in answers.items()}


def test_an_owner_s_lists_are_read_once_however_many_batches_ask(build: Callable[..., House]) -> None:
    house = build(owner(130))
    provider = house.provider("sandbox-token")
    repositories = listed(provider)
    found = {}
    for start in range(0, 130, 40):
        found |= values(ask_for(provider, repositories[start : start + 40], SecretScanning, Properties))
    assert [found["app-000"][0].enabled, found["app-001"][0].enabled, found["app-129"][0].enabled] == [
        True,
        False,
        True,
    ]
    assert [found["app-000"][1].values, found["app-129"][1].values] == [{"tier": "low"}, {"tier": "critical"}]
    paths = [line for line in house.lines() if "graphql" not in line]
    assert sorted(paths) == [
        *["GET /api/v3/orgs/acme/properties/values 200"] * 2,
        *["GET /api/v3/orgs/acme/repos 200"] * 2,
    ]


def test_few_are_asked_one_by_one_until_the_list_would_have_cost_less(build: Callable[..., House]) -> None:
    house = build(owner(130))
    provider = house.provider("sandbox-token")
    repositories = listed(provider)
    for one in repositories[:2]:
        values(ask_for(provider, [one], SecretScanning))
    assert [line for line in house.lines() if "/orgs/" in line] == []
    values(ask_for(provider, [repositories[2]], SecretScanning))
    values(ask_for(provider, [repositories[3]], SecretScanning))
    assert [line for line in house.lines() if "/orgs/" in line] == ["GET /api/v3/orgs/acme/repos 200"] * 2


def test_a_list_that_failed_is_read_again_for_the_next_batch(build: Callable[..., House]) -> None:
    house = build(owner(12))
    provider = house.provider("sandbox-token", transport={"attempts": 1})
    repositories = listed(provider)
    house.fault(match="/orgs/acme/repos", kind="status", status=500, times=1)
    first = ask_for(provider, repositories[:6], SecretScanning)
    assert {one.kind for (one,) in first.values() if isinstance(one, Unavailable)} == {UnknownKind.TRANSIENT}
    values(ask_for(provider, repositories[6:], SecretScanning))


@pytest.mark.parametrize("what", ["renamed", "deleted", "replaced"])
def test_a_repository_that_moves_after_it_was_listed_is_unknown_and_the_others_are_not(
    build: Callable[..., House], what: str
) -> None:
    house = build(owner(6))
    provider = house.provider("sandbox-token")
    repositories = listed(provider)
    world = house.sandbox.world
    moved, other = world.repository("acme", "app-002"), world.repository("acme", "app-005")
    assert moved is not None
    assert other is not None
    if what == "renamed":
        world.rename(moved, "elsewhere")
    else:
        world.remove(moved)
    if what == "replaced":
        world.rename(other, "app-002")
        del repositories[5]
    found = ask_for(provider, repositories, ClassicProtection, BranchRules, Pipelines, SecretScanning)
    (gone,) = [found.pop("app-002")]
    values(found)
    for answer in gone[: 3 if what == "renamed" else 4]:  # a list tells by number, whatever the name is
        assert isinstance(answer, Unavailable), answer
        assert answer.kind is UnknownKind.TRANSIENT
        words = {"renamed": "acme/elsewhere", "deleted": "any more", "replaced": "another repository"}[what]
        assert words in answer.reason, answer.reason


class Narrow(GitHubClient):
    """Answers so many repositories at a time, and no more."""

    def __init__(self, most: int) -> None:
        super().__init__("token")
        self.most = most
        self.refused = 0
        self.asked: list[str] = []

    def graphql(self, query: str, *, divisible: bool = False) -> Graph:
        names = [part.partition('"')[0] for part in query.split('name: "')[1:]]
        if len(names) > self.most:
            self.refused += 1
            raise TooMuch("502")
        self.asked += names
        return Graph({f"r{at}_": {"a": name} for at, name in enumerate(names)}, ())


@pytest.fixture
def narrow() -> Iterator[Narrow]:
    client = Narrow(12)
    yield client
    client.transport.close()


def test_a_size_that_was_too_much_is_not_asked_for_by_every_batch(narrow: Narrow) -> None:
    pieces = [Piece((repository(f"acme/app-{number}"),), "a", weight=1000) for number in range(1000)]
    found = []
    for start in range(0, len(pieces), 200):
        some = pieces[start : start + 200]
        for positions in batches(some, narrow.room.now):
            found += [one.node["a"] for one in ask(narrow, [some[at] for at in positions])]
    assert found == [f"app-{number}" for number in range(1000)]
    assert narrow.asked == found, "nothing is asked for twice"
    assert narrow.refused <= 8


def test_a_size_grows_again_after_a_failure_that_was_not_of_the_size() -> None:
    sizing = Sizing(1000)
    sizing.too_much(500)
    sizing.too_much(500)
    assert sizing.now == 500
    for _ in range(100):
        sizing.answered(sizing.now)
    assert sizing.now == 1000
    assert not sizing.doubtful(400), "so much less than what was answered is not what it failed for"


class Pages(GitHubClient):
    """Lists what it was given, page by page."""

    def __init__(self, *pages: Any) -> None:
        super().__init__("token")
        self.pages_left = list(pages)

    def graphql(self, query: str, *, divisible: bool = False) -> Graph:
        page = self.pages_left.pop(0)
        if isinstance(page, Exception):
            raise page
        return Graph({"owner": {"repositories": page}}, ())


def node(number: int, **other: Any) -> dict[str, Any]:
    return {
        "databaseId": number, "name": f"app-{number}", "nameWithOwner": f"acme/app-{number}", "url": "", "isEmpty": True,
        "isArchived": False, "isFork": False, "visibility": "PRIVATE", "pushedAt": None, "defaultBranchRef": None,
        "primaryLanguage": None, "repositoryTopics": {"nodes": []},
        "owner": {"__typename": "Organization", "login": "acme", "url": "", "databaseId": 1}, **other,
    }  # fmt: skip


def page(*nodes: Any, after: str | None = None) -> dict[str, Any]:
    return {"totalCount": 9, "nodes": list(nodes), "pageInfo": {"hasNextPage": after is not None, "endCursor": after}}


def discovered(*pages: Any) -> tuple[list[str], list[Gap]]:
    client = Pages(*pages)
    root = Organization("h/organization/1", "acme", Platform.GITHUB, "https://h/acme")
    found = list(Resolver(client, Memory()).discover(root, frozenset({Repository})))
    client.transport.close()
    names = [one.name for one in found if isinstance(one, Subject)]
    return names, [one for one in found if isinstance(one, Gap)]


def test_what_is_counted_and_not_shown_is_a_gap() -> None:
    names, gaps = discovered(page(node(1), None, node(2)))
    assert names == ["acme/app-1", "acme/app-2"]
    assert ["1 more" in gap.reason for gap in gaps] == [True]


def test_a_listed_repository_that_is_not_understood_is_a_gap_and_ends_nothing() -> None:
    names, gaps = discovered(page(node(1), {"nameWithOwner": "acme/odd", "databaseId": 7}, node(2)))
    assert names == ["acme/app-1", "acme/app-2"]
    assert [(gap.name, gap.kind) for gap in gaps] == [("acme/odd", UnknownKind.UNREADABLE)]


def test_a_page_that_fails_is_asked_for_again_and_what_was_listed_stays_where_that_is_in_vain() -> None:
    failure = PlatformError("it broke", UnknownKind.TRANSIENT)
    names, gaps = discovered(page(node(1), after="x"), failure, failure, page(node(2)))
    assert (names, gaps) == (["acme/app-1", "acme/app-2"], [])
    names, gaps = discovered(page(node(1), after="x"), *[failure] * 4)
    assert names == ["acme/app-1"]
    assert [gap.reason for gap in gaps] == ["it broke"]


def test_a_page_that_follows_itself_ends_the_listing_with_a_gap() -> None:
    names, gaps = discovered(page(node(1), after="x"), page(node(2), after="x"))
    assert names == ["acme/app-1", "acme/app-2"]
    assert [gap.kind for gap in gaps] == [UnknownKind.TRUNCATED]
