"""What became of one request: which failures may be cured by asking again, and what to tell the reader of the others."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http.client import RemoteDisconnected
from typing import NoReturn
from urllib.parse import urlsplit

import requests
from requests.exceptions import (
    ChunkedEncodingError,
    ConnectionError,  # noqa: A004
    ConnectTimeout,
    ContentDecodingError,
    ProxyError,
    SSLError,
    Timeout,
)
from urllib3.exceptions import NameResolutionError, NewConnectionError

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Platform
from bot.platforms.redaction import redact

_SERVER_FAILED = frozenset({500, 502, 503, 504})
_PAGE_PAUSE = 0.1

_ADDRESS = {
    Platform.GITHUB: "GITHUB_API_URL",
    Platform.AZURE_DEVOPS: "SYSTEM_COLLECTIONURI",
    Platform.JIRA: "JIRA_URL",
}
_TOKEN = {
    Platform.GITHUB: "GITHUB_TOKEN, GH_TOKEN or the GitHub App's key",
    Platform.AZURE_DEVOPS: "AZURE_DEVOPS_EXT_PAT or SYSTEM_ACCESSTOKEN",
    Platform.JIRA: "JIRA_EMAIL and JIRA_API_TOKEN, or JIRA_TOKEN",
}


class Misshapen(PlatformError):  # noqa: N818 - reads as what it says
    """An answer came, and is not of the form that it must have."""


class Again(Exception):  # noqa: N818 - an order, not an error
    """The request may be repeated; ``failure`` is what is said when that no longer helps."""

    def __init__(self, failure: PlatformError, why: str, limited: Limited | None = None) -> None:
        super().__init__(str(failure))
        self.failure = failure
        self.why = why
        self.limited = limited
        self.wait: float | None = None
        """Seconds that the server asks for; None: a little longer each time."""
        self.counts = limited is None or (limited.seconds == 0 and not limited.secondary)
        """Whether it is one of the failures that a request may have."""
        self.after: Callable[[], None] = lambda: None
        """What is done when it has been waited for."""

    def beyond(self, max_wait: float, seconds: float) -> PlatformError:
        """What is said when waiting is not allowed for so long."""
        if self.failure.kind is not UnknownKind.LIMIT:
            return self.failure
        return PlatformError(
            f"{self.failure} It asks to wait {seconds:.0f} more seconds; this run may wait {max_wait:.0f} in all. "
            "Run again later, or allow a longer wait (scan --max-wait).",
            UnknownKind.LIMIT,
        )


def host(request: requests.PreparedRequest) -> str:
    """The host that was asked."""
    return urlsplit(request.url or "").netloc


def what(request: requests.PreparedRequest) -> str:
    """What was asked, without secrets: ``GET https://api.github.com/repos/acme/payments``."""
    return redact(f"{request.method} {request.url}")


class TokenRefused(PlatformError):  # noqa: N818 - an answer of the platform
    """The credential itself is not accepted."""


def refused_token(platform: Platform, asked: str, detail: str = "") -> TokenRefused:
    """The credential itself is not accepted."""
    words = f" ({redact(detail)})" if detail else ""
    where = _TOKEN.get(platform, "the environment")
    return TokenRefused(
        f"{asked}: the token was refused or has expired{words}. Renew it, and give it in {where}.",
        UnknownKind.SCOPE,
    )


def is_anonymous(platform: Platform, response: requests.Response) -> bool:
    """Whether a credential is nobody's any more: revoked, or expired.

    Azure DevOps answers 401 to a token that lacks a scope, too, but tells whose it is. Its sign-in has a status of its own.
    """
    status = response.status_code
    if platform is not Platform.AZURE_DEVOPS:
        return bool(status == requests.codes.unauthorized)
    if status == requests.codes.non_authoritative_info:
        return True
    return bool(status == requests.codes.unauthorized) and "X-VSS-UserData" not in response.headers


def explain(
    platform: Platform, request: requests.PreparedRequest, wrong: requests.RequestException, repeatable: bool
) -> NoReturn:
    """There was no whole answer. Raises ``Again`` where repeating is safe, else ``PlatformError``."""
    failure, unsent = _explained(platform, request, wrong)
    if isinstance(wrong, SSLError):
        raise failure from wrong  # a certificate does not get better by asking again
    if unsent or repeatable:
        raise Again(failure, f"{host(request)} {_happened(wrong)}") from wrong
    raise failure from wrong


