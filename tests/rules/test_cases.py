"""Every rule's YAML cases, and that every rule has them.

A case is ``tests/rules/<rule-id>/<name>.yaml``::

    rule: approvals
    with: {minimum: 2}                        # the rule's parameters
    subject: {author: ana}                    # what differs from acme/payments#12; `kind` where a rule has several
    facts:                                    # by Fact.name; what the folder's _defaults.yaml says need not be repeated
      reviews: {reviews: [{person: bo, opinion: approved, commit: c2}]}
      pushes: {unavailable: {kind: scope, reason: needs the scope repo}}      # or: unavailable: reason
      code_owners: {not_supported: there are none here}
    now: 2026-06-02T12:00:00Z
    analyzers: []                             # the analyzer catalogue, where it is not the shipped one
    expect:
      outcome: fail                           # pass, fail, unknown, not_applicable
      findings: [1 of 2 approvals]            # one item for each finding: a text, or several texts, that it holds
      awaiting: true                          # of every finding
      unknown: [needs the scope repo]         # one item for each thing that is not known
      unknown_kind: scope
      not_applicable: a text of the reason
      evidence: ["counted: bo"]               # texts that stand in the evidence, as `what: value`, `[ok]` or `[missing]`
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
import yaml

from bot.engine.evaluation import Judgement, evaluate
from bot.model.analyzers import AnalyzerCatalogue
from bot.model.results import Outcome
from bot.rules import Rule
from bot.rules.declaration import SECTIONS
from bot.rules.registry import rules
from tests.rules.case_files import DEFAULTS, RuleCase, read

FOLDER = Path(__file__).parent
CASES = sorted(path for path in FOLDER.glob("*/*.yaml") if path.name != DEFAULTS)


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case(path: Path) -> None:
    case = read(path)
    expected = case.expect
    judgement = judge(case)
    assert judgement.outcome == expected["outcome"], told(judgement)
    held = [texts if isinstance(texts, list) else [texts] for texts in expected.get("findings", [])]
    assert_matched(held, [f"{finding.message}\n{finding.fix}" for finding in judgement.findings])
    if judgement.outcome is Outcome.FAIL:
        assert held, "a failing case says what the findings are"
    if "awaiting" in expected:
        assert {finding.awaiting for finding in judgement.findings} == {expected["awaiting"]}, told(judgement)
    assert_matched([[text] for text in expected.get("unknown", [])], [unknown.reason for unknown in judgement.unknown])
    if "unknown_kind" in expected:
        assert {unknown.kind.value for unknown in judgement.unknown} == {expected["unknown_kind"]}
    if judgement.outcome is Outcome.UNKNOWN:
        assert expected.get("unknown"), "an unknown case says what is not known"
    if judgement.outcome is Outcome.NOT_APPLICABLE:
        assert expected["not_applicable"] in judgement.reason
    evidence = told(judgement)
    for text in expected.get("evidence", []):
        assert text in evidence, evidence


@pytest.mark.parametrize("path", CASES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_case_is_deterministic(path: Path) -> None:
    case = read(path)
    assert judge(case) == judge(case)


@pytest.mark.parametrize("rule", rules().values(), ids=rules())
def test_every_rule_has_its_cases_and_sections(rule: Rule) -> None:
    outcomes = {read(path).expect["outcome"] for path in CASES if path.parent.name == rule.id}
    missing = {"pass", "fail", "unknown"} - outcomes
    assert not missing, f"tests/rules/{rule.id}/ has no case that ends with {', '.join(sorted(missing))}"
    assert set(rule.sections) == set(SECTIONS)
    assert rule.title.endswith("."), "the first line of the docstring is a sentence"


@pytest.mark.parametrize("rule", rules().values(), ids=rules())
def test_every_example_is_a_policy_entry(rule: Rule) -> None:
    entries = yaml.safe_load(rule.sections["Example"])
    for entry in entries if isinstance(entries, list) else [entries]:
        assert entry["rule"] == rule.id
        rule.params.model_validate(entry.get("with", {}))


@pytest.mark.parametrize("rule", rules().values(), ids=rules())
def test_every_parameter_is_documented(rule: Rule) -> None:
    undocumented = [name for name, field in rule.params.model_fields.items() if not field.description]
    assert not undocumented


def test_every_case_folder_is_a_rule() -> None:
    assert {path.parent.name for path in CASES} <= set(rules())


def judge(case: RuleCase) -> Judgement:
    values = {datetime: case.now, AnalyzerCatalogue: case.catalogue}
    return evaluate(case.rule, case.params, case.subject, case.known, values)


def assert_matched(expected: list[list[str]], said: list[str]) -> None:
    """Each expectation is met by a text of its own, and no text is left over."""
    left = list(said)
    for texts in sorted(expected, key=lambda texts: -sum(map(len, texts))):
        match = next((text for text in left if all(part in text for part in texts)), None)
        assert match is not None, f"nothing says {texts}:\n" + "\n".join(said)
        left.remove(match)
    assert not left, f"not expected: {left}"


def told(judgement: Judgement) -> str:
    """All that a judgement says, for the reader of a failing test and for the texts under `evidence`."""
    marks = {True: "[ok]", False: "[missing]", None: ""}
    evidence = (*judgement.evidence, *(piece for finding in judgement.findings for piece in finding.evidence))
    lines = [f"{judgement.outcome} {judgement.reason}"]
    lines += [f"finding: {finding.message}\n  fix: {finding.fix}" for finding in judgement.findings]
    lines += [f"unknown ({unknown.kind}): {unknown.reason}" for unknown in judgement.unknown]
    lines += [f"{marks[piece.ok]} {piece.what}: {piece.value}".strip() for piece in evidence]
    return "\n".join(lines)
