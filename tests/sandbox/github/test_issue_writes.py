"""Issues, their labels and assignees over REST and GraphQL: as clients write them, and read back."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from github import Auth, Github, GithubException

from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

WORLD: dict[str, Any] = {
    "now": "2026-11-02T09:00:00Z",
    "organizations": [{"name": "acme", "owners": ["olga"]}],
    "tokens": {
        "bot": {},
        "reader": {"kind": "pat", "person": "rita", "github": {"issues": "write", "metadata": "read"}},
    },
    "people": {"rita": {}},
    "repositories": [
        {"name": "pay", "permissions": {"ana": "write", "rita": "read"}},
        {"name": "mute", "has_issues": False},
        {"name": "old", "archived": True},
    ],
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Scenario.model_validate(WORLD)) as running:
        yield running


def hub(sandbox: Sandbox, token: str = "bot") -> Github:
    return Github(
        auth=Auth.Token(token), base_url=sandbox.github_api, seconds_between_requests=None,
        seconds_between_writes=None, retry=None,
    )  # fmt: skip


def graph(sandbox: Sandbox, query: str, token: str = "bot") -> Any:
    headers = {"Authorization": f"Bearer {token}"}
    answer = requests.post(sandbox.github_graphql, json={"query": query}, headers=headers, timeout=10)
    return answer.json()["data"]


def test_an_issue_is_opened_edited_closed_and_reopened(sandbox: Sandbox) -> None:
    pay = hub(sandbox).get_repo("acme/pay")
    pay.create_label("governance", "5319e7", "What must be done")
    issue = pay.create_issue("One", body="text", labels=["governance", "new"], assignees=["ana"])
    assert ([each.name for each in issue.labels], [each.login for each in issue.assignees]) == (
        ["governance", "new"], ["ana"],
    )  # fmt: skip
    issue.edit(body="other", state="closed", state_reason="completed")
    again = pay.get_issue(issue.number)
    assert (again.body, again.state, again.state_reason) == ("other", "closed", "completed")
    again.edit(state="open", assignees=["olga"])
    assert pay.get_issue(issue.number).state == "open"
    kept = requests.get(f"{sandbox.url}/_sandbox/state", timeout=10).json()["work_items"]
    assert [(one["title"], one["body"], one["state"], one["assignees"]) for one in kept] == [
        ("One", "other", "Active", ["olga"])
    ]


def test_labels_are_found_by_name_and_made_once(sandbox: Sandbox) -> None:
    pay = hub(sandbox).get_repo("acme/pay")
    asked = '{ repository(owner: "acme", name: "pay") { label(name: "Governance") { name color description } } }'
    assert graph(sandbox, asked)["repository"]["label"] is None
    pay.create_label("governance", "5319e7", "What must be done")
    found = graph(sandbox, asked)["repository"]["label"]
    assert found == {"name": "governance", "color": "5319e7", "description": "What must be done"}
    with pytest.raises(GithubException) as twice:
        pay.create_label("GOVERNANCE", "5319e7")
    assert twice.value.status == 422
    assert [label.name for label in pay.get_labels()] == ["governance"]


def test_who_may_be_assigned(sandbox: Sandbox) -> None:
    pay = hub(sandbox).get_repo("acme/pay")
    assert pay.has_in_assignees("ana")
    assert pay.has_in_assignees("olga")
    assert not pay.has_in_assignees("nobody")
    with pytest.raises(GithubException) as refused:
        pay.create_issue("One", assignees=["nobody"])
    assert refused.value.status == 422
    assert pay.get_issues(state="all").totalCount == 0


def test_whoever_may_not_push_sets_no_labels(sandbox: Sandbox) -> None:
    made = hub(sandbox, "reader").get_repo("acme/pay").create_issue("One", labels=["governance"], assignees=["ana"])
    assert (made.labels, made.assignees) == ([], [])
    asked = '{ repository(owner: "acme", name: "pay") { issues(first: 5) { nodes { viewerDidAuthor } } } }'
    assert graph(sandbox, asked, "reader")["repository"]["issues"]["nodes"] == [{"viewerDidAuthor": True}]
    assert graph(sandbox, asked)["repository"]["issues"]["nodes"] == [{"viewerDidAuthor": False}]


@pytest.mark.parametrize(("name", "status"), [("mute", 410), ("old", 403)])
def test_where_issues_cannot_be_opened(sandbox: Sandbox, name: str, status: int) -> None:
    with pytest.raises(GithubException) as refused:
        hub(sandbox).get_repo(f"acme/{name}").create_issue("One")
    assert refused.value.status == status
    asked = f'{{ repository(owner: "acme", name: "{name}") {{ hasIssuesEnabled isArchived }} }}'
    assert graph(sandbox, asked)["repository"] == {"hasIssuesEnabled": name != "mute", "isArchived": name == "old"}


def test_texts_have_their_bounds(sandbox: Sandbox) -> None:
    pay = hub(sandbox).get_repo("acme/pay")
    for title, body in (("t" * 257, "b"), ("t", "b" * 65_537)):
        with pytest.raises(GithubException) as refused:
            pay.create_issue(title, body=body)
        assert refused.value.status == 422
