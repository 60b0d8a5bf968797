from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import ROOT, World, serve

GITHUB, AZURE = "github:acme/payments#{}", "ado:acme/Payments/payments!{}"
BOTH = pytest.mark.parametrize("target", [GITHUB, AZURE], ids=["github", "azure-devops"])


def posted(world: World) -> tuple[list[Any], list[Any]]:
    """Checks (or statuses) and comments (or threads) that were posted, on either platform."""
    checks, comments = [], []
    for repository in world.state()["repositories"].values():
        checks += [*repository["check_runs"], *repository["statuses"]]
        comments += repository["issue_comments"]
        for pull_request in repository["pull_requests"]:
            checks += pull_request["ado_statuses"]
            comments += pull_request["ado_threads"]
    return checks, comments


@BOTH
@pytest.mark.parametrize(("number", "code", "verdict"), [(12, 1, "blocked"), (13, 5, "waiting"), (14, 0, "passed")])
def test_exit_code_and_report(demo: World, target: str, number: int, code: int, verdict: str) -> None:
    run = demo.run if target == GITHUB else demo.call  # a process of its own, once for each exit code
    ended = run("gate", target.format(number), "--config", demo.policy, "--dry-run", "--format", "json")
    assert ended.code == code, ended.out + ended.err
    report = ended.json()
    assert report["schema"] == "almguard.report/v1"
    assert report["gate"]["verdict"] == verdict
    assert {result["rule"] for result in report["results"]} == {
        "requirement-link",
        "approvals",
        "static-analysis-passed",
    }


@BOTH
def test_a_dry_run_posts_nothing(demo: World, target: str) -> None:
    demo.call("gate", target.format(12), "--config", demo.policy, "--dry-run")
    assert posted(demo) == ([], [])


@BOTH
def test_run_twice_it_updates_and_does_not_repeat(demo: World, target: str) -> None:
    first = demo.call("gate", target.format(12), "--config", demo.policy, "--format", "json")
    second = demo.call("gate", target.format(12), "--config", demo.policy, "--format", "json")
    assert (first.code, second.code) == (1, 1), first.err + second.err
    checks, comments = posted(demo)
    assert len(checks) == 1
    assert len(comments) == 1
    assert first.json()["gate"]["facts_digest"] == second.json()["gate"]["facts_digest"]


@BOTH
def test_waiting_is_not_red(demo: World, target: str) -> None:
    assert demo.call("gate", target.format(13), "--config", demo.policy).code == 5
    (check,), _ = posted(demo)
    assert check.get("conclusion") is None
    assert check.get("state", check.get("status")) in ("pending", "in_progress", "queued"), check


def test_exit_zero_turns_blocked_and_waiting_into_zero(demo: World) -> None:
    for number in (12, 13):
        assert demo.call("gate", GITHUB.format(number), "--config", demo.policy, "--dry-run", "--exit-zero").code == 0


@BOTH
def test_nothing_selected_is_empty(demo: World, target: str) -> None:
    nothing = demo.write("none.yml", "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: none}\nrules: []\n")
    ended = demo.call("gate", target.format(14), "--config", nothing, "--dry-run")
    assert ended.code == 4, ended.out + ended.err
    elsewhere = demo.write(
        "elsewhere.yml",
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\nmatch: {repository: other}\n"
        "rules: [{rule: approvals, enforce: block}]\n",
    )
    assert demo.call("gate", target.format(14), "--config", elsewhere, "--dry-run").code == 4


def test_without_a_configuration_the_baseline_runs_in_audit_and_says_so(demo: World) -> None:
    ended = demo.call("gate", GITHUB.format(12), "--dry-run")
    assert ended.code == 0, ended.out + ended.err
    assert "baseline" in ended.out
    assert "audit" in ended.out


def test_a_malformed_policy_names_every_mistake_with_its_line(demo: World) -> None:
    broken = demo.write(
        "broken.yml",
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\nrules:\n"
        "  - {rule: aprovals, enforce: block}\n"
        "  - {rule: approvals, enforce: maybe, wiht: {minimum: 2}}\n"
        "  - {rule: requirement-link, enforce: block, when: 'pr.title =='}\n",
    )
    for command in (["gate", GITHUB.format(12), "--dry-run", "--config", broken], ["validate", broken]):
        ended = demo.call(*command)
        assert ended.code == 2
        for mistake in (
            "broken.yml:5:",
            "broken.yml:6:",
            "broken.yml:7:",
            "did you mean 'approvals'",
            "enforce",
            "wiht",
        ):
            assert mistake.lower() in ended.err.lower(), ended.err
    assert demo.ledger() == [] or all(
        asked["method"] != "POST" or "graphql" in asked["path"] for asked in demo.ledger()
    )


