"""Files of policy tests: what they mean, and every mistake with its place."""

from __future__ import annotations

import copy
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft7Validator

from bot.model.facts import Unavailable
from bot.model.facts.change import ChangedFiles, Commits, Reviews
from bot.model.facts.release import ReleaseRecord
from bot.model.results import Verdict
from bot.model.subjects import Platform, PullRequest, Release
from bot.policy.casefile import DEFAULT_NOW, Case, Served
from bot.policy.casemodel import Ending
from bot.policy.factdocument import document
from bot.policy.factfile import Given
from bot.policy.loader import parse_yaml
from bot.policy.problems import PolicyError
from bot.policy.schema import schema
from tests.policy.case_files import FACTS, HEAD, Memory, load
from tests.policy.fact_values import givens


def only(text: str, files: dict[str, str] | None = None) -> Case:
    (case,) = load(HEAD + text, files).cases
    return case


def given_in(case: Case) -> Given:
    assert isinstance(case.about, Given)
    return case.about


def mistakes(text: str, files: dict[str, str] | None = None) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        load(text, files)
    return [str(problem) for problem in caught.value.problems]


def test_a_case_has_the_facts_of_its_file_and_its_own() -> None:
    case = only(FACTS + "cases: [{name: a, facts: {reviews: {unavailable: why}}, expect: {verdict: inconclusive}}]")
    facts = given_in(case).facts
    assert isinstance(facts[Reviews], Unavailable)
    assert isinstance(facts[Commits], Commits)
    assert case.now == DEFAULT_NOW
    assert case.line == 14


def test_people_of_a_files_facts_live_where_the_subject_does() -> None:
    text = HEAD + FACTS + "cases:\n  - {name: a, expect: {verdict: passed}}\n"
    text += "  - {name: b, subject: {platform: azure-devops}, expect: {verdict: passed}}"
    found = [given_in(case).facts[Commits] for case in load(text).cases]
    people = [commits.commits[0].author.person for commits in found if isinstance(commits, Commits)]
    assert [person.id for person in people if person is not None] == [
        "github.com/login/ana",
        "dev.azure.com/acme/login/ana",
    ]


def test_the_moment_is_the_cases_else_the_files() -> None:
    text = HEAD + "now: 2027-01-01T00:00:00Z\ncases:\n  - {name: a, expect: {verdict: empty}}\n"
    text += "  - {name: b, now: 2028-01-01T00:00:00+01:00, expect: {verdict: empty}}"
    assert [case.now for case in load(text).cases] == [
        datetime(2027, 1, 1, tzinfo=UTC),
        datetime(2027, 12, 31, 23, tzinfo=UTC),
    ]


def test_expectations_go_by_key_or_by_name() -> None:
    expected = only(
        """
cases:
  - name: a
    expect:
      verdict: waiting
      entries: {payments/requirement-link: pass, approvals: fail, docs-approval: not_selected}
      findings: {approvals: 0 of 2}
      unknown: {change-approval: [scope, the scope repo]}
      waived: requirement-link
"""
    ).expected
    assert expected.verdict is Verdict.WAITING
    assert expected.entries == {
        "payments/requirement-link": Ending.PASS,
        "payments/approvals": Ending.FAIL,
        "payments/docs-approval": Ending.NOT_SELECTED,
    }
    assert expected.findings == {"payments/approvals": ("0 of 2",)}
    assert expected.unknown == {"payments/change-approval": ("scope", "the scope repo")}
    assert expected.waived == ("payments/requirement-link",)


def test_a_scenario_is_named_with_its_target() -> None:
    text = "cases: [{name: a, scenario: s/small.yml, target: 'github:acme/payments#12', expect: {verdict: passed}}]"
    case = only(text, {"tests/s/small.yml": ""})
    assert case.about == Served("tests/s/small.yml", "github:acme/payments#12", None)
    assert case.now is None


RECORDED = """
apiVersion: almguard/v1
kind: Tests
policy: elsewhere.yml
now: 2026-03-01T00:00:00Z
cases:
  - name: as it was
    subject: {number: 7, title: Recorded}
    facts: {files: [src/a.py], reviews: []}
    expect: {verdict: passed}
"""


