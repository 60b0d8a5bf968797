"""PyGithub over the shared transport: one ``Github`` for each thread, REST and GraphQL.

PyGithub is imported when the first request is made, because the import takes longer than most commands. Its own pauses
(a quarter of a second between requests), retries and connections are switched off: the transport does all that once,
for all threads. A ``Github`` object mixes up answers when two threads use it, hence one for each.
"""

from __future__ import annotations

import functools
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Platform
from bot.platforms.answers import Misshapen, refused_token
from bot.platforms.github.sizing import Sizing
from bot.platforms.redaction import redact, register
from bot.platforms.transport import REPEATABLE, Transport

if TYPE_CHECKING:
    from github import Auth
    from github.Requester import Requester

Json = Any
"""JSON as the platform sends it: its shape is checked where it is read."""

API_URL = "https://api.github.com"
_PUBLIC_VERSION = "2022-11-28"
_inject = threading.Lock()

ROOM = 250_000
"""Nodes that a query may ask for. GitHub's limit is 500,000, and what comes near it does not end in its ten seconds."""

_MOST_IN_VAIN = 16
"""After so many queries one after the other that were too much, it is not their size."""

_REPEATS = 2

_MOST_PAGES = 1_000
"""Of a REST list: a hundred thousand items, more than GitHub lists of anything that is read here."""

_WHO = "viewer { login databaseId }"
_WORKFLOW = "github-actions[bot]"
"""Who a workflow's own token is."""

_MOST_REDIRECTS = 5
_REDIRECTS = frozenset({301, 302, 307, 308})


class Refused(Exception):  # noqa: N818 - reads as what it says
    """GitHub answered a REST request with 4xx, and meant it."""

    def __init__(self, method: str, path: str, status: int, message: str) -> None:
        super().__init__(redact(f"{method} {path}: {status} {message}"))
        self.status = status
        self.message = redact(message)
        self.path = path

    @property
    def is_missing(self) -> bool:
        """404 or 410: not there, or not for this token."""
        return self.status in (404, 410)


@dataclass(frozen=True, slots=True)
class GraphError:
    """One entry of ``errors`` of a GraphQL answer."""

    kind: str
    """``FORBIDDEN``, ``NOT_FOUND``, ``INSUFFICIENT_SCOPES``; empty where GitHub names none."""
    message: str
    path: tuple[str | int, ...]
    saml: bool = False


@dataclass(frozen=True, slots=True)
class Graph:
    """A GraphQL answer, which may be partial."""

    data: Mapping[str, Json]
    errors: tuple[GraphError, ...]


class TooMuch(Exception):  # noqa: N818 - reads as what it says
    """A GraphQL query asks for more than GitHub answers in one: ask for half."""


