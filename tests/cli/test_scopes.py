"""Tokens that lack something: what they cannot see is unknown, by name, and never passes or fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bot.sandbox.scenario import Scenario
from tests.cli.conftest import World, demo_scenario, serve

GATE, REPOSITORY, RELEASE = "gate", "repository", "release"

TARGETS = {
    "github": {
        GATE: "github:acme/payments#14",
        REPOSITORY: "github:acme/payments",
        RELEASE: "github:acme/payments@v1.4.0",
    },
    "azure-devops": {
        GATE: "ado:acme/Payments/payments!14",
        REPOSITORY: "ado:acme/Payments/payments",
        RELEASE: "ado:acme/Payments/payments@v1.4.0",
    },
}

GITHUB = (
    "contents", "pull_requests", "issues", "checks", "statuses", "actions", "administration", "deployments", "members",
    "secret_scanning_alerts", "environments",
)  # fmt: skip
AZURE = (
    "vso.code", "vso.work", "vso.build", "vso.release", "vso.project", "vso.environment_manage", "vso.advsec",
    "vso.identity", "vso.graph", "vso.security_manage",
)  # fmt: skip

MISSING = {
    "github": [
        ("contents", GATE, "static-analysis-passed", "contents: read"),
        ("contents", GATE, "approvals", "contents: read"),
        ("issues", GATE, "requirement-link", "issues: read"),
        ("checks", GATE, "static-analysis-passed", "checks: read"),
        ("contents", REPOSITORY, "static-analysis-configured", "contents: read"),
        ("administration", REPOSITORY, "secret-scanning", "administration: read"),
        ("deployments", REPOSITORY, "rollback-ready", "deployments: read"),
        ("deployments", RELEASE, "rollback-ready", "deployments: read"),
        ("actions", RELEASE, "rollback-ready", "actions: read"),
        ("pull_requests", RELEASE, "rollback-ready", "pull requests: read"),
    ],
    "azure-devops": [
        ("vso.work", GATE, "requirement-link", "vso.work"),
        ("vso.build", GATE, "static-analysis-passed", "vso.build"),
        ("vso.security_manage", GATE, "approvals", "vso.security_manage"),
        ("vso.build", REPOSITORY, "static-analysis-configured", "vso.build"),
        ("vso.advsec", REPOSITORY, "secret-scanning", "vso.advsec"),
        ("vso.security_manage", REPOSITORY, "branch-protection", "vso.security_manage"),
        ("vso.work", RELEASE, "rollback-ready", "vso.work"),
    ],
}
CASES = [(platform, *case) for platform, cases in MISSING.items() for case in cases]


def policy(rule: str, enforce: str = "block") -> str:
    config = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\n"
    return config + f"rules: [{{rule: {rule}, enforce: {enforce}}}]\n"


@pytest.fixture(scope="module")
def scoped(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The demo's world, with a token without each permission."""
    scenario = demo_scenario()
    # Linked on the platform alone: only who reads issues can know of it.
    scenario["repositories"][0]["pull_requests"].append(
        {
            "number": 15, "title": "Say thanks", "body": "", "author": "cleo", "source": "cleo/thanks",
            "links": {"work_items": [104]},
        }
    )  # fmt: skip
    workflow = ("contents", "pull_requests", "checks", "issues", "statuses")
    scenario["tokens"] = {
        "sandbox-token": {},
        "workflow": {"kind": "actions", "github": dict.fromkeys(workflow, "read")},
        "personal": {"kind": "pat", "person": "olga"},
        "token-of-yesterday": {"expired": True},
        **{f"no-{one}": {"github": dict.fromkeys(set(GITHUB) - {one}, "read")} for one in GITHUB},
        **{f"no-{one}": {"azure": [scope for scope in AZURE if scope != one]} for one in AZURE},
        "no-identity": {"azure": [scope for scope in AZURE if scope not in ("vso.identity", "vso.graph")]},
    }
    yield from serve(Scenario.model_validate(scenario), tmp_path_factory.mktemp("scopes"))


def using(token: str) -> dict[str, str]:
    return {"GITHUB_TOKEN": token, "AZURE_DEVOPS_EXT_PAT": token}


def judged(world: World, target: str, text: str, token: str) -> Any:
    command = ["gate", target, "--dry-run"] if "#" in target or "!" in target else ["audit", target]
    return world.call(*command, "--format", "json", "--config", world.write("policy.yml", text), environ=using(token))


