"""``scan`` and ``audit``, whole: what is counted, what is missing, what is written."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from bot.sandbox.scenario import Scenario
from tests.cli.conftest import Ended, World, demo_scenario, serve

OWNERS = {"github": "github:acme", "azure-devops": "ado:acme"}
ON_BOTH = pytest.mark.parametrize("platform", OWNERS)
BLOCKING = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: all}
rules:
  - {rule: requirement-link, enforce: block}
  - {rule: approvals, enforce: block}
  - {rule: static-analysis-passed, enforce: block}
  - {rule: static-analysis-configured, enforce: block}
  - {rule: branch-protection, enforce: block}
  - {rule: rollback-ready, enforce: block}
"""
LENIENT = "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\nrules: [{rule: %s, enforce: block}]\n"


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


@pytest.fixture(scope="module")
def schema(acme: World) -> Draft202012Validator:
    made = json.loads(acme.call("schema", "report").out)
    return Draft202012Validator(made)


def judged(ended: Ended, rule: str) -> Counter[str]:
    return Counter(result["outcome"] for result in ended.json()["results"] if result["rule"] == rule)


@ON_BOTH
def test_a_scan_judges_every_repository_that_lives(acme: World, schema: Draft202012Validator, platform: str) -> None:
    ended = acme.call("scan", OWNERS[platform], "--config", acme.write("all.yml", BLOCKING), "--format", "json")
    assert ended.code == 1, ended.err
    report = ended.json()
    schema.validate(report)
    assert report["run"]["complete"], report["run"]["gaps"]
    names = {re.split(r"[/@]", subject["name"])[-1 if subject["kind"] == "repository" else -2]
             for subject in report["subjects"]}  # fmt: skip
    assert names == {"payments", "ledger", "shop"}, report["subjects"]
    assert judged(ended, "static-analysis-configured") == {"pass": 2, "fail": 1}
    assert judged(ended, "branch-protection") == {"pass": 1, "fail": 2}
    assert judged(ended, "rollback-ready") == {"pass": 1}
    assert judged(ended, "approvals") == {}
    assert report["summary"]["outcomes"] | {"pass": 4, "fail": 3} == report["summary"]["outcomes"]
    assert report["summary"]["enforcement"]["block"]["fail"] == 3
    assert sum(report["run"]["requests"].values()) <= 30


@ON_BOTH
def test_a_scan_judges_pull_requests_when_asked(acme: World, platform: str) -> None:
    config = acme.write("all.yml", BLOCKING)
    ended = acme.call("scan", OWNERS[platform], "--config", config, "--include", "pull-requests", "--format", "json")
    assert ended.code == 1
    assert ended.json()["run"]["complete"]
    assert judged(ended, "approvals") == {"pass": 1, "fail": 2}
    assert judged(ended, "requirement-link") == {"pass": 2, "fail": 1}
    assert judged(ended, "static-analysis-passed") == {"pass": 2, "fail": 1}


def test_both_platforms_in_one_scan(acme: World) -> None:
    ended = acme.call("scan", *OWNERS.values(), "--format", "json")
    assert ended.code == 0
    report = ended.json()
    assert Counter(subject["platform"] for subject in report["subjects"]) == {"github": 4, "azure-devops": 4}
    assert set(report["run"]["requests"]) == {"github", "azure_devops"}


@ON_BOTH
def test_a_scan_with_too_small_a_token_is_incomplete(acme: World, schema: Draft202012Validator, platform: str) -> None:
    token = {"GITHUB_TOKEN": "reader", "AZURE_DEVOPS_EXT_PAT": "reader"}
    ended = acme.call("scan", OWNERS[platform], "--format", "json", environ=token)
    assert ended.code == 3
    report = ended.json()
    schema.validate(report)
    assert not report["run"]["complete"]
    named = " ".join(gap["reason"] for gap in report["run"]["gaps"])
    for permission in ("administration: read",) if platform == "github" else ("vso.security_manage", "vso.advsec"):
        assert permission in named
    assert {gap["kind"] for gap in report["run"]["gaps"]} == {"scope"}
    said = acme.call("scan", OWNERS[platform], environ=token)
    assert said.code == 3
    assert permission in " ".join(said.out.split())


@pytest.mark.parametrize(
    ("platform", "fault"),
    [
        ("github", {"match": "graphql", "kind": "html", "skip": 1}),
        ("github", {"match": "orgs/acme/repos", "kind": "status", "status": 403}),
        ("azure-devops", {"match": "(?i)build/definitions", "kind": "status", "status": 403}),
        ("azure-devops", {"match": "(?i)git/repositories$", "kind": "html"}),
    ],
)
def test_a_scan_that_could_not_read_a_list_is_incomplete(
    world: Any, platform: str, fault: dict[str, Any], schema: Draft202012Validator
) -> None:
    served: World = world(demo_scenario())
    served.fault(times=1000, **fault)
    ended = served.call("scan", OWNERS[platform], "--format", "json")
    assert ended.code == 3, ended.out + ended.err
    report = ended.json()
    schema.validate(report)
    assert not report["run"]["complete"]
    assert report["run"]["gaps"]


