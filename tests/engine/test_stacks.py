from __future__ import annotations

from datetime import UTC, datetime

import pytest

from bot.engine.ports import PlatformError
from bot.engine.stacks import MOST, landing_branch
from bot.model.facts import UnknownKind
from bot.model.people import Person
from bot.model.subjects import Organization, Platform, PullRequest, Repository

ACME = Organization("github/organization/1", "acme", Platform.GITHUB, "")
HOME = Repository("github/repository/1", "acme/app", Platform.GITHUB, "", ACME, "app", "main")


def lands(base: str, **under: list[tuple[int, str]]) -> tuple[str | None, list[str]]:
    """Where pull request 1 into a branch lands, and the branches that were asked about."""
    rita = Person("github/user/1", "rita")
    subject = PullRequest(
        "github/repository/1/pull_request/1", "acme/app#1", Platform.GITHUB, "", HOME.branch(base), 1, "Add", "", rita,
        "a" * 40, "b" * 40, "top", datetime(2026, 11, 2, tzinfo=UTC),
    )  # fmt: skip
    asked: list[str] = []

    def look(branch: str) -> list[tuple[int, str]]:
        asked.append(branch)
        return under.get(branch, [])

    return landing_branch(subject, look), asked


def test_a_stack_lands_where_its_lowest_pull_request_goes() -> None:
    assert lands("a", a=[(2, "b")], b=[(3, "main")]) == ("main", ["a", "b"])
    assert lands("a", a=[(2, "next")]) == ("next", ["a", "next"])


def test_a_base_that_is_nobodys_is_where_it_lands() -> None:
    assert lands("next") == (None, ["next"])


def test_what_the_default_branch_is_merged_into_is_no_stack() -> None:
    assert lands("main", main=[(2, "release")]) == (None, [])
    assert lands("a", a=[(2, "main")], main=[(3, "release")]) == ("main", ["a"])


def test_of_several_the_one_into_the_default_branch_counts_else_the_oldest() -> None:
    assert lands("a", a=[(2, "next"), (7, "main")])[0] == "main"
    assert lands("a", a=[(7, "next"), (2, "legacy")])[0] == "legacy"


def test_a_ring_lands_nowhere() -> None:
    assert lands("a", a=[(2, "b")], b=[(3, "a")])[0] is None
    assert lands("a", a=[(1, "main")])[0] is None  # it is no pull request under itself
    assert lands("a", a=[(2, "a")])[0] is None


def test_a_stack_that_is_too_high_is_not_taken_for_one_that_ends() -> None:
    under = {f"b{n}": [(n + 2, f"b{n + 1}")] for n in range(MOST + 5)}
    with pytest.raises(PlatformError, match="more than 20") as caught:
        lands("b0", **under)
    assert caught.value.kind is UnknownKind.TRUNCATED
