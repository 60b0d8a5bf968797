"""Opening a store, and what is said where that cannot be done."""

from __future__ import annotations

import builtins
import os
import re
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import event, text

from bot.engine.runs import StoreError
from bot.store import SqlStore, opened
from bot.store.tables import METADATA, VERSION_TABLE
from tests.store.postgres import PASSWORD, QUOTED, Server
from tests.store.world import ORDER, START, Clock, batch, closing, scanned, store

ROOT = Path(__file__).resolve().parents[2]


def test_commands_that_keep_nothing_do_without_the_libraries() -> None:
    """They cost half a second to import."""
    code = (
        "import importlib, sys\n"
        "from bot.cli.main import COMMANDS\n"
        "for name in COMMANDS: importlib.import_module(COMMANDS[name][0])\n"
        "import bot.cli.judgement, bot.cli.output, bot.report.json_report\n"
        "print({'sqlalchemy', 'alembic'} & set(sys.modules))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False)
    assert ended.stdout == "set()\n", ended.stderr


def test_migrations_make_the_tables_that_are_used(address: str) -> None:
    with store(address) as kept, kept._engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
        assert compare_metadata(context, METADATA) == []


def test_a_store_of_an_earlier_version_is_brought_up_to_date(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        run = scanned(kept, clock)
        with kept._engine.connect().execution_options(writes=True) as connection, connection.begin():
            for name in ("not_modified", "graphql", "points"):
                connection.execute(text(f"ALTER TABLE requests DROP COLUMN {name}"))
            connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '0001'"))
    with store(address, clock) as kept:
        read = kept.run(run.id)
        assert (read.requests, read.spent) == ({"github": 9, "azure_devops": 1}, {})
        assert len(list(read.results)) == 4
        assert scanned(kept, clock).spent


def test_an_opened_store_is_opened_again(address: str) -> None:
    clock = Clock()
    for amount in range(3):
        with store(address, clock) as kept:
            assert len(kept.runs()) == amount
            scanned(kept, clock, numbers=(1,))


def test_a_store_of_a_newer_version_is_refused(address: str) -> None:
    with (
        store(address) as kept,
        kept._engine.connect().execution_options(writes=True) as connection,
        connection.begin(),
    ):
        connection.execute(text(f"UPDATE {VERSION_TABLE} SET version_num = '9999'"))
    with pytest.raises(StoreError, match=r"was last used by a newer almguard .*'9999'.*: update almguard"):
        opened(address)


def test_what_belongs_to_another_program_is_refused(tmp_path: Path, postgres: Server) -> None:
    path = tmp_path / "theirs.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE results (id INTEGER)")
    connection.close()
    with pytest.raises(StoreError, match=r"holds something else that has a table 'results': name another file"):
        opened(path)
    name = postgres.new_database()
    postgres.execute("CREATE TABLE runs (id INTEGER)", name)
    with pytest.raises(
        StoreError, match=r"holds something else that has a table 'runs': give it a database of its own"
    ):
        opened(postgres.address(name))


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "100% (1)?#.db"
    with opened(path) as kept:
        kept.begin(ORDER, "scan", START)
        for each in path.parent.iterdir():
            if each.suffix != ".lock":
                assert stat.S_IMODE(each.stat().st_mode) == 0o600, each
    assert path.is_file()


def no_database(folder: Path) -> Path:
    (folder / "notes.txt").write_text("These are notes and no database.\n" * 100)
    return folder / "notes.txt"


def below_a_file(folder: Path) -> Path:
    return no_database(folder) / "a.db"


def cut_off(folder: Path) -> Path:
    path = folder / "cut.db"
    with opened(path) as kept:
        scanned(kept, Clock())
    path.write_bytes(path.read_bytes()[:5000])
    return path


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (lambda folder: folder, "is a folder: name a file in it, such as .*almguard.db$"),
        (no_database, r"cannot be used: it is no SQLite database: name another file \(file is not a database\)"),
        (cut_off, r"cannot be used: the file is damaged: restore it from a backup"),
        (below_a_file, "cannot be used: (Not a directory|File exists)"),
        (lambda folder: Path("/dev/full"), "cannot be used: the disk is full: make room"),
    ],
)
def test_a_file_that_cannot_be_a_store(tmp_path: Path, made: Callable[[Path], Path], said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        opened(made(tmp_path))
    assert "Traceback" not in str(caught.value)


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot be used: Permission denied"):
        opened(tmp_path / "a.db")


def with_pragma(kept: SqlStore, pragma: str) -> None:
    """From now on the database is as this says."""
    kept._engine.dispose()
    event.listen(kept._engine, "connect", lambda connection, _: connection.execute(f"PRAGMA {pragma}"))


def test_a_file_that_may_not_be_written(tmp_path: Path) -> None:
    with opened(tmp_path / "a.db") as kept:
        with_pragma(kept, "query_only=ON")
        with pytest.raises(StoreError, match=r"it may not be written: see the rights of the file and of its folder"):
            kept.begin(ORDER, "scan", START)


def test_a_full_disk_takes_nothing_of_what_was_kept(tmp_path: Path) -> None:
    kept_homes: list[str] = []
    with opened(tmp_path / "a.db") as kept:
        with_pragma(kept, "max_page_count=45")
        run = kept.begin(ORDER, "scan", START)

        def fill() -> None:
            for number in range(1, 200):
                run.keep(batch(number))
                kept_homes.extend(batch(number).homes)

        with pytest.raises(StoreError, match=r"the disk is full: make room, then run the same command again"):
            fill()
    assert len(kept_homes) > 3
    with opened(tmp_path / "a.db") as kept:
        again = kept.begin(ORDER, "scan", START)
        assert (again.resumed, again.done()) == (True, set(kept_homes))
        assert len(again.finish(closing(START)).results) == len(kept_homes) * 2


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("", "a store is a file: write its path"),
        ("sqlite://", "a store is a file: write its path"),
        (":memory:", "a store is a file: write its path"),
        ("mysql://root:secret@h/d", "a store is an SQLite file or a PostgreSQL database, not 'mysql'"),
        ("postgresql+asyncpg://u:secret@h/d", r"not 'postgresql\+asyncpg'"),
        (
            "postgresql://u:secret@host:port/d",
            "the store's address is no URL that can be read: write postgresql://USER@HOST",
        ),
    ],
)
def test_an_address_that_is_none(address: str, said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        opened(address)
    assert "secret" not in str(caught.value)


def test_a_url_names_a_file_too(tmp_path: Path) -> None:
    opened(f"sqlite:///{tmp_path}/a.db").close()
    assert (tmp_path / "a.db").is_file()


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"password": "wr0ng"}, "the user name or the password is wrong"),
        ({"user": "nobody"}, "the user name or the password is wrong"),
        ({"database": "nowhere"}, "there is no such database"),
        ({"database": f"postgres?password={QUOTED}x"}, "the user name or the password is wrong"),
    ],
)
def test_a_server_that_lets_nobody_in(postgres: Server, changed: dict[str, str], said: str) -> None:
    with pytest.raises(StoreError, match=said) as caught:
        opened(postgres.address(**changed))
    for secret in (PASSWORD, QUOTED, "wr0ng"):
        assert secret not in str(caught.value)


