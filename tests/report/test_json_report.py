from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta, timezone
from pathlib import Path

import jsonschema
import pytest
from hypothesis import given

from bot.model.findings import Evidence, Finding, Location
from bot.model.results import Outcome
from bot.report import json_report, json_schema
from tests.report import runs
from tests.report.hostile import HOSTILE, texts

COMMITTED = Path(__file__).resolve().parents[2] / "docs" / "schema" / "report.schema.json"


def validate(document: object) -> None:
    jsonschema.Draft7Validator(json_schema.schema(), format_checker=jsonschema.Draft7Validator.FORMAT_CHECKER).validate(
        document
    )


@pytest.mark.parametrize("name", runs.ALL)
def test_every_report_keeps_to_the_schema(name: str) -> None:
    validate(json.loads(json_report.render(runs.ALL[name]())))


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema.schema())


def test_the_committed_schema_is_current() -> None:
    assert COMMITTED.read_text(encoding="utf-8") == json_schema.schema_text(), "run almguard schema report"


def test_the_schema_refuses_what_is_no_report() -> None:
    good = json.loads(json_report.render(runs.blocked()))
    for path, value in [
        (("schema",), "almguard.report/v2"),
        (("run", "complete"), "yes"),
        (("gate", "verdict"), "green"),
        (("results", 0, "outcome"), "skipped"),
        (("results", 0, "findings", 0, "evidence", 0, "read_at"), 12),
        (("subjects", 0, "platform"), "gitlab"),
    ]:
        bad = json.loads(json.dumps(good))
        place = bad
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value
        with pytest.raises(jsonschema.ValidationError):
            validate(bad)
    for missing in good:
        with pytest.raises(jsonschema.ValidationError):
            validate({key: value for key, value in good.items() if key != missing})


def test_what_it_says_of_a_gate() -> None:
    said = json.loads(json_report.render(runs.blocked()))
    assert said["gate"]["verdict"] == "blocked"
    assert said["gate"]["head"] == "1f" * 20
    assert said["gate"]["base"] == "2e" * 20
    assert said["gate"]["base_branch"] == "main"
    assert said["gate"]["target"]["name"] == "acme/payments#12"
    assert said["summary"]["outcomes"] == {"pass": 2, "fail": 3, "not_applicable": 1, "unknown": 3, "error": 1}
    assert said["summary"]["enforcement"]["warn"]["fail"] == 1
    assert said["run"]["requests"] == {"github": 8, "azure_devops": 0}
    approvals = next(result for result in said["results"] if result["rule"] == "approvals")
    assert approvals["awaiting"] is True
    assert approvals["findings"][0]["evidence"][0] == {
        "what": "counted",
        "value": "0 of 1",
        "url": "https://github.com/acme/payments/pull/12",
        "read_at": "2027-01-15T09:30:00Z",
        "ok": None,
    }
    unknown = next(result for result in said["results"] if result["rule"] == "branch-protected")
    assert unknown["unknown"] == unknown["unknowns"][0]
    assert unknown["unknown"]["kind"] == "scope"


def test_a_release_has_no_base() -> None:
    said = json.loads(json_report.render(runs.rollback()))
    assert (said["gate"]["head"], said["gate"]["base"], said["gate"]["base_branch"]) == ("3d" * 20, None, None)


def test_an_incomplete_scan_says_so() -> None:
    said = json.loads(json_report.render(runs.survey()))
    assert said["run"]["complete"] is False
    assert [gap["name"] for gap in said["run"]["gaps"]] == ["acme/secret", "acme/vault"]
    assert said["gate"] is None


def test_the_order_is_not_that_of_discovery() -> None:
    run = runs.survey()
    turned = replace(
        run, results=run.results[::-1], subjects=run.subjects[::-1], gaps=run.gaps[::-1], policies=run.policies[::-1]
    )
    assert json_report.render(turned) == json_report.render(run)


def test_times_are_in_utc() -> None:
    run = runs.passed()
    moved = replace(run, now=run.now.astimezone(timezone(timedelta(hours=2))))
    assert json_report.render(moved) == json_report.render(run)


@given(texts)
def test_hostile_text_survives_and_commands_nothing(text: str) -> None:
    finding = Finding(text, text, (Evidence(text, text, text),), Location(text, 3), discriminator=text)
    rendered = json_report.render(runs.run(runs.result("approvals", Outcome.FAIL, findings=(finding,), reason=text)))
    rendered.encode("utf-8")
    assert "##" not in rendered
    assert not any(line.lstrip().startswith("::") for line in rendered.splitlines())
    said = json.loads(rendered)
    validate(said)
    back = said["results"][0]["findings"][0]
    assert (back["message"], back["fix"], back["location"]["path"], back["evidence"][0]["value"]) == (text,) * 4


@pytest.mark.parametrize("text", HOSTILE)
def test_no_terminal_escape_is_printed(text: str) -> None:
    rendered = json_report.render(runs.run(runs.result("approvals", Outcome.ERROR, reason=text)))
    assert not any((ord(c) < 32 and c != "\n") or 0x7F <= ord(c) <= 0x9F for c in rendered)