@pytest.mark.parametrize(("platform", "lacks", "what", "rule", "named"), CASES)
def test_what_the_token_may_not_read_is_unknown_by_name(
    scoped: World, platform: str, lacks: str, what: str, rule: str, named: str
) -> None:
    target = TARGETS[platform][what]
    whole = judged(scoped, target, policy(rule), "sandbox-token")
    assert {result["outcome"] for result in whole.json()["results"]} <= {"pass", "fail"}, whole.out
    blocked = judged(scoped, target, policy(rule), f"no-{lacks}")
    assert blocked.code == 3, blocked.out + blocked.err
    (result,) = blocked.json()["results"]
    assert result["outcome"] == "unknown"
    assert result["unknown"]["kind"] == "scope"
    assert named in result["unknown"]["reason"]
    run = blocked.json()["run"]
    assert not run["complete"]
    assert any(named in gap["reason"] for gap in run["gaps"]), run["gaps"]
    recorded = judged(scoped, target, policy(rule, "audit"), f"no-{lacks}")
    # Where not even the repository's own configuration can be read, what it asks for is not known either.
    own_unread = any(gap["fact"] == "configuration" for gap in recorded.json()["run"]["gaps"])
    assert own_unread is (lacks == "contents" and platform == "github")
    assert (recorded.code, recorded.json()["results"][0]["outcome"]) == (3 if own_unread else 0, "unknown")


@pytest.mark.parametrize("lacks", [*GITHUB, *AZURE, "identity"])
def test_nothing_invisible_decides(scoped: World, lacks: str) -> None:
    """Whatever is missing, each rule says what it says with every permission, or unknown, or is said to be missing."""
    platform = "azure-devops" if lacks.startswith("vso") or lacks == "identity" else "github"
    rules = sorted({rule for case in MISSING.values() for _, _, rule, _ in case})
    text = policy(rules[0]).replace("]\n", "".join(f", {{rule: {one}, enforce: block}}" for one in rules[1:]) + "]\n")
    for what, target in TARGETS[platform].items():
        whole = {
            (result["rule"], result["subject"]): result["outcome"]
            for result in judged(scoped, target, text, "sandbox-token").json()["results"]
        }
        ended = judged(scoped, target, text, f"no-{lacks}")
        if not ended.out.startswith("{"):
            assert ended.code in (2, 3), ended.err
            assert "token" in ended.err
            continue
        report = ended.json()
        seen = {(result["rule"], result["subject"]): result["outcome"] for result in report["results"]}
        changed = {key: outcome for key, outcome in seen.items() if outcome not in ("unknown", whole.get(key))}
        unlisted = not report["run"]["complete"] and ended.code != 0
        assert not changed or (unlisted and {*changed} - {*whole}), (what, changed)
        if {*whole} - {*seen}:
            assert unlisted, (what, whole, seen, report["run"]["gaps"])


def test_a_linked_issue_that_is_not_shown_is_no_missing_link(scoped: World) -> None:
    text = policy("requirement-link")
    assert judged(scoped, "github:acme/payments#15", text, "sandbox-token").code == 0
    ended = judged(scoped, "github:acme/payments#15", text, "no-issues")
    assert ended.code == 3, ended.out
    assert "issues: read" in ended.json()["results"][0]["unknown"]["reason"]


@pytest.mark.parametrize(
    ("target", "token"),
    [("github:acme/payments#14", "no-issues"), ("ado:acme/Payments/payments!14", "no-vso.work")],
)
def test_on_unknown_may_warn(scoped: World, target: str, token: str) -> None:
    scoped.write("link.yml", policy("requirement-link"))
    config = "apiVersion: almguard/v1\nkind: Config\npolicies: [link.yml]\ngate: {on_unknown: {%s: warn}}\n"
    for kind, code in (("scope", 0), ("transient", 3)):
        path = scoped.write("config.yml", config % kind)
        assert scoped.call("gate", target, "--dry-run", "--config", path, environ=using(token)).code == code


def test_the_default_token_of_a_workflow_judges_what_it_can_see(scoped: World) -> None:
    target = TARGETS["github"]
    for rule in ("requirement-link", "approvals", "static-analysis-passed"):
        assert judged(scoped, target[GATE], policy(rule), "workflow").code == 0
    for rule in ("branch-protection", "static-analysis-configured"):
        results = judged(scoped, target[REPOSITORY], policy(rule), "workflow").json()["results"]
        assert [result["outcome"] for result in results] == ["pass"]
    ended = judged(scoped, target[REPOSITORY], policy("secret-scanning"), "workflow")
    assert "administration: read" in ended.json()["results"][0]["unknown"]["reason"]


