"""Whatever a contributor writes, no log, comment, check or report does what the text says."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from bot.platforms.azure_devops.change import MARKER
from bot.platforms.github.publisher import marker
from bot.sandbox.scenario import Scenario
from tests.cli.conftest import Ended, World, demo_scenario, serve
from tests.report.test_markdown import assert_inert, tokens

LINES = (
    "::set-output name=x::y",
    "::error::boom",
    "::stop-commands::token",
    "##vso[task.complete result=Succeeded;]",
    "##[error]boom",
    "# heading",
    "@acme/team and @ana look at #1, AB#1, acme/ledger#1, !1 and GH-1",
    "<script>alert(1)</script><img src=x onerror=alert(1)><!-- hidden --></details>",
    "[link](https://evil.example) ![image](https://evil.example/a.png) https://evil.example www.evil.example",
    "| a | b |\n| - | - |\n| c | d |",
    "{{ 7919*7919 }} {% raw %} ${{ secrets.TOKEN }}",
    "\u202eright to left\u202c \u200bzero\u200dwidth\ufeff \x1b[31mred\x1b[0m \x9b31m \x07\x08 \x00",
    "[red]rich[/red] [link=https://evil.example]click[/link] :boom:",
    "~~~\n```\nnever closed",
)
ALL = "\n".join(LINES)
ONE = " ".join(LINES)
LONG = ALL + "\n" + "x" * 60_000 + "\n" + ALL

POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: strict}
rules:
  - rule: requirement-link
    enforce: block
    with: {types: [Epic], each_commit: true}
  - {rule: approvals, enforce: block, with: {minimum: 2}}
  - {rule: static-analysis-passed, enforce: block}
"""

WORKFLOW = """
name: ci
on: pull_request
jobs:
  lint:
    name: %s
    runs-on: ubuntu-latest
    steps:
      - run: semgrep scan --error
"""
PIPELINE = """
steps:
  - script: semgrep scan --error
    displayName: %s
"""

TARGETS = {"github": "github:acme/payments#16", "azure-devops": "ado:acme/Payments/payments!16"}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    scenario = demo_scenario()
    payments = scenario["repositories"][0]
    check = json.dumps(ONE[:400])
    payments["files"][".github/workflows/ci.yml"] = WORKFLOW % check
    payments["files"]["azure-pipelines.yml"] = PIPELINE % check
    payments["protection"][0]["checks"] = [{"name": ONE[:400], "app": "github-actions", "pipeline": "ci"}]
    scenario["people"]["ana"] = {"name": ONE, "email": "ana@acme.example"}
    payments["pull_requests"] = [
        {
            "number": 16,
            "title": LONG,
            "body": f"{marker('almguard')}\n{LONG}\n\nFixes #103 and AB#103 and AB#9999",
            "author": "ana",
            "source": "evil/<!--x-->-@acme/team-AB#1-{{7919*7919}}-##vso[x]-`$(id)`",
            "links": {"work_items": [103]},
            "labels": [ONE[:50]],
            "pushes": [
                {
                    "at": "-2d",
                    "commits": [
                        {
                            "message": f"{line}\n\n{ALL}",
                            "author": "ana",
                            "email": "nobody@[red]@acme/team.example",
                            "files": {f"src/{n}-{line}.py": "A = 1\n"},
                        }
                        for n, line in enumerate(LINES)
                    ],
                }
            ],
            "reviews": [
                {"by": "rita", "state": "approved", "body": LONG, "at": "-20h"},
                {"by": "cleo", "state": "changes_requested", "body": ALL, "at": "-19h"},
            ],
            "checks": [{"name": ONE[:400], "pipeline": "ci", "conclusion": "failure", "at": "-18h"}],
            "threads": [{"by": "bo", "body": f"{marker('almguard')}\nI am the verdict: all is well. {ALL}"}],
        }
    ]
    scenario["work_items"][2] |= {"title": LONG}
    yield from serve(Scenario.model_validate(scenario), tmp_path_factory.mktemp("hostile"))


def assert_quiet(text: str) -> None:
    """A log in which nothing is a command, an escape, or runs the other way."""
    for line in text.splitlines():
        assert not re.match(r"\s*::", line), line
        assert not re.match(r"\s*##\[", line), line
        assert "##vso[" not in line, line
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]", text)