class GitHubClient:
    """What every part of the GitHub provider sends its requests through."""

    def __init__(
        self,
        token: str | Callable[[], str],
        api_url: str = API_URL,
        graphql_url: str | None = None,
        transport: Transport | None = None,
    ) -> None:
        """Make a client.

        Args:
            token: the token, or where to get one (a GitHub App's installation); asked again when it has expired.
            api_url: the address of the REST API.
            graphql_url: the address of the GraphQL API; by default the one that belongs to ``api_url``.
            transport: shared with others; by default the client's own.
        """
        for address, name in ((api_url, "GITHUB_API_URL"), (graphql_url or "", "GITHUB_GRAPHQL_URL")):
            if "@" in urlsplit(address).netloc:
                raise PlatformError(
                    f"{name} has a user name or password in it. Take it out, up to and with the @: the token is given in "
                    "GITHUB_TOKEN, GH_TOKEN or by the GitHub App's key."
                )
        self.api_url = api_url.rstrip("/")
        self.graphql_url = graphql_url.rstrip("/") if graphql_url else None
        self.transport = transport or Transport()
        self._renew = token if callable(token) else None
        self._token = token if isinstance(token, str) else ""
        self._threads = threading.local()
        self._lock = threading.Lock()
        self._in_vain = 0
        self._asked_who = False
        self.workflow_of = ""
        """The repository whose workflow this run is, if it is one's."""
        self.room = Sizing(ROOM, least=1_000)
        """How many nodes a query may ask for."""
        self.page = Sizing(100)
        """How many repositories a page of a listing may have."""
        register(self._token)

    @cached_property
    def host(self) -> str:
        """The host that people know it by; what subjects' ids begin with."""
        netloc = urlsplit(self.api_url).netloc
        return "github.com" if netloc == "api.github.com" else netloc.removeprefix("api.")

    def rest(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str | int] | None = None,
        body: Json = None,
        *,
        form: type = dict,
    ) -> Json:
        """One REST request; the path begins with ``/``. Raises ``Refused`` or ``PlatformError``.

        What is read, and is there, must be of the form.
        """

        def ask() -> Json:
            data = self._rest_once(method, path, parameters, body)[1]
            if method == "GET" and data is not None and not isinstance(data, form):
                raise Misshapen(
                    f"GET {self.api_url}{path}: the answer has an unexpected form ({type(data).__name__} instead of "
                    f"{form.__name__}). Run again; if it stays so, check GITHUB_API_URL and any proxy.",
                    UnknownKind.UNREADABLE,
                )
            return data

        return self.transport.settled(ask) if method == "GET" else ask()

    def pages(
        self, path: str, parameters: Mapping[str, str | int] | None = None, key: str | None = None
    ) -> Iterator[Json]:
        """Every item of a REST list, page by page. With ``key`` the list is inside an object."""
        wanted: Mapping[str, str | int] | None = {"per_page": 100, **(parameters or {})}
        following, seen = path, {path}
        for _ in range(_MOST_PAGES):
            headers, listed = self.transport.settled(functools.partial(self._list, following, wanted, key))
            yield from listed
            after = _next_page(headers.get("link", ""))
            if after is None:
                return
            if urlsplit(after)[:2] != urlsplit(self.api_url)[:2]:
                raise _elsewhere(f"GET {self.api_url}{path}: the next page", after)
            if after in seen:
                raise PlatformError(
                    f"GET {self.api_url}{path}: a page names as the next one a page that was read before; the list could "
                    "not be read to its end. Run again.",
                    UnknownKind.TRUNCATED,
                )
            seen.add(after)
            following, wanted = after, None
        raise PlatformError(
            f"GET {self.api_url}{path}: the list has more than {_MOST_PAGES} pages and was not read to its end.",
            UnknownKind.TRUNCATED,
        )

    def _list(
        self, path: str, parameters: Mapping[str, str | int] | None, key: str | None
    ) -> tuple[Mapping[str, str], list[Json]]:
        headers, data = self._rest_once("GET", path, parameters, None)
        listed = data.get(key) if key and isinstance(data, dict) else data
        if not isinstance(listed, list):
            inside = f" under {key!r}" if key else ""
            raise Misshapen(
                f"GET {self.api_url}{path}: the answer has no list{inside}. Run again; if it stays so, check "
                "GITHUB_API_URL and any proxy.",
                UnknownKind.UNREADABLE,
            )
        return headers, listed

    def raw(self, path: str, accept: str) -> str | None:
        """A text in a form that is not JSON, such as a diff; None where it is empty. Raises like ``rest``."""
        _, data = self._call(
            lambda: self._requester().requestJsonAndCheck("GET", path, headers={"Accept": accept}), "GET", path
        )
        # PyGithub hands on what is no JSON under this key.
        return data.get("data") if isinstance(data, dict) else None

    def graphql(self, query: str, *, divisible: bool = False) -> Graph:
        """One GraphQL query. Raises ``PlatformError``; and ``TooMuch`` where half of it might be answered.

        What cannot be asked for in smaller parts is asked for again: GitHub says the same when it is busy.
        """
        for _ in range(0 if divisible else _REPEATS):
            try:
                return self._graphql(query, divisible)
            except TooMuch:
                continue
        return self._graphql(query, divisible)

    def _graphql(self, query: str, divisible: bool) -> Graph:
        headers = {REPEATABLE: "smaller" if divisible else "yes"}
        requester = self._requester()
        asks_who = self._is_anonymous()
        if asks_who:
            query = query.replace("query {", f"query {{ {_WHO}", 1)
        token = self._token

        def ask() -> tuple[Mapping[str, str], Json]:
            told, answer = self._call(
                lambda: self._requester().requestJsonAndCheck(
                    "POST", requester.graphql_url, headers=dict(headers), input={"query": query}
                ),
                "POST",
                "/graphql",
            )
            if not isinstance(answer, dict):
                raise Misshapen(
                    "GitHub's GraphQL answer is not an object. Check GITHUB_GRAPHQL_URL.", UnknownKind.TRANSIENT
                )
            return told, answer

        try:
            told, answer = self.transport.settled(ask)
        except Refused as refused:
            if refused.status in (502, 504):
                self._in_vain += 1
                if self._in_vain > _MOST_IN_VAIN:
                    raise PlatformError(
                        f"GitHub answers no GraphQL query, however small ({refused}). Run again later.",
                        UnknownKind.TRANSIENT,
                    ) from refused
                raise TooMuch(str(refused)) from refused
            raise PlatformError(
                f"GitHub refused a GraphQL query: {refused.status} {refused.message}. "
                f"Check the token's permissions, and GITHUB_GRAPHQL_URL ({self.graphql_url or requester.graphql_url}).",
                UnknownKind.SCOPE if refused.status in (401, 403) else UnknownKind.TRANSIENT,
            ) from refused
        self._in_vain = 0
        if asks_who:
            self._learn_who(token, told, answer)
        self._note_cost(token, answer)
        return _graph(answer)

    def _note_cost(self, token: str, answer: Json) -> None:
        """What the query took of the allowance; GitHub Enterprise may count nothing, and tells null."""
        data = answer.get("data") if isinstance(answer, dict) else None
        taken = data.get("rateLimit") if isinstance(data, dict) else None
        cost = taken.get("cost") if isinstance(taken, dict) else None
        if isinstance(cost, int):
            self.transport.took(Platform.GITHUB, token, cost)

    def principal(self) -> str:
        """Whose token it is, under a name that stays when it is renewed."""
        return self.transport.principals.name(self._token)

    def _is_anonymous(self) -> bool:
        """Whether it matters whose token it is, and is not known. An App's own claim is nobody's."""
        return (
            self.transport.cache is not None
            and not self._asked_who
            and not self._token.startswith("eyJ")
            and not self.transport.principals.knows(self._token)
        )

    def _learn_who(self, token: str, headers: Mapping[str, str], answer: dict[str, Json]) -> None:
        """Take out of an answer whose token it was.

        A person's tokens are told apart by their scopes. Of the installation behind a bot's token nothing is told: only that of
        the workflow's own is known, by its repository.
        """
        self._asked_who = True
        if errors := [error for error in answer.get("errors") or [] if error.get("path") != ["viewer"]]:
            answer["errors"] = errors
        else:
            answer.pop("errors", None)
        viewer = answer["data"].pop("viewer", None) if isinstance(answer.get("data"), dict) else None
        if not isinstance(viewer, dict) or token != self._token:
            return
        scopes = ",".join(sorted(each.strip() for each in headers.get("x-oauth-scopes", "").split(",")))
        if not str(viewer.get("login", "")).endswith("[bot]"):
            self.transport.principals.learn(token, f"user {viewer.get('databaseId')} {scopes}")
        elif viewer["login"] == _WORKFLOW and self.workflow_of:
            self.transport.principals.learn(token, f"workflow {self.workflow_of}")

    def close(self) -> None:
        """Nothing of its own is open: the transport belongs to whoever made it."""

    def _rest_once(
        self, method: str, path: str, parameters: Mapping[str, str | int] | None, body: Json
    ) -> tuple[Mapping[str, str], Json]:
        return self._call(
            lambda: self._requester().requestJsonAndCheck(
                method, path, parameters=dict(parameters) if parameters else None, input=body
            ),
            method,
            path,
        )

    def _call(
        self, send: Callable[[], tuple[Mapping[str, str], Json]], method: str, path: str, renewed: bool = False
    ) -> tuple[Mapping[str, str], Json]:
        from github import GithubException

        token = self._token
        try:
            return send()
        except GithubException as wrong:
            message = _message(wrong.data) or str(wrong.message or "")
            if wrong.status == 401:
                if self._renew is not None and not renewed:
                    self._renew_token(token)
                    return self._call(send, method, path, renewed=True)
                raise refused_token(Platform.GITHUB, f"{method} {self.api_url}{path}", message) from None
            raise Refused(method, path, wrong.status, message) from None
        except json.JSONDecodeError as wrong:
            raise Misshapen(
                f"{method} {self.api_url}{path}: the answer is not JSON (line {wrong.lineno}, column {wrong.colno}). "
                "Run again; if it stays so, check GITHUB_API_URL and any proxy.",
                UnknownKind.TRANSIENT,
            ) from wrong

    def _renew_token(self, old: str) -> None:
        """Get a new token, unless another thread has got one meanwhile."""
        if self._renew is None:
            return
        with self._lock:
            if self._token == old:
                self._token = self._renew()
                register(self._token)

    def _requester(self) -> Requester:
        """This thread's own, made again when the token has changed."""
        if not self._token:
            self._renew_token("")
        known: tuple[str, Requester] | None = getattr(self._threads, "requester", None)
        if known is None or known[0] != self._token:
            known = (self._token, self._make_requester(self._token))
            self._threads.requester = known
        return known[1]

    def _make_requester(self, token: str) -> Requester:
        from github import Github
        from github.Requester import Requester

        plain, secure = _connection_classes(self.transport, self.graphql_url)
        # The classes are PyGithub's own global state: each object takes them when it is made.
        with _inject:
            Requester.injectConnectionClasses(plain, secure)
            try:
                made = Github(
                    auth=_auth(token),
                    base_url=self.api_url,
                    user_agent="almguard",
                    per_page=100,
                    retry=None,
                    seconds_between_requests=None,
                    seconds_between_writes=None,
                    api_version=_PUBLIC_VERSION,
                )
            finally:
                Requester.resetConnectionClasses()
        return made.requester


