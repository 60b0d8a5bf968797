"""The entrance: authenticates, finds who answers, checks scope and api-version, and turns what comes back into HTTP."""

from __future__ import annotations

import importlib
import pkgutil
import re
import uuid
from typing import TYPE_CHECKING
from urllib.parse import unquote

from bot.sandbox.azure_devops import problems, surfaces
from bot.sandbox.azure_devops.call import Answer, Call
from bot.sandbox.azure_devops.collection import Collection
from bot.sandbox.azure_devops.locations import Location, discovery
from bot.sandbox.azure_devops.problems import Problem
from bot.sandbox.azure_devops.routing import ENDPOINTS, Router
from bot.sandbox.azure_devops.scopes import closure
from bot.sandbox.azure_devops.usage import spend
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.limits import Accounts
    from bot.sandbox.wire import Request
    from bot.sandbox.world import Token, World

VERSION = re.compile(r"api-version=([^;,\s]+)", re.IGNORECASE)
PARTS = re.compile(r"(\d+(?:\.\d+)?)(-preview(?:\.\d+)?)?$")

SIGN_IN = """<!DOCTYPE html>
<html lang="en"><head><title>Azure DevOps Services | Sign In</title></head>
<body><p>Sign in to continue. The credential that was sent is missing or has expired.</p></body></html>
"""

for _module in pkgutil.iter_modules(surfaces.__path__):
    importlib.import_module(f"{surfaces.__name__}.{_module.name}")


class AzureDevOps:
    """Every organisation of a world, as Azure DevOps."""

    def __init__(self, world: World, base_url: str, accounts: Accounts) -> None:
        self._world = world
        self._accounts = accounts
        self._base_url = base_url
        self._router = Router(ENDPOINTS)
        self._collections: dict[str, Collection] = {}
        self._scopes: dict[str, frozenset[str]] = {}
        self._session = str(uuid.uuid4())

    def handle(self, request: Request) -> Response:
        """The answer to one request."""
        try:
            response = self._answer(request)
        except Problem as problem:
            response = Response(problem.status, problem.document())
            if problem.status == 401:
                response.headers["WWW-Authenticate"] = 'Basic realm="azure-devops-sandbox"'
        response.headers.setdefault("X-TFS-Session", request.headers.get("x-tfs-session", self._session))
        response.headers.setdefault("ActivityId", str(uuid.uuid4()))
        token = self._world.token(request.secret)
        if token is not None and not token.expired:  # whoever asks is told who they are
            person = self._world.people[token.login]
            response.headers.setdefault("X-VSS-UserData", f"{person.guid}:{person.email}")
        return response

    def _answer(self, request: Request) -> Response:
        segments = [unquote(segment) for segment in request.path.split("/") if segment]
        token = self._token(request)
        if token is None or token.expired:
            return _sign_in()
        told, refused = spend(self._accounts, token, request.method)
        try:
            response = refused or self._serve(request, segments, token)
        except Problem as problem:
            response = Response(problem.status, problem.document())
        response.headers |= told
        return response

    def _serve(self, request: Request, segments: list[str], token: Token) -> Response:
        """The answer to one request of somebody who may ask."""
        if not segments:
            raise problems.no_controller("/")
        collection = self._collection(segments[0])
        try:
            at = [segment.lower() for segment in segments].index("_apis")
        except ValueError:
            raise problems.no_controller(request.path) from None
        if request.method == "OPTIONS" and at == len(segments) - 1:
            return Response(200, discovery())
        found = self._router.find(segments[at + 1 :], request.method)
        if isinstance(found, set):
            raise problems.wrong_method(request.method) if found else problems.no_controller(request.path)
        endpoint, values = found
        self._check_scope(token, endpoint.scopes)
        query = {name.lower(): texts for name, texts in request.query.items()}
        _check_version(request, query, endpoint.location)
        call = Call(
            world=self._world,
            collection=collection,
            token=token,
            method=request.method,
            path=request.path,
            values=values,
            query=query,
            accept=request.headers.get("accept", ""),
            body=request.body,
            project_name=segments[1] if at > 1 else None,
            content_type=request.headers.get("content-type", ""),
        )
        return _response(endpoint.handler(call))

    def _token(self, request: Request) -> Token | None:
        """Whose credential this is; None when none was sent."""
        if not request.headers.get("authorization"):
            return None
        token = self._world.token(request.secret)
        if token is None:
            raise problems.unauthorized("aaaaaaaa-aaaa-aaaa-aaaa-aaaaaaaaaaaa")
        return token

    def _collection(self, name: str) -> Collection:
        found = self._collections.get(name.lower())
        if found is None:
            organization = self._world.organization(name)
            if organization is None:
                raise problems.organization_not_found(name)
            found = self._collections.setdefault(name.lower(), Collection(self._world, organization, self._base_url))
        return found

    def _check_scope(self, token: Token, scopes: tuple[str, ...]) -> None:
        if not scopes or token.azure == "all":
            return
        if token.secret not in self._scopes:
            self._scopes[token.secret] = closure(list(token.azure))
        if not self._scopes[token.secret].intersection(scopes):
            raise problems.scope_missing(self._world.people[token.login].guid, scopes)


def _sign_in() -> Response:
    """What an expired credential gets: a page, with a status that looks like success."""
    return Response(203, SIGN_IN, {"Content-Type": "text/html; charset=utf-8"})


def _check_version(request: Request, query: dict[str, list[str]], location: Location) -> None:
    """Refuse versions the way the service does: too new, unreadable, or a preview that was not asked for as one."""
    asked = query.get("api-version", [""])[0]
    if not asked:
        match = VERSION.search(request.headers.get("accept", ""))
        asked = match[1] if match else ""
    if not asked:
        if request.method in ("GET", "HEAD"):
            return
        raise problems.version_not_specified(request.method)
    parts = PARTS.match(asked)
    if parts is None:
        raise problems.bad_argument(f"The api-version '{asked}' is not valid.")
    version = float(parts[1])
    if version > float(location.highest):
        raise problems.version_out_of_range(asked, location.highest)
    if parts[2] is None and version > float(location.released):
        raise problems.preview_version_required(asked, location.resource)


def _response(answer: object) -> Response:
    if not isinstance(answer, Answer):
        return Response(200, answer)
    headers = dict(answer.headers)
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    return Response(answer.status, answer.body, headers)
