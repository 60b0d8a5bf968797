"""Where a SARIF result is: from the addresses that tools write to paths of the repository."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from bot.platforms.sarif.document import Part

MOST_BASES = 10
"""Bases that lie in one another."""


def path_of(run: Part, location: Part, roots: Sequence[str]) -> str | None:
    """The path from the repository's root of an ``artifactLocation``; None where it lies elsewhere, or nowhere.

    ``roots`` are the folders in which the repository may have lain when the tool ran, as absolute paths.
    """
    index = location.whole("index")
    if index is not None and index >= 0 and not location.text("uri"):
        listed = run.item("artifacts", index)
        place = None if listed is None else listed.get("location")
        if place is None:
            raise location.wrong(f"there is no artifact {index} with a location")
        location = place
    uri, base = location.text("uri"), location.text("uriBaseId")
    bases = run.get("originalUriBaseIds")
    tops: list[str] = []
    for _ in range(MOST_BASES):
        if not base or bases is None or (told := bases.get(base)) is None:
            break
        above, base = told.text("uri"), told.text("uriBaseId")
        if _is_absolute(above) and not base:
            if not _is_absolute(uri) and (known := _within(f"{above.rstrip('/')}/{uri}", roots)) is not None:
                return known
            tops.append(_local(above))  # nobody knows it here: what is relative to it is relative to the repository
            break
        uri = f"{above.rstrip('/')}/{uri}" if above and not _is_absolute(uri) else uri
    return _within(uri, (*tops, *roots))


def _within(uri: str, roots: Sequence[str]) -> str | None:
    if not uri:
        return None
    if not _is_absolute(uri):
        path = posixpath.normpath(unquote(uri.partition("#")[0]).replace("\\", "/"))
        return None if path in (".", "..") or path.startswith("../") else path
    path = posixpath.normpath(_local(uri))
    for root in roots:
        under = f"{posixpath.normpath(root if root.startswith('/') else f'/{root}').rstrip('/')}/"
        if path.startswith(under) and len(path) > len(under):
            return path[len(under) :]
    return None


def _is_absolute(uri: str) -> bool:
    return uri.startswith(("/", "\\")) or ":" in uri.partition("/")[0]


def _local(uri: str) -> str:
    """The path of a ``file:`` address, Windows drives as they are: ``/D:/a/repo``."""
    try:
        parts = urlsplit(uri)
    except ValueError:
        return ""
    if parts.scheme.lower() == "file":
        return unquote(parts.path)
    if parts.scheme and len(parts.scheme) > 1:
        return ""
    path = unquote(uri).replace("\\", "/")
    return path if path.startswith("/") else f"/{path}"
