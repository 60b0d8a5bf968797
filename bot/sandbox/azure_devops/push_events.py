"""Every push there was to a repository, worked out from its branches and pull requests."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.world import Repository

NOTHING = "0" * 40
"""What a ref was before it was made."""


@dataclass(frozen=True)
class PushEvent:
    """One push to one ref."""

    ident: int
    ref: str
    by: str
    at: datetime
    before: str
    after: str
    commits: tuple[str, ...]


def push_events(repository: Repository) -> list[PushEvent]:
    """Every push there was, oldest first, numbered from 1: the branches' own commits, pull requests' pushes, merges."""
    made: list[tuple[datetime, str, str, str, str, tuple[str, ...]]] = []
    git = repository.git
    merged = {each.merge_sha: each for each in repository.pull_requests.values() if each.merge_sha}
    brought = {sha for each in repository.pull_requests.values() for push in each.pushes for sha in push.commits}
    default = f"refs/heads/{repository.default_branch}"
    trunk = _first_parents(repository)
    for ref, tip in git.refs.items():
        if not ref.startswith("refs/heads/") or tip in brought:
            continue
        sha: str | None = tip
        while sha:
            commit = git.commits[sha]
            parent = commit.parents[0] if commit.parents else None
            merge = merged.get(sha)
            by = merge.part.merged_by or merge.author if merge else commit.author.login or commit.committer.login or ""
            forks = ref != default and (sha in trunk or parent in trunk)
            shas = () if ref != default and sha in trunk else (sha,)
            made.append((commit.committed_at, ref, by, NOTHING if forks or not parent else parent, sha, shas))
            sha = None if forks else parent
    for pull_request in repository.pull_requests.values():
        for index, push in enumerate(pull_request.pushes):
            before = push.before_sha if index else NOTHING
            made.append((push.at, f"refs/heads/{pull_request.source}", push.by, before, push.head_sha, push.commits))
    made.sort(key=lambda each: each[0])
    return [PushEvent(i, ref, by, at, old, new, shas) for i, (at, ref, by, old, new, shas) in enumerate(made, 1)]


def _first_parents(repository: Repository) -> set[str]:
    """The default branch's own line."""
    found: set[str] = set()
    sha = repository.tip
    while sha:
        found.add(sha)
        parents = repository.git.commits[sha].parents
        sha = parents[0] if parents else None
    return found