def _happened(wrong: requests.RequestException) -> str:
    if isinstance(wrong, ChunkedEncodingError | ContentDecodingError):
        return "sent an answer that was cut off"
    if isinstance(wrong, Timeout) and not isinstance(wrong, ConnectTimeout):
        return "did not answer in time"
    if any(isinstance(reason, ConnectionResetError | RemoteDisconnected) for reason in _chain(wrong)):
        return "closed the connection"
    return "could not be reached"


def judge(platform: Platform, request: requests.PreparedRequest, response: requests.Response, repeatable: bool) -> None:
    """An answer has come. Raises ``Again`` or ``PlatformError`` where it is none that the server meant for us."""
    status = response.status_code
    limited = limit(response)
    if limited is not None:
        asked = what(request)
        failure = PlatformError(f"{asked}: {host(request)} says that too much was asked of it.", UnknownKind.LIMIT)
        raise Again(failure, f"{host(request)} limits the rate", limited=limited)
    if status in _SERVER_FAILED:
        failure = PlatformError(
            f"{what(request)}: the server failed with {status} {redact(_words(response))}. "
            f"Run again later; see the status page of {host(request)}.",
            UnknownKind.TRANSIENT,
        )
        if repeatable:
            raise Again(failure, f"{host(request)} answered {status}")
        raise failure
    if platform is Platform.AZURE_DEVOPS and status == requests.codes.non_authoritative_info:
        _signed_out(platform, request, "it answered 203, which is its sign-in", repeatable)
    if platform is Platform.GITHUB and status == requests.codes.accepted and request.method == "GET":
        failure = PlatformError(
            f"{what(request)}: GitHub is still working the answer out. Run again in a minute.", UnknownKind.TRANSIENT
        )
        raise Again(failure, f"{host(request)} is working the answer out")
    if "html" in response.headers.get("Content-Type", "") and status < requests.codes.bad_request and response.content:
        words = "a sign-in page came instead of JSON; a wrong address or a proxy would look the same"
        _signed_out(platform, request, words, repeatable)
    if _is_cut(response):
        failure = PlatformError(
            f"{what(request)}: the answer was cut off after {len(response.content)} bytes. Run again.",
            UnknownKind.TRANSIENT,
        )
        if repeatable:
            raise Again(failure, f"an answer of {host(request)} was cut off")
        raise failure


def _signed_out(platform: Platform, request: requests.PreparedRequest, words: str, repeatable: bool) -> NoReturn:
    """A page for people came. A proxy, or a server that is ill, sends one now and then: that is no word about the token."""
    failure = refused_token(platform, what(request), words)
    if repeatable:
        again = Again(failure, f"{host(request)} answered with a page instead of JSON")
        again.wait = _PAGE_PAUSE
        raise again
    raise failure


@dataclass(frozen=True, slots=True)
class Limited:
    """That a server refused for a limit."""

    seconds: float
    """How long to wait; 0: nothing is known of that."""
    asked: bool = False
    """Whether the server said so."""
    secondary: bool = False


@dataclass(frozen=True, slots=True)
class Told:
    """What an answer says of the allowance that it was taken from."""

    resource: str
    limit: int
    remaining: int
    seconds: float
    """Until it begins anew."""
    reset: float
    """The instant of that."""


def limit(response: requests.Response) -> Limited | None:
    """How the server refused for a limit; None where it did not.

    GitHub says it with 429, with 403, or with 200 and a GraphQL error.
    """
    status = response.status_code
    start = response.content[:2000].lower() if status in (200, 403, 429) else b""
    is_limit = (
        status == requests.codes.too_many_requests
        or (status == requests.codes.forbidden and (b"rate limit" in start or b"abuse detection" in start))
        or (status == requests.codes.ok and b'"rate_limited"' in start and b'"errors"' in start)
    )
    if not is_limit:
        return None
    secondary = b"secondary" in start or b"abuse" in start
    asked = _seconds(response.headers.get("Retry-After"))
    if asked is not None:
        return Limited(asked, asked=True, secondary=secondary)
    left = told(response)
    if left is not None and left.remaining == 0:
        return Limited(max(1.0, left.seconds), asked=True)
    return Limited(0.0, secondary=secondary)


