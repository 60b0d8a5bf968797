"""A run under way: its batches are kept as they come, each in one transaction."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from threading import Lock
from typing import Any

from sqlalchemy import Connection, Table, and_, func, insert, not_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from bot.engine.runs import Batch, Closing, StoreError
from bot.engine.verdict import digest
from bot.model.results import Enforcement, Gap, Outcome, Result, Run, Spent
from bot.model.subjects import Subject
from bot.store import rows
from bot.store.address import Place
from bot.store.errors import in_words
from bot.store.leases import Lease
from bot.store.tables import (
    BATCHES,
    COVERAGE,
    FINDINGS,
    GAPS,
    HOMES,
    POLICIES,
    REQUESTS,
    RESULTS,
    RUNS,
    SKIPPED,
    SUBJECTS,
    WAIVERS,
)

_CLOSING = 0
"""The number of what is known only at the end; batches count from one."""


class KeptRun:
    """A scan under way. Nobody else works at it while this one does.

    All that it writes goes over the connection that holds its lease: where that is lost, nothing more can be written.
    """

    def __init__(
        self,
        *,
        place: Place,
        connection: Connection,
        lease: Lease,
        number: int,
        id: str,  # noqa: A002 - what it is called
        started_at: datetime,
        now: datetime,
        resumed: bool,
        read: Callable[[str], Run],
    ) -> None:
        self.id = id
        self.started_at = started_at
        self.now = now
        self.resumed = resumed
        self._place = place
        self._connection = connection
        self._lease: Lease | None = lease
        self._number = number
        self._read = read
        self._alone = Lock()

    def done(self) -> frozenset[str]:
        """Ids of the homes that are done."""
        with self._writing() as connection:
            return frozenset(connection.scalars(select(HOMES.c.id).where(HOMES.c.run == self._number)))

    def memos(self) -> Sequence[str]:
        """The memos of the batches that are kept, in their order, without the empty ones."""
        kept = select(BATCHES.c.memo).where(BATCHES.c.run == self._number).order_by(BATCHES.c.number)
        with self._writing() as connection:
            return [memo for memo in map(json.loads, connection.scalars(kept)) if memo]

    def keep(self, batch: Batch) -> None:
        """Keep a batch; once this returns it outlives the process. One that is kept already is left alone."""
        mark = _digest(batch)
        with self._writing() as connection:
            mine = BATCHES.c.run == self._number
            if connection.scalar(select(BATCHES.c.number).where(mine, BATCHES.c.digest == mark)) is not None:
                return
            number = (connection.scalar(select(func.max(BATCHES.c.number)).where(mine)) or _CLOSING) + 1
            # Whatever the memo has in it: JSON is ASCII, which every database takes.
            kept = {"run": self._number, "number": number, "digest": mark, "memo": json.dumps(batch.memo)}
            connection.execute(insert(BATCHES).values(kept))
            homes = [{"run": self._number, "id": rows.plain(home)} for home in batch.homes]
            _add_new(connection, HOMES, homes)
            self._hold(connection, number, batch.subjects, batch.results, batch.gaps, batch.requests, batch.spent)

    def finish(self, closing: Closing) -> Run:
        """End the run, and give it as reports take it; what it holds is read from the store while one goes through it."""
        with self._writing() as connection:
            self._hold(connection, _CLOSING, (), closing.results, closing.gaps, closing.requests, closing.spent)
            _add(connection, SKIPPED, rows.skip_rows(self._number, closing.skipped))
            sources = [
                {"name": rows.plain(each.name), "source": rows.plain(each.source), "sha256": each.sha256}
                for each in closing.policies
            ]
            _add(connection, POLICIES, self._numbered(sources))
            accounts = [
                {
                    "target": rows.plain(each.target),
                    "listed": each.listed,
                    "counted": each.counted,
                    "judged": each.judged,
                    "skipped": each.skipped,
                    "unknown": each.unknown,
                }
                for each in closing.coverage
            ]
            _add(connection, COVERAGE, self._numbered(accounts))
            gaps = connection.scalar(select(func.count()).select_from(GAPS).where(GAPS.c.run == self._number))
            connection.execute(
                update(RUNS)
                .where(RUNS.c.number == self._number)
                .values(
                    finished_at=closing.finished_at,
                    version=rows.plain(closing.version),
                    depth=closing.depth,
                    notices=json.dumps(closing.notices),
                    complete=not gaps,
                    judged=sum(each.judged for each in closing.coverage),
                    **self._tally(connection),
                )
            )
        self.abandon(over=True)
        return self._read(self.id)

    def abandon(self, *, over: bool = False) -> None:
        """Let go of the run; one that is not over may be taken on by another process."""
        with in_words(self._place), self._alone:
            lease, self._lease = self._lease, None
            if lease is not None:
                try:
                    lease.release(over=over)
                finally:
                    self._connection.close()

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        with self._alone, in_words(self._place):
            # A lost connection would come back by itself, and its lease would not.
            if self._lease is None or self._connection.invalidated:
                raise StoreError(
                    f"the run is no longer held in the store {self._place.shown}: run the same command again to go on with it"
                )
            with self._connection.begin():
                yield self._connection

    def _hold(
        self,
        connection: Connection,
        number: int,
        subjects: Iterable[Subject],
        results: Sequence[Result],
        gaps: Sequence[Gap],
        requests: Mapping[str, int],
        spent: Mapping[str, Spent],
    ) -> None:
        run = self._number
        every = {subject.id: subject for subject in subjects}
        for result in results:
            every.setdefault(result.subject.id, result.subject)
        _add_new(connection, SUBJECTS, [rows.subject_row(run, subject) for subject in every.values()])
        judged = list(enumerate(results))
        _add(connection, RESULTS, [rows.result_row(run, number, at, result) for at, result in judged])
        _add(connection, FINDINGS, [row for at, each in judged for row in rows.finding_rows(run, number, at, each)])
        _add(connection, WAIVERS, [row for at, each in judged for row in rows.waiver_rows(run, number, at, each)])
        _add(connection, GAPS, rows.gap_rows(run, number, gaps))
        for platform, amount in sorted(requests.items()):
            cells: dict[str, int] = {"amount": amount}
            if (by_kind := spent.get(platform)) is not None:
                cells |= {"not_modified": by_kind.not_modified, "graphql": by_kind.graphql, "points": by_kind.points}
            mine = and_(REQUESTS.c.run == run, REQUESTS.c.platform == platform)
            more = {name: func.coalesce(REQUESTS.c[name], 0) + value for name, value in cells.items()}
            if connection.execute(update(REQUESTS).where(mine).values(more)).rowcount == 0:
                connection.execute(insert(REQUESTS).values(run=run, platform=platform, **cells))

    def _numbered(self, cells: Iterable[rows.Cells]) -> list[rows.Cells]:
        return [{"run": self._number, "position": at, **row} for at, row in enumerate(cells)]

    def _tally(self, connection: Connection) -> dict[str, int]:
        """How many results there are of each outcome, without those that are excused or disabled."""
        mine = and_(RESULTS.c.run == self._number, RESULTS.c.enforcement != Enforcement.DISABLED.value)
        counts = (
            select(RESULTS.c.outcome, func.count())
            .where(mine, not_(RESULTS.c.waived), not_(RESULTS.c.baseline))
            .group_by(RESULTS.c.outcome)
        )
        found = {row[0]: row[1] for row in connection.execute(counts)}
        waived = select(func.count()).select_from(RESULTS).where(mine, RESULTS.c.waived | RESULTS.c.waived_within)
        return {
            "passed": found.get(Outcome.PASS.value, 0),
            "failed": found.get(Outcome.FAIL.value, 0),
            "not_applicable": found.get(Outcome.NOT_APPLICABLE.value, 0),
            "unknown": found.get(Outcome.UNKNOWN.value, 0),
            "errors": found.get(Outcome.ERROR.value, 0),
            "waived": connection.scalar(waived) or 0,
        }


def _add(connection: Connection, table: Table, cells: Sequence[rows.Cells]) -> None:
    if cells:
        connection.execute(insert(table), cells)


def _add_new(connection: Connection, table: Table, cells: Sequence[rows.Cells]) -> None:
    """Add those that are not there: an organisation may come with several batches."""
    if cells:
        dialect: Any = sqlite if connection.dialect.name == "sqlite" else postgresql
        connection.execute(dialect.insert(table).on_conflict_do_nothing(), cells)


def _digest(batch: Batch) -> str:
    """What tells a batch from the others of its run."""
    judged = [f"{result.subject.id} {result.key}" for result in batch.results]
    unread = [f"{gap.subject} {gap.fact} {gap.reason}" for gap in batch.gaps]
    parts = (*sorted(batch.homes), "", *(each.id for each in batch.subjects), "", *judged, "", *unread, batch.memo)
    return digest(text.encode("utf-8", "backslashreplace").decode() for text in parts)
