"""A large query is answered in pieces, and as the same questions are when they are asked whole."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.github.graphql import pieces
from bot.sandbox.github.graphql.pieces import take_apart
from bot.sandbox.grow import grow
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Application
from bot.sandbox.wire import Request, Response
from bot.sandbox.world import World

REF = 'b: ref(qualifiedName: "refs/heads/main") { name target { ... on Commit { oid history(first: 3) { totalCount } } } }'
SAME = 'b: ref(qualifiedName: "refs/heads/main") { branchProtectionRule { pattern } }'
FILE = 'o: object(expression: "main:README.md") { ... on Blob { text } }'


@pytest.fixture(scope="module")
def application() -> Application:
    world = World(Scenario())
    grow(world, 30, 7)
    return Application(world, "http://127.0.0.1:1")


def about(name: str, place: int) -> str:
    return f'r{place}_: repository(owner: "grown", name: "{name}") {{ databaseId {REF} {SAME} {FILE} }}'


def large(application: Application, *more: str) -> str:
    names = [each.name for each in application.world.repositories[:15]]
    asked = [about(name, place) for place, name in enumerate([*names, 'no "such" one'.replace('"', '\\"')])]
    return f"query {{ {' '.join([*asked, *more])} }}"


def answer(application: Application, text: str, variables: dict[str, object] | None = None) -> Response:
    handler = application._handler("graphql")
    body = Response(200, {"query": text, "variables": variables or {}}).encoded()
    return handler(Request.of("POST", "/api/graphql", {"authorization": "Bearer sandbox-token"}, body))


def whole(application: Application, text: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    with monkeypatch.context() as patched:
        patched.setattr(pieces, "LARGE", 10**9)
        assert take_apart(text) is None
        return answer(application, text).body


def told(body: Any) -> Any:
    """An answer, and its errors by what they say and where in the answer."""
    errors = sorted((error["path"], error["type"], error["message"]) for error in body.get("errors", ()))
    return {name: value for name, value in (body["data"] or {}).items() if name != "limit"}, errors


def test_a_large_query_is_answered_as_it_is_whole(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    text = large(application, "limit: rateLimit { cost nodeCount }")
    assert len(take_apart(text) or ()) == 17
    apart, together = answer(application, text).body, whole(application, text, monkeypatch)
    assert told(apart) == told(together)
    assert isinstance(apart, dict)
    assert apart["data"]["limit"] == together["data"]["limit"]
    assert [error["path"] for error in apart["errors"]] == [["r15_"]]
    assert apart["errors"][0]["locations"] == [{"line": 1, "column": text.index("r15_") + 1}]


@pytest.mark.parametrize(
    "more",
    [
        "...F",
        "viewer { login @include(if: true) }",
        "# why",
        'node(id: """x""") { id }',
        "__typename",
        "r1_: viewer { login }",
    ],
)
def test_what_is_not_of_fields_alone_is_answered_whole(
    application: Application, monkeypatch: pytest.MonkeyPatch, more: str
) -> None:
    text = large(application, f"{more}\n") + (" fragment F on Query { viewer { login } }" if "...F" in more else "")
    assert answer(application, text).body == whole(application, text, monkeypatch)


def test_a_wrong_large_query_is_told_of_as_ever(application: Application, monkeypatch: pytest.MonkeyPatch) -> None:
    text = large(application, "odd: repository { nothing }")
    body = answer(application, text).body
    assert body == whole(application, text, monkeypatch)
    assert isinstance(body, dict)
    assert "data" not in body


def test_the_pieces_count_together(application: Application) -> None:
    nodes = (
        'organization(login: "grown") { repositories(first: 100) { nodes { issues(first: 100) { nodes { id } } } } }'
    )
    text = large(application, *(f"o{index}: {nodes}" for index in range(50)))
    body = answer(application, text).body
    assert isinstance(body, dict)
    assert [error["type"] for error in body["errors"]] == ["MAX_NODE_LIMIT_EXCEEDED"]
