"""Several processes, and one that is killed."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from bot.engine.runs import Order
from tests.store.world import batch, closing, store

ROOT = Path(__file__).resolve().parents[2]


def process(address: str, order: str, batches: int, *rest: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.store.worker", address, order, str(batches), *rest],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def test_a_killed_run_is_taken_on_and_one_that_is_worked_at_is_not(address: str) -> None:
    child = process(address, "github:acme", 2, "stay")
    order, now = Order(("github:acme",), "policy-1"), datetime.now(UTC)
    try:
        assert child.stdout is not None
        run_id = child.stdout.readline().split()[0]
        assert child.stdout.readline() == "waiting\n"
        with store(address) as kept:
            second = kept.begin(order, "scan", now)
            assert not second.resumed
            second.finish(closing(datetime.now(UTC)))
    finally:
        child.kill()
        child.communicate()
    with store(address) as kept:
        # The server may take a moment to see that the process is gone.
        for _ in range(200):
            again = kept.begin(order, "scan", now)
            if again.resumed:
                break
            again.finish(closing(datetime.now(UTC)))
            time.sleep(0.05)
        assert (again.id, again.resumed) == (run_id, True)
        assert again.done() == {batch(1).homes[0], batch(2).homes[0]}
        again.keep(batch(3))
        read = again.finish(closing(datetime.now(UTC), 3))
        assert len({(result.subject.id, result.key) for result in read.results}) == len(read.results) == 6


def test_those_that_open_a_new_store_at_once_do_not_harm_each_other(address: str) -> None:
    children = [process(address, "github:acme", 8) for _ in range(2)]
    said = []
    for child in children:
        assert child.stdout is not None
        said.append(child.stdout.readline().split())
    with store(address) as kept:
        other = kept.begin(Order(("ado:acme",), "policy-1"), "scan", datetime.now(UTC))
        for number in range(1, 9):
            other.keep(batch(number))
        other.finish(closing(datetime.now(UTC), 8))
        for child in children:
            child.communicate(timeout=60)
        assert [child.returncode for child in children] == [0, 0]
        # Of one order, and yet nobody took on what the other works at.
        assert [resumed for _, resumed in said] == ["False", "False"]
        ids = {other.id, *(run_id for run_id, _ in said)}
        assert len(ids) == 3
        assert {each.id for each in kept.runs()} == ids
        for run_id in ids:
            run = kept.run(run_id)
            assert run.complete
            assert len({(result.subject.id, result.key) for result in run.results}) == len(run.results) == 16
            assert run.requests["github"] == 8 * 2 + 5