@ON_BOTH
def test_an_audit_whose_blocking_subjects_cannot_be_listed_is_inconclusive(acme: World, platform: str) -> None:
    target = {"github": "github:acme/payments", "azure-devops": "ado:acme/Payments/payments"}[platform]
    token = {"GITHUB_TOKEN": "reader", "AZURE_DEVOPS_EXT_PAT": "reader"}
    for rule, code in (("rollback-ready", 3), ("static-analysis-configured", 0)):
        config = acme.write("one.yml", LENIENT % rule)
        ended = acme.call("audit", target, "--config", config, "--format", "json", environ=token)
        assert ended.code == code, ended.out + ended.err


TARGETS = {
    "github:acme": ("organization", 0),
    "ado:acme": ("organization", 0),
    "ado:acme/Payments": ("organization", 0),
    "github:acme/payments": ("repository", 0),
    "ado:acme/Payments/payments": ("repository", 0),
    "github:acme/payments@v1.4.0": ("release", 0),
    "ado:acme/Payments/payments@v1.4.0": ("release", 0),
    "github:acme/payments#103": ("work_item", 4),
    "ado:acme/Payments#103": ("work_item", 4),
    "https://github.com/acme/payments/pull/12": ("pull_request", 0),
    "https://github.com/acme/payments/releases/tag/v1.4.0": ("release", 0),
    "https://github.com/acme/payments/issues/103": ("work_item", 4),
    "https://dev.azure.com/acme/Payments/_git/payments/pullrequest/12": ("pull_request", 0),
    "https://dev.azure.com/acme/Payments/_workitems/edit/103": ("work_item", 4),
    "{host}/acme/payments": ("repository", 0),
    "{host}/acme/Payments/_git/payments/pullrequest/12": ("pull_request", 0),
}


@pytest.mark.parametrize("target", TARGETS)
def test_an_audit_of_each_kind_of_target(acme: World, schema: Draft202012Validator, target: str) -> None:
    kind, code = TARGETS[target]
    ended = acme.call("audit", target.format(host=acme.sandbox.url), "--format", "json")
    assert ended.code == code, ended.out + ended.err
    report = ended.json()
    schema.validate(report)
    assert kind in {subject["kind"] for subject in report["subjects"]}
    assert all(subject["url"].startswith(acme.sandbox.url) for subject in report["subjects"])
    assert bool(report["results"]) is (code == 0)


def test_an_audit_of_a_work_item_says_that_nothing_judges_it(acme: World) -> None:
    ended = acme.call("audit", "ado:acme/Payments#103")
    assert ended.code == 4
    assert "acme/Payments#103" in ended.out
    assert "nothing to judge" in " ".join(ended.out.split()).lower(), ended.out


@pytest.mark.parametrize("target", ["github:acme/payments@v1.4.0", "ado:acme/Payments/payments@v1.4.0"])
def test_a_release_is_judged_for_an_environment(acme: World, target: str) -> None:
    ended = acme.call("audit", target, "--environment", "production", "--format", "json")
    assert judged(ended, "rollback-ready") == {"pass": 1}
    ended = acme.call("audit", target, "--environment", "nowhere", "--format", "json")
    assert (ended.code, ended.out) == (2, ""), ended.out
    assert "nowhere" in ended.err
    assert "production" in ended.err, "the environments that there are"