def _auth(token: str) -> Auth.Auth | None:
    """A signed claim to be an App (a JWT) is a bearer's token; any other is a ``token``."""
    from github import Auth

    if not token:
        return None
    return Auth.AppAuthToken(token) if token.startswith("eyJ") else Auth.Token(token)


def _connection_classes(transport: Transport, graphql_url: str | None) -> tuple[Any, Any]:
    """Stand-ins for PyGithub's connections that use the transport's session, and the address of GraphQL that was given."""
    from github.Requester import HTTPRequestsConnectionClass, HTTPSRequestsConnectionClass, RequestsResponse

    session = transport.session(Platform.GITHUB)

    def connection(base: type, protocol: str) -> type:
        def __init__(self: Any, host: str, port: int | None = None, **_options: object) -> None:  # noqa: N807
            self.host, self.port = host, port

        def getresponse(self: Any) -> RequestsResponse:
            address = f"{protocol}://{self.host}{f':{self.port}' if self.port else ''}{self.url}"
            if graphql_url is not None and self.verb == "POST" and self.url.endswith("/graphql"):
                address = graphql_url
            asked = address
            for _ in range(_MOST_REDIRECTS):
                answer = session.request(
                    self.verb, address, headers=self.headers, data=self.input, allow_redirects=False
                )
                if answer.status_code not in _REDIRECTS or "Location" not in answer.headers:
                    return RequestsResponse(answer)
                address = _moved(self.verb, address, answer.headers["Location"])
            raise PlatformError(
                f"{redact(f'{self.verb} {asked}')}: the server redirects again and again. Check GITHUB_API_URL and any proxy."
            )

        def close(self: Any) -> None:
            """The session is everybody's."""

        return type("Connection", (base,), {"__init__": __init__, "getresponse": getresponse, "close": close})

    return connection(HTTPRequestsConnectionClass, "http"), connection(HTTPSRequestsConnectionClass, "https")


