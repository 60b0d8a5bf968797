"""The store: runs are begun, taken on, found, listed and deleted."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Self
from uuid import uuid4

from sqlalchemy import Connection, Engine, Row, Select, delete, func, insert, or_, select

from bot import __version__
from bot.engine.comparing import Changes
from bot.engine.runs import Order, StoreError
from bot.model.results import Coverage, Outcome, PolicySource, Run, RunSummary, Spent
from bot.store import leases, reading
from bot.store.address import Place
from bot.store.errors import in_words
from bot.store.rows import plain
from bot.store.tables import COVERAGE, POLICIES, REQUESTS, RUNS
from bot.store.writing import KeptRun

RESUMABLE = timedelta(hours=24)
"""How old an unfinished run may be to be taken on: what it has seen is older still."""
HISTORY = 30
"""How many earlier runs a run knows of."""

_OUTCOMES = {
    Outcome.PASS: RUNS.c.passed,
    Outcome.FAIL: RUNS.c.failed,
    Outcome.NOT_APPLICABLE: RUNS.c.not_applicable,
    Outcome.UNKNOWN: RUNS.c.unknown,
    Outcome.ERROR: RUNS.c.errors,
}


class SqlStore:
    """Remembers runs. Several processes may use one at a time. Every method raises ``StoreError``."""

    def __init__(self, place: Place, engine: Engine, clock: Callable[[], datetime]) -> None:
        self._place = place
        self._engine = engine
        self._clock = clock
        self._under_way: list[KeptRun] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def begin(self, order: Order, command: str, now: datetime, *, fresh: bool = False) -> KeptRun:
        """The unfinished run of this order, where its process has ended and it is not too old; else a new one."""
        with in_words(self._place):
            connection = self._engine.connect().execution_options(writes=True)
            try:
                run = None if fresh else self._taken_on(connection, order)
                if run is None:
                    self._drop_stale(connection)
                    run = self._new(connection, order, command, now)
            except BaseException:
                connection.close()
                raise
        self._under_way.append(run)
        return run

    def runs(self, series: str | None = None, limit: int = 100) -> Sequence[RunSummary]:
        """Finished runs, the newest first."""
        query = _finished().limit(limit)
        if series is not None:
            query = query.where(RUNS.c.series == series)
        with self._reading() as connection:
            return _summaries(connection, connection.execute(query).all())

    def run(self, run_id: str) -> Run:
        """A finished run, by its id or the beginning of it; with the runs before it, and what has changed since the last."""
        with self._reading() as connection:
            row = self._found(connection, run_id)
            run = self._read(connection, row)
            before = connection.execute(_before(row).limit(HISTORY)).all()
            if not before:
                return run
            history = tuple(reversed(_summaries(connection, before)))
            return replace(run, history=history, changes=Changes(self._read(connection, before[0]), run))

    def before(self, run: Run) -> Run | None:
        """The finished run of the same series that came before it; None: there is none."""
        with self._reading() as connection:
            row = connection.execute(_before(self._found(connection, run.id)).limit(1)).first()
            return None if row is None else self._read(connection, row)

    def retain(self, *, days: int | None = None, runs: int | None = None) -> int:
        """Delete finished runs that are older than so many days, and all but the newest so many of each series.

        The newest finished run of a series stays, whatever its age. Unfinished runs that nobody works at go when they are too
        old to be taken on, here and whenever a run is begun. Says how many runs were deleted.
        """
        with in_words(self._place), self._engine.connect().execution_options(writes=True) as connection:
            with connection.begin():
                old = self._superfluous(connection, days, runs)
                connection.execute(delete(RUNS).where(RUNS.c.number.in_(old)))
            stale = self._drop_stale(connection)
            with connection.begin():
                leases.sweep(self._place, _unfinished_ids(connection))
            if self._place.path is not None:
                raw = connection.connection.cursor()
                # Each row that it gives is a page of the file that was freed.
                raw.execute("PRAGMA incremental_vacuum").fetchall()
                raw.close()
        return len(old) + stale

    def close(self) -> None:
        """End the connection, and let go of the runs under way: others may take them on."""
        with in_words(self._place):
            for run in self._under_way:
                run.abandon()
            self._under_way.clear()
            self._engine.dispose()

    @contextmanager
    def _reading(self) -> Iterator[Connection]:
        with in_words(self._place), self._engine.connect() as connection:
            yield connection

    def _taken_on(self, connection: Connection, order: Order) -> KeptRun | None:
        wanted = (
            select(RUNS)
            .where(
                RUNS.c.digest == order.digest,
                RUNS.c.finished_at.is_(None),
                RUNS.c.started_at > self._clock() - RESUMABLE,
                # Another version may judge otherwise, and a run is judged by one.
                RUNS.c.version == __version__,
            )
            .order_by(RUNS.c.number.desc())
        )
        with connection.begin():
            candidates = connection.execute(wanted).all()
        for row in candidates:
            with connection.begin():
                lease = leases.take(self._place, connection, row.id)
                if lease is None:
                    continue
                # Whoever had it may have finished it, or deleted it, between the two.
                same = select(RUNS.c.number).where(RUNS.c.number == row.number, RUNS.c.finished_at.is_(None))
                if connection.scalar(same) is not None:
                    return self._kept(connection, lease, row.number, row.id, row.started_at, row.now, resumed=True)
            lease.release(over=True)
        return None

    def _new(self, connection: Connection, order: Order, command: str, now: datetime) -> KeptRun:
        run_id, started = str(uuid4()), self._clock()
        with connection.begin():
            leases.sweep(self._place, _unfinished_ids(connection))
            made = connection.execute(
                insert(RUNS).values(
                    id=run_id,
                    digest=order.digest,
                    series=order.series,
                    command=command,
                    targets=json.dumps(order.targets),
                    options=json.dumps(order.options),
                    policy_digest=order.policy_digest,
                    version=plain(__version__),
                    started_at=started,
                    now=now,
                )
            )
            number = made.inserted_primary_key[0] if made.inserted_primary_key else 0
            # Before anybody else can see it.
            lease = leases.take(self._place, connection, run_id)
            if lease is None:
                raise StoreError(f"the new run {run_id} in {self._place.shown} is held by another process: try again")
        return self._kept(connection, lease, number, run_id, started, now, resumed=False)

    def _kept(
        self,
        connection: Connection,
        lease: leases.Lease,
        number: int,
        run_id: str,
        started_at: datetime,
        now: datetime,
        *,
        resumed: bool,
    ) -> KeptRun:
        return KeptRun(
            place=self._place,
            connection=connection,
            lease=lease,
            number=number,
            id=run_id,
            started_at=started_at,
            now=now,
            resumed=resumed,
            read=self.run,
        )

    def _found(self, connection: Connection, beginning: str) -> Row[Any]:
        like = RUNS.c.id.startswith(beginning, autoescape=True)
        found = connection.execute(_finished().where(like).limit(2)).all()
        if len(found) == 1:
            return found[0]
        if found and beginning:
            ids = ", ".join(row.id for row in found)
            raise StoreError(
                f"several runs in {self._place.shown} begin with {beginning!r} ({ids}, …): write more of it"
            )
        if beginning and connection.scalar(select(RUNS.c.id).where(like).limit(1)) is not None:
            raise StoreError(
                f"the run {beginning!r} in {self._place.shown} is not finished: scan again to go on with it"
            )
        raise StoreError(f"there is no run {beginning!r} in {self._place.shown}")

    def _read(self, connection: Connection, row: Row[Any]) -> Run:
        sources = select(POLICIES).where(POLICIES.c.run == row.number).order_by(POLICIES.c.position)
        accounts = select(COVERAGE).where(COVERAGE.c.run == row.number).order_by(COVERAGE.c.position)
        sent = connection.execute(select(REQUESTS).where(REQUESTS.c.run == row.number)).all()
        options = dict(json.loads(row.options))
        where = (self._place, self._engine, row.number)
        return Run(
            id=row.id,
            command=row.command,
            version=row.version,
            started_at=row.started_at,
            finished_at=row.finished_at,
            now=row.now,
            requests={each.platform: each.amount for each in sent},
            depth=row.depth,
            policies=tuple(PolicySource(each.name, each.source, each.sha256) for each in connection.execute(sources)),
            subjects=reading.subjects_of(*where),
            results=reading.results_of(*where),
            gaps=reading.gaps_of(*where),
            notices=tuple(json.loads(row.notices)),
            coverage=tuple(
                Coverage(each.target, each.listed, each.counted, each.judged, each.skipped, each.unknown)
                for each in connection.execute(accounts)
            ),
            skipped=reading.skips_of(*where),
            targets=tuple(json.loads(row.targets)),
            shard=options.get("shard"),
            spent={
                each.platform: Spent(each.amount, each.not_modified, each.graphql, each.points)
                for each in sent
                if each.not_modified is not None
            },
        )

    def _superfluous(self, connection: Connection, days: int | None, runs: int | None) -> list[int]:
        rank = func.row_number().over(
            partition_by=RUNS.c.series, order_by=(RUNS.c.finished_at.desc(), RUNS.c.number.desc())
        )
        ranked = select(RUNS.c.number, RUNS.c.finished_at, rank.label("rank")).where(RUNS.c.finished_at.is_not(None))
        every = ranked.subquery()
        conditions = []
        if days is not None:
            conditions.append(every.c.finished_at < self._clock() - timedelta(days=days))
        if runs is not None:
            conditions.append(every.c.rank > max(runs, 1))
        if not conditions:
            return []
        return list(connection.scalars(select(every.c.number).where(every.c.rank > 1, or_(*conditions))))

    def _drop_stale(self, connection: Connection) -> int:
        stale = select(RUNS.c.number, RUNS.c.id).where(
            RUNS.c.finished_at.is_(None), RUNS.c.started_at <= self._clock() - RESUMABLE
        )
        with connection.begin():
            candidates = connection.execute(stale).all()
        dropped = 0
        for row in candidates:
            with connection.begin():
                lease = leases.take(self._place, connection, row.id)
                if lease is None:
                    continue
                gone = delete(RUNS).where(RUNS.c.number == row.number, RUNS.c.finished_at.is_(None))
                dropped += connection.execute(gone).rowcount
            lease.release(over=True)
        return dropped


def _finished() -> Select[Any]:
    newest_first = (RUNS.c.finished_at.desc(), RUNS.c.number.desc())
    return select(RUNS).where(RUNS.c.finished_at.is_not(None)).order_by(*newest_first)


def _before(row: Row[Any]) -> Select[Any]:
    earlier = or_(
        RUNS.c.finished_at < row.finished_at, (RUNS.c.finished_at == row.finished_at) & (RUNS.c.number < row.number)
    )
    return _finished().where(RUNS.c.series == row.series, earlier)


def _unfinished_ids(connection: Connection) -> set[str]:
    return set(connection.scalars(select(RUNS.c.id).where(RUNS.c.finished_at.is_(None))))


def _summaries(connection: Connection, found: Sequence[Row[Any]]) -> list[RunSummary]:
    requests: dict[int, dict[str, int]] = {row.number: {} for row in found}
    for spent in connection.execute(select(REQUESTS).where(REQUESTS.c.run.in_(requests))):
        requests[spent.run][spent.platform] = spent.amount
    return [
        RunSummary(
            id=row.id,
            started_at=row.started_at,
            finished_at=row.finished_at,
            complete=row.complete,
            policy_digest=row.policy_digest,
            outcomes={outcome: getattr(row, column.name) for outcome, column in _OUTCOMES.items()},
            waived=row.waived,
            judged=row.judged,
            requests=requests[row.number],
            targets=tuple(json.loads(row.targets)),
            shard=dict(json.loads(row.options)).get("shard"),
        )
        for row in found
    ]
