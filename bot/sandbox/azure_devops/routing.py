"""From a request to the function that answers it.

A handler names the location it serves, the method and the scopes of which one is needed; the router is built from the
location's own route template. Optional parts are those the SDK leaves out: a leading ``{project}`` (and ``{team}``), and
a parameter at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops.locations import LOCATIONS, UNLISTED, Location

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.call import Call

ANYONE: tuple[str, ...] = ()
"""The scopes of what every valid token may have."""

Handler = Callable[["Call"], object]


@dataclass(frozen=True)
class Endpoint:
    """One method of one location."""

    location: Location
    method: str
    scopes: tuple[str, ...]
    handler: Handler


ENDPOINTS: list[Endpoint] = []


def answers(location: str, method: str = "GET", scopes: tuple[str, ...] = ANYONE) -> Callable[[Handler], Handler]:
    """Register the decorated function as what answers ``method`` at the location of this name."""
    found = LOCATIONS.get(location) or UNLISTED[location]

    def register(handler: Handler) -> Handler:
        ENDPOINTS.append(Endpoint(found, method, scopes, handler))
        return handler

    return register


@dataclass
class _Node:
    """One segment of a path: what may follow it, and what is served when nothing does."""

    literal: dict[str, _Node] = field(default_factory=dict)
    parameter: _Node | None = None
    rest: _Node | None = None
    served: dict[str, tuple[Endpoint, tuple[str, ...]]] = field(default_factory=dict)


class Router:
    """All endpoints as one tree over the segments after ``_apis``; literal segments win over parameters."""

    def __init__(self, endpoints: Iterable[Endpoint]) -> None:
        self._root = _Node()
        for endpoint in endpoints:
            self._add(endpoint)

    def find(self, segments: list[str], method: str) -> tuple[Endpoint, dict[str, str]] | set[str]:
        """The endpoint and its route values; otherwise the methods this path has (none: there is no such path)."""
        methods: set[str] = set()
        hit = self._walk(self._root, segments, 0, [], method, methods)
        if hit is None:
            return methods
        (endpoint, names), values = hit
        return endpoint, dict(zip(names, values, strict=True))

    def _add(self, endpoint: Endpoint) -> None:
        template = endpoint.location.template.replace("{area}", endpoint.location.area)
        template = template.replace("{resource}", endpoint.location.resource)
        segments = template.strip("/").split("/")
        segments = segments[segments.index("_apis") + 1 :]
        node = self._root
        names: list[str] = []
        for position, segment in enumerate(segments):
            last = position == len(segments) - 1
            if not segment.startswith(("{", "${")):
                node = node.literal.setdefault(segment.lower(), _Node())
                continue
            if last and not segment.startswith("$"):  # what follows a dollar is never left out
                node.served.setdefault(endpoint.method, (endpoint, tuple(names)))
            names.append(segment.strip("{}*$").lower())
            if segment.startswith("{*"):
                node.rest = node.rest or _Node()
                node = node.rest
            else:
                node.parameter = node.parameter or _Node()
                node = node.parameter
        node.served[endpoint.method] = (endpoint, tuple(names))

    def _walk(
        self, node: _Node, segments: list[str], at: int, values: list[str], method: str, methods: set[str]
    ) -> tuple[tuple[Endpoint, tuple[str, ...]], list[str]] | None:
        if at == len(segments):
            methods.update(node.served)
            found = node.served.get(method)
            return (found, values) if found else None
        literal = node.literal.get(segments[at].lower())
        if literal is not None and (hit := self._walk(literal, segments, at + 1, values, method, methods)):
            return hit
        if node.parameter is not None:
            hit = self._walk(node.parameter, segments, at + 1, [*values, segments[at]], method, methods)
            if hit:
                return hit
        if node.rest is not None:
            methods.update(node.rest.served)
            found = node.rest.served.get(method)
            if found:
                return found, [*values, "/".join(segments[at:])]
        return None
