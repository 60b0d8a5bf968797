from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

from bot.model.findings import Finding
from bot.model.results import Outcome, Verdict
from bot.report import deployment
from tests.report import runs
from tests.report.hostile import HOSTILE, texts
from tests.report.test_markdown import assert_inert

PAGE = "https://github.com/acme/payments/actions/runs/1"


def test_it_says_the_verdict_why_and_shows_the_lines() -> None:
    text = deployment.comment(runs.rollback(), PAGE)
    first, *lines = text.splitlines()
    assert first.startswith("**Blocked**: ")
    assert [line[:3] for line in lines if line.startswith("- ")].count("- ❌") >= 1
    assert text.endswith(f"[The whole report]({PAGE})")


def test_a_pass_shows_what_it_rests_on() -> None:
    made = replace(runs.ROLLBACK, outcome=Outcome.PASS, findings=())
    text = deployment.comment(runs.run(made, verdict=Verdict.PASSED), None)
    assert text.startswith("**Passed**: ")
    assert ("- ✅" in text) is any(item.ok for item in made.evidence)
    assert "report" not in text.splitlines()[-1]


@pytest.mark.parametrize("page", [None, "javascript:alert(1)", "https://x.example/" + "a" * 300, PAGE])
def test_it_is_never_too_long_and_says_when_it_is_cut(page: str | None) -> None:
    findings = tuple(Finding(f"{number} is wrong: {'x' * 190}.", "Mend it.") for number in range(20))
    made = replace(runs.ROLLBACK, outcome=Outcome.FAIL, findings=findings)
    text = deployment.comment(runs.run(made, verdict=Verdict.BLOCKED), page)
    assert len(text) <= deployment.LIMIT
    assert "\n- …" in text
    assert ("[The whole report]" in text) is (page == PAGE)
    assert len(deployment.not_judged("reason " * 500, page)) <= deployment.LIMIT


@settings(max_examples=150, deadline=None)
@given(texts)
def test_hostile_text_is_harmless(value: str) -> None:
    made = replace(runs.ROLLBACK, outcome=Outcome.FAIL, findings=(Finding(value, "Mend it."),))
    for text in (deployment.comment(runs.run(made, verdict=Verdict.BLOCKED), PAGE), deployment.not_judged(value, PAGE)):
        assert_inert(text)
        assert len(text) <= deployment.LIMIT


@pytest.mark.parametrize("value", HOSTILE)
def test_what_is_known_to_hurt_is_harmless(value: str) -> None:
    assert_inert(deployment.not_judged(value, PAGE))
