"""Runs that are kept: what a scan was asked for, what it hands over batch by batch, and the Protocol of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol

from bot.engine.verdict import digest
from bot.model.results import Coverage, Gap, PolicySource, Result, Run, RunSummary, Skip, Spent
from bot.model.subjects import Subject


@dataclass(frozen=True, slots=True)
class Order:
    """What a scan was asked for. Two scans of one order do the same work, so that one can go on where another ended."""

    targets: tuple[str, ...]
    """As they were given, in a normal form: ``github:acme``."""
    policy_digest: str
    options: tuple[tuple[str, str], ...] = ()
    """What else decides which subjects are judged and how, sorted: ``("include", "pull-requests")``, ``("shard", "3/16")``."""

    now: datetime | None = None
    """The instant to judge as of, where one was asked for. It makes another order, and not another series."""

    @property
    def digest(self) -> str:
        """Of all of it."""
        as_of = "" if self.now is None else self.now.astimezone(UTC).isoformat()
        options = (f"{name}={value}" for name, value in self.options)
        return digest([*self.targets, "", self.policy_digest, as_of, *options])

    @property
    def series(self) -> str:
        """Of all but the policy and the instant: runs of one series are compared with one another."""
        return digest([*self.targets, "", *(f"{name}={value}" for name, value in self.options)])


@dataclass(frozen=True, slots=True)
class Batch:
    """What was judged together, and is kept together: all of it or none."""

    homes: tuple[str, ...]
    """Ids of the repositories (and organisations) that are done with it: they are not judged again when the run is resumed."""
    subjects: tuple[Subject, ...]
    results: tuple[Result, ...]
    gaps: tuple[Gap, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    """HTTP requests that it took, by platform."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """The same by kind."""
    memo: str = ""
    """What the scan itself has to know of it when it is resumed; nobody else reads that."""


@dataclass(frozen=True, slots=True)
class Closing:
    """What is known of a run only at its end."""

    finished_at: datetime
    version: str
    depth: int
    policies: tuple[PolicySource, ...]
    coverage: tuple[Coverage, ...]
    skipped: tuple[Skip, ...] = ()
    gaps: tuple[Gap, ...] = ()
    """Those of listing, and of targets."""
    results: tuple[Result, ...] = ()
    """Those about no subject of a batch: waivers that nobody needs."""
    notices: tuple[str, ...] = ()
    requests: Mapping[str, int] = field(default_factory=dict)
    """Sent outside of batches."""
    spent: Mapping[str, Spent] = field(default_factory=dict)
    """The same by kind."""


class OpenRun(Protocol):
    """A scan under way, kept batch by batch. Nobody else works at it while this one does."""

    id: str
    started_at: datetime
    now: datetime
    """The instant that it judges as of: of a resumed run the one that it began with."""
    resumed: bool

    def done(self) -> frozenset[str]:
        """Ids of the homes that are done."""
        ...

    def memos(self) -> Sequence[str]:
        """The memos of the batches that are kept, in their order, without the empty ones."""
        ...

    def keep(self, batch: Batch) -> None:
        """Keep a batch; once this returns it outlives the process."""
        ...

    def finish(self, closing: Closing) -> Run:
        """End the run, and give it as reports take it; what it holds is read from the store while one goes through it."""
        ...


class Store(Protocol):
    """Remembers runs. Several processes may use one at a time. Every method raises ``StoreError``."""

    def begin(self, order: Order, command: str, now: datetime, *, fresh: bool = False) -> OpenRun:
        """The unfinished run of this order, where its process has ended and it is not too old; else a new one."""
        ...

    def runs(self, series: str | None = None, limit: int = 100) -> Sequence[RunSummary]:
        """Finished runs, the newest first."""
        ...

    def run(self, run_id: str) -> Run:
        """A finished run, by its id or the beginning of it, with those of its series before it and what has changed since."""
        ...

    def before(self, run: Run) -> Run | None:
        """The finished run of the same series that came before a finished one; None: there is none."""
        ...

    def retain(self, *, days: int | None = None, runs: int | None = None) -> int:
        """Delete finished runs that are older than so many days, and all but the newest so many of each series.

        The newest finished run of a series stays, whatever its age. Unfinished runs that nobody works at go when they are too
        old to be taken on. Says how many runs were deleted.
        """
        ...

    def close(self) -> None:
        """End the connection."""
        ...


class StoreError(Exception):
    """The store cannot be used; the text says what, where and what to do next."""
