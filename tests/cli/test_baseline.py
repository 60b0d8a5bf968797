"""``almguard baseline``, whole: what is there today is written down, and only what is new blocks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from bot.sandbox.scenario import Scenario
from tests.cli.conftest import Ended, World, demo_scenario, serve

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: p}
rules:
  - {name: named, enforce: block, subject: repository, message: "{{ repository.name }} is wrong.", assert: "%s"}
  - {rule: branch-protection, enforce: block}
"""
NEW = "  - {name: new, enforce: block, subject: repository, message: m, assert: 'false'}\n"
PLAIN = "apiVersion: almguard/v1\nkind: Config\npolicies: [p.yml]\n"
CONFIG = PLAIN + "baseline: almguard-baseline.json\n"
TARGETS = {"github": "github:acme/shop", "azure-devops": "ado:acme/Payments/shop"}
OWNERS = {"github": "github:acme", "azure-devops": "ado:acme"}
ON_BOTH = pytest.mark.parametrize("platform", TARGETS)
NOW = "2026-11-02T09:00:00Z"


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scenario = demo_scenario()
    scenario["tokens"] = {
        "sandbox-token": {},
        "reader": {
            "github": dict.fromkeys(("contents", "pull_requests", "issues", "checks"), "read"),
            "azure": ["vso.code", "vso.project", "vso.build"],
        },
    }
    yield from serve(Scenario.model_validate(scenario), tmp_path_factory.mktemp("acme"))


@pytest.fixture
def place(acme: World, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> World:
    """The demo's world with a policy in a folder of the test's own."""
    own = World(acme.sandbox, tmp_path)
    own.environ["ALMGUARD_NOW"] = NOW
    own.write("p.yml", POLICY % "false")
    own.write("plain.yml", PLAIN)
    own.write("config.yml", CONFIG)
    monkeypatch.chdir(tmp_path)
    return own


def text(place: World) -> str:
    return (place.folder / "almguard-baseline.json").read_text(encoding="utf-8")


def findings(place: World) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(text(place))["findings"]
    return found


def baseline(place: World, *arguments: str, config: str = "plain.yml", **environ: str) -> Ended:
    return place.call("baseline", *arguments, "--config", config, environ=environ)


READER = {"GITHUB_TOKEN": "reader", "AZURE_DEVOPS_EXT_PAT": "reader"}


@ON_BOTH
def test_what_is_there_today_does_not_block_and_what_is_new_does(place: World, platform: str) -> None:
    target = TARGETS[platform]
    assert place.call("audit", target, "--config", "plain.yml").code == 1
    ended = baseline(place, target)
    assert ended.code == 0, ended.err
    count = len(findings(place))
    assert count >= 2
    assert ended.out == f"almguard-baseline.json: {count} findings, {count} added.\n"
    assert "No configuration names it yet" in ended.err
    first = text(place)
    assert {each["key"] for each in findings(place)} == {"p/named", "p/branch-protection"}
    assert all(first.count(each["fingerprint"]) == 1 for each in findings(place))

    audited = place.call("audit", target, "--config", "config.yml", "--format", "json")
    assert audited.code == 0, audited.out
    failed = [result for result in audited.json()["results"] if result["outcome"] == "fail"]
    assert failed
    assert all(result["baseline"] for result in failed)

    # In other words it is the same finding.
    place.write("p.yml", (POLICY % "false").replace("is wrong", "is still wrong") + NEW)
    assert place.call("audit", target, "--config", "config.yml").code == 1
    ended = baseline(place, target, config="config.yml")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out == f"almguard-baseline.json: {count + 1} findings, 1 added.\n"
    assert set(first.splitlines()[4:-3]) <= {
        line if line.endswith(",") else f"{line}," for line in text(place).splitlines()
    }
    assert place.call("audit", target, "--config", "config.yml").code == 0


@ON_BOTH
def test_the_same_again_changes_nothing(place: World, platform: str) -> None:
    baseline(place, OWNERS[platform])
    first = text(place)
    ended = place.call("baseline", OWNERS[platform], "--config", "config.yml", "--now", "2026-12-24T00:00:00Z")
    assert (ended.code, ended.out.partition(", ")[2]) == (0, "0 added.\n"), ended.err
    assert text(place) == first
    (place.folder / "almguard-baseline.json").unlink()
    baseline(place, OWNERS[platform])
    assert text(place) == first


@ON_BOTH
def test_pruning_drops_what_is_gone_and_only_where_it_was_looked_for(place: World, platform: str) -> None:
    baseline(place, OWNERS[platform])
    everything = findings(place)
    assert baseline(place, TARGETS[platform], "--prune").out.endswith(" 0 dropped.\n")
    place.write("p.yml", POLICY % "true" + NEW)
    ended = baseline(place, TARGETS[platform], "--prune")
    assert (ended.code, ended.out.partition(", ")[2]) == (0, "1 dropped.\n"), ended.err
    gone = [each for each in everything if each not in findings(place)]
    (dropped,) = gone
    assert dropped["key"] == "p/named"
    assert dropped["subject_name"].endswith("/shop")
    assert all(each in everything for each in findings(place))


@ON_BOTH
def test_what_cannot_be_read_is_neither_added_nor_dropped(place: World, platform: str) -> None:
    baseline(place, TARGETS[platform])
    before = text(place)
    ended = baseline(place, TARGETS[platform], "--prune", **READER)
    assert ended.code == 3
    assert "not read, so neither added nor dropped: " in ended.err
    assert {each["key"] for each in findings(place)} == {"p/named", "p/branch-protection"}
    assert text(place) == before


@ON_BOTH
def test_an_entry_that_no_longer_applies_is_not_proof_of_a_cure(place: World, platform: str) -> None:
    """Of an entry that the policy has no more nothing is known: it may have another name."""
    baseline(place, TARGETS[platform])
    before = text(place)
    place.write("p.yml", POLICY.replace("named,", "renamed,") % "true")
    assert baseline(place, TARGETS[platform], "--prune").code == 0
    assert text(place) == before


def test_what_is_waived_and_what_may_not_be_excused_is_left_out(place: World) -> None:
    place.write("plain.yml", PLAIN + "waivers: [w.yml]\n")
    waiver = "{entry: p/named, subject: acme/shop, reason: r, owner: ana, approver: bo, expires: 2026-12-31}"
    place.write("w.yml", f"apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n  - {waiver}\n")
    assert baseline(place, "github:acme/shop").code == 0
    assert {each["key"] for each in findings(place)} == {"p/branch-protection"}
    # A waiver that is written later does not make the finding go away.
    place.write("w.yml", "apiVersion: almguard/v1\nkind: Waivers\nwaivers: []\n")
    assert baseline(place, "github:acme/shop").code == 0
    place.write("w.yml", f"apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n  - {waiver}\n")
    assert baseline(place, "github:acme/shop", "--prune").out.endswith(" 0 dropped.\n")
    (place.folder / "almguard-baseline.json").unlink()
    place.write("plain.yml", PLAIN)
    place.write("p.yml", (POLICY % "false").replace("rules:", "waivers: {allowed: false}\nrules:"))
    assert baseline(place, "github:acme/shop").out == "almguard-baseline.json: 0 findings, 0 added.\n"
    assert findings(place) == []


def test_a_member_of_a_group_has_a_key_of_its_own(place: World) -> None:
    group = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: p}
