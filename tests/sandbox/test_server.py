from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import requests

from bot.sandbox.grow import grow
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from bot.sandbox.world import World

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).resolve().parents[2]
SHOP = Path(__file__).with_name("scenarios") / "shop.yml"
PULL = "/repos/acme/pay/pulls/2"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(SHOP) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.headers["Authorization"] = "Bearer app-token"
        yield made


def fault(sandbox: Sandbox, **fields: Any) -> None:
    answer = requests.post(sandbox.url + "/_sandbox/faults", json=fields, timeout=5)
    assert answer.status_code == 201, answer.text


def ledger(sandbox: Sandbox) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = requests.get(sandbox.url + "/_sandbox/requests", timeout=5).json()
    return found


def events(sandbox: Sandbox, *happening: dict[str, Any]) -> Any:
    answer = requests.post(sandbox.url + "/_sandbox/events", json=list(happening), timeout=5)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture(scope="module")
def grown() -> Iterator[Sandbox]:
    world = World(Scenario(now=datetime(2026, 11, 2, tzinfo=UTC)))
    grow(world, 60, 7)
    with Sandbox(world) as running:
        yield running


def test_a_renamed_repository_answers_by_its_earlier_name(sandbox: Sandbox, session: requests.Session) -> None:
    whole = session.get(sandbox.github_api + "/repos/acme/pay").json()
    events(sandbox, {"repository": "acme/pay", "set": {"name": "paid"}})
    asked = session.get(sandbox.github_api + "/repos/acme/pay/pulls?state=all", allow_redirects=False)
    assert asked.status_code == 301
    assert asked.headers["Location"] == f"{sandbox.github_api}/repositories/{whole['id']}/pulls?state=all"
    followed = session.get(sandbox.github_api + "/repos/acme/pay/pulls?state=all")
    assert followed.json() == session.get(sandbox.github_api + "/repos/acme/paid/pulls?state=all").json()
    made = session.post(sandbox.github_api + "/repos/acme/pay/issues", json={"title": "Posted"}, allow_redirects=False)
    assert made.status_code == 307
    ids = "{ id nameWithOwner }"
    query = f'{{ old: repository(owner: "acme", name: "pay") {ids} strict: repository(owner: "acme", name: "pay", '
    query += f'followRenames: false) {ids} node(id: "{whole["node_id"]}") {{ ... on Repository {ids} }} }}'
    answer = session.post(sandbox.github_graphql, json={"query": query}).json()
    now = {"id": whole["node_id"], "nameWithOwner": "acme/paid"}
    assert answer["data"] == {"old": now, "strict": None, "node": now}
    assert [(each["type"], each["path"]) for each in answer["errors"]] == [("NOT_FOUND", ["strict"])]


def test_a_grown_organisation_answers_on_both_platforms(grown: Sandbox) -> None:
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer sandbox-token"
        listed = session.get(grown.github_api + "/orgs/grown/repos?per_page=100").json()
        query = '{ organization(login: "grown") { repositories(first: 100) { totalCount nodes { name } } } }'
        asked = session.post(grown.github_graphql, json={"query": query}).json()["data"]["organization"]["repositories"]
        hidden = [
            each["name"] for each in session.get(grown.azure_devops + "grown/_apis/git/repositories").json()["value"]
        ]
        policies = session.get(grown.azure_devops + "grown/area-000/_apis/policy/configurations").json()["value"]
    names = [each["name"] for each in listed]
    assert names == hidden
    assert sorted(names) == [each["name"] for each in asked["nodes"]]
    assert (len(names), asked["totalCount"], names[7]) == (60, 60, "web-00007")
    whole = [each for each in policies if each["settings"]["scope"][0]["repositoryId"] is None]
    assert [(each["isBlocking"], each["isEnabled"]) for each in whole] == [(False, True)]
    assert len(whole) < len(policies)


def test_the_ledger_tells_all_but_the_token(sandbox: Sandbox, session: requests.Session) -> None:
    session.get(sandbox.github_api + PULL + "?per_page=3")
    session.post(sandbox.github_graphql, json={"query": "query($n: Int) { viewer { login } }", "variables": {"n": 1}})
    requests.get(sandbox.github_api + "/user", timeout=5)
    requests.get(sandbox.github_api + "/user", headers={"Authorization": "Bearer nobody"}, timeout=5)
    seen = ledger(sandbox)
    assert [(each["n"], each["host"], each["status"], each["token_kind"]) for each in seen] == [
        (1, "github", 200, "app"),
        (2, "graphql", 200, "app"),
        (3, "github", 401, "none"),
        (4, "github", 401, "unknown"),
    ]
    assert (seen[0]["path"], seen[0]["query"]) == ("/api/v3" + PULL, "per_page=3")
    assert (seen[1]["operation"], seen[1]["variables"]) == ("query($n: Int) { viewer { login } }", {"n": 1})
    assert seen[0]["bytes"] > 1000
    assert "app-token" not in json.dumps(seen)
    requests.delete(sandbox.url + "/_sandbox/requests", timeout=5)
    assert ledger(sandbox) == []


