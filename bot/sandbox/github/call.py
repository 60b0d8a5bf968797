"""One REST call being answered: what was asked, by whom, of which repository, and how GitHub words its refusals."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlencode

from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from datetime import datetime

    from bot.sandbox.github.access import Access
    from bot.sandbox.github.meters import Meters
    from bot.sandbox.identity import Token
    from bot.sandbox.scenario import Access as Level
    from bot.sandbox.wire import Request
    from bot.sandbox.world import Organization, Repository, World

Item = TypeVar("Item")
DOCUMENTATION = "https://docs.github.com/rest"
MOST_PER_PAGE = 100


class Refusal(Exception):  # noqa: N818 - an answer, not an error of the sandbox
    """An answer that ends a call early."""

    def __init__(self, status: int, message: str, *, errors: list[object] | None = None, **headers: str) -> None:
        super().__init__(message)
        body: dict[str, object] = {"message": message}
        if errors is not None:
            body["errors"] = errors
        body |= {"documentation_url": DOCUMENTATION, "status": str(status)}
        self.response = Response(status, body, {name.replace("_", "-"): value for name, value in headers.items()})


def missing(message: str = "Not Found") -> Refusal:
    """404."""
    return Refusal(404, message)


def invalid(resource: str, field_: str, code: str = "missing_field", message: str = "") -> Refusal:
    """422 for one field."""
    error: dict[str, object] = {"resource": resource, "field": field_, "code": code}
    if message:
        error["message"] = message
    return Refusal(422, "Validation Failed", errors=[error])


def stamp(at: datetime | None) -> str | None:
    """An instant as GitHub writes it."""
    return at.strftime("%Y-%m-%dT%H:%M:%SZ") if at else None


@dataclass
class Call:
    """One call."""

    world: World
    api: str
    """The base URL of the REST API; every URL in a body begins with it, or with ``html``."""
    request: Request
    access: Access
    meters: Meters
    link: dict[str, str] = field(default_factory=dict)

    @property
    def html(self) -> str:
        """The base of the web pages' URLs."""
        return self.api.removesuffix("/api/v3")

    @property
    def token(self) -> Token:
        """Who asks."""
        return self.access.token

    def need(self, permission: str, wanted: Level, repository: Repository | None = None) -> None:
        """Refuse unless the token has this permission (``issues|pull_requests``: any of them)."""
        if not any(self.access.may(each, wanted, repository) for each in permission.split("|")):
            raise self.forbidden(permission, wanted)

    def forbidden(self, permission: str, wanted: Level) -> Refusal:
        """403, with the permission that would have done in the header."""
        kind = "personal access token" if self.token.kind == "pat" else "integration"
        accepted = "; ".join(f"{each}={wanted}" for each in permission.split("|"))
        return Refusal(403, f"Resource not accessible by {kind}", X_Accepted_GitHub_Permissions=accepted)

    def repository(self, owner: str, name: str) -> Repository:
        """The repository; 404 when the token cannot see it."""
        found = self.world.repository(owner, name)
        if found is None or not self.access.sees(found):
            raise missing()
        return found

    def organization(self, name: str) -> Organization:
        """The organisation; 404 when there is none."""
        found = self.world.organization(name)
        if found is None:
            raise missing()
        return found

    def body(self, *required: str, resource: str) -> dict[str, object]:
        """The body; 422 unless it is an object with these fields."""
        data = self.request.json()
        if not isinstance(data, dict):
            raise Refusal(422, "Invalid request.\n\nFor 'properties', an object is expected.")
        for name in required:
            if data.get(name) in (None, ""):
                raise invalid(resource, name)
        return data

    def page(
        self, items: Sequence[Item], render: Callable[[Item], object], key: str = "", *, most: int | None = None
    ) -> object:
        """One page of a list, with its links; ``key`` wraps it in an object with ``total_count``."""
        size = self._number("per_page", 30)
        size = max(1, min(size, MOST_PER_PAGE))
        page = max(1, self._number("page", 1))
        total = len(items) if most is None else min(most, len(items))
        last = max(1, -(-total // size))
        names: dict[str, int] = {}
        if page > 1:
            names |= {"prev": min(page - 1, last), "first": 1}
        if page < last:
            names |= {"next": page + 1, "last": last}
        if names:
            self.link["Link"] = ", ".join(f'<{self._page_url(number)}>; rel="{name}"' for name, number in names.items())
        rendered = [render(item) for item in items[(page - 1) * size : min(page * size, total)]]
        return {"total_count": total, key: rendered} if key else rendered

    def cursor_page(self, items: Sequence[Item], render: Callable[[Item], object]) -> object:
        """One page of a list that goes by ``after`` and ``before``."""
        size = max(1, min(self._number("per_page", 30), MOST_PER_PAGE))
        after, before = self.request.first("after"), self.request.first("before")
        start = int(after) if after.isdigit() else 0
        if before.isdigit():
            start = max(0, int(before) - size)
        links = []
        if start + size < len(items):
            links.append(f'<{self._url(after=str(start + size))}>; rel="next"')
        if start > 0:
            links.append(f'<{self._url(before=str(start))}>; rel="prev"')
        if links:
            self.link["Link"] = ", ".join(links)
        return [render(item) for item in items[start : start + size]]

    def _number(self, name: str, default: int) -> int:
        value = self.request.first(name)
        return int(value) if re.fullmatch(r"\d{1,6}", value) else default

    def _page_url(self, number: int) -> str:
        return self._url(page=str(number))

    def _url(self, **changed: str) -> str:
        pairs = [
            (name, value)
            for name, values in self.request.query.items()
            if name not in changed and name not in ("after", "before")
            for value in values
        ]
        host = self.html
        return f"{host}{self.request.path}?{urlencode([*pairs, *changed.items()])}"
