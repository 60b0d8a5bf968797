"""The SQL of docs/store.md does what it says."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text

from bot.engine.runs import Batch, StoreError
from bot.store import opened
from bot.store.tables import METADATA
from tests.report import runs
from tests.store.postgres import Server
from tests.store.world import ORDER, Clock, batch, closing, scanned, store

DOCUMENT = (Path(__file__).resolve().parents[2] / "docs" / "store.md").read_text(encoding="utf-8")
STATEMENTS = re.findall(r"^```sql\n(.*?)^```", DOCUMENT, re.MULTILINE | re.DOTALL)
OF_POSTGRESQL = [statement for statement in STATEMENTS if statement.startswith("-- PostgreSQL")]
OF_BOTH = [statement for statement in STATEMENTS if statement not in OF_POSTGRESQL]


def test_questions_are_answered(address: str) -> None:
    clock = Clock()
    with store(address, clock) as kept:
        scanned(kept, clock, numbers=(1,))
        run = kept.begin(ORDER, "scan", clock.now)
        run.keep(batch(1))
        run.keep(batch(3, failing=False))
        waived = replace(runs.LINK, waiver=runs.WAIVER)
        run.keep(Batch(("x",), (), (waived, runs.ROLLBACK, runs.UNKNOWN), tuple(runs.survey().gaps)))
        run.finish(closing(clock.now))
        with kept._engine.connect() as connection:
            worst, longest, costs, waivers, gaps = [connection.execute(text(each)).all() for each in OF_BOTH]
    # A release counts for its repository, which was not judged itself.
    assert [tuple(row) for row in worst] == [
        ("acme/service-1", 1, 1),
        (runs.repository().id, 1, 1),
    ]
    assert [row.name for row in longest] == ["acme/service-1", runs.release().name]
    assert [row.key for row in longest] == [runs.LINK.key, runs.ROLLBACK.key]
    assert str(longest[0].at) < str(longest[1].at)
    assert [(row.platform, row.amount, float(row.per_repository)) for row in costs if row.platform == "github"] == [
        ("github", 9, 4.5),
        ("github", 7, 7.0),
    ]
    assert [(row.expires, row.entry, row.name) for row in waivers] == [
        ("2027-03-31", runs.LINK.key, runs.pull_request().name)
    ]
    assert [(row.kind, row.subjects) for row in gaps] == [("scope", 2)]


def test_every_table_is_told_of() -> None:
    for name in METADATA.tables:
        assert re.search(rf"^\| .*`{name}`.* \|", DOCUMENT, re.MULTILINE), name


def test_those_with_the_least_rights_scan_and_read(postgres: Server) -> None:
    name = postgres.new_database()
    opened(postgres.address(name)).close()
    for statement in OF_POSTGRESQL:
        postgres.execute(statement, name)
    postgres.execute("ALTER ROLE almguard_scan PASSWORD 'narrow'; ALTER ROLE almguard_read PASSWORD 'narrow'")
    clock = Clock()
    try:
        with store(postgres.address(name, "almguard_scan", "narrow"), clock) as kept:
            for _ in range(2):
                run = scanned(kept, clock)
            assert kept.retain(runs=1) == 1
        with store(postgres.address(name, "almguard_read", "narrow"), clock) as kept:
            assert len(list(kept.run(run.id).results)) == 4
            with pytest.raises(StoreError, match=r"the user may not do that: docs/store.md lists the rights"):
                kept.begin(ORDER, "scan", clock.now)
    finally:
        postgres.execute("DROP OWNED BY almguard_scan, almguard_read; DROP ROLE almguard_scan, almguard_read", name)
