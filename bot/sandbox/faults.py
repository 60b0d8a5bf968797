"""Faults that a test asks the sandbox for, and the ledger of what was asked of it."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from bot.sandbox.chance import draw
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bot.sandbox.wire import Request

Host = Literal["github", "graphql", "azure_devops", "jira"]

LONGEST_HOLD = 60.0
"""Seconds that a request is held back at most: a test that forgets it must end all the same."""
SIGN_IN = "<!DOCTYPE html><html><head><title>Sign in</title></head><body>Sign in to your account</body></html>"


def _pattern(text: str) -> str:
    try:
        re.compile(text)
    except re.error as wrong:
        raise ValueError(f"not a regular expression: {wrong}") from wrong
    return text


Kind = Literal[
    "status",
    "rate_limit",
    "graphql_rate_limit",
    "secondary",
    "expired",
    "token_expires",
    "reset",
    "cut",
    "slow",
    "slow_body",
    "html",
    "not_json",
    "wrong_json",
    "partial",
    "resources",
    "hold",
    "storm",
    "moved",
    "deleted",
]

OF_STORMS: dict[Kind, tuple[Host, ...]] = {
    "status": ("github", "graphql", "azure_devops", "jira"),
    "rate_limit": ("github", "azure_devops", "jira"),
    "graphql_rate_limit": ("graphql",),
    "secondary": ("github", "graphql"),
    "reset": ("github", "graphql", "azure_devops", "jira"),
    "cut": ("github", "graphql", "azure_devops", "jira"),
    "slow": ("github", "graphql", "azure_devops", "jira"),
    "slow_body": ("github", "graphql", "azure_devops", "jira"),
    "html": ("github", "graphql", "azure_devops", "jira"),
    "not_json": ("github", "graphql", "azure_devops", "jira"),
    "wrong_json": ("github", "graphql", "azure_devops"),
    "partial": ("graphql",),
    "resources": ("graphql",),
    "token_expires": ("github", "graphql"),
}
"""What a storm is made of, and where each kind of it happens."""

BROKEN = (500, 502, 503, 504)
"""The statuses of a fault by rate that names none."""


class Fault(BaseModel):
    """One fault, for every request whose ``METHOD /path`` the regular expression finds; or, with a rate, for a share of them.

    Whether a request meets a fault by rate follows from the seed, from what is asked, and from how often that was asked
    before: a repeated run meets the same ones, and a repeated request may go well.
    """

    model_config = ConfigDict(extra="forbid")

    match: Annotated[str, AfterValidator(_pattern)] = ""
    times: int | None = 1
    """How often; null: until it is cleared, which is also meant where a rate is given and this is not."""
    skip: int = 0
    """How many matching requests go well before."""
    kind: Kind
    """``storm``: with a rate, any of ``kinds``. ``moved`` and ``deleted``: with a rate, of all repositories; it befalls them
    when somebody first asks for them by name or id, so between listing and reading."""
    rate: Annotated[float, Field(ge=0, le=1)] | None = None
    seed: int = 1
    in_a_row: Annotated[int, Field(ge=1)] | None = 3
    """By rate: how often running the same request meets it at most, so that whoever tries four times gets through; null:
    no such bound."""
    kinds: list[Kind] = list(OF_STORMS)
    """What a storm may bring; each only where it happens."""
    status: int | None = None
    """For ``status`` (500) and ``html`` (203)."""
    retry_after: int = 1
    """Seconds, for the limits; 0 sends no such header."""
    without_retry_after: Annotated[float, Field(ge=0, le=1)] = 0.0
    """By rate: the share of the limits that say nothing of when to come back."""
    seconds: float = 1.0
    """For ``slow``: how long before the answer begins; for ``slow_body``: how long it takes."""
    body: str | None = None
    """For ``status``: the body instead of the usual one."""

    @model_validator(mode="after")
    def _by_rate(self) -> Self:
        if self.rate is None and self.kind in ("storm", "moved", "deleted"):
            raise ValueError(f"{self.kind} needs a rate")
        if self.rate is not None and "times" not in self.model_fields_set:
            self.times = None
        return self


@dataclass
class _Seen:
    """How often a request came, and how often running it met a fault."""

    times: int = 0
    running: int = 0


@dataclass
class Faults:
    """The faults that wait for their requests."""

    waiting: list[Fault] = field(default_factory=list)
    latency: float = 0.0
    held: int = 0
    """How many requests are held back now."""
    _seen: dict[tuple[int, str], _Seen] = field(default_factory=dict, repr=False)
    _release: threading.Event = field(default_factory=threading.Event, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def add(self, fault: Fault) -> None:
        """One more."""
        with self._lock:
            self.waiting.append(fault)

    def clear(self) -> None:
        """None any more; what was held back goes on."""
        with self._lock:
            self.waiting.clear()
            self._seen.clear()
            self._release.set()
            self._release = threading.Event()

    def hold(self) -> None:
        """Hold a request back until the faults are cleared, so that the world can move on before it is answered."""
        with self._lock:
            release = self._release
            self.held += 1
        release.wait(LONGEST_HOLD)
        with self._lock:
            self.held -= 1

    def take(self, request: Request, host: Host) -> Fault | None:
        """The fault that this request meets, used up by it."""
        if not self.waiting:
            return None
        line = f"{request.method} {request.path}"
        with self._lock:
            for fault in self.waiting:
                if fault.times == 0 or not re.search(fault.match, line):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                met = fault if fault.rate is None else self._by_chance(fault, request, host)
                if met is None:
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.waiting.remove(fault)
                return met
        return None

    def _by_chance(self, fault: Fault, request: Request, host: Host) -> Fault | None:
        """What a fault by rate means for this request: itself, one of a storm's kinds, or nothing."""
        identity = _identity(request)
        seen = self._seen.setdefault((id(fault), identity), _Seen())
        seen.times += 1
        chance = draw(fault.seed, identity, seen.times)
        kinds = (
            [kind for kind in fault.kinds if host in OF_STORMS.get(kind, ())] if fault.kind == "storm" else [fault.kind]
        )
        unlucky = fault.rate is not None and chance < fault.rate
        if not unlucky or not kinds or (fault.in_a_row is not None and seen.running >= fault.in_a_row):
            seen.running = 0
            return None
        seen.running += 1
        second = draw("kind", fault.seed, identity, seen.times)
        changed: dict[str, object] = {"kind": kinds[int(second * len(kinds))]}
        third = draw("more", fault.seed, identity, seen.times)
        if changed["kind"] == "status" and fault.status is None:
            changed["status"] = BROKEN[int(third * len(BROKEN))]
        if changed["kind"] == "html" and fault.status is None:
            changed["status"] = 200
        if third < fault.without_retry_after:
            changed["retry_after"] = 0
        return fault.model_copy(update=changed)


