"""Reads a git checkout with the ``git`` executable, running nothing that the checkout's own configuration names.

Only plumbing is used that neither filters, converts nor fetches; the file system monitor, hooks and every transport are
turned off (``git help config``, ``git help git``: GIT_ALLOW_PROTOCOL, GIT_NO_LAZY_FETCH).
"""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

TIMEOUT = 60
MAX_BLOB = 1_000_000
REGULAR = ("100644", "100755")

_SETTINGS = ("core.fsmonitor=", "core.hooksPath=/dev/null", "core.pager=cat", "protocol.allow=never", "diff.external=")
_CLEARED = ("GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_NAMESPACE", "GIT_EXTERNAL_DIFF")


class GitError(Exception):
    """Git could not answer."""


@dataclass(frozen=True, slots=True)
class Tag:
    """A tag and the commit that it points at."""

    name: str
    commit: str
    at: datetime


class Git:
    """One checkout, asked about its HEAD commit."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, *arguments: str) -> bytes:
        """What a git command prints. Raises ``GitError``."""
        command = ["git", "--no-optional-locks", "-C", str(self.path)]
        for setting in _SETTINGS:
            command += ["-c", setting]
        environment = {name: value for name, value in os.environ.items() if name not in _CLEARED}
        environment |= {
            "LC_ALL": "C",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_ALLOW_PROTOCOL": "none",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
        }
        try:
            done = subprocess.run(  # noqa: S603 - a list of arguments, no shell
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=TIMEOUT,
                env=environment,
            )
        except FileNotFoundError as error:
            raise GitError("the program git is not installed, or not on the PATH") from error
        except subprocess.TimeoutExpired as error:
            raise GitError(f"git {arguments[0]} did not answer within {TIMEOUT} seconds") from error
        if done.returncode != 0:
            said = done.stderr.decode(errors="replace").strip().splitlines()
            if said and "dubious ownership" in said[0]:
                raise GitError(
                    f"{said[0].removeprefix('fatal: ')}: it belongs to somebody else. If you trust it, "
                    f"git config --global --add safe.directory {self.path}"
                )
            raise GitError(said[0].removeprefix("fatal: ") if said else f"git {arguments[0]} failed")
        return done.stdout

    def line(self, *arguments: str) -> str:
        """The first line of what a command prints; empty where it fails."""
        try:
            lines = self.run(*arguments).decode(errors="replace").splitlines()
        except GitError:
            return ""
        return lines[0].strip() if lines else ""

    def root_commit(self) -> str:
        """The oldest commit: the same in every full clone. Of several (unrelated histories joined) the least."""
        return min(self.run("rev-list", "--max-parents=0", "HEAD").decode().split())

    def current_branch(self) -> str:
        """The branch that is checked out; empty when HEAD is detached."""
        return self.line("symbolic-ref", "--quiet", "--short", "HEAD")

    def default_branch(self) -> str | None:
        """What the remote calls its default, else a branch of a usual name, else the one checked out."""
        remote = self.line("symbolic-ref", "--quiet", "--short", "refs/remotes/origin/HEAD").removeprefix("origin/")
        if remote:
            return remote
        for name in dict.fromkeys([self.line("config", "init.defaultBranch"), "main", "master", "trunk", "develop"]):
            if name and self.line("rev-parse", "--verify", "--quiet", f"refs/heads/{name}"):
                return name
        return self.current_branch() or None

    def working_tree(self) -> Path | None:
        """The folder of the checked-out files; None for a bare repository, and where its settings point to another folder."""
        top = self.line("rev-parse", "--show-toplevel")
        return Path(top) if top and self.path.resolve().is_relative_to(Path(top).resolve()) else None

    def files(self, *folders: str) -> dict[str, str]:
        """The regular files of HEAD in these folders (``""`` is the root itself, without its folders): path to blob."""
        found: dict[str, str] = {}
        for folder in folders:
            where = ["--", f"{folder}/"] if folder else []
            for entry in self.run("ls-tree", "-z", "--full-tree", "HEAD", *where).split(b"\0"):
                mode, _, rest = entry.decode(errors="replace").partition(" ")
                details, _, path = rest.partition("\t")
                if mode in REGULAR:
                    found[path] = details.partition(" ")[2]
        return found

    def paths(self) -> tuple[str, ...]:
        """The path of every file of HEAD, submodules left out."""
        listed = self.run("ls-tree", "-r", "-z", "--full-tree", "HEAD").decode(errors="replace")
        entries = (entry.partition("\t") for entry in listed.split("\0"))
        return tuple(path for details, _, path in entries if path and details.split(" ")[1] == "blob")

    def text(self, path: str) -> str | None:
        """The text of a regular file of HEAD; None where there is no such file. Raises ``GitError``, also for one too large."""
        entry = (
            self.run("ls-tree", "-z", "-l", "--full-tree", "HEAD", "--", path).split(b"\0")[0].decode(errors="replace")
        )
        details, _, found = entry.partition("\t")
        if found != path or details.split(" ")[0] not in REGULAR:
            return None
        _, _, blob, size = details.split()
        if int(size) > MAX_BLOB:
            raise GitError(f"{path} has {int(size):,} bytes, more than the {MAX_BLOB:,} that are read")
        return self.run("cat-file", "blob", blob).decode(errors="replace")

    def tags(self) -> tuple[Tag, ...]:
        """All tags on commits, oldest first."""
        names = ("refname:strip=2", "objecttype", "objectname", "*objecttype", "*objectname", "creatordate:iso-strict")
        fields = "%09".join(f"%({name})" for name in names)
        found: list[Tag] = []
        for line in (
            self.run("for-each-ref", "--sort=creatordate", f"--format={fields}", "refs/tags")
            .decode(errors="replace")
            .split("\n")
        ):
            if line.count("\t") != 5:  # the end
                continue
            name, kind, own, inner_kind, inner, at = line.split("\t")
            commit = inner if inner_kind == "commit" else own if kind == "commit" else ""
            moment = _moment(at)
            if commit and moment is not None:
                found.append(Tag(name, commit, moment))
        return tuple(found)


def _moment(text: str) -> datetime | None:
    """A date as git writes it; None for none, and for one that no calendar has: whoever makes a tag writes what they like."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
