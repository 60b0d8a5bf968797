"""Answers that are asked for again with their ETag: a 304 costs no rate limit, and is never stale."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import OrderedDict
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

Key = tuple[str, str, str, str]

_ROOM = 32 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class _Kept:
    etag: str
    response: requests.Response
    size: int


class Revalidation:
    """Keeps answers in memory, each for the one credential that it was given to."""

    def __init__(self, room: int = _ROOM) -> None:
        self._room = room
        self._used = 0
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self.confirmed = 0
        """How many answers the server confirmed with a 304."""

    def prepare(self, request: requests.PreparedRequest) -> requests.Response | None:
        """Ask for the answer only if it has changed; gives the one that is known."""
        if request.method != "GET" or "If-None-Match" in request.headers:
            return None
        with self._lock:
            kept = self._kept.get(_key(request))
        if kept is None:
            return None
        request.headers["If-None-Match"] = kept.etag
        return kept.response

    def settle(
        self, request: requests.PreparedRequest, response: requests.Response, known: requests.Response | None
    ) -> requests.Response:
        """The answer: the known one where the server says that it still holds, else the new one, which is kept."""
        if response.status_code == requests.codes.not_modified and known is not None:
            with self._lock:
                self.confirmed += 1
                key = _key(request)
                if key in self._kept:  # another thread's answer may have taken its room meanwhile
                    self._kept.move_to_end(key, last=True)
            again = copy.copy(known)
            again.headers = known.headers.copy()
            again.headers.update(response.headers)
            again.request = request
            return again
        etag = response.headers.get("ETag")
        if request.method == "GET" and response.status_code == requests.codes.ok and etag:
            self._keep(_key(request), _Kept(etag, response, len(response.content)))
        return response

    def _keep(self, key: Key, kept: _Kept) -> None:
        with self._lock:
            old = self._kept.pop(key, None)
            self._used += kept.size - (old.size if old else 0)
            self._kept[key] = kept
            while self._used > self._room and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self._used -= dropped.size


def _key(request: requests.PreparedRequest) -> Key:
    """Host, principal, URL and Accept. The principal is a digest of the credential, so that nobody reads another's entry."""
    authorization = request.headers.get("Authorization", "")
    text = authorization if isinstance(authorization, str) else authorization.decode("latin-1")
    principal = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    url = request.url or ""
    return urlsplit(url).netloc, principal, url, str(request.headers.get("Accept", ""))
