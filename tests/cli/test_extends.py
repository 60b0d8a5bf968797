"""Policies that build on files of other repositories, and select by what lies in theirs, on both platforms."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from bot.sandbox.faults import Fault
from bot.sandbox.scenario import Scenario
from tests.cli.conftest import World, serve

BASE = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: base}
rules:
  - {rule: branch-protection, enforce: block}
"""

OWN = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: own}
extends: ["%s"]
rules: []
"""

PLACES = {
    "github": ("github:acme/governance", "github:acme/shop"),
    "azure-devops": ("ado:acme/Shop/governance", "ado:acme/Shop/shop"),
}
BOTH = pytest.mark.parametrize("platform", PLACES)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    scenario = {
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Shop"}]}],
        "repositories": [
            {"name": "governance", "files": {"policies/base.yml": BASE}, "tags": {"v3": "main"}},
            {"name": "shop", "files": {"Dockerfile": "FROM scratch\n"}},
        ],
    }
    yield from serve(Scenario.model_validate(scenario), tmp_path)


def audit(world: World, platform: str, policy: str, **environ: str) -> tuple[int, str, list[tuple[str, str]]]:
    path = world.write("own.yml", policy)
    ended = world.call("audit", PLACES[platform][1], "--format", "json", "--config", path, environ=environ)
    results = ended.json()["results"] if ended.out.startswith("{") else []
    return ended.code, ended.err, [(result["key"], result["outcome"]) for result in results]


@BOTH
def test_a_policy_extends_a_file_of_another_repository(world: World, platform: str) -> None:
    reference = f"{PLACES[platform][0]}//policies/base.yml@v3"
    code, err, results = audit(world, platform, OWN % reference)
    assert results, err
    assert {outcome for _, outcome in results} == {"fail"}
    assert code == 1
    assert "pinned" not in err
    read = [entry for entry in world.ledger() if "governance" in f"{entry['path']} {entry.get('operation')}"]
    assert len(read) == 1, read


@BOTH
def test_a_policy_of_one_platform_extends_one_of_the_other(world: World, platform: str) -> None:
    (other,) = {*PLACES} - {platform}
    code, err, results = audit(world, platform, OWN % f"{PLACES[other][0]}//policies/base.yml@v3")
    assert (code, bool(results)) == (1, True), err


@BOTH
def test_what_cannot_be_read_stops_the_run_with_its_place(world: World, platform: str) -> None:
    reference = f"{PLACES[platform][0]}//policies/none.yml@v3"
    code, err, _ = audit(world, platform, OWN % reference)
    assert code == 2, err
    assert "own.yml:5:11: extends" in err
    assert f"{reference}: there is no file 'policies/none.yml'" in err


@BOTH
def test_a_missing_token_is_named(world: World, platform: str) -> None:
    (other,) = {*PLACES} - {platform}
    none = {"github": {"GITHUB_TOKEN": "", "GH_TOKEN": ""}, "azure-devops": {"AZURE_DEVOPS_EXT_PAT": ""}}[other]
    code, err, _ = audit(world, platform, OWN % f"{PLACES[other][0]}//policies/base.yml@v3", **none)
    assert code == 2
    assert {"github": "set GITHUB_TOKEN", "azure-devops": "set AZURE_DEVOPS_EXT_PAT"}[other] in err


@BOTH
@pytest.mark.parametrize(("path", "selected"), [("Dockerfile", True), ("**/*.tf", False)])
def test_a_policy_selects_by_the_files_that_there_are(world: World, platform: str, path: str, selected: bool) -> None:
    policy = BASE.replace("rules:", f'match: {{path: ["{path}"]}}\nrules:')
    code, err, results = audit(world, platform, policy)
    assert bool(results) is selected, err
    assert code == (1 if selected else 4)


@BOTH
def test_files_that_cannot_be_listed_leave_the_selection_unknown(world: World, platform: str) -> None:
    world.sandbox.application.faults.add(Fault(match="git/trees|/items", kind="status", status=403, times=None))
    code, err, results = audit(world, platform, BASE.replace("rules:", "match: {path: [Dockerfile]}\nrules:"))
    assert {outcome for _, outcome in results} == {"unknown"}, err
    assert code == 3
