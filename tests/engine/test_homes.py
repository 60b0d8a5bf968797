"""Subjects by their home, in batches: nothing is lost, nothing is twice, and a project stays whole."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.engine.homes import Portion, in_batches
from bot.model.facts import UnknownKind
from bot.model.results import Gap
from bot.model.subjects import Organization, Platform, Repository, Subject

ACME = Organization("h/organization/1", "acme", Platform.GITHUB, "")


def project(number: int) -> Organization:
    return Organization(f"h/project/{number}", f"acme/p{number}", Platform.AZURE_DEVOPS, "", project=f"p{number}")


def repository(number: int, owner: Organization = ACME) -> Repository:
    name = f"{owner.name}/r{number}"
    return Repository(f"h/repository/{number}", name, owner.platform, "", owner, f"r{number}", "main")


def gap(number: int) -> Gap:
    return Gap("h/organization/1", "acme", "listing", UnknownKind.SCOPE, str(number))


def batched(
    listing: Sequence[Subject | Gap], size: int | None = None, without: Sequence[Subject] = ()
) -> list[Portion]:
    return list(in_batches(listing, lambda home: home not in without, size))


def test_a_home_is_a_repository_with_all_that_is_in_it() -> None:
    one, other = repository(1), repository(2)
    (portion,) = batched([ACME, one, one.branch("main"), other, other.branch("main"), one.branch("dev")])
    assert [home.subject for home in portion.homes.values()] == [ACME, one, other]
    assert portion.homes[one.id].subjects.keys() == {one.id, one.branch("main").id, one.branch("dev").id}
    assert portion.repositories == 2


@given(st.lists(st.integers(1, 9).map(repository) | st.integers(1, 9).map(gap), max_size=30), st.integers(1, 4))
def test_batches_hold_what_was_listed(listing: list[Subject | Gap], size: int) -> None:
    portions = batched(listing, size)
    assert {home.subject for each in portions for home in each.homes.values()} == {
        item for item in listing if not isinstance(item, Gap)
    }
    assert [one for each in portions for one in each.gaps] == [item for item in listing if isinstance(item, Gap)]
    assert all(each.repositories <= size for each in portions)
    assert all(each.repositories == size for each in portions[:-1])


def test_a_project_stays_whole() -> None:
    listing = [
        item for p in (1, 2, 3) for item in (project(p), *(repository(10 * p + n, project(p)) for n in range(3)))
    ]
    sizes = [each.repositories for each in batched(listing, 2)]
    assert sizes == [3, 3, 3]
    assert [each.repositories for each in batched(listing, 4)] == [6, 3]


def test_what_is_not_wanted_takes_no_place() -> None:
    left_out = [repository(n) for n in (1, 2, 3)]
    portions = batched([repository(n) for n in range(1, 7)], 2, left_out)
    assert [list(each.homes) for each in portions] == [["h/repository/4", "h/repository/5"], ["h/repository/6"]]


def test_gaps_alone_are_told_too() -> None:
    (portion,) = batched([gap(1)])
    assert (portion.homes, portion.gaps) == ({}, [gap(1)])
    assert batched([]) == []


@pytest.mark.parametrize(("owner", "sizes"), [(ACME, [200, 200, 100]), (project(1), [500])])
def test_as_many_as_suits_the_platform(owner: Organization, sizes: list[int]) -> None:
    assert [each.repositories for each in batched([repository(n, owner) for n in range(500)])] == sizes
