"""Merged pull requests, judged as they stood at their merge: on both platforms, through the command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import jsonschema
import pytest
import requests

from bot.report import rehearsal_schema
from tests.cli.conftest import ROOT, Ended, World
from tests.cli.rehearsed_world import day, merged, policy
from tests.cli.rehearsed_world import world as scenario

Serve = Callable[[dict[str, Any]], World]

REPOSITORY = {"github": "github:acme/payments", "azure-devops": "ado:acme/Payments/payments"}
PULL_REQUEST = {"github": "github:acme/payments#{}", "azure-devops": "ado:acme/Payments/payments!{}"}
OWNER = {"github": "github:acme", "azure-devops": "ado:acme/Payments"}
BOTH = pytest.mark.parametrize("platform", REPOSITORY)

APPROVALS = "{rule: approvals, enforce: block, with: {minimum: 1}}"
LINKED = "{rule: requirement-link, enforce: block}"
OPEN_ITEM = "{rule: requirement-link, enforce: block, with: {states: [Active, open]}}"


SCHEMA = jsonschema.Draft7Validator(rehearsal_schema.schema())


def rehearse(world: World, target: str, *more: str) -> Any:
    ended = world.call("rehearse", target, "--format", "json", *more)
    assert ended.code in (0, 3), ended.err
    report = ended.json()
    SCHEMA.validate(report)
    return report


def verdicts(report: Any, of: str = "rehearsed") -> dict[int, str]:
    return {int(re_number(one["name"])): one[of]["verdict"] for one in report["pull_requests"]}


def re_number(name: str) -> str:
    return name.replace("!", "#").rpartition("#")[2]


def assumed(report: Any) -> dict[int, str]:
    return {int(re_number(one["name"])): one["rehearsed"]["assuming_today"] for one in report["pull_requests"]}


@BOTH
def test_what_came_after_the_merge_does_not_count(world: Serve, platform: str) -> None:
    served = world(
        scenario(
            merged(11, reviews=[{"by": "bo", "at": day(19)}]),
            merged(12, reviews=[{"by": "bo", "at": day(21)}]),
            merged(
                13, reviews=[{"by": "bo", "at": day(18)}, {"by": "bo", "at": day(22), "state": "changes_requested"}]
            ),
            merged(14, reviews=[{"by": "bo", "at": day(18), "dismissed_at": day(25)}]),
            merged(15, reviews=[{"by": "bo", "at": day(18), "dismissed_at": day(19)}]),
            merged(16, reviews=[{"by": "rob", "at": day(18)}]),
            merged(17, reviews=[{"by": "bo", "at": day(20)}]),
            {"number": 18, "author": "ana", "title": "Open"},
        )
    )
    report = rehearse(served, REPOSITORY[platform], "--assume-today")
    assert verdicts(report) == {
        11: "passed",
        12: "waiting",
        13: "passed",
        14: "passed",
        15: "waiting",
        16: "waiting",
        17: "passed",
    }


@BOTH
def test_what_the_past_does_not_tell_is_unknown_and_counted(world: Serve, platform: str) -> None:
    served = world(scenario(merged(11, reviews=[{"by": "bo", "at": day(19)}]), merged(12)))
    report = rehearse(served, REPOSITORY[platform])
    assert verdicts(report) == {11: "inconclusive", 12: "waiting"}
    assert assumed(report) == {11: "passed", 12: "waiting"}
    assert report["summary"]["verdicts"]["inconclusive"] == 1
    assert report["summary"]["rests_on_today"] == 1
    printed = served.call("rehearse", REPOSITORY[platform])
    assert "1 verdict is unknown" in " ".join(printed.out.split())
    assert "(passed today)" in printed.out


CHECKS = """{name: green, assert: 'checks.exists(c, c.name == "build" && c.state == "success")', message: "no", \
subject: pull_request, enforce: block}"""


@BOTH
def test_a_check_that_was_run_again_after_the_merge_stands_as_it_did(world: Serve, platform: str) -> None:
    failed, status = {"name": "build", "conclusion": "failure"}, {"kind": "status"}
    served = world(
        scenario(
            merged(11, checks=[{**failed, "at": day(19)}, {"name": "build", "at": day(21)}]),
            merged(12, checks=[{"name": "build", "at": day(18)}, {**failed, "at": day(21)}]),
            merged(13, checks=[{"name": "build", "at": day(21)}]),
            merged(14, checks=[{**failed, "at": day(18)}, {"name": "build", "at": day(19)}]),
            merged(15, checks=[{"name": "build", "at": "2026-10-20T10:01:00Z"}]),
            merged(
                16,
                checks=[
                    {**failed, **status, "at": day(19)},
                    {"name": "build", **status, "at": day(22)},
                ],
            ),
            policy=policy(CHECKS),
        )
    )
    report = rehearse(served, REPOSITORY[platform])
    assert verdicts(report) == {11: "blocked", 12: "passed", 13: "blocked", 14: "passed", 15: "blocked", 16: "blocked"}


@BOTH
def test_a_build_validation_counts_as_it_ended(world: Serve, platform: str) -> None:
    checks = [{"name": "build", "at": day(19), "pipeline": "CI"}, {"name": "build", "at": day(23), "pipeline": "CI"}]
    checks[1]["conclusion"] = "failure"
    made = scenario(merged(11, checks=checks), policy=policy(CHECKS))
    made["repositories"][0] |= {
        "pipelines": [{"name": "CI", "azure_path": "azure-pipelines.yml"}],
        "protection": [{"checks": [{"name": "build", "pipeline": "CI"}]}],
    }
    assert verdicts(rehearse(world(made), REPOSITORY[platform])) == {11: "passed"}


@BOTH
def test_a_work_item_counts_as_it_was(world: Serve, platform: str) -> None:
    served = world(
        scenario(
            merged(11, links={"work_items": [1]}),
            merged(12, links={"work_items": [2]}),
            merged(13, links={"work_items": [3], "since": {3: day(21)}}),
            merged(14, links={"work_items": [3], "since": {3: day(12)}}),
            work_items=[
                {"id": 1, "state": "Closed", "closed_at": day(20), "history": [{"at": day(1), "state": "Active"}]},
                {"id": 2, "state": "Closed", "closed_at": day(5), "history": [{"at": day(1), "state": "Active"}]},
                {"id": 3},
            ],
            policy=policy(OPEN_ITEM),
        )
    )
    report = rehearse(served, REPOSITORY[platform], "--assume-today")
    assert verdicts(report) == {11: "passed", 12: "blocked", 13: "blocked", 14: "passed"}


def test_on_azure_devops_nobody_knows_what_a_text_said(world: Serve) -> None:
    served = world(
        scenario(
            merged(11, links={"work_items": [1]}),
            merged(12, body="AB#1"),
            merged(13, pushes=[{"commits": [{"message": "Work for AB#1", "files": {"a.py": "A\n"}}]}]),
            work_items=[{"id": 1}],
            policy=policy(LINKED),
        )
    )
    report = rehearse(served, REPOSITORY["azure-devops"])
    # A mention in the former text may have led nowhere, which fails beside a good link.
    assert verdicts(report) == dict.fromkeys((11, 12, 13), "inconclusive")
    assert assumed(report) == dict.fromkeys((11, 12, 13), "passed")


def test_on_github_a_title_goes_back_and_an_edited_description_is_unknown(world: Serve) -> None:
    titled = """{name: titled, subject: pull_request, assert: 'pr.title.startsWith("Change")', message: "no", enforce: block}"""
    described = """{name: said, subject: pull_request, assert: 'pr.body == "why"', message: "no", enforce: block}"""
    labelled = """{name: label, subject: pull_request, assert: '"ok" in pr.labels', message: "no", enforce: block}"""
    edits = [{"at": day(22), "title": "Other", "body": "because", "labels": []}]
    served = world(
        scenario(
            merged(11, body="why", labels=["ok"]),
            merged(12, body="why", labels=["ok"], edits=edits),
            merged(13, body="Fixes #1", edits=[{"at": day(12), "body": "why", "labels": ["ok"]}]),
            policy=policy(titled, described, labelled),
        )
    )
    report = rehearse(served, REPOSITORY["github"])
    assert verdicts(report) == {11: "passed", 12: "inconclusive", 13: "passed"}
    ended = {
        r["key"]: r
        for one in report["pull_requests"]
        for r in one["rehearsed"]["results"]
        if one["name"].endswith("12")
    }
    assert [ended[f"new/{name}"]["outcome"] for name in ("titled", "said", "label")] == ["pass", "unknown", "pass"]
    assert "edited on 2026-10-22, after the merge" in ended["new/said"]["unknowns"][0]["reason"]
    # What is known to have changed is not taken from today either.
    assert verdicts(rehearse(served, REPOSITORY["github"], "--assume-today"))[12] == "inconclusive"


@BOTH
def test_two_policies_are_compared(world: Serve, platform: str) -> None:
    one = merged(11, reviews=[{"by": "bo", "at": day(19)}])
    two = merged(12, reviews=[{"by": "bo", "at": day(18)}, {"by": "cy", "at": day(19)}])
    served = world(scenario(one, two))
    new = served.write("new.yml", policy("{rule: approvals, enforce: block, with: {minimum: 2}}", name="own"))
    report = rehearse(served, REPOSITORY[platform], "--config", new, "--assume-today")
    assert verdicts(report, "in_force") == {11: "passed", 12: "passed"}
    assert verdicts(report) == {11: "waiting", 12: "passed"}
    assert report["summary"]["changed"] == 1
    assert [each["changes"] for each in report["pull_requests"]] == [
        [{"key": "own/approvals", "before": "passes", "after": "waits"}],
        [],
    ]
    printed = served.call("rehearse", REPOSITORY[platform], "--config", new, "--assume-today").out
    assert "passed → ⏳ waiting" in printed
    assert "1 verdict changes" in " ".join(printed.split())


@BOTH
def test_a_second_policy_costs_what_the_first_did_not_need(world: Serve, platform: str) -> None:
    served = world(scenario(*(merged(number, reviews=[{"by": "bo", "at": day(19)}]) for number in range(11, 21))))
    alone = rehearse(served, REPOSITORY[platform])["run"]["requests"]
    new = served.write("new.yml", policy("{rule: approvals, enforce: block, with: {minimum: 2}}"))
    both = rehearse(served, REPOSITORY[platform], "--config", new)["run"]["requests"]
    assert sum(both.values()) == sum(alone.values())
    assert sum(alone.values()) <= (5 + 2 * 10 if platform == "github" else 6 + 6 * 10)


@BOTH
def test_dated_enforcement_is_taken_to_its_end_unless_asked_otherwise(world: Serve, platform: str) -> None:
    dated = "{rule: approvals, enforce: [audit, {block: 2027-01-15}], with: {minimum: 1}}"
    served = world(scenario(merged(11), policy=policy(dated)))
    assert verdicts(rehearse(served, REPOSITORY[platform])) == {11: "waiting"}
    today = rehearse(served, REPOSITORY[platform], "--enforcement", "today", "--now", "2026-11-02T12:00:00Z")
    assert verdicts(today) == {11: "passed"}


@BOTH
def test_the_newest_of_all_repositories(world: Serve, platform: str) -> None:
    other = {
        "name": "web",
        "pull_requests": [
            merged(31, closed_at=day(25)),
            merged(32, closed_at=day(15)),
            merged(33, closed_at=day(28), target="release"),
        ],
        "branches": {"release": [{"message": "Cut", "at": day(1), "files": {"cut.txt": "1\n"}}]},
    }
    served = world(
        scenario(
            merged(11),
            merged(12, closed_at=day(24)),
            merged(13, closed_at=day(14), reviews=[{"by": "bo", "at": day(30)}]),
            repositories=[other],
        )
    )
    report = rehearse(served, OWNER[platform], "--last", "3", "--now", "2026-11-02T12:00:00Z")
    assert sorted(verdicts(report)) == [11, 12, 31]
    report = rehearse(served, REPOSITORY[platform].replace("payments", "web"), "--branch", "release")
    assert sorted(verdicts(report)) == [33]
    assert verdicts(rehearse(served, PULL_REQUEST[platform].format(13))) == {13: "waiting"}


@BOTH
def test_one_that_cannot_be_read_does_not_end_the_rest(world: Serve, platform: str) -> None:
    served = world(scenario(merged(11), merged(12), {"number": 13, "author": "ana"}))
    ended: Ended = served.call(
        "rehearse", *(PULL_REQUEST[platform].format(number) for number in (11, 13, 99)), "--format", "json"
    )
    assert ended.code == 3
    report = ended.json()
    assert verdicts(report) == {11: "waiting"}
    assert report["run"]["gaps"][0]["reason"].startswith("it is open, and only merged")
    assert len(report["run"]["gaps"]) == 2
    assert (
        "INCOMPLETE: 2 things"
        in served.call("rehearse", *(PULL_REQUEST[platform].format(number) for number in (11, 13, 99))).out
    )


@BOTH
def test_a_repository_that_is_not_there_does_not_end_the_rest(world: Serve, platform: str) -> None:
    served = world(scenario(merged(11)))
    gone = PULL_REQUEST[platform].format(1).replace("payments", "gone")
    ended = served.call("rehearse", gone, PULL_REQUEST[platform].format(11), "--format", "json")
    assert ended.code == 3
    report = ended.json()
    assert verdicts(report) == {11: "waiting"}
    assert [gap["kind"] for gap in report["run"]["gaps"]] == ["scope"]


@BOTH
def test_one_that_is_named_twice_is_counted_once(world: Serve, platform: str) -> None:
    served = world(scenario(merged(11)))
    name = PULL_REQUEST[platform].format(11)
    report = rehearse(served, name, name, name.replace("payments", "PAYMENTS"))
    assert [one["rehearsed"]["verdict"] for one in report["pull_requests"]] == ["waiting"]


@BOTH
def test_a_verdict_that_waits_for_certain_is_not_called_unknown(world: Serve, platform: str) -> None:
    """No approval was given; the protection of that day is not told, and as it is today blocks besides."""
    served = world(scenario(merged(11)))
    rules = (
        """{name: ruled, subject: pull_request, enforce: block, message: "no", assert: 'contents["README.md"] == "x"'}""",
    )
    new = served.write("new.yml", policy(APPROVALS, *rules))
    asked = ("rehearse", REPOSITORY[platform], "--config", new)
    said = " ".join(served.call(*asked, "--format", "markdown").out.split())
    assert "0 verdicts are unknown, and 1 may be worse, because" in said
    said = " ".join(served.call(*asked, "--format", "markdown", "--assume-today").out.split())
    assert "take people, settings and texts from today; proven: 1 waiting" in said


@BOTH
def test_a_comment_that_was_edited_after_the_merge_is_not_told(world: Serve, platform: str) -> None:
    """What it said then may have approved, and may not: its words of today prove nothing."""
    said = [{"by": "bo", "body": "LGTM", "at": day(19)}]
    tokens = {"sandbox-token": {"person": "olga"}, "bo-token": {"person": "bo"}}
    served = world({**scenario(merged(11, threads=said), merged(12, threads=said)), "tokens": tokens})
    new = served.write(
        "new.yml", policy("{rule: approvals, enforce: block, with: {minimum: 1, comment_pattern: LGTM}}")
    )
    edit_comment(served, platform, 12)
    report = rehearse(served, REPOSITORY[platform], "--config", new, "--assume-today")
    assert verdicts(report) == {11: "passed", 12: "inconclusive"}
    (told,) = [one for one in report["pull_requests"] if one["name"].endswith("12")]
    assert "a comment of bo" in json.dumps(told)
    assert "was edited on" in json.dumps(told)


def edit_comment(served: World, platform: str, number: int) -> None:
    """The writer, bo, writes other words into the first comment of a pull request."""
    if platform == "github":
        base = f"{served.sandbox.url}/api/v3/repos/acme/payments/issues"
        (comment,) = call("GET", f"{base}/{number}/comments")
        call("PATCH", f"{base}/comments/{comment['id']}", body="LGTM indeed")
    else:
        base = f"{served.sandbox.url}/acme/Payments/_apis/git/repositories/payments/pullRequests/{number}/threads"
        (thread,) = [
            one
            for one in call("GET", f"{base}?api-version=7.1")["value"]
            if one["comments"][0]["commentType"] == "text"
        ]
        call("PATCH", f"{base}/{thread['id']}/comments/1?api-version=7.1", content="LGTM indeed")


def call(method: str, address: str, **body: str) -> Any:
    asked = requests.request(method, address, json=body or None, auth=("", "bo-token"), timeout=10)
    asked.raise_for_status()
    return asked.json()


@BOTH
def test_a_broken_policy_in_force_is_a_gap_and_the_given_one_is_judged(world: Serve, platform: str) -> None:
    served = world(scenario(merged(11), policy="kind: Policy\nwrong: 1\n"))
    new = served.write("new.yml", policy(APPROVALS))
    ended = served.call("rehearse", REPOSITORY[platform], "--config", new, "--format", "json")
    assert ended.code == 3
    report = ended.json()
    assert verdicts(report) == {11: "waiting"}
    assert report["in_force"] is None
    assert report["run"]["gaps"][0]["fact"] == "configuration"
    assert served.call("rehearse", REPOSITORY[platform]).code == 3


@BOTH
def test_nothing_is_posted(world: Serve, platform: str) -> None:
    served = world(scenario(merged(11, reviews=[{"by": "bo", "at": day(19)}])))
    served.call("rehearse", REPOSITORY[platform])
    asked = served.ledger()
    assert asked
    reading = ("/graphql", "workitemsbatch", "itemsbatch", "/blobs")
    assert [
        one
        for one in asked
        if one["method"] not in ("GET", "OPTIONS") and not one["path"].partition("?")[0].lower().endswith(reading)
    ] == []


@BOTH
def test_markdown_and_files(world: Serve, platform: str) -> None:
    served = world(scenario(merged(11, title="<b>@ana</b> | x"), merged(12)))
    ended = served.call(
        "rehearse", REPOSITORY[platform], "--format", "markdown", "--output", f"json:{served.folder}/r.json"
    )
    assert json.loads((served.folder / "r.json").read_text(encoding="utf-8"))["summary"]["total"] == 2
    assert ended.out.startswith("## Rehearsal: 2 waiting\n")
    assert "<b>" not in ended.out
    assert "@ana" not in ended.out
    assert "| `own/approvals` | block | waits 2 |" in ended.out


def test_the_committed_schema_is_the_present_one() -> None:
    jsonschema.Draft7Validator.check_schema(rehearsal_schema.schema())
    committed = json.loads((ROOT / "docs" / "schema" / "rehearsal.schema.json").read_text(encoding="utf-8"))
    assert committed == rehearsal_schema.schema(), "write it again: almguard schema rehearsal > docs/schema/…"


def test_what_makes_no_sense_is_refused(world: Serve) -> None:
    served = world(scenario(merged(11)))
    for arguments, words in (
        ((".",), "a git checkout has no merged pull requests"),
        (("github:acme/payments@v1",), "There is no release"),
        (("github:acme/payments", "github:acme/web"), "Name one repository"),
        (("github:acme/payments#11", "github:other/web#1"), "several organisations"),
        (("github:acme/payments", "--output", "r.csv"), "not written as csv"),
        (("github:acme/gone",), "There is no repository"),
        (("github:acme/payments#11", "--branch", "main"), "these are named"),
    ):
        ended = served.call("rehearse", *arguments)
        assert ended.code == 2, ended.out + ended.err
        assert words in " ".join(ended.err.split())


def test_a_refusal_leaves_one_unread_and_judges_the_rest(world: Serve) -> None:
    served = world(scenario(merged(11), merged(12)))
    served.fault(match="/pullRequests/12", kind="status", status=403, times=None)
    ended = served.call("rehearse", REPOSITORY["azure-devops"], "--format", "json")
    assert ended.code == 3
    report = ended.json()
    assert verdicts(report) == {11: "waiting"}
    assert [gap["kind"] for gap in report["run"]["gaps"]] == ["scope"]
