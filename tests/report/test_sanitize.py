from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.report.sanitize import address, bounded, code, log_line, markdown, plain
from tests.report.hostile import BIDI, HOSTILE, texts

COMMONMARK = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
MENTION = re.compile(r"(?<![\w`])@[A-Za-z0-9]")
REFERENCE = re.compile(r"(?:^|[\s(\[{])#\d|\w#\d|!\d|\bGH-\d", re.IGNORECASE)
AUTOLINK = re.compile(r"https?://|ftp://|www\.[\w.]|[\w.+-]@[\w-]+\.\w|mailto:\w|xmpp:\w", re.IGNORECASE)


def tokens(text: str) -> list[Token]:
    found: list[Token] = []
    for token in COMMONMARK.parse(text):
        found += [token, *(token.children or ())]
    return found


def shown(text: str) -> str:
    """What a reader sees, outside of code."""
    return "".join(token.content for token in tokens(text) if token.type == "text")


def is_plain(text: str) -> bool:
    return not any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in text)


@pytest.mark.parametrize("text", HOSTILE)
def test_plain_text_is_one_visible_line(text: str) -> None:
    said = plain(text)
    assert is_plain(said)
    assert not set(said) & set(BIDI)
    assert len(said) <= 1_000


@given(texts, st.integers(0, 50))
def test_plain_keeps_its_bound_and_is_done_at_once(text: str, limit: int) -> None:
    said = plain(text, limit)
    assert len(said) <= limit
    assert is_plain(said)
    assert plain(said, limit) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Refund in the currency", "Refund in the currency"),
        ("naïve  漢字\tand\nmore", "naïve 漢字 and more"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]8;;https://evil.example\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\u202eb", "ab"),
        ("e\u0301", "e\u0301"),
        ("Z" + "\u0351" * 40, "Z͑͑͑"),
        ("x" * 2_000, "x" * 999 + "…"),
    ],
)
def test_plain(text: str, said: str) -> None:
    assert plain(text) == said


@given(texts)
def test_a_log_line_holds_no_command_wherever_it_is_broken(text: str) -> None:
    said = log_line(text)
    assert "::" not in said
    assert "##" not in said
    assert is_plain(said)
    assert len(said) <= 1_000


def test_a_log_line_keeps_what_it_can() -> None:
    assert log_line("::error::boom ##vso[task] a:b #1") == ": :error: :boom # #vso[task] a:b #1"


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_of_hostile_text_is_only_text(text: str) -> None:
    assert_inert(markdown(text))


@given(texts)
def test_markdown_is_only_text(text: str) -> None:
    assert_inert(markdown(text))


@given(texts, texts)
def test_markdown_is_only_text_inside_a_cell_and_a_list(text: str, other: str) -> None:
    left, right = markdown(text), markdown(other)
    assert_inert(f"words {left} {right} words")
    inlines = [t for t in COMMONMARK.parse(f"| a | b |\n| - | - |\n| {left} | {right} |\n") if t.type == "inline"]
    cells = ["".join(child.content for child in inline.children or ()) for inline in inlines]
    assert [cell.replace("\u200b", "") for cell in cells] == ["a", "b", plain(text), plain(other)]


def assert_inert(text: str) -> None:
    kinds = {token.type for token in tokens(text)}
    assert kinds <= {"paragraph_open", "paragraph_close", "inline", "text", "text_special"}, (kinds, text)
    visible = shown(text)
    assert not MENTION.search(visible), visible
    assert not REFERENCE.search(visible), visible
    assert not AUTOLINK.search(visible), visible
    assert "<!--" not in text
    assert "\n" not in text
    assert not text.startswith("::")
    assert "##" not in text


@given(texts)
def test_a_reader_sees_what_was_written(text: str) -> None:
    assert shown(markdown(text)).replace("\u200b", "").strip() == plain(text)


@given(texts)
def test_code_is_one_span_that_nothing_ends(text: str) -> None:
    span = code(text)
    if not span:
        assert not plain(text)
        return
    inner = [token.type for token in tokens(f"words {span} words")]
    assert inner == ["paragraph_open", "inline", "text", "code_inline", "text", "paragraph_close"], (inner, span)
    assert "<!--" not in span
    assert "|" not in span
    assert "##" not in span


@given(st.one_of(texts, texts.map(lambda text: "https://e.example/" + text)))
def test_an_address_is_a_whole_link_or_none(url: str) -> None:
    safe = address(url)
    if safe is not None:
        found = [token.type for token in tokens(f"[label]({safe}) words")]
        assert found == ["paragraph_open", "inline", "link_open", "text", "link_close", "text", "paragraph_close"]
        assert re.match(r"https?://", safe)


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://github.com/acme/payments/pull/12#review-1", "https://github.com/acme/payments/pull/12#review-1"),
        ("http://127.0.0.1:8080/a", "http://127.0.0.1:8080/a"),
        ("http://0##vso[task.complete]", "http://0#%23vso%5Btask.complete%5D"),
        ("https://e.example/a(b)", "https://e.example/a%28b%29"),
        ("javascript:alert(1)", None),
        ("data:text/html,x", None),
        ("https://user:secret@e.example/", None),
        ("https://e.example/a b", None),
        ("https://e.example/\u202e", None),
        ("", None),
    ],
)
def test_address(url: str, safe: str | None) -> None:
    assert address(url) == safe


def test_bounded() -> None:
    assert bounded("abc", 3) == "abc"
    assert bounded("abcd", 3) == "ab…"
    assert bounded("abcd", 0) == ""
