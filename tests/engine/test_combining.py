"""The algebra of groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.combining import combine
from bot.model.results import Combination, Outcome

OUTCOMES = st.lists(st.sampled_from(Outcome), max_size=6)
HOW = st.sampled_from(Combination)


@pytest.mark.parametrize(
    ("how", "outcomes", "expected"),
    [
        ("all_of", "fail error unknown pass not_applicable", "fail"),
        ("all_of", "error unknown pass", "error"),
        ("all_of", "unknown pass not_applicable", "unknown"),
        ("all_of", "pass not_applicable", "pass"),
        ("all_of", "not_applicable", "not_applicable"),
        ("any_of", "fail error unknown pass", "pass"),
        ("any_of", "fail error unknown", "error"),
        ("any_of", "fail unknown", "unknown"),
        ("any_of", "fail not_applicable", "fail"),
        ("any_of", "not_applicable", "not_applicable"),
    ],
)
def test_the_table(how: str, outcomes: str, expected: str) -> None:
    assert combine(Combination(how), map(Outcome, outcomes.split())) is Outcome(expected)


@given(HOW, OUTCOMES)
def test_order_and_repetition_mean_nothing(how: Combination, outcomes: list[Outcome]) -> None:
    assert combine(how, outcomes) is combine(how, reversed(outcomes)) is combine(how, outcomes + outcomes)


@given(HOW, st.sampled_from(Outcome))
def test_a_group_of_one_is_its_member(how: Combination, outcome: Outcome) -> None:
    assert combine(how, [outcome]) is outcome


@given(HOW, OUTCOMES, OUTCOMES)
def test_groups_of_one_kind_may_be_nested_or_flat(how: Combination, one: list[Outcome], other: list[Outcome]) -> None:
    assert combine(how, [combine(how, one), combine(how, other)]) is combine(how, one + other)


@given(HOW, OUTCOMES)
def test_what_is_not_applicable_drops_out(how: Combination, outcomes: list[Outcome]) -> None:
    assert combine(how, [*outcomes, Outcome.NOT_APPLICABLE]) is combine(how, outcomes)


@given(OUTCOMES)
def test_one_more_fail_never_lets_all_of_pass_and_one_more_pass_never_fails_any_of(outcomes: list[Outcome]) -> None:
    assert combine(Combination.ALL_OF, [*outcomes, Outcome.FAIL]) is Outcome.FAIL
    assert combine(Combination.ANY_OF, [*outcomes, Outcome.PASS]) is Outcome.PASS
