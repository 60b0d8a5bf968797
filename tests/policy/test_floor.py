"""A floor under a repository's own configuration: nothing of the repository loosens it."""

from __future__ import annotations

import pytest

from bot.model.facts import UnknownKind
from bot.policy.configuration import Configuration, OnUnknown
from bot.policy.floor import under
from bot.policy.load import load_configuration
from bot.policy.problems import PolicyError

HEAD = "apiVersion: almguard/v1\nkind: Policy\n"


class Place:
    def __init__(self, files: dict[str, str]) -> None:
        self.files = files

    def read(self, path: str) -> tuple[str, str] | None:
        return (self.files[path], path) if path in self.files else None

    def list(self) -> list[str]:
        return list(self.files)


def policy(name: str, enforce: str = "block") -> str:
    return HEAD + f"metadata: {{name: {name}}}\nrules: [{{rule: approvals, enforce: {enforce}}}]\n"


def config(source: str, name: str, rest: str = "", **files: str) -> Configuration:
    text = f"apiVersion: almguard/v1\nkind: Config\npolicies: [p.yml]\n{rest}"
    beside = {"p.yml": policy(name), **{f"{key}.yml": value for key, value in files.items()}}
    return load_configuration(text, source, Place(beside))


WAIVED = """apiVersion: almguard/v1
kind: Waivers
waivers:
  - {entry: NAME/approvals, subject: acme/x, reason: r, owner: ana, approver: bo, expires: 2026-12-31}
"""
PEOPLE = "apiVersion: almguard/v1\nkind: Identities\npeople: [{name: Ana, github: ana}]\n"


def test_the_policies_of_both_are_judged_and_each_keeps_its_own_waivers() -> None:
    floor = config("floor.yml", "base")
    own = config("own.yml", "own", "waivers: [w.yml]\n", w=WAIVED.replace("NAME", "own"))
    both = under(floor, own)
    assert [each.name for each in both.policies] == ["base", "own"]
    assert [len(each.waivers) for each in both.policies] == [0, 1]
    assert both.digest not in (floor.digest, own.digest)
    assert {source.name for source in both.sources} == {"base", "own"}


def test_a_waiver_of_the_floors_entries_is_no_waiver_that_a_repository_can_write() -> None:
    with pytest.raises(PolicyError) as caught:
        config("own.yml", "own", "waivers: [w.yml]\n", w=WAIVED.replace("NAME", "base"))
    assert "w.yml:4:13: waivers[0].entry: no policy has the entry 'base/approvals'" in str(caught.value)


def test_a_policy_that_both_have_is_the_floors_with_its_waivers_alone() -> None:
    floor = config("floor.yml", "base")
    own = config("own.yml", "base", "waivers: [w.yml]\n", w=WAIVED.replace("NAME", "base"))
    both = under(floor, own)
    assert [len(each.waivers) for each in both.policies] == [0]
    assert "The repository's own waivers of base have no effect" in both.warnings[0]


def test_another_policy_of_the_floors_name_is_refused_with_its_place() -> None:
    other = load_configuration(policy("base", "warn"), "own.yml")
    with pytest.raises(PolicyError) as caught:
        under(config("floor.yml", "base"), other)
    assert str(caught.value).startswith(
        "own.yml:1:1: metadata.name: the name 'base' is that of a policy which this repository"
    )


def test_what_an_unknown_does_may_become_stricter_and_never_milder() -> None:
    floor = config("floor.yml", "base", "gate: {on_unknown: {licence: warn, limit: warn}, context: ours}\n")
    own = config("own.yml", "own", "gate: {on_unknown: {licence: block, transient: warn}, context: theirs}\n")
    gate = under(floor, own).gate
    assert gate.unknown(UnknownKind.LICENCE) is OnUnknown.BLOCK
    assert gate.unknown(UnknownKind.LIMIT) is OnUnknown.WARN
    assert gate.unknown(UnknownKind.TRANSIENT) is OnUnknown.BLOCK
    assert gate.context("main") == "ours"


def test_what_decides_how_things_are_read_is_the_floors_and_that_is_said() -> None:
    own = config(
        "own.yml",
        "own",
        "analyzers: [t.yml]\ntracking: {limit: 3}\nidentities: i.yml\n"
        "connections: [{match: 'acme/*', work_items: 'ado:acme/X'}]\n",
        t="analyzers: []\n",
        i=PEOPLE,
    )
    both = under(config("floor.yml", "base"), own)
    assert (both.analyzers, both.connections, both.identities) == ((), (), None)
    assert "own analyzers, connections, identities, tracking have no effect: it is held to p.yml" in both.warnings[0]
