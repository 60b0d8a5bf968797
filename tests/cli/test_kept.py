"""What a scan and an audit keep between runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from bot.platforms.cache import FILE
from tests.cli.conftest import World

ON_BOTH = pytest.mark.parametrize("target", ["github:acme", "ado:acme"])


def requests_of(world: World, *arguments: str) -> list[str]:
    world.sandbox.application.ledger.clear()
    ended = world.call(*arguments, "--format", "json")
    assert ended.code in (0, 1, 3), ended.err
    return [f"{one['method']} {one['path']} {one['operation'] or ''} {one['status']}" for one in world.ledger()]


@ON_BOTH
def test_a_second_scan_fetches_no_file_again(demo: World, target: str) -> None:
    first = requests_of(demo, "scan", target)
    assert (demo.folder / "cache" / "almguard" / FILE).is_file()
    second = requests_of(demo, "scan", target)
    assert len(second) <= len(first)
    assert not [
        line for line in second if "/git/blobs/" in line or (line.startswith("POST") and line.endswith("/blobs"))
    ]


@ON_BOTH
def test_nothing_is_kept_where_nothing_is_to_be(demo: World, target: str, tmp_path: Path) -> None:
    requests_of(demo, "scan", target, "--no-cache")
    requests_of(demo, "gate", "github:acme/payments#12", "--dry-run", "--config", demo.policy)
    assert not (demo.folder / "cache" / "almguard" / FILE).exists()
    elsewhere = tmp_path / "elsewhere"
    requests_of(demo, "audit", target + "/payments" if "github" in target else target, "--cache", str(elsewhere))
    assert (elsewhere / FILE).is_file()
    assert not (demo.folder / "cache" / "almguard" / FILE).exists()


def test_a_damaged_file_is_told_of_and_ends_nothing(demo: World) -> None:
    folder = demo.folder / "broken"
    folder.mkdir()
    (folder / FILE).write_bytes(b"\0" * 10_000)
    ended = demo.call("scan", "github:acme", "--format", "json", environ={"ALMGUARD_CACHE": str(folder)})
    assert ended.code in (0, 1, 3)
    assert "is damaged or no cache" in ended.err


@ON_BOTH
def test_what_was_spent_is_told_by_kind(demo: World, target: str) -> None:
    demo.call("scan", target, "--format", "json")
    demo.sandbox.application.ledger.clear()
    run = demo.call("scan", target, "--format", "json").json()["run"]
    ledger = demo.ledger()
    platform = "github" if "github" in target else "azure_devops"
    spent = run["spent"][platform]
    assert spent["requests"] == run["requests"][platform] == len(ledger)
    assert spent["not_modified"] == sum(one["status"] == 304 for one in ledger)
    assert spent["graphql"] == sum(one["host"] == "graphql" for one in ledger)
    assert (spent["points"] >= spent["graphql"] > 0) == (platform == "github")
    if platform == "github":
        assert spent["not_modified"] > 0
        shown = demo.call("scan", target).out
        assert re.search(r"\d+ requests \(\d+ unchanged, \d+ GraphQL for \d+ points?\)", " ".join(shown.split()))


@ON_BOTH
def test_a_limit_beyond_what_may_be_waited_is_unknown_and_said(demo: World, target: str) -> None:
    match, skip = ("graphql", 3) if "github" in target else ("policy/configurations", 0)
    demo.fault(kind="rate_limit", match=match, times=None, retry_after=900, skip=skip)
    ended = demo.call("scan", target, "--max-wait", "10s", "--format", "json")
    assert ended.code in (1, 3), ended.err
    report = ended.json()
    assert not report["run"]["complete"]
    limits = [gap for gap in report["run"]["gaps"] if gap["kind"] == "limit"]
    assert limits
    assert all("--max-wait" in gap["reason"] for gap in limits), limits[0]
    assert "waiting" not in ended.err


def test_a_short_limit_is_waited_for_and_shown(demo: World) -> None:
    demo.fault(kind="secondary", match="graphql", times=1, retry_after=1, skip=1)
    ended = demo.call("scan", "github:acme", "--format", "json")
    assert ended.json()["run"]["complete"]
    assert re.search(r"almguard: waiting 1\.0 s: .* limits the rate", ended.err)


def test_a_wait_that_is_none_is_refused(demo: World) -> None:
    ended = demo.call("scan", "github:acme", "--max-wait", "soon")
    assert ended.code == 2
    assert "--max-wait" in ended.err
