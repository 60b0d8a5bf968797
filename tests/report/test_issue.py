"""The text of an issue and of a work item: harmless, bounded, and the same as long as the findings are."""

from __future__ import annotations

from datetime import date, timedelta
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings

from bot.engine.tracking import Mood, Told, Tracked
from bot.model.findings import Evidence, Finding, Location, Severity
from bot.model.results import Enforcement
from bot.model.subjects import Platform, Repository
from bot.report import issue
from tests.report import runs
from tests.report.hostile import HOSTILE, texts
from tests.report.test_markdown import assert_inert

DAY = date(2026, 11, 24)
OURS = {"p", "b", "i", "a", "h3", "ul", "li", "code"}


def told(message: str = "it lies open", number: int = 1, **changes: object) -> Told:
    evidence = (Evidence("seen", message, "https://github.com/acme/payments/settings"),)
    finding = Finding(message, "close it", evidence, Location("src/a.py", 7))
    return Told("house/secrets", message, Severity.HIGH, Enforcement.BLOCK, runs.repository(), finding, f"{number:08x}")


def said(
    *findings: Told, mood: Mood = Mood.FOUND, rich: bool = False, more: int = 0, unknown: str = "", days: int = 0
) -> str:
    tracked = Tracked(runs.repository(), list(findings), more, dict.fromkeys(filter(None, [unknown])))
    return issue.text(tracked, mood, {"00000001": DAY}, runs.NOW + timedelta(days=days), rich=rich)


class Tags(HTMLParser):
    """The tags of a text, and the addresses of its links."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


def assert_only_our_html(text: str) -> None:
    parser = Tags()
    parser.feed(text)
    assert parser.tags <= OURS, parser.tags - OURS
    assert all(name == "href" and (value or "").startswith("https://github.com/") for name, value in parser.attributes)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_inert(text: str) -> None:
    assert_inert(said(told(text), unknown=text), text)
    assert_only_our_html(said(told(text), unknown=text, rich=True))


@settings(max_examples=60)
@given(text=texts)
def test_any_text_is_inert(text: str) -> None:
    assert_inert(said(told(text), unknown=text), text)
    assert_only_our_html(said(told(text), unknown=text, rich=True))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_repository_may_have_any_name(text: str) -> None:
    home = Repository(
        "dev.azure.com/repository/1", text, Platform.AZURE_DEVOPS, "", organization=runs.ACME, short_name=text
    )
    for mood in Mood:
        made = issue.text(Tracked(home, [told()]), mood, {}, runs.NOW, rich=True)
        assert_only_our_html(made)
    title = issue.title(home)
    assert len(title) <= 255
    assert title.isprintable()


@pytest.mark.parametrize("rich", [False, True])
def test_it_keeps_its_bound_and_counts_the_rest(rich: bool) -> None:
    many = [told(f"number {n} " + "<" * 900, n) for n in range(100)]
    text = said(*many, rich=rich, more=900)
    assert len(text) <= issue.LIMIT
    shown = text.count(", ref ")
    assert f"{1000 - shown} more findings" in text
    assert shown >= 5


@pytest.mark.parametrize("rich", [False, True])
def test_it_is_the_same_tomorrow(rich: bool) -> None:
    assert said(told(), rich=rich) == said(told(), rich=rich, days=3)
    assert said(told(number=2), rich=rich) != said(told(number=2), rich=rich, days=3)
    for mood in (Mood.UNSURE, Mood.FIXED, Mood.DUPLICATE):
        assert said(told(), mood=mood, rich=rich) == said(told(), mood=mood, rich=rich, days=3)


@pytest.mark.parametrize("rich", [False, True])
def test_since_when_is_read_back(rich: bool) -> None:
    text = said(told(), told(number=2), rich=rich)
    assert issue.since(text) == {"00000001": DAY, "00000002": runs.NOW.date()}
    assert issue.since("(since 2026-99-99, ref 00000001)") == {}


@pytest.mark.parametrize("rich", [False, True])
def test_what_each_mood_says(rich: bool) -> None:
    text = said(told(), unknown="no scope", rich=rich)
    for words in ("1 finding", "it lies open", "close it", "src/a.py:7", "high", "blocks", "2026-11-24", "no scope"):
        assert words in text.replace("\\", ""), words
    assert "stays open" in said(mood=Mood.UNSURE, unknown="no scope", rich=rich)
    assert "no scope" in said(mood=Mood.UNSURE, unknown="no scope", rich=rich)
    assert "not known" not in said(mood=Mood.FIXED, rich=rich).lower()
    assert "older" in said(told(), mood=Mood.DUPLICATE, rich=rich)
    assert "it lies open" not in said(told(), mood=Mood.DUPLICATE, rich=rich)
