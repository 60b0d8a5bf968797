"""GitHub's REST API: credentials, limits, permissions, and conditional requests around the functions that answer."""

from __future__ import annotations

import hashlib
import importlib
import itertools
from typing import TYPE_CHECKING

from bot.sandbox.github.access import Access
from bot.sandbox.github.call import Call, Refusal, missing
from bot.sandbox.github.installations import is_app_call
from bot.sandbox.github.routing import ROUTES
from bot.sandbox.wire import NotJson, Response

if TYPE_CHECKING:
    from bot.sandbox.github.meters import Meters
    from bot.sandbox.identity import Token
    from bot.sandbox.wire import Request
    from bot.sandbox.world import Repository, World

FAMILIES = (
    "actions",
    "checks",
    "commits",
    "contents",
    "deployment_reviews",
    "deployments",
    "installations",
    "issues",
    "labels",
    "organizations",
    "protection",
    "pulls",
    "releases",
    "repositories",
    "review_requests",
    "security",
    "service",
)
"""The modules of this package whose functions answer paths."""

OAUTH_SCOPES = "read:org, repo, security_events, workflow"


class Rest:
    """Answers REST requests."""

    def __init__(self, world: World, api: str, meters: Meters) -> None:
        self.world = world
        self.api = api
        self.meters = meters
        self._numbers = itertools.count(1)
        for family in FAMILIES:
            importlib.import_module(f"bot.sandbox.github.{family}")

    def handle(self, request: Request) -> Response:
        """The answer."""
        token = self.world.token(request.secret)
        if token is None and is_app_call(request.path.removeprefix("/api/v3"), request.secret):
            token = next((each for each in self.world.tokens.values() if each.kind == "app"), None)
        if token is None or token.expired:
            message = "Bad credentials" if request.secret else "Requires authentication"
            response = Refusal(401, message).response
        else:
            free = request.path.endswith("/rate_limit")
            writes = request.method not in ("GET", "HEAD", "OPTIONS")
            refused = None if free else self.meters.refusal(token, "core", writes=writes)
            response = refused or self._conditional(request, token, self._answer(request, token))
        response.headers.setdefault("X-GitHub-Request-Id", f"SAND:{next(self._numbers):X}")
        response.headers.setdefault("X-GitHub-Media-Type", "github.v3; format=json")
        response.headers.setdefault(
            "X-GitHub-Api-Version-Selected", request.headers.get("x-github-api-version", "2022-11-28")
        )
        return response

    def _answer(self, request: Request, token: Token) -> Response:
        call = Call(self.world, self.api, request, Access(token, self.world), self.meters)
        try:
            result = self._call(call, request)
            response = result if isinstance(result, Response) else Response(200, result)
        except NotJson:
            response = Refusal(400, "Problems parsing JSON").response
        except Refusal as refusal:
            response = refusal.response
        response.headers.update(call.link)
        return response

    def _call(self, call: Call, request: Request) -> object:
        """Find the path, look whether the token may, and ask the function."""
        path = request.path.removeprefix("/api/v3").rstrip("/") or "/"
        _, repositories, ident, *rest = [*path.split("/", 3), ""]
        if repositories == "repositories" and (known := self.world.by_id(ident)) is not None:
            path = f"/repos/{known.full_name}/{rest[0]}".rstrip("/")
        found = ROUTES.find("GET" if request.method == "HEAD" else request.method, path)
        if found is None:
            raise missing()
        route, names = found
        if "owner" in names and "repo" in names:
            owner, name = names.pop("owner"), names.pop("repo")
            if self.world.fates and (met := self.world.repository(owner, name)) is not None:
                self.world.meet_fate(met)
            renamed = self.world.former(owner, name) if self.world.repository(owner, name) is None else None
            if renamed is not None and call.access.sees(renamed):
                raise _moved(call, renamed, path)
            repository = call.repository(owner, name)
            if request.method not in ("GET", "HEAD"):
                repository.keep()
            call.need(route.permission, route.level, repository)
            if route.level != "read" and repository.face.archived:
                raise Refusal(403, "Repository was archived so is read-only.")
            return route.handler(call, repository, **names)
        if "org" in names:
            organization = call.organization(names.pop("org"))
            call.need(route.permission, route.level)
            return route.handler(call, organization, **names)
        return route.handler(call, **names)

    def _conditional(self, request: Request, token: Token, response: Response) -> Response:
        """Limits, and 304 when the client has this very answer already: by default an ETag belongs to its token."""
        if request.method in ("GET", "HEAD") and response.status == 200:
            data = response.encoded()
            whose = token.secret if self.meters.accounts.limits.etags == "token" else ""
            digest = hashlib.sha256(whose.encode() + b"\0" + data)
            digest.update(response.headers.get("Link", "").encode())
            tag = f'W/"{digest.hexdigest()}"'
            known = [each.strip() for each in request.headers.get("if-none-match", "").split(",")]
            if tag in known or tag.removeprefix("W/") in known:
                response = Response(304, None, {"Link": response.headers["Link"]} if "Link" in response.headers else {})
            else:
                response.body = data
            response.headers |= {"ETag": tag, "Cache-Control": "private, max-age=60, s-maxage=60"}
            response.headers["Vary"] = "Accept, Authorization, Cookie, X-GitHub-OTP"
        if response.status == 304:
            self.meters.accounts.spent(token).unchanged += 1
        elif not request.path.endswith("/rate_limit"):
            self.meters.core.spend(token, 1)
        response.headers |= self.meters.core.headers(token)
        if token.kind == "pat" and token.github == "all":
            response.headers["X-OAuth-Scopes"] = OAUTH_SCOPES
        return response


def _moved(call: Call, renamed: Repository, path: str) -> Refusal:
    """The way to a repository that was asked for by an earlier name: by its number. A write keeps its method."""
    below = "/".join(path.split("/")[4:])
    query = f"?{call.request.query_string}" if call.request.query_string else ""
    url = f"{call.api}/repositories/{renamed.id}{f'/{below}' if below else ''}{query}"
    reading = call.request.method in ("GET", "HEAD")
    refusal = Refusal(301 if reading else 307, "Moved Permanently" if reading else "Temporary Redirect", Location=url)
    if isinstance(refusal.response.body, dict):
        refusal.response.body["url"] = url
    return refusal
