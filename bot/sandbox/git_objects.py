"""Git's objects, kept in memory: real hashes over real bytes, so that what the sandbox serves is what git would say.

The format of blobs, trees and commits is described in git's own book, chapter "Git Internals - Git Objects".
"""

from __future__ import annotations

import difflib
import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

FileStatus = Literal["added", "modified", "removed", "renamed"]

SIMILAR_ENOUGH = 0.5
"""What git asks of a rename by default (``--find-renames``)."""


@dataclass(frozen=True, slots=True)
class Signature:
    """Who a commit names. ``login`` is None when the e-mail belongs to no known account."""

    name: str
    email: str
    login: str | None


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """One line of a tree."""

    name: str
    sha: str
    is_tree: bool

    @property
    def mode(self) -> str:
        """The mode as git prints it, six digits."""
        return "040000" if self.is_tree else "100644"


@dataclass(frozen=True, slots=True)
class Commit:
    """One commit."""

    sha: str
    tree_sha: str
    parents: tuple[str, ...]
    author: Signature
    committer: Signature
    authored_at: datetime
    committed_at: datetime
    message: str
    verified: bool

    @property
    def headline(self) -> str:
        """The first line of the message."""
        return self.message.split("\n", 1)[0]


@dataclass(frozen=True, slots=True)
class Tag:
    """An annotated tag: an object of its own, which points at a commit."""

    name: str
    sha: str
    commit: str
    tagger: Signature
    at: datetime
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one file between two commits. ``sha`` is the new blob, or the old one of a removed file."""

    path: str
    old_path: str | None
    status: FileStatus
    additions: int
    deletions: int
    sha: str
    patch: str


def object_hash(kind: str, data: bytes) -> str:
    """The name git gives to an object."""
    return hashlib.sha1(f"{kind} {len(data)}\0".encode() + data, usedforsecurity=False).hexdigest()


def tag_object(name: str, commit: str, tagger: Signature, at: datetime, message: str) -> Tag:
    """An annotated tag of a commit."""
    seconds = int(at.timestamp())
    head = f"object {commit}\ntype commit\ntag {name}\ntagger {tagger.name} <{tagger.email}> {seconds} +0000"
    sha = object_hash("tag", f"{head}\n\n{message}\n".encode())
    return Tag(name, sha, commit, tagger, datetime.fromtimestamp(seconds, UTC), message)


@dataclass
class GitRepository:
    """The objects and refs of one repository."""

    refs: dict[str, str] = field(default_factory=dict)
    """``refs/heads/*``, ``refs/tags/*`` and ``refs/pull/N/head``, each to a commit (that of an annotated tag, too)."""
    tags: dict[str, Tag] = field(default_factory=dict)
    """The annotated ones of ``refs/tags/*``, by their whole names."""
    commits: dict[str, Commit] = field(default_factory=dict)
    trees: dict[str, tuple[TreeEntry, ...]] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    """The scenario's own names of commits (``id``, and ``#12`` for the merge of pull request 12), each to its commit."""
    _files: dict[str, dict[str, str]] = field(default_factory=dict, repr=False)
    _diffs: dict[tuple[str, str], list[Change]] = field(default_factory=dict, repr=False)

    def add_blob(self, data: bytes) -> str:
        """Keep one file's bytes."""
        sha = object_hash("blob", data)
        self.blobs[sha] = data
        return sha

    def add_tree(self, files: Mapping[str, str]) -> str:
        """Keep a directory, given as path to blob; its subdirectories become trees of their own."""
        here: dict[str, TreeEntry] = {}
        below: dict[str, dict[str, str]] = {}
        for path, sha in files.items():
            name, slash, rest = path.partition("/")
            if slash:
                below.setdefault(name, {})[rest] = sha
            else:
                here[name] = TreeEntry(name, sha, is_tree=False)
        for name, children in below.items():
            here[name] = TreeEntry(name, self.add_tree(children), is_tree=True)
        # Git sorts a directory as if its name ended with a slash.
        entries = tuple(sorted(here.values(), key=lambda entry: entry.name + ("/" if entry.is_tree else "")))
        data = b"".join(
            f"{entry.mode.lstrip('0')} {entry.name}\0".encode() + bytes.fromhex(entry.sha) for entry in entries
        )
        sha = object_hash("tree", data)
        self.trees[sha] = entries
        return sha

    def add_commit(
        self,
        files: Mapping[str, str],
        parents: tuple[str, ...],
        author: Signature,
        committer: Signature,
        at: datetime,
        message: str,
        *,
        verified: bool = False,
    ) -> str:
        """Keep a commit of these files (path to blob)."""
        tree = self.add_tree(files)
        seconds = int(at.timestamp())
        lines = [f"tree {tree}", *(f"parent {parent}" for parent in parents)]
        lines.append(f"author {author.name} <{author.email}> {seconds} +0000")
        lines.append(f"committer {committer.name} <{committer.email}> {seconds} +0000")
        sha = object_hash("commit", ("\n".join(lines) + f"\n\n{message}\n").encode())
        at = datetime.fromtimestamp(seconds, UTC)
        self.commits[sha] = Commit(sha, tree, parents, author, committer, at, at, message, verified)
        self._files[tree] = dict(files)
        return sha

    def add_tag(self, name: str, commit: str, tagger: Signature, at: datetime, message: str) -> None:
        """Keep an annotated tag of a commit."""
        self.tags[f"refs/tags/{name}"] = tag_object(name, commit, tagger, at, message)
        self.refs[f"refs/tags/{name}"] = commit

    def files(self, sha: str) -> dict[str, str]:
        """Every file of a commit: path to blob."""
        return self._files[self.commits[sha].tree_sha]

    def text(self, sha: str, path: str) -> str | None:
        """The text of one file of a commit."""
        blob = self.files(sha).get(path)
        return None if blob is None else self.blobs[blob].decode("utf-8", "replace")

    def resolve(self, name: str) -> str | None:
        """The commit that a hash (or its start), a full ref, a tag, a branch or a scenario's own name means.

        Of a tag and a branch that have one name the tag is meant, as ``git help revisions`` has it.
        """
        if name in self.commits:
            return name
        for ref in (name, f"refs/{name}", f"refs/tags/{name}", f"refs/heads/{name}"):
            if ref in self.refs:
                return self.refs[ref]
        if name in self.names:
            return self.names[name]
        if len(name) >= 7:
            return next((sha for sha in self.commits if sha.startswith(name)), None)
        return None

    def ancestors(self, sha: str) -> Iterator[str]:
        """The commit itself and all before it, children before parents, newest first."""
        reachable: set[str] = set()
        waiting = [sha]
        while waiting:
            each = waiting.pop()
            if each not in reachable:
                reachable.add(each)
                waiting.extend(self.commits[each].parents)
        children = dict.fromkeys(reachable, 0)
        for each in reachable:
            for parent in self.commits[each].parents:
                children[parent] += 1
        ready = [sha]
        while ready:
            ready.sort(key=lambda each: self.commits[each].committed_at)
            each = ready.pop()
            yield each
            for parent in reversed(self.commits[each].parents):
                children[parent] -= 1
                if children[parent] == 0:
                    ready.append(parent)

    def log(self, head: str, not_in: str | None = None) -> list[Commit]:
        """What ``git log not_in..head`` lists, newest first."""
        known = set(self.ancestors(not_in)) if not_in else set()
        return [self.commits[sha] for sha in self.ancestors(head) if sha not in known]

    def merge_base(self, one: str, other: str) -> str | None:
        """The newest commit that both contain."""
        known = set(self.ancestors(one))
        return next((sha for sha in self.ancestors(other) if sha in known), None)

    def diff(self, base: str, head: str) -> list[Change]:
        """What differs between two commits, by path. Renames are found as git finds them."""
        key = (base, head)
        if key not in self._diffs:
            self._diffs[key] = sorted(self._changes(self.files(base), self.files(head)), key=lambda change: change.path)
        return self._diffs[key]

    def first(self, sha: str) -> list[Change]:
        """What the first commit of all brought."""
        return sorted(self._changes({}, self.files(sha)), key=lambda change: change.path)

    def _changes(self, old: dict[str, str], new: dict[str, str]) -> Iterator[Change]:
        removed = {path: sha for path, sha in old.items() if path not in new}
        added = {path: sha for path, sha in new.items() if path not in old}
        for path, sha in added.items():
            origin = self._origin(sha, removed)
            if origin:
                yield self._change(path, origin, "renamed", removed.pop(origin), sha)
            else:
                yield self._change(path, None, "added", None, sha)
        for path, sha in removed.items():
            yield self._change(path, None, "removed", sha, None)
        for path, sha in new.items():
            if path in old and old[path] != sha:
                yield self._change(path, None, "modified", old[path], sha)

    def _origin(self, sha: str, removed: Mapping[str, str]) -> str | None:
        """The removed file that an added one was renamed from."""
        for path, old in removed.items():
            if old == sha:
                return path
        lines = self._lines(sha)
        best, found = SIMILAR_ENOUGH, None
        for path, old in removed.items():
            ratio = difflib.SequenceMatcher(None, self._lines(old), lines, autojunk=False).ratio()
            if ratio >= best:
                best, found = ratio, path
        return found

    def _lines(self, sha: str | None) -> list[str]:
        return self.blobs[sha].decode("utf-8", "replace").splitlines() if sha else []

    def _change(self, path: str, origin: str | None, status: FileStatus, old: str | None, new: str | None) -> Change:
        hunks = list(difflib.unified_diff(self._lines(old), self._lines(new), lineterm="", n=3))[2:]
        additions = sum(line.startswith("+") for line in hunks)
        deletions = sum(line.startswith("-") for line in hunks)
        return Change(path, origin, status, additions, deletions, new or old or "", "\n".join(hunks))
