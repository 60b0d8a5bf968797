"""Faults that a test asks the sandbox for, and the ledger of what was asked of it."""

from __future__ import annotations

import json
import re
import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from bot.sandbox.wire import Response

if TYPE_CHECKING:
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


class Fault(BaseModel):
    """One fault, for every request whose ``METHOD /path`` the regular expression finds."""

    model_config = ConfigDict(extra="forbid")

    match: Annotated[str, AfterValidator(_pattern)] = ""
    times: int | None = 1
    """How often; null: until it is cleared."""
    skip: int = 0
    """How many matching requests go well before."""
    kind: Literal[
        "status",
        "rate_limit",
        "graphql_rate_limit",
        "secondary",
        "expired",
        "reset",
        "cut",
        "slow",
        "html",
        "not_json",
        "hold",
    ]
    status: int | None = None
    """For ``status`` (500) and ``html`` (203)."""
    retry_after: int = 1
    """Seconds, for the two limits; 0 sends no such header."""
    seconds: float = 1.0
    """For ``slow``: how long before the answer begins."""
    body: str | None = None
    """For ``status``: the body instead of the usual one."""


@dataclass
class Faults:
    """The faults that wait for their requests."""

    waiting: list[Fault] = field(default_factory=list)
    latency: float = 0.0
    held: int = 0
    """How many requests are held back now."""
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

    def take(self, request: Request) -> Fault | None:
        """The fault that this request meets, used up by it."""
        if not self.waiting:
            return None
        line = f"{request.method} {request.path}"
        with self._lock:
            for fault in self.waiting:
                if not re.search(fault.match, line):
                    continue
                if fault.skip > 0:
                    fault.skip -= 1
                    continue
                if fault.times is not None:
                    fault.times -= 1
                    if fault.times <= 0:
                        self.waiting.remove(fault)
                return fault
        return None


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
        case "expired":
            return Response(401, _words(host, "Bad credentials", 401))
        case "html":
            return Response(fault.status or 203, SIGN_IN, {"Content-Type": "text/html; charset=utf-8"})
        case "not_json":
            return Response(200, '{"cut', {"Content-Type": "application/json; charset=utf-8"})
        case "reset" | "cut" | "slow" | "hold":
            return None


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