@pytest.mark.parametrize(
    ("fields", "status", "headers", "words"),
    [
        ({"kind": "status"}, 500, {}, "Server Error"),
        ({"kind": "status", "status": 502, "body": "<html>"}, 502, {}, "<html>"),
        (
            {"kind": "rate_limit", "retry_after": 7},
            429,
            {"Retry-After": "7", "x-ratelimit-remaining": "0"},
            "rate limit",
        ),
        ({"kind": "secondary", "retry_after": 3}, 403, {"Retry-After": "3"}, "secondary rate limit"),
        ({"kind": "expired"}, 401, {}, "Bad credentials"),
        ({"kind": "html"}, 203, {"Content-Type": "text/html; charset=utf-8"}, "Sign in"),
        ({"kind": "not_json"}, 200, {"Content-Type": "application/json; charset=utf-8"}, '{"cut'),
    ],
)
def test_a_fault_answers_once_and_then_all_is_well(
    sandbox: Sandbox,
    session: requests.Session,
    fields: dict[str, Any],
    status: int,
    headers: dict[str, str],
    words: str,
) -> None:
    fault(sandbox, match="GET /api/v3/repos/.*/pulls", **fields)
    assert session.get(sandbox.github_api + "/repos/acme/pay").status_code == 200
    answer = session.get(sandbox.github_api + PULL)
    assert answer.status_code == status
    assert {name: answer.headers[name] for name in headers} == headers
    assert words in answer.text
    assert session.get(sandbox.github_api + PULL).json()["number"] == 2
    assert [each["fault"] for each in ledger(sandbox)] == [None, fields["kind"], None]


def test_faults_of_the_wire(sandbox: Sandbox, session: requests.Session) -> None:
    fault(sandbox, kind="reset", match="pulls", skip=1)
    assert session.get(sandbox.github_api + PULL).status_code == 200
    with pytest.raises(requests.ConnectionError):
        session.get(sandbox.github_api + PULL)
    assert ledger(sandbox)[-1]["status"] == 0
    fault(sandbox, kind="cut", match="pulls")
    with pytest.raises((requests.exceptions.ChunkedEncodingError, requests.ConnectionError)):
        session.get(sandbox.github_api + PULL)
    fault(sandbox, kind="slow", seconds=0.3)
    begun = time.monotonic()
    assert session.get(sandbox.github_api + PULL).status_code == 200
    assert time.monotonic() - begun >= 0.3


def test_latency_and_clearing(sandbox: Sandbox, session: requests.Session) -> None:
    requests.put(sandbox.url + "/_sandbox/latency", json={"seconds": 0.2}, timeout=5)
    begun = time.monotonic()
    session.get(sandbox.github_api + PULL)
    assert time.monotonic() - begun >= 0.2
    requests.delete(sandbox.url + "/_sandbox/latency", timeout=5)
    fault(sandbox, kind="status", times=None)
    assert [session.get(sandbox.github_api + PULL).status_code for _ in range(3)] == [500, 500, 500]
    requests.delete(sandbox.url + "/_sandbox/faults", timeout=5)
    assert session.get(sandbox.github_api + PULL).status_code == 200


def test_what_is_asked_of_the_sandbox_is_checked(sandbox: Sandbox) -> None:
    wrong = requests.post(sandbox.url + "/_sandbox/faults", json={"kind": "odd", "match": "("}, timeout=5)
    assert wrong.status_code == 422
    assert [error["where"] for error in wrong.json()["errors"]] == [["match"], ["kind"]]
    assert requests.get(sandbox.url + "/_sandbox/nothing", timeout=5).status_code == 404
    assert requests.post(sandbox.url + "/_sandbox/events", json={"pull_request": 99}, timeout=5).status_code == 404


