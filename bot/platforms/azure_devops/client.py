"""Requests to one organisation: whole pages, POSTs that only read, failures that say what would cure them.

The SDK signs, discovers locations and negotiates versions. Bulk reads go through its ``_send`` and stay JSON, because its
own methods drop continuation tokens and check settings, and take eight times as long to parse.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import quote, urlencode, urlsplit

from bot.engine.ports import PlatformError
from bot.model.facts import Gone, Unavailable, UnknownKind
from bot.model.subjects import Platform
from bot.platforms.answers import Misshapen, refused_token
from bot.platforms.azure_devops.endpoints import Endpoint, Host
from bot.platforms.azure_devops.sdk import Refused, authorization, connect, learn
from bot.platforms.redaction import redact
from bot.platforms.transport import REPEATABLE, Transport

if TYPE_CHECKING:
    from requests import Response

Json: TypeAlias = dict[str, Any]
"""A document of the platform, as it came."""

HOSTED = "dev.azure.com"
JSON_PATCH = "application/json-patch+json"
CONTINUATION = "X-MS-ContinuationToken"
PAGE = 1000
ABSENT = 0
"""Stands for a status where nothing was asked, because the server has no such thing."""
LEAST_CAP = 100
"""No list of the service is cut to fewer rows than this (its defaults are 100 and more): a page with fewer is the last."""
MOST_PAGES = 500
"""A list that is longer than this is not read to its end; it is said to be truncated."""


class Client:
    """One organisation (or collection), and one credential."""

    def __init__(
        self, token: str, organization_url: str, *, bearer: bool = False, transport: Transport | None = None
    ) -> None:
        self.url = organization_url.rstrip("/")
        authority = self.url.rpartition("://")[2].partition("/")[0]
        if "@" in authority:  # it would stand in every id, address and message
            raise PlatformError(
                f"The address of {authority.rpartition('@')[2]} in SYSTEM_COLLECTIONURI holds a name or a password before "
                "the @. Give the address without them, and the token in AZURE_DEVOPS_EXT_PAT."
            )
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.netloc:
            raise PlatformError(
                f"{organization_url!r} is not the address of an Azure DevOps organisation: https://dev.azure.com/ORGANISATION "
                "or https://SERVER/COLLECTION is needed (SYSTEM_COLLECTIONURI)."
            )
        if not token:
            raise PlatformError(
                f"There is no token for {self.url}. Give one in AZURE_DEVOPS_EXT_PAT, or map SYSTEM_ACCESSTOKEN in env:."
            )
        legacy = parts.netloc.lower().endswith(".visualstudio.com")
        self.organization = parts.netloc.split(".")[0] if legacy else parts.path.rstrip("/").rpartition("/")[2]
        self.host = HOSTED if legacy else parts.netloc.lower()
        self._hosted = legacy or self.host == HOSTED
        self._token = token
        self._bearer = bearer
        self._owns_transport = transport is None
        self.transport = transport or Transport()
        # Posting a status twice is posting it once: the newer takes the older one's place.
        self._adapter = self.transport.adapter(Platform.AZURE_DEVOPS, repeatable_posts=("/statuses",))
        self.texts: MutableMapping[str, str] = self.transport.blobs(self.host, self.principal)
        """Texts of files by their hash, within a run and, where the transport keeps them, from run to run."""
        self._lock = threading.Lock()
        self._sdk: dict[str, Any] = {}
        self._learnt: set[str] = set()

    def get(self, endpoint: Endpoint, route: Mapping[str, str], query: Mapping[str, Any] | None = None) -> Json:
        """One document."""
        return self.transport.settled(lambda: self._document(self._request("GET", endpoint, route, query), endpoint))

    def ask(
        self, endpoint: Endpoint, route: Mapping[str, str], body: object, query: Mapping[str, Any] | None = None
    ) -> Json:
        """A POST that only reads: repeated after a failure like any other read."""
        headers = {REPEATABLE: "yes"}
        return self.transport.settled(
            lambda: self._document(self._request("POST", endpoint, route, query, body, headers), endpoint)
        )

    def patch(self, method: str, endpoint: Endpoint, route: Mapping[str, str], operations: Sequence[Json]) -> Json:
        """A JSON Patch document: what is made or changed by it. It is sent once."""
        response = self._request(method, endpoint, route, body=list(operations), media_type=JSON_PATCH)
        return self._document(response, endpoint)

    def raw(self, endpoint: Endpoint, route: Mapping[str, str]) -> bytes:
        """The bytes of one thing."""
        return self._request("GET", endpoint, route, accept="application/octet-stream").content

    def archive(self, endpoint: Endpoint, route: Mapping[str, str], body: object) -> bytes:
        """A POST that is answered with a zip file."""
        headers = {REPEATABLE: "yes"}
        return self._request("POST", endpoint, route, {}, body, headers, "application/zip").content

    def listing(
        self,
        endpoint: Endpoint,
        route: Mapping[str, str],
        query: Mapping[str, Any] | None = None,
        *,
        pages: int | None = None,
    ) -> list[Json]:
        """A whole list, where the pages are told by a continuation token (or there is one page).

        With ``pages`` only so many: for histories, of which the newest part is enough.
        """
        found = itertools.islice(self._pages(endpoint, route, dict(query or {})), pages)
        return [row for page in found for row in page]

    def counted(self, endpoint: Endpoint, route: Mapping[str, str]) -> tuple[list[Json], int]:
        """A whole list, and how many rows the service itself says that it has."""
        found: list[Json] = []
        said = 0
        for document in self._documents(endpoint, route, {}):
            rows = rows_of(document, endpoint)
            found += rows
            said += int(document.get("count") or len(rows))
        return found, said

    def skipping(
        self,
        endpoint: Endpoint,
        route: Mapping[str, str],
        query: Mapping[str, Any] | None = None,
        *,
        rows: str = "value",
        size: int = PAGE,
        top: str = "$top",
        skip: str = "$skip",
        certain: bool = False,
    ) -> list[Json]:
        """A whole list, where the next page is asked for by ``$skip``: a server may give fewer rows than it was asked for.

        Where the service says with each page whether there is another, that counts. Else a short page is taken for the last;
        if it must be ``certain``, only an empty one is, which costs a request.
        """
        found: list[Json] = []
        told = False
        for _ in range(MOST_PAGES):
            asked = {**(query or {}), top: size, skip: len(found)}
            response, document = self._page(endpoint, route, asked, rows)
            page = document[rows]
            if page and page == found[: len(page)]:
                break  # it knows no $skip, and would begin anew for ever
            if not page:
                return found
            found += page
            follows = bool(response.headers.get(CONTINUATION))
            is_short = not certain and len(page) < min(size, LEAST_CAP)
            if not follows and (told or is_short):
                return found
            told = told or follows
        raise self._too_long(endpoint)

    def read_address(self, host: Host, path: str, version: str, scope: str) -> Json:
        """A document of an API that is not among the listed locations."""
        endpoint = Endpoint("", path, scope, version, host)
        return self.transport.settled(lambda: self._document(self._read(endpoint, path), endpoint))

    def list_address(self, host: Host, path: str, query: Mapping[str, str], version: str, scope: str) -> list[Json]:
        """A whole list of an API that is not among the listed locations."""
        endpoint = Endpoint("", path, scope, version, host)
        found: list[Json] = []
        asked = dict(query)
        for _ in range(MOST_PAGES):
            response, rows = self.transport.settled(partial(self._listed, endpoint, f"{path}?{urlencode(asked)}"))
            found += rows
            token = response.headers.get(CONTINUATION)
            if not token:
                return found
            asked["continuationToken"] = token
        raise self._too_long(endpoint)

    def _read(self, endpoint: Endpoint, address: str) -> Response:
        from msrest.universal_http import ClientRequest

        request = ClientRequest("GET", f"{self._base(endpoint.host)}/{address}")
        headers = {"Accept": f"application/json;api-version={endpoint.version}"}
        try:
            response: Response = self.git(endpoint.host)._send_request(request, headers=headers)
        except Refused as wrong:
            raise _named(wrong, endpoint) from None
        return response

    def git(self, host: Host = Host.CORE) -> Any:
        """The SDK's git client (its ``_send`` serves every area of the host)."""
        base = self._base(host)
        with self._lock:
            client = self._sdk.get(base)
            if client is None:
                client = self._sdk[base] = connect(base, self._token, self._bearer, self._adapter)
        return client

    def has(self, endpoint: Endpoint) -> bool:
        """Whether this server knows the resource at all."""
        client = self.git(endpoint.host)
        return client._get_resource_location(client.normalized_url, endpoint.location) is not None

    def close(self) -> None:
        """End the connections, where they are this client's own."""
        if self._owns_transport:
            self.transport.close()

    def principal(self) -> str:
        """Whose token it is, under a name that stays when it is renewed."""
        return f"{self.organization.lower()} {self.transport.principals.name(authorization(self._token, self._bearer))}"

    def _pages(self, endpoint: Endpoint, route: Mapping[str, str], query: dict[str, Any]) -> Iterator[list[Json]]:
        for document in self._documents(endpoint, route, query):
            yield rows_of(document, endpoint)

    def _documents(self, endpoint: Endpoint, route: Mapping[str, str], query: dict[str, Any]) -> Iterator[Json]:
        for _ in range(MOST_PAGES):
            response, document = self._page(endpoint, route, query)
            yield document
            token = response.headers.get(CONTINUATION) or document.get("continuationToken")
            if not token:
                return
            query["continuationToken"] = token
        raise self._too_long(endpoint)

    def _listed(self, endpoint: Endpoint, path: str) -> tuple[Response, list[Json]]:
        response = self._read(endpoint, path)
        return response, rows_of(self._document(response, endpoint), endpoint)

    def _page(
        self, endpoint: Endpoint, route: Mapping[str, str], query: Mapping[str, Any], key: str = "value"
    ) -> tuple[Response, Json]:
        """An answer that holds a list."""

        def read() -> tuple[Response, Json]:
            response = self._request("GET", endpoint, route, query)
            document = self._document(response, endpoint)
            rows_of(document, endpoint, key)
            return response, document

        return self.transport.settled(read)

    def _request(
        self,
        method: str,
        endpoint: Endpoint,
        route: Mapping[str, str],
        query: Mapping[str, Any] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        accept: str = "application/json",
        media_type: str = "application/json",
    ) -> Response:
        client = self.git(endpoint.host)
        written = {name: _written(raw) for name, raw in (query or {}).items() if raw is not None}
        parts = {name: quote(part, safe="") for name, part in route.items()}

        def send() -> Response:
            if not self.has(endpoint):
                words = f"{self.url} has no such API ({endpoint.route}): it may be an older server."
                raise Refused(words, UnknownKind.UNREADABLE, ABSENT, words)
            response: Response = client._send(
                method,
                endpoint.location,
                endpoint.version,
                route_values=dict(parts),
                query_parameters=written,
                content=body,
                media_type=media_type,
                accept_media_type=accept,
                additional_headers=headers,
            )
            return response

        try:
            try:
                return send()
            except Refused as wrong:
                if client.normalized_url in self._learnt or not wrong.is_of_another_version:
                    raise
            with self._lock:
                if client.normalized_url not in self._learnt:
                    learn(client)
                    self._learnt.add(client.normalized_url)
            return send()
        except Refused as wrong:
            raise _named(wrong, endpoint) from None

    def _document(self, response: Response, endpoint: Endpoint) -> Json:
        asked = redact(f"{response.request.method} {response.url}")
        if "html" in response.headers.get("Content-Type", ""):
            raise refused_token(Platform.AZURE_DEVOPS, asked, "a sign-in page came instead of JSON")
        try:
            document = response.json()
        except ValueError as wrong:
            raise Misshapen(
                f"{asked}: what came is not JSON. Check that {self.url} is an Azure DevOps organisation.",
                UnknownKind.TRANSIENT,
            ) from wrong
        if not isinstance(document, dict):
            raise Misshapen(
                f"{asked}: an object was expected for {endpoint.scope}, not {type(document).__name__}.",
                UnknownKind.UNREADABLE,
            )
        return document

    def _too_long(self, endpoint: Endpoint) -> PlatformError:
        return PlatformError(
            f"{self.url}: a list (location {endpoint.location}) has more than {MOST_PAGES} pages, or repeats one.",
            UnknownKind.TRUNCATED,
        )

    def _base(self, host: Host) -> str:
        if not self._hosted:
            return self.url
        if host is Host.CORE:
            return self.url
        return f"https://{host.value}/{self.organization}"


