"""``almguard test``, whole: files and folders, exit codes, scenarios on both platforms, reports."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.conftest import DEMO, ROOT, World, serve
from tests.policy.case_files import FACTS, HEAD, POLICY

GOOD = "cases:\n  - {name: nobody has approved, expect: {verdict: waiting, entries: {approvals: fail}}}\n"
BAD = GOOD + "  - {name: wrong on purpose, expect: {entries: {change-approval: pass}}}\n"


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """No test here reads this sandbox: what a scenario serves is the command's own."""
    yield from serve(DEMO, tmp_path_factory.mktemp("test"))


@pytest.fixture
def place(world: World, tmp_path: Path) -> World:
    """A folder with a policy in it."""
    found = World(world.sandbox, tmp_path)
    found.write("policies/payments.yml", POLICY)
    return found


def write(place: World, cases: str = GOOD, name: str = "a.yml", head: str = HEAD + FACTS) -> str:
    return place.write(f"policies/tests/{name}", head + cases)


def test_without_a_path_the_usual_folders_are_run(place: World) -> None:
    write(place)
    write(place, name="deeper/b.yaml", head=(HEAD + FACTS).replace("../", "../../"))
    place.write("policies/tests/scenarios/s.yml", "apiVersion: almguard.sandbox/v1\nkind: Scenario\n")
    place.write(".github/almguard-tests/c.yml", (HEAD + FACTS).replace("../", "../../policies/") + GOOD)
    ended = place.run("test")
    assert ended.code == 0, ended.out + ended.err
    assert "3 cases in 3 files: 3 passed." in ended.out
    assert ended.err == ""


def test_a_failing_case_is_shown_as_a_difference(place: World) -> None:
    ended = place.call("test", write(place, BAD))
    assert ended.code == 1
    lines = ended.out.splitlines()
    start = lines.index("    payments/change-approval")
    assert lines[start + 1 : start + 4] == ["      - pass", "      + fail", "        0 of 2 approvals, 2 missing."]
    assert lines[-1] == "2 cases in 1 file: 1 passed, 1 failed."


def test_a_file_that_does_not_load_stops_everything(place: World) -> None:
    write(place)
    broken = write(place, "cases: [{name: a, expect: {entries: {aprovals: fail}}}]", "broken.yml")
    other = write(place, "cases: 3", "other.yml")
    ended = place.call("test", str(Path(broken).parent))
    assert ended.code == 2
    assert ended.out == ""
    assert f"{broken}:14:38: cases[0].expect.entries.aprovals: the policy has no entry" in ended.err
    assert f"{other}:14:8: cases: a list is wanted here, and this is the number 3" in ended.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "There is no .github/almguard-tests and no policies/tests here"),
        (("nowhere",), "nowhere: there is no such file and no such folder"),
        (("empty",), "empty: there is no file of tests (kind: Tests) in this folder"),
    ],
)
def test_nothing_to_run_is_no_success(world: World, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "empty").mkdir()
    ended = World(world.sandbox, tmp_path).run("test", *arguments)
    assert ended.code == 2
    assert said in ended.err


def test_cases_are_chosen_by_a_text_in_their_names(place: World) -> None:
    path = write(place, BAD)
    assert place.call("test", path, "-k", "APPROVED").code == 0
    assert place.call("test", path, "-k", "purpose").code == 1
    none = place.call("test", path, "-k", "nonsense")
    assert none.code == 2
    assert "no case has 'nonsense' in its name" in none.err


def test_json_and_junit(place: World) -> None:
    path = write(place, BAD)
    report = place.folder / "out" / "junit.xml"
    ended = place.call("test", path, "--format", "json", "--junit", str(report), "--coverage")
    assert ended.code == 1
    whole = ended.json()
    assert whole["summary"] == {"total": 2, "passed": 1, "failed": 1, "error": 0}
    assert {entry["key"]: entry["never"] for entry in whole["coverage"]}["payments/approvals"] == ["never passed"]
    root = ET.fromstring(report.read_text(encoding="utf-8"))
    assert [len(case) for case in root.iter("testcase")] == [0, 1]


def test_coverage_is_shown_and_decides_nothing(place: World) -> None:
    ended = place.call("test", write(place), "--coverage")
    assert ended.code == 0
    assert "payments/approvals         failed  -" in ended.out
    assert 'when: files.all(f, f.path.startsWith("docs/")) never held' in ended.out
    assert "0 of 5 entries failed in one case and passed in another" in " ".join(ended.out.split())


TARGETS = {"github": "github:acme/payments#12", "azure-devops": "ado:acme/Payments/payments!12"}


@pytest.mark.parametrize("platform", TARGETS)
def test_a_scenario_is_judged_over_http(place: World, platform: str) -> None:
    place.write("policies/tests/scenarios/demo.yml", DEMO.read_text(encoding="utf-8"))
    cases = "cases:\n"
    for name, verdict in (("as it is", "blocked"), ("wrong on purpose", "passed")):
        expect = (
            f"verdict: {verdict}, entries: {{requirement-link: fail}}, findings: {{requirement-link: No requirement}}"
        )
        cases += (
            f"  - {{name: {name}, scenario: scenarios/demo.yml, target: '{TARGETS[platform]}', expect: {{{expect}}}}}\n"
        )
    cases += (
        "  - {name: not there, scenario: scenarios/demo.yml, target: 'github:acme/none#1', expect: {verdict: passed}}\n"
    )
    ended = place.call("test", write(place, cases), "--format", "json")
    assert ended.code == 1, ended.err
    (file,) = ended.json()["files"]
    assert [case["outcome"] for case in file["cases"]] == ["passed", "failed", "error"]
    assert "There is no repository acme/none" in file["cases"][2]["error"]
    assert not place.ledger(), "the environment's own addresses were asked"


def test_a_scenario_with_mistakes_does_not_load(place: World) -> None:
    scenario = place.write("policies/tests/s.yml", "kind: Scenario\nrepositorys: []\n")
    case = "cases: [{name: a, scenario: s.yml, target: 'github:a/b#1', expect: {verdict: passed}}]"
    ended = place.call("test", write(place, case))
    assert ended.code == 2
    assert f"{scenario}:2:1: repositorys: there is no such key; did you mean" in ended.err


def test_secrets_in_facts_are_not_shown(place: World) -> None:
    token = "ghp_" + "a1B2" * 9
    case = f"cases: [{{name: a, facts: {{work_items: {{unavailable: 'with {token}'}}}}, expect: {{verdict: passed}}}}]"
    report = place.folder / "junit.xml"
    ended = place.call("test", write(place, case), "--format", "json", "--junit", str(report))
    assert ended.code == 1
    assert token not in ended.out + report.read_text(encoding="utf-8")


def test_the_schema_of_tests_is_printed_and_current(place: World) -> None:
    printed = json.loads(place.call("schema", "tests").out)
    committed = (ROOT / "docs" / "schema" / "tests.schema.json").read_text(encoding="utf-8")
    assert printed == json.loads(committed)


def test_validate_checks_policy_tests_too(place: World) -> None:
    good, bad = write(place), write(place, "cases: [{name: a, expect: {}}]", "bad.yml")
    ended = place.call("validate", good)
    assert (ended.code, ended.out) == (0, f"{good}: 1 case: all is well.\n")
    ended = place.call("validate", bad)
    assert ended.code == 2
    assert f"{bad}:14:27: cases[0].expect: nothing is expected" in ended.err