def _identity(request: Request) -> str:
    """What is asked, whoever asks."""
    text = f"{request.method} {request.path}?{request.query_string}".encode() + b"\0" + request.body
    return hashlib.blake2b(text, digest_size=8).hexdigest()


def answer(fault: Fault, host: Host) -> Response | None:
    """What a fault says instead of the answer; None for those that only spoil the answer on its way."""
    retry = {"Retry-After": str(fault.retry_after)} if fault.retry_after else {}
    match fault.kind:
        case "status":
            status = fault.status or 500
            return Response(status, fault.body if fault.body is not None else _words(host, "Server Error", status))
        case "rate_limit" if host == "azure_devops":
            message = "TF400733: The request has been canceled: Request was blocked due to exceeding usage of resource."
            return Response(429, _words(host, message, 429), retry)
        case "rate_limit":
            reset = int(datetime.now(UTC).timestamp()) + fault.retry_after
            headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset), **retry}
            return Response(429, _words(host, "API rate limit exceeded for installation ID 1.", 429), headers)
        case "graphql_rate_limit":
            reset = int(datetime.now(UTC).timestamp()) + fault.retry_after
            error = {"type": "RATE_LIMITED", "message": "API rate limit exceeded for installation ID 1."}
            headers = {"x-ratelimit-remaining": "0", "x-ratelimit-reset": str(reset)}
            return Response(200, {"errors": [error]}, headers)
        case "secondary":
            words = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
            return Response(403, _words(host, words, 403), retry)
        case "expired" | "token_expires":
            return Response(401, _words(host, "Bad credentials", 401))
        case "html":
            return Response(fault.status or 203, SIGN_IN, {"Content-Type": "text/html; charset=utf-8"})
        case "not_json":
            return Response(200, '{"cut', {"Content-Type": "application/json; charset=utf-8"})
        case "resources":
            message = "Resource limits for this query exceeded."
            return Response(200, {"data": None, "errors": [{"type": "RESOURCE_LIMITS_EXCEEDED", "message": message}]})
        case _:
            return None


