from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from bot.sandbox import world as world_module
from bot.sandbox.git_objects import GitRepository
from bot.sandbox.grow import grow
from bot.sandbox.loading import load_scenario
from bot.sandbox.scenario import Scenario
from bot.sandbox.world import Face, Repository, World

SHOP = Path(__file__).with_name("scenarios") / "shop.yml"


@pytest.fixture(scope="module")
def world() -> World:
    return World(load_scenario(SHOP))


@pytest.fixture(scope="module")
def pay(world: World) -> Repository:
    found = world.repository("Acme", "PAY")
    assert found
    return found


def git(folder: Path, *arguments: str, data: bytes = b"") -> str:
    return subprocess.run(["git", *arguments], cwd=folder, input=data, check=True, capture_output=True).stdout.decode()


def written(repository: GitRepository, folder: Path) -> Path:
    """A real git repository of these objects, each written by git itself, which names it by its own hash."""
    git(folder, "init", "-q", "--bare")
    for sha, data in repository.blobs.items():
        assert git(folder, "hash-object", "-w", "--stdin", data=data).strip() == sha
    done: set[str] = set()

    def write_tree(sha: str) -> None:
        if sha in done:
            return
        done.add(sha)
        for entry in repository.trees[sha]:
            if entry.is_tree:
                write_tree(entry.sha)
        lines = [
            f"{each.mode} {'tree' if each.is_tree else 'blob'} {each.sha}\t{each.name}"
            for each in repository.trees[sha]
        ]
        assert git(folder, "mktree", data=("\n".join(lines) + "\n").encode()).strip() == sha

    for sha, commit in sorted(repository.commits.items(), key=lambda pair: pair[1].committed_at):
        write_tree(commit.tree_sha)
        seconds = int(commit.committed_at.timestamp())
        parents = "".join(f"parent {parent}\n" for parent in commit.parents)
        text = (
            f"tree {commit.tree_sha}\n{parents}author {commit.author.name} <{commit.author.email}> {seconds} +0000\n"
            f"committer {commit.committer.name} <{commit.committer.email}> {seconds} +0000\n\n{commit.message}\n"
        )
        assert git(folder, "hash-object", "-t", "commit", "-w", "--stdin", data=text.encode()).strip() == sha
    for ref, sha in repository.refs.items():
        git(folder, "update-ref", ref, sha)
    return folder


def test_git_agrees_with_every_object_and_every_answer(pay: Repository, tmp_path: Path) -> None:
    folder = written(pay.git, tmp_path)
    assert git(folder, "fsck", "--strict", "--no-dangling") == ""
    request = pay.pull_requests[2]
    assert git(folder, "merge-base", request.base, request.head).strip() == request.merge_base
    ours = [commit.sha for commit in pay.git.log(pay.git.refs["refs/heads/main"])]
    assert git(folder, "log", "--format=%H", "--date-order", "main").split() == ours
    theirs = git(folder, "log", "--format=%H", "--reverse", "--topo-order", f"{request.base}..{request.head}").split()
    assert [commit.sha for commit in request.commits()] == theirs
    numstat = git(folder, "diff", "--numstat", "--no-renames", request.merge_base, request.head).split("\n")
    status = git(folder, "diff", "--name-status", "-M", request.merge_base, request.head).split("\n")
    words = {"A": "added", "D": "removed", "M": "modified", "R": "renamed"}
    assert {line.split("\t")[-1]: words[line[0]] for line in status if line} == {
        change.path: change.status for change in request.changes()
    }
    counted = {line.split("\t")[2]: tuple(map(int, line.split("\t")[:2])) for line in numstat if line}
    for change in request.changes():
        if change.status != "renamed":
            assert (change.additions, change.deletions) == counted[change.path]


def test_a_pull_request_is_its_pushes(pay: Repository) -> None:
    request = pay.pull_requests[2]
    assert [len(push.commits) for push in request.pushes] == [2, 1]
    assert [push.by for push in request.pushes] == ["ben", "ana"]
    assert [change.status for change in request.changes()] == ["removed", "renamed", "added"]
    assert [(review.by, review.push, review.sha) for review in request.reviews] == [
        ("cat", 1, request.pushes[0].head_sha),
        ("ana", 2, request.head),
        ("eve", 2, request.head),
    ]


def test_a_forced_push_throws_the_old_commits_away_and_begins_at_the_targets_tip() -> None:
    world = World(
        load_scenario("""\
now: 2026-11-02T09:00:00Z
repositories:
- name: app
  commits: [{message: Later, at: -36h, files: {later.txt: x}}]
  pull_requests:
  - number: 1
    author: ana
    pushes:
    - {at: -2d, commits: [{files: {a.txt: one}}]}
    - {at: -1d, force: true, commits: [{files: {a.txt: one}}, {files: {b.txt: two}}]}
""")
    )
    (repository,) = world.repositories
    request = repository.pull_requests[1]
    first, second = request.pushes
    assert (first.forced, second.forced) == (False, True)
    assert second.before_sha == first.head_sha
    assert second.base_sha == repository.tip != first.base_sha
    assert [change.path for change in request.changes()] == ["a.txt", "b.txt"]
    assert first.head_sha not in {commit.sha for commit in request.commits()}


