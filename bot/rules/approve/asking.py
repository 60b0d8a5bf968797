"""Who is left to be asked for a review."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bot.model.findings import Reviewer, ReviewWanted
from bot.model.people import Person
from bot.rules.approve.eligibility import is_one_of


def review_wanted(candidates: Iterable[Reviewer], out: Iterable[Person], requested: Sequence[str]) -> ReviewWanted:
    """Those whose review would count, without ``out``: those who may not, and those who have said something already."""
    people = list(out)
    able = [one for one in dict.fromkeys(candidates) if not any(is_one_of(person, (one.name,)) for person in people)]
    asked = {_short(name) for name in requested}
    left = tuple(one for one in able if _short(one.name) not in asked)
    return ReviewWanted(left, len(able) - len(left))


def _short(name: str) -> str:
    """A name without its organisation or project, upper and lower case alike: teams are named with either or neither."""
    return name.replace("\\", "/").rpartition("/")[2].casefold()