def unavailable(wrong: PlatformError, url: str = "") -> Unavailable:
    """A failure as an answer about a fact: whatever was not found may also be hidden from this token."""
    kind = Gone if isinstance(wrong, Refused) and wrong.is_of_no_repository else Unavailable
    return kind(wrong.kind or UnknownKind.SCOPE, str(wrong), url)


def rows_of(document: Json, endpoint: Endpoint, key: str = "value") -> list[Any]:
    """The rows of an answer. One that holds no list says nothing about what there is: it is not an empty list."""
    rows = document.get(key)
    if isinstance(rows, list):
        return rows
    said = redact(" ".join(str(document.get("message") or "").split())[:200])
    raise Misshapen(
        f"{endpoint.route.partition('_apis/')[2]}: a list was expected in the answer, and there is none"
        f"{f' ({said})' if said else ''}. Run again; if it stays so, check that the address is that of Azure DevOps itself.",
        UnknownKind.UNREADABLE,
    )


def value(document: Mapping[str, Any], *path: str) -> Any:
    """What stands at a path of keys; None where there is nothing."""
    found: Any = document
    for key in path:
        found = found.get(key) if isinstance(found, dict) else None
    return found


def chunks(rows: Sequence[Any], size: int) -> Iterator[Sequence[Any]]:
    """The rows in pieces that one request takes."""
    for start in range(0, len(rows), size):
        yield rows[start : start + size]


def _written(raw: object) -> str:
    """A value for an address: the SDK escapes nothing in what is handed to its ``_send``."""
    text = ("true" if raw else "false") if isinstance(raw, bool) else str(raw)
    return quote(text, safe="")


def _named(wrong: Refused, endpoint: Endpoint) -> Refused:
    """The refusal, with what would lift it."""
    if wrong.kind is UnknownKind.SCOPE:
        advice = f"the token needs the scope {endpoint.scope}, and its owner the permission; or it has expired"
        return Refused(f"{advice} ({wrong})", wrong.kind, wrong.status, wrong.words, anonymous=wrong.anonymous)
    if wrong.status == 404:
        advice = f" It does not exist, or this token (scope {endpoint.scope}) may not see it."
        return Refused(f"{wrong}{advice}", wrong.kind, wrong.status, wrong.words)
    return wrong
