"""A world for the provider to read, served over HTTP by the sandbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from bot.engine.loading import Needs, load
from bot.engine.ports import Known
from bot.engine.targets import parse
from bot.model.facts import Answer, Fact, FactRequest, Loaded
from bot.model.subjects import Subject
from bot.platforms.github.provider import GitHubProvider
from bot.platforms.github.publisher import GitHubPublisher
from bot.platforms.transport import Transport
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox

NOW = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)

CI = """\
name: CI
on:
  pull_request:
    branches: [main]
jobs:
  lint:
    runs-on: ubuntu-latest
    steps:
      - uses: actions/checkout@v4
      - run: ruff check
"""

ROLLBACK = """\
name: Deploy
on:
  workflow_dispatch:
    inputs:
      version:
        description: What to deploy
jobs:
  deploy:
    runs-on: ubuntu-latest
    environment: production
    steps:
      - env:
          VERSION: ${{ inputs.version }}
        run: ./deploy.sh "$VERSION"
"""

WORLD: dict[str, Any] = {
    "now": NOW,
    "people": {"ana": {}, "ben": {}, "cara": {}, "dan": {}, "renovate[bot]": {"bot": True}},
    "teams": {"payments-team": {"members": ["ben", "cara"]}, "empty": {"members": []}},
    "tokens": {
        "ghs_app0000000000000000000": {"kind": "app", "person": "almguard"},
        "ghp_pat0000000000000000000": {"kind": "pat", "person": "root"},
        "ghs_actions000000000000000": {"kind": "actions"},
        "ghs_nothing000000000000000": {"kind": "app", "github": {"metadata": "read"}},
        "ghs_expired000000000000000": {"kind": "app", "expired": True},
        "ghs_reader0000000000000000": {
            "kind": "app",
            "github": {"metadata": "read", "contents": "read", "pull_requests": "read", "issues": "read", "checks": "read"},
        },
    },
    "organizations": [{"name": "acme", "owners": ["root"], "members": ["dan"]}],
    "repositories": [
        {
            "name": "payments",
            "language": "Python",
            "topics": ["pci"],
            "properties": {"tier": "critical"},
            "permissions": {"ana": "write", "ben": "write", "cara": "maintain", "dan": "read", "team:payments-team": "write"},
            "security": {"secret_scanning": True, "push_protection": False},
            "files": {
                "README.md": "# Payments\n",
                "migrations/0001.py": "old\n",
                ".github/almguard.yml": "apiVersion: almguard/v1\nkind: Policy\n",
                ".github/CODEOWNERS": "# owners\n* @acme/payments-team\ndocs/* @dan  # only the files\n/nobody/\n",
                ".github/workflows/ci.yml": CI,
                ".github/workflows/deploy.yml": ROLLBACK,
                ".github/workflows/broken.yml": "on: [push\n",
                ".github/workflows/notes.txt": "not a workflow",
            },
            "commits": [
                {"id": "one", "author": "ana", "at": "-20d", "files": {"src/app.py": "1\n"}, "message": "Begin\n\nFixes #7"},
                {"id": "two", "author": "ben", "at": "-9d", "files": {"src/app.py": "2\n", "migrations/0002.py": "x\n"},
                 "message": "Go on with AB#12"},
            ],
            "branches": {"release/1": []},
            "protection": [
                {"via": "classic", "branch": "default", "name": "classic", "approvals": 1, "enforce_admins": False,
                 "checks": [{"name": "lint", "app": "github-actions"}]},
                {"via": "ruleset", "branch": "default", "name": "strict", "approvals": 2, "dismiss_stale": True,
                 "allow_force_push": False, "bypass": ["team:payments-team"],
                 "checks": [{"name": "lint", "app": "github-actions"}, {"name": "any"}]},
                {"via": "ruleset", "branch": "default", "name": "later", "enforcement": "evaluate", "signatures": True},
                {"via": "ruleset", "branch": "release/*", "name": "releases", "linear_history": True},
            ],
            "pull_requests": [
                {
                    "number": 12,
                    "title": "Refund twice",
                    "body": "Closes #7, see #8 and AB#45 but not `#99`. Also #4711 and acme/hidden#1, https://elsewhere.example/a/b/issues/3",
                    "author": "ana",
                    "source": "feature/refund",
                    "labels": ["risk"],
                    "assignees": ["dan"],
                    "requested_reviewers": ["dan", "team:payments-team"],
                    "links": {"work_items": [7]},
                    "pushes": [
                        {"at": "-2d", "commits": [
                            {"message": "Refund\n\nCo-authored-by: Ben <ben@example.com>", "files": {"src/refund.py": "a\n"}},
                            {"message": "Lost", "email": "who@nowhere.example", "files": {"src/refund.py": "b\n"}},
                        ]},
                        {"by": "cara", "at": "-30h", "force": False, "commits": [
                            {"author": "cara", "message": "Touch PAY-9", "files": {"docs/refund.md": "c\n"}}]},
                    ],
                    "reviews": [
                        {"by": "ben", "state": "changes_requested", "at": "-28h", "push": 1},
                        {"by": "ben", "state": "approved", "at": "-20h"},
                        {"by": "dan", "state": "approved", "at": "-19h", "body": "lgtm"},
                    ],
                    "checks": [
                        {"name": "lint"},
                        {"name": "slow", "state": "in_progress"},
                        {"name": "old", "conclusion": "timed_out"},
                        {"name": "legacy", "kind": "status", "conclusion": "failure"},
                    ],
                },
                {"number": 13, "title": "From a fork", "author": "dan", "fork": "dan"},
            ],
            "environments": [{"name": "production"}],
            "releases": [
                {"version": "v1.0.0", "commit": "one", "created_at": "-15d", "notes": "First", "assets": [
                    {"name": "app.tar.gz", "digest": "sha256:" + "a" * 64}, {"name": "lost.tar.gz", "missing": True}]},
                {"version": "v1.1.0", "commit": "two", "created_at": "-8d", "notes": "Second, #7 and AB#12", "immutable": True,
                 "attested": True, "author": "ben", "assets": [{"name": "app.tar.gz", "digest": "sha256:" + "b" * 64}]},
            ],
            "runs": [
                {"id": 501, "pipeline": "Deploy", "commit": "one", "artifacts": [
                    {"name": "dist", "expires_at": "+40d"}, {"name": "old", "expired": True}]},
                {"id": 502, "pipeline": "Deploy", "commit": "two"},
            ],
            "deployments": [
                {"environment": "production", "release": "v1.0.0", "at": "-14d", "run": 501, "by": "ben"},
                {"environment": "production", "release": "v1.1.0", "at": "-7d", "run": 502, "by": "ben"},
                {"environment": "production", "release": "v1.0.0", "at": "-6d", "run": 501, "by": "cara"},
                {"environment": "production", "release": "v1.1.0", "at": "-5d", "run": 502, "by": "cara"},
            ],
        },
        {"name": "open", "visibility": "public"},
        {"name": "old", "archived": True},
        {"name": "void", "empty": True},
    ],
    "work_items": [
        {"id": 7, "type": "Bug", "title": "Refunds", "repository": "payments"},
        {"id": 8, "title": "Closed one", "state": "Closed", "closed_at": "-1d", "repository": "payments"},
    ],
}  # fmt: skip

APP = "ghs_app0000000000000000000"
PAT = "ghp_pat0000000000000000000"
ACTIONS = "ghs_actions000000000000000"
NOTHING = "ghs_nothing000000000000000"
READER = "ghs_reader0000000000000000"
EXPIRED = "ghs_expired000000000000000"


@dataclass
class House:
    """A sandbox, and providers that read it."""

    sandbox: Sandbox
    transports: list[Transport] = field(default_factory=list)
    waits: list[tuple[str, float]] = field(default_factory=list)

    def provider(self, token: str = APP, **options: Any) -> GitHubProvider:
        quick = {"backoff": 0.001, **options.pop("transport", {})}
        transport = Transport(on_wait=lambda why, seconds: self.waits.append((why, seconds)), **quick)
        self.transports.append(transport)
        return GitHubProvider(
            token, self.sandbox.github_api, self.sandbox.github_graphql, now=NOW, transport=transport, **options
        )

    def publisher(self, provider: GitHubProvider) -> GitHubPublisher:
        return GitHubPublisher(provider.client, provider.memory)

    def ledger(self) -> list[dict[str, Any]]:
        return requests.get(f"{self.sandbox.url}/_sandbox/requests", timeout=10).json()

    def lines(self) -> list[str]:
        return [f"{entry['method']} {entry['path']} {entry['status']}" for entry in self.ledger()]

    def fault(self, **fault: Any) -> None:
        answer = requests.post(f"{self.sandbox.url}/_sandbox/faults", json=fault, timeout=10)
        assert answer.ok, answer.text

    def state(self, repository: str = "acme/payments") -> dict[str, Any]:
        state = requests.get(f"{self.sandbox.url}/_sandbox/state", {"repository": repository}, timeout=10).json()
        return state["repositories"][repository]

    def close(self) -> None:
        for transport in self.transports:
            transport.close()
        self.sandbox.stop()


@pytest.fixture
def house() -> Iterator[House]:
    made = House(Sandbox(Scenario.model_validate(WORLD)).start())
    yield made
    made.close()


@pytest.fixture
def build() -> Iterator[Callable[[Mapping[str, Any]], House]]:
    made: list[House] = []

    def build(world: Mapping[str, Any]) -> House:
        made.append(House(Sandbox(Scenario.model_validate({"now": NOW, **world})).start()))
        return made[-1]

    yield build
    for one in made:
        one.close()


def read(provider: GitHubProvider, target: str | Subject, *facts: type[Fact] | FactRequest) -> Sequence[Answer]:
    """The answers for these facts, loaded as the engine loads them."""
    subject = provider.resolve(parse(target)) if isinstance(target, str) else target
    needs, known = Needs(), Known()
    asked = [fact if isinstance(fact, FactRequest) else FactRequest(fact) for fact in facts]
    for request in asked:
        needs.add(request, [subject])
    load(needs, provider, known)
    found = {kind: answer for (kind, _), answer in known.answers.items()}
    return [found[request.type] for request in asked]


def value(provider: GitHubProvider, target: str | Subject, fact: type[Fact] | FactRequest) -> Any:
    """The one fact's value."""
    answer = read(provider, target, fact)[0]
    assert isinstance(answer, Loaded), answer
    return answer.value
