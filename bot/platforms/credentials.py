"""Several credentials of one platform, among which reading is spread: an hour's allowance for each."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from requests import PreparedRequest

from bot.engine.ports import PlatformError


class Pool:
    """Credentials, as the headers that they are sent in."""

    def __init__(self, headers: Sequence[str], notice: Callable[[str], None]) -> None:
        self._headers = tuple(headers)
        self._notice = notice
        self._refused: set[str] = set()
        self._lock = threading.Lock()

    def __contains__(self, header: object) -> bool:
        return header in self._headers

    def choose(self, request: PreparedRequest, busy: Callable[[str], float]) -> str:
        """The credential for a request: for one address always the same, so that its ETag is of use, unless that has to wait.

        ``busy`` tells how long one has to wait; where all have to, it is the one that has to for the shortest time.
        """
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        what = (request.url or "").encode() + b"\0" + body
        with self._lock:
            able = [header for header in self._headers if header not in self._refused] or list(self._headers[:1])
        ranked = sorted(able, key=lambda header: hashlib.blake2b(what, key=_digest(header)).digest())
        return min(ranked, key=busy)  # of equals the first

    def has_other(self, busy: Callable[[str], float]) -> bool:
        """Whether there is one that has not to wait."""
        with self._lock:
            return any(busy(header) == 0 for header in self._headers if header not in self._refused)

    def refuse(self, header: str) -> bool:
        """The platform no longer accepts it; whether there are others."""
        with self._lock:
            others = [each for each in self._headers if each != header and each not in self._refused]
            if header in self._refused or not others:
                return bool(others)
            self._refused.add(header)
        number, total = self._headers.index(header) + 1, len(self._headers)
        self._notice(
            f"the {ordinal(number)} of {total} tokens is refused: it was revoked or has expired; the others go on"
        )
        return True


@dataclass(frozen=True, slots=True)
class Sight:
    """What one credential sees of a target."""

    who: str
    kind: str
    """Of credential, in words."""
    repositories: int
    digest: str
    """Of the repositories, and of what it may do with them, as far as one request tells."""


def compare(variable: str, target: str, sights: Sequence[Sight]) -> None:
    """Raises ``PlatformError`` where credentials do not see the same: results would depend on which one asked."""
    first = sights[0]
    for number, other in enumerate(sights[1:], start=2):
        if other.kind != first.kind:
            what = f"the 1st is {first.kind}, the {ordinal(number)} is {other.kind}"
        elif other.repositories != first.repositories:
            what = (
                f"the 1st ({first.who}) sees {first.repositories} repositories, the {ordinal(number)} ({other.who}) "
                f"{other.repositories}"
            )
        elif other.digest != first.digest:
            what = f"the 1st ({first.who}) sees other repositories than the {ordinal(number)} ({other.who}), or may do others"
        else:
            continue
        raise PlatformError(
            f"The tokens of {variable} do not see the same of {target}: {what}. What is found would depend on chance. Give "
            "tokens with the same access, or only one."
        )


def ordinal(number: int) -> str:
    """``1st``, ``2nd``."""
    ending = "th" if 10 < number % 100 < 14 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def _digest(header: str) -> bytes:
    return hashlib.blake2b(header.encode(), digest_size=16).digest()
