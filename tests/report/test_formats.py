"""A run as SARIF, JUnit, CSV and JSON Lines: whole, harmless, and each outcome where its readers look for it."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from datetime import date
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given

from bot.model.facts import UnknownKind
from bot.model.findings import Finding, Location, Severity
from bot.model.results import AppliedWaiver, Enforcement, Gap, Outcome, Run, Unknowing
from bot.report import csv_report, html_report, json_report, junit_report, lines_report, sarif_report
from tests.report import golden, runs
from tests.report.hostile import texts

WAIVER = AppliedWaiver("the vendor is slow", "ada", "olga", date(2027, 3, 1))


def every() -> Run:
    """A result of each outcome, enforced, excused and not."""
    found = Finding("nothing analyses it", "add a linter", location=Location("src/a b#c.py", 7))
    other = Finding("a key lies open", "revoke it")
    made = runs.result
    return replace(
        runs.blocked(),
        results=(
            made("secret-scanning", Outcome.FAIL, findings=(found, other), fingerprints=("a1", "b2"), known=frozenset({"b2"}),
                 severity=Severity.CRITICAL, enforcement=Enforcement.BLOCK),
            made("approvals", Outcome.FAIL, findings=(replace(other, awaiting=True),), fingerprints=("c3",)),
            made("requirement-link", Outcome.FAIL, findings=(other,), enforcement=Enforcement.WARN, fingerprints=("d4",)),
            made("branch-protection", Outcome.FAIL, findings=(other,), waiver=WAIVER, fingerprints=("e5",)),
            made("rollback-ready", Outcome.UNKNOWN, unknown=(Unknowing(UnknownKind.SCOPE, "no scope"),)),
            made("static-analysis-passed", Outcome.ERROR, reason="it broke"),
            made("static-analysis-configured", Outcome.NOT_APPLICABLE, reason="no workflow"),
            made("any_of", Outcome.PASS),
        ),
    )  # fmt: skip


@pytest.mark.parametrize("name", runs.ALL)
def test_every_run_is_rendered_as_it_was(name: str) -> None:
    run = runs.ALL[name]()
    golden.check(f"{name}.sarif", sarif_report.render(run))
    golden.check(f"{name}.xml", junit_report.render(run))
    golden.check(f"{name}.jsonl", lines_report.render(run))
    golden.check(f"{name}.csv", csv_report.render(run).replace("\r\n", "\n"))


def test_sarif_has_what_failed_and_tells_what_was_not_decided() -> None:
    (run,) = json.loads(sarif_report.render(every()))["runs"]
    alerts = {alert["partialFingerprints"]["almguard/v1"]: alert for alert in run["results"]}
    assert list(alerts) == ["a1", "b2", "c3", "d4", "e5"]
    assert [alert["level"] for alert in alerts.values()] == ["error", "error", "error", "warning", "error"]
    assert {key for key, alert in alerts.items() if alert["baselineState"] == "unchanged"} == {"b2"}
    assert {key for key, alert in alerts.items() if "suppressions" in alert} == {"e5"}
    assert "2027-03-01" in alerts["e5"]["suppressions"][0]["justification"]
    place = alerts["a1"]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "src/a%20b%23c.py"
    assert place["region"] == {"startLine": 7}
    rules = run["tool"]["driver"]["rules"]
    for alert in run["results"]:
        assert rules[alert["ruleIndex"]]["id"] == alert["ruleId"]
    (invocation,) = run["invocations"]
    said = {note["descriptor"]["id"]: note["level"] for note in invocation["toolExecutionNotifications"]}
    assert said == {"payments/rollback-ready": "error", "payments/static-analysis-passed": "error"}


def test_sarif_keeps_the_gravest_of_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sarif_report, "MOST_RESULTS", 2)
    (run,) = json.loads(sarif_report.render(every()))["runs"]
    assert [alert["partialFingerprints"]["almguard/v1"] for alert in run["results"]] == ["a1", "b2"]
    assert "Of 5 findings the gravest 2 are here." in str(run["invocations"])


def test_sarif_of_an_azure_pipeline_says_which_pipeline() -> None:
    build = sarif_report.AzureBuild(
        "acme", "Payments", "7", "gate", "3dc8fd7e-4368-5a92-293e-d53cefc8c4b3", "Job", "refs/heads/main", "99"
    )
    shown = sarif_report.render(every(), build)
    golden.check("every.sarif", sarif_report.render(every()))
    golden.check("azure.sarif", shown)
    (run,) = json.loads(shown)["runs"]
    assert (
        run["automationDetails"]["id"]
        == "azuredevops/pipeline/build/acme/Payments/7/3dc8fd7e-4368-5a92-293e-d53cefc8c4b3/refs%2Fheads%2Fmain/99"
    )


def test_junit_fails_only_what_blocks() -> None:
    root = ET.fromstring(junit_report.render(every()))
    found = {case.get("name"): [child.tag for child in case] for case in root.iter("testcase")}
    assert found == {
        "payments/secret-scanning": ["failure"],
        "payments/approvals": ["failure"],
        "payments/requirement-link": ["system-out"],
        "payments/branch-protection": ["skipped"],
        "payments/rollback-ready": ["error"],
        "payments/static-analysis-passed": ["error"],
        "payments/static-analysis-configured": ["skipped"],
        "payments/any_of": [],
    }
    assert [root.get(name) for name in ("tests", "failures", "errors", "skipped")] == ["8", "2", "2", "2"]


def test_a_table_has_a_row_for_each_finding_and_each_entry_without() -> None:
    rows = list(csv.DictReader(io.StringIO(csv_report.render(every()))))
    assert len(rows) == 9
    told = {(row["entry"], row["fingerprint"]): row for row in rows}
    assert told["payments/secret-scanning", "a1"]["baseline"] == "no"
    assert told["payments/secret-scanning", "b2"]["baseline"] == "yes"
    assert told["payments/branch-protection", "e5"]["waived_until"] == "2027-03-01"
    assert told["payments/rollback-ready", ""]["unknown"] == "scope: no scope"
    assert told["payments/static-analysis-passed", ""]["reason"] == "it broke"


def test_lines_hold_what_the_report_holds() -> None:
    run = every()
    whole = json.loads(json_report.render(run))
    lines = [json.loads(line) for line in lines_report.render(run).splitlines()]
    assert [line["type"] for line in lines] == ["run", *["subject"] * len(whole["subjects"]), *["result"] * 8]  # type: ignore[arg-type]
    results = [
        {k: v for k, v in line.items() if k not in ("type", "run")} for line in lines if line["type"] == "result"
    ]
    assert results == json.loads(json.dumps(whole["results"]))
    assert lines[0]["id"] == run.id


def test_what_no_entry_tells_of_is_in_every_format() -> None:
    """A project whose repositories are hidden has no results: a file without it would look like a clean organisation."""
    gap = Gap("acme/other", "=Other", "repositories", UnknownKind.SCOPE, "##vso[x] no scope")
    run = replace(every(), results=(runs.result("any_of", Outcome.PASS),), gaps=(gap,))
    root = ET.fromstring(junit_report.render(run))
    (case,) = root.findall("testsuite[@name='not read']/testcase")
    assert [child.tag for child in case] == ["error"]
    assert (case.get("name"), case.get("classname"), root.get("errors")) == ("repositories", "=Other", "1")
    (row,) = [row for row in csv.DictReader(io.StringIO(csv_report.render(run))) if not row["entry"]]
    assert (row["subject"], row["outcome"], row["unknown"]) == ("'=Other", "unknown", "scope: # #vso[x] no scope")
    assert "no scope" in str(json.loads(sarif_report.render(run))["runs"][0]["invocations"])
    assert "no scope" in lines_report.render(run)
    assert "no scope" in html_report.render(run)


def test_a_known_fail_beside_something_unknown_is_unknown_in_every_format() -> None:
    """The verdict is inconclusive then: no file may show it as excused."""
    half = runs.result(
        "secret-scanning", Outcome.FAIL, findings=(Finding("It is off.", ""),), fingerprints=("a1",), known=frozenset({"a1"}),
        unknown=(Unknowing(UnknownKind.SCOPE, "no scope"),),
    )  # fmt: skip
    assert half.half_known
    run = replace(every(), results=(half,))
    (case,) = ET.fromstring(junit_report.render(run)).iter("testcase")
    assert [(child.tag, child.get("type")) for child in case] == [("error", "unknown")]
    assert html_report.state(half) == "unknown"
    (note,) = json.loads(sarif_report.render(run))["runs"][0]["invocations"][0]["toolExecutionNotifications"]
    assert "no scope" in note["message"]["text"]


@given(texts)
def test_what_anybody_may_write_stays_text(text: str) -> None:
    subject = replace(runs.pull_request(), name=text)
    finding = Finding(text, text, location=Location(text, 3))
    made = runs.result("approvals", Outcome.FAIL, subject, findings=(finding,), fingerprints=("a1",), title=text)
    unknown = runs.result("rollback-ready", Outcome.UNKNOWN, subject, unknown=(Unknowing(UnknownKind.SCOPE, text),))
    run = replace(runs.blocked(), subjects=(subject,), results=(made, unknown))
    for render in (sarif_report.render, junit_report.render, csv_report.render, lines_report.render):
        shown = render(run)
        assert "##vso[" not in shown
        assert "\x1b" not in shown
        assert not any(line.lstrip().startswith("::") for line in shown.splitlines())
    json.loads(sarif_report.render(run))
    ET.fromstring(junit_report.render(run))
    for row in csv.reader(io.StringIO(csv_report.render(run))):
        assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@"))]
    assert len(lines_report.render(run).splitlines()) == 1 + 1 + 2
