"""What a thing is kept under between runs, and the texts of files by their hash. Imports no database: a gate keeps nothing."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Protocol

from bot.platforms.remote_files import blob_id

_ROOM = 32 * 1024 * 1024
"""Characters of texts that are remembered in memory."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing that is kept."""

    head: Mapping[str, str]
    body: bytes


class Keeper(Protocol):
    """Who keeps entries: ``cache.Cache``."""

    def get(self, key: bytes) -> Entry | None:
        """What is kept under a key, whole and as it was kept; else None."""
        ...

    def keep(self, key: bytes, entry: Entry) -> bool:
        """Keep something, in the place of what had the key before; whether it can be kept."""
        ...

    def drop(self, key: bytes) -> None:
        """Forget something."""
        ...


def key_of(*parts: str) -> bytes:
    """The key of what these parts name: who asked whom for what."""
    digest = hashlib.blake2b(digest_size=24)
    for part in parts:
        text = part.encode("utf-8", "surrogatepass")
        digest.update(len(text).to_bytes(4, "big") + text)
    return digest.digest()


class Blobs(MutableMapping[str, str]):
    """Texts of files by git's hash of them. On disk are only those that have this hash, which is tried on reading."""

    def __init__(self, cache: Keeper | None, host: str, principal: Callable[[], str]) -> None:
        self._cache = cache
        self._host = host
        self._principal = principal
        self._others: OrderedDict[str, str] = OrderedDict()
        """Those that a server has decoded by its own guess, and all where nothing is kept on disk: good for this run."""
        self._room = _ROOM
        self._lock = threading.Lock()

    def __getitem__(self, identity: str) -> str:
        with self._lock:
            if identity in self._others:
                self._others.move_to_end(identity)
                return self._others[identity]
        if self._cache is not None:
            key = self._key(identity)
            entry = self._cache.get(key)
            if entry is not None and blob_id(entry.body) == identity:
                with contextlib.suppress(UnicodeDecodeError):
                    return entry.body.decode()
            if entry is not None:
                self._cache.drop(key)
        raise KeyError(identity)

    def __setitem__(self, identity: str, text: str) -> None:
        data = text.encode("utf-8", "replace")
        kept = self._cache is not None and blob_id(data) == identity
        if not (kept and self._cache is not None and self._cache.keep(self._key(identity), Entry({}, data))):
            self._remember(identity, text)

    def _remember(self, identity: str, text: str) -> None:
        """Up to a bound: what was asked for longest ago goes first, and is fetched again if it must be."""
        with self._lock:
            self._room += len(self._others.pop(identity, ""))
            self._others[identity] = text
            self._room -= len(text)
            while self._room < 0 and len(self._others) > 1:
                self._room += len(self._others.popitem(last=False)[1])

    def __delitem__(self, identity: str) -> None:
        with self._lock:
            self._room += len(self._others.pop(identity, ""))
        if self._cache is not None:
            self._cache.drop(self._key(identity))

    def __iter__(self) -> Iterator[str]:
        """Those of this run alone: nobody goes through the file."""
        return iter(self._others)

    def __len__(self) -> int:
        return len(self._others)

    def _key(self, identity: str) -> bytes:
        return key_of("blob", self._host, self._principal(), identity)
