"""Keeps secrets out of everything that is shown or kept: registered ones by their text, others by their shape."""

from __future__ import annotations

import base64
import re
import threading
from urllib.parse import quote

HIDDEN = "***"

_SHORTEST = 6
"""A shorter secret would blot out ordinary words, and protects nothing."""

_SHAPES: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\Z)", re.DOTALL), HIDDEN),
    (re.compile(r"\bgh[pousr]_[A-Za-z0-9]{16,}"), HIDDEN),
    (re.compile(r"\bgithub_pat_[A-Za-z0-9_]{16,}"), HIDDEN),
    # JSON Web Tokens: GitHub Apps, Azure's access tokens.
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"), HIDDEN),
    # Azure DevOps: 52 characters of base32 until 2024; since then 84 that carry a signature.
    (re.compile(r"\b[A-Za-z0-9]{60,80}AZDO[A-Za-z0-9]{4}\b"), HIDDEN),
    (re.compile(r"\b[a-z2-7]{52}\b"), HIDDEN),
    (re.compile(r"(?i)(\bauthorization['\"]?\s*[:=]\s*['\"]?)(?:[a-z]+\s+)?[^\s'\",}]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{16,}"), rf"\1 {HIDDEN}"),
    (re.compile(r"(?i)([?&](?:access_token|token|sig|code|client_secret|password|key)=)[^&\s'\"]+"), rf"\1{HIDDEN}"),
    (re.compile(r"(?i)(\b[a-z][a-z0-9+.-]*://)[^/\s:@]*:[^/\s@]+@"), rf"\1{HIDDEN}@"),
)

_lock = threading.Lock()
_secrets: tuple[str, ...] = ()


def register(secret: str | None) -> None:
    """From now on this secret is hidden wherever it appears: as it is, quoted for a URL, or as basic authentication.

    The registry is the process's own, so that an error raised anywhere can be cleaned without having been handed anything.
    """
    global _secrets
    if not secret or len(secret.strip()) < _SHORTEST:
        return
    text = secret.strip()
    forms = {text, quote(text, safe="")}
    for user in ("", "x-access-token", "pat"):
        forms.add(base64.b64encode(f"{user}:{text}".encode()).decode())
    with _lock:
        _secrets = tuple(sorted({*_secrets, *forms}, key=len, reverse=True))


def redact(text: str) -> str:
    """The text without any registered secret and without anything that has the shape of a token."""
    for secret in _secrets:
        if secret in text:
            text = text.replace(secret, HIDDEN)
    for shape, replacement in _SHAPES:
        text = shape.sub(replacement, text)
    return text