def test_the_doctor_names_what_will_be_unknown_and_why(scoped: World) -> None:
    cases = [
        (
            "github:acme/payments",
            "workflow",
            ["secret-scanning", "rollback-ready"],
            ["administration: read", "deployments: read"],
        ),
        ("ado:acme/Payments/payments!14", "no-vso.work", ["requirement-link"], ["vso.work"]),
    ]
    for target, token, unknown, reasons in cases:
        ended = scoped.call("doctor", target, environ={**using(token), "COLUMNS": "4000"})
        assert ended.code == 3, ended.out + ended.err
        lines = ended.out.splitlines()
        assert [line for line in lines if line.startswith("✖")] == [f"✖ {rule}: unknown" for rule in sorted(unknown)]
        assert all(reason in ended.out for reason in reasons), ended.out
        assert "static-analysis-configured: everything it needed was read" in ended.out or "!" in target
    for target in TARGETS["github"][GATE], TARGETS["azure-devops"][GATE]:
        ended = scoped.call("doctor", target)
        assert ended.code == 0, ended.out
        assert re.search(r"advice only: the check '(almguard/)?almguard' is not required on main", ended.out), ended.out
    ended = scoped.call("doctor", TARGETS["github"][GATE], environ=using("no-administration"))
    assert "advice only, as far as this token sees" in ended.out, ended.out
    assert "administration: read" in ended.out


@pytest.mark.parametrize("platform", TARGETS)
@pytest.mark.parametrize("token", ["token-of-yesterday", "nobodys-token"])
def test_a_refused_token_is_said_so(scoped: World, platform: str, token: str) -> None:
    for command in ("gate", "doctor", "audit"):
        ended = scoped.call(command, TARGETS[platform][GATE], environ=using(token))
        assert ended.code == 3
        assert ended.out == ""
        assert "expired" in ended.err
        assert token not in ended.err


def test_a_personal_token_posts_a_commit_status_and_says_so(scoped: World) -> None:
    path = scoped.write("policy.yml", policy("approvals"))
    ended = scoped.call("gate", TARGETS["github"][GATE], "--config", path, environ=using("personal"))
    assert ended.code == 0, ended.err
    assert "posted the commit status 'almguard'" in ended.out + ended.err
    repository = scoped.state()["repositories"]["acme/payments"]
    assert repository["check_runs"] == []
    (status,) = repository["statuses"]
    assert (status["context"], status["state"], status["creator"]) == ("almguard", "success", "olga")
    again = scoped.call("gate", TARGETS["github"][GATE], "--config", path, environ=using("personal"))
    assert again.code == 0
    assert scoped.state()["repositories"]["acme/payments"]["issue_comments"] == [], "a pass begins no comment"


def test_a_token_that_may_only_read_is_told_what_posting_needs(scoped: World, tmp_path: Path) -> None:
    path = scoped.write("policy.yml", policy("approvals"))
    told = {"ALMGUARD_POSTED_FILE": str(tmp_path / "posted")}
    for target, who, needed in (
        (TARGETS["github"][GATE], "workflow", "checks: write"),
        (TARGETS["azure-devops"][GATE], "no-vso.work", "vso.code_status"),
    ):
        ended = scoped.call("gate", target, "--config", path, "--format", "json", environ={**using(who), **told})
        assert ended.code == 3, ended.out + ended.err
        assert needed in ended.err
        report = ended.json()
        assert report["gate"]["verdict"] == "passed"
        assert any("it stands in this report alone" in notice for notice in report["notices"]), report["notices"]
        assert (tmp_path / "posted").read_text(encoding="utf-8") == "", "the action's step ends as an error"


def test_exit_zero_hides_no_verdict_that_could_not_be_posted(scoped: World) -> None:
    path = scoped.write("policy.yml", policy("approvals", "block, with: {minimum: 9}"))
    arguments = ("gate", TARGETS["github"][GATE], "--config", path, "--exit-zero")
    assert scoped.call(*arguments, "--dry-run", environ=using("workflow")).code == 0
    assert scoped.call(*arguments, environ=using("workflow")).code == 3
