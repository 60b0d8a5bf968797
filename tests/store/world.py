"""What tests keep in stores."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from bot.engine.runs import Batch, Closing, OpenRun, Order
from bot.model.results import Coverage, Outcome, PolicySource, Result, Run, Skip, Spent
from bot.model.subjects import Repository
from bot.policy.baseline import fingerprint
from bot.store import SqlStore, opened
from tests.report import runs

ORDER = Order(("github:acme",), "policy-1")
POLICIES = (PolicySource("payments", "payments.yml", "ab" * 32),)
START = datetime(2027, 1, 15, 3, 0, tzinfo=UTC)


class Clock:
    """A time that only goes on when it is told to."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def later(self, **by: float) -> None:
        self.now += timedelta(**by)


def store(address: str, clock: Callable[[], datetime] | None = None) -> SqlStore:
    return opened(address, clock=clock)


def repository(number: int) -> Repository:
    return replace(runs.repository(f"service-{number}", number), topics=("payments", "é"), archived=number % 2 == 0)


def results_of(subject: Repository, *, failing: bool = True) -> tuple[Result, ...]:
    outcome = Outcome.FAIL if failing else Outcome.PASS
    link = replace(runs.LINK, subject=subject, outcome=outcome, findings=runs.LINK.findings if failing else ())
    marks = tuple(fingerprint(link.key, subject.id, finding) for finding in link.findings)
    return (replace(link, fingerprints=marks), runs.result("secret-scanning", Outcome.PASS, subject))


def batch(number: int, *, failing: bool = True) -> Batch:
    subject = repository(number)
    return Batch(
        (subject.id,),
        (subject,),
        results_of(subject, failing=failing),
        requests={"github": 2},
        spent={"github": Spent(2, 1, 1, 3)},
        memo=f"m{number}",
    )


def closing(finished_at: datetime, judged: int = 2) -> Closing:
    return Closing(
        finished_at,
        "0.1.0",
        depth=3,
        policies=POLICIES,
        coverage=(Coverage("github:acme", judged + 1, None, judged, 1, 0),),
        skipped=(Skip("github.com/repository/99", "acme/old", "archived"),),
        notices=("Something is deprecated.",),
        requests={"github": 5, "azure_devops": 1},
        spent={"github": Spent(5, 0, 2, 4)},
    )


def scanned(
    kept: SqlStore, clock: Clock, order: Order = ORDER, numbers: Iterable[int] = (1, 2), *, failing: bool = True
) -> Run:
    """A whole scan, an hour long."""
    run: OpenRun = kept.begin(order, "scan", clock.now)
    every = list(numbers)
    for number in every:
        run.keep(batch(number, failing=failing))
    clock.later(hours=1)
    return run.finish(closing(clock.now, len(every)))
