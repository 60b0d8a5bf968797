"""YAML with places: what is taken, what is refused, and that nothing else ever comes out of it."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.loader import MAX_SIZE, PolicyError, Problem, parse_yaml
from bot.policy.nodes import Mapping, Scalar


def problems(text: str) -> list[str]:
    try:
        return [str(problem) for problem in parse_yaml(text, "f.yml").problems]
    except PolicyError as error:
        return str(error).splitlines()


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("a: 1", {"a": 1}),
        ("a: -7", {"a": -7}),
        ("a: 1.5", {"a": 1.5}),
        ("a: true", {"a": True}),
        ("a: False", {"a": False}),
        ("a: ~", {"a": None}),
        ("a:", {"a": None}),
        ("a: '1'", {"a": "1"}),
        ('a: "off"', {"a": "off"}),
        ("a: !!str 1", {"a": "1"}),
        ("a: 2027-01-15", {"a": "2027-01-15"}),
        ("a: v1.2.3", {"a": "v1.2.3"}),
        ("a: y", {"a": "y"}),
        ("a: [x, {b: c}]", {"a": ["x", {"b": "c"}]}),
        ("a: |\n  x\n  y\n", {"a": "x\ny\n"}),
        ("a: &x [1]\nb: *x", {"a": [1], "b": [1]}),
        ('"on": 1', {"on": 1}),
        ("a: 12345678901234567", {"a": 12345678901234567}),
    ],
)
def test_what_every_reader_takes_alike(text: str, value: object) -> None:
    tree = parse_yaml(text, "f.yml")
    assert tree.problems == ()
    assert tree.root.plain() == value


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a: off", "f.yml:1:4: YAML 1.1 reads 'off' as false, YAML 1.2 as text; write false, or \"off\" in quotes"),
        ("a: Yes", "f.yml:1:4: YAML 1.1 reads 'Yes' as true, YAML 1.2 as text; write true, or \"Yes\" in quotes"),
        ("on: 1", "f.yml:1:1: YAML 1.1 reads 'on' as true, YAML 1.2 as text; write true, or \"on\" in quotes"),
        ("- a: 12:30", "f.yml:1:6: YAML 1.1 reads '12:30' as a number to the base of 60; write \"12:30\" in quotes"),
        (
            "a: 010",
            "f.yml:1:4: YAML readers disagree about the number '010'; write a plain number, or \"010\" in quotes",
        ),
        (
            "a: 0x1F",
            "f.yml:1:4: YAML readers disagree about the number '0x1F'; write a plain number, or \"0x1F\" in quotes",
        ),
        (
            "a: 1_000",
            "f.yml:1:4: YAML readers disagree about the number '1_000'; write a plain number, or \"1_000\" in quotes",
        ),
        (
            "a: 1e3",
            "f.yml:1:4: YAML readers disagree about the number '1e3'; write a plain number, or \"1e3\" in quotes",
        ),
        ("a: 1.0e+999", "f.yml:1:4: the number '1.0e+999' is too large"),
        ("a: 1\nb: 2\na: 3", "f.yml:3:1: the key 'a' is here twice; the first is on line 1"),
        ("[a]: 1", "f.yml:1:1: a key is text, and this is a list or a mapping"),
        ("~: 1", "f.yml:1:1: the key '~' is read as null; write it in quotes"),
        ("a: &a {x: 1}\nb:\n  <<: *a", "f.yml:3:3: merging with '<<' is not supported; write the keys out"),
        ("a: !secret x", "f.yml:1:4: the tag '!secret' is not supported; write the value without it"),
        ("a: !!python/name:os.system x", "f.yml:1:4: the tag 'tag:yaml.org,2002:python/name:os.system' is not"),
        ("a: *x", "f.yml:1:4: the alias '*x' has no anchor '&x' that ends before it"),
        ("a: &a [*a]", "f.yml:1:8: the alias '*a' has no anchor '&a' that ends before it"),
        ("", "f.yml:1:1: the file is empty"),
        ("# nothing\n", "f.yml:1:1: the file is empty"),
        ("a: 1\n---\nb: 2", "f.yml:2:1: a second document begins; one file is one document"),
        ("a: [1", "f.yml:2:1: not valid YAML: while parsing a flow sequence"),
        ("a: b: c", "f.yml:1:5: not valid YAML: "),
        ("a:\n\t- 1", "f.yml:2:1: not valid YAML: "),
        ("a: 'x", "f.yml:1:6: not valid YAML: "),
        ("a: x\x00y", "f.yml:1:5: not valid YAML: the character U+0000 is not allowed"),
        ("b: 1\na: \ud800", "f.yml:2:4: not valid YAML: the character U+D800 is not allowed"),
        ("[" * 65 + "]" * 65, "f.yml:1:65: nested more than 64 levels deep"),
    ],
)
def test_what_is_refused_and_where(text: str, expected: str) -> None:
    assert problems(text)[0].startswith(expected)


def test_a_file_has_a_size() -> None:
    text = "a: " + "x" * MAX_SIZE
    assert problems(text) == [f"f.yml:1:1: the file has {len(text):,} characters; at most {MAX_SIZE:,} are read"]


def test_aliases_of_aliases_do_not_grow_without_bounds() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    assert "more than 100,000 values, aliases counted each time" in problems("\n".join(lines))[0]


def test_several_at_once_and_in_order() -> None:
    found = problems("b: off\na: 1\na: 012\n")
    assert [problem[:9] for problem in found] == ["f.yml:1:4", "f.yml:3:4", "f.yml:3:1"]


@pytest.mark.parametrize(
    ("text", "line", "column", "expected"),
    [
        ("a: x.y", 1, 3, (1, 6)),
        ("a: 'x.y'", 1, 3, (1, 7)),
        ("- a: |\n    one\n      two\n", 2, 3, (3, 7)),
        ("a:\n  b: |-\n     one\n     two\n  c: 1\n", 2, 1, (4, 6)),
        ("a: >-\n  one\n  two\n", 1, 5, (1, 4)),
        ("a: one\n  two", 1, 5, (1, 4)),
        ("a: |\n\n  one\n  two\n", 2, 1, (3, 3)),
    ],
)
def test_places_inside_a_text(text: str, line: int, column: int, expected: tuple[int, int]) -> None:
    tree = parse_yaml(text, "f.yml")
    node = tree.root
    while not isinstance(node, Scalar):
        node = next(iter(node.entries.values()))[1] if isinstance(node, Mapping) else node.items[0]
    mark = tree.inside(node, line, column)
    assert (mark.line, mark.column) == expected


def test_problems_say_it_in_one_line() -> None:
    assert str(Problem("f.yml", 3, 5, "rules[0].with", "wrong")) == "f.yml:3:5: rules[0].with: wrong"
    assert str(Problem("f.yml", 3, 5, "", "wrong")) == "f.yml:3:5: wrong"


PIECES = st.sampled_from(
    [
        "a",
        ":",
        " ",
        "\n",
        "- ",
        "[",
        "]",
        "{",
        "}",
        "&x",
        "*x",
        "!",
        "|",
        ">",
        "'",
        '"',
        "#",
        "?",
        ",",
        "\t",
        "0",
        "~",
        "<<",
        "\\",
    ]
)


@given(st.one_of(st.text(), st.lists(PIECES, max_size=40).map("".join)))
def test_nothing_but_a_tree_or_a_policy_error(text: str) -> None:
    with suppress(PolicyError):
        parse_yaml(text, "f.yml").root.plain()
