"""The small laws that everything else leans on."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.facts.change import Change, ChangedFile, LinkSpec, TeamSpec
from bot.model.facts.pipelines import PathSpec
from bot.model.facts.release import GlobSpec
from bot.model.globs import matches
from bot.model.people import Permission, Person
from bot.model.subjects import Organization, Platform, Repository

ORGANIZATION = Organization("github.com/organization/1", "acme", Platform.GITHUB, "")
REPOSITORY = Repository("github.com/repository/1", "acme/pay", Platform.GITHUB, "", ORGANIZATION, "pay", "main")


def test_a_permission_includes_the_weaker_ones() -> None:
    order = [
        Permission.NONE,
        Permission.READ,
        Permission.TRIAGE,
        Permission.WRITE,
        Permission.MAINTAIN,
        Permission.ADMIN,
    ]
    for index, one in enumerate(order):
        assert [one.at_least(other) for other in order] == [other_index <= index for other_index in range(len(order))]


def test_a_renamed_subject_is_the_same() -> None:
    renamed = replace(REPOSITORY, name="acme/payments", short_name="payments", default_branch="trunk")
    assert renamed == REPOSITORY
    assert hash(renamed) == hash(REPOSITORY)
    assert replace(REPOSITORY, id="github.com/repository/2") != REPOSITORY


def test_the_default_branch() -> None:
    branch = REPOSITORY.default
    assert branch is not None
    assert (branch.branch, branch.is_default, branch.repository) == ("main", True, REPOSITORY)
    assert not REPOSITORY.branch("topic").is_default
    assert replace(REPOSITORY, default_branch=None).default is None


def test_a_rename_touches_both_paths() -> None:
    assert ChangedFile("b.py", Change.RENAMED, old_path="a.py").paths == ("b.py", "a.py")
    assert ChangedFile("b.py", Change.MODIFIED).paths == ("b.py",)


@pytest.mark.parametrize(
    ("path", "patterns", "expected"),
    [
        ("docs/a.md", ["docs/**"], True),
        ("src/docs/a.md", ["/docs/"], False),
        ("src/a.py", ["*.py"], True),
        ("src/a.py", ["*.py", "!src/"], True),
        ("src/a.py", ["*.py", "!src/*.py"], False),
        ("/src/a.py", ["/src/"], True),
        ("src/a.py", [], False),
    ],
)
def test_globs_are_gitignores(path: str, patterns: list[str], expected: bool) -> None:
    assert matches(path, patterns) is expected


@pytest.mark.parametrize(
    ("person", "shown"),
    [
        (Person("h/user/1", "ana", "Ana"), "ana"),
        (Person("h/user/1", "", "Ana"), "Ana"),
        (Person("h/user/1", ""), "h/user/1"),
    ],
)
def test_how_a_person_is_called(person: Person, shown: str) -> None:
    assert str(person) == shown


names = st.frozensets(st.sampled_from("abcd"))
specs = st.one_of(
    st.tuples(*[st.builds(LinkSpec, names, st.booleans())] * 3),
    st.tuples(*[st.builds(TeamSpec, names, st.booleans())] * 3),
    st.tuples(*[st.builds(GlobSpec, names)] * 3),
    st.tuples(*[st.builds(PathSpec, names)] * 3),
)


@given(specs)
def test_specs_unite_in_any_order(three: tuple[LinkSpec, LinkSpec, LinkSpec]) -> None:
    one, two, other = three
    assert one.unite(two) == two.unite(one)
    assert one.unite(one) == one
    assert one.unite(two).unite(other) == one.unite(two.unite(other))
