"""Whose credential a request carries, under a name that stays when the credential is renewed; never the credential."""

from __future__ import annotations

import hashlib
import os
import threading


class Principals:
    """Names by credential. One whose owner is not known is named by a digest that only this key gives."""

    def __init__(self, key: bytes | None = None) -> None:
        self._key = key or os.urandom(32)
        self._names: dict[bytes, str] = {}
        self._lock = threading.Lock()

    def learn(self, credential: str, name: str) -> None:
        """Say whose it is: a token, or the header that it was sent in."""
        with self._lock:
            self._names[self.digest(credential)] = name

    def name(self, credential: str) -> str:
        """Whose it is: ``user 4711``, or a digest of the credential itself."""
        digest = self.digest(credential)
        return self._names.get(digest) or f"credential {digest.hex()}"

    def knows(self, credential: str) -> bool:
        """Whether it is known whose it is."""
        return self.digest(credential) in self._names

    def digest(self, credential: str) -> bytes:
        """Of the credential without the word that says how it is sent."""
        text = credential.rpartition(" ")[2]
        return hashlib.blake2b(text.encode("utf-8", "replace"), key=self._key, digest_size=16).digest()
