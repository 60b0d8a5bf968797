"""Custom deployment protection rules: who may answer, what, how often; and what is kept of it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import githubkit
import pytest
import requests

from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

SCENARIO = {
    "apiVersion": "almguard.sandbox/v1",
    "kind": "Scenario",
    "people": {"ana": {}},
    "organizations": [{"name": "acme", "owners": ["ana"]}],
    "tokens": {"app": {}, "workflow": {"kind": "actions"}, "person": {"kind": "pat", "person": "ana"}},
    "repositories": [
        {
            "name": "pay",
            "files": {"README.md": "# Pay\n"},
            "commits": [{"id": "c1", "message": "One", "author": "ana", "files": {"a": "a"}}],
            "pipelines": [{"name": "deploy", "path": ".github/workflows/deploy.yml"}],
            "environments": [{"name": "production"}, {"name": "staging", "approvers": ["ana"]}],
            "runs": [{"id": 900, "pipeline": "deploy", "commit": "c1"}],
            "deployments": [
                {"environment": "production", "commit": "c1", "run": 900, "status": "waiting"},
                {"environment": "staging", "commit": "c1", "run": 900, "status": "waiting"},
                {"environment": "test", "commit": "c1", "run": 900, "status": "success"},
            ],
        }
    ],
}
RUN = "/api/v3/repos/acme/pay/actions/runs/900"


@pytest.fixture
def pay() -> Iterator[Sandbox]:
    with Sandbox(Scenario.model_validate(SCENARIO)) as sandbox:
        yield sandbox


def say(sandbox: Sandbox, body: dict[str, Any], token: str = "app", run: int = 900) -> requests.Response:
    address = f"{sandbox.url}{RUN.replace('900', str(run))}/deployment_protection_rule"
    return requests.post(address, json=body, headers={"Authorization": f"Bearer {token}"}, timeout=5)


def kept(sandbox: Sandbox) -> list[dict[str, Any]]:
    state = requests.get(f"{sandbox.url}/_sandbox/state?repository=acme/pay", timeout=5).json()
    found: list[dict[str, Any]] = state["repositories"]["acme/pay"]["deployment_reviews"]
    return found


def waiting(sandbox: Sandbox) -> list[str]:
    """As githubkit reads it, which knows GitHub's own description."""
    client = githubkit.GitHub("app", base_url=f"{sandbox.url}/api/v3/")
    found = client.rest.actions.get_pending_deployments_for_run("acme", "pay", 900).parsed_data
    return [str(one.environment.name) for one in found]


def test_an_answer_ends_the_waiting_and_is_kept(pay: Sandbox) -> None:
    assert waiting(pay) == ["production", "staging"]
    assert say(pay, {"environment_name": "production", "state": "approved", "comment": "well"}).status_code == 204
    assert [(one["environment"], one["state"], one["comment"]) for one in kept(pay)] == [
        ("production", "approved", "well")
    ]
    assert waiting(pay) == ["staging"]
    assert say(pay, {"environment_name": "production", "state": "rejected"}).status_code == 422


def test_a_report_leaves_it_waiting_and_ten_are_enough(pay: Sandbox) -> None:
    for _ in range(10):
        assert say(pay, {"environment_name": "staging", "comment": "not yet"}).status_code == 204
    assert say(pay, {"environment_name": "staging", "comment": "not yet"}).status_code == 422
    assert waiting(pay) == ["production", "staging"]
    assert say(pay, {"environment_name": "staging", "state": "rejected"}).status_code == 204
    assert len(kept(pay)) == 11


@pytest.mark.parametrize(
    ("body", "token", "run", "status"),
    [
        ({"environment_name": "production"}, "app", 900, 422),
        ({"environment_name": "production", "state": "waiting"}, "app", 900, 422),
        ({"environment_name": "production", "state": "approved", "comment": "x" * 1025}, "app", 900, 422),
        ({"environment_name": "test", "state": "approved"}, "app", 900, 422),
        ({"state": "approved"}, "app", 900, 422),
        ({"environment_name": "production", "state": "approved"}, "app", 901, 404),
        ({"environment_name": "production", "state": "approved"}, "workflow", 900, 403),
        ({"environment_name": "production", "state": "approved"}, "person", 900, 403),
    ],
)
def test_anything_else_is_refused_and_not_kept(
    pay: Sandbox, body: dict[str, Any], token: str, run: int, status: int
) -> None:
    assert say(pay, body, token, run).status_code == status
    assert kept(pay) == []
