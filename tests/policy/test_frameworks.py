"""The control-framework maps: what ships, that rules and maps agree, and how mistakes are told."""

from __future__ import annotations

import contextlib
import json
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.policy.frameworks import (
    coverage,
    parse_framework,
    read_framework,
    shipped_framework,
    shipped_frameworks,
)
from bot.policy.packaged import data_file
from bot.policy.problems import PolicyError
from bot.rules import registry

MINE = """\
id: acme-controls
name: ACME change controls
version: "3"
source: https://acme.example/controls
scope: Changes.
controls:
  - id: CHG-1
    title: Every change has a reason
    rules: [requirement-link, approvals]
  - id: CHG-2
    title: Deployments are announced
    rules: []
    note: Nobody looks at it.
"""

SSDF = (
    "PO.1:123 PO.2:123 PO.3:123 PO.4:12 PO.5:12 PS.1:1 PS.2:1 PS.3:12 PW.1:123 PW.2:1 PW.4:124 PW.5:1 "
    "PW.6:12 PW.7:12 PW.8:12 PW.9:12 RV.1:123 RV.2:12 RV.3:1234 "
)
"""The numbers of the tasks of each practice."""

OSPS = (
    "AC-01:1 AC-02:1 AC-03:12 AC-04:12 BR-01:134 BR-02:12 BR-03:12 BR-04:1 BR-05:1 BR-06:1 BR-07:12 "
    "DO-01:1 DO-02:1 DO-03:12 DO-04:1 DO-05:1 DO-06:1 DO-07:1 GV-01:12 GV-02:1 GV-03:12 GV-04:1 LE-01:1 "
    "LE-02:12 LE-03:12 QA-01:12 QA-02:12 QA-03:1 QA-04:12 QA-05:12 QA-06:123 QA-07:1 SA-01:1 SA-02:1 "
    "SA-03:12 VM-01:1 VM-02:1 VM-03:1 VM-04:12 VM-05:123 VM-06:12 "
)
"""The numbers of the requirements of each control."""


def numbered(ids: str, joint: str) -> set[str]:
    pairs = (each.split(":") for each in ids.split())
    return {f"{above}{joint}{number}" for above, numbers in pairs for number in numbers}


COMPLETE = {
    "nist-ssdf": numbered(SSDF, "."),
    "osps-baseline": {f"OSPS-{each}" for each in numbered(OSPS, ".0")},
    "slsa-source": {"L1", "L2", "L3", "L4"},
}
"""Frameworks whose scope says that all of them is listed."""


def test_the_frameworks_that_are_shipped() -> None:
    assert shipped_frameworks() == ("iso27001", "nist-ssdf", "osps-baseline", "scorecard", "slsa-source", "soc2")


@pytest.mark.parametrize("name", shipped_frameworks())
def test_a_file_is_named_as_its_framework(name: str) -> None:
    assert shipped_framework(name).id == name


@pytest.mark.parametrize("name", shipped_frameworks())
def test_a_map_names_what_the_rules_name(name: str) -> None:
    """In both directions: a rule's controls are those that the maps name it under, and no others."""
    framework = shipped_framework(name)
    mapped = {(f"{framework.prefix}{control.id}", rule) for control in framework.controls for rule in control.rules}
    declared = {
        (control, rule.id)
        for rule in registry.rules().values()
        for control in rule.controls
        if control.startswith(framework.prefix)
    }
    assert mapped == declared


def test_no_rule_writes_a_prefix_that_is_nearly_a_framework() -> None:
    """A control under a prefix that nobody reads would be lost without a word."""
    known = {shipped_framework(name).prefix for name in shipped_frameworks()} | {"CIS-SSC:"}
    for rule in registry.rules().values():
        for control in rule.controls:
            assert control.partition(":")[0] + ":" in known, (rule.id, control)


@pytest.mark.parametrize("name", shipped_frameworks())
def test_evidence_for_a_part_says_for_which(name: str) -> None:
    """Of the broad frameworks no control is covered whole by a rule."""
    if name in ("soc2", "iso27001", "nist-ssdf", "slsa-source"):
        assert all(control.note for control in shipped_framework(name).controls if control.rules)


@pytest.mark.parametrize("name", COMPLETE)
def test_where_all_is_listed_nothing_is_missing_and_nothing_more_is_there(name: str) -> None:
    framework = shipped_framework(name)
    assert {control.id for control in framework.controls} == COMPLETE[name]
    if len(COMPLETE[name]) > 4:
        assert framework.scope.startswith(f"All {len(COMPLETE[name])} ")


def test_all_checks_of_scorecard_are_listed() -> None:
    assert len(shipped_framework("scorecard").controls) == 20


