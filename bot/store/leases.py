"""Who works at a run: a hold on it that ends with the process, whatever ends that.

On SQLite it is a lock on a file beside the database, on PostgreSQL a lock of the session; neither outlives a ``kill -9``.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection
from pathlib import Path
from typing import Protocol

from filelock import FileLock, Timeout
from sqlalchemy import Connection, func, select

from bot.store.address import Place

_ENDING = ".lock"


class Lease(Protocol):
    """A hold on one run."""

    def release(self, *, over: bool) -> None:
        """Let go of it. ``over``: nobody will work at the run any more."""
        ...


class _FileLease:
    def __init__(self, path: Path, lock: FileLock) -> None:
        self._path = path
        self._lock = lock

    def release(self, *, over: bool) -> None:
        """Of a run that is not over the file stays: whoever takes the run on has to find this very file."""
        self._lock.release()
        if over:
            self._path.unlink(missing_ok=True)


class _SessionLease:
    def __init__(self, connection: Connection, key: int) -> None:
        self._connection = connection
        self._key = key

    def release(self, *, over: bool) -> None:  # noqa: ARG002 - the server keeps nothing of it
        """A session that is closed has let go of everything, but a pool may keep it open."""
        if not self._connection.invalidated:
            with self._connection.begin():
                self._connection.execute(select(func.pg_advisory_unlock(self._key)))


def take(place: Place, connection: Connection, run: str) -> Lease | None:
    """The hold on a run, if nobody has it."""
    if place.path is None:
        return _of_session(connection, run)
    path = _beside(place.path, run)
    lock = FileLock(path, timeout=0, thread_local=False)
    try:
        lock.acquire()
    except Timeout:
        return None
    return _FileLease(path, lock)


def sweep(place: Place, unfinished: Collection[str]) -> None:
    """Delete the lock files of runs that are over: what a process leaves that ends between the two."""
    if place.path is None:
        return
    for path in place.path.parent.glob(f"{_escaped(place.path.name)}.*{_ENDING}"):
        if path.name[len(place.path.name) + 1 : -len(_ENDING)] not in unfinished:
            path.unlink(missing_ok=True)


def _beside(database: Path, run: str) -> Path:
    return database.with_name(f"{database.name}.{run}{_ENDING}")


def _escaped(name: str) -> str:
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _of_session(connection: Connection, run: str) -> Lease | None:
    # The server's locks are numbers. One that stands for two runs would only keep a run from being resumed.
    key = int.from_bytes(hashlib.sha256(f"almguard run {run}".encode()).digest()[:8], "big", signed=True)
    if not connection.scalar(select(func.pg_try_advisory_lock(key))):
        return None
    return _SessionLease(connection, key)
