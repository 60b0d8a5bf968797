"""The limits of both platforms: counted always, refused when asked to, told of as documented."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WORLD = {
    "organizations": [{"name": "acme", "owners": ["olga"]}, {"name": "small"}],
    "tokens": {
        "app-token": {},
        "olgas-token": {"person": "olga", "kind": "pat"},
        "olgas-other": {"person": "olga", "kind": "pat"},
        "bos-token": {"person": "bo", "kind": "pat"},
        "run-token": {"kind": "actions"},
    },
    "repositories": [{"name": f"r{index}", "visibility": "public"} for index in range(70)],
}
REPOSITORY = "/repos/acme/r0"
JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln"


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(Scenario.model_validate(WORLD)) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    requests.delete(f"{running.url}/_sandbox/limits", timeout=5)
    yield running
    requests.delete(f"{running.url}/_sandbox/limits", timeout=5)


@pytest.fixture
def clock(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Let time pass."""
    now = [time.time()]
    monkeypatch.setattr(running.application.accounts, "clock", lambda: now[0])

    def later(seconds: float) -> None:
        now[0] += seconds

    return later


def ask(
    sandbox: Sandbox, path: str = REPOSITORY, token: str = "app-token", method: str = "GET", **more: Any
) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return requests.request(method, sandbox.github_api + path, headers=headers, timeout=5, **more)


def query(sandbox: Sandbox, text: str = "{ viewer { login } }", token: str = "app-token") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(sandbox.github_graphql, json={"query": text}, headers=headers, timeout=5)


def ado(sandbox: Sandbox, method: str = "GET", token: str = "app-token") -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.request(method, f"{sandbox.azure_devops}acme/_apis/projects", headers=headers, timeout=5)


def limited(sandbox: Sandbox, **changed: Any) -> dict[str, Any]:
    answer = requests.put(f"{sandbox.url}/_sandbox/limits", json={"enforce": True, **changed}, timeout=5)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_every_kind_of_token_has_its_documented_allowance(sandbox: Sandbox) -> None:
    def allowed(token: str) -> tuple[str, str]:
        first, second = ask(sandbox, token=token), query(sandbox, token=token)
        assert (first.headers["x-ratelimit-resource"], second.headers["x-ratelimit-resource"]) == ("core", "graphql")
        return first.headers["x-ratelimit-limit"], second.headers["x-ratelimit-limit"]

    assert allowed("olgas-token") == ("5000", "5000")
    assert allowed("run-token") == ("1000", "1000")
    assert allowed("app-token") == ("7500", "7500")  # 50 more for each of 70 repositories beyond 20

    def installation(organization: str) -> str:
        ident = ask(sandbox, f"/orgs/{organization}/installation", JWT).json()["id"]
        token: str = ask(sandbox, f"/app/installations/{ident}/access_tokens", JWT, "POST").json()["token"]
        return token

    mine = installation("acme")
    assert allowed(mine) == ("7500", "7500")
    assert allowed(installation("small")) == ("5000", "5000")
    assert (
        ask(sandbox, token=installation("acme")).headers["x-ratelimit-used"] == "2"
    )  # a renewed token is the same account


def test_the_spent_is_told_without_tokens(sandbox: Sandbox) -> None:
    tag = ask(sandbox, token="olgas-token").headers["ETag"]
    same = ask(sandbox, token="olgas-token", headers={"If-None-Match": tag})
    assert (same.status_code, same.headers["x-ratelimit-used"]) == (304, "1")
    assert ask(sandbox, token="olgas-other").headers["x-ratelimit-used"] == "2"  # a person's tokens share
    text = '{ organization(login: "acme") { repositories(first: 50) { nodes { pullRequests(first: 50) { nodes { '
    text += "reviews(first: 10) { totalCount } } } } } } rateLimit { cost nodeCount } }"
    answer = query(sandbox, text, "olgas-token").json()["data"]["rateLimit"]
    assert answer == {"cost": 26, "nodeCount": 50 + 50 * 50 + 50 * 50 * 10}  # 1 + 50 + 2,500 connections
    ado(sandbox, token="olgas-token")
    told = requests.get(f"{sandbox.url}/_sandbox/limits", timeout=5).json()
    assert "olgas" not in json.dumps(told["tokens"]).replace('"login": "olga"', "")
    first, second = told["tokens"]
    assert {name: value for name, value in first.items() if name != "token"} == {
        "kind": "pat",
        "login": "olga",
        "installation": "",
        "requests": 3,
        "unchanged": 1,
        "graphql": 1,
        "points": 26,
        "tstu": 0.1,
        "refused": 0,
    }
    assert first["token"] != second["token"]


