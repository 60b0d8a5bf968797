"""What SARIF files say, and what they cannot say: every mistake is named with its file and place."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.engine.ports import PlatformError
from bot.model.facts.alerts import AlertState, CodeAlert
from bot.model.findings import Severity
from bot.platforms.patches import written_lines
from bot.platforms.sarif import document
from bot.platforms.sarif.results import SarifRun, read_runs

RULES = [
    {"id": "scored", "properties": {"security-severity": "7.5"}, "messageStrings": {"m": {"text": "{0} is used {1}"}}},
    {"id": "noted", "defaultConfiguration": {"level": "note"}},
]


def located(uri: str, line: int = 3, **more: Any) -> dict[str, Any]:
    return {"physicalLocation": {"artifactLocation": {"uri": uri, **more}, "region": {"startLine": line}}}


def written(folder: Path, *results: Any, **run: Any) -> Path:
    tool = {"driver": {"name": "Semgrep", "rules": RULES}}
    path = folder / "found.sarif"
    path.write_text(json.dumps({"version": "2.1.0", "runs": [{"tool": tool, "results": list(results), **run}]}))
    return path


def one(folder: Path, result: Any, roots: tuple[str, ...] = (), **run: Any) -> CodeAlert:
    (found,) = read_runs([written(folder, result, **run)], roots)
    (only,) = found.results
    return only.alert


def refused(path: Path) -> str:
    with pytest.raises(PlatformError) as told:
        read_runs([path])
    assert told.value.kind is None, "it is a mistake of usage"
    assert str(told.value).startswith(f"{path}: ")
    return str(told.value)


@pytest.mark.parametrize(
    ("result", "severity"),
    [
        ({"ruleId": "scored"}, Severity.HIGH),
        ({"ruleId": "scored", "level": "note"}, Severity.HIGH),
        ({"ruleIndex": 0}, Severity.HIGH),
        ({"rule": {"id": "scored"}}, Severity.HIGH),
        ({"ruleId": "scored/part/of/it"}, Severity.HIGH),
        ({"rule": {"id": "scored", "index": 1, "toolComponent": {"name": "another"}}}, Severity.HIGH),
        ({"ruleId": "x", "properties": {"security-severity": 9.0}}, Severity.CRITICAL),
        ({"ruleId": "x", "properties": {"security-severity": "0.1"}}, Severity.LOW),
        ({"ruleId": "x", "properties": {"security-severity": "0.0"}}, None),
        ({"ruleId": "x", "level": "error"}, Severity.HIGH),
        ({"ruleId": "x"}, Severity.MEDIUM),
        ({"ruleId": "noted"}, Severity.LOW),
        ({"ruleId": "noted", "level": "error"}, Severity.HIGH),
        ({"ruleId": "x", "level": "none"}, None),
    ],
)
def test_a_score_for_security_comes_before_the_level(tmp_path: Path, result: Any, severity: Severity | None) -> None:
    assert one(tmp_path, result).severity is severity


@pytest.mark.parametrize("kind", ["pass", "notApplicable", "informational", "open", "review"])
def test_only_failures_are_something_wrong(tmp_path: Path, kind: str) -> None:
    (run,) = read_runs([written(tmp_path, {"ruleId": "x", "kind": kind}, {"ruleId": "y", "baselineState": "absent"})])
    assert run.results == ()


@pytest.mark.parametrize(
    ("suppressions", "state", "reason"),
    [
        ([], AlertState.OPEN, ""),
        ([{"kind": "external", "justification": "not reached"}], AlertState.DISMISSED, "not reached"),
        ([{"kind": "inSource", "status": "accepted"}], AlertState.DISMISSED, ""),
        ([{"kind": "external", "status": "underReview", "justification": "x"}], AlertState.OPEN, ""),
        ([{"kind": "inSource", "justification": "x"}, {"kind": "external", "status": "rejected"}], AlertState.OPEN, ""),
    ],
)
def test_what_was_accepted(tmp_path: Path, suppressions: Any, state: AlertState, reason: str) -> None:
    found = one(tmp_path, {"ruleId": "x", "suppressions": suppressions})
    assert (found.state, found.dismissal) == (state, reason)


BASES = {
    "SRCROOT": {"uri": "file:///builds/a/a/"},
    "SUB": {"uri": "lib/", "uriBaseId": "SRCROOT"},
    "TOP": {"uri": "file:///"},
    "INNER": {"uri": "file:///checkout/lib/"},
    "OPEN": {"description": {"text": "nobody says where"}},
}


@pytest.mark.parametrize(
    ("location", "path"),
    [
        ({"uri": "src/a.py"}, "src/a.py"),
        ({"uri": "./src//a%20b.py"}, "src/a b.py"),
        ({"uri": "src/a.py", "uriBaseId": "SRCROOT"}, "src/a.py"),
        ({"uri": "a.py", "uriBaseId": "SUB"}, "lib/a.py"),
        ({"uri": "checkout/src/a.py", "uriBaseId": "TOP"}, "src/a.py"),
        ({"uri": "src/a.py", "uriBaseId": "TOP"}, "src/a.py"),
        ({"uri": "a.py", "uriBaseId": "INNER"}, "lib/a.py"),
        ({"uri": "a.py", "uriBaseId": "OPEN"}, "a.py"),
        ({"uri": "a.py", "uriBaseId": "UNKNOWN"}, "a.py"),
        ({"uri": "file:///builds/a/a/src/a.py", "uriBaseId": "SRCROOT"}, "src/a.py"),
        ({"uri": "file:///checkout/src/a.py"}, "src/a.py"),
        ({"uri": "/checkout/src/a.py"}, "src/a.py"),
        ({"uri": "file:///D:/work/src/a.py"}, "src/a.py"),
        ({"uri": "D:\\work\\src\\a.py"}, "src/a.py"),
        ({"uri": "file:///elsewhere/a.py"}, None),
        ({"uri": "https://example.com/a.py"}, None),
        ({"uri": "../../etc/passwd"}, None),
        ({"uri": "src/../../../x"}, None),
        ({"index": 1}, "src/listed.py"),
        ({}, None),
    ],
)
def test_places_are_paths_of_the_repository(tmp_path: Path, location: Any, path: str | None) -> None:
    artifacts = [{"location": {"uri": "a"}}, {"location": {"uri": "listed.py", "uriBaseId": "IN"}}]
    bases = {**BASES, "IN": {"uri": "src", "uriBaseId": "SRCROOT"}}
    result = {"ruleId": "x", "locations": [{"physicalLocation": {"artifactLocation": location}}]}
    found = one(tmp_path, result, ("/checkout", "D:/work"), originalUriBaseIds=bases, artifacts=artifacts)
    assert found.path == path


def test_messages_are_filled_in_and_bounded(tmp_path: Path) -> None:
    assert one(tmp_path, {"ruleIndex": 0, "message": {"id": "m", "arguments": ["x"]}}).message == "x is used {1}"
    assert len(one(tmp_path, {"ruleId": "x", "message": {"text": "word " * 10_000}}).message) == 1_000


def test_what_tells_results_apart_stays_when_lines_move(tmp_path: Path) -> None:
    def keys(*results: Any) -> list[str]:
        (run,) = read_runs([written(tmp_path, *results)])
        return [each.alert.key for each in run.results]

    assert keys({"ruleId": "x", "locations": [located("a.py", 3)]}) == keys(
        {"ruleId": "x", "locations": [located("a.py", 9)]}
    )
    first, second = keys(
        {"ruleId": "x", "locations": [located("a.py", 3)]}, {"ruleId": "x", "locations": [located("a.py", 9)]}
    )
    assert second == f"{first}-2"
    assert keys({"ruleId": "x", "partialFingerprints": {"p": "1"}}) != keys(
        {"ruleId": "x", "partialFingerprints": {"p": "2"}}
    )


def test_the_rest_that_a_run_says(tmp_path: Path) -> None:
    result = {"ruleId": "x", "provenance": {"firstDetectionTimeUtc": "2026-05-01T00:00:00Z"}}
    path = written(
        tmp_path, result, versionControlProvenance=[{"revisionId": "abc"}], invocations=[{"executionSuccessful": False}]
    )
    (run,) = read_runs([path])
    assert isinstance(run, SarifRun)
    assert (run.tool, run.revisions, bool(run.error)) == ("Semgrep", ("abc",), True)
    assert run.results[0].alert.since == datetime(2026, 5, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "it is not JSON"),
        ("[" * 100_000, "nested too deeply"),
        ("[]", "an object is wanted here, not a list"),
        ('{"runs": []}', "SARIF 2.1.0 is wanted, and it has no version"),
        ('{"version": "1.0.0", "runs": []}', "it has version '1.0.0'"),
        ('{"version": "2.1.0"}', "it has no 'runs'"),
        ('{"version": "2.1.0", "runs": {}}', "/runs: a list is wanted here"),
        ('{"version": "2.1.0", "runs": [3]}', "/runs/0: an object is wanted here, not a number"),
        ('{"version": "2.1.0", "runs": [{}]}', "/runs/0: the tool has no name"),
    ],
)
def test_what_is_no_sarif_is_refused(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bad.sarif"
    path.write_text(text)
    assert words in refused(path)


@pytest.mark.parametrize(
    ("result", "words"),
    [
        ({"ruleIndex": 7}, "/runs/0/results/0: there is no rule 7"),
        ({"ruleIndex": "7"}, "/runs/0/results/0/ruleIndex: a whole number is wanted here, not a text"),
        ({"level": "bad"}, "/runs/0/results/0/level: 'bad' is none of error, warning, note, none"),
        ({"kind": "bad"}, "/runs/0/results/0/kind: 'bad' is none of"),
        ({"baselineState": 1}, "/runs/0/results/0/baselineState: a text is wanted here"),
        (
            {"properties": {"security-severity": "high"}},
            "security-severity: a score from 0.0 to 10.0 is wanted here, not 'high'",
        ),
        ({"properties": {"security-severity": "nan"}}, "a score from 0.0 to 10.0"),
        ({"locations": [{"physicalLocation": {"artifactLocation": {"index": 4}}}]}, "there is no artifact 4"),
        ({"provenance": {"firstDetectionTimeUtc": "today"}}, "'today' is no time"),
        ({"suppressions": [{"status": "perhaps"}]}, "/suppressions/0/status: 'perhaps' is none of"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path: Path, result: Any, words: str) -> None:
    assert words in refused(written(tmp_path, result))


def test_a_file_that_is_not_there_or_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "it cannot be read: No such file" in refused(tmp_path / "none.sarif")
    (tmp_path / "binary.sarif").write_bytes(b"\xff\xfe\x00")
    assert "it is not UTF-8" in refused(tmp_path / "binary.sarif")
    path = written(tmp_path, {"ruleId": "x"}, {"ruleId": "y"})
    assert "lie in other files" in refused(outside(tmp_path))
    monkeypatch.setattr("bot.platforms.sarif.results.MOST_RESULTS", 1)
    assert "more than 1 results" in refused(path)
    monkeypatch.setattr(document, "MOST_BYTES", 10)
    assert "at most 10 bytes are read" in refused(path)


def outside(folder: Path) -> Path:
    path = folder / "outside.sarif"
    run = {"tool": {"driver": {"name": "x"}}, "externalPropertyFileReferences": {"results": [{}]}}
    path.write_text(json.dumps({"version": "2.1.0", "runs": [run]}))
    return path


KEYS = sorted(
    {
        *("ruleId", "rule", "ruleIndex", "index", "id", "level", "kind", "message", "text", "arguments", "locations"),
        *("physicalLocation", "artifactLocation", "uri", "uriBaseId", "region", "startLine", "endLine", "suppressions"),
        *("status", "properties", "security-severity", "provenance", "firstDetectionTimeUtc", "partialFingerprints"),
        *("toolComponent", "baselineState"),
    }
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.floats() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(JSON)
def test_whatever_a_result_is_it_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, result: Any) -> None:
    path = written(tmp_path_factory.getbasetemp(), result, originalUriBaseIds={"a": {"uri": "b", "uriBaseId": "a"}})
    with contextlib.suppress(PlatformError):
        read_runs([path], ("/x",))


def test_the_lines_that_a_patch_writes() -> None:
    patch = "@@ -1,3 +1,4 @@ def a():\n one\n-two\n+two!\n+more\n three\n@@ -10 +11,2 @@\n+ten\n ten\n\\ No newline"
    assert [(each.first, each.last) for each in written_lines(patch.split("\n"))] == [(2, 3), (11, 11)]
    assert written_lines(["@@ -1,2 +1 @@", "-gone", " there"]) == ()


def test_a_tool_that_lists_no_results_has_looked_at_nothing(tmp_path: Path) -> None:
    path = tmp_path / "absent.sarif"
    path.write_text(json.dumps({"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "Semgrep"}}}]}))
    (run,) = read_runs([path])
    assert "has looked at nothing" in run.error
    (run,) = read_runs([written(tmp_path)])
    assert not run.error


def test_what_accepts_a_result_in_the_code_is_told(tmp_path: Path) -> None:
    def in_source(*kinds: str | None) -> bool:
        found = [{"justification": "why", **({"kind": kind} if kind else {})} for kind in kinds]
        (run,) = read_runs([written(tmp_path, {"ruleId": "x", "suppressions": found})])
        return run.results[0].in_source

    assert not in_source("external")
    assert in_source("inSource")
    assert in_source("external", "inSource")
    assert in_source(None), "the format asks for it, so a tool that leaves it out proves nothing"


def test_a_message_grows_no_larger_than_what_is_kept_of_it(tmp_path: Path) -> None:
    huge = {"text": "{0}" * 100_000, "arguments": ["x" * 100_000]}
    assert one(tmp_path, {"ruleId": "x", "message": huge}).message == "x" * 1_000


def test_half_a_character_is_no_character(tmp_path: Path) -> None:
    alert = one(tmp_path, {"ruleId": "\ud800r", "message": {"text": "\udfff"}, "locations": [located("a\ud800.py")]})
    f"{alert.rule}{alert.message}{alert.path}".encode()


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="a device of Unix")
def test_a_file_without_an_end_is_not_read_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(document, "MOST_BYTES", 1_000)
    assert "at most 1,000 bytes are read" in refused(Path("/dev/zero"))
