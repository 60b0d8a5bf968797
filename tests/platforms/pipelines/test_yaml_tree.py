"""YAML read as text with lines, and what hostile YAML is answered with."""

from __future__ import annotations

import pytest

from bot.platforms.pipelines.yaml_tree import Entries, Items, Scalar, TreeError, load


def test_nothing_is_resolved():
    tree = load("on: push\nversion: 3.10\noff: no\n")
    assert isinstance(tree, Entries)
    assert tree.keys == ("on", "version", "off")
    assert (tree.text("version"), tree.text("off")) == ("3.10", "no")


def test_lines_are_those_of_the_file():
    tree = load("a:\n  - one\n  -\n    b: two\n")
    assert isinstance(tree, Entries)
    listed = tree.get("a")
    assert isinstance(listed, Items)
    assert [item.line for item in listed] == [2, 4]


def test_an_alias_stands_for_its_anchor():
    tree = load("a: &x {b: c}\nd: *x\n")
    assert isinstance(tree, Entries)
    assert tree.mapping("d").text("b") == "c"


def test_the_last_of_two_equal_keys_counts():
    assert load("a: 1\na: 2\n").get("a") == Scalar(2, "2")


BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: [1, 2\nb: 3\n", 2, "expected"),
        ("a: 1\nb:\n\t- x\n", 3, "token"),
        ("", 1, "empty"),
        ("a: 1\n---\nb: 2\n", 2, "more than one"),
        ("a: *missing\n", 1, "not defined"),
        ("a: &x\n  b: *x\n", 2, "refers to itself"),
        ("? [a]\n: b\n", 1, "cannot be a key"),
        ("a: b\nc: \x00\n", 2, "character"),
        ("a: \ud800\n", 1, "character"),
        ("[" * 100 + "]" * 100, 1, "deep"),
        ("x: '" + "y" * 1_000_001 + "'", 1, "1,000,000"),
        (BOMB, 5, "aliases"),
    ],
)
def test_what_is_refused_says_its_line(text: str, line: int, said: str):
    with pytest.raises(TreeError, match=said) as caught:
        load(text)
    assert caught.value.line == line