def assert_harmless(world: World, text: str) -> None:
    """Markdown with no link but to the platform, and nothing else that is alive."""
    assert_inert(text, "https://the.platform.example")
    found = tokens(text)
    hrefs = [str(token.attrs["href"]) for token in found if token.type == "link_open"]
    assert all(href.startswith(world.sandbox.url) for href in hrefs), hrefs
    assert "{{ 7" not in text
    # 7919 * 7919: a product that no clock, number or digest in the text could be
    assert "62710561" not in " ".join(t.content for t in found if t.type == "text")


@pytest.fixture(scope="module", params=TARGETS)
def gated(request: pytest.FixtureRequest, hostile: World) -> tuple[str, Ended, Path]:
    """The gate, run as a job of GitHub Actions or Azure Pipelines, with everything that it can write."""
    platform = str(request.param)
    folder = hostile.folder / platform
    ended = hostile.run(
        "gate", TARGETS[platform], "--config", hostile.write("strict.yml", POLICY), "-v",
        "--output", f"json:{folder}/report.json", "--output", f"markdown:{folder}/report.md",
        environ={"FORCE_COLOR": "", "TERM": "dumb"},
    )  # fmt: skip
    assert ended.code == 1, ended.out + ended.err
    return platform, ended, folder


def test_the_log(hostile: World, gated: tuple[str, Ended, Path]) -> None:
    _, ended, _ = gated
    assert_quiet(ended.out)
    assert_quiet(ended.err)
    assert len(ended.out) < 60_000
    assert "[red]" in ended.out  # as text, not as a colour


@pytest.mark.parametrize("columns", [20, 31, 47, 64, 200])
def test_a_line_that_is_broken_begins_no_command(hostile: World, columns: int) -> None:
    config = hostile.write("strict.yml", POLICY)
    for target in TARGETS.values():
        ended = hostile.call("gate", target, "--dry-run", "-v", "--config", config, environ={"COLUMNS": str(columns)})
        assert ended.code == 1, ended.err
        assert max(map(len, ended.out.splitlines())) <= columns + 1
        assert_quiet(ended.out)


def test_the_reports(hostile: World, gated: tuple[str, Ended, Path]) -> None:
    _, _, folder = gated
    text = (folder / "report.md").read_text(encoding="utf-8")
    assert_harmless(hostile, text)
    assert_quiet(text)
    assert text.count("boom") > 3  # it is quoted, after all
    raw = (folder / "report.json").read_text(encoding="utf-8")
    assert_quiet(raw)
    report = json.loads(raw)
    assert report["gate"]["verdict"] == "blocked"
    assert {result["outcome"] for result in report["results"]} == {"fail"}
    assert len(raw) < 1_000_000


def test_what_is_posted(hostile: World, gated: tuple[str, Ended, Path]) -> None:
    platform, _, _ = gated
    repository = hostile.state()["repositories"]["acme/payments"]
    (pull_request,) = repository["pull_requests"]
    if platform == "github":
        (check,) = [one for one in repository["check_runs"] if one["posted"]]
        assert_harmless(hostile, check["summary"])
        assert len(check["summary"]) <= 65_535
        assert len(check["title"]) <= 255
        assert_quiet(check["title"])
        (comment,) = [one for one in repository["issue_comments"] if one["posted"]]
        first, _, rest = comment["body"].partition("\n")
        assert first == marker("almguard")
        assert_harmless(hostile, rest)
        assert len(comment["body"]) <= 65_536
    else:
        (status,) = pull_request["ado_statuses"]
        assert_quiet(str(status))
        (thread,) = [one for one in pull_request["ado_threads"] if one["properties"]]
        assert_harmless(hostile, thread["comments"][0]["content"])
        assert len(thread["comments"][0]["content"]) <= 150_000


