"""docs/expressions.md is current, and all that it shows is so; the sample that ``explain --sample`` prints is the real one."""

from __future__ import annotations

import re
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.model.facts import fact_types
from bot.model.facts.change import Check, ReviewerPermissions
from bot.model.subjects import Repository, Subject
from bot.policy.docstrings import class_doc, field_docs
from bot.policy.expressions import ExpressionError, compile_expression
from bot.policy.functions import FUNCTIONS
from bot.policy.message import compile_message
from bot.policy.sample import NOW, sample
from bot.policy.vocabulary import ROOTS, SUBJECTS, plain, vocabulary
from bot.report.expression_page import refreshed
from bot.report.sample_page import sample_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "expressions.md"
TEXT = PAGE.read_text(encoding="utf-8")
ROWS = re.findall(r"^\|[^|]+\| (`.*`.*) \|$", TEXT.partition("```yaml")[0], re.MULTILINE)
TEN = [found for row in ROWS for found in re.findall("`([^`]+)`", row)]
EXAMPLES = [found for function in FUNCTIONS.values() for found in re.findall(r"``(\w+[^`]*\(.*?)``", function.meaning)]


def test_the_page_is_current() -> None:
    assert refreshed(TEXT) == TEXT, "Run: python -m bot.report.expression_page docs/expressions.md"


def test_a_page_that_is_not_current_becomes_so() -> None:
    stale = TEXT.replace("| `pr.title` | text | |\n", "").replace("`days_since(time)`", "`days_sinc(time)`")
    assert stale != TEXT
    assert refreshed(stale) == TEXT


@pytest.mark.parametrize("text", TEN + EXAMPLES)
def test_every_expression_shown_compiles(text: str) -> None:
    def compiles(subject: type[Subject]) -> bool:
        try:
            # Examples of functions may come to a text.
            compile_message("{{ " + text + " }}", [subject])
        except ExpressionError:
            return False
        return True

    assert any(compiles(subject) for subject in ROOTS)


def test_there_are_expressions_to_check() -> None:
    assert len(TEN) > 10
    assert len(EXAMPLES) > 6


def test_the_functions_of_cel_that_are_named_exist() -> None:
    ours, extension = re.findall(r"Beside CEL's own — (.*?) — and .*?\((`lowerAscii`.*?)\)", TEXT, re.DOTALL)[0]
    used = (
        "size(pr.title) > 0 && pr.title.contains('a') && pr.title.startsWith('a') && pr.title.endsWith('a') && "
        "pr.title.matches('a') && [1].all(x, x == 1) && [1].exists(x, x == 1) && [1].exists_one(x, x == 1) && "
        "[1].filter(x, x == 1).map(x, x) == [1] && 1 in [1] && timestamp('2026-01-01T00:00:00Z') < now && "
        "duration('1h') > duration('1m') && now.getDayOfWeek() == 0 && now.getHours() == 0 && int('1') == 1 && "
        "string(1) == '1' && "
        "pr.title.lowerAscii().split(' ').join(' ').replace('a', 'b').trim() == ''"
    )
    compile_expression(used, [SUBJECTS["pr"]])
    for name in re.findall(r"`(\w+)`", ours + extension):
        assert re.search(rf"\b{name}\b", used), name


def test_every_name_and_every_fact_has_a_row() -> None:
    for subject in ROOTS:
        for name in vocabulary(subject):
            assert f"\n| `{name}` |" in TEXT
    for fact in fact_types():
        assert f"\n### `{fact}`\n" in TEXT


def test_every_link_to_a_record_leads_to_one() -> None:
    headings = {heading.lower() for heading in re.findall(r"^### (\w+)$", TEXT, re.MULTILINE)}
    assert set(re.findall(r"\]\(#(\w+)\)", TEXT)) == headings


def test_what_the_records_are() -> None:
    assert "| `at` | time as text, may be unset | When it ended, else when it began. |" in TEXT
    assert "| `reviewer_permissions` | mapping from text to one of `none`, `read`, `triage`," in TEXT
    assert "| `change` | one of `added`, `modified`, `deleted` | |" in TEXT
    assert "| `files` | list of [TouchedPath](#touchedpath) |" in TEXT


def keys(document: dict[str, Any], name: str) -> Any:
    """What a page has under a name."""
    if name in document:
        return document[name]
    for part in name.split("."):
        document = document[part]
    return document


@pytest.mark.parametrize("subject", ROOTS, ids=lambda subject: subject.kind)
def test_the_sample_that_is_printed_is_the_real_one(subject: type[Subject]) -> None:
    document = yaml.safe_load(sample_page(subject))
    assert document.pop("now") == NOW
    values = sample(subject).bindings(vocabulary(subject))
    for name, value in values.items():
        printed = keys(document, name)
        assert printed == (value if isinstance(value, datetime) else plain(value)), name


def test_a_sample_is_explained_once() -> None:
    page = sample_page(SUBJECTS["pr"])
    assert page.count("# The login (GitHub) or unique name (Azure DevOps).") == 1
    assert "  # One of: open, merged, closed.\n  state: open\n" in page
    assert "# All reviews, oldest first; and who was asked and has not answered.\nreviews:\n" in page
    assert "\nreviews.requested:\n  - bo\n" in page
    assert max(map(len, page.splitlines())) <= 120


def test_docstrings_of_fields() -> None:
    docs = field_docs(Check)
    assert docs["app"] == "The GitHub App's slug; absent for a commit status and on Azure DevOps."
    assert "name" not in docs
    assert field_docs(Repository)["url"] == "The page a person would open; empty where there is none."
    assert field_docs(Repository)["default"] == "The default branch as a subject; absent where the repository is empty."
    assert class_doc(ReviewerPermissions) == "What those who reviewed may do to the repository."