def test_a_recorded_case_may_be_changed() -> None:
    case = only(
        FACTS + "cases: [{name: a, recorded: pr.yml, subject: {title: New}, facts: {reviews: {unavailable: x}}, "
        "expect: {verdict: passed}}]",
        {"tests/pr.yml": RECORDED},
    )
    found = given_in(case)
    assert isinstance(found.subject, PullRequest)
    assert (found.subject.number, found.subject.title) == (7, "New")
    assert set(found.facts) == {ChangedFiles, Reviews}
    assert isinstance(found.facts[Reviews], Unavailable)
    assert case.now == datetime(2026, 3, 1, tzinfo=UTC)


def test_what_is_tested_may_be_a_pack() -> None:
    text = HEAD.replace("../payments.yml", "pack:baseline")
    file = load(text + "cases: [{name: a, expect: {entries: {approvals: pass}}}]")
    assert file.policy == "pack:baseline"
    assert file.cases[0].expected.entries == {"baseline/approvals": Ending.PASS}


CASES = "cases: [{name: a, expect: {verdict: passed}}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEAD + "cases: []", "tests/a.yml:5:8: cases: it is empty"),
        (HEAD.replace("Tests", "Test") + CASES, "tests/a.yml:3:7: kind: 'Tests' is wanted here, and this is 'Test'"),
        (
            HEAD.replace("v1", "v2") + CASES,
            "tests/a.yml:2:13: apiVersion: 'almguard/v1' is wanted here, and this is 'almguard/v2'",
        ),
        (
            HEAD.replace("../payments", "../paymets") + CASES,
            "tests/a.yml:4:9: policy: there is no file '../paymets.yml'",
        ),
        (
            HEAD.replace("../payments.yml", "pack:basline") + CASES,
            "tests/a.yml:4:9: policy: no pack is called 'pack:basline', did you mean 'pack:baseline'",
        ),
        (HEAD + "cases: [{name: a, expect: {}}]", "tests/a.yml:5:27: cases[0].expect: nothing is expected"),
        (HEAD + "cases: [{name: a, expect: {entries: {}}}]", "cases[0].expect: nothing is expected"),
        (
            HEAD + "cases: [{name: a, expect: {entries: {aprovals: pass}}}]",
            "tests/a.yml:5:38: cases[0].expect.entries.aprovals: the policy has no entry 'aprovals', did you mean "
            "'approvals'",
        ),
        (
            HEAD + "cases: [{name: a, expect: {waived: [x]}}]",
            "tests/a.yml:5:37: cases[0].expect.waived: the policy has no entry 'x'; there are payments/secret-scanning",
        ),
        (HEAD + "cases: [{name: a, expect: {entries: {approvals: passed}}}]", "did you mean 'pass'"),
        (HEAD + "cases: [{name: a, expect: {verdict: block}}]", "did you mean 'blocked'"),
        (HEAD + "cases: [{name: a}]", "tests/a.yml:5:9: cases[0]: the key 'expect' is missing"),
        (HEAD + "cases: [{name: a, expct: {}, expect: {verdict: passed}}]", "did you mean 'expect'"),
        (
            HEAD + "cases:\n  - {name: a, expect: {verdict: passed}}\n  - {name: a, expect: {verdict: passed}}",
            "tests/a.yml:7:12: cases[1].name: the case on line 6 is called 'a' already",
        ),
        (HEAD + "now: 2026-06-01\n" + CASES, "tests/a.yml:5:6: now: an instant with its zone is wanted here"),
        (HEAD + "now: 2026-02-30T00:00:00Z\n" + CASES, "now: an instant with its zone is wanted here"),
        (
            HEAD + "facts: {reviews: [{person: bo}]}\n" + CASES,
            "tests/a.yml:5:19: facts.reviews.reviews[0]: the key 'opinion' is missing",
        ),
        (
            HEAD + "cases: [{name: a, facts: {files: 1}, expect: {verdict: passed}}]",
            "tests/a.yml:5:34: cases[0].facts.files: a mapping is wanted here, and this is the number 1",
        ),
        (
            HEAD + "cases: [{name: a, facts: {release_record: {unavailable: x}}, expect: {verdict: passed}}]",
            "tests/a.yml:5:27: cases[0].facts.release_record: it is a fact about a release, and the subject is a pull",
        ),
        (
            HEAD + "cases: [{name: a, subject: [], expect: {verdict: passed}}]",
            "cases[0].subject: a mapping is wanted here",
        ),
        (
            HEAD + "cases: [{name: a, scenario: s.yml, expect: {verdict: passed}}]",
            "tests/a.yml:5:9: cases[0]: the key 'target' is missing: a scenario and a target belong together",
        ),
        (
            HEAD + "cases: [{name: a, target: x, expect: {verdict: passed}}]",
            "cases[0]: the key 'scenario' is missing: a scenario and a target belong together",
        ),
        (
            HEAD + "cases: [{name: a, scenario: t.yml, target: x, expect: {verdict: passed}}]",
            "tests/a.yml:5:29: cases[0].scenario: there is no file 't.yml', looked for from where tests/a.yml is",
        ),
        (
            HEAD + "cases: [{name: a, scenario: s.yml, target: x, facts: {}, expect: {verdict: passed}}]",
            "cases[0].facts: beside 'scenario' there is none",
        ),
        (
            HEAD + "cases: [{name: a, scenario: null, target: x, expect: {verdict: passed}}]",
            "cases[0].scenario: text is",
        ),
        (
            HEAD + "cases: [{name: a, recorded: null, expect: {verdict: passed}}]",
            "cases[0].recorded: text is wanted here",
        ),
        (
            HEAD + "cases: [{name: a, environment: prod, expect: {verdict: passed}}]",
            "tests/a.yml:5:32: cases[0].environment: it belongs to a 'scenario' and its 'target'",
        ),
        (
            HEAD + "cases: [{name: a, recorded: pr.yml, subject: {kind: release}, expect: {verdict: passed}}]",
            "cases[0].subject: the recorded subject is a pull_request: write kind: pull_request here too",
        ),
        (
            HEAD + "cases: [{name: a, recorded: two.yml, expect: {verdict: passed}}]",
            "cases[0].recorded: a file of one case with its own facts is wanted, and tests/two.yml is not",
        ),
        (
            HEAD + "cases: [{name: a, recorded: bad.yml, expect: {verdict: passed}}]",
            "tests/bad.yml:9:20: cases[0].facts.files: a mapping is wanted here",
        ),
        (HEAD + "cases: [{name: a, recorded: s.yml, expect: {verdict: passed}}]", "tests/s.yml:1:1: the file is empty"),
    ],
)
def test_a_mistake_is_told_with_its_place(text: str, said: str) -> None:
    files = {
        "tests/s.yml": "",
        "tests/pr.yml": RECORDED,
        "tests/two.yml": RECORDED + "  - {name: another, expect: {verdict: passed}}",
        "tests/bad.yml": RECORDED.replace("files: [src/a.py]", "files: 1"),
    }
    (found,) = mistakes(text, files)
    assert said in found


