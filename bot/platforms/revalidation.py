"""Answers that are asked for again with their ETag: a 304 costs no rate limit, and is never stale."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
from requests.structures import CaseInsensitiveDict
from requests.utils import get_encoding_from_headers

from bot.platforms.answers import Misshapen
from bot.platforms.kept import Entry, Keeper, key_of
from bot.platforms.principals import Principals

Key = tuple[str, str, str, str]

_ROOM = 32 * 1024 * 1024

_KEPT_HEADERS = ("etag", "link", "content-type", "last-modified", "x-ms-continuationtoken")
"""What of an answer's head goes to the disk: what is read again, and nothing that tells of the person or the token."""


@dataclass(frozen=True, slots=True)
class _Kept:
    etag: str
    response: requests.Response
    size: int


class Revalidation:
    """Keeps answers: in memory each for the one credential that it was given to, on disk for the principal whose that is.

    None is ever used before the server has confirmed it to the credential at hand. A token that may see less than the one that
    got an answer is refused by the server, and the refusal is what counts.
    """

    def __init__(self, principals: Principals, cache: Keeper | None = None, room: int = _ROOM) -> None:
        self._principals = principals
        self._cache = cache
        self._room = room
        self._used = 0
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._lock = threading.Lock()
        self._reading = threading.local()
        self.confirmed = 0
        """How many answers the server confirmed with a 304."""

    @contextmanager
    def reading(self) -> Iterator[None]:
        """What this thread is answered within is forgotten where it is misshapen: a 304 would confirm it for ever."""
        outer = getattr(self._reading, "asked", None)
        asked: list[requests.PreparedRequest] = []
        self._reading.asked = asked
        try:
            yield
        except Misshapen:
            for request in asked:
                self._forget(request)
            raise
        finally:
            self._reading.asked = outer

    def prepare(self, request: requests.PreparedRequest) -> requests.Response | None:
        """Ask for the answer only if it has changed; gives the one that is known."""
        if request.method != "GET" or "If-None-Match" in request.headers:
            return None
        with self._lock:
            kept = self._kept.get(_key(request))
        known = kept.response if kept is not None else self._from_disk(request)
        if known is not None:
            request.headers["If-None-Match"] = known.headers["ETag"]
        return known

    def settle(
        self, request: requests.PreparedRequest, response: requests.Response, known: requests.Response | None
    ) -> requests.Response:
        """The answer: the known one where the server says that it still holds, else the new one, which is kept."""
        if (asked := getattr(self._reading, "asked", None)) is not None and request.method == "GET":
            asked.append(request)
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
            self._to_disk(request, response)
        return response

    def _forget(self, request: requests.PreparedRequest) -> None:
        with self._lock:
            if (old := self._kept.pop(_key(request), None)) is not None:
                self._used -= old.size
        if self._cache is not None and (key := self._disk_key(request)) is not None:
            self._cache.drop(key)

    def _keep(self, key: Key, kept: _Kept) -> None:
        with self._lock:
            old = self._kept.pop(key, None)
            self._used += kept.size - (old.size if old else 0)
            self._kept[key] = kept
            while self._used > self._room and self._kept:
                _, dropped = self._kept.popitem(last=False)
                self._used -= dropped.size

    def _from_disk(self, request: requests.PreparedRequest) -> requests.Response | None:
        key = self._disk_key(request)
        entry = self._cache.get(key) if self._cache is not None and key is not None else None
        if entry is None or "etag" not in entry.head:
            return None
        return _response(request, entry.head, entry.body)

    def _to_disk(self, request: requests.PreparedRequest, response: requests.Response) -> None:
        key = self._disk_key(request)
        if self._cache is None or key is None or "no-store" in response.headers.get("Cache-Control", ""):
            return
        head = {name: response.headers[name] for name in _KEPT_HEADERS if name in response.headers}
        self._cache.keep(key, Entry(head, response.content))

    def _disk_key(self, request: requests.PreparedRequest) -> bytes | None:
        """Host, principal (with its permissions), URL and Accept: a renewed token finds what the one before it was given."""
        authorization = _authorization(request)
        if self._cache is None or not authorization:
            return None
        if not self._principals.knows(authorization) and authorization.rpartition(" ")[2].startswith("eyJ"):
            return None  # a claim that is signed anew for each use: nobody would find it again
        url = request.url or ""
        principal = self._principals.name(authorization)
        return key_of("answer", urlsplit(url).netloc, principal, url, str(request.headers.get("Accept", "")))


def _response(request: requests.PreparedRequest, head: Mapping[str, str], body: bytes) -> requests.Response:
    """An answer as it was when it came."""
    response = requests.Response()
    response.status_code = requests.codes.ok
    response.reason = "OK"
    response.headers = CaseInsensitiveDict(head)
    response.encoding = get_encoding_from_headers(response.headers)
    response.url = request.url or ""
    response.request = request
    response._content = body
    response._content_consumed = True  # type: ignore[attr-defined]
    return response


def _authorization(request: requests.PreparedRequest) -> str:
    header = request.headers.get("Authorization", "")
    return header if isinstance(header, str) else header.decode("latin-1")


def _key(request: requests.PreparedRequest) -> Key:
    """Host, credential, URL and Accept. The credential is a digest, so that nobody reads another's entry."""
    credential = hashlib.blake2b(_authorization(request).encode(), digest_size=16).hexdigest()
    url = request.url or ""
    return urlsplit(url).netloc, credential, url, str(request.headers.get("Accept", ""))
