"""Which release a commit is: by the tags that point at it."""

from __future__ import annotations

import re
from collections.abc import Iterable

from bot.engine.ports import PlatformError
from bot.engine.targets import Target
from bot.model.facts import UnknownKind
from bot.platforms.github.client import GitHubClient, Json
from bot.platforms.github.query import Connection, Piece, Unanswerable, ask, text
from bot.platforms.github.query import repository as repository_field
from bot.platforms.github.reading import denied

_TAGS = Connection(
    "tags_",
    "refs",
    "name target { oid ... on Tag { target { oid } } }",
    'refPrefix: "refs/tags/", orderBy: {field: TAG_COMMIT_DATE, direction: DESC}',
)
_MOST = 10
"""Tags of one commit that are looked at."""


def at_commit(client: GitHubClient, home: str, target: Target, commit: str) -> str:
    """The tag at a commit. Raises ``PlatformError`` where there is none, or it cannot be told.

    Of several (``v1``, ``v1.2``, ``v1.2.3``) it is a release's, and of these the most exact.
    """
    found = ask(client, [Piece((repository_field(home),), connections=(_TAGS,))])[0]
    if found.failure is not None:
        raise found.failure
    if found.errors or not found.has(_TAGS):
        why = denied(found.errors, "contents: read").reason if found.errors else "the token needs contents: read"
        raise PlatformError(f"{target}: the tags of {home} cannot be read: {why}", UnknownKind.SCOPE)
    # A deployment is of a new tag as a rule: it is on the first page.
    names = _pointing(found.node["tags_"]["nodes"] or (), commit)
    try:
        names = names or _pointing(found.all(_TAGS), commit)
    except Unanswerable as wrong:
        raise PlatformError(
            f"{target}: the tags of {home} cannot all be read: {wrong}", UnknownKind.TRUNCATED
        ) from wrong
    if not names:
        where = f" to {target.environment}" if target.environment else ""
        named = f", and {target.release!r} is none" if target.release and target.release != commit else ""
        raise PlatformError(
            f"{target}: no tag of {home} points at the commit {commit[:12]}{named}, so there is no release to judge. Tag "
            f"what is deployed{where} and deploy the tag, or name the release: almguard gate github:{home}@v1.2.3"
            + (f" --environment {target.environment}" if target.environment else "")
        )
    names.sort(key=lambda name: (-len(re.findall(r"\d+", name)), -len(name), name))
    return _released(client, home, target, names[:_MOST])


def _pointing(tags: Iterable[Json], commit: str) -> list[str]:
    """The names of those that point at a commit, through an annotated tag too."""
    found = []
    for tag in filter(None, tags):
        target = tag.get("target") or {}
        if str((target.get("target") or target).get("oid")) == commit:
            found.append(str(tag["name"]))
    return found


def _released(client: GitHubClient, home: str, target: Target, names: list[str]) -> str:
    """The first that is a published release's, else the first. Raises ``PlatformError`` where that cannot be read."""
    if len(names) == 1:
        return names[0]
    asked = " ".join(f"r{at}_: release(tagName: {text(name)}) {{ isDraft }}" for at, name in enumerate(names))
    found = ask(client, [Piece((repository_field(home),), asked, keys=tuple(f"r{at}_" for at in range(len(names))))])[0]
    if found.failure is not None:
        raise found.failure
    if errors := [error for error in found.errors if error.kind != "NOT_FOUND"]:
        why = denied(errors, "contents: read")
        raise PlatformError(f"{target}: which of its tags is a release's cannot be read: {why.reason}", why.kind)
    releases = [(found.node or {}).get(f"r{at}_") for at in range(len(names))]
    return next((name for name, one in zip(names, releases, strict=True) if one and not one["isDraft"]), names[0])
