"""The policy language, whole: groups, rules of one's own, inheritance, waivers and the baseline, on both platforms."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator

from bot.sandbox.scenario import Scenario
from tests.cli.conftest import World, demo_scenario, serve

BASE = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: base}
rules:
  - {rule: approvals, enforce: warn, with: {minimum: 1}}
"""
OWN = """
apiVersion: almguard/v1
kind: Config
policies: [policies/payments.yml]
waivers: [waivers.yml]
inventory: services.csv
identities: identities.yml
"""
PAYMENTS = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: payments}
extends: "%s"
match: {properties: {tier: critical}, path: "*.py"}
rules:
  - {rule: approvals, with: {minimum: 2}}
  - name: change-approval
    enforce: [{audit}, {block: 2020-01-01}]
    any_of:
      - {rule: approvals, name: two, with: {minimum: 2}}
      - {rule: approvals, name: docs, when: 'files.all(f, f.path.startsWith("docs/"))'}
  - name: titled
    enforce: block
    subject: pull_request
    assert: 'pr.title.startsWith("PAY-")'
    message: "{{ pr.title }} does not begin with a key, says {{ pr.author.login }}."
    fix: Begin the title with PAY-.
"""
WAIVERS = """
apiVersion: almguard/v1
kind: Waivers
waivers:
  - entry: payments/titled
    subject: %s
    reason: The tracker moves.
    owner: ana
    approver: bo
    expires: 2099-12-31