def test_a_server_that_is_down() -> None:
    pytest.importorskip("psycopg")
    with pytest.raises(StoreError, match=r"see whether the server runs, .*refused") as caught:
        opened(f"postgres://owner:{QUOTED}@127.0.0.1:1/almguard")
    assert re.search(r"postgresql://owner:\*\*\*@127.0.0.1:1/almguard", str(caught.value))
    assert PASSWORD not in str(caught.value)


def test_a_client_that_is_not_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    imported = builtins.__import__

    def without(name: str, *rest: Any, **more: Any) -> Any:
        if name.startswith("psycopg"):
            raise ImportError(name)
        return imported(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(
        StoreError, match=r"needs PostgreSQL's client: install it with pip install 'almguard\[postgresql\]'"
    ):
        opened("postgresql://owner@127.0.0.1:1/almguard")


def test_a_user_who_lacks_rights(postgres: Server) -> None:
    name = postgres.new_database()
    opened(postgres.address(name)).close()
    postgres.execute("CREATE ROLE stranger LOGIN PASSWORD 'narrow'")
    for database in (name, postgres.new_database()):
        with pytest.raises(StoreError, match=r"the user may not do that: docs/store.md lists the rights"):
            opened(postgres.address(database, "stranger", "narrow"))


def test_a_lost_connection_ends_the_run_for_this_process(postgres: Server) -> None:
    name = postgres.new_database()
    clock = Clock()
    with store(postgres.address(name), clock) as kept:
        run = kept.begin(ORDER, "scan", clock.now)
        run.keep(batch(1))
        ended = f"SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = '{name}'"
        postgres.execute(ended)
        with pytest.raises(StoreError, match=r"the server is ending or starting|terminating connection"):
            run.keep(batch(2))
        # It is no longer held: another may have taken it on.
        with pytest.raises(StoreError, match=r"the run is no longer held"):
            run.keep(batch(2))
        again = kept.begin(ORDER, "scan", clock.now)
        assert (again.id, again.resumed) == (run.id, True)
        again.keep(batch(2))
        assert len(again.finish(closing(clock.now)).results) == 4


def test_a_database_in_another_encoding_is_refused(postgres: Server) -> None:
    postgres.execute(
        "CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0 LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
    )
    with pytest.raises(StoreError, match=r"is a database in LATIN1: create one in UTF8"):
        opened(postgres.address("latin"))
