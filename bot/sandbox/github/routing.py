"""Which function answers which REST path.

A path's ``{name}`` is one segment, ``{name*}`` any number of them: branches and files have slashes in their names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import unquote

if TYPE_CHECKING:
    from bot.sandbox.scenario import Access as Level

Handler = Callable[..., object]


@dataclass(frozen=True)
class Route:
    """One path of one method."""

    method: str
    pattern: re.Pattern[str]
    handler: Handler
    permission: str
    level: Level

    def match(self, path: str) -> dict[str, str] | None:
        """The path's names, or None when it is another path."""
        found = self.pattern.fullmatch(path)
        return {name: unquote(value) for name, value in found.groupdict().items()} if found else None


class Routes:
    """All routes, by what a path begins with."""

    def __init__(self) -> None:
        self._by_key: dict[tuple[str, str], list[Route]] = {}

    def add(self, method: str, path: str, permission: str, level: Level) -> Callable[[Handler], Handler]:
        """A decorator for the function that answers."""

        def keep(handler: Handler) -> Handler:
            pattern = re.sub(r"\{(\w+)\*\}", r"(?P<\1>.+)", path)
            pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", pattern)
            route = Route(method, re.compile(pattern), handler, permission, level)
            routes = self._by_key.setdefault((method, _key(path)), [])
            routes.append(route)
            # A path that ends in any number of segments would swallow those that go on after them.
            routes.sort(key=lambda each: each.pattern.pattern.endswith(".+)"))
            return handler

        return keep

    def find(self, method: str, path: str) -> tuple[Route, dict[str, str]] | None:
        """The route of a path."""
        for route in self._by_key.get((method, _key(path)), ()):
            names = route.match(path)
            if names is not None:
                return route, names
        return None


def _key(path: str) -> str:
    """``pulls`` for ``/repos/acme/app/pulls/1``; the first two parts' kind for the rest."""
    parts = path.split("/")
    if parts[1] in ("repos", "orgs"):
        place = 4 if parts[1] == "repos" else 3
        return f"{parts[1]}/{parts[place] if len(parts) > place else ''}"
    return parts[1]


ROUTES = Routes()


def get(path: str, permission: str = "metadata", level: Level = "read") -> Callable[[Handler], Handler]:
    """Answers GET."""
    return ROUTES.add("GET", path, permission, level)


def post(path: str, permission: str, level: Level = "write") -> Callable[[Handler], Handler]:
    """Answers POST."""
    return ROUTES.add("POST", path, permission, level)


def put(path: str, permission: str, level: Level = "write") -> Callable[[Handler], Handler]:
    """Answers PUT."""
    return ROUTES.add("PUT", path, permission, level)


def patch(path: str, permission: str, level: Level = "write") -> Callable[[Handler], Handler]:
    """Answers PATCH."""
    return ROUTES.add("PATCH", path, permission, level)


def delete(path: str, permission: str, level: Level = "write") -> Callable[[Handler], Handler]:
    """Answers DELETE."""
    return ROUTES.add("DELETE", path, permission, level)
