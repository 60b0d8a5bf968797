"""A scan under a storm of faults: what differs from fair weather is unknown and named, and no verdict turns round."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from bot.platforms.transport import Transport
from bot.sandbox.grow import grow
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from bot.sandbox.world import World as Inside
from tests.cli.conftest import World, demo_scenario

REPOSITORIES = 30
ON_BOTH = pytest.mark.parametrize("target", ["github:grown", "ado:grown"])


@pytest.fixture
def grown(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "sleep", lambda _seconds: None)
    monkeypatch.setitem(Transport.__init__.__kwdefaults__, "max_wait", 100_000.0)
    inside = Inside(Scenario.model_validate(demo_scenario()))
    grow(inside, REPOSITORIES, seed=3)
    with Sandbox(inside) as sandbox:
        yield World(sandbox, tmp_path)


def scanned(world: World, target: str) -> dict[str, Any]:
    ended = world.call("scan", target, "--no-store", "--no-cache", "--batch", "12", "--format", "json",
                       "--now", "2026-11-02T09:00:00Z")  # fmt: skip
    assert ended.code in (0, 1, 3), (ended.code, ended.err)
    assert ended.out, (ended.code, ended.err)
    report: dict[str, Any] = ended.json()
    return report


def outcomes(report: dict[str, Any]) -> dict[tuple[str, str], tuple[str, list[str]]]:
    return {
        (one["key"], one["subject"]): (one["outcome"], sorted(finding["message"] for finding in one["findings"]))
        for one in report["results"]
    }


@ON_BOTH
@pytest.mark.parametrize(
    ("rate", "moving"), [(0.2, 0.0), (0.3, 0.1)], ids=["bounded", "unbounded, and repositories go"]
)
def test_a_storm_turns_no_verdict_round_and_what_it_hides_is_named(
    grown: World, target: str, rate: float, moving: float
) -> None:
    fair = scanned(grown, target)
    bounded = {"in_a_row": 3 if not moving else None}
    grown.fault(kind="storm", rate=rate, seed=4, seconds=0.0, skip=1, **bounded)  # the target itself is there
    if moving:
        grown.fault(kind="moved", rate=moving / 2, seed=4)
        grown.fault(kind="deleted", rate=moving / 2, seed=4)
    foul = scanned(grown, target)
    before, after = outcomes(fair), outcomes(foul)
    gaps = foul["run"]["gaps"]
    told = {one["subject"]: one for one in foul["results"]}
    assert set(after) <= set(before), "nothing is judged that was not there"
    for key, outcome in before.items():
        if after.get(key) == outcome:
            continue
        assert key not in after or after[key][0] == "unknown", (key, outcome, after[key], told[key[1]])
        assert gaps, key
    lost = set(before) - set(after)
    assert not lost or any(gap["fact"] in ("listing", "repositories", "projects", "coverage") for gap in gaps), gaps
    assert not foul["run"]["complete"] or (before == after and not gaps)
