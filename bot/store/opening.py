"""Opening a store: the connection, and tables that are brought up to date."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from typing import Any

from alembic.command import upgrade
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, inspect, select, text
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from bot.engine.runs import StoreError
from bot.store.address import Place, place_of
from bot.store.errors import in_words
from bot.store.store import SqlStore
from bot.store.tables import METADATA, VERSION_TABLE

PATIENCE = 30
"""For how many seconds one process waits for another that writes."""
_MIGRATING = 0x616C6D
"""The server's lock that is held while tables are made; any number that others hardly use."""
_ONE_AT_A_TIME = Lock()


def opened(address: str | Path, *, clock: Callable[[], datetime] | None = None) -> SqlStore:
    """The store at a path (SQLite) or a ``postgresql://`` URL, made if there is none. Raises ``StoreError``.

    ``clock`` is what it goes by to tell how old a run is.
    """
    place = place_of(address)
    with in_words(place):
        engine = _sqlite(place, place.path) if place.path is not None else _postgresql(place)
        try:
            _bring_up_to_date(place, engine)
        except BaseException:
            engine.dispose()
            raise
    return SqlStore(place, engine, clock or (lambda: datetime.now(UTC)))


def _sqlite(place: Place, path: Path) -> Engine:
    if path.is_dir():
        raise StoreError(f"the store {path} is a folder: name a file in it, such as {path / 'almguard.db'}")
    path.parent.mkdir(parents=True, exist_ok=True)
    # What it holds is not for everybody on the machine.
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(place.url, connect_args={"timeout": PATIENCE, "check_same_thread": False})

    @event.listens_for(engine, "connect")
    def connected(connection: Any, _: object) -> None:
        # The driver's own idea of when a transaction begins leaves out reading and the making of tables.
        connection.isolation_level = None
        for pragma in ("foreign_keys=ON", "auto_vacuum=INCREMENTAL", "synchronous=NORMAL"):
            connection.execute(f"PRAGMA {pragma}")

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        # One that will write says so at once: otherwise it may find that what it has read is out of date.
        writes = connection.get_execution_options().get("writes")
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgresql(place: Place) -> Engine:
    try:
        import psycopg  # noqa: F401 - whether it is there
    except ImportError:
        raise StoreError(
            f"the store {place.shown} needs PostgreSQL's client: install it with pip install 'almguard[postgresql]'"
        ) from None
    usual = {"connect_timeout": "10", "application_name": "almguard", "keepalives_idle": "30"}
    given = {name: value for name, value in usual.items() if name not in place.url.query}
    return create_engine(place.url, pool_pre_ping=True, connect_args=given)


def _bring_up_to_date(place: Place, engine: Engine) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    scripts = ScriptDirectory.from_config(config)
    if place.path is not None:
        _write_ahead(engine)
    with engine.connect() as connection:
        if place.path is None and (encoding := connection.scalar(text("SHOW server_encoding"))) != "UTF8":
            raise StoreError(f"the store {place.shown} is a database in {encoding}: create one in UTF8")
        if _is_current(place, connection, scripts):
            return
    # Another process may open the same new store: one of both makes the tables.
    with _alone(place, engine) as connection:
        if _is_current(place, connection, scripts):
            return
        if _version(connection) is None:
            theirs = set(inspect(connection).get_table_names()) & set(METADATA.tables)
            if theirs:
                raise StoreError(
                    f"the store {place.shown} holds something else that has a table {min(theirs)!r}: "
                    + ("name another file" if place.path is not None else "give it a database of its own")
                )
        _migrate(config, connection)


def _write_ahead(engine: Engine) -> None:
    """Readers and a writer then do not wait for one another. SQLite's own patience does not cover this."""
    locked = retry_if_exception(lambda error: isinstance(error, sqlite3.OperationalError) and "locked" in str(error))
    for attempt in Retrying(retry=locked, stop=stop_after_delay(PATIENCE), wait=wait_random(0, 0.1), reraise=True):
        with attempt:
            raw = engine.raw_connection()
            try:
                raw.cursor().execute("PRAGMA journal_mode=WAL").close()
            finally:
                raw.close()


@contextmanager
def _alone(place: Place, engine: Engine) -> Iterator[Connection]:
    with engine.connect().execution_options(writes=True) as connection, connection.begin():
        if place.path is None:
            connection.execute(select(func.pg_advisory_xact_lock(_MIGRATING)))
        yield connection


def _version(connection: Connection) -> str | None:
    return MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE}).get_current_revision()


def _is_current(place: Place, connection: Connection, scripts: ScriptDirectory) -> bool:
    version = _version(connection)
    if version is not None and version not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreError(
            f"the store {place.shown} was last used by a newer almguard (its tables are of version {version[:40]!r}): "
            "update almguard, or name another store"
        )
    return version == scripts.get_current_head()


def _migrate(config: Config, connection: Connection) -> None:
    config.attributes["connection"] = connection
    # What migrations call their context is one for the whole process.
    with _ONE_AT_A_TIME:
        upgrade(config, "head")
