"""Requests and answers as the sandbox's applications see them, free of sockets."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass, field
from functools import cached_property
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, unquote


class NotJson(ValueError):  # noqa: N818 - reads as what it says
    """A request's body is not JSON."""


@dataclass
class Request:
    """One request. Header names are lower case; the path is as sent, still quoted."""

    method: str
    path: str
    query: dict[str, list[str]]
    headers: dict[str, str]
    body: bytes
    query_string: str = ""

    @classmethod
    def of(cls, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Request:
        """The request for a target such as ``/repos/acme/app?per_page=5``."""
        path, _, query = target.partition("?")
        values = parse_qs(query, keep_blank_values=True) if query else {}
        return cls(method, path, values, headers, body, query)

    def json(self) -> Any:
        """The body, read as JSON; None when there is none."""
        if not self.body.strip():
            return None
        try:
            return json.loads(self.body)
        except ValueError as wrong:
            raise NotJson(str(wrong)) from wrong

    def first(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        values = self.query.get(name)
        return values[0] if values else default

    @cached_property
    def segments(self) -> list[str]:
        """The parts of the path, unquoted."""
        return [unquote(part) for part in self.path.strip("/").split("/")]

    @cached_property
    def secret(self) -> str:
        """The credential sent along: a bearer's token, or the password of basic authentication. Empty without one."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        value = value.strip()
        if scheme.lower() in ("bearer", "token"):
            return value
        if scheme.lower() == "basic":
            try:
                user, _, password = base64.b64decode(value).decode().partition(":")
            except (binascii.Error, UnicodeDecodeError):
                return ""
            return password or user
        return ""


@dataclass
class Response:
    """One answer. A ``str`` or ``bytes`` body is sent as it is, None is an empty one, and anything else is sent as JSON."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)

    def encoded(self) -> bytes:
        """The body's bytes; gives the answer its content type when it has none."""
        if self.body is None:
            return b""
        if isinstance(self.body, bytes):
            return self.body
        if isinstance(self.body, str):
            self.headers.setdefault("Content-Type", "text/plain; charset=utf-8")
            return self.body.encode()
        self.headers.setdefault("Content-Type", "application/json; charset=utf-8")
        return json.dumps(self.body, separators=(",", ":"), ensure_ascii=False).encode()

    @property
    def reason(self) -> str:
        """The words beside the status."""
        try:
            return HTTPStatus(self.status).phrase
        except ValueError:
            return "Unknown"