def test_the_mistakes_of_the_policy_are_told_too() -> None:
    found = mistakes(HEAD + "x: 1\n" + CASES, {"payments.yml": "apiVersion: almguard/v1\nkind: Policy\nrules: 3"})
    assert [each.partition(": ")[0] for each in found] == ["payments.yml:1:1", "payments.yml:3:8", "tests/a.yml:5:1"]


def test_two_entries_of_one_name_need_their_keys() -> None:
    other = Memory().files["payments.yml"].replace("name: payments", "name: other")
    config = "apiVersion: almguard/v1\nkind: Config\npolicies: [payments.yml, other.yml]"
    text = HEAD.replace("payments.yml", "config.yml")
    files = {"config.yml": config, "other.yml": other}
    (found,) = mistakes(text + "cases: [{name: a, expect: {entries: {approvals: pass}}}]", files)
    assert "'approvals' is the name of several; write the key: payments/approvals, other/approvals" in found
    assert load(text + "cases: [{name: a, expect: {entries: {other/approvals: pass}}}]", files)


def test_all_mistakes_are_told_at_once() -> None:
    text = (
        HEAD
        + "facts: {x: 1}\ncases:\n  - {name: a, expect: {entries: {x: pass, y: no}}}\n  - {expect: {}, facts: {z: 1}}"
    )
    assert len(mistakes(text)) == 7


@cache
def validator() -> Draft7Validator:
    made = schema("tests")
    Draft7Validator.check_schema(made)
    return Draft7Validator(made)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(givens())
def test_what_is_written_of_facts_fits_the_schema(given_: Given) -> None:
    case = {"name": "a", "expect": {"verdict": "passed"}, **document(given_)}
    whole = {"apiVersion": "almguard/v1", "kind": "Tests", "policy": "p.yml", "cases": [case]}
    assert not [error.message for error in validator().iter_errors(whole)]


