"""Commits, directories and files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from bot.sandbox.github import deployments, pulls
from bot.sandbox.github.call import stamp
from bot.sandbox.github.commits import changes_of, touches
from bot.sandbox.github.graphql.actors import user_only
from bot.sandbox.github.graphql.thing import Context, Many, Thing
from bot.sandbox.github.nodes import encode
from bot.sandbox.identity import WEB_FLOW

if TYPE_CHECKING:
    from bot.sandbox.git_objects import Commit, Signature, Tag
    from bot.sandbox.world import Repository

CO_AUTHOR = re.compile(r"^co-authored-by:\s*(?P<name>.+?)\s*<(?P<email>[^>]+)>\s*$", re.IGNORECASE | re.MULTILINE)
LONGEST_TEXT = 512_000
"""Above this a blob's text is cut."""


class CommitThing(Thing, of="Commit"):
    """A commit."""

    def __init__(self, c: Context, repository: Repository, commit: Commit) -> None:
        super().__init__(c)
        self.it = repository
        self.commit = commit
        self.id = encode("Commit", repository.key, commit.sha)
        self.oid = commit.sha
        self.abbreviated_oid = commit.sha[:7]
        self.url = self.commit_url = f"{c.html}/{repository.full_name}/commit/{commit.sha}"
        self.message = commit.message
        self.message_headline = commit.headline
        self.authored_date = stamp(commit.authored_at)
        self.committed_date = stamp(commit.committed_at)
        self.pushed_date = None
        self.committed_via_web = commit.verified and commit.committer.login == WEB_FLOW
        self.authored_by_committer = commit.author.email == commit.committer.email

    @property
    def message_body(self) -> str:
        """The message after its first line."""
        return self.message.partition("\n")[2].strip()

    def repository(self) -> Any:
        """Where it is."""
        return self.new("Repository", self.it)

    def author(self) -> dict[str, object]:
        """Who wrote it."""
        return self._person(self.commit.author, self.authored_date)

    def committer(self) -> dict[str, object]:
        """Who committed it."""
        return self._person(self.commit.committer, self.committed_date)

    def authors(self) -> Many:
        """The author, and those whom the message names as co-authors."""
        people = [self._person(self.commit.author, self.authored_date)]
        for match in CO_AUTHOR.finditer(self.message):
            email = match["email"]
            login = next((each.login for each in self.c.world.people.values() if each.email == email), None)
            people.append(
                {"name": match["name"], "email": email, "date": self.authored_date, "user": user_only(self.c, login)}
            )
        return Many(people, lambda person: person)

    def _person(self, who: Signature, at: str | None) -> dict[str, object]:
        return {"name": who.name, "email": who.email, "date": at, "user": user_only(self.c, who.login)}

    def parents(self) -> Many:
        """The commits before it."""
        return Many(self.commit.parents, lambda sha: self.new("Commit", self.it, self.it.git.commits[sha]))

    @property
    def signature(self) -> dict[str, object] | None:
        """Its signature; null when it has none."""
        if not self.commit.verified:
            return None
        return {
            "__typename": "GpgSignature",
            "email": self.commit.committer.email,
            "isValid": True,
            "state": "VALID",
            "payload": f"tree {self.commit.tree_sha}",
            "signature": "-----BEGIN PGP SIGNATURE-----",
            "signer": user_only(self.c, self.commit.committer.login),
            "verifiedAt": self.committed_date,
            "wasSignedByGitHub": self.committed_via_web,
            "keyId": None,
        }

    @property
    def additions(self) -> int:
        """Lines added."""
        return sum(change.additions for change in changes_of(self.it, self.commit))

    @property
    def deletions(self) -> int:
        """Lines removed."""
        return sum(change.deletions for change in changes_of(self.it, self.commit))

    @property
    def changed_files_if_available(self) -> int:
        """How many files changed."""
        return len(changes_of(self.it, self.commit))

    changed_files = changed_files_if_available

    def tree(self) -> Any:
        """The files."""
        self.c.need("contents", "read", self.it)
        return self.new("Tree", self.it, self.commit.tree_sha)

    def file(self, path: str) -> Any:
        """One file or directory; null when there is none."""
        self.c.need("contents", "read", self.it)
        git = self.it.git
        entries = git.trees[self.commit.tree_sha]
        steps = path.strip("/").split("/")
        for place, step in enumerate(steps):
            entry = next((each for each in entries if each.name == step), None)
            if entry is None:
                return None
            if place == len(steps) - 1:
                return self.new("TreeEntry", self.it, entry, "/".join(steps))
            if not entry.is_tree:
                return None
            entries = git.trees[entry.sha]
        return None

    def history(self, path: str | None = None, since: str | None = None, until: str | None = None) -> Many:
        """This commit and those before it, newest first."""
        found = self.it.git.log(self.commit.sha)
        if path:
            found = [each for each in found if touches(self.it, each, path)]
        if since:
            found = [each for each in found if (stamp(each.committed_at) or "") >= since]
        if until:
            found = [each for each in found if (stamp(each.committed_at) or "") <= until]
        return Many(found, lambda each: self.new("Commit", self.it, each))

    def status_check_rollup(self) -> Any:
        """All that checks and statuses say; null when nothing does."""
        rollup = self.new("StatusCheckRollup", self.it, self.commit)
        return rollup if rollup.all else None

    def status(self) -> Any:
        """What statuses say; null without any."""
        status = self.new("Status", self.it, self.commit)
        return status if status.all else None

    def check_suites(self) -> Many:
        """The check suites."""
        self.c.need("checks", "read", self.it)
        suites: dict[tuple[str, str], object] = {}
        for run in self.it.check_runs:
            if run.sha == self.commit.sha:
                suites.setdefault((run.app, run.event), run)
        return Many(list(suites), lambda key: self.new("CheckSuite", self.it, self.commit.sha, key[0], key[1]))

    def deployments(self, environments: list[str] | None = None, order_by: dict[str, str] | None = None) -> Many:
        """The deployments of this commit, oldest first unless asked otherwise."""
        self.c.need("deployments", "read", self.it)
        found = [
            each
            for each in deployments.deployments_of(self.it)
            if each.sha == self.commit.sha and (not environments or each.part.environment in environments)
        ]
        if not order_by or order_by["direction"] == "ASC":
            found.reverse()
        return Many(found, lambda each: self.new("Deployment", self.it, each))

    def associated_pull_requests(self, order_by: dict[str, str] | None = None) -> Many:
        """The pull requests that it came in with, or is in now."""
        del order_by
        self.c.need("pull_requests", "read", self.it)
        found = [each for each in pulls.shown(self.it) if pulls.contains(each, self.commit.sha)]
        return Many(found, lambda each: self.new("PullRequest", self.it, each))