@pytest.mark.parametrize("name", shipped_frameworks())
def test_a_shipped_map_reads_alike_in_any_yaml_parser(name: str) -> None:
    text = data_file("policies", f"frameworks/{name}.yml").read_text(encoding="utf-8")
    assert yaml.safe_load(text)["version"] == shipped_framework(name).version


def test_coverage_counts_controls_with_a_rule() -> None:
    found = coverage(parse_framework(MINE, "mine.yml"))
    assert [(control.id, rules) for control, rules in found.rules] == [
        ("CHG-1", ("approvals", "requirement-link")),
        ("CHG-2", ()),
    ]
    assert found.covered == 1
    assert found.unlisted == ()


def test_a_rule_that_names_a_control_itself_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = dict(registry.rules())
    controls = ("ACME-CONTROLS:CHG-1", "ACME-CONTROLS:CHG-2", "ACME-CONTROLS:CHG-9", "OTHER:1")
    rules["branch-protection"] = replace(rules["branch-protection"], controls=controls)
    monkeypatch.setattr(registry, "rules", lambda: rules)
    found = coverage(parse_framework(MINE, "mine.yml"))
    assert [rules for _, rules in found.rules] == [
        ("approvals", "branch-protection", "requirement-link"),
        ("branch-protection",),
    ]
    assert found.unlisted == (("CHG-9", ("branch-protection",)),)


def test_a_former_name_of_a_rule_is_told_as_its_new_one(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = dict(registry.rules())
    rules["approvals"] = replace(rules["approvals"], aliases=("sign-offs",))
    monkeypatch.setattr(registry, "rules", lambda: rules)
    found = coverage(parse_framework(MINE.replace("approvals", "sign-offs"), "mine.yml"))
    assert found.rules[0][1] == ("approvals", "requirement-link")


@pytest.mark.parametrize(
    ("change", "line", "said"),
    [
        (("approvals]", "aprovals]"), 9, "no rule is called 'aprovals', did you mean 'approvals'"),
        (("approvals]", "zzz]"), 9, "'almguard rules' lists them"),
        (("approvals]", "requirement-link]"), 9, "the rule 'requirement-link' is here twice"),
        (("id: CHG-2", "id: CHG-1"), 10, "the control 'CHG-1' is already in this file"),
        (('version: "3"', "version: 3"), 3, 'write "3" in quotes'),
        (("id: CHG-2", "id: 8.32"), 10, 'write "8.32" in quotes'),
        (("scope: Changes.\n", ""), 1, "the key 'scope' is missing"),
        (("    rules: []\n", ""), 10, "the key 'rules' is missing"),
        (("note:", "notes:"), 13, "did you mean 'note'"),
        (("https://acme", "http://acme"), 4, "form"),
        (("id: acme-controls", "id: ACME Controls"), 1, "form"),
    ],
)
def test_mistakes_have_their_place(change: tuple[str, str], line: int, said: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse_framework(MINE.replace(*change), "mine.yml")
    assert any(problem.line == line and said in problem.message for problem in caught.value.problems), caught.value


def test_all_mistakes_of_a_map_are_told_at_once() -> None:
    wrong = (
        MINE.replace("requirement-link", "requirements-link").replace("approvals", "aprovals").replace("note", "hint")
    )
    with pytest.raises(PolicyError) as caught:
        parse_framework(wrong.replace("CHG-2", "CHG-1"), "mine.yml")
    assert [(problem.path, problem.column) for problem in caught.value.problems] == [
        ("controls[0].rules[0]", 13),
        ("controls[0].rules[1]", 32),
        ("controls[1].id", 9),
        ("controls[1].hint", 5),
    ]


@pytest.mark.parametrize("content", [None, b"\xff\xfe"])
def test_a_file_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "mine.yml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(PolicyError, match="the framework map cannot be read"):
        read_framework(path)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.sampled_from(["approvals", "CHG-1", "https://acme.example/", "3"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "title", "rules", "note", "controls", "scope"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(st.text() | st.dictionaries(st.sampled_from(["id", "name", "controls"]), VALUES).map(json.dumps))
def test_nothing_crashes_the_reading(text: str) -> None:
    with contextlib.suppress(PolicyError):
        parse_framework(text, "any.yml")


@given(st.sampled_from(["id", "name", "version", "source", "scope", "controls"]), VALUES)
def test_what_is_read_is_as_it_was_written(key: str, value: object) -> None:
    document = {**yaml.safe_load(MINE), key: value}
    with contextlib.suppress(PolicyError):
        assert parse_framework(json.dumps(document), "any.yml").model_dump(mode="json", exclude_unset=True) == document
