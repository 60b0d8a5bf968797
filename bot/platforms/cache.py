"""What is kept on disk between runs: answers to be confirmed by their ETag, and the texts of files by their hash.

One SQLite file, which several processes may use at once. It is never needed: where it cannot be read, or written, a run goes on
without it and says so. Who may write to it decides what a run sees of an answer that is confirmed, so nobody else may.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

from filelock import FileLock

from bot.platforms.kept import Entry

FILE = "answers-1.sqlite"
"""With the version of its form in its name: what an older version left behind is not looked at."""
ASIDE = ".damaged"

_ROOM = 512 * 1024 * 1024
_OURS = 0x616C6D67
"""SQLite's ``application_id``: another program's file is told by it."""
_ROW = 200
"""Bytes that an entry takes besides."""
_PENDING = 256
_PENDING_BYTES = 8 * 1024 * 1024
_FLUSHES = 16
"""After so many the size is looked at, for a run that is killed never comes to its end."""
_PATIENCE = 5.0
"""Seconds that another process may keep the file for itself."""
_TABLES = """
CREATE TABLE IF NOT EXISTS about (name TEXT PRIMARY KEY, value);
CREATE TABLE IF NOT EXISTS entries (
    key BLOB PRIMARY KEY, used INTEGER NOT NULL, size INTEGER NOT NULL,
    seal BLOB NOT NULL, head TEXT NOT NULL, body BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS by_use ON entries (used, size);
"""


class Cache:
    """The file. Safe between threads; closed once, by whoever opened it."""

    def __init__(self, folder: Path, *, room: int = _ROOM, notice: Callable[[str], None] = lambda _: None) -> None:
        """Open it, or make it.

        Args:
            folder: where it lies, or is to lie; nobody else may read it.
            room: bytes that it may hold; what was not used for the longest time goes first.
            notice: told, in words, why it is not used, or was set aside.
        """
        self.path = folder / FILE
        self._room = room
        self._notice = notice
        self._lock = threading.Lock()
        self._pending: dict[bytes, tuple[str, bytes, bytes]] = {}
        self._pending_bytes = 0
        self._touched: set[bytes] = set()
        self._flushes = 0
        self._file: sqlite3.Connection | None = None
        self._run = 0
        self.key = os.urandom(32)
        """What names of unknown principals are digested with: it stays with the file."""
        self._open()

    def get(self, key: bytes) -> Entry | None:
        """What is kept under a key, whole and as it was kept; else None."""
        with self._lock:
            row = self._pending.get(key)
            if row is None and self._file is not None:
                with self._guarded():
                    query = "SELECT head, body, seal FROM entries WHERE key = ?"
                    found = self._file.execute(query, (key,)).fetchone()
                    row = found or None
                    self._touched.add(key)
        if row is None:
            return None
        head, body, seal = row
        try:
            if _seal(key, head, body) == seal:
                return Entry(json.loads(head), zlib.decompress(body))
        except (TypeError, ValueError, zlib.error):
            pass  # it is as good as gone, like one whose seal is broken
        self.drop(key)
        return None

    def keep(self, key: bytes, entry: Entry) -> bool:
        """Keep something, in the place of what had the key before; whether it can be kept."""
        body = zlib.compress(entry.body, 1)
        head = json.dumps(dict(entry.head))
        if self._file is None or len(body) > self._room // 8:
            return False
        with self._lock:
            self._pending[key] = head, body, _seal(key, head, body)
            self._pending_bytes += len(body)
            if len(self._pending) >= _PENDING or self._pending_bytes >= _PENDING_BYTES:
                self._flush()
        return True

    def drop(self, key: bytes) -> None:
        """Forget something."""
        with self._lock:
            self._pending.pop(key, None)
            if self._file is not None:
                with self._guarded():
                    self._file.execute("DELETE FROM entries WHERE key = ?", (key,))

    def close(self) -> None:
        """Write what is pending, make room, and let the file go."""
        with self._lock:
            self._flush()
            if self._file is not None:
                with self._guarded():
                    self._make_room()
            self._shut()

    def _flush(self) -> None:
        """Write what is pending, and what was used, at once."""
        pending, self._pending, self._pending_bytes = self._pending, {}, 0
        touched, self._touched = self._touched - set(pending), set()
        if self._file is None or not (pending or touched):
            return
        with self._guarded():
            self._file.execute("BEGIN IMMEDIATE")
            self._file.executemany(
                "INSERT OR REPLACE INTO entries (key, used, size, seal, head, body) VALUES (?, ?, ?, ?, ?, ?)",
                (
                    (key, self._run, len(head) + len(body) + _ROW, seal, head, body)
                    for key, (head, body, seal) in pending.items()
                ),
            )
            self._file.executemany(
                "UPDATE entries SET used = ? WHERE key = ? AND used < ?",
                ((self._run, key, self._run) for key in touched),
            )
            self._file.execute("COMMIT")
            self._flushes += 1
            if self._flushes % _FLUSHES == 0:
                self._make_room()

    def _make_room(self) -> None:
        assert self._file is not None
        (held,) = self._file.execute("SELECT coalesce(sum(size), 0) FROM entries").fetchone()
        if held <= self._room:
            return
        going, excess = [], held - self._room * 9 // 10
        for row, size in self._file.execute("SELECT rowid, size FROM entries ORDER BY used, rowid"):
            going.append((row,))
            excess -= size
            if excess <= 0:
                break
        self._file.execute("BEGIN IMMEDIATE")
        self._file.executemany("DELETE FROM entries WHERE rowid = ?", going)
        self._file.execute("COMMIT")
        self._file.execute("PRAGMA incremental_vacuum").fetchall()

    def _open(self) -> None:
        """One process at a time: two that begin together would take each other's half-made file for damaged."""
        with self._guarded(opening=True):
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with FileLock(f"{self.path}.lock", timeout=_PATIENCE, mode=0o600):
                with self._guarded(opening=True):
                    self._connect()
                if self._file is None and not self.path.exists():  # it was set aside: begin a new one
                    self._connect()

    def _connect(self) -> None:
        os.close(os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600))
        if hasattr(os, "geteuid") and self.path.stat().st_uid != os.geteuid():
            raise PermissionError("it belongs to somebody else")
        self.path.chmod(0o600)
        file = sqlite3.connect(self.path, timeout=_PATIENCE, isolation_level=None, check_same_thread=False)
        try:
            ours = file.execute("PRAGMA application_id").fetchone()[0]
            if ours not in (0, _OURS) or (ours == 0 and file.execute("SELECT 1 FROM sqlite_master").fetchone()):
                raise sqlite3.DatabaseError("it is another program's")
            if ours == 0:
                file.execute("PRAGMA auto_vacuum = INCREMENTAL")
            file.execute("PRAGMA journal_mode = WAL")
            file.execute("PRAGMA synchronous = NORMAL")
            if ours == 0:
                file.executescript(_TABLES)
                file.execute("INSERT OR IGNORE INTO about VALUES ('key', ?), ('run', 0)", (self.key,))
                file.execute(f"PRAGMA application_id = {_OURS}")
            file.execute("UPDATE about SET value = value + 1 WHERE name = 'run'")
            about = dict(file.execute("SELECT name, value FROM about"))
            self.key, self._run = bytes(about["key"]), int(about["run"])
        except (KeyError, TypeError, ValueError) as wrong:
            file.close()
            raise sqlite3.DatabaseError("it lacks what every such file has") from wrong
        except BaseException:
            file.close()
            raise
        self._file = file

    @contextlib.contextmanager
    def _guarded(self, *, opening: bool = False) -> Iterator[None]:
        """Whatever happens to the file, the run goes on: without it, or at the next run with a new one."""
        try:
            yield
        except (OSError, sqlite3.OperationalError) as wrong:
            busy = "locked" in str(wrong) or "busy" in str(wrong)
            if busy and not opening:
                self._roll_back()
                return  # another process has it for long: what was to be kept is fetched again by the next run
            self._shut()
            self._notice(f"the cache {self.path} cannot be used, and everything is fetched again: {wrong}")
        except sqlite3.DatabaseError as wrong:
            self._shut()
            aside = self.path.with_name(self.path.name + ASIDE)
            self._notice(f"the cache {self.path} is damaged or no cache ({wrong}): it is set aside as {aside.name}")
            with contextlib.suppress(OSError):
                self.path.replace(aside)
                for ending in ("-wal", "-shm"):
                    self.path.with_name(self.path.name + ending).unlink(missing_ok=True)

    def _roll_back(self) -> None:
        if self._file is not None and self._file.in_transaction:
            with contextlib.suppress(sqlite3.Error):
                self._file.execute("ROLLBACK")

    def _shut(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(sqlite3.Error):
                file.close()


def _seal(key: bytes, head: str, body: bytes) -> bytes:
    """Tells whether a row is the one that was written: disks lie, and a damaged index leads elsewhere."""
    return hashlib.blake2b(key + len(head).to_bytes(4, "big") + head.encode() + body, digest_size=16).digest()