"""
IDENTITIES = """
apiVersion: almguard/v1
kind: Identities
people: [{name: Ana, github: ana, azure-devops: ana@acme.example, emails: [ana@home.example]}]
"""
REFERENCES = {
    "github": "github:acme/governance//policies/base.yml@v3",
    "azure-devops": "ado:acme/Payments/governance//policies/base.yml@v3",
}
PULLS = {"github": "github:acme/payments#%d", "azure-devops": "ado:acme/Payments/payments!%d"}
NAMES = {"github": "acme/payments", "azure-devops": "acme/Payments/payments"}
ON_BOTH = pytest.mark.parametrize("platform", PULLS)


def ours_served(platform: str, folder: Path, **changed: str) -> Iterator[World]:
    scenario = demo_scenario()
    payments = next(each for each in scenario["repositories"] if each["name"] == "payments")
    payments["files"] |= {
        ".github/almguard.yml": OWN,
        "policies/payments.yml": PAYMENTS % REFERENCES[platform],
        "waivers.yml": WAIVERS % NAMES[platform],
        "services.csv": "repository,tier\npayments,critical\n",
        "identities.yml": IDENTITIES,
        **changed,
    }
    payments["files"] = {path: text for path, text in payments["files"].items() if text}
    scenario["repositories"].append(
        {
            "name": "governance",
            "commits": [{"id": "third", "files": {"policies/base.yml": BASE}, "at": "-9d"}],
            "tags": {"v3": "third"},
        }
    )
    yield from serve(Scenario.model_validate(scenario), folder)


@pytest.fixture(scope="module", params=list(PULLS))
def ours(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, World]]:
    for served in ours_served(request.param, tmp_path_factory.mktemp("ours")):
        yield request.param, served


@pytest.fixture
def changed(tmp_path: Path) -> Iterator[Callable[..., World]]:
    open_ones: list[Iterator[World]] = []

    def start(platform: str, **files: str) -> World:
        served = ours_served(platform, tmp_path, **files)
        open_ones.append(served)
        return next(served)

    yield start
    for served in open_ones:
        served.close()  # type: ignore[attr-defined]


def by_name(report: Any) -> dict[str, Any]:
    return {result["key"].partition("/")[2]: result for result in report["results"]}


def test_a_gate_goes_by_groups_assertions_parents_and_waivers(ours: tuple[str, World]) -> None:
    platform, served = ours
    ended = served.call("gate", PULLS[platform] % 12, "--format", "json", "--dry-run")
    report = ended.json()
    Draft7Validator(json.loads(served.call("schema", "report").out)).validate(report)
    found = by_name(report)
    assert set(found) == {"approvals", "change-approval", "titled"}
    group = found["change-approval"]
    assert (group["rule"], group["enforcement"], group["outcome"]) == ("any_of", "block", "fail")
    assert [(member["key"], member["outcome"]) for member in group["tree"]["members"]] == [
        ("payments/two", "fail"),
        ("payments/docs", "not_applicable"),
    ]
    assert group["tree"]["members"][1]["conditions"][0]["value"] is False
    titled = found["titled"]
    assert (titled["outcome"], titled["rule"]) == ("fail", "assert")
    assert titled["findings"][0]["message"].startswith(
        "Retry a charge that timed out does not begin with a key, says ana"
    )
    assert titled["waiver"]["reason"] == "The tracker moves."
    assert report["summary"]["waived"] == 1
    assert found["approvals"]["enforcement"] == "warn"
    assert report["gate"]["verdict"] == "waiting"
    assert ended.code == 5


def test_a_waived_result_is_seen_everywhere_with_its_reason(ours: tuple[str, World]) -> None:
    platform, served = ours
    for form in ("terminal", "markdown"):
        told = served.call("gate", PULLS[platform] % 12, "--format", form, "--dry-run").out
        assert "Waived" in told
        assert "The tracker moves" in told
        assert "owner ana, approved by bo" in told


def test_a_tree_is_told_with_its_conditions(ours: tuple[str, World]) -> None:
    platform, served = ours
    told = served.call("explain", PULLS[platform] % 12, "change-approval").out
    words = " ".join(told.split())
    assert "any of:" in words
    assert 'when: files.all(f, f.path.startsWith("docs/")) → does not hold' in words
    assert "titled" not in words
    assert "approvals" in words


def test_the_policy_in_force_is_printed_with_origins(ours: tuple[str, World]) -> None:
    platform, served = ours
    ended = served.call("explain", "--effective", PULLS[platform] % 12)
    assert ended.code == 0
    lines = {line.rpartition(" # ")[0].strip(): line.rpartition(" # ")[2] for line in ended.out.splitlines()}
    assert lines["enforce: warn"].startswith(REFERENCES[platform])
    assert "policies/payments.yml:" in lines["minimum: 2"]
    assert ended.out.startswith(f"# payments: {REFERENCES[platform]} < ")


def test_match_says_which_entries_apply_and_why_not(ours: tuple[str, World]) -> None:
    platform, served = ours
    mine = served.call("explain", "--match", PULLS[platform] % 12)
    assert mine.code == 0
    assert "+ policy payments" in mine.out
    assert "+ properties: tier=critical" in mine.out
    assert "+ path: *.py" in mine.out
    repository = PULLS[platform].rpartition("#")[0] or PULLS[platform].rpartition("!")[0]
    whole = served.call("explain", "--match", repository)
    assert "- titled: it judges pull requests, and this is none: repository" in whole.out


@ON_BOTH
def test_a_floor_is_judged_beside_the_repositorys_own_policy(platform: str, changed: Callable[..., World]) -> None:
    served = changed(platform)
    floor = served.write(
        "floor.yml",
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: floor}\nrules: [{rule: requirement-link, enforce: block}]\n",
    )
    report = served.call("gate", PULLS[platform] % 12, "--config", floor, "--format", "json", "--dry-run").json()
    assert {result["policy"] for result in report["results"]} == {"floor", "payments"}
    assert "The repository's own identities have no effect" in " ".join(report["notices"])


@ON_BOTH
def test_a_repository_may_not_take_the_floors_name(platform: str, changed: Callable[..., World]) -> None:
    served = changed(platform)
    floor = served.write("floor.yml", BASE.replace("name: base", "name: payments"))
    ended = served.call("gate", PULLS[platform] % 12, "--config", floor, "--dry-run")
    assert ended.code == 2
    assert "the name 'payments' is that of a policy which this repository is held to" in ended.err


@ON_BOTH
def test_a_parent_that_was_loosened_stops_the_run(platform: str, changed: Callable[..., World]) -> None:
    looser = PAYMENTS % REFERENCES[platform]
    served = changed(
        platform,
        **{
            "policies/payments.yml": looser.replace("with: {minimum: 2}}\n  - name", "with: {minimum: 0}}\n  - name", 1)
        },
    )
    ended = served.call("gate", PULLS[platform] % 12, "--dry-run")
    assert ended.code == 2
    assert "minimum may only be raised" in ended.err
    assert f"it is inherited from {REFERENCES[platform]}:6:" in ended.err


@ON_BOTH
def test_a_parent_that_is_pinned_to_nothing_is_said(platform: str, changed: Callable[..., World]) -> None:
    served = changed(platform, **{"policies/payments.yml": PAYMENTS % REFERENCES[platform].replace("@v3", "@main")})
    report = served.call("gate", PULLS[platform] % 12, "--format", "json", "--dry-run").json()
    assert any("is pinned to no tag or commit" in notice for notice in report["notices"])


@ON_BOTH
def test_a_parent_that_is_not_there_stops_the_run(platform: str, changed: Callable[..., World]) -> None:
    served = changed(platform, **{"policies/payments.yml": PAYMENTS % REFERENCES[platform].replace("@v3", "@v4")})
    ended = served.call("gate", PULLS[platform] % 12, "--dry-run")
    assert ended.code == 2
    assert "v4" in ended.err


@ON_BOTH
def test_a_scan_goes_by_each_repositorys_own_policy_where_it_is_asked_to(
    platform: str, changed: Callable[..., World]
) -> None:
    repository_rule = BASE.replace("name: base", "name: own").replace("approvals", "branch-protection")
    repository_rule = repository_rule.replace(", with: {minimum: 1}", "")
    served = changed(platform, **{".github/almguard.yml": repository_rule})
    owner = "github:acme" if platform == "github" else "ado:acme"
    floor = served.write("floor.yml", repository_rule.replace("name: own", "name: floor"))
    plain = served.call("scan", owner, "--config", floor, "--format", "json").json()
    assert {result["policy"] for result in plain["results"]} == {"floor"}
    each = served.call("scan", owner, "--config", floor, "--repository-policies", "--format", "json").json()
    judged = {(result["policy"], result["subject"]) for result in each["results"]}
    assert {subject for policy, subject in judged if policy == "own"} < {s for policy, s in judged if policy == "floor"}
    assert len([1 for policy, _ in judged if policy == "own"]) == 1


@ON_BOTH
def test_a_waiver_that_some_repository_needs_is_needed_also_where_each_goes_by_its_own_policy(
    platform: str, changed: Callable[..., World]
) -> None:
    rules = BASE.replace("approvals", "branch-protection").replace(", with: {minimum: 1}", "")
    served = changed(platform, **{".github/almguard.yml": rules.replace("name: base", "name: own")})
    owner = "github:acme" if platform == "github" else "ado:acme"
    served.write("policies/payments.yml", rules.replace("name: base", "name: payments"))
    waiver = WAIVERS.replace("payments/titled", "payments/branch-protection") % "'acme/**'"
    served.write("waivers.yml", waiver)
    floor = served.write(
        "floor.yml",
        "apiVersion: almguard/v1\nkind: Config\npolicies: [policies/payments.yml]\nwaivers: [waivers.yml]\n",
    )
    report = served.call("scan", owner, "--config", floor, "--repository-policies", "--format", "json").json()
    assert any(result["waiver"] for result in report["results"])
    assert any(result["outcome"] == "pass" for result in report["results"] if result["policy"] == "payments")
    assert not [result for result in report["results"] if result["rule"] == "waivers"]


@ON_BOTH
def test_a_policy_that_does_not_load_ends_no_scan(platform: str, changed: Callable[..., World]) -> None:
    served = changed(platform, **{".github/almguard.yml": "apiVersion: almguard/v1\nkind: Policy\nrules: 5\n"})
    owner = "github:acme" if platform == "github" else "ado:acme"
    ended = served.call("scan", owner, "--repository-policies", "--format", "json")
    report = ended.json()
    assert ended.code == 3
    assert not report["run"]["complete"]
    (gap,) = [gap for gap in report["run"]["gaps"] if gap["fact"] == "configuration"]
    assert "the repository's own configuration does not load" in gap["reason"]
    assert len({result["subject"] for result in report["results"]}) > 1


@ON_BOTH
@pytest.mark.usefixtures("unhurried")
def test_a_parent_that_cannot_be_read_now_is_no_mistake_of_the_policy(
    platform: str, changed: Callable[..., World]
) -> None:
    served = changed(platform)
    policy = served.write("p.yml", PAYMENTS % REFERENCES[platform])
    served.fault(match=".*", times=1000, kind="status", status=503)
    ended = served.call("explain", "--effective", "--config", policy)
    assert ended.code == 3, ended.err
    assert "the configuration cannot be read whole" in ended.err
    assert "the key 'enforce' is missing" not in ended.err


@pytest.mark.parametrize("option", ["--effective", "--match"])
def test_what_is_in_force_is_not_told_as_whole_where_the_repositorys_own_part_was_not_read(
    option: str, world: Callable[[dict[str, Any]], World]
) -> None:
    scenario = demo_scenario()
    scenario["tokens"] = {"no-contents": {"github": {"metadata": "read", "pull_requests": "read"}, "azure": []}}
    served = world(scenario)
    floor = served.write("floor.yml", BASE)
    told = served.call(
        "explain", option, "github:acme/payments", "--config", floor, environ={"GITHUB_TOKEN": "no-contents"}
    )
    assert told.code == 3, told.out + told.err
    assert "the repository's own configuration" in told.err
    assert "base" in told.out
