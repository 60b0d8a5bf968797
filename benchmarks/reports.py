"""Reports of a kept scan of ten thousand repositories: for each format how long it takes, its size and the most memory.

Two scans, a week apart, are kept in a store of their own, so that what has changed is told as well; then each format is written
from it by a process of its own, whose memory is the whole of it: interpreter, libraries and all.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from bot.cli.options import FORMATS
from bot.engine.runs import Batch, Closing, Order
from bot.model.facts import UnknownKind
from bot.model.findings import Evidence, Finding, Severity
from bot.model.results import Coverage, Enforcement, Outcome, PolicySource, Result, Unknowing
from bot.model.subjects import Branch, Organization, Platform, Repository
from bot.policy.baseline import fingerprint
from bot.store import SqlStore, opened

RULES = ("branch-protection", "secret-scanning", "static-analysis-configured", "approvals", "requirement-link",
         "rollback-ready", "pinned-actions", "token-permissions", "environment-protection", "code-alerts", "codeowners",
         "signed-commits", "vulnerability-alerts", "team-access", "release-notes")  # fmt: skip
NOW = datetime(2027, 1, 15, 9, 30, tzinfo=UTC)
AT_ONCE = 200


def repositories(amount: int) -> Iterator[Repository]:
    """Of one organisation."""
    acme = Organization("github.com/organization/1", "acme", Platform.GITHUB, "https://github.com/acme")
    for number in range(amount):
        name = f"acme/service-{number:05}"
        yield Repository(f"github.com/repository/{number}", name, Platform.GITHUB, f"https://github.com/{name}",
                         organization=acme, short_name=name[5:], default_branch="main")  # fmt: skip


def result(home: Repository, rule: str, chance: random.Random) -> Result:
    """One that passes, mostly; a sixth fails, and a few could not be decided."""
    subject: Repository | Branch = home.branch("main") if rule.startswith("branch") else home
    key = f"baseline/{rule}"
    made = Result(
        key, "baseline", rule, subject, Outcome.PASS, Enforcement.BLOCK, Severity.HIGH, title=f"{rule} holds."
    )
    drawn = chance.random()
    if drawn > 0.2:
        return made
    if drawn > 0.17:
        why = Unknowing(UnknownKind.SCOPE, "The token may not read it: it needs administration:read.", "rulesets")
        return replace(made, outcome=Outcome.UNKNOWN, unknown=(why,))
    said = f"{rule} does not hold on {home.name}: the setting is off since the repository was made"
    seen = Evidence("setting", "off", f"{home.url}/settings", NOW)
    finding = Finding(
        said, "Turn it on in the settings, or say in a waiver why it is off.", (seen,), discriminator=rule
    )
    mark = fingerprint(key, subject.id, finding)
    enforcement = chance.choice(list(Enforcement)[1:])
    return replace(made, outcome=Outcome.FAIL, findings=(finding,), enforcement=enforcement, fingerprints=(mark,))


def keep(store: SqlStore, amount: int, week: int) -> None:
    """A scan, as one keeps it."""
    now = NOW + timedelta(weeks=week)
    run = store.begin(Order(("github:acme",), "p" * 64), "scan", now, fresh=True)
    homes = repositories(amount)
    while batch := list(islice(homes, AT_ONCE)):
        results = []
        for home in batch:
            # Of a hundred repositories one is not as it was the week before.
            changed = week if int(home.short_name[8:]) % 100 == 0 else 0
            chance = random.Random(f"{home.id} {changed}")
            results += [result(home, rule, chance) for rule in RULES]
        run.keep(Batch(tuple(home.id for home in batch), tuple(batch), tuple(results), (), {"github": len(batch) // 2}))
    run.finish(
        Closing(
            finished_at=now + timedelta(minutes=3),
            version="0",
            depth=9,
            policies=(PolicySource("baseline", "policies/baseline.yml", "ab" * 32),),
            coverage=(Coverage("github:acme", amount, amount, amount, 0, 0),),
        )
    )


def write(address: str, kind: str) -> None:
    """Write one report, and print what it took."""
    from bot.cli.output import write_whole

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "report"
        began = time.perf_counter()
        store = opened(address)
        from bot.cli.output import pieces_of

        run = store.run(store.runs(limit=1)[0].id)
        write_whole(path, pieces_of(run, kind))
        took = time.perf_counter() - began
        store.close()
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (1024 if sys.platform == "linux" else 1 << 20)
        print(json.dumps([took, path.stat().st_size / 1e6, most]))


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repositories", type=int, default=10_000)
    parser.add_argument("--formats", default=",".join(FORMATS))
    parser.add_argument("--store", help="Keep the runs here, and take those that are there.")
    parser.add_argument("--write", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.write:
        write(given.store, given.write)
        return
    with tempfile.TemporaryDirectory() as folder:
        address = given.store or str(Path(folder) / "store.db")
        began = time.perf_counter()
        with opened(address) as store:
            if not store.runs(limit=1):
                for week in range(2):
                    keep(store, given.repositories, week)
        kept = time.perf_counter() - began
        print(
            f"{given.repositories} repositories, {given.repositories * len(RULES)} results, 2 runs kept in {kept:.0f} s"
        )
        for kind in given.formats.split(","):
            command = [sys.executable, __file__, "--store", address, "--write", kind]
            ended = subprocess.run(command, capture_output=True, text=True, check=True, env={**os.environ})
            took, size, most = json.loads(ended.stdout)
            print(f"{kind:10} {took:6.1f} s  {size:7.1f} MB  {most:5.0f} MB of memory")


if __name__ == "__main__":
    main()
