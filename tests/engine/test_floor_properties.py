"""Whatever a repository's own configuration says, a verdict under the floor is never better than the floor's alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from bot.engine.verdict import decide
from bot.policy.floor import under
from bot.policy.problems import PolicyError
from tests.engine.told import SAYS, STRICTNESS, config, declare, loaded, policy, results
from tests.policy.examples import REPOSITORY, pull_request

PULL = pull_request()
KINDS = st.dictionaries(st.sampled_from(["scope", "transient"]), st.sampled_from(["block", "warn"]))


@pytest.fixture(scope="module", autouse=True)
def rules() -> Iterator[None]:
    yield from declare()


ENTRY = st.fixed_dictionaries(
    {
        "name": st.sampled_from("xyz"),
        "rule": st.just("told"),
        "with": st.fixed_dictionaries({"says": st.sampled_from(SAYS)}),
        "enforce": st.sampled_from(["block", "block", "warn", "audit", "disabled"]),
    }
)
ENTRIES = st.lists(ENTRY, max_size=3, unique_by=lambda entry: entry["name"])
MATCH = st.sampled_from([{}, {"repository": "acme/*"}, {"repository": "other"}, {"branch": "main"}])
WAIVERS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from("xyz")), max_size=3, unique=True)


@st.composite
def configurations(draw: st.DrawFn, names: list[str]) -> tuple[str, dict[str, Any]]:
    """A configuration of one or two policies, with waivers, and its own word about the unknown."""
    chosen = draw(st.lists(st.sampled_from(names), min_size=1, max_size=2, unique=True))
    files: dict[str, Any] = {
        f"{name}.yml": policy(name, *draw(ENTRIES), match=draw(MATCH), waivers={"allowed": draw(st.booleans())})
        for name in chosen
    }
    there = {(i, e["name"]) for i, name in enumerate(chosen) for e in files[f"{name}.yml"]["rules"]}
    waivers = [
        {
            "entry": f"{chosen[i]}/{n}",
            "subject": "*/*",
            "reason": "r",
            "owner": "a",
            "approver": "b",
            "expires": "2099-01-01",
        }
        for i, n in draw(WAIVERS)
        if (i, n) in there
    ]
    files["w.yml"] = {"apiVersion": "almguard/v1", "kind": "Waivers", "waivers": waivers}
    files["c.yml"] = config(policies=[f"{n}.yml" for n in chosen], waivers="w.yml", gate={"on_unknown": draw(KINDS)})
    return "c.yml", files


@settings(max_examples=50, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])
@given(configurations(["p", "q"]), configurations(["p", "r", "s"]), st.sampled_from([PULL, REPOSITORY]))
def test_the_floor_holds(floor: tuple[str, dict[str, Any]], own: tuple[str, dict[str, Any]], subject: Any) -> None:
    below, above = loaded(*floor), loaded(*own)
    try:
        both = under(below, above)
    except PolicyError:
        assume(False)
    alone, together = results(below, subject), results(both, subject)
    before, after = decide(alone, below.gate.on_unknown), decide(together, both.gate.on_unknown)
    assert STRICTNESS[after] >= STRICTNESS[before]
    mine = {policy.name for policy in below.policies}
    assert [r for r in together if r.policy in mine and r.rule != "waivers"] == [
        r for r in alone if r.rule != "waivers"
    ]