def told(response: requests.Response, resource: str = "") -> Told | None:
    """What the answer's head says of the allowance. By the server's own clock, where it tells it: ours may be wrong."""
    headers = response.headers
    remaining, reset = headers.get("x-ratelimit-remaining", ""), headers.get("x-ratelimit-reset", "")
    if not _is_number(remaining) or not _is_number(reset):
        return None
    total = headers.get("x-ratelimit-limit", "")
    now = time.time()
    with contextlib.suppress(ValueError, TypeError):
        now = parsedate_to_datetime(headers.get("Date", "")).timestamp()
    named = headers.get("x-ratelimit-resource") or resource
    at = float(reset)
    return Told(named, int(float(total)) if _is_number(total) else 0, int(float(remaining)), max(0.0, at - now), at)


def delay(response: requests.Response) -> float:
    """Seconds that Azure DevOps held a request back, for too much was asked: whoever goes on so is refused."""
    said = response.headers.get("X-RateLimit-Delay", "")
    return float(said) if _is_number(said) else 0.0


def _is_number(text: str) -> bool:
    return text.replace(".", "", 1).isdigit()


def slow_down(response: requests.Response) -> float | None:
    """Azure DevOps sends Retry-After with an answer that it did give: pause before the next request."""
    return _seconds(response.headers.get("Retry-After")) if response.ok else None


def _seconds(value: str | None) -> float | None:
    if not value:
        return None
    if _is_number(value):
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except ValueError:
        return None


def _explained(
    platform: Platform, request: requests.PreparedRequest, wrong: requests.RequestException
) -> tuple[PlatformError, bool]:
    """The failure in words, and whether nothing of the request can have been sent."""
    asked = what(request)
    address = _ADDRESS.get(platform, "the address")
    reasons = _chain(wrong)
    unsent = False
    if isinstance(wrong, ProxyError):
        text = "the proxy could not be used. Check HTTPS_PROXY and NO_PROXY."
    elif isinstance(wrong, SSLError):
        text = (
            "the server's certificate was not accepted. If your network has a certificate authority of its own, name its "
            "file in REQUESTS_CA_BUNDLE."
        )
    elif any(isinstance(reason, NameResolutionError) for reason in reasons):
        text, unsent = (
            f"the name {urlsplit(request.url or '').hostname} is not known. Check {address} and your network.",
            True,
        )
    elif any(isinstance(reason, NewConnectionError | ConnectionRefusedError) for reason in reasons):
        text, unsent = f"the connection was refused. Check {address}, and whether the server runs.", True
    elif isinstance(wrong, Timeout):
        unsent = isinstance(wrong, requests.exceptions.ConnectTimeout)
        text = "there was no answer in time. Run again; if it stays so, check the network and the server."
    elif isinstance(wrong, ChunkedEncodingError):
        text = "the answer was cut off. Run again."
    elif isinstance(wrong, ConnectionError):
        text = "the connection was lost. Run again; if it stays so, check the network and any proxy."
    else:
        text = f"{redact(str(wrong))}. Check {address}."
    return PlatformError(f"{asked}: {text}", UnknownKind.TRANSIENT), unsent


def _chain(wrong: BaseException) -> list[BaseException]:
    """The exception with all that caused it, as requests and urllib3 nest them."""
    found: list[BaseException] = []
    waiting: list[object] = [wrong]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting.extend([*one.args, one.__cause__, one.__context__, getattr(one, "reason", None)])
    return found


def _words(response: requests.Response) -> str:
    """The first words of an error, when they are words."""
    if "html" in response.headers.get("Content-Type", ""):
        return f"({response.reason})"
    text = " ".join(response.text.split())[:200]
    return f"({text})" if text else f"({response.reason})"


def _is_cut(response: requests.Response) -> bool:
    """Whether a JSON body lacks its end. A closed one that is wrong inside is found by whoever parses it."""
    if "json" not in response.headers.get("Content-Type", ""):
        return False
    body = response.content.strip()
    ends = {b"{": b"}", b"[": b"]"}
    return bool(body) and body[:1] in ends and not body.endswith(ends[body[:1]])
