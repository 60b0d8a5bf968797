"""Which lines a pull request changes. The service has no diffs as text: they are made of the files' contents."""

from __future__ import annotations

from bot.model.facts.lines import ChangedLines, ChangedPart, endings
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops.change import entries
from bot.platforms.azure_devops.client import Json
from bot.platforms.azure_devops.files import blobs
from bot.platforms.azure_devops.loading import Ahead, Loader, Wanted
from bot.platforms.patches import difference, written_lines


def changed_lines(wanted: Wanted) -> tuple[ChangedLines, str]:
    """``ChangedLines``."""
    subject: PullRequest = wanted.subject
    paths: frozenset[str] = wanted.spec.paths if wanted.spec is not None else frozenset()
    found = map(_item, entries(wanted.reads, subject))
    changed = {path: item for path, item in found if item and not paths.isdisjoint(endings(path))}
    ids = {str(item[key]) for item in changed.values() for key in ("objectId", "originalObjectId") if item.get(key)}
    texts = blobs(wanted.reads.client, subject.repository, sorted(ids)) if ids else {}
    parts = {path: _part(item, texts) for path, item in changed.items()}
    return ChangedLines(parts), f"{subject.url}?_a=files"


def _item(entry: Json) -> tuple[str, Json]:
    """The path of a changed file, and the file; nothing of it where it is gone."""
    item = entry.get("item") or {}
    kinds = {kind.strip() for kind in str(entry.get("changeType") or "").lower().split(",")}
    gone = item.get("isFolder") or kinds & {"delete", "sourcerename"}
    return str(item.get("path") or "").lstrip("/"), {} if gone else item


def _part(item: Json, texts: dict[str, bytes]) -> ChangedPart:
    before = item.get("originalObjectId")
    then, now = texts.get(str(before)) if before else b"", texts.get(str(item.get("objectId")))
    if then is None or now is None or b"\0" in then or b"\0" in now:
        return ChangedPart(whole=True)
    hunks = difference(then.decode("latin-1"), now.decode("latin-1"))
    return ChangedPart(whole=True) if hunks is None else ChangedPart(written_lines(hunks))


def _ahead(wanted: Wanted) -> Ahead:
    return (lambda: entries(wanted.reads, wanted.subject),)


CHANGED_LINES = Loader(changed_lines, _ahead)
