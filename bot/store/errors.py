"""What a database says, in words: what went wrong, where, and what to do next."""

from __future__ import annotations

import errno
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from bot.engine.runs import StoreError
from bot.store.address import Place

_SAID_LIMIT = 300

_FILE = {
    "not a database": "it is no SQLite database: name another file",
    "malformed": "the file is damaged: restore it from a backup, or name another file",
    "disk is full": "the disk is full: make room, then run the same command again, which goes on where this one ended",
    "disk i/o": "the disk failed; see the system's log, or name a file on another one",
    "readonly": "it may not be written: see the rights of the file and of its folder, or name another file",
    "unable to open": "it cannot be opened: see the rights of the file and of its folder, or name another file",
    "locked": "another process has kept it locked for too long: try again when that has ended",
}
"""By what SQLite says."""

_SERVER = {
    "28": "the user name or the password is wrong, or the server does not let this user in from here; PGPASSWORD or a "
    "password file may give the password",
    "3D": "there is no such database: create it first",
    "42501": "the user may not do that: docs/store.md lists the rights that are needed",
    "53100": "the server's disk is full: make room, then run the same command again, which goes on where this one ended",
    "53300": "the server takes no more connections: try again later",
    "57": "the server is ending or starting: try again later",
}
"""By the beginning of PostgreSQL's code."""

_REACHING = {
    "authentication failed": _SERVER["28"],
    "no password supplied": _SERVER["28"],
    "pg_hba": _SERVER["28"],
    "does not exist": "there is no such database or user: create it first",
    "too many": _SERVER["53300"],
}
"""By what the client library says, which has no code where no connection came about."""


@contextmanager
def in_words(place: Place) -> Iterator[None]:
    """Whatever goes wrong with the database is told by a ``StoreError``."""
    try:
        yield
    except DBAPIError as error:
        raise StoreError(_words(place, error.orig)) from None
    except sqlite3.Error as error:
        raise StoreError(_words(place, error)) from None
    except SQLAlchemyError as error:
        said = _line(place, str(error))
        raise StoreError(f"the store {place.shown} cannot be used: {said}") from None
    except OSError as error:
        raise StoreError(f"the store {place.shown} cannot be used: {_of_the_system(error)}") from None


def _words(place: Place, error: BaseException | None) -> str:
    said = _line(place, str(error))
    if place.path is not None:
        todo = next((words for sign, words in _FILE.items() if sign in said.casefold()), "")
    else:
        code = getattr(error, "sqlstate", None) or ""
        todo = next((words for sign, words in _SERVER.items() if code.startswith(sign)), "")
        if not code:
            signs = (words for sign, words in _REACHING.items() if sign in said.casefold())
            todo = next(signs, "see whether the server runs, and whether it can be reached from here")
    return f"the store {place.shown} cannot be used: {todo + ' (' + said + ')' if todo else said}"


def _of_the_system(error: OSError) -> str:
    said = error.strerror or str(error)
    if isinstance(error, PermissionError) or error.errno == errno.EROFS:
        return f"{said}: see the rights of the file and of its folder, or name another file"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"{said}: make room, then run the same command again, which goes on where this one ended"
    return f"{said}: name another file"


def _line(place: Place, said: str) -> str:
    return place.without_secrets(" ".join(said.split()))[:_SAID_LIMIT]
