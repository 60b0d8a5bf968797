from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.store.postgres import Server, served, tools


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    found = tools()
    if found is None:
        if os.environ.get("ALMGUARD_SKIP_NOTHING") == "1":
            pytest.fail("there is no PostgreSQL: no initdb on the PATH or in /usr/lib/postgresql")
        pytest.skip("there is no PostgreSQL")
    with served(found) as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A new store, on each of the databases."""
    if request.param == "sqlite":
        return str(tmp_path / "store" / "almguard.db")
    server: Server = request.getfixturevalue("postgres")
    return server.address(server.new_database())
