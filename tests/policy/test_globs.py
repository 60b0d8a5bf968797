"""Globs of names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.globs import any_glob, compiled, mistake


@pytest.mark.parametrize(
    ("glob", "name", "expected"),
    [
        ("acme/*", "acme/a", True),
        ("acme/*", "acme/a/b", False),
        ("acme/**", "acme/a/b", True),
        ("**", "a/b", True),
        ("**/b", "b", True),
        ("**/b", "x/y/b", True),
        ("a?c", "abc", True),
        ("a?c", "a/c", False),
        ("release/[0-9].x", "release/1.x", True),
        ("release/[!0-9].x", "release/1.x", False),
        ("[!a]", "/", False),
        ("a.c", "abc", False),
        ("a+b", "a+b", True),
        ("[a]]", "a]", True),
        ("[[]", "[", True),
    ],
)
def test_one_glob(glob: str, name: str, expected: bool) -> None:
    assert any_glob(name, (glob,)) is expected


def test_exclusions() -> None:
    assert any_glob("a", ("!b",))
    assert not any_glob("b", ("!b",))
    assert not any_glob("b", ("*", "!b"))
    assert any_glob("B", ("b",), ignore_case=True)
    assert not any_glob("B", ("b",))


@pytest.mark.parametrize(
    ("glob", "said"), [("", "empty"), ("!", "empty"), (" a", "space"), ("a[b", "no ']'"), ("a***", "***")]
)
def test_mistakes(glob: str, said: str) -> None:
    assert said in (mistake(glob) or "")


@given(st.text(alphabet="ab/*?[]!^-\\.x ", max_size=12))
def test_what_is_not_called_a_mistake_compiles(glob: str) -> None:
    if mistake(glob) is None:
        compiled((glob,), False)


@given(st.text(alphabet="ab./-_+()$^{}|", min_size=1, max_size=12))
def test_a_name_without_wildcards_is_itself_alone(name: str) -> None:
    assert any_glob(name, (name,))
    assert not any_glob(f"{name}x", (name,))
