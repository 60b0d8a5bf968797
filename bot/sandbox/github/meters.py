"""GitHub's limits: the hourly allowance of REST and of GraphQL, the secondary limits, and the headers that tell of them.

As "Rate limits for the REST API" and "Rate limits and query limits for the GraphQL API" have them.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Literal

from bot.sandbox.github.call import DOCUMENTATION
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.identity import Token
    from bot.sandbox.limits import Accounts
    from bot.sandbox.world import World

Resource = Literal["core", "graphql"]

USER, WORKFLOW, MOST_OF_APP = 5_000, 1_000, 12_500
MORE_FOR_EACH, BEYOND = 50, 20
"""What an App's installation gets more an hour for each repository and each user, of those beyond so many."""
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."


class Meter:
    """The allowance of each account, for one resource."""

    def __init__(self, resource: Resource, accounts: Accounts, world: World) -> None:
        self.resource: Resource = resource
        self._accounts = accounts
        self._world = world
        self._of_apps: dict[str, tuple[int, int]] = {}

    def spend(self, token: Token, points: int) -> None:
        """Take points off an account's allowance."""
        with self._accounts.lock:
            account = self._accounts.of(token)
            self._begin(token)
            account.used[self.resource] = account.used.get(self.resource, 0) + points

    def state(self, token: Token) -> dict[str, int]:
        """Limit, used, remaining, and when it begins anew."""
        with self._accounts.lock:
            began = self._begin(token)
            used = self._accounts.of(token).used.get(self.resource, 0)
        limit = self._limit(token)
        reset = math.ceil(began + self._accounts.limits.hour)
        return {"limit": limit, "used": min(used, limit), "remaining": max(0, limit - used), "reset": reset}

    def headers(self, token: Token) -> dict[str, str]:
        """The same as headers."""
        named = {f"x-ratelimit-{name}": str(value) for name, value in self.state(token).items()}
        return {**named, "x-ratelimit-resource": self.resource}

    def _begin(self, token: Token) -> float:
        """When the account's present hour began: with its first request."""
        account, now = self._accounts.of(token), self._accounts.clock()
        began = account.began.get(self.resource)
        if began is None or now >= began + self._accounts.limits.hour:
            began = account.began[self.resource] = now
            account.used[self.resource] = 0
        return began

    def _limit(self, token: Token) -> int:
        limits = self._accounts.limits
        asked = limits.core if self.resource == "core" else limits.graphql
        if asked is not None:
            return asked
        if token.kind != "app":
            return WORKFLOW if token.kind == "actions" else USER
        revision, limit = self._of_apps.get(token.installation, (-1, 0))
        if revision != self._world.revision:
            limit = self._of_app(token.installation)
            self._of_apps[token.installation] = (self._world.revision, limit)
        return limit

    def _of_app(self, installation: str) -> int:
        world = self._world
        names = [installation] if installation else list(world.organizations)
        repositories = sum(len(world.repositories_of(name)) for name in names)
        people = sum(len(world.members(name)) for name in names)
        more = max(0, repositories - BEYOND) + max(0, people - BEYOND)
        return min(MOST_OF_APP, USER + MORE_FOR_EACH * more)


class Meters:
    """Both resources, and what is refused."""

    def __init__(self, accounts: Accounts, world: World) -> None:
        self.accounts = accounts
        self.core = Meter("core", accounts, world)
        self.graphql = Meter("graphql", accounts, world)
        self._world = world

    def refusal(self, token: Token, resource: Resource, *, writes: bool) -> Response | None:
        """What a request is told instead of an answer; None, and it counts, where it may go on."""
        accounts, limits, now = self.accounts, self.accounts.limits, self.accounts.clock()
        meter = self.core if resource == "core" else self.graphql
        with accounts.lock:
            spent = accounts.spent(token)
            if self._ends(token, spent.requests + spent.graphql):
                return Response(401, _words("Bad credentials", 401))
            account = accounts.of(token)
            window, content = account.window(resource), account.window("content")
            most = limits.points if resource == "core" else limits.graphql_points
            points = 5 if writes else 1
            if limits.enforce:
                refused = None
                if not meter.state(token)["remaining"]:
                    refused = _exhausted(token, resource)
                elif account.under_way > limits.at_once:
                    refused = self._secondary(429)
                elif window.within(limits.minute, now) + points > most or (
                    writes and content.within(limits.minute, now) >= limits.content
                ):
                    refused = self._secondary(403)
                if refused is not None:
                    spent.refused += 1
                    refused.headers |= meter.headers(token)
                    return refused
            window.within(limits.minute, now)
            window.add(points, now)
            if writes:
                content.within(limits.minute, now)
                content.add(1, now)
            if resource == "core":
                spent.requests += 1
            else:
                spent.graphql += 1
        return None

    def _ends(self, token: Token, requests: int) -> bool:
        """Whether the token of an installation has ended by now."""
        limits = self.accounts.limits
        if not token.installation:
            return False
        late = token.expires_at is not None and self.accounts.clock() >= token.expires_at
        often = limits.token_requests is not None and requests >= limits.token_requests
        return (late or often) and self._world.expire(token.secret)

    def _secondary(self, status: int) -> Response:
        after = self.accounts.limits.retry_after
        return Response(status, _words(SECONDARY, status), {"Retry-After": str(after)} if after else {})


def _exhausted(token: Token, resource: Resource) -> Response:
    """The hour's allowance is spent. No Retry-After: the headers say when it begins anew."""
    whose = "user" if token.kind == "pat" else "installation"
    message = f"API rate limit exceeded for {whose} ID 1."
    if resource == "graphql":
        return Response(200, {"errors": [{"type": "RATE_LIMITED", "message": message}]})
    return Response(403, _words(message, 403))


def _words(message: str, status: int) -> dict[str, object]:
    return {"message": message, "documentation_url": DOCUMENTATION, "status": str(status)}