def test_events_move_the_world_on(sandbox: Sandbox, session: requests.Session) -> None:
    api = sandbox.github_api
    before = session.get(api + PULL).json()["head"]["sha"]
    (pushed,) = events(
        sandbox,
        {
            "pull_request": 2,
            "push": {"by": "cat", "commits": [{"message": "Late", "files": {"late.txt": "x"}}]},
            "review": {"by": "new-face"},
            "check": {"name": "late", "conclusion": "failure"},
            "set": {"title": "Renamed", "labels": ["fine"]},
            "resolve_threads": True,
        },
    )
    now = session.get(api + PULL).json()
    assert now["head"]["sha"] == pushed["head"] != before
    assert (now["title"], [label["name"] for label in now["labels"]], now["commits"]) == ("Renamed", ["fine"], 4)
    review = session.get(api + PULL + "/reviews").json()[-1]
    assert (review["user"]["login"], review["commit_id"]) == ("new-face", pushed["head"])
    runs = session.get(f"{api}/repos/acme/pay/commits/{pushed['head']}/check-runs").json()["check_runs"]
    assert [(run["name"], run["conclusion"]) for run in runs] == [("late", "failure")]
    newest = session.get(f"{api}/repos/acme/pay/activity?ref=feature/change-2").json()[0]
    assert (newest["actor"]["login"], newest["after"]) == ("cat", pushed["head"])
    events(
        sandbox,
        {"set": {"visibility": "public"}},
        {"work_item": 7, "set": {"state": "Closed"}},
        {"pull_request": 2, "merge": True},
    )
    assert session.get(api + "/repos/acme/pay").json()["visibility"] == "public"
    assert session.get(api + "/repos/acme/pay/issues/7").json()["state"] == "closed"
    merged = session.get(api + PULL).json()
    assert (merged["merged"], merged["state"]) == (True, "closed")
    tip = session.get(api + "/repos/acme/pay/commits/main").json()
    assert tip["sha"] == merged["merge_commit_sha"]


def test_state_tells_what_was_posted_and_nothing_else(sandbox: Sandbox, session: requests.Session) -> None:
    api = sandbox.github_api + "/repos/acme/pay"
    sha = session.get(sandbox.github_api + PULL).json()["head"]["sha"]
    session.post(api + "/check-runs", json={"name": "mine", "head_sha": sha, "conclusion": "success"})
    session.post(api + "/issues/2/comments", json={"body": "said"})
    state = requests.get(sandbox.url + "/_sandbox/state?repository=acme/pay", timeout=5).json()
    pay = state["repositories"]["acme/pay"]
    assert [run["name"] for run in pay["check_runs"]] == ["mine"]
    assert [(comment["author"], comment["body"]) for comment in pay["issue_comments"]] == [("almguard[bot]", "said")]
    everything = requests.get(sandbox.url + "/_sandbox/state?all=1&repository=acme/pay", timeout=5).json()
    assert len(everything["repositories"]["acme/pay"]["check_runs"]) > 1


def test_many_at_once_get_each_their_own_answer(sandbox: Sandbox) -> None:
    def ask(number: int) -> bool:
        headers = {"Authorization": "Bearer app-token"}
        want = 2 + number % 3
        answer = requests.get(f"{sandbox.github_api}/repos/acme/pay/pulls/{want}", headers=headers, timeout=20)
        posted = requests.post(
            f"{sandbox.github_api}/repos/acme/pay/issues/4/comments",
            json={"body": str(number)},
            headers=headers,
            timeout=20,
        )
        return bool(answer.json()["number"] == want and posted.json()["body"] == str(number))

    with ThreadPoolExecutor(16) as pool:
        assert all(pool.map(ask, range(96)))
    comments = [
        comment
        for page in (1, 2)
        for comment in requests.get(
            f"{sandbox.github_api}/repos/acme/pay/issues/4/comments?per_page=100&page={page}",
            headers={"Authorization": "Bearer app-token"},
            timeout=20,
        ).json()
    ]
    assert sorted(int(comment["body"]) for comment in comments) == list(range(96))
    assert len({comment["id"] for comment in comments}) == 96
    assert [each["n"] for each in ledger(sandbox)] == list(range(1, 195))


def test_it_serves_as_a_process_and_says_when_it_is_ready(tmp_path: Path) -> None:
    ready = tmp_path / "ready.json"
    code = (
        "from pathlib import Path; from bot.sandbox.server import serve; "
        f"serve(Path({str(SHOP)!r}), 0, Path({str(ready)!r}))"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            if ready.exists():
                break
            time.sleep(0.05)
        addresses = json.loads(ready.read_text())
        assert addresses["pid"] == process.pid
        headers = {"Authorization": "Bearer app-token"}
        assert requests.get(addresses["github_api"] + PULL, headers=headers, timeout=5).json()["number"] == 2
        assert addresses["azure_devops"] == addresses["url"] + "/"
        assert os.listdir(tmp_path) == ["ready.json"]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(10)
