"""Several tokens of one platform: reading is spread among them, where they see the same."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.cli.conftest import World

TARGETS = {"github": "github:acme", "ado": "ado:acme"}
VARIABLES = {"github": "ALMGUARD_GITHUB_TOKENS", "ado": "ALMGUARD_AZURE_DEVOPS_TOKENS"}
ON_BOTH = pytest.mark.parametrize("platform", TARGETS)


def scenario() -> dict[str, Any]:
    return {
        "people": {"ana": {}, "ben": {}, "cara": {}},
        "tokens": {
            "ghp_of_ana": {"kind": "pat", "person": "ana"},
            "ghp_of_ben": {"kind": "pat", "person": "ben"},
            "ghp_expired": {"kind": "pat", "person": "ben", "expired": True},
            "ghp_little": {
                "kind": "pat",
                "person": "cara",
                "github": {"metadata": "read", "contents": "read"},
                "azure": ["vso.project"],
            },
        },
        "organizations": [{"name": "acme", "owners": ["ana", "ben"]}],
        "repositories": [
            {
                "name": f"service-{number}",
                "permissions": {"ana": "admin", "ben": "admin"},
                "security": {"secret_scanning": True},
                "files": {".github/workflows/ci.yml": "on: push\njobs: {}\n"},
            }
            for number in range(12)
        ],
    }


@pytest.fixture
def served(world: Callable[[dict[str, Any]], World]) -> World:
    return world(scenario())


def scan(world: World, platform: str, *tokens: str, **environ: str) -> Any:
    given = {"GITHUB_TOKEN": "", "AZURE_DEVOPS_EXT_PAT": "", VARIABLES[platform]: ", ".join(tokens), **environ}
    world.sandbox.application.ledger.clear()
    return world.call("scan", TARGETS[platform], "--format", "json", "--no-cache", "--now", "2026-06-01", environ=given)


def people(world: World, monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Counts requests by whose token they came with."""
    seen: Counter[str] = Counter()
    plain = world.sandbox.application.token_kind

    def spy(request: Any) -> str:
        seen[request.secret] += 1
        return plain(request)

    monkeypatch.setattr(world.sandbox.application, "token_kind", spy)
    return seen


@ON_BOTH
def test_reading_is_spread_and_finds_the_same(served: World, platform: str, monkeypatch: pytest.MonkeyPatch) -> None:
    alone = scan(served, platform, "ghp_of_ana").json()
    seen = people(served, monkeypatch)
    both = scan(served, platform, "ghp_of_ana", "ghp_of_ben")
    assert both.json()["results"] == alone["results"]
    assert set(seen) == {"ghp_of_ana", "ghp_of_ben"}
    assert min(seen.values()) > 1  # more than the look at the beginning
    requests = sum(both.json()["run"]["requests"].values())
    assert requests <= sum(alone["run"]["requests"].values()) + 2


@ON_BOTH
def test_those_that_see_less_are_refused_in_words(served: World, platform: str) -> None:
    ended = scan(served, platform, "ghp_of_ana", "ghp_little")
    assert ended.code == 2
    assert f"The tokens of {VARIABLES[platform]} do not see the same of acme" in ended.err
    assert "12 repositories" in ended.err
    assert "depend on chance" in ended.err
    assert "ghp_" not in ended.err


@ON_BOTH
def test_one_that_was_revoked_is_told_of_and_the_others_go_on(served: World, platform: str) -> None:
    before = scan(served, platform, "ghp_of_ana").json()
    ended = scan(served, platform, "ghp_expired", "ghp_of_ana", "ghp_of_ben")
    assert ended.json()["results"] == before["results"]
    assert ended.json()["run"]["gaps"] == before["run"]["gaps"]
    assert f"the 1st of 3 tokens of {VARIABLES[platform]} is refused" in ended.err


@ON_BOTH
def test_all_revoked(served: World, platform: str) -> None:
    ended = scan(served, platform, "ghp_expired", "ghp_unheard_of")
    assert ended.code == 2
    assert f"Every token of {VARIABLES[platform]} is refused" in ended.err


@ON_BOTH
def test_one_that_expires_meanwhile_is_told_of_and_the_others_go_on(served: World, platform: str) -> None:
    before = scan(served, platform, "ghp_of_ana", "ghp_of_ben").json()
    served.fault(kind="expired", match="GET|POST", times=1, skip=4)
    ended = scan(served, platform, "ghp_of_ana", "ghp_of_ben")
    assert ended.json()["run"]["gaps"] == before["run"]["gaps"]
    assert ended.json()["results"] == before["results"]
    assert "of 2 tokens is refused: it was revoked or has expired; the others go on" in ended.err


def test_one_that_is_limited_is_left_alone(served: World) -> None:
    served.fault(kind="secondary", match="graphql", times=1, retry_after=600, skip=3)
    ended = scan(served, "github", "ghp_of_ana", "ghp_of_ben")
    assert ended.json()["run"]["gaps"] == [], ended.err
    assert "waiting" not in ended.err


def test_an_app_beside_a_list_is_refused(served: World) -> None:
    ended = scan(served, "github", "ghp_of_ana", ALMGUARD_APP_ID="1", ALMGUARD_APP_PRIVATE_KEY="x")
    assert ended.code == 2
    assert "ALMGUARD_GITHUB_TOKENS is given beside a GitHub App" in ended.err


def test_elsewhere_the_first_of_the_list_is_enough(served: World) -> None:
    environ = {"GITHUB_TOKEN": "", VARIABLES["github"]: "ghp_of_ana ghp_of_ben"}
    ended = served.call("audit", "github:acme/service-1", "--format", "json", environ=environ)
    assert ended.code in (0, 1, 3), ended.err


def test_an_app_uses_the_installation_of_each_owner(world: Callable[[dict[str, Any]], World]) -> None:
    given = scenario()
    given["tokens"] = {"ghs_of_the_app": {"kind": "app", "person": "almguard"}}
    given["organizations"].append({"name": "globex", "owners": ["ana"]})
    given["repositories"].append({"name": "rockets", "organization": "globex", "files": {"a": "b\n"}})
    served = world(given)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    environ = {"ALMGUARD_APP_ID": "77", "ALMGUARD_APP_PRIVATE_KEY": key.decode(), "GITHUB_TOKEN": ""}

    def installations(**more: str) -> set[str]:
        served.sandbox.application.ledger.clear()
        ended = served.call(
            "scan", "github:acme", "github:globex", "--format", "json", "--no-cache", environ={**environ, **more}
        )
        assert len(ended.json()["run"]["coverage"]) == 2, ended.err
        return {one["path"] for one in served.ledger() if one["path"].endswith("/installation")}

    both = {"/api/v3/orgs/acme/installation", "/api/v3/orgs/globex/installation"}
    assert installations() == both
    assert installations(GITHUB_REPOSITORY_OWNER="acme") == both
    assert installations(ALMGUARD_APP_OWNER="acme") == {"/api/v3/orgs/acme/installation"}
