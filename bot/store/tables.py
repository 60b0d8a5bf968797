"""The tables. docs/store.md tells what they mean; a change here needs a migration."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
)


class Moment(TypeDecorator[datetime]):
    """A time in UTC: SQLite knows of no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """As the database takes it."""
        if value is None:
            return None
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """As the model has it."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


ORDERED = Text().with_variant(Text(collation="C"), "postgresql")
"""A text that is ordered as the model orders it: by code points, in whatever language the server sorts."""

METADATA = MetaData()
VERSION_TABLE = "almguard_version"
"""Where the migrations note how far they have come; another program's may lie in the same database."""


def _of_run(name: str, *columns: Column[Any]) -> Table:
    """A table of what runs hold. On SQLite its rows lie in the order of their key, so that no index has to repeat it."""
    run = Column("run", Integer, ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True)
    return Table(name, METADATA, run, *columns, sqlite_with_rowid=False)


def _key(name: str, kind: Any = ORDERED) -> Column[Any]:
    return Column(name, kind, primary_key=True, nullable=False)


def _text(name: str) -> Column[str]:
    return Column(name, Text, nullable=False)


def _count(name: str) -> Column[int]:
    return Column(name, Integer, nullable=False)


def _flag(name: str) -> Column[bool]:
    return Column(name, Boolean, nullable=False)


RUNS = Table(
    "runs",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("id", ORDERED, nullable=False, unique=True),
    _text("digest"),
    _text("series"),
    _text("command"),
    _text("targets"),
    _text("options"),
    _text("policy_digest"),
    _text("version"),
    Column("started_at", Moment, nullable=False),
    Column("now", Moment, nullable=False),
    Column("finished_at", Moment),
    Column("complete", Boolean),
    Column("depth", Integer),
    Column("notices", Text),
    Column("judged", Integer),
    Column("passed", Integer),
    Column("failed", Integer),
    Column("not_applicable", Integer),
    Column("unknown", Integer),
    Column("errors", Integer),
    Column("waived", Integer),
    Index("runs_by_digest", "digest", "finished_at"),
    Index("runs_by_series", "series", "finished_at"),
    sqlite_autoincrement=True,
)

BATCHES = _of_run("batches", _key("number", Integer), _text("digest"), _text("memo"))
HOMES = _of_run("homes", _key("id"))
POLICIES = _of_run("policies", _key("position", Integer), _text("name"), _text("source"), _text("sha256"))
REQUESTS = _of_run(
    "requests",
    _key("platform"),
    _count("amount"),
    Column("not_modified", Integer),
    Column("graphql", Integer),
    Column("points", Integer),
)
COVERAGE = _of_run(
    "coverage",
    _key("position", Integer),
    _text("target"),
    _count("listed"),
    Column("counted", Integer),
    _count("judged"),
    _count("skipped"),
    _count("unknown"),
)
SUBJECTS = _of_run(
    "subjects",
    _key("id"),
    _text("kind"),
    _text("name"),
    _text("platform"),
    _text("url"),
    _text("owner"),
    _text("document"),
)
RESULTS = _of_run(
    "results",
    _key("subject"),
    _key("key"),
    _key("batch", Integer),
    _key("position", Integer),
    _text("policy"),
    _text("rule"),
    _text("outcome"),
    _text("enforcement"),
    _text("severity"),
    _flag("awaiting"),
    _flag("waived"),
    _flag("waived_within"),
    _flag("baseline"),
    _text("document"),
)
FINDINGS = _of_run(
    "findings",
    _key("subject"),
    _key("key"),
    _key("batch", Integer),
    _key("position", Integer),
    _key("finding", Integer),
    _text("fingerprint"),
    _text("severity"),
    _text("enforcement"),
    _flag("awaiting"),
    _flag("excused"),
    _text("message"),
    Column("path", Text),
    Column("line", Integer),
)
WAIVERS = _of_run(
    "waivers",
    _key("subject"),
    _key("key"),
    _key("batch", Integer),
    _key("position", Integer),
    _key("waiver", Integer),
    _text("entry"),
    _text("reason"),
    _text("owner"),
    _text("approver"),
    _text("expires"),
    _text("ticket"),
    _text("source"),
)
GAPS = _of_run(
    "gaps",
    _key("subject"),
    _key("batch", Integer),
    _key("position", Integer),
    _text("name"),
    _text("fact"),
    _text("kind"),
    _text("reason"),
)
SKIPPED = _of_run("skipped", _key("subject"), _key("position", Integer), _text("name"), _text("reason"))