def git(folder: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-C", str(folder), "-c", "user.name=Ana", "-c", "user.email=ana@acme.example", *arguments],
        check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    folder = tmp_path / "checkout"
    (folder / ".github" / "workflows").mkdir(parents=True)
    (folder / "app.py").write_text("A = 1\n", encoding="utf-8")
    (folder / ".github" / "workflows" / "ci.yml").write_text(
        "on: pull_request\njobs:\n  check:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - run: ruff check .\n      - run: semgrep scan --error\n",
        encoding="utf-8",
    )
    git(folder, "init", "-q", "-b", "main")
    git(folder, "add", ".")
    git(folder, "commit", "-q", "-m", "Begin")
    return folder


def outcomes(ended: Ended) -> dict[str, str]:
    return {result["rule"]: result["outcome"] for result in ended.json()["results"]}


def test_an_audit_of_a_checkout_needs_no_token(acme: World, checkout: Path) -> None:
    alone = {"GITHUB_TOKEN": "", "AZURE_DEVOPS_EXT_PAT": "", "GITHUB_API_URL": "http://127.0.0.1:9"}
    config = acme.write("one.yml", LENIENT % "static-analysis-configured")
    ended = acme.run("audit", "--config", config, "--format", "json", environ=alone, cwd=checkout)
    assert ended.code == 0, ended.out + ended.err
    assert outcomes(ended) == {"static-analysis-configured": "pass"}
    (checkout / ".github" / "workflows" / "ci.yml").unlink()
    git(checkout, "commit", "-q", "-a", "-m", "Drop the checks")
    ended = acme.call("audit", str(checkout), "--config", config, "--format", "json", environ=alone)
    assert ended.code == 1, ended.out + ended.err
    assert outcomes(ended) == {"static-analysis-configured": "fail"}


def test_a_folder_that_is_no_checkout(acme: World, tmp_path: Path) -> None:
    for folder in (tmp_path, tmp_path / "not-there"):
        ended = acme.call("audit", str(folder))
        assert (ended.code, ended.out) == (2, "")
        assert str(folder) in ended.err
        assert "Give the path of a" in ended.err


def test_a_checkout_of_somebody_else_is_refused_with_the_way_out(acme: World, checkout: Path) -> None:
    ended = acme.call("audit", str(checkout), environ={"GIT_TEST_ASSUME_DIFFERENT_OWNER": "1"})
    assert ended.code == 2, ended.out
    assert "dubious ownership" in ended.err
    assert "safe.directory" in ended.err


TRAPS = (
    "core.fsmonitor",
    "core.pager",
    "core.sshCommand",
    "diff.external",
    "alias.ls-tree",
    "gpg.program",
    "core.editor",
)


def test_nothing_that_a_checkout_configures_is_run(acme: World, checkout: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n", encoding="utf-8")
    trap.chmod(0o755)
    for name in (*TRAPS, "filter.trap.smudge", "filter.trap.clean"):
        git(checkout, "config", name, str(trap))
    (checkout / ".gitattributes").write_text("* filter=trap diff=trap\n", encoding="utf-8")
    for hook in ("post-checkout", "pre-commit", "post-index-change", "reference-transaction"):
        (checkout / ".git" / "hooks" / hook).write_text(trap.read_text(encoding="utf-8"), encoding="utf-8")
        (checkout / ".git" / "hooks" / hook).chmod(0o755)
    (checkout / "sitecustomize.py").write_text(f"open({str(ran)!r}, 'w')\n", encoding="utf-8")
    ended = acme.call("audit", str(checkout), "--format", "json")
    assert ended.code == 0, ended.out + ended.err
    assert outcomes(ended)["static-analysis-configured"] == "pass"
    assert not ran.exists()


def test_several_outputs_are_written_whole(acme: World, schema: Draft202012Validator, tmp_path: Path) -> None:
    first, second, third = tmp_path / "new" / "report.json", tmp_path / "report.md", tmp_path / "report.txt"
    second.write_text("the report before", encoding="utf-8")
    ended = acme.call(
        "audit", "github:acme/payments",
        "--output", f"json:{first}", "--output", f"markdown:{second}", "--output", str(third), "--format", "json",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    written = json.loads(first.read_text(encoding="utf-8"))
    schema.validate(written)
    assert written == ended.json()
    assert second.read_text(encoding="utf-8").startswith("# ")
    assert "secret-scanning" in third.read_text(encoding="utf-8")
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [
        "report.json",
        "report.md",
        "report.txt",
    ]


def test_what_cannot_be_written_is_usage_and_leaves_nothing_behind(acme: World, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept", encoding="utf-8")
    (tmp_path / "folder.json").mkdir()
    for path in (tmp_path / "file" / "report.json", tmp_path / "folder.json", Path("/proc/report.json")):
        ended = acme.call("audit", "github:acme/payments", "--output", f"json:{path}")
        assert ended.code == 2, ended.out
        assert f"{path}: it cannot be written" in ended.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.json"]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "kept"
    ended = acme.call("audit", "github:acme/payments", "--output", "report.pdf")
    assert ended.code == 2
    assert "name the format" in ended.err


def test_colour_follows_no_color(acme: World) -> None:
    plain = acme.run("audit", "github:acme/payments", environ={"FORCE_COLOR": "1", "NO_COLOR": "1"})
    assert not re.search("\x1b\\[[0-9;]*3[0-9]m", plain.out), plain.out
    acme.environ.pop("NO_COLOR")
    try:
        coloured = acme.run("audit", "github:acme/payments", environ={"FORCE_COLOR": "1", "TERM": "xterm-256color"})
    finally:
        acme.environ["NO_COLOR"] = "1"
    assert "\x1b[" in coloured.out
    assert "\x1b" not in plain.err + coloured.err


def test_it_judges_as_of_the_instant_that_is_given(acme: World) -> None:
    target = ["audit", "ado:acme/Payments/payments@v1.4.0", "--format", "json"]
    config = acme.write(
        "keep.yml",
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\n"
        "rules: [{rule: rollback-ready, enforce: block, with: {require: [artifacts], keep_days: 30}}]\n",
    )
    ended = acme.call(*target, "--config", config)
    assert ended.code == 0, ended.out
    later = "2099-01-01T00:00:00+00:00"
    for option, environ in ((["--now", later], {}), ([], {"ALMGUARD_NOW": later})):
        ended = acme.call(*target, "--config", config, *option, environ=environ)
        assert ended.code == 1, ended.out
        assert ended.json()["run"]["now"].startswith("2099-01-01T00:00:00")
    assert acme.call(*target, "--now", "yesterday").code == 2
