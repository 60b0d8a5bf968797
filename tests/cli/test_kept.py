"""What a scan and an audit keep between runs."""

from __future__ import annotations

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