def test_an_update_merge_has_two_parents_and_brings_nothing_of_its_own() -> None:
    world = World(
        load_scenario("""\
now: 2026-11-02T09:00:00Z
repositories:
- name: app
  commits: [{message: Later, at: -36h, files: {later.txt: x}}]
  pull_requests:
  - number: 1
    author: ana
    pushes:
    - {at: -2d, commits: [{files: {a.txt: one}}]}
    - {at: -1d, commits: [{merge: base}]}
""")
    )
    (repository,) = world.repositories
    request = repository.pull_requests[1]
    merge = repository.git.commits[request.head]
    assert merge.parents == (request.pushes[0].head_sha, repository.tip)
    assert merge.committer.login == "web-flow"
    assert [change.path for change in request.changes()] == ["a.txt"]
    assert "later.txt" in repository.git.files(request.head)


def test_merging_leaves_a_commit_that_releases_can_name(world: World, pay: Repository) -> None:
    merged = pay.pull_requests[1]
    assert merged.merge_sha == pay.git.names["#1"]
    assert pay.git.names["v1.1.0"] == merged.merge_sha
    assert pay.git.refs["refs/tags/v1.1.0"] != merged.merge_sha  # it moved
    assert pay.git.refs["refs/tags/v1.0.0"] == pay.git.names["one"]
    assert "refs/heads/feature/change" not in pay.git.refs
    web = world.repository("acme", "web")
    assert web
    squashed = web.git.commits[web.pull_requests[1].merge_sha or ""]
    assert (len(squashed.parents), squashed.message) == (1, "Squashed (#1)")


@pytest.mark.parametrize(
    ("login", "repository", "expected"),
    [
        ("boss", "pay", "admin"),
        ("ana", "pay", "write"),
        ("dan", "pay", "maintain"),
        ("eve", "pay", "read"),
        ("zoe", "pay", None),
        ("zoe", "web", "read"),
        ("eve", "attic", "admin"),
    ],
)
def test_permissions(world: World, login: str, repository: str, expected: str | None) -> None:
    found = world.repository("acme", repository)
    assert found
    assert world.permission(login, found) == expected


def test_everyone_who_is_mentioned_exists(world: World) -> None:
    assert {"ana", "dan", "boss", "eve", "zoe", "renovate[bot]", "web-flow", "almguard", "almguard[bot]"} <= set(
        world.people
    )
    assert world.people["renovate[bot]"].bot
    assert "" not in world.people


def grown(repositories: int, seed: int) -> World:
    world = World(Scenario())
    grow(world, repositories, seed)
    return world


def test_an_organisation_grows_alike_from_the_same_seed_and_lazily() -> None:
    one, other, third = grown(200, 7), grown(60, 7), grown(60, 8)
    assert len(one.repositories_of("grown")) == 200
    assert [project.name for project in other.organizations["grown"].projects] == ["area-000", "area-001", "area-002"]
    assert not any(repository.touched for repository in one.repositories)
    late = one.repositories[59].part  # without the others before it, and whatever else there is
    assert late == other.repositories[59].part != third.repositories[59].part
    assert [each.part for each in one.repositories[:60]] == [each.part for each in other.repositories]
    assert [each.face for each in one.repositories] == [Face.of(each.part) for each in one.repositories]
    assert list(one.problems()) == []


def test_grown_repositories_are_in_every_state() -> None:
    world = grown(500, 7)
    parts = [repository.part for repository in world.repositories]
    assert {part.visibility for part in parts} == {"private", "internal", "public"}
    for states in (
        {part.archived for part in parts},
        {part.empty for part in parts},
        {part.fork for part in parts},
        {bool(part.renamed_from) for part in parts},
        {bool(part.pipelines) for part in parts},
        {all(pipeline.enabled for pipeline in part.pipelines) for part in parts},
        {bool(part.releases) for part in parts},
        {bool(part.pull_requests) for part in parts},
        {bool(part.properties) for part in parts},
        {len(part.files) > 300 for part in parts},
        {"squad-that-left" in part.files.get("CODEOWNERS", "") for part in parts},
    ):
        assert states == {True, False}
    assert {tuple(each.via for each in part.protection) for part in parts} == {(), ("classic",), ("ruleset",)}
    assert {alert.kind for part in parts for alert in part.alerts} == {"secret", "code", "dependency"}


def test_what_nobody_wrote_to_is_forgotten_and_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world_module, "MOST_WARM", 3)
    world = grown(20, 7)
    first, second, *others = world.repositories
    tip, part = first.tip, second.part
    first.keep()
    first.ado_commit_statuses["posted"] = []
    for each in others:
        assert each.history is not None
    assert sum(each.touched for each in world.repositories) == 4  # three, and the one that somebody wrote to
    assert (first.tip, list(first.ado_commit_statuses)) == (tip, ["posted"])
    assert second.part is not part
    assert second.part == part


def test_a_name_leads_to_a_renamed_repository_and_not_to_a_removed_one() -> None:
    world = grown(20, 7)
    each = world.repositories[3]
    name, ids = each.name, (each.id, each.guid, each.key)
    world.rename(each, "other")
    assert world.repository("grown", name) is None
    assert world.former("grown", name) is world.repository("grown", "other") is world.by_key(f"grown/{name}") is each
    assert ids == (each.id, each.guid, each.key)
    world.remove(each)
    assert world.former("grown", name) is world.repository("grown", "other") is world.by_key(f"grown/{name}") is None
    assert each not in world.repositories_of("grown")
