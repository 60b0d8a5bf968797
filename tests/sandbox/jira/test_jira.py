"""The stand-in for Jira answers as Atlassian documents it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from bot.sandbox.loading import ScenarioError, load_scenario
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

PROJECTS = [
    {"key": "PAY", "issues": [{"number": 1}, {"number": 2, "moved_from": ["OLD-2"]}, {"number": 3, "hidden": True}]},
    {"key": "SEC", "issues": [{"number": 1}]},
]
TOKENS = {"reader": {"email": "a@b.example", "projects": ["PAY"]}, "old": {"email": "a@b.example", "expired": True}}


def served(edition: str) -> Iterator[Sandbox]:
    jira = {"edition": edition, "projects": PROJECTS, "tokens": TOKENS}
    with Sandbox(Scenario.model_validate({"now": "2026-11-02T09:00:00Z", "jira": jira})) as sandbox:
        yield sandbox


@pytest.fixture
def cloud() -> Iterator[Sandbox]:
    yield from served("cloud")


@pytest.fixture
def server() -> Iterator[Sandbox]:
    yield from served("data-center")


def call(sandbox: Sandbox, method: str, path: str, auth: Any = None, **options: Any) -> tuple[int, Any]:
    headers = {"Authorization": f"Bearer {auth}"} if isinstance(auth, str) else {}
    given = {"auth": auth} if isinstance(auth, tuple) else {"headers": headers}
    answer = requests.request(method, f"{sandbox.jira}/rest/api/{path}", timeout=10, **given, **options)
    return answer.status_code, answer.json()


READER = ("a@b.example", "reader")


def test_cloud_fetches_in_bulk_what_the_account_sees(cloud: Sandbox) -> None:
    keys = ["pay-1", "OLD-2", "PAY-3", "SEC-1", "PAY-9"]
    status, body = call(
        cloud, "POST", "3/issue/bulkfetch", READER, json={"issueIdsOrKeys": keys, "fields": ["summary"]}
    )
    assert (status, [one["key"] for one in body["issues"]], body["issueErrors"]) == (200, ["PAY-1", "PAY-2"], [])
    assert list(body["issues"][0]["fields"]) == ["summary"]
    assert call(cloud, "POST", "3/issue/bulkfetch", READER, json={"issueIdsOrKeys": ["X-1"] * 101})[0] == 400
    assert call(cloud, "POST", "3/issue/bulkfetch", READER, json={})[0] == 400
    assert call(cloud, "POST", "3/issue/bulkfetch", READER, data="{")[0] == 400


def test_an_issue_that_is_hidden_looks_like_one_that_is_not_there(cloud: Sandbox) -> None:
    assert call(cloud, "GET", "3/issue/OLD-2", READER)[1]["key"] == "PAY-2"
    answers = [call(cloud, "GET", f"3/issue/{key}", READER) for key in ("PAY-3", "SEC-1", "PAY-9")]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0][0] == 404


def test_permissions_are_told_of_projects_that_are_seen(cloud: Sandbox, server: Sandbox) -> None:
    asked = "mypermissions?projectKey=PAY&permissions=BROWSE_PROJECTS"
    for status, body in (call(cloud, "GET", f"3/{asked}", READER), call(server, "GET", f"2/{asked}", "reader")):
        assert (status, body["permissions"]["BROWSE_PROJECTS"]["havePermission"]) == (200, True)
    assert call(cloud, "GET", "3/mypermissions?projectKey=SEC&permissions=BROWSE_PROJECTS", READER)[0] == 404
    assert call(cloud, "GET", "3/mypermissions?projectKey=PAY", READER)[0] == 400
    assert call(server, "GET", "2/mypermissions?projectKey=PAY", "reader")[0] == 200


def test_data_center_searches(server: Sandbox) -> None:
    body = {"jql": 'issueKey in ("PAY-1", "OLD-2", "PAY-9")', "validateQuery": False, "fields": ["status"]}
    status, found = call(server, "POST", "2/search", "reader", json=body)
    assert (status, found["total"], [one["key"] for one in found["issues"]]) == (200, 2, ["PAY-1", "PAY-2"])
    status, refused = call(server, "POST", "2/search", "reader", json={"jql": body["jql"]})
    assert (status, "PAY-9" in refused["errorMessages"][0]) == (400, True)
    assert call(server, "POST", "2/search", "reader", json={"jql": "project = PAY"})[0] == 400
    status, page = call(server, "POST", "2/search", "reader", json={**body, "startAt": 1, "maxResults": 1})
    assert [one["key"] for one in page["issues"]] == ["PAY-2"]
    assert "statuscategorychangedate" not in call(server, "GET", "2/issue/PAY-1", "reader")[1]["fields"]


def test_each_edition_takes_its_own_credential_and_has_its_own_paths(cloud: Sandbox, server: Sandbox) -> None:
    for sandbox, path, credentials in (
        (cloud, "3/issue/PAY-1", [None, "reader", ("other@b.example", "reader"), ("a@b.example", "old")]),
        (server, "2/issue/PAY-1", [None, READER, "old", "nobody"]),
    ):
        for credential in credentials:
            assert call(sandbox, "GET", path, credential)[0] == 401
    assert call(cloud, "GET", "2/issue/PAY-1", READER)[0] == 404
    assert call(server, "GET", "3/issue/PAY-1", "reader")[0] == 404
    assert call(cloud, "POST", "2/search", READER, json={})[0] == 410


def test_the_ledger_names_it(cloud: Sandbox) -> None:
    call(cloud, "GET", "3/issue/PAY-1", READER)
    (entry,) = cloud.application.ledger.entries
    assert (entry.host, entry.token_kind, entry.status) == ("jira", "jira", 200)


def test_a_scenario_with_a_mistake_in_it_is_refused() -> None:
    with pytest.raises(ScenarioError, match=r"jira\.projects\[0\]"):
        load_scenario("jira:\n  projects:\n    - {key: PAY, isues: []}\n")