def test_an_hour_s_allowance_ends_and_begins_anew(sandbox: Sandbox, clock: Callable[[float], None]) -> None:
    limited(sandbox, core=2, graphql=1)
    assert [ask(sandbox).status_code for _ in "123"] == [200, 200, 403]
    refused = ask(sandbox)
    assert (refused.headers["x-ratelimit-remaining"], "Retry-After" in refused.headers) == ("0", False)
    assert refused.json()["message"].startswith("API rate limit exceeded for")
    assert ask(sandbox, "/rate_limit").status_code == 200
    assert ask(sandbox, token="olgas-token").status_code == 200
    assert "errors" not in query(sandbox).json()
    assert query(sandbox).json()["errors"][0]["type"] == "RATE_LIMITED"
    clock(3601)
    assert ask(sandbox).status_code == 200
    assert "errors" not in query(sandbox).json()


@pytest.mark.parametrize(
    ("settings", "asked", "refused"),
    [
        ({"points": 3}, [("GET", 200)] * 3, "GET"),
        ({"points": 6}, [("POST", 201), ("GET", 200)], "GET"),
        ({"content": 1}, [("POST", 201), ("GET", 200)], "POST"),
    ],
)
def test_secondary_limits_of_a_minute(
    sandbox: Sandbox,
    clock: Callable[[float], None],
    settings: dict[str, int],
    asked: list[tuple[str, int]],
    refused: str,
) -> None:
    def send(method: str) -> requests.Response:
        return ask(sandbox, f"{REPOSITORY}/issues", method=method, json={"title": "Posted"})

    limited(sandbox, **settings, retry_after=7)
    assert [(method, send(method).status_code) for method, _ in asked] == asked
    answer = send(refused)
    assert (answer.status_code, answer.headers["Retry-After"]) == (403, "7")
    assert "secondary rate limit" in answer.json()["message"]
    limited(sandbox, retry_after=0)
    assert "Retry-After" not in send(refused).headers
    clock(61)
    assert send(refused).status_code < 300


def test_secondary_limits_of_graphql_and_of_requests_at_once(sandbox: Sandbox) -> None:
    limited(sandbox, graphql_points=1)
    assert [query(sandbox).status_code for _ in "12"] == [200, 403]
    limited(sandbox, graphql_points=2_000, at_once=2)
    sandbox.application.faults.latency = 0.1
    try:
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: ask(sandbox), range(4)))
    finally:
        sandbox.application.faults.latency = 0
    assert 429 in [each.status_code for each in found]
    assert ask(sandbox).status_code == 200


@pytest.mark.parametrize("settings", [{"token_requests": 2}, {"token_seconds": 100}])
def test_tokens_of_installations_end(
    sandbox: Sandbox, clock: Callable[[float], None], settings: dict[str, int]
) -> None:
    limited(sandbox, **settings)
    ident = ask(sandbox, "/orgs/acme/installation", JWT).json()["id"]

    def renewed() -> str:
        return str(ask(sandbox, f"/app/installations/{ident}/access_tokens", JWT, "POST").json()["token"])

    mine = renewed()
    assert [ask(sandbox, token=mine).status_code, query(sandbox, token=mine).status_code] == [200, 200]
    clock(101)
    assert [ask(sandbox, token=mine).status_code, query(sandbox, token=mine).status_code] == [401, 401]
    assert ask(sandbox, token=renewed()).status_code == 200


def test_too_large_a_query_is_not_answered_in_time(sandbox: Sandbox) -> None:
    text = '{{ organization(login: "acme") {{ repositories(first: {0}) {{ totalCount }} }} }}'
    limited(sandbox, enforce=False, largest_query=50)
    assert [query(sandbox, text.format(count)).status_code for count in (50, 51)] == [200, 502]


def test_an_etag_may_belong_to_the_answer_alone(sandbox: Sandbox) -> None:
    def tags() -> set[str]:
        return {ask(sandbox, token=token).headers["ETag"] for token in ("olgas-token", "olgas-other")}

    assert len(tags()) == 2
    limited(sandbox, etags="content")
    assert len(tags()) == 1


def test_azure_devops_tells_of_high_usage_and_refuses_beyond(sandbox: Sandbox, clock: Callable[[float], None]) -> None:
    limited(sandbox, tstu=1, tstu_read=0.25)
    plain, *high, beyond = [ado(sandbox) for _ in "12345"][1:]
    assert "X-RateLimit-Limit" not in plain.headers
    assert [(each.status_code, each.headers["X-RateLimit-Remaining"]) for each in high] == [(200, "0"), (200, "0")]
    assert all(int(each.headers["Retry-After"]) >= 1 for each in high)
    assert (beyond.status_code, beyond.headers["X-RateLimit-Remaining"]) == (429, "0")
    assert beyond.json()["message"].startswith("TF400733")
    clock(int(beyond.headers["Retry-After"]))
    assert ado(sandbox).status_code == 200


@pytest.mark.parametrize("wrong", [{"odd": 1}, {"minute": 0}, [1]])
def test_limits_that_make_no_sense_are_refused(sandbox: Sandbox, wrong: object) -> None:
    assert requests.put(f"{sandbox.url}/_sandbox/limits", json=wrong, timeout=5).status_code == 422
