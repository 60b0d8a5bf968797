"""Faults by rate, from a seed; and what changes, moves or goes while somebody reads."""

from __future__ import annotations

import http.client
from collections import Counter
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest
import requests

from bot.sandbox.changes import Change, change
from bot.sandbox.faults import OF_STORMS, Fault, Faults, Host
from bot.sandbox.grow import grow
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from bot.sandbox.wire import Request
from bot.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

TOKEN = {"Authorization": "Bearer sandbox-token"}
LISTED = '{ organization(login: "grown") { repositories(first: 20) { nodes { name } } } }'


def world(repositories: int = 40) -> World:
    made = World(Scenario(now=datetime(2026, 11, 2, tzinfo=UTC)))
    grow(made, repositories, 7)
    return made


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(world()) as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    requests.delete(f"{running.url}/_sandbox/faults", timeout=5)


def post(sandbox: Sandbox, path: str, **body: Any) -> Any:
    answer = requests.post(f"{sandbox.url}/_sandbox/{path}", json=body, timeout=5)
    assert answer.status_code in (200, 201), answer.text
    return answer.json()


def asked(number: int, body: bytes = b"") -> Request:
    return Request.of("POST" if body else "GET", f"/things/{number}?page=1", {}, body)


def met(fault: Fault, requests_: int = 400, attempts: int = 1, host: Host = "github") -> list[list[str]]:
    """What every request meets, one kind for each of its attempts."""
    faults = Faults()
    faults.add(fault)
    found = [[faults.take(asked(each), host) for _ in range(attempts)] for each in range(requests_)]
    return [[each.kind if each else "" for each in row] for row in found]


def test_faults_by_rate_follow_from_the_seed_and_the_request() -> None:
    once = met(Fault(kind="status", rate=0.2, seed=1))
    assert 50 < sum(row == ["status"] for row in once) < 110
    assert once == met(Fault(kind="status", rate=0.2, seed=1)) != met(Fault(kind="status", rate=0.2, seed=2))
    often = met(Fault(kind="status", rate=0.2, seed=1), attempts=12)
    assert [row[:1] for row in often] == once  # the same whatever was asked in between
    assert any(row[0] and not row[1] for row in often)


@pytest.mark.parametrize(("bound", "longest"), [(3, 3), (1, 1), (None, 40)])
def test_a_request_meets_so_many_faults_running_at_most(bound: int | None, longest: int) -> None:
    rows = met(Fault(kind="status", rate=1.0 if bound is None else 0.8, in_a_row=bound), requests_=20, attempts=40)
    runs = [len(run) for row in rows for run in "".join("x" if each else " " for each in row).split()]
    assert max(runs) == longest


@pytest.mark.parametrize("host", ["github", "graphql", "azure_devops", "jira"])
def test_a_storm_brings_every_kind_that_happens_there(host: Host) -> None:
    kinds = Counter(row[0] for row in met(Fault(kind="storm", rate=0.5), requests_=1_000, host=host))
    assert kinds.keys() == {"", *(kind for kind, hosts in OF_STORMS.items() if host in hosts)}
    assert 400 < kinds[""] < 600


def test_a_storm_may_be_of_some_kinds_statuses_and_pauses() -> None:
    faults = Faults()
    faults.add(Fault(kind="storm", rate=1.0, kinds=["status", "secondary"], without_retry_after=0.5, in_a_row=None))
    taken = [faults.take(asked(each), "github") for each in range(200)]
    assert {each.status for each in taken if each and each.kind == "status"} == {500, 502, 503, 504}
    assert {each.retry_after for each in taken if each and each.kind == "secondary"} == {0, 1}