@BOTH
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"kind": "status", "status": 500}, "500"),
        ({"kind": "html"}, "token"),
        ({"kind": "cut"}, "cut"),
        ({"kind": "reset"}, "connection"),
    ],
    ids=["500", "html", "cut", "reset"],
)
@pytest.mark.usefixtures("unhurried")
def test_a_failing_server_is_said_in_clear_words(demo: World, target: str, fault: dict[str, Any], words: str) -> None:
    demo.fault(match=".*", times=1000, **fault)
    ended = demo.call("gate", target.format(14), "--config", demo.policy, "--dry-run")
    assert ended.code == 3, ended.out + ended.err
    assert words in (ended.out + ended.err).lower(), ended.out + ended.err
    assert "sandbox-token" not in ended.out + ended.err


@BOTH
def test_a_rate_limit_is_waited_out(demo: World, target: str) -> None:
    demo.fault(match=".*", times=1, kind="rate_limit", status=429, retry_after=1)
    ended = demo.call("gate", target.format(14), "--config", demo.policy, "--dry-run")
    assert ended.code == 0, ended.out + ended.err


@BOTH
@pytest.mark.usefixtures("unhurried")
def test_a_server_that_is_down(demo: World, target: str) -> None:
    down = {"GITHUB_API_URL": "http://127.0.0.1:9/api/v3", "GITHUB_GRAPHQL_URL": "http://127.0.0.1:9/api/graphql"}
    ended = demo.call(
        "gate", target.format(14), "--config", demo.policy, "--dry-run",
        environ={**down, "SYSTEM_COLLECTIONURI": "http://127.0.0.1:9/acme/"},
    )  # fmt: skip
    assert ended.code == 3
    assert "127.0.0.1" in ended.err
    assert "refused" in ended.err.lower() or "reach" in ended.err.lower()


def test_no_token_says_what_to_set(demo: World) -> None:
    ended = demo.call("gate", GITHUB.format(14), environ={"GITHUB_TOKEN": "", "GH_TOKEN": ""})
    assert ended.code == 2
    assert "GITHUB_TOKEN" in ended.err
    ended = demo.call("gate", AZURE.format(14), environ={"AZURE_DEVOPS_EXT_PAT": "", "SYSTEM_ACCESSTOKEN": ""})
    assert ended.code == 2
    assert "AZURE_DEVOPS_EXT_PAT" in ended.err


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (GITHUB.format(999), "999"),
        ("github:acme/nowhere#1", "acme/nowhere"),
        (AZURE.format(999), "999"),
        ("ado:acme/Payments/nowhere!1", "nowhere"),
        ("gitlab:acme", "no platform 'gitlab'"),
    ],
)
def test_a_target_that_does_not_exist_is_usage(demo: World, target: str, words: str) -> None:
    ended = demo.call("gate", target, "--dry-run")
    assert ended.code == 2, ended.out + ended.err
    assert words in ended.err


def test_ctrl_c_is_two(demo: World) -> None:
    demo.fault(match=".*", kind="hold")
    running = demo.start("gate", GITHUB.format(14), "--config", demo.policy, "--dry-run")
    faults = demo.sandbox.application.faults
    deadline = time.monotonic() + 60
    while not faults.held and time.monotonic() < deadline and running.poll() is None:
        time.sleep(0.05)
    running.send_signal(signal.SIGINT)
    time.sleep(0.2)  # it is interrupted while it waits, and not by the answer
    faults.clear()
    _, err = running.communicate(timeout=60)
    assert running.returncode == 2, err
    assert b"Traceback" not in err
    assert b"interrupted" in err


def test_a_closed_pipe_is_two(demo: World) -> None:
    running = demo.start("rules", "--format", "json")
    assert running.stdout is not None
    running.stdout.close()
    assert running.wait(timeout=60) == 2
    assert running.stderr is not None
    assert b"Traceback" not in running.stderr.read()
    running.stderr.close()