rules:
  - name: g
    enforce: block
    %s:
      - {name: one, subject: repository, message: One., assert: 'false'}
      - {name: two, subject: repository, message: Two., assert: '%s'}
"""
    place.write("p.yml", group % ("any_of", "false"))
    assert baseline(place, "github:acme/shop").code == 0
    assert [each["key"] for each in findings(place)] == ["p/one", "p/two"]
    assert place.call("audit", "github:acme/shop", "--config", "config.yml").code == 0
    place.write("p.yml", group % ("all_of", "true"))
    assert baseline(place, "github:acme/shop", "--prune").code == 0
    assert [each["key"] for each in findings(place)] == ["p/one"]


def test_a_baseline_that_is_broken_is_not_written_over(place: World) -> None:
    broken = '{"schema": "almguard.baseline/v1",\n<<<<<<< HEAD\n'
    place.write("almguard-baseline.json", broken)
    ended = baseline(place, "github:acme/shop")
    assert ended.code == 2
    assert (
        "the baseline does not load, so nothing was written:\nalmguard-baseline.json:2:1: not valid JSON" in ended.err
    )
    assert text(place) == broken


def test_wrong_usage_is_told(place: World) -> None:
    assert "TARGET" in place.call("baseline").err
    ended = baseline(place, "github:acme/shop", "--prune")
    assert ended.code == 2
    assert "there is no almguard-baseline.json to prune" in ended.err
    ended = baseline(place, "github:acme/no-such")
    assert ended.code == 2
    assert not (place.folder / "almguard-baseline.json").exists()


def test_another_file(place: World) -> None:
    ended = baseline(place, "github:acme/shop", "--output", "known/shop.json")
    assert ended.code == 0
    assert "write 'baseline: known/shop.json' there" in ended.err
    assert json.loads((place.folder / "known" / "shop.json").read_text())["created_at"] == NOW