@pytest.mark.parametrize("wrong", [{"kind": "storm"}, {"kind": "moved"}, {"kind": "status", "rate": 1.5}])
def test_a_fault_by_rate_that_makes_no_sense_is_refused(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    assert requests.post(f"{sandbox.url}/_sandbox/faults", json=wrong, timeout=5).status_code == 422


def test_answers_of_another_type_lack_an_etag_and_leave_errors_alone(sandbox: Sandbox) -> None:
    post(sandbox, "faults", kind="wrong_json", times=None)
    listed, one, none = (
        requests.get(f"{sandbox.github_api}{path}", headers=TOKEN, timeout=5)
        for path in ("/orgs/grown/repos", "/repos/grown/api-00000", "/repos/grown/none")
    )
    assert (listed.json(), one.json(), none.status_code) == ({}, [], 404)
    assert "ETag" not in listed.headers


def test_a_partial_answer_names_what_is_lacking(sandbox: Sandbox) -> None:
    post(sandbox, "faults", kind="partial")
    answer, whole = (
        requests.post(sandbox.github_graphql, json={"query": LISTED}, headers=TOKEN, timeout=5).json() for _ in "12"
    )
    assert "errors" not in whole
    assert answer != whole
    lacking: Any = answer["data"]
    for step in answer["errors"][0]["path"]:
        lacking = lacking[step]
    assert lacking is None


def test_a_query_may_exceed_the_resource_limits(sandbox: Sandbox) -> None:
    post(sandbox, "faults", kind="resources")
    answer = requests.post(sandbox.github_graphql, json={"query": LISTED}, headers=TOKEN, timeout=5)
    assert answer.status_code == 200
    assert answer.json()["errors"][0]["type"] == "RESOURCE_LIMITS_EXCEEDED"


def test_a_slow_body_comes_whole_in_pieces(sandbox: Sandbox) -> None:
    post(sandbox, "faults", kind="slow_body", seconds=0.02)
    connection = http.client.HTTPConnection(urlsplit(sandbox.url).netloc, timeout=5)
    connection.request("GET", "/api/v3/repos/grown/api-00000", headers=TOKEN)
    answer = connection.getresponse()
    length = int(answer.headers["Content-Length"])
    assert len(answer.read1()) < length
    assert len(answer.read()) > 0
    connection.close()


def test_an_installation_s_token_expires_and_is_given_anew(sandbox: Sandbox) -> None:
    jwt = {"Authorization": "Bearer eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln"}
    ident = requests.get(f"{sandbox.github_api}/orgs/grown/installation", headers=jwt, timeout=5).json()["id"]

    def renewed() -> dict[str, str]:
        url = f"{sandbox.github_api}/app/installations/{ident}/access_tokens"
        return {"Authorization": f"Bearer {requests.post(url, headers=jwt, timeout=5).json()['token']}"}

    def read(token: dict[str, str]) -> int:
        return requests.get(f"{sandbox.github_api}/repos/grown/api-00000", headers=token, timeout=5).status_code

    mine = renewed()
    post(sandbox, "faults", kind="token_expires", match="/repos/")
    assert [read(mine), read(mine), read(renewed())] == [401, 401, 200]
    post(sandbox, "faults", kind="token_expires", match="/repos/")
    assert read(TOKEN) == 200  # nobody could renew it


@contextmanager
def fated(kind: str) -> Iterator[Sandbox]:
    with Sandbox(world()) as fresh:
        post(fresh, "faults", kind=kind, rate=0.3, seed=3)
        yield fresh


@pytest.mark.parametrize("kind", ["moved", "deleted"])
def test_repositories_go_between_listing_and_reading(kind: str) -> None:
    with fated(kind) as fresh, requests.Session() as session:
        session.headers.update(TOKEN)
        listed = session.get(f"{fresh.github_api}/orgs/grown/repos?per_page=100").json()
        assert len(listed) == 40
        read = [session.get(f"{fresh.github_api}/repos/{each['full_name']}", allow_redirects=False) for each in listed]
        gone = {each["name"] for each, answer in zip(listed, read, strict=True) if answer.status_code != 200}
        assert {answer.status_code for answer in read} == {200, 301 if kind == "moved" else 404}
        assert 5 < len(gone) < 20
        names = {each["name"] for each in session.get(f"{fresh.github_api}/orgs/grown/repos?per_page=100").json()}
        assert names == {each["name"] for each in listed} - gone | (
            {f"{n}-moved" for n in gone} if kind == "moved" else set()
        )
    with (
        fated(kind) as again,
        requests.Session() as session,
    ):  # and the same ones go when asked for by id, in another order
        session.headers.update(TOKEN)
        ids = [each["node_id"] for each in reversed(listed)]
        query = "query($ids: [ID!]!) { nodes(ids: $ids) { ... on Repository { name } } }"
        answer = session.post(again.github_graphql, json={"query": query, "variables": {"ids": ids}}).json()
        nodes = answer["data"]["nodes"][::-1]
        lost = {
            each["name"] for each, node in zip(listed, nodes, strict=True) if not node or node["name"] != each["name"]
        }
        assert lost == gone
        assert {error["type"] for error in answer.get("errors", ())} == (set() if kind == "moved" else {"NOT_FOUND"})


@pytest.mark.parametrize("kind", ["moved", "deleted"])
def test_repositories_go_on_azure_devops(kind: str) -> None:
    with fated(kind) as fresh, requests.Session() as session:
        session.headers.update(TOKEN)
        base = f"{fresh.azure_devops}grown/area-000/_apis/git/repositories"
        listed = session.get(base).json()["value"]
        read = {each["name"]: session.get(f"{base}/{each['id']}") for each in listed}
        changed = [name for name, answer in read.items() if answer.status_code == 404 or answer.json()["name"] != name]
        assert changed
        assert {read[name].status_code for name in changed} == {200 if kind == "moved" else 404}


def test_a_share_changes() -> None:
    one, other = world(), world()
    before = {each.key: (each.tip, each.part.protection, each.pushed_at) for each in one.repositories}
    happened = change(one, Change(share=0.1, seed=5))
    assert happened == change(other, Change(share=0.1, seed=5)) != change(world(), Change(share=0.1, seed=6))
    assert [each["kind"] for each in happened] == ["push", "setting", "push", "setting"]
    for each in one.repositories:
        tip, protection, pushed_at = before[each.key]
        kind = next((event["kind"] for event in happened if event["repository"] == each.full_name), "")
        assert (each.tip != tip) == (each.pushed_at != pushed_at) == (kind == "push")
        assert (each.part.protection != protection) == (kind == "setting")
    again = {each.key: each.tip for each in one.repositories}
    change(one, Change(share=0.1, seed=5, kinds=("push",)))
    assert again != {each.key: each.tip for each in one.repositories}


def test_a_share_is_changed_over_http(sandbox: Sandbox) -> None:
    happened = post(sandbox, "change", share=0.05, seed=9, kinds=["push"])
    assert len(happened) == 2
    name = happened[0]["repository"]
    commits = requests.get(f"{sandbox.github_api}/repos/{name}/commits", headers=TOKEN, timeout=5).json()
    assert commits[0]["commit"]["message"] == "Change"
    assert requests.post(f"{sandbox.url}/_sandbox/change", json={"share": 0}, timeout=5).status_code == 422