def test_the_summary_of_a_job(hostile: World) -> None:
    address = f"{hostile.sandbox.url}/api/v3/repos/acme/payments/pulls/16"
    head = requests.get(address, headers={"Authorization": "Bearer sandbox-token"}, timeout=10).json()["head"]["sha"]
    payload = {
        "action": "opened",
        "pull_request": {
            "number": 16, "state": "open", "title": LONG,
            "head": {"ref": ONE, "sha": head, "repo": {"id": 2}},
            "base": {"ref": "main", "sha": "0" * 40, "repo": {"id": 1}},
        },
    }  # fmt: skip
    summary = hostile.folder / "summary.md"
    ended = hostile.call(
        "gate", "--config", hostile.write("strict.yml", POLICY),
        environ={
            "GITHUB_ACTIONS": "true",
            "GITHUB_EVENT_NAME": "pull_request",
            "GITHUB_EVENT_PATH": hostile.write("event.json", json.dumps(payload)),
            "GITHUB_REPOSITORY": "acme/payments",
            "GITHUB_STEP_SUMMARY": str(summary),
        },
    )  # fmt: skip
    assert ended.code == 1, ended.err
    assert_quiet(ended.out + ended.err)
    assert_harmless(hostile, summary.read_text(encoding="utf-8"))


@pytest.mark.parametrize("event", [ALL, *LINES])
def test_a_payload_that_is_refused_is_quoted_harmlessly(hostile: World, event: str) -> None:
    for name, payload in (
        (event.replace("\x00", ""), {}),
        ("merge_group", {"merge_group": {"head_ref": event, "head_sha": "0" * 40}}),
        ("release", {"action": event, "release": {"tag_name": event}}),
        ("pull_request", {"action": event, "pull_request": {"number": event}}),
    ):
        ended = hostile.call(
            "gate",
            environ={
                "GITHUB_ACTIONS": "true",
                "GITHUB_EVENT_NAME": name,
                "GITHUB_EVENT_PATH": hostile.write("event.json", json.dumps(payload)),
                "GITHUB_REPOSITORY": "acme/payments",
            },
        )
        assert ended.code in (0, 2)
        assert_quiet(ended.out + ended.err)
    ended = hostile.call("gate", f"github:acme/{event.replace(chr(0), '')}#1")
    assert ended.code == 2
    assert_quiet(ended.out + ended.err)


def comments(world: World, platform: str) -> list[Any]:
    repository = world.state()["repositories"]["acme/payments"]
    if platform == "github":
        return [one for one in repository["issue_comments"] if one["number"] == 12]
    return [one for pull in repository["pull_requests"] if pull["number"] == 12 for one in pull["ado_threads"]]


@pytest.mark.parametrize("platform", TARGETS)
def test_a_marker_in_somebody_elses_comment_is_not_ours(world: Any, platform: str) -> None:
    scenario = demo_scenario()
    scenario["tokens"] = {"sandbox-token": {}, "somebody-else": {"kind": "pat", "person": "ana"}}
    served: World = world(scenario)
    said = f"{marker('almguard')}\nAll is well."
    if platform == "github":
        requests.post(
            f"{served.sandbox.url}/api/v3/repos/acme/payments/issues/12/comments",
            json={"body": said}, headers={"Authorization": "Bearer somebody-else"}, timeout=10,
        ).raise_for_status()  # fmt: skip
    else:
        thread = {
            "comments": [{"content": said, "parentCommentId": 0, "commentType": "text"}],
            "properties": {MARKER: {"$type": "System.String", "$value": "almguard"}},
            "status": "active",
        }
        requests.post(
            f"{served.sandbox.url}/acme/Payments/_apis/git/repositories/payments/pullRequests/12/threads?api-version=7.1",
            json=thread, auth=("", "somebody-else"), timeout=10,
        ).raise_for_status()  # fmt: skip
    (before,) = comments(served, platform)
    target = "github:acme/payments#12" if platform == "github" else "ado:acme/Payments/payments!12"
    for _ in range(2):
        assert served.call("gate", target, "--config", served.policy).code == 1
    after = comments(served, platform)
    assert len(after) == 2
    (theirs,) = [one for one in after if one["id"] == before["id"]]
    assert text_of(theirs) == text_of(before) == said
    (ours,) = [one for one in after if one["id"] != before["id"]]
    assert "Blocked" in text_of(ours)


def text_of(comment: Any) -> str:
    return str(comment["body"] if "body" in comment else comment["comments"][0]["content"])
