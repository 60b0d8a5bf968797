"""The shipped packs: each loads, says for whom it is and how to begin, and may be changed as far as it says."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from bot.model.results import Enforcement
from bot.policy.configuration import CompiledPolicy
from bot.policy.load import load_configuration, shipped_packs
from bot.policy.packaged import data_file
from bot.policy.problems import PolicyError
from bot.policy.schema import schema

ROOT = Path(__file__).resolve().parents[2]
PACKS = ("baseline", "open-source", "regulated", "strict")
HEAD = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: own}\n"


def text(pack: str) -> str:
    return data_file("policies", f"{pack}.yml").read_text("utf-8")


def loaded(pack: str) -> CompiledPolicy:
    (policy,) = load_configuration(text(pack), f"pack:{pack}").policies
    return policy


def over(pack: str, rest: str) -> str:
    """What is wrong with a policy that begins with the pack; empty: nothing."""
    try:
        load_configuration(f"{HEAD}extends: pack:{pack}\n{rest}", "own.yml")
    except PolicyError as error:
        return "\n".join(map(str, error.problems))
    return ""


def mismatches(kind: str, written: str) -> list[str]:
    """Where a file is not what its schema says."""
    document = json.loads(json.dumps(yaml.safe_load(written), default=str))  # a schema knows no dates
    return [error.message for error in Draft7Validator(schema(kind)).iter_errors(document)]


def introduction(pack: str) -> str:
    """The comment that a pack begins with, without its signs."""
    comment = re.match(r"(?:#.*\n)+", text(pack))
    assert comment is not None
    return re.sub(r"^# ?", "", comment[0], flags=re.MULTILINE)


def examples(pack: str) -> Iterator[str]:
    """The files that the introduction shows."""
    for block in re.findall(r"(?:^ {4}.*\n|^\n(?= {4}))+", introduction(pack), flags=re.MULTILINE):
        if "apiVersion" in block:
            yield re.sub(r"^ {4}", "", block, flags=re.MULTILINE)


def test_these_packs_ship() -> None:
    assert shipped_packs() == PACKS


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_is_what_its_schema_says(pack: str) -> None:
    assert mismatches("policy", text(pack)) == []
    assert text(pack).startswith("# yaml-language-server: $schema=../docs/schema/policy.schema.json\n")


@pytest.mark.parametrize("pack", PACKS)
def test_a_pack_is_called_as_its_file_and_says_what_it_is_for(pack: str) -> None:
    written = yaml.safe_load(text(pack))["metadata"]
    assert written["name"] == loaded(pack).name == pack
    assert len(written["description"].split()) > 5
    assert f"pack:{pack}" in introduction(pack)


@pytest.mark.parametrize("pack", PACKS)
def test_how_to_begin_with_a_pack_is_shown_and_works(pack: str) -> None:
    shown = list(examples(pack))
    assert shown
    for example in shown:
        assert load_configuration(example, "shown.yml").policies
        assert f"pack:{pack}" in example


@pytest.mark.parametrize("pack", PACKS)
def test_only_what_a_change_of_its_own_can_cure_holds_up_that_change_from_the_first_day(pack: str) -> None:
    today = datetime(2026, 11, 24, tzinfo=UTC)
    kinds = {
        entry.name: {kind.kind for kind in entry.kinds}
        for entry in loaded(pack).entries
        if entry.schedule.at(today) is Enforcement.BLOCK
    }
    assert {"pull_request"} in kinds.values()
    if pack in ("baseline", "regulated"):
        assert all(found == {"pull_request"} for found in kinds.values())


@pytest.mark.parametrize("pack", ["baseline", "open-source"])
def test_what_begins_with_these_may_loosen_them(pack: str) -> None:
    assert over(pack, "rules:\n  - {rule: approvals, enforce: audit, with: {minimum: 0}, unless: pr.draft}\n") == ""


LOOSER = {
    "strict": [
        "rules: [{rule: requirement-link, with: {older_than_change: false}}]",
        "rules: [{name: approvals, any_of: [{name: two-people, with: {minimum: 1}}]}]",
        "rules: [{name: approvals, any_of: [{name: anybody, rule: approvals, with: {minimum: 0}}]}]",
        "rules: [{rule: branch-protection, with: {max_bypass: 3}}]",
        "rules: [{rule: secret-scanning, enforce: warn}]",
        "rules: []\nwaivers: {max_days: 365}",
    ],
    "regulated": [
        "rules: [{rule: requirement-link, unless: pr.author.is_bot}]",
        "rules: [{name: change-described, assert: 'true'}]",
        "rules: [{rule: approvals, with: {minimum: 0}}]",
        "rules: [{rule: approvals, with: {count_author: true}}]",
        "rules: [{rule: approvals, with: {count_committers: true}}]",
        "rules: [{rule: approvals, with: {count_last_pusher: true}}]",
        "rules: [{rule: approvals, with: {dismiss_on_push: false}}]",
        "rules: [{rule: approvals, with: {keep_on: [update-merge, rebase]}}]",
        "rules: [{rule: approvals, with: {strict_identity: false}}]",
        "rules: [{rule: approvals, override: allow}]",
        "rules: [{name: control-changes, when: 'false'}]",
        "rules: [{rule: static-analysis-passed, enforce: disabled}]",
        "rules: [{rule: rollback-ready, enforce: [{warn}, {block: 2027-04-02}]}]",
        "rules: [{rule: rollback-ready, with: {require: [previous]}}]",
        "rules: [{rule: branch-protection, with: {max_bypass: 1}}]",
        "rules: [{rule: static-analysis-configured, with: {kinds: [sast]}}]",
        "rules: []\nwaivers: {max_days: 91}",
        "rules: []\noverride: allow\nwaivers: {max_days: 91}",
    ],
}


@pytest.mark.parametrize(("pack", "rest"), [(pack, rest) for pack, each in LOOSER.items() for rest in each])
def test_what_begins_with_these_may_not_loosen_them(pack: str, rest: str) -> None:
    wrong = over(pack, f"{rest}\n")
    assert f"pack:{pack}:" in wrong
    assert "own.yml:" in wrong


def test_what_begins_with_these_may_tighten_them() -> None:
    tighter = (
        "match: {properties: {tier: critical}}\n"
        "waivers: {max_days: 30}\n"
        "rules:\n"
        "  - {rule: approvals, with: {minimum: 2}}\n"
        "  - {rule: rollback-ready, enforce: [{warn}, {block: 2027-01-01}]}\n"
    )
    assert over("regulated", tighter) == ""


def test_strict_asks_for_all_that_the_baseline_does() -> None:
    strict = {entry.name: entry for entry in loaded("strict").entries}
    for entry in loaded("baseline").entries:
        assert strict[entry.name].schedule.covers(entry.schedule)


def test_every_change_of_a_regulated_system_is_requested_approved_and_tested() -> None:
    entries = {entry.name: entry for entry in loaded("regulated").entries}
    for name in ("requirement-link", "approvals", "static-analysis-passed"):
        assert entries[name].conditions == ()
        assert {entries[name].schedule.on(day) for day in (date.min, date.max)} == {Enforcement.BLOCK}
    assert all(entry.schedule.on(date.max) is Enforcement.BLOCK for entry in entries.values())


@pytest.fixture(scope="module")
def ended() -> Any:
    """How the packs' own tests end, with what they exercise."""
    command = [sys.executable, "-m", "bot", "test", "policies/tests", "--coverage", "--format", "json"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return json.loads(ran.stdout)


def test_every_pack_has_tests_and_they_pass(ended: Any) -> None:
    assert {Path(file["file"]).stem for file in ended["files"]} == set(PACKS)
    assert ended["summary"]["passed"] == ended["summary"]["total"] > 100


@pytest.mark.parametrize("pack", PACKS)
def test_the_tests_of_a_pack_are_what_their_schema_says(pack: str) -> None:
    written = (ROOT / "policies" / "tests" / f"{pack}.yml").read_text("utf-8")
    assert written.startswith("# yaml-language-server: $schema=../../docs/schema/tests.schema.json\n")
    assert mismatches("tests", written) == []


@pytest.mark.parametrize("pack", PACKS)
def test_every_entry_of_a_pack_is_seen_to_fail_and_to_pass(pack: str, ended: Any) -> None:
    seen = {entry["key"]: entry for entry in ended["coverage"] if entry["policy"] == f"pack:{pack}"}
    assert set(seen) == set(loaded(pack).members())
    for entry in seen.values():
        assert entry["never"] == [], entry["key"]
