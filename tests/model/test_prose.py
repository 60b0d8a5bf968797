"""What of a Markdown text its writer says: what is in code, comments, quotes and definitions never, all else always."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.model.prose import said_by_the_writer
from bot.model.references import find_references


def found(text: str) -> list[str]:
    return [reference.text for reference in find_references(text)]


@pytest.mark.parametrize(
    "text",
    [
        "Before.\n\n    AB#1\n",
        "\tAB#1",
        "    AB#1\n\n    AB#1",
        "# Heading\n    AB#1",
        "```\ncode\n```\n    AB#1",
        "- item\n\n      AB#1",
        "-      AB#1",
        "1. a\n   - b\n\n         AB#1",
        "- item\n\nOut of the list.\n\n    AB#1",
        # The closing fence must not look like code.
        "```\n    ```\nAB#1\n```",
        "````\n```\nAB#1\n````",
        # A quoted paragraph goes on in lines without a sign.
        "> said by somebody\nAB#1",
        "> a\n> b\nAB#1\nAB#1",
        "- > AB#1",
        "> ```\n> AB#1\n> ```",
        # Shown nowhere.
        "[//]: # (AB#1)",
        "[x]: https://a.example 'AB#1'\n",
        '[x]:\n  https://a.example\n  "AB#1\nAB#1"',
        "Text.\n\n[AB#1]: https://a.example",
        "<!-- template -->\n[//]: # (AB#1)",
        "<!--\n\n    AB#1\n> AB#1\n-->",
        "a <!-- AB#1 --> b",
        "<code>AB#1</code>",
        "<pre lang='x'>\nAB#1\n\nAB#1</PRE>",
        "<blockquote>\n\nAB#1\n\n</blockquote>",
        "\\\\`AB#1`",
        "``\\` AB#1``",
    ],
)
def test_what_is_not_said(text: str) -> None:
    assert found(text) == []


@pytest.mark.parametrize(
    "text",
    [
        "A paragraph goes on\n    AB#1",
        "- item\n    AB#1",
        "- item\n\n  AB#1",
        "- item\n\n    AB#1",
        "10. item\n\n    AB#1",
        "- [ ] AB#1",
        "1. a\n   - b\n\n     AB#1",
        "- item\n\n\n  - AB#1",
        "```\ncode\n  ```\nAB#1",
        "> quoted\n\nAB#1",
        "> quoted\n- AB#1",
        "> quoted\n# AB#1",
        "> # A heading\nAB#1",
        "> ```\n> code\n> ```\nAB#1",
        ">\nAB#1",
        "   AB#1",
        "\\`AB#1\\`",
        "\\`AB#1`",
        "`\\`AB#1`",
        "\\<!-- AB#1",
        "<!--> AB#1",
        "<!---> AB#1",
        "<code> AB#1",
        "<codec>AB#1</codec>",
        "a paragraph\n[//]: # (AB#1)",
        "[x]: https://a.example garbage AB#1",
        "[x] AB#1",
        "    code\n\nAB#1",
        "    code\nAB#1",
        "a\r\rAB#1",
        "* * *\nAB#1",
        "-\n  AB#1",
        "<details>\n<summary>x</summary>\n\nAB#1\n</details>",
        "| a | b |\n| - | - |\n| AB#1 | `x` |",
    ],
)
def test_what_is_said(text: str) -> None:
    assert found(text) == ["AB#1"]


def test_places_stay() -> None:
    text = "a `b`\nc <!-- d\ne --> f"
    assert said_by_the_writer(text) == "a \0\0\0\nc \0\0\0\0\0\0\n\0\0\0\0\0 f"


# An independent account of what is said: a text that is assembled of pieces of which each is known.

words = st.text("abc xyz,!", min_size=1, max_size=12).map(lambda text: f"w {text.strip()} w")
numbers = st.integers(100, 999)


@st.composite
def blocks(draw: st.DrawFn) -> tuple[str, list[str]]:
    """A block of Markdown that stands between blank lines, and the references that it says."""
    number, other = draw(numbers), draw(numbers)
    said, hidden, word = f"AB#{number}", f"AB#{other}", draw(words)
    fence = draw(st.sampled_from(["```", "~~~", "`````"]))
    return draw(
        st.sampled_from(
            [
                (f"{word} {said}", [said]),
                (f"{word}\n    {said}", [said]),
                (f"# {word} {said}", [said]),
                (f"- {word}\n- {said} `{hidden}`", [said]),
                (f"1. {word}\n\n   {said}", [said]),
                (f"{word} `{hidden}` {said} ``a ` {hidden}``", [said]),
                (f"{word} <!-- {hidden} --> {said}", [said]),
                (f"**{said}** _{word}_", [said]),
                (f"<code>{hidden}</code> {said}", [said]),
                (f"\\`{said}\\` `{hidden}`", [said]),
                (f"a lone ` tick {said}", [said]),
                (f"{fence}\n{word} {hidden}\n\n> {hidden}\n{fence}", []),
                (f"{fence} text\n<!-- {hidden}\n{fence}", []),
                (f"<!--\n{fence}\n\n{hidden}\n-->", []),
                (f"> {word}\n> {hidden}\n{hidden}", []),
                (f"> {fence}\n> {hidden}", []),
                (f"[{word}]: https://a.example '{hidden}'", []),
                (f"[//]: # ({hidden})", []),
                (f"<pre>\n{hidden}\n\n{hidden}\n</pre>", []),
            ]
        )
    )


@given(st.lists(blocks(), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_what_is_outside_counts_and_what_is_hidden_never_does(pieces: list[tuple[str, list[str]]], ends: str) -> None:
    # A word at the margin ends a list, which would else take in what is indented below it.
    text = "\n\nw\n\n".join(text for text, _ in pieces).replace("\n", ends)
    expected = dict.fromkeys(reference for _, said in pieces for reference in said)
    assert found(text) == list(expected)


@given(st.lists(numbers, min_size=1, max_size=5), st.integers(4, 9))
def test_indented_code_is_not_said_wherever_it_follows_a_blank_line(numbers: list[int], indent: int) -> None:
    code = "\n".join(" " * indent + f"AB#{number}" for number in numbers)
    assert found(f"a paragraph\n\n{code}\n\nAB#1") == ["AB#1"]


@given(
    st.lists(st.sampled_from([*"`~<!->#/\\[]:()\"' \t\nA1.", "AB#12", "- ", "    ", "<pre>", "</pre>"])).map("".join)
)
def test_any_text_keeps_its_length_and_its_lines(text: str) -> None:
    said = said_by_the_writer(text)
    assert len(said) == len(text)
    assert all(before == after or after == "\0" for before, after in zip(text, said, strict=True))
    assert said.count("\n") == text.count("\n")
