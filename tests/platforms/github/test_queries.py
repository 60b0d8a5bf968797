"""Every query that the provider can send is one that GitHub's public schema allows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from graphql import GraphQLSchema, build_schema, parse, validate

from bot.engine.ports import Known, PlatformError
from bot.engine.targets import parse as parse_target
from bot.model.facts import FactRequest
from bot.model.facts.change import TeamMembers, TeamSpec
from bot.model.facts.pipelines import FileContents, PathSpec
from bot.model.people import Person
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    Platform,
    PullRequest,
    Release,
    Repository,
    Subject,
)
from bot.platforms.github.client import GitHubClient, Graph, GraphError
from bot.platforms.github.memory import Memory
from bot.platforms.github.provider import GRAPHQL
from bot.platforms.github.query import BUDGET, Connection, Piece, ask, batches
from bot.platforms.github.reading import Context
from bot.platforms.github.resolving import Resolver

NOW = datetime(2026, 11, 2, tzinfo=UTC)
OWNER = Organization("h/organization/1", "acme", Platform.GITHUB, "https://h/acme")


class Recorder(GitHubClient):
    """Keeps the queries, and answers that nothing is there."""

    def __init__(self) -> None:
        super().__init__("token")
        self.queries: list[str] = []

    def graphql(self, query: str, *, divisible: bool = False) -> Graph:
        self.queries.append(query)
        return Graph({}, ())


@pytest.fixture(scope="module")
def schema(shared_data: Path) -> GraphQLSchema:
    return build_schema((shared_data / "github" / "schema.graphql").read_text(), assume_valid=True)


@pytest.fixture
def client() -> Iterator[Recorder]:
    client = Recorder()
    yield client
    client.transport.close()


def subjects(number: int = 1) -> dict[type[Subject], Subject]:
    home = Repository(
        f"h/repository/{number}",
        f'acme/pay"{number}',
        Platform.GITHUB,
        "https://h/acme/pay",
        organization=OWNER,
        short_name="pay",
        default_branch="main",
    )
    branch = home.branch('rel"ease/1')
    change = PullRequest(
        "h/pull_request/1", "acme/pay#1", Platform.GITHUB, "", base=branch, number=1, title="", body="",
        author=Person("h/user/1", "ana"), head_sha="a" * 40, base_sha="b" * 40, source_branch="x", created_at=NOW,
    )  # fmt: skip
    release = Release(
        "h/release/1", "acme/pay@v1", Platform.GITHUB, "", repository=home, version="v1", commit="a" * 40, created_at=NOW,
        environment="production",
    )  # fmt: skip
    return {Repository: home, Branch: branch, PullRequest: change, Release: release}


def check(schema: GraphQLSchema, queries: list[str]) -> None:
    assert queries
    for query in queries:
        assert [error.message for error in validate(schema, parse(query))] == [], query


def test_all_facts_in_one_query(schema: GraphQLSchema, client: Recorder) -> None:
    context = Context(client, NOW, Memory(), Known())
    specs = {TeamMembers: TeamSpec(frozenset({"a", "b"})), FileContents: PathSpec(frozenset({"x.md", "y\\z"}))}
    pieces = []
    for number in (1, 2):
        about = subjects(number)
        for fact, read in GRAPHQL.items():
            reading = read(context, FactRequest(fact, specs.get(fact)), about[fact.subject])
            pieces.append(reading.piece)
            pieces += [reading.piece for _ in range(2)]
            for connection in reading.piece.connections:
                client.queries.append(_page(reading.piece.path, connection.select("a cursor")))
    assert len(batches(pieces)) == 1
    ask(client, pieces)
    check(schema, client.queries)


def _page(path: tuple[str, ...], selection: str) -> str:
    for step in reversed(path):
        selection = f"{step} {{ {selection} }}"
    return f"query {{ {selection} {BUDGET} }}"


@pytest.mark.parametrize("target", ["github:acme", "github:acme/pay", "github:acme/pay#12", "github:acme/pay@v1"])
def test_resolving(schema: GraphQLSchema, client: Recorder, target: str) -> None:
    for environment in (None, "production"):
        with pytest.raises(PlatformError):
            Resolver(client, Memory()).resolve(parse_target(target, environment))
    check(schema, client.queries)


def test_discovering(schema: GraphQLSchema, client: Recorder) -> None:
    resolver = Resolver(client, Memory())
    everything = frozenset({Organization, Repository, Branch, Environment, Pipeline, PullRequest, Release})
    for root in (OWNER, subjects()[Repository]):
        list(resolver.discover(root, everything))
    check(schema, client.queries)


class Partial(GitHubClient):
    """Answers one query with what it is given."""

    def __init__(self, data: dict[str, object], *errors: GraphError) -> None:
        super().__init__("token")
        self.answer = Graph(data, errors)

    def graphql(self, query: str, *, divisible: bool = False) -> Graph:
        return self.answer


def test_a_file_that_is_not_there_is_no_error_but_a_forbidden_one_is() -> None:
    place = {"r0_": {"f0_": None, "g0_": None}}
    missing = GraphError("NOT_FOUND", "Could not resolve file for path 'a'.", ("r0_", "f0_"))
    hidden = GraphError("FORBIDDEN", "Resource not accessible by integration", ("r0_", "g0_"))
    client = Partial(place, missing, hidden)
    pieces = [Piece(("repository(x)",), f"{key}: file", keys=(key,), may_lack=True) for key in ("f0_", "g0_")]
    first, second = ask(client, pieces)
    client.transport.close()
    assert first.errors == ()
    assert second.errors == (hidden,)


def test_an_error_belongs_to_the_facts_whose_part_it_is_in() -> None:
    inside = GraphError("FORBIDDEN", "no", ("r0_", "b_", "classic_"))
    above = GraphError("FORBIDDEN", "no", ("r1_",))
    client = Partial({"r0_": {"b_": {"classic_": None, "rules_": None}}, "r1_": None}, inside, above)
    rules = Connection("rules_", "rules", "type", wrap=("b_: ref(x)",))
    found = ask(
        client,
        [
            Piece(("repository(x)",), "b_: ref(x) { classic_ }", keys=("b_.classic_",)),
            Piece(("repository(x)",), connections=(rules,)),
            Piece(("repository(y)",), "name", keys=("name",)),
        ],
    )
    client.transport.close()
    assert [one.errors for one in found] == [(inside,), (), (above,)]
