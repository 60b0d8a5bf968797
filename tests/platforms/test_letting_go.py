"""What a provider keeps for subjects goes with them; what an organisation or a project shares is read once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.engine.loading import Needs, load
from bot.engine.ports import Known, Provider
from bot.engine.targets import parse
from bot.model.facts import Fact, FactRequest, UnknownKind
from bot.model.facts.change import LinkedWorkItems
from bot.model.facts.pipelines import Pipelines
from bot.model.facts.protection import BranchRules, SecretScanning
from bot.model.results import Gap
from bot.model.subjects import Organization, PullRequest, Repository, Subject
from tests.platforms.served import Served

PIPELINE = "trigger: [main]\nsteps:\n  - script: make test\n"
WORLD: dict[str, Any] = {
    "now": "2026-11-02T09:00:00Z",
    "tokens": {"all": {}},
    "people": {"ana": {}},
    "organizations": [{"name": "acme", "projects": [{"name": "One"}, {"name": "Two"}]}],
    "repositories": [
        {
            "name": f"{project.lower()}-{number}",
            "project": project,
            "permissions": {"ana": "write"},
            "files": {"azure-pipelines.yml": PIPELINE, ".github/workflows/ci.yml": "on: push\njobs: {}\n"},
            "pipelines": [{"name": "ci", "path": ".github/workflows/ci.yml", "azure_path": "azure-pipelines.yml"}],
            "pull_requests": [{"number": 1, "title": "Change", "author": "ana"}] if number == 0 else [],
        }
        for project in ("One", "Two")
        for number in range(3)
    ],
}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path))
    made = Served(WORLD)
    yield made
    made.close()


def ask(provider: Provider, subjects: list[Subject], *facts: type[Fact]) -> Known:
    needs, known = Needs(), Known()
    for fact in facts:
        needs.add(FactRequest(fact), subjects)
    load(needs, provider, known)
    return known


def asked(served: Served, word: str) -> int:
    return sum(word in f"{entry.path}?{entry.query}" for entry in served.sandbox.application.ledger.entries)


def under(provider: Provider, target: str) -> dict[str, list[Subject]]:
    """The repositories, by project (or owner)."""
    found: dict[str, list[Subject]] = {}
    for item in provider.discover(provider.resolve(parse(target)), frozenset({Repository})):
        assert isinstance(item, Repository)
        found.setdefault(item.organization.name, []).append(item)
    return found


def test_a_project_s_lists_are_read_once_for_the_batches_of_the_project_and_go_with_it(served: Served) -> None:
    provider = served.provider("azure")
    one, two = under(provider, "ado:acme").values()
    for batch in (one[:2], one[2:], two):
        ask(provider, batch, Pipelines, BranchRules)
        provider.release(batch)
    assert asked(served, "build/Definitions") == 2
    assert asked(served, "policy/configurations") == 2
    ask(provider, two, Pipelines)
    assert asked(served, "build/Definitions") == 2, "the newest batch's project may come again"
    ask(provider, one, Pipelines)
    assert asked(served, "build/Definitions") == 3, "the other one was let go of"


def test_what_is_kept_does_not_grow_with_the_batches(served: Served) -> None:
    provider: Any = served.provider("azure")
    kept = []
    for batch in under(provider, "ado:acme").values():
        ask(provider, batch, Pipelines, BranchRules, SecretScanning)
        provider.release(batch)
        kept.append(len(provider.reads._kept))
    assert kept[1] <= kept[0]
    assert not [key for key in provider.reads._kept if "texts" in key]
    assert not provider.reads.parsed


@pytest.mark.parametrize("platform", ["github", "azure"])
def test_pull_requests_go_too(served: Served, platform: str) -> None:
    provider: Any = served.provider(platform)
    root = provider.resolve(parse("github:acme" if platform == "github" else "ado:acme"))
    found: list[Subject] = list(provider.discover(root, frozenset({PullRequest})))
    assert len(found) == 2
    ask(provider, found, LinkedWorkItems)
    provider.release(found)
    if platform == "github":
        assert not provider.memory.pull_requests
    else:
        assert not [key for key in provider.reads._kept if {one.id for one in found} & set(key)]
        assert not provider.reads.judged


@pytest.mark.parametrize(("platform", "target"), [("github", "github:acme"), ("azure", "ado:acme")])
def test_the_platform_s_own_count_is_told(served: Served, platform: str, target: str) -> None:
    provider = served.provider(platform)
    root = provider.resolve(parse(target))
    assert isinstance(root, Organization)
    found = Counter(type(item) for item in provider.discover(root, frozenset({Repository})))
    assert provider.counted(root) == found[Repository] == 6


def test_a_project_is_counted_too_and_an_organisation_not_until_all_of_it_was_listed(served: Served) -> None:
    provider = served.provider("azure")
    project = provider.resolve(parse("ado:acme/One"))
    assert provider.counted(project) is None
    assert len(list(provider.discover(project, frozenset({Repository})))) == 3
    assert provider.counted(project) == 3
    served.fault(match="Two|git/repositories", kind="status", status=404, times=None)
    whole = served.provider("azure")
    root = whole.resolve(parse("ado:acme"))
    list(whole.discover(root, frozenset({Repository})))
    assert whole.counted(root) is None


def test_a_project_or_repository_that_is_not_understood_ends_no_listing(served: Served) -> None:
    provider: Any = served.provider("azure")
    root = provider.resolve(parse("ado:acme"))
    one = str(provider.reads.projects()[0]["id"])
    listed = '{"count": 2, "value": [{"id": "1", "name": "odd"}, null]}'
    served.fault(match=f"GET /acme/{one}/_apis/git/repositories$", kind="status", status=200, body=listed)
    found = list(provider.discover(root, frozenset({Repository})))
    assert [one.kind for one in found if isinstance(one, Gap)] == [UnknownKind.UNREADABLE] * 2
    assert sum(isinstance(one, Repository) for one in found) == 3
    assert provider.counted(root) == 5, "so that it shows in the count"