def test_an_internal_error_is_two_and_no_traceback(demo: World, tmp_path: Path) -> None:
    """A crash that nobody foresaw: here, a standard library that has lost a function."""
    broken = tmp_path / "sitecustomize.py"
    broken.write_text("import json\njson.dumps = None\n", encoding="utf-8")
    ended = demo.run("rules", "--format", "json", environ={"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    assert ended.code == 2
    assert "error in almguard itself" in ended.err


@pytest.mark.parametrize("target", ["github:acme/payments", "ado:acme/Payments/payments"])
def test_a_gate_judges_pull_requests_and_releases_alone(demo: World, target: str) -> None:
    ended = demo.call("gate", target)
    assert ended.code == 2
    assert f"almguard audit {target}" in ended.err


@BOTH
def test_what_was_posted_is_told_to_who_asked(demo: World, target: str, tmp_path: Path) -> None:
    told = tmp_path / "posted.txt"
    demo.call(
        "gate", target.format(14), "--config", demo.policy, "--dry-run", environ={"ALMGUARD_POSTED_FILE": str(told)}
    )
    assert not told.exists()
    demo.call("gate", target.format(14), "--config", demo.policy, environ={"ALMGUARD_POSTED_FILE": str(told)})
    assert len(told.read_text().splitlines()) == 1


@BOTH
def test_a_passing_pull_request_gets_no_comment_until_there_was_one(demo: World, target: str) -> None:
    demo.call("gate", target.format(14), "--config", demo.policy)
    checks, comments = posted(demo)
    assert (len(checks), len(comments)) == (1, 0)


SHARED_HEAD = """
apiVersion: almguard.sandbox/v1
kind: Scenario
repositories:
  - name: payments
    permissions: {ana: write, bo: write}
    files: {README.md: "# Pay\\n"}
    branches: {release: [{message: Release, files: {VERSION: "1\\n"}}]}
    pull_requests:
      - {number: 7, title: To main, author: ana, source: ana/change, reviews: [{by: bo}]}
      - {number: 8, title: To release, author: ana, source: ana/change, target: release}
"""


@pytest.fixture
def shared_head(tmp_path: Path) -> Iterator[World]:
    """Two open pull requests of one branch."""
    scenario = tmp_path / "shared.yml"
    scenario.write_text(SHARED_HEAD, encoding="utf-8")
    yield from serve(scenario, tmp_path)


def test_one_check_stands_for_every_pull_request_of_a_commit(shared_head: World) -> None:
    """Else a branch with a lax base would bless the same commit for a strict one."""
    policy = shared_head.write(
        "two.yml",
        "apiVersion: almguard/v1\nkind: Policy\nmetadata: {name: p}\nrules:\n"
        "  - {rule: approvals, enforce: block, with: {minimum: 1}}\n",
    )
    ended = shared_head.call("gate", "github:acme/payments#7", "--config", policy, "--format", "json")
    assert ended.code == 5, ended.out + ended.err
    outcomes = {result["subject"]: result["outcome"] for result in ended.json()["results"]}
    assert sorted(outcomes.values()) == ["fail", "pass"], "number 7 alone is approved, and would pass by itself"
    checks, _ = posted(shared_head)
    assert len(checks) == 2
    assert len({check["sha"] for check in checks}) == 1
    assert {check["conclusion"] for check in checks} == {None}


EXPLAINED = """\
apiVersion: almguard/v1
kind: Policy
metadata: {name: payments, owner: platform-governance}
rules:
  - rule: requirement-link
    enforce: block
    unless: pr.author.is_bot
  - name: change-approval
    enforce: block
    any_of:
      - {rule: approvals, with: {minimum: 2}}
      - {rule: approvals, name: docs-approval, when: 'files.all(f, f.path.startsWith("docs/"))'}
"""


@BOTH
def test_explain_says_what_is_missing_who_helps_and_which_line_asks(demo: World, target: str) -> None:
    policy = demo.write("policy.yml", EXPLAINED)
    report = demo.folder / "run.json"
    ended = demo.call(
        "gate", target.format(12), "--config", policy, "--explain", "--output", str(report), environ={"COLUMNS": "400"}
    )
    assert '"almguard.report/v1"' in report.read_text(encoding="utf-8")
    assert ended.code == 1, ended.err
    for words in (
        f"{policy}:5 (policy payments, owned by platform-governance)",
        f"{policy}:8 (policy payments",
        f"{policy}:11",
        "unless: pr.author.is_bot → does not hold",
        "No requirement is linked",
        "0 of 2 approvals, 2 missing",
        "Can still approve: anyone with write permission",
        "any one of these would do:",
        "2 entries stand in the way; 1 of them waits for people or checks alone.",
    ):
        assert words in ended.out, (words, ended.out)
    assert posted(demo) == ([], []), "--explain posts nothing"


@BOTH
def test_explain_of_a_pass(demo: World, target: str) -> None:
    policy = demo.write("policy.yml", EXPLAINED.replace("minimum: 2", "minimum: 1"))
    ended = demo.call("gate", target.format(14), "--config", policy, "--explain")
    assert (ended.code, "Nothing stands in the way." in ended.out) == (0, True), ended.out


def test_explain_is_for_the_terminal(demo: World) -> None:
    ended = demo.call("gate", GITHUB.format(12), "--explain", "--format", "json")
    assert (ended.code, "without --explain: --format json" in ended.err) == (2, True)
