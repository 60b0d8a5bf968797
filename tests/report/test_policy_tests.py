"""Policy tests on a terminal, as JSON and as JUnit."""

from __future__ import annotations

import io
import json
from xml.etree import ElementTree as ET

from rich.console import Console

from bot.engine.coverage import ConditionSeen, EntrySeen
from bot.report import policy_tests
from bot.report.junit import junit
from tests.report.case_results import HOSTILE, results

SEEN = (
    EntrySeen("p.yml", "payments/approvals", failed=True, passed=True),
    EntrySeen("p.yml", "payments/docs", passed=True, conditions=[ConditionSeen("when", "pr.draft", held=True)]),
)


def shown(hostile: str = "0 of 2", *, coverage: bool = False) -> str:
    buffer = io.StringIO()
    console = Console(file=buffer, width=90, highlight=False, markup=False, emoji=False)
    policy_tests.render(results(hostile), console, SEEN if coverage else None)
    return buffer.getvalue().removesuffix("\n")


def test_a_terminal_shows_files_differences_and_the_sum() -> None:
    assert shown() == (
        "tests/a.yml: 3 cases, 1 passed, 1 failed, 1 could not be judged\n"
        "\n"
        "  FAILED  two people 0 of 2  (tests/a.yml:9)\n"
        "    verdict\n"
        "      - passed\n"
        "      + blocked\n"
        "        payments/approvals: fail (block): 0 of 2\n"
        "    payments/approvals\n"
        "      - pass\n"
        "      + fail\n"
        "        0 of 2\n"
        "        another\n"
        "\n"
        "  ERROR  lacks a fact  (tests/a.yml:12)\n"
        "    the case gives no 'reviews'\n"
        "tests/a.yml: 1 case, 1 passed\n"
        "\n"
        "4 cases in 2 files: 2 passed, 1 failed, 1 could not be judged."
    )


def test_a_terminal_shows_what_was_never_exercised() -> None:
    found = shown(coverage=True)
    assert "  payments/approvals  failed  passed\n" in found
    assert "  payments/docs       -       passed\n    when: pr.draft never did not hold\n" in found
    assert "1 of 2 entries failed in one case and passed in another; 0 of 1 condition held" in found


def test_what_anybody_wrote_is_harmless_on_a_terminal() -> None:
    found = shown(HOSTILE)
    for dangerous in ("\x1b", "\x00", "::error", "##vso", "\u202e"):
        assert dangerous not in found


def test_long_lines_are_wrapped_under_where_they_begin() -> None:
    found = shown("word " * 30)
    assert max(map(len, found.splitlines())) <= 90
    assert "\n        word word" in found
    assert not [line for line in found.splitlines() if line != line.rstrip()]


def test_json_tells_everything() -> None:
    whole = json.loads(policy_tests.document(results(), SEEN))
    assert whole["schema"] == "almguard.tests/v1"
    assert whole["summary"] == {"total": 4, "passed": 2, "failed": 1, "error": 1}
    file = whole["files"][0]
    assert (file["file"], file["policy"]) == ("tests/a.yml", "payments.yml")
    assert [case["outcome"] for case in file["cases"]] == ["passed", "failed", "error"]
    assert file["cases"][1]["differences"][1] == {
        "what": "payments/approvals",
        "expected": "pass",
        "got": "fail",
        "said": ["0 of 2", "another"],
    }
    assert whole["coverage"][1]["never"] == ["never failed", "when: pr.draft never did not hold"]
    assert "coverage" not in json.loads(policy_tests.document(results()))


def test_junit_has_a_suite_for_each_file() -> None:
    root = ET.fromstring(junit(results(HOSTILE)))
    assert root.tag == "testsuites"
    assert {key: root.get(key) for key in ("tests", "failures", "errors")} == {
        "tests": "4",
        "failures": "1",
        "errors": "1",
    }
    suites = root.findall("testsuite")
    assert [(suite.get("name"), suite.get("tests"), suite.get("failures")) for suite in suites] == [
        ("tests/a.yml", "3", "1"),
        ("tests/a.yml", "1", "0"),
    ]
    good, failed, error = suites[0].findall("testcase")
    assert (good.get("name"), good.get("classname"), good.get("line")) == ("good", "tests/a.yml", "6")
    assert not list(good)
    (failure,) = failed
    assert failure.tag == "failure"
    assert "verdict: passed expected, blocked got" in (failure.get("message") or "")
    assert (failure.text or "").startswith("tests/a.yml:9\nverdict\n- passed\n+ blocked\n")
    assert "<&\"'> ]]>" in (failure.text or "")
    assert [(child.tag, child.get("message")) for child in error] == [("error", "the case gives no 'reviews'")]


def test_junit_has_no_character_that_xml_forbids() -> None:
    text = junit(results(HOSTILE))
    text.encode("utf-8")
    assert "\x00" not in text
    assert "\x1b" not in text
