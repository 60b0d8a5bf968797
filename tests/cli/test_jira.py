"""Pull requests on both platforms that name issues of Jira, judged by the whole program."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.conftest import Ended, World

GITHUB, AZURE = "github:acme/app#{}", "ado:acme/acme/app!{}"
BOTH = pytest.mark.parametrize("target", [GITHUB, AZURE], ids=["github", "azure-devops"])
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: requirements}
rules:
  - rule: requirement-link
    enforce: block
    with: {sources: [jira], types: [Story], jira: {projects: [PAY, SEC]}}
"""
TITLES = {
    1: "PAY-12: limit the amount",
    2: "PAY-99: limit the amount",
    3: "SEC-1: keep it safe",
    4: "PAY-13: a bug",
    5: "PAY-14: again",
    6: "Limit the amount `PAY-12`",
    7: "Limit, http://127.0.0.1/jira/browse/PAY-12",
    8: "Limit, https://other.example/browse/PAY-12",
}
CLOUD = {"JIRA_EMAIL": "bot@acme.example", "JIRA_API_TOKEN": "cloud-token-1"}


def scenario(edition: str) -> dict[str, Any]:
    return {
        "now": "2026-11-02T09:00:00Z",
        "repositories": [
            {
                "name": "app",
                "pull_requests": [
                    {"number": number, "title": title, "author": "ana", "source": f"ana/{number}"}
                    for number, title in TITLES.items()
                ],
            }
        ],
        "jira": {
            "edition": edition,
            "tokens": {"cloud-token-1": {"email": "bot@acme.example", "projects": ["PAY"]}},
            "projects": [
                {
                    "key": "PAY",
                    "issues": [
                        {"number": 12},
                        {"number": 13, "type": "Bug"},
                        {"number": 14, "status": "Done", "category": "done", "resolved_at": "-20d"},
                    ],
                },
                {"key": "SEC", "issues": [{"number": 1}]},
            ],
        },
    }


Gate = Callable[..., Ended]


@pytest.fixture
def gate(world: Callable[[dict[str, Any]], World]) -> Gate:
    served: dict[str, World] = {}

    def judge(target: str, number: int, edition: str = "cloud", **environ: str) -> Ended:
        one = served.setdefault(edition, world(scenario(edition)))
        policy = one.write("policy.yml", POLICY)
        environ = {name: value.replace("{jira}", one.sandbox.jira) for name, value in environ.items()}
        return one.call(
            "gate", target.format(number), "--config", policy, "--dry-run", "--format", "json", environ=environ
        )

    return judge


@BOTH
@pytest.mark.parametrize(
    ("number", "code", "words"),
    [
        (1, 0, "PAY-12 (title): Story 'Work', In Progress"),
        (2, 1, "PAY-99 (title) leads to no work item"),
        (3, 3, "does not browse the project SEC"),
        (4, 1, "its type is Bug, not Story"),
        (5, 1, "it was closed on 2026-10-13, before the pull request was opened"),
        (6, 1, "No requirement is linked"),
        (7, 0, "Story 'Work', In Progress"),
        (8, 3, "is on other.example"),
    ],
)
def test_by_what_is_at_the_other_end(gate: Gate, target: str, number: int, code: int, words: str) -> None:
    ended = gate(target, number, JIRA_URL="{jira}", **CLOUD)
    assert (ended.code, words in ended.out) == (code, True), ended.out + ended.err
    assert ("jira" in ended.json()["run"]["requests"]) is (number not in (6, 8))


@BOTH
def test_the_other_edition(gate: Gate, target: str) -> None:
    ended = gate(target, 1, "data-center", JIRA_URL="{jira}/", JIRA_TOKEN="cloud-token-1")
    assert ended.code == 0, ended.out + ended.err
    assert ended.json()["run"]["requests"]["jira"] == 1


@BOTH
def test_without_an_address_a_key_is_accepted_by_its_form(gate: Gate, target: str) -> None:
    ended = gate(target, 1, **CLOUD)
    assert ended.code == 3  # its type cannot be checked
    assert "there is no Jira to ask" in ended.out
    assert "jira" not in ended.json()["run"]["requests"]


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"JIRA_URL": ""}, "JIRA_URL is empty"),
        ({"JIRA_URL": " ", **CLOUD}, "JIRA_URL is empty"),
        ({"JIRA_URL": "{jira}"}, "JIRA_URL is given without a whole credential"),
        ({"JIRA_URL": "{jira}", "JIRA_EMAIL": "a@b.example"}, "JIRA_URL is given without a whole credential"),
        ({"JIRA_URL": "{jira}", "JIRA_TOKEN": "cloud-token-1", **CLOUD}, "JIRA_TOKEN is given beside"),
        ({"JIRA_URL": "http://jira.example", **CLOUD}, "no token is sent there unencrypted"),
        ({"JIRA_URL": "{jira}", **CLOUD, "JIRA_API_TOKEN": "wrong-token-1"}, "refused or has expired"),
        ({"JIRA_URL": "http://127.0.0.1:1", **CLOUD}, "Check JIRA_URL"),
    ],
)
@BOTH
@pytest.mark.usefixtures("unhurried")
def test_a_jira_that_cannot_be_asked_makes_its_issues_unknown_and_nothing_else(
    gate: Gate, target: str, environ: dict[str, str], words: str
) -> None:
    ended = gate(target, 1, **environ)
    assert (ended.code, words in ended.out) == (3, True), ended.out + ended.err
    assert "token-1" not in ended.out + ended.err
    assert gate(target, 6, **environ).code == 1
