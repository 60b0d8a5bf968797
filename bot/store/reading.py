"""What a run holds, read from the store each time one goes through it, a page at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, TypeVar

from sqlalchemy import Column, Connection, Engine, Row, Table, func, literal, select, text, tuple_

from bot.engine.runs import StoreError
from bot.model.results import Gap, Result, Skip
from bot.model.subjects import Subject
from bot.store import rows
from bot.store.address import Place
from bot.store.errors import in_words
from bot.store.tables import GAPS, RESULTS, RUNS, SKIPPED, SUBJECTS

PAGE = 500

Item = TypeVar("Item")


class Kept(Collection[Item]):
    """The rows of a table that one finished run has, in the order of their key.

    Each page is a transaction of its own: a reader that stops half-way leaves nothing open, and a slow one hinders nobody.
    """

    def __init__(
        self,
        place: Place,
        engine: Engine,
        run: int,
        table: Table,
        read: Callable[[Connection, Sequence[Row[Any]]], Iterable[Item]],
    ) -> None:
        self._place = place
        self._engine = engine
        self._run = run
        self._table = table
        self._read = read
        self._amount: int | None = None

    def __iter__(self) -> Iterator[Item]:
        last: tuple[object, ...] | None = None
        while True:
            with in_words(self._place), self._engine.connect() as connection:
                found = self._page(connection, last)
                items = list(self._read(connection, found))
                if len(found) < PAGE:
                    self._is_still_there(connection)
            yield from items
            if len(found) < PAGE:
                return
            last = tuple(getattr(found[-1], column.name) for column in self._key)

    def __len__(self) -> int:
        if self._amount is None:
            count = select(func.count()).select_from(self._table).where(self._table.c.run == self._run)
            with in_words(self._place), self._engine.connect() as connection:
                self._amount = connection.scalar(count) or 0
        return self._amount

    def __contains__(self, item: object) -> bool:
        return any(each == item for each in self)

    @property
    def _key(self) -> Sequence[Column[Any]]:
        return [column for column in self._table.primary_key.columns if column.name != "run"]

    def _page(self, connection: Connection, last: tuple[object, ...] | None) -> Sequence[Row[Any]]:
        if connection.dialect.name == "postgresql":
            # Of tables that have just been filled the server knows nothing yet: it would sort the whole run for every page.
            connection.execute(text("SET LOCAL enable_sort = off"))
        query = select(self._table).where(self._table.c.run == self._run).order_by(*self._key).limit(PAGE)
        if last is not None:
            after = [literal(value, column.type) for value, column in zip(last, self._key, strict=True)]
            query = query.where(tuple_(*self._key) > tuple_(*after))
        return connection.execute(query).all()

    def _is_still_there(self, connection: Connection) -> None:
        """A run is deleted as a whole: one that is there at the end was there all along."""
        if connection.scalar(select(RUNS.c.number).where(RUNS.c.number == self._run)) is None:
            raise StoreError(f"the run was deleted from the store {self._place.shown} while it was read")


def subjects_of(place: Place, engine: Engine, run: int) -> Kept[Subject]:
    """By their ids."""
    return Kept(place, engine, run, SUBJECTS, lambda _, found: map(rows.subject_of, found))


def results_of(place: Place, engine: Engine, run: int) -> Kept[Result]:
    """By subject id and key."""

    def read(connection: Connection, found: Sequence[Row[Any]]) -> Iterable[Result]:
        ids = {row.subject for row in found}
        query = select(SUBJECTS).where(SUBJECTS.c.run == run, SUBJECTS.c.id.in_(ids))
        subjects = {row.id: rows.subject_of(row) for row in connection.execute(query)}
        return (rows.result_of(row, subjects[row.subject]) for row in found)

    return Kept(place, engine, run, RESULTS, read)


def gaps_of(place: Place, engine: Engine, run: int) -> Kept[Gap]:
    """By what they are about."""
    return Kept(place, engine, run, GAPS, lambda _, found: map(rows.gap_of, found))


def skips_of(place: Place, engine: Engine, run: int) -> Kept[Skip]:
    """By id."""
    return Kept(place, engine, run, SKIPPED, lambda _, found: map(rows.skip_of, found))