WHOLE: dict[str, Any] = {
    "apiVersion": "almguard/v1",
    "kind": "Tests",
    "policy": "../payments.yml",
    "now": "2026-06-01T09:00:00Z",
    "facts": {"files": ["a.md", {"path": "b", "change": "added"}], "pushes": None, "reviews": {"unavailable": "why"}},
    "cases": [
        {
            "name": "a",
            "subject": {"kind": "pull_request", "number": 7, "repository": {"name": "acme/x"}, "author": "ana"},
            "facts": {
                "commits": [{"sha": "c", "message": "m", "author": {"name": "A", "email": "a@x"}}],
                "work_items": {
                    "links": [
                        {"source": "jira", "form": "key", "text": "P-1", "where": "title", "item": {"number": 1, "type": None}}
                    ]
                },
                "detected_tools": [["CodeQL", "app"]],
                "reviewer_permissions": {"levels": {"ana": "write"}},
                "code_owners": {"unavailable": {"kind": "scope", "reason": "r"}},
                "checks": {"not_supported": "none"},
            },
            "now": None,
            "expect": {"verdict": "passed", "entries": {"approvals": "pass"}, "waived": "approvals",
                       "findings": {"approvals": ["x"]}},
        },
        {"name": "b", "subject": {"kind": "work_item", "number": 3}, "expect": {"verdict": "empty"}},
        {"name": "c", "subject": {"kind": "branch", "repository": "acme/x", "branch": "b"}, "expect": {"verdict": "empty"}},
        {"name": "d", "subject": {"kind": "release", "author": None}, "expect": {"unknown": {"approvals": "scope"}}},
        {"name": "e", "scenario": "s.yml", "target": "t", "environment": None, "expect": {"verdict": "empty"}},
        {"name": "f", "recorded": "r.yml", "expect": {"verdict": "empty"}},
    ],
}  # fmt: skip
VALUES = st.sampled_from(
    [
        None,
        True,
        0,
        7,
        1.5,
        "",
        "x",
        "pass",
        "ana",
        "release",
        "2026-06-01T09:00:00Z",
        "2026-06-01",
        [],
        ["x"],
        {},
        {"x": 1},
    ]
)


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """The whole file with something of it put in, taken out, or replaced."""
    whole = copy.deepcopy(WHOLE)
    for _ in range(draw(st.integers(1, 3))):
        places: list[tuple[Any, Any]] = []
        waiting: list[Any] = [whole]
        while waiting:
            here = waiting.pop()
            pairs = here.items() if isinstance(here, dict) else enumerate(here)
            for key, value in pairs:
                places.append((here, key))
                waiting += [value] if isinstance(value, dict | list) else []
        holder, key = draw(st.sampled_from(places))
        match draw(st.sampled_from(["replace", "remove", "add"])):
            case "replace":
                holder[key] = copy.deepcopy(draw(VALUES))
            case "remove":
                del holder[key]
            case _ if isinstance(holder, dict):
                holder[
                    draw(st.sampled_from(["kind", "name", "number", "url", "id", "x", "environment", "reviews"]))
                ] = copy.deepcopy(draw(VALUES))
            case _:
                holder.append(copy.deepcopy(draw(VALUES)))
    return whole


@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow])
@given(changed())
def test_what_the_loader_takes_the_schema_takes(whole: Any) -> None:
    text = json.dumps(whole)
    try:
        load(text, {"tests/s.yml": "", "tests/r.yml": RECORDED})
    except PolicyError:
        return
    assert not [error.message for error in validator().iter_errors(parse_yaml(text, "a").root.plain())]


def test_the_whole_file_loads() -> None:
    cases = load(json.dumps(WHOLE), {"tests/s.yml": "", "tests/r.yml": RECORDED}).cases
    assert len(cases) == 6
    assert not list(validator().iter_errors(WHOLE))


def test_a_release_has_facts_of_its_own() -> None:
    case = only(
        "cases: [{name: a, subject: {kind: release, platform: azure-devops}, "
        "facts: {release_record: {notes: n, released_commit: d4}}, expect: {verdict: empty}}]"
    )
    found = given_in(case)
    assert isinstance(found.subject, Release)
    assert (found.subject.platform, found.subject.release_kind) == (Platform.AZURE_DEVOPS, "run")
    assert isinstance(found.facts[ReleaseRecord], ReleaseRecord)
