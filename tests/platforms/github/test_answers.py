"""Answers that are well-formed HTTP and still not what was asked for: odd lists, redirects, addresses with secrets."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from bot.engine.ports import PlatformError
from bot.model.facts import Unavailable, UnknownKind
from bot.platforms.github.client import GitHubClient
from bot.platforms.github.reading import guarded
from bot.platforms.transport import Transport
from tests.platforms.test_transport import TOKEN, Answer, Server, server

__all__ = ["server"]


@pytest.fixture
def client(server: Server) -> Iterator[GitHubClient]:
    transport = Transport(sleep=lambda _seconds: None)
    yield GitHubClient(TOKEN, server.url, transport=transport)
    transport.close()


@pytest.mark.parametrize(
    ("key", "body"), [("runs", b"{}"), ("runs", b'{"runs": null}'), (None, b"null"), (None, b"{}")]
)
def test_no_list_is_not_an_empty_list(server: Server, client: GitHubClient, key: str | None, body: bytes) -> None:
    server.answers += [Answer(body=body)]
    with pytest.raises(PlatformError, match="the answer has no list") as raised:
        list(client.pages("/runs", key=key))
    assert raised.value.kind is UnknownKind.UNREADABLE


def test_pages_that_lead_in_a_circle_are_truncated(server: Server, client: GitHubClient) -> None:
    following = {"Link": f'<{server.url}/a?page=2>; rel="next"'}
    server.answers += [Answer(body=b"[1]", headers=following)] * 5
    with pytest.raises(PlatformError, match="could not be read to its end") as raised:
        list(client.pages("/a"))
    assert raised.value.kind is UnknownKind.TRUNCATED
    assert len(server.seen) == 2


def test_a_page_on_another_server_is_not_asked_for(server: Server, client: GitHubClient) -> None:
    server.answers += [Answer(body=b"[1]", headers={"Link": '<https://elsewhere.example/a?page=2>; rel="next"'})]
    with pytest.raises(PlatformError, match=r"leads to another server, https://elsewhere.example"):
        list(client.pages("/a"))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_followed_with_its_query(server: Server, client: GitHubClient, status: int) -> None:
    server.answers += [Answer(status, headers={"Location": f"{server.url}/new"})]
    assert client.rest("GET", "/old", {"page": 7}) == {"ok": True, "url": "/old"}
    assert [path for _, path, _ in server.seen] == ["/old?page=7", "/new?page=7"]


@pytest.mark.parametrize("location", ["https://elsewhere.example/a", "http://127.0.0.1:1/a"])
def test_a_redirect_to_another_server_is_not_followed(
    server: Server,
    client: GitHubClient,
    location: str,
) -> None:
    server.answers += [Answer(301, headers={"Location": location})]
    with pytest.raises(PlatformError, match="the redirect leads to another server"):
        client.rest("GET", "/a")
    assert len(server.seen) == 1


def test_redirects_without_end_are_told(server: Server, client: GitHubClient) -> None:
    server.answers += [Answer(302, headers={"Location": "/a"})] * 9
    with pytest.raises(PlatformError, match="redirects again and again"):
        client.rest("GET", "/a")


@pytest.mark.parametrize("wrong", [RuntimeError("redirected"), AssertionError()])
def test_the_words_of_the_library_make_a_fact_unknown(wrong: Exception) -> None:
    def fail() -> Unavailable:
        raise wrong

    answer = guarded(fail, "contents: read")
    assert isinstance(answer, Unavailable)
    assert answer.kind is UnknownKind.UNREADABLE


def test_an_address_with_a_password_is_refused_and_not_shown() -> None:
    for options in ({"api_url": "http://me:s3cret99@127.0.0.1/api"}, {"graphql_url": "http://me:s3cret99@127.0.0.1/g"}):
        with pytest.raises(PlatformError, match="has a user name or password in it") as raised:
            GitHubClient(TOKEN, **options)
        assert raised.value.kind is None
        assert "s3cret99" not in str(raised.value)
