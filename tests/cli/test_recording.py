"""``almguard test --record``: what was judged live is judged again from the file, and ends the same."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from bot.sandbox.scenario import Scenario
from tests.cli.conftest import World, demo_scenario, serve

OWNERS = {"github": ("github:acme/payments", "#"), "azure-devops": ("ado:acme/Payments/payments", "!")}
ON_BOTH = pytest.mark.parametrize("platform", OWNERS)
SECRET = "ghp_" + "a1B2" * 9
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: strict}
rules:
  - {rule: requirement-link, enforce: block}
  - name: change-approval
    enforce: block
    any_of:
      - {rule: approvals, with: {minimum: 2}}
      - {rule: approvals, name: by-name, with: {minimum: 1, from: {users: [bo, bo@acme.example]}}}
  - {rule: approvals, name: by-owner, enforce: warn, with: {from: {code_owners: true}}}
  - {rule: static-analysis-passed, enforce: block}
  - {rule: static-analysis-configured, enforce: block}
  - {rule: branch-protection, enforce: block}
  - {rule: secret-scanning, enforce: warn}
  - {rule: rollback-ready, enforce: block}
  - {name: quiet, subject: pull_request, assert: 'commits.all(c, !c.message.contains("@"))', message: m, enforce: audit}
"""


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scenario = demo_scenario()
    scenario["tokens"] = {
        "sandbox-token": {},
        "reader": {
            "github": dict.fromkeys(("contents", "pull_requests"), "read"),
            "azure": ["vso.code", "vso.project"],
        },
    }
    (payments,) = [repository for repository in scenario["repositories"] if repository["name"] == "payments"]
    payments["files"]["CODEOWNERS"] = "*.py ana@acme.example bo@acme.example\n"
    for change in payments["pull_requests"]:
        change["body"] = f"Ask rita@acme.example, or use {SECRET}.\n\nCo-authored-by: Cleo <cleo@acme.example>"
    yield from serve(Scenario.model_validate(scenario), tmp_path_factory.mktemp("record"))


@pytest.fixture
def place(acme: World, tmp_path: Path) -> World:
    found = World(acme.sandbox, tmp_path)
    found.write("strict.yml", POLICY)
    return found


