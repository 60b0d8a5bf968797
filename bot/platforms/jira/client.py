"""Requests to one Jira: Cloud with an e-mail and an API token, Data Center with a personal access token.

Nothing here was tried on a real Jira: what it sends and understands is what Atlassian documents.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar
from urllib.parse import quote, urljoin, urlsplit

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Platform
from bot.platforms.answers import refused_token
from bot.platforms.redaction import redact, register
from bot.platforms.transport import REPEATABLE, Transport

T = TypeVar("T")
Json: TypeAlias = Any
"""JSON as Jira sends it: its shape is checked where it is read."""

_HERE = frozenset({"127.0.0.1", "localhost", "::1"})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
GATEWAY = "api.atlassian.com"
"""Where tokens with scopes go; it is not the site that people see."""


class Missing(Exception):  # noqa: N818 - an answer, not an error
    """404: it is not there, or not for this token. Jira does not tell the two apart."""


class JiraClient:
    """One Jira, and one credential."""

    def __init__(self, url: str, *, token: str, email: str | None = None, transport: Transport) -> None:
        """Make a client; nothing is asked yet. Raises ``PlatformError`` for an address that the token is not sent to.

        Args:
            url: the site's address, as people see it: ``https://acme.atlassian.net``, ``https://jira.acme.example/jira``.
            token: with ``email`` the API token of an account on Jira Cloud; else a personal access token of Data Center.
            email: the account's e-mail address.
            transport: sends the requests.
        """
        self.url = url.strip().rstrip("/")
        self.cloud = email is not None
        self._transport = transport
        try:
            parts = urlsplit(self.url)
            host = parts.hostname or ""
        except ValueError:
            parts, host = urlsplit(""), ""
        if "@" in parts.netloc:
            raise PlatformError(
                "JIRA_URL holds a name or a password before the @. Give the address without them, and the token by itself."
            )
        if parts.scheme not in ("http", "https") or not host or parts.query or parts.fragment:
            raise PlatformError(
                f"JIRA_URL is no address of a Jira: {redact(url)!r}. It takes one such as https://acme.atlassian.net."
            )
        if parts.scheme == "http" and host not in _HERE:
            raise PlatformError(
                f"JIRA_URL is http://{host}: no token is sent there unencrypted. Give its https:// address."
            )
        self.host = host.lower()
        """The host of the site, in lower case; the gateway's where the address is that."""
        self.site = "" if self.host == GATEWAY else self.url
        register(token)
        if email is None:
            self._authorization = f"Bearer {token}"
        else:
            signed = base64.b64encode(f"{email}:{token}".encode()).decode()
            register(signed)
            self._authorization = f"Basic {signed}"

    @property
    def token_names(self) -> str:
        """Where the credential is given."""
        return "JIRA_EMAIL and JIRA_API_TOKEN" if self.cloud else "JIRA_TOKEN"

    def gather(self, tasks: Sequence[Callable[[], T]]) -> list[T]:
        """Several readings at once."""
        return self._transport.gather(tasks)

    def get(self, path: str, query: Mapping[str, str]) -> Json:
        """One document. Raises ``Missing`` and ``PlatformError``."""
        return self._send("GET", path, query=query)

    def ask(self, path: str, body: Json) -> Json:
        """A POST that only reads. Raises ``Missing`` and ``PlatformError``."""
        return self._send("POST", path, body=body)

    def _send(self, method: str, path: str, query: Mapping[str, str] | None = None, body: Json = None) -> Json:
        address = f"{self.url}/rest/api/{3 if self.cloud else 2}/{quote(path)}"
        asked = redact(f"{method} {address}")
        response = self._transport.session(Platform.JIRA).request(
            method,
            address,
            params=query,
            json=body,
            headers={"Authorization": self._authorization, "Accept": "application/json", REPEATABLE: "yes"},
            allow_redirects=False,
        )
        status = response.status_code
        if status in _REDIRECTS:
            there = urlsplit(urljoin(address, response.headers.get("Location", "")))
            raise PlatformError(
                f"{asked}: it redirects to {redact(f'{there.scheme}://{there.netloc}')}, and the token is not sent on. Set "
                "JIRA_URL to the address that Jira itself answers at.",
                UnknownKind.SCOPE,
            )
        if status == 401 or "AUTHENTICATED_FAILED" in response.headers.get("X-Seraph-LoginReason", ""):
            raise refused_token(Platform.JIRA, asked)
        if status == 403:
            raise PlatformError(
                f"{asked}: Jira refuses this account (403{_said(response)}). It must be allowed to use Jira and to browse the "
                f"project; on Data Center, sign in once in a browser where a captcha is asked for. {self.token_names} name it.",
                UnknownKind.SCOPE,
            )
        if status == 404:
            raise Missing(redact(_said(response)))
        if not response.ok:
            other = "Data Center (JIRA_TOKEN)" if self.cloud else "Jira Cloud (JIRA_EMAIL and JIRA_API_TOKEN)"
            raise PlatformError(
                f"{asked}: Jira answered {status}{_said(response)}. Check JIRA_URL, and that it is no {other}.",
                UnknownKind.UNREADABLE,
            )
        try:
            return response.json()
        except ValueError:
            raise PlatformError(
                f"{asked}: what came is not JSON. Check that JIRA_URL is the address of a Jira.", UnknownKind.UNREADABLE
            ) from None


def _said(response: Any) -> str:
    """Jira's own words about an error."""
    try:
        document = response.json()
    except ValueError:
        return ""
    words = document.get("errorMessages") if isinstance(document, dict) else None
    text = " ".join(str(word) for word in words) if isinstance(words, list) else ""
    return f": {redact(text[:300])}" if text else ""
