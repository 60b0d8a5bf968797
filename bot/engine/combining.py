"""The algebra of groups: how the outcomes of members make the group's."""

from __future__ import annotations

from collections.abc import Iterable
from typing import assert_never

from bot.model.results import Combination, Outcome

ALL_OF = (Outcome.FAIL, Outcome.ERROR, Outcome.UNKNOWN, Outcome.PASS)
"""The first of these that some member has is the group's: one fail is enough."""
ANY_OF = (Outcome.PASS, Outcome.ERROR, Outcome.UNKNOWN, Outcome.FAIL)
"""The same for a group of which one pass is enough; what is not known might have been that pass."""


def combine(how: Combination, outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of a group. Members that are not applicable drop out; when all do, the group is not applicable."""
    found = set(outcomes)
    match how:
        case Combination.ALL_OF:
            order = ALL_OF
        case Combination.ANY_OF:
            order = ANY_OF
        case unreachable:
            assert_never(unreachable)
    return next((outcome for outcome in order if outcome in found), Outcome.NOT_APPLICABLE)