def recorded(place: World, target: str, *more: str, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """Record a target, run what was written, and hand it over."""
    path = place.folder / "tests" / "recorded.yml"
    policy = ("--config", str(place.folder / "strict.yml"))
    ended = place.call("test", "--record", target, *policy, "--output", str(path), *more, environ=environ)
    assert ended.code == 0, ended.err
    assert ended.out == ""
    again = place.call("test", str(path))
    assert again.code == 0, again.out + again.err
    text = path.read_text(encoding="utf-8")
    assert SECRET not in text
    whole: dict[str, Any] = yaml.load(text, Loader=yaml.BaseLoader)
    assert whole["policy"] == "../strict.yml"
    return whole


def live(place: World, target: str, environ: dict[str, str] | None = None) -> dict[str, Any]:
    """How an audit ends, by subject and entry."""
    ended = place.call(
        "audit", target, "--config", str(place.folder / "strict.yml"), "--format", "json", environ=environ
    )
    found: dict[str, Any] = {}
    for result in ended.json()["results"]:
        name = result["key"].partition("/")[2]
        found.setdefault(result["subject"], {})[name] = result["outcome"]
    return found


@ON_BOTH
@pytest.mark.parametrize("number", [12, 13, 14])
def test_a_recorded_pull_request_ends_as_it_did(place: World, platform: str, number: int) -> None:
    repository, sign = OWNERS[platform]
    whole = recorded(place, f"{repository}{sign}{number}")
    (case,) = whole["cases"]
    (outcomes,) = live(place, f"{repository}{sign}{number}").values()
    assert outcomes.items() <= case["expect"]["entries"].items()
    assert {"approvals", "by-name"} <= case["expect"]["entries"].keys(), "members of groups are recorded too"


@ON_BOTH
def test_addresses_are_taken_out_but_for_those_that_the_policy_names(place: World, platform: str) -> None:
    repository, sign = OWNERS[platform]
    whole = recorded(place, f"{repository}{sign}12")
    text = yaml.safe_dump(whole)
    for name in ("ana", "rita", "cleo"):
        assert f"{name}@acme.example" not in text
    assert "person-1@example.invalid" in text
    owners = whole["cases"][0]["facts"]["code_owners"]
    assert "bo@acme.example" in yaml.safe_dump(owners) or platform == "azure-devops"


@ON_BOTH
def test_a_recorded_repository_is_a_case_for_each_of_its_subjects(place: World, platform: str) -> None:
    repository, _ = OWNERS[platform]
    whole = recorded(place, repository)
    ended = live(place, repository)
    assert len(whole["cases"]) == len(ended) >= 2
    for case in whole["cases"]:
        assert case["expect"]["entries"] in ended.values()


@ON_BOTH
def test_what_could_not_be_read_is_recorded_as_that(place: World, platform: str) -> None:
    repository, sign = OWNERS[platform]
    token = {"GITHUB_TOKEN": "reader", "AZURE_DEVOPS_EXT_PAT": "reader"}
    whole = recorded(place, f"{repository}{sign}12", environ=token)
    (case,) = whole["cases"]
    assert case["expect"]["verdict"] in ("inconclusive", "blocked")
    assert any("unavailable" in fact for fact in case["facts"].values() if isinstance(fact, dict))
    assert case["expect"]["unknown"]
    kinds = {kind for kinds in case["expect"]["unknown"].values() for kind in kinds}
    # On GitHub an owner is named by an address, which tells of nobody.
    assert kinds == ({"scope", "unreadable"} if platform == "github" else {"scope"})


def test_a_release_for_an_environment(place: World) -> None:
    whole = recorded(place, "github:acme/payments@v1.4.0", "--environment", "production")
    (case,) = whole["cases"]
    assert case["subject"]["kind"] == "release"
    assert case["expect"]["entries"] == {"rollback-ready": "pass"}


@ON_BOTH
def test_waivers_are_recorded_as_they_lay_over_the_outcome(place: World, platform: str) -> None:
    repository, sign = OWNERS[platform]
    waiver = (
        "{entry: strict/requirement-link, subject: '**', reason: r, owner: ana@acme.example, approver: bo, expires: %s}"
    )
    rest = waiver.replace("requirement-link", "by-owner") % "2026-01-31"
    waivers = f"apiVersion: almguard/v1\nkind: Waivers\nwaivers:\n  - {waiver % '2027-01-31'}\n  - {rest}\n"
    place.write("waivers.yml", waivers)
    config = "apiVersion: almguard/v1\nkind: Config\npolicies: [policy.yml]\nwaivers: [waivers.yml]\n"
    place.write("policy.yml", POLICY)
    place.write("strict.yml", config)
    whole = recorded(place, f"{repository}{sign}12", "--now", "2026-12-01T00:00:00Z")
    (case,) = whole["cases"]
    assert case["expect"]["waived"] == ["requirement-link"]
    assert case["expect"]["entries"]["requirement-link"] == "fail"
    assert case["expect"]["entries"]["waivers"] == "fail", "that one has ended is a finding"


def test_what_is_too_large_for_a_file_of_tests_is_refused(world: Callable[[dict[str, Any]], World]) -> None:
    scenario = demo_scenario()
    (payments,) = [repository for repository in scenario["repositories"] if repository["name"] == "payments"]
    payments["pull_requests"][0]["body"] = "much " * 250_000
    ended = world(scenario).call("test", "--record", "github:acme/payments#12")
    assert ended.code == 2
    assert "what was read does not fit into a file of tests, so nothing was written" in ended.err
    assert ended.out == ""


def test_a_recording_may_be_built_on(place: World) -> None:
    recorded(place, "github:acme/payments#12")
    case = "{name: unread, recorded: recorded.yml, facts: {reviews: {unavailable: x}}, expect: {entries: {by-name: unknown}}}"
    more = place.write(
        "tests/more.yml", f"apiVersion: almguard/v1\nkind: Tests\npolicy: ../strict.yml\ncases: [{case}]"
    )
    assert place.call("test", more).code == 0


def test_the_moment_is_recorded(place: World) -> None:
    whole = recorded(place, "github:acme/payments#12", "--now", "2027-03-04T05:06:07Z")
    assert whole["now"] == "2027-03-04T05:06:07Z"


def test_a_target_is_recorded_by_its_own_configuration(world: Callable[[dict[str, Any]], World]) -> None:
    scenario = copy.deepcopy(demo_scenario())
    (payments,) = [repository for repository in scenario["repositories"] if repository["name"] == "payments"]
    payments["files"][".github/almguard.yml"] = POLICY
    place = world(scenario)
    ended = place.call("test", "--record", "github:acme/payments#12", cwd=place.folder)
    assert ended.code == 0, ended.err
    assert yaml.safe_load(ended.out)["policy"] == ".github/almguard.yml"
    assert ".github/almguard.yml was read from the target, and is not in this folder" in ended.err
    place.write(".github/almguard.yml", POLICY)
    path = place.write("recorded.yml", place.call("test", "--record", "github:acme/payments#12", cwd=place.folder).out)
    assert place.call("test", path, cwd=place.folder).code == 0


def test_without_a_configuration_the_baseline_is_tested(place: World) -> None:
    ended = place.call("test", "--record", "ado:acme/Payments/payments!12")
    assert ended.code == 0, ended.err
    assert yaml.safe_load(ended.out)["policy"] == "pack:baseline"
    assert place.call("test", place.write("recorded.yml", ended.out)).code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("x.yml",), "--record writes a test and runs none"),
        (("-k", "x"), "--record writes a test and runs none"),
        (("--config", "strict.yml", "--environment", "nowhere"), "nowhere"),
    ],
)
def test_what_makes_no_sense_with_a_recording(place: World, arguments: tuple[str, ...], said: str) -> None:
    ended = place.call("test", "--record", "github:acme/payments@v1.4.0", *arguments, cwd=place.folder)
    assert ended.code == 2
    assert said in ended.err


def test_options_of_a_recording_need_one(place: World) -> None:
    ended = place.call("test", "--config", "strict.yml", cwd=place.folder)
    assert ended.code == 2
    assert "--config belongs to --record" in ended.err


def test_what_judges_nothing_is_not_recorded(place: World) -> None:
    place.write("none.yml", POLICY.replace("rules:", "match: {organization: other}\nrules:"))
    ended = place.call("test", "--record", "github:acme/payments#12", "--config", "none.yml", cwd=place.folder)
    assert ended.code == 2
    assert "none.yml judges nothing here, so there is nothing to record" in ended.err
