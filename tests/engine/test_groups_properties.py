"""The algebra of groups and verdicts, by real policies through the real judging, held against the table in docs/policy.md."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.results import Outcome, Result, Verdict
from tests.engine.told import SAYS, STRICTNESS, config, declare, loaded, policy, results, verdict
from tests.policy.examples import pull_request

PULL = pull_request()


@pytest.fixture(scope="module", autouse=True)
def rules() -> Iterator[None]:
    yield from declare()


Tree = Any
"""A word of ``SAYS``; or how members are combined, and the members. Beside each: whether a waiver covers it."""

LEAVES = st.tuples(st.sampled_from(SAYS), st.booleans())
TREES = st.recursive(
    LEAVES,
    lambda inner: st.tuples(
        st.tuples(st.sampled_from(["any_of", "all_of"]), st.lists(inner, min_size=1, max_size=4)), st.booleans()
    ),
    max_leaves=8,
)
ENFORCED = st.sampled_from(["block", "block", "block", "warn", "audit", "disabled"])
ENTRIES = st.lists(st.tuples(TREES, ENFORCED), max_size=4)


def written(tree: Tree, name: str, waived: list[str]) -> dict[str, Any]:
    """An entry, or a member, of that name; its waivers are noted."""
    (what, is_waived) = tree
    if is_waived:
        waived.append(name)
    if isinstance(what, str):
        return {"name": name, "rule": "told", "with": {"says": what}}
    how, members = what
    return {"name": name, how: [written(member, f"{name}.{index}", waived) for index, member in enumerate(members)]}


def judged(
    entries: list[tuple[Tree, str]], *, more: list[dict[str, Any]] | None = None
) -> tuple[Verdict, list[Result]]:
    waived: list[str] = []
    listed = [{**written(tree, f"e{i}", waived), "enforce": enforce} for i, (tree, enforce) in enumerate(entries)]
    waivers = [
        {
            "entry": f"p/{name}",
            "subject": PULL.name,
            "reason": "r",
            "owner": "a",
            "approver": "b",
            "expires": "2099-01-01",
        }
        for name in waived
    ]
    files = {
        "p.yml": policy("p", *listed, *(more or [])),
        "w.yml": {"apiVersion": "almguard/v1", "kind": "Waivers", "waivers": waivers},
        "c.yml": config(policies=["p.yml"], waivers=["w.yml"]),
    }
    configuration = loaded("c.yml", files)
    found = results(configuration, PULL)
    return verdict(configuration, found), [result for result in found if result.rule != "waivers"]


# The oracle: the table, written down again. An outcome here may be "awaiting", a fail that time or people can cure.


def ended(tree: Tree) -> str:
    """How an entry ends, the waiver over itself aside."""
    what, _ = tree
    if isinstance(what, str):
        return what
    how, members = what
    outcomes = [counted(member) for member in members]
    fails = [each for each in outcomes if each in ("fail", "awaiting")]
    if how == "all_of":
        if fails:
            return "fail" if "fail" in fails else "awaiting"
        order = ["error", "unknown", "pass"]
    else:
        if "pass" not in outcomes and "error" not in outcomes and "unknown" not in outcomes and fails:
            return "awaiting" if "awaiting" in fails else "fail"
        order = ["pass", "error", "unknown"]
    return next((each for each in order if each in outcomes), "not_applicable")


def counted(tree: Tree) -> str:
    """The same, as it counts in a group or for a verdict: what a waiver covers is a pass."""
    outcome = ended(tree)
    return "pass" if tree[1] and outcome in ("fail", "awaiting", "unknown", "error") else outcome


def decided(entries: list[tuple[Tree, str]]) -> Verdict:
    """The verdict on all of them."""
    active = [(tree, enforce) for tree, enforce in entries if enforce != "disabled"]
    if not active:
        return Verdict.EMPTY
    blocking = [counted(tree) for tree, enforce in active if enforce == "block"]
    if "fail" in blocking:
        return Verdict.BLOCKED
    if "awaiting" in blocking:
        return Verdict.WAITING
    return Verdict.INCONCLUSIVE if {"unknown", "error"} & set(blocking) else Verdict.PASSED


@given(TREES)
def test_every_nesting_of_groups_ends_as_the_table_says(tree: Tree) -> None:
    _, (result,) = judged([(tree, "block")])
    expected = ended(tree)
    assert result.outcome is Outcome("fail" if expected == "awaiting" else expected)
    assert result.awaiting is (expected == "awaiting")
    assert (result.waiver is not None) is (tree[1] and result.outcome in ("fail", "unknown", "error"))
    # What is told of a group is what made it: a fail has findings, what is not known a reason, and the members keep theirs.
    assert bool(result.findings) is (result.outcome is Outcome.FAIL)
    assert result.outcome is not Outcome.UNKNOWN or result.unknown
    if not isinstance(tree[0], str):
        for member, one in zip(result.members, tree[0][1], strict=True):
            assert member.outcome is Outcome("fail" if ended(one) == "awaiting" else ended(one))


def test_every_group_of_up_to_three_members_ends_as_the_table_says() -> None:
    trees: list[Tree] = [
        ((how, [(word, False) for word in words]), False)
        for how in ("any_of", "all_of")
        for count in (1, 2, 3)
        for words in product(SAYS, repeat=count)
    ]
    _, found = judged([(tree, "block") for tree in trees])
    for tree, result in zip(trees, found, strict=True):
        expected = ended(tree)
        assert (result.outcome, result.awaiting) == (
            Outcome("fail" if expected == "awaiting" else expected),
            expected == "awaiting",
        ), tree


@given(ENTRIES)
def test_the_verdict_is_the_tables(entries: list[tuple[Tree, str]]) -> None:
    found, each = judged(entries)
    assert found is decided(entries)
    assert len(each) == sum(enforce != "disabled" for _, enforce in entries)


@given(st.data(), ENTRIES)
def test_order_and_repetition_mean_nothing(data: st.DataObject, entries: list[tuple[Tree, str]]) -> None:
    shuffled = data.draw(st.permutations(entries))
    assert judged(shuffled)[0] is judged(entries)[0] is judged(entries + shuffled)[0]


@given(TREES, st.data())
def test_a_group_of_one_and_a_group_repeated_are_the_group(tree: Tree, data: st.DataObject) -> None:
    how = data.draw(st.sampled_from(["any_of", "all_of"]))
    alone = judged([(tree, "block")])[0]
    assert judged([(((how, [tree]), False), "block")])[0] is alone
    assert judged([(((how, [tree, tree]), False), "block")])[0] is alone


@given(ENTRIES, st.sampled_from(["fail", "awaiting", "unknown", "error"]))
def test_one_more_that_blocks_never_unblocks(entries: list[tuple[Tree, str]], word: str) -> None:
    before = judged(entries)[0]
    after = judged([*entries, ((word, False), "block")])[0]
    assert STRICTNESS[after] >= max(STRICTNESS[before], 1)
    if word == "fail":
        assert after is Verdict.BLOCKED


@given(ENTRIES, TREES, st.sampled_from(["audit", "warn"]))
def test_what_is_only_recorded_or_shown_decides_nothing(
    entries: list[tuple[Tree, str]], tree: Tree, enforce: str
) -> None:
    before, after = judged(entries)[0], judged([*entries, (tree, enforce)])[0]
    assert after is (Verdict.PASSED if before is Verdict.EMPTY else before)


@given(ENTRIES, TREES, ENFORCED)
def test_one_more_entry_of_any_kind_never_makes_it_milder(
    entries: list[tuple[Tree, str]], tree: Tree, enforce: str
) -> None:
    assert STRICTNESS[judged([*entries, (tree, enforce)])[0]] >= STRICTNESS[judged(entries)[0]]
