"""A scan that was killed, and the one that goes on from there: together they say what one that nobody killed does."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from bot.engine.runs import Batch
from bot.sandbox.grow import grow
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from bot.sandbox.world import World as Inside
from bot.store.writing import KeptRun
from tests.cli.conftest import World, demo_scenario
from tests.cli.test_scanning import CONFIG, POLICY, REPOSITORIES, TARGETS, WAIVERS, judgement, scanned

AT = ("--now", "2026-11-02T09:00:00Z", "--batch", "3")


@pytest.fixture(scope="module", params=TARGETS)
def killed(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, World, Any]]:
    """A target, its world, and what a scan says that nobody kills."""
    inside = Inside(Scenario.model_validate(demo_scenario()))
    grow(inside, REPOSITORIES, seed=4)
    with Sandbox(inside) as sandbox:
        world = World(sandbox, tmp_path_factory.mktemp("killed"))
        for name, text in {"p.yml": POLICY, "w.yml": WAIVERS, "c.yml": CONFIG}.items():
            world.write(name, text)
        target = TARGETS[request.param]
        yield target, world, scanned(world, target, *AT, "--no-store").json()


def kill_at(world: World, moment: int, *arguments: str) -> None:
    """Start a scan, and kill it while it waits for the answer to its request of that number."""
    faults = world.sandbox.application.faults
    world.sandbox.application.ledger.clear()
    world.fault(kind="hold", skip=moment, times=None)
    process = world.start("scan", *arguments, "--config", str(world.folder / "c.yml"))
    try:
        for _ in range(3_000):
            if faults.held or process.poll() is not None:
                break
            time.sleep(0.01)
        assert process.poll() is None, process.communicate()
        assert faults.held
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate(timeout=30)
        faults.clear()


@pytest.mark.parametrize("share", [0.1, 0.85])
def test_a_killed_scan_goes_on_where_it_was(killed: tuple[str, World, Any], share: float, tmp_path: Path) -> None:
    target, world, whole = killed
    own = {"ALMGUARD_STORE": str(tmp_path / "runs.db"), "XDG_CACHE_HOME": str(tmp_path)}
    asked = sum(whole["run"]["requests"].values())
    world.environ |= own
    kill_at(world, int(asked * share), target, *AT)
    world.sandbox.application.ledger.clear()
    ended = scanned(world, target, *AT)
    report = ended.json()
    assert judgement(report) == judgement(whole)
    assert report["run"]["coverage"] == whole["run"]["coverage"]
    assert ("resumed" in ended.err) is (share > 0.5)
    assert ("had been judged before" in " ".join(report["notices"])) is (share > 0.5)
    assert len(world.ledger()) < asked or share < 0.5, "what was done is not asked for again"


def test_an_interrupted_scan_says_that_it_can_be_resumed(
    killed: tuple[str, World, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And judges as of the instant that it began with; --fresh begins anew, and so does another policy."""
    target, world, _ = killed
    world.environ |= {"ALMGUARD_STORE": str(tmp_path / "runs.db"), "XDG_CACHE_HOME": str(tmp_path)}
    keep, kept = KeptRun.keep, []

    def interrupts(self: KeptRun, batch: Batch) -> None:
        keep(self, batch)
        kept.append(batch)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(KeptRun, "keep", interrupts)
        ended = scanned(world, target, "--batch", "3")
    assert (ended.code, ended.out) == (2, "")
    assert "what was judged is kept; the same command goes on from there" in ended.err
    until = datetime.now(UTC).isoformat()
    world.write("q.yml", POLICY.replace("enforce: warn", "enforce: block"))
    assert "resumed" not in scanned(world, target, policy="q.yml").err, "another policy is another scan"
    ended = scanned(world, target, "--batch", "3")
    assert f"{len(kept[0].homes)} of its repositories" in ended.err
    report = ended.json()
    assert report["run"]["now"] < until
    assert {one.id for one in kept[0].subjects} <= {one["id"] for one in report["subjects"]}
    assert len({(one["subject"], one["key"]) for one in report["results"]}) == len(report["results"])


def test_fresh_begins_anew(killed: tuple[str, World, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target, world, _ = killed
    world.environ |= {"ALMGUARD_STORE": str(tmp_path / "runs.db"), "XDG_CACHE_HOME": str(tmp_path)}
    with monkeypatch.context() as patched:
        patched.setattr(KeptRun, "finish", mock.Mock(side_effect=KeyboardInterrupt))
        assert scanned(world, target).code == 2
    until = datetime.now(UTC).isoformat()
    ended = scanned(world, target, "--fresh")
    assert "resumed" not in ended.err
    assert ended.json()["run"]["now"] > until