class TagThing(Thing, of="Tag"):
    """An annotated tag."""

    def __init__(self, c: Context, repository: Repository, tag: Tag) -> None:
        super().__init__(c)
        self.it = repository
        self.tag = tag
        self.id = encode("Tag", repository.key, tag.sha)
        self.oid = tag.sha
        self.name = tag.name
        self.message = tag.message

    def target(self) -> Any:
        """The commit."""
        return self.new("Commit", self.it, self.it.git.commits[self.tag.commit])

    def tagger(self) -> dict[str, object]:
        """Who made it, and when."""
        who = self.tag.tagger
        user = user_only(self.c, who.login)
        return {"name": who.name, "email": who.email, "date": stamp(self.tag.at), "user": user}


class TreeThing(Thing, of="Tree"):
    """A directory."""

    def __init__(self, c: Context, repository: Repository, sha: str, path: str = "") -> None:
        super().__init__(c)
        self.it = repository
        self.oid = sha
        self.path = path
        self.id = encode("Tree", repository.key, sha)
        self.commit_url = f"{c.html}/{repository.full_name}/tree/{sha}"

    def entries(self) -> list[Any]:
        """What is in it."""
        before = self.path + "/" if self.path else ""
        entries = self.it.git.trees[self.oid]
        return [self.new("TreeEntry", self.it, entry, before + entry.name) for entry in entries]


class TreeEntryThing(Thing, of="TreeEntry"):
    """One line of a directory."""

    def __init__(self, c: Context, repository: Repository, entry: Any, path: str) -> None:
        super().__init__(c)
        self.it = repository
        self.name = entry.name
        self.path = path
        self.type = "tree" if entry.is_tree else "blob"
        self.mode = int(entry.mode, 8)
        self.oid = entry.sha
        self.is_generated = False

    @property
    def size(self) -> int:
        """Bytes; 0 for a directory."""
        return len(self.it.git.blobs[self.oid]) if self.type == "blob" else 0

    def object(self) -> Any:
        """The file or the directory."""
        if self.type == "tree":
            return self.new("Tree", self.it, self.oid, self.path)
        return self.new("Blob", self.it, self.oid)


class BlobThing(Thing, of="Blob"):
    """A file."""

    def __init__(self, c: Context, repository: Repository, sha: str) -> None:
        super().__init__(c)
        data = repository.git.blobs[sha]
        self.oid = sha
        self.id = encode("Blob", repository.key, sha)
        self.commit_url = f"{c.html}/{repository.full_name}/blob/{sha}"
        self.byte_size = len(data)
        self.is_binary = b"\0" in data[:8000]
        self.is_truncated = len(data) > LONGEST_TEXT
        self.text = None if self.is_binary else data[:LONGEST_TEXT].decode("utf-8", "replace")