def _moved(verb: str, address: str, location: str) -> str:
    """Where a redirect leads: a renamed repository keeps its host, and nobody else is to see the token."""
    old, new = urlsplit(address), urlsplit(urljoin(address, location))
    if new[:2] != old[:2]:
        raise _elsewhere(f"{verb} {address}: the redirect", new.geturl())
    return new.geturl() if new.query or not old.query else new._replace(query=old.query).geturl()


def _elsewhere(what: str, address: str) -> PlatformError:
    parts = urlsplit(address)
    return PlatformError(
        redact(
            f"{what} leads to another server, {parts.scheme}://{parts.netloc}, which is not given the token. If that is the "
            "right one, set GITHUB_API_URL to its address."
        )
    )


def _message(data: object) -> str:
    """What GitHub says about an error, with the details of a 422."""
    if not isinstance(data, dict):
        return ""
    message = str(data.get("message") or data.get("data") or "")
    details = [
        str(error.get("message") or f"{error.get('resource', '')}.{error.get('field', '')} {error.get('code', '')}")
        for error in data.get("errors") or []
        if isinstance(error, dict)
    ]
    return f"{message} ({'; '.join(details)})" if details else message


def _graph(answer: Json) -> Graph:
    errors = tuple(_error(error) for error in answer.get("errors") or [])
    too_much = next((error for error in errors if _is_of_size(error)), None)
    if too_much is not None:
        raise TooMuch(too_much.message)
    data = answer.get("data")
    if not isinstance(data, dict):
        if not errors:
            raise PlatformError("GitHub's GraphQL answer has no data. Check GITHUB_GRAPHQL_URL.", UnknownKind.TRANSIENT)
        unpathed = next((error for error in errors if not error.path), None)
        if unpathed is not None:
            kind = UnknownKind.SCOPE if unpathed.kind in ("FORBIDDEN", "INSUFFICIENT_SCOPES") else UnknownKind.TRANSIENT
            raise PlatformError(f"GitHub did not answer a GraphQL query: {unpathed.message}", kind)
        data = {}
    return Graph(data, errors)


def _is_of_size(error: GraphError) -> bool:
    """Whether less would have been answered. What ends after ten seconds is told by words alone."""
    if error.kind in ("MAX_NODE_LIMIT_EXCEEDED", "RESOURCE_LIMITS_EXCEEDED"):
        return True
    words = error.message.lower()
    return not error.path and ("timeout" in words or "timed out" in words or words.startswith("something went wrong"))


def _error(error: Json) -> GraphError:
    extensions = error.get("extensions") or {}
    return GraphError(
        kind=str(error.get("type") or extensions.get("code") or ""),
        message=redact(str(error.get("message", ""))),
        path=tuple(error.get("path") or ()),
        saml=bool(extensions.get("saml_failure")) or "SAML" in str(error.get("message", "")),
    )


def _next_page(link: str) -> str | None:
    """The address of the next page, from a ``Link`` header."""
    for part in link.split(","):
        address, _, rest = part.partition(";")
        if 'rel="next"' in rest:
            return address.strip().strip("<>")
    return None
