"""Where a store is: a file, or a database by its URL. What is shown of it has no password."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, quote_plus

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from bot.engine.runs import StoreError

_SECRET = ("password", "sslpassword")
"""What of a URL's query is never shown."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a store is."""

    url: URL
    path: Path | None
    """The file, where it is one."""

    @property
    def shown(self) -> str:
        """For people."""
        if self.path is not None:
            return str(self.path)
        url = self.url.difference_update_query(_SECRET).set(drivername="postgresql")
        return url.render_as_string(hide_password=True)

    def without_secrets(self, text: str) -> str:
        """What a driver said, as it may be shown."""
        secrets = [self.url.password, *(self.url.query.get(name) for name in _SECRET)]
        for secret in secrets:
            if isinstance(secret, str) and secret:
                for spelling in {secret, quote(secret, safe=""), quote_plus(secret)}:
                    text = text.replace(spelling, "***")
        return text


def place_of(address: str | Path) -> Place:
    """The place that somebody names. Raises ``StoreError``."""
    if isinstance(address, Path) or "://" not in address:
        return _file(address)
    try:
        url = make_url(address)
    except (ArgumentError, ValueError):
        # What the library says quotes the address, and with it the password.
        raise StoreError(
            "the store's address is no URL that can be read: write postgresql://USER@HOST:PORT/DATABASE, with %-escapes "
            "for what has a meaning in URLs"
        ) from None
    backend, _, driver = url.drivername.partition("+")
    if backend == "sqlite" and not driver:
        return _file(url.database or "")
    if backend in ("postgresql", "postgres") and driver in ("", "psycopg"):
        return Place(url.set(drivername="postgresql+psycopg"), None)
    raise StoreError(
        f"a store is an SQLite file or a PostgreSQL database, not {url.drivername!r}: write the path of a file, or "
        "postgresql://USER@HOST/DATABASE"
    )


def _file(address: str | Path) -> Place:
    if not str(address) or str(address) == ":memory:":
        raise StoreError("a store is a file: write its path, or postgresql://USER@HOST/DATABASE")
    path = Path(address).expanduser().absolute()
    return Place(URL.create("sqlite", database=str(path)), path)
