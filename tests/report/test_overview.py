"""A run in one pass: what is counted, and what is said in one line."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace

import pytest

from bot.engine.comparing import Changes
from bot.model.results import Coverage, Outcome, Result
from bot.report import grouping
from bot.report.grouping import grouped
from bot.report.overview import changes_line, coverage_lines, overview
from tests.report import runs


def test_of_a_large_group_the_gravest_are_kept_and_all_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "KEPT", 5)
    results = [runs.result("approvals", Outcome.FAIL, runs.repository(f"r{n:03}", n)) for n in range(100)]
    groups = grouped(results)
    assert groups.blocking.total == 100
    assert [result.subject.name for result in groups.blocking] == [f"acme/r{n:03}" for n in range(5)]


@dataclass
class Kept(Collection[Result]):
    """Results that come from elsewhere each time they are gone through, as those of a store do."""

    results: tuple[Result, ...]
    passes: int = 0

    def __iter__(self) -> Iterator[Result]:
        self.passes += 1
        return iter(sorted(self.results, key=lambda result: (result.subject.id, result.key)))

    def __len__(self) -> int:
        return len(self.results)

    def __contains__(self, item: object) -> bool:
        return item in self.results


def test_one_pass_serves_every_format() -> None:
    kept = Kept(tuple(runs.survey().results))
    run = replace(runs.survey(), results=kept)
    assert overview(run) is overview(run)
    assert kept.passes == 1
    assert overview(replace(run, id="another")) is not overview(run)


def test_coverage_says_where_the_platform_counts_otherwise() -> None:
    said = list(coverage_lines(runs.followed()))
    assert said == [
        "ado:acme/Payments: 4 repositories listed: 4 judged",
        "github:acme: 9 repositories listed, though the platform counts 10: 4 judged, 3 skipped, 2 unknown",
        "skipped: 2 archived, 1 fork",
    ]
    agreed = Coverage("github:acme", listed=1, counted=1, judged=1, skipped=0, unknown=0)
    run = replace(runs.followed(), coverage=(agreed,), skipped=())
    assert list(coverage_lines(run)) == ["github:acme: 1 repository listed, as the platform counts: 1 judged"]


def test_what_has_changed_is_told_in_one_line() -> None:
    run = runs.followed()
    assert changes_line(run) == "1 broke, 1 lost, 1 gone since 2027-01-08"
    assert changes_line(replace(run, changes=None)) == ""
    assert changes_line(replace(run, changes=())) == "nothing has changed since 2027-01-08"


def test_what_is_fixed_by_a_waiver_is_told_as_such() -> None:
    before = runs.run(runs.LINK, command="scan")
    after = runs.run(replace(runs.LINK, waiver=runs.WAIVER), command="scan")
    said = changes_line(replace(after, changes=Changes(before, after)))
    assert said == "1 fixed (1 of the fixed by a waiver or the baseline) since the last run"
