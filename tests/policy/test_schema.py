"""The exported schema: it says what the loader says, and the committed copy is current."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator
from jsonschema.exceptions import best_match

from bot.policy.load import load_configuration
from bot.policy.loader import parse_yaml
from bot.policy.packaged import data_file
from bot.policy.problems import PolicyError
from bot.policy.schema import schema
from bot.policy.waivers import read_waivers
from bot.rules.registry import rules

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "schema"
KINDS = {"Policy": "policy", "Config": "policy", "Waivers": "waivers", "Tests": "tests", "Scenario": "scenario"}
"""The kinds of file that have a schema, by ``kind``."""
HEAD: dict[str, Any] = {"apiVersion": "almguard/v1", "kind": "Policy", "metadata": {"name": "x"}}
ENTRY = {"rule": "requirement-link", "enforce": "block"}


@pytest.fixture(scope="module")
def validator() -> Draft7Validator:
    made = schema("policy")
    Draft7Validator.check_schema(made)
    return Draft7Validator(made)


@pytest.mark.parametrize(
    "document",
    [
        {**HEAD, "rules": [ENTRY]},
        {**HEAD, "rules": [{**ENTRY, "with": {"types": ["Bug"]}, "when": "pr.draft", "severity": "low"}]},
        {**HEAD, "match": {"repository": "acme/*", "platform": ["github"], "archived": "any"}, "rules": [ENTRY]},
        {
            "apiVersion": "almguard/v1",
            "kind": "Config",
            "policies": ["pack:baseline"],
            "gate": {"context": {"main": "x"}},
        },
        {**HEAD, "extends": "pack:baseline", "rules": [{"rule": "approvals", "with": {"minimum": 2}}]},
        {
            **HEAD,
            "waivers": {"max_days": 30},
            "rules": [
                {
                    "name": "g",
                    "enforce": ["audit", {"block": "2027-01-15"}],
                    "any_of": [{"rule": "approvals"}, {"name": "h", "all_of": [{"rule": "requirement-link"}]}],
                },
                {"name": "own", "enforce": "warn", "subject": "release", "assert": "true", "message": "m", "fix": "f"},
            ],
        },
    ],
)
def test_what_loads_is_valid(validator: Draft7Validator, document: dict[str, Any]) -> None:
    load_configuration(json.dumps(document), "x.yml")
    assert best_match(validator.iter_errors(document)) is None


@pytest.mark.parametrize(
    "document",
    [
        {**HEAD},
        {**HEAD, "rules": [{**ENTRY, "with": {"typs": ["Bug"]}}]},
        {**HEAD, "rules": [{**ENTRY, "with": {"max_pull_requests": 0}}]},
        {**HEAD, "rules": [{**ENTRY, "rule": "no-such-rule"}]},
        {**HEAD, "rules": [{"rule": "requirement-link"}]},
        {**HEAD, "rules": [ENTRY], "extends": [3]},
        {**HEAD, "rules": [{**ENTRY, "severity": None}]},
        {**HEAD, "rules": [{"name": "x", "enforce": "block", "any_of": [{**ENTRY}]}]},
        {**HEAD, "rules": [{"name": "x", "enforce": [{"audit": None}, {"blok": "2027-01-15"}], "all_of": [ENTRY]}]},
        {**HEAD, "apiVersion": "almguard/v2", "rules": [ENTRY]},
        {**HEAD, "kind": "Polcy", "rules": [ENTRY]},
        {**HEAD, "match": {"platform": "gitlab"}, "rules": [ENTRY]},
        {"apiVersion": "almguard/v1", "kind": "Config"},
        {"apiVersion": "almguard/v1", "kind": "Config", "policies": ["pack:baseline"], "gate": {"comment": "x"}},
    ],
)
def test_what_is_refused_is_not_valid(validator: Draft7Validator, document: dict[str, Any]) -> None:
    with pytest.raises(PolicyError):
        load_configuration(json.dumps(document), "x.yml")
    assert not validator.is_valid(document)


def test_the_baseline_is_valid(validator: Draft7Validator) -> None:
    written = yaml.safe_load(data_file("policies", "baseline.yml").read_text("utf-8"))
    assert best_match(validator.iter_errors(written)) is None


def test_every_parameter_of_every_rule_is_documented() -> None:
    definitions = schema("policy")["definitions"]
    for rule in rules().values():
        for name, parameter in definitions[f"{rule.id}.parameters"].get("properties", {}).items():
            assert parameter.get("description"), f"{rule.id}: {name} has no docstring"


SHIPPED = [
    path
    for folder in ("policies", "docs/examples", "bot/sandbox/scenarios")
    for path in sorted((ROOT / folder).rglob("*.yml"))
    if (kind := re.search(r"^kind: (\w+)$", path.read_text("utf-8"), re.MULTILINE)) and kind[1] in KINDS
]


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_shipped_file_tells_editors_its_schema(path: Path) -> None:
    first = path.read_text("utf-8").splitlines()[0]
    if path.parent.name == "house-rules" and path.name == "almguard.yml":
        return  # The schema that is kept here does not know the rule of that package, and the file says where to get one.
    told = re.fullmatch(r"# yaml-language-server: \$schema=(\S+)", first)
    assert told is not None, first
    kind = re.search(r"^kind: (\w+)$", path.read_text("utf-8"), re.MULTILINE)
    assert kind is not None
    assert (path.parent / told[1]).resolve() == SCHEMAS / f"{KINDS[kind[1]]}.schema.json"


def test_references_lead_somewhere() -> None:
    made = schema("policy")

    def references(node: Any) -> list[str]:
        if isinstance(node, dict):
            return (
                [node["$ref"], *references(list(node.values()))] if "$ref" in node else references(list(node.values()))
            )
        return [found for item in node for found in references(item)] if isinstance(node, list) else []

    assert {each.removeprefix("#/definitions/") for each in references(made)} <= made["definitions"].keys()
    assert "$defs" not in json.dumps(made)


@pytest.mark.parametrize("kind", ["policy", "waivers"])
def test_the_committed_schema_is_current(kind: str) -> None:
    committed = SCHEMAS / f"{kind}.schema.json"
    message = f"write it again: almguard schema {kind} > docs/schema/{kind}.schema.json"
    assert committed.is_file(), message
    assert json.loads(committed.read_text("utf-8")) == schema(kind), message


WAIVER = {
    "entry": "payments/approvals",
    "subject": ["acme/*", "!acme/ledger"],
    "reason": "On leave.",
    "owner": "ana",
    "approver": "bo",
    "expires": "2027-01-31",
}


@pytest.mark.parametrize(
    ("change", "valid"),
    [
        ({}, True),
        ({"subject": "acme/payments", "when": "pr.draft", "ticket": "PAY-12", "compensating_control": "x"}, True),
        ({"until": "2027-01-31"}, False),
        ({"subject": []}, False),
        ({"expires": 20270131}, False),
        ({"entry": "approvals"}, False),
        ({"reason": ""}, False),
        ({"reason": None}, False),
    ],
)
def test_the_schema_of_waivers_says_what_the_loader_says(change: dict[str, Any], valid: bool) -> None:
    made = schema("waivers")
    Draft7Validator.check_schema(made)
    document = {"apiVersion": "almguard/v1", "kind": "Waivers", "waivers": [{**WAIVER, **change}]}
    assert Draft7Validator(made).is_valid(document) is valid
    written, problems = read_waivers(parse_yaml(json.dumps(document), "waivers.yml"))
    assert bool(written) is (not problems) is valid
    for name, described in made["definitions"]["WaiverEntry"]["properties"].items():
        assert described.get("description"), name