def spoil(fault: Fault, request: Request, response: Response) -> None:
    """Make of a right answer one of another type, or one that lacks a part and says so."""
    if response.status != 200 or fault.kind not in ("wrong_json", "partial"):
        return
    try:
        said = json.loads(response.encoded())
    except ValueError:
        return
    response.headers.pop("ETag", None)  # whoever keeps this must not be told that it is still right
    if fault.kind == "wrong_json":
        response.body = {} if isinstance(said, list) else []
        return
    places = list(_nullable(said.get("data"))) if isinstance(said, dict) else []
    if not places:
        return
    holder, path = places[int(draw("partial", fault.seed, _identity(request)) * len(places))]
    holder[path[-1]] = None
    message = "Something went wrong while executing your query. This may be the result of a timeout."
    response.body = {**said, "errors": [*said.get("errors", []), {"message": message, "path": path}]}


def _nullable(data: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[Any, list[str | int]]]:
    """The places of an answer that may be null by the schema: what was asked for at the top, and members of lists of nodes."""
    if isinstance(data, dict):
        for name, value in data.items():
            if not path and isinstance(value, dict) and name not in ("viewer", "rateLimit"):
                yield data, [name]
            yield from _nullable(value, (*path, name))
    elif isinstance(data, list) and path[-1] == "nodes":
        for index, value in enumerate(data):
            if isinstance(value, dict):
                yield data, [*path, index]


def _words(host: Host, message: str, status: int) -> dict[str, object]:
    """An error in the words of the host."""
    if host == "jira":
        return {"errorMessages": [message], "errors": {}}
    if host == "azure_devops":
        return {
            "$id": "1",
            "innerException": None,
            "message": message,
            "typeName": "",
            "typeKey": "",
            "errorCode": 0,
            "eventId": 0,
        }
    return {"message": message, "documentation_url": "https://docs.github.com/rest", "status": str(status)}


@dataclass
class Entry:
    """One request in the ledger. It never holds the token."""

    n: int
    at: str
    host: Host
    method: str
    path: str
    query: str
    status: int
    """0 when the connection was reset instead of answered."""
    token_kind: str
    bytes: int
    operation: str | None = None
    """The GraphQL document."""
    variables: dict[str, object] | None = None
    fault: str | None = None


@dataclass
class Ledger:
    """Every request that came, but those to the sandbox itself."""

    entries: list[Entry] = field(default_factory=list)
    count: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def record(
        self, request: Request, host: Host, status: int, token_kind: str, size: int, fault: Fault | None
    ) -> None:
        """One more."""
        operation, variables = _operation(request) if host == "graphql" else (None, None)
        at = datetime.now(UTC).isoformat(timespec="milliseconds")
        with self._lock:
            self.count += 1
            self.entries.append(
                Entry(
                    n=self.count,
                    at=at,
                    host=host,
                    method=request.method,
                    path=request.path,
                    query=request.query_string,
                    status=status,
                    token_kind=token_kind,
                    bytes=size,
                    operation=operation,
                    variables=variables,
                    fault=fault.kind if fault else None,
                )
            )

    def clear(self) -> None:
        """Begin again from 1."""
        with self._lock:
            self.entries.clear()
            self.count = 0


def _operation(request: Request) -> tuple[str | None, dict[str, object] | None]:
    try:
        body = json.loads(request.body)
    except ValueError:
        return None, None
    if not isinstance(body, dict):
        return None, None
    query, variables = body.get("query"), body.get("variables")
    return (query if isinstance(query, str) else None), (variables if isinstance(variables, dict) else None)


class Latency(BaseModel):
    """How long every answer waits."""

    model_config = ConfigDict(extra="forbid")

    seconds: Annotated[float, Field(ge=0, le=60)]
