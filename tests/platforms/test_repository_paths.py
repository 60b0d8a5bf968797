"""The paths of a branch: the same on both platforms and in a checkout, and unknown where they cannot be read."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from bot.engine.loading import Needs, load
from bot.engine.ports import Known, PlatformError, Provider
from bot.engine.targets import parse
from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.repository import RepositoryPaths
from bot.model.subjects import Branch, PullRequest, Repository, Subject
from bot.platforms.local.provider import LocalProvider
from bot.sandbox.github import commits
from tests.platforms.served import Served

NOW = datetime(2026, 11, 2, tzinfo=UTC)
TARGETS = {"github": "github:acme/shop", "azure": "ado:acme/Shop/shop"}
BOTH = pytest.mark.parametrize("platform", TARGETS)

FILES = {
    "README.md": "# Shop\n",
    ".github/workflows/ci.yml": "on: push\n",
    "src/deep/er/app.py": "1\n",
    "docs/zoë & co #1.md": "x\n",
    "100%/a b.txt": "x\n",
    "src.cfg": "x\n",
}

WORLD: dict[str, Any] = {
    "now": NOW,
    "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Shop"}]}],
    "tokens": {
        "all": {"person": "olga"},
        "no-code": {"github": {"metadata": "read", "issues": "read"}, "azure": ["vso.project", "vso.build"]},
    },
    "repositories": [
        {
            "name": "shop",
            "files": FILES,
            "commits": [{"id": "one", "at": "-9d"}, {"id": "two", "at": "-8d", "files": {"later.txt": "x"}}],
            "branches": {"release/1.0": [{"files": {"README.md": None, "release.txt": "x"}}]},
            "tags": {"main": "one"},
            "permissions": {"ana": "write"},
            "pull_requests": [
                {
                    "number": 1,
                    "author": "ana",
                    "source": "change",
                    "pushes": [{"commits": [{"files": {"new.txt": "x"}}]}],
                }
            ],
        },
        {"name": "void", "empty": True},
    ],
}


@pytest.fixture
def served(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    monkeypatch.setenv("AZURE_DEVOPS_CACHE_DIR", str(tmp_path / "locations"))
    made = Served(WORLD)
    yield made
    made.close()


def answer(provider: Provider, subject: Subject) -> Answer:
    needs, known = Needs(), Known()
    needs.add(FactRequest(RepositoryPaths), [subject])
    gaps = load(needs, provider, known)
    (found,) = known.answers.values()
    assert len(gaps) == isinstance(found, Unavailable)
    return found


def paths(provider: Provider, subject: Subject) -> set[str]:
    found = answer(provider, subject)
    assert isinstance(found, Loaded), found
    assert isinstance(found.value, RepositoryPaths)
    assert found.url
    assert len(set(found.value.paths)) == len(found.value.paths)
    return set(found.value.paths)


def repository(served: Served, platform: str) -> Repository:
    found = served.provider(platform).resolve(parse(TARGETS[platform]))
    assert isinstance(found, Repository)
    return found


@BOTH
def test_the_paths_of_the_default_branch_and_not_those_of_a_tag_of_its_name(served: Served, platform: str) -> None:
    provider = served.provider(platform)
    shop = repository(served, platform)
    assert paths(provider, shop) == {*FILES, "later.txt"}
    assert provider.requests() == 1
    assert set(provider.paths(shop)) == {*FILES, "later.txt"}


@BOTH
def test_the_paths_of_another_branch(served: Served, platform: str) -> None:
    branch = repository(served, platform).branch("release/1.0")
    assert paths(served.provider(platform), branch) == ({*FILES} - {"README.md"}) | {"release.txt"}


@BOTH
def test_a_pull_request_is_judged_by_the_paths_of_its_base(served: Served, platform: str) -> None:
    provider = served.provider(platform)
    subject = provider.resolve(parse({"github": "github:acme/shop#1", "azure": "ado:acme/Shop/shop!1"}[platform]))
    assert isinstance(subject, PullRequest)
    assert paths(provider, subject) == {*FILES, "later.txt"}


def test_a_checkout_gives_the_same_paths(tmp_path: Path) -> None:
    checkout(tmp_path, FILES)
    provider = LocalProvider(tmp_path, NOW)
    subject = provider.resolve(parse(str(tmp_path)))
    assert paths(provider, subject) == {*FILES}
    assert set(provider.paths(subject)) == {*FILES}


def test_a_submodule_is_no_file(tmp_path: Path, served: Served) -> None:
    checkout(tmp_path, {"a.txt": "x"})
    head = git(tmp_path, "rev-parse", "HEAD")
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{head},vendor/lib")
    git(tmp_path, "commit", "-q", "-m", "Add a submodule")
    provider = LocalProvider(tmp_path, NOW)
    assert paths(provider, provider.resolve(parse(str(tmp_path)))) == {"a.txt"}

    entries = '[{"path": "a.txt", "type": "blob"}, {"path": "b", "type": "tree"}, {"path": "b/lib", "type": "commit"}]'
    served.fault(match="git/trees", kind="status", status=200, body=f'{{"truncated": false, "tree": {entries}}}')
    items = (
        '[{"path": "/", "isFolder": true, "gitObjectType": "tree"}, {"path": "/a.txt", "gitObjectType": "blob"}, '
        '{"path": "/vendor/lib", "gitObjectType": "commit"}]'
    )
    served.fault(match="/items", kind="status", status=200, body=f'{{"count": 3, "value": {items}}}')
    for platform in TARGETS:
        assert paths(served.provider(platform), repository(served, platform)) == {"a.txt"}


@BOTH
def test_a_token_that_may_not_read_files_makes_it_unknown(served: Served, platform: str) -> None:
    found = answer(served.provider(platform, "no-code"), repository(served, platform))
    assert isinstance(found, Unavailable), found
    assert found.kind is UnknownKind.SCOPE
    needed = {"github": "contents: read", "azure": "vso.code"}[platform]
    assert needed in found.reason
    with pytest.raises(PlatformError, match=needed) as wrong:
        served.provider(platform, "no-code").paths(repository(served, platform))
    assert wrong.value.kind is UnknownKind.SCOPE


@BOTH
def test_a_branch_that_is_gone_is_unknown(served: Served, platform: str) -> None:
    found = answer(served.provider(platform), repository(served, platform).branch("gone"))
    assert isinstance(found, Unavailable), found
    assert found.kind is UnknownKind.SCOPE


@pytest.mark.parametrize("target", ["github:acme/void", "ado:acme/Shop/void"])
def test_an_empty_repository_has_no_paths(served: Served, target: str) -> None:
    provider = served.provider("github" if target.startswith("github") else "azure")
    void = provider.resolve(parse(target))
    assert isinstance(void, Repository)
    assert list(provider.paths(void)) == []
    # A branch that was there a moment ago.
    assert paths(provider, void.branch("main")) == set()


def test_more_than_github_lists_is_unknown_and_not_a_part_of_it(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(commits, "MOST_TREE_ENTRIES", 3)
    shop = repository(served, "github")
    found = answer(served.provider("github"), shop)
    assert isinstance(found, Unavailable), found
    assert found.kind is UnknownKind.TRUNCATED
    with pytest.raises(PlatformError, match="name the policy files instead of using a glob") as wrong:
        served.provider("github").paths(shop)
    assert wrong.value.kind is UnknownKind.TRUNCATED


@BOTH
@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ({"kind": "status", "status": 500}, UnknownKind.TRANSIENT),
        ({"kind": "rate_limit", "retry_after": 900}, UnknownKind.LIMIT),
        ({"kind": "reset"}, UnknownKind.TRANSIENT),
        ({"kind": "cut"}, UnknownKind.TRANSIENT),
        ({"kind": "not_json"}, UnknownKind.TRANSIENT),
        ({"kind": "html"}, UnknownKind.SCOPE),
        ({"kind": "expired"}, UnknownKind.SCOPE),
        ({"kind": "status", "status": 200, "body": "{}"}, UnknownKind.UNREADABLE),
        ({"kind": "status", "status": 200, "body": '{"truncated": false, "tree": [1], "value": [1]}'}, UnknownKind.UNREADABLE),
    ],
    ids=str,
)  # fmt: skip
def test_a_lasting_fault_makes_it_unknown(
    served: Served, platform: str, fault: Mapping[str, Any], kind: UnknownKind
) -> None:
    shop = repository(served, platform)
    served.fault(match="git/trees|/items", times=None, **fault)
    found = answer(served.provider(platform), shop)
    assert isinstance(found, Unavailable), found
    assert found.kind is kind
    with pytest.raises(PlatformError) as wrong:
        served.provider(platform).paths(shop)
    assert wrong.value.kind is kind


@BOTH
def test_one_fault_is_survived(served: Served, platform: str) -> None:
    shop = repository(served, platform)
    served.fault(match="git/trees|/items", kind="status", status=503)
    assert "README.md" in paths(served.provider(platform), shop)


def test_the_fact_is_about_a_branch() -> None:
    assert (RepositoryPaths.subject, RepositoryPaths.name) == (Branch, "paths")


def checkout(folder: Path, files: Mapping[str, str]) -> None:
    git(folder, "init", "-q", "-b", "main")
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    git(folder, "add", "-A")
    git(folder, "commit", "-q", "-m", "First")


def git(folder: Path, *arguments: str) -> str:
    people = {f"GIT_{who}_{what}": "ana@example.org" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment = {**os.environ, **people, "GIT_CONFIG_GLOBAL": os.devnull}
    done = subprocess.run(["git", "-C", str(folder), *arguments], check=True, capture_output=True, env=environment)
    return done.stdout.decode().strip()
