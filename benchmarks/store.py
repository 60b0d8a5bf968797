"""What it takes to keep a scan and to read it back: ``python benchmarks/store.py [ADDRESS] [REPOSITORIES] [RESULTS]``.

Each of the repositories has so many results; every fifth fails. It prints the time, the memory, and what it takes on disk.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from bot.engine.runs import Batch, Closing, Order
from bot.model.findings import Evidence, Finding, Severity
from bot.model.results import Coverage, Enforcement, Outcome, Result
from bot.model.subjects import Organization, Platform, Repository, Visibility
from bot.store import opened

BATCH = 50
NOW = datetime(2027, 1, 15, tzinfo=UTC)
ACME = Organization("github.com/organization/1", "acme", Platform.GITHUB, "https://github.com/acme")


def repository(number: int) -> Repository:
    """One as a listing has it."""
    name = f"service-{number}"
    return Repository(
        f"github.com/repository/{100_000 + number}", f"acme/{name}", Platform.GITHUB, f"https://github.com/acme/{name}",
        ACME, name, "main", Visibility.INTERNAL, language="Python", topics=("payments", "tier-1"), pushed_at=NOW,
    )  # fmt: skip


def result(subject: Repository, number: int) -> Result:
    """One entry's; with evidence, as most rules give it."""
    url = f"{subject.url}/settings/branches"
    evidence = (Evidence("required approvals", "2, code owners must approve", url, NOW),)
    fails = number % 5 == 0
    finding = Finding(
        f"The branch main of {subject.name} takes changes without a review: rule {number} is not in force.",
        "An administrator adds a ruleset with required reviews.",
        evidence,
        discriminator=f"rule-{number}",
    )
    return Result(
        f"baseline/rule-{number:02}", "baseline", f"rule-{number:02}", subject,
        Outcome.FAIL if fails else Outcome.PASS, Enforcement.BLOCK, Severity.HIGH,
        findings=(finding,) if fails else (), evidence=() if fails else evidence, title="Changes are reviewed by others.",
        fingerprints=(f"{number:032x}",) if fails else (),
    )  # fmt: skip


def memory() -> float:
    """The most that the process has held so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(address: str, repositories: int, results: int) -> None:
    """Keep one run, and read it."""
    before = memory()
    with opened(address) as kept:
        started = time.perf_counter()
        run = kept.begin(Order(("github:acme",), "policy"), "scan", NOW)
        for first in range(0, repositories, BATCH):
            subjects = tuple(repository(number) for number in range(first, min(first + BATCH, repositories)))
            found = tuple(result(subject, number) for subject in subjects for number in range(results))
            run.keep(Batch(tuple(subject.id for subject in subjects), subjects, found, requests={"github": 25}))
        coverage = Coverage("github:acme", repositories, repositories, repositories, 0, 0)
        read = run.finish(Closing(datetime.now(UTC), "0", 3, (), (coverage,)))
        wrote = time.perf_counter() - started
        print(
            f"kept {len(read.results):,} results: {wrote:.1f} s, {memory() - before:.0f} MB more than {before:.0f} MB"
        )
        started = time.perf_counter()
        amount = sum(1 for _ in read.results) + sum(1 for _ in read.subjects)
        assert amount == repositories * (results + 1)
        print(f"read them: {time.perf_counter() - started:.1f} s, {memory() - before:.0f} MB more than {before:.0f} MB")
    if "://" not in address:
        print(f"on disk: {sum(path.stat().st_size for path in Path(address).parent.iterdir()) / 2**20:.0f} MB")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        given = dict(enumerate(sys.argv[1:]))
        main(given.get(0) or f"{folder}/almguard.db", int(given.get(1, "10000")), int(given.get(2, "15")))
