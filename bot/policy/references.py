"""Files of other repositories, as ``extends`` names them: ``github:acme/governance//policies/base.yml@v3``.

A reference is text that somebody wrote, so every part of it is bounded and checked before anything is asked with it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Protocol

from bot.model.facts import UnknownKind
from bot.model.subjects import Platform

FORMS = "github:OWNER/REPO//PATH@REF or ado:ORG/PROJECT/REPO//PATH@REF"
LARGEST = 1_000_000
"""Bytes of a file that is fetched: no policy comes near it."""

_SCHEMES = {"github": Platform.GITHUB, "ado": Platform.AZURE_DEVOPS}
_NAMES = {Platform.GITHUB: ("OWNER", "REPO"), Platform.AZURE_DEVOPS: ("ORG", "PROJECT", "REPO")}
_PLACES = {
    Platform.GITHUB: re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*/[A-Za-z0-9._-]+"),
    # What neither a project's nor a repository's name may contain there.
    Platform.AZURE_DEVOPS: re.compile(r'[A-Za-z0-9][A-Za-z0-9-]*(?:/[^/\\:*?"<>|#!@]+){2}'),
}
_LONGEST = 1_000
_LONGEST_REF = 250
_COMMIT = re.compile(r"[0-9a-fA-F]{40}")
_UNFIT_IN_REF = re.compile(r"[\s~^:?*\[\\]|\.\.|@\{|//|(?:^|/)\.|^[-/]|\.lock(?:/|$)|[./]$|^refs/|^@$")
"""What ``git check-ref-format`` refuses; and whole names of refs, for here a tag's or a branch's own name is wanted."""


class FetchError(Exception):
    """A file of another repository could not be had; the text says what, where and what to do next.

    ``kind`` is None where the reference is wrong, or there is no credential. Otherwise it says why it is unknown.
    """

    def __init__(self, message: str, kind: UnknownKind | None = None) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class Reference:
    """One file of one repository, at one version."""

    platform: Platform
    repository: str
    """``acme/governance``, or on Azure DevOps ``acme/Platform/governance``."""
    path: str
    """From the root: ``policies/base.yml``."""
    ref: str | None = None
    """A commit's whole hash, a tag or a branch; None: the default branch as it is now."""

    @property
    def commit(self) -> str | None:
        """The commit, where the reference names one: all 40 digits of its hash."""
        return self.ref.lower() if self.ref is not None and _COMMIT.fullmatch(self.ref) else None

    @property
    def place(self) -> str:
        """The repository, as a target is written: ``github:acme/governance``."""
        return f"{'github' if self.platform is Platform.GITHUB else 'ado'}:{self.repository}"

    def __str__(self) -> str:
        return f"{self.place}//{self.path}" + (f"@{self.ref}" if self.ref is not None else "")


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file of another repository, as it was read."""

    text: str
    source: str
    """For people: ``github:acme/governance//policies/base.yml@v3``."""
    pinned: bool
    """Whether it was read at a commit or a tag. A branch, and so the default branch too, moves by itself."""


class Fetcher(Protocol):
    """Reads files of other repositories."""

    def fetch(self, reference: Reference) -> Fetched:
        """The file. Raises ``FetchError``."""
        ...


def parse_reference(text: str) -> Reference:
    """Understand a reference. Raises ``ValueError``, in words that name the forms."""
    shown = repr(text if len(text) <= 100 else f"{text[:100]}…")
    if len(text) > _LONGEST:
        raise ValueError(f"{shown} is longer than the {_LONGEST:,} characters that a reference may have")
    if not text.isprintable():
        raise ValueError(f"{shown} has a line break or another character that cannot be seen; take it out")
    scheme, _, rest = text.partition(":")
    platform = _SCHEMES.get(scheme)
    if platform is None:
        raise ValueError(f"{shown} is not a reference to a file of another repository; that is {FORMS}")
    repository, slashes, wanted = rest.partition("//")
    path, at, ref = wanted.partition("@")
    if not slashes or not path:
        raise ValueError(f"{shown} names no file: after the repository comes // and the file's path, {FORMS}")
    names = "/".join(_NAMES[platform])
    parts = repository.split("/")
    if (
        _PLACES[platform].fullmatch(repository) is None
        or any(part.strip() != part or part in (".", "..") for part in parts)
        or max(map(len, parts)) > 256
    ):
        raise ValueError(f"{shown}: {repository!r} is no repository; after '{scheme}:' comes {names}, as in {FORMS}")
    if problem := _wrong_path(path):
        raise ValueError(f"{shown}: {problem}")
    if at and (not ref or len(ref) > _LONGEST_REF or _UNFIT_IN_REF.search(ref)):
        raise ValueError(
            f"{shown}: {ref[:_LONGEST_REF]!r} cannot be a version; after the @ comes a tag (v3), the 40 digits of a "
            "commit, or a branch"
        )
    return Reference(platform, repository, path, ref if at else None)


def _wrong_path(path: str) -> str:
    """What is wrong with a path; empty where nothing is."""
    if path.startswith("/") or any(part in ("", ".", "..") for part in path.split("/")):
        return f"the path {path!r} has to lead from the repository's root to the file, without '.', '..' or an extra /"
    if unfit := sorted(set(path) & set("\\*?[]:")):
        return f"the path {path!r} has {' '.join(unfit)} in it; it names one file, not a pattern"
    return ""
