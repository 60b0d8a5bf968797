"""``scan --notify issues`` on both platforms: one issue (or work item) for each repository, whatever happens."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest

from bot.platforms.github.issue_tracker import GitHubIssueTracker
from bot.sandbox.server import Sandbox
from tests.cli.conftest import Ended, World

PLATFORMS = ("github", "azure-devops")
ON_BOTH = pytest.mark.parametrize("platform", PLATFORMS)
TARGETS = {"github": "github:acme", "azure-devops": "ado:acme"}
WRITES = r"(?i)^(POST|PATCH) .*(/issues|/labels|/wit/workitems)(/[$\w]+)?$"
CODEOWNERS = "*  @ana @acme/platform who@example.com\n/docs/ @ben\n"

CONFIG = """
apiVersion: almguard/v1
kind: Config
policies: [policy.yml]
waivers: [waivers.yml]
inventory: services.csv
tracking: {%s}
"""
POLICY = """
apiVersion: almguard/v1
kind: Policy
metadata: {name: house}
rules:
  - {name: good, subject: repository, assert: 'repository.short_name in [%(good)s]', message: '%(message)s',
     enforce: %(enforce)s}
  - {name: quiet, subject: repository, assert: 'false', message: 'Only recorded.', enforce: audit}
"""
UNSURE = """  - {name: unsure, subject: repository, assert: 'int(repository.short_name) == 1', message: 'Odd.', enforce: block}
"""
ORGANIZATION = """  - {name: org, subject: organization, assert: 'false', message: 'An organisation.', enforce: warn}
"""
NO_WAIVERS = "apiVersion: almguard/v1\nkind: Waivers\nwaivers: []\n"


def repository(name: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "permissions": {"ana": "write"}, "files": {"CODEOWNERS": CODEOWNERS}, **more}


def scenario(*repositories: dict[str, Any]) -> dict[str, Any]:
    return {
        "now": "2026-11-02T09:00:00Z",
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Pay", "process": "Scrum"}]}],
        "people": {"ana": {}, "ben": {}, "eve": {}},
        "tokens": {
            "sandbox-token": {},
            "eve": {"person": "eve", "kind": "pat"},
            "reader": {"github": {"contents": "read", "metadata": "read", "issues": "read"}, "azure": ["vso.code", "vso.work",
                       "vso.project"]},
        },
        "repositories": list(repositories),
    }  # fmt: skip


class Tracking:
    """A world whose repositories have a topic or not, and the command."""

    def __init__(self, world: World, platform: str) -> None:
        self.world = world
        self.platform = platform
        self.sandbox: Sandbox = world.sandbox
        self.settings = ""
        self.enforce = "block"
        self.good: list[str] = []
        self.message = "It is not good."
        self.unsure = False
        self.organization = False
        self.now = "2026-11-24T00:00:00Z"
        world.write("waivers.yml", NO_WAIVERS)
        world.write(
            "services.csv",
            "repository,owner\n*,ben@example.com\n" if platform == "azure-devops" else "repository,owner\n*,ben\n",
        )

    def scan(self, *options: str, environ: dict[str, str] | None = None) -> Ended:
        good = ", ".join(f'"{name}"' for name in self.good)
        policy = POLICY % {"good": good, "message": self.message, "enforce": self.enforce}
        self.world.write(
            "policy.yml", policy + (UNSURE if self.unsure else "") + (ORGANIZATION if self.organization else "")
        )
        config = self.world.write("almguard.yml", CONFIG % self.settings)
        return self.world.call(
            "scan", TARGETS[self.platform], "--config", config, "--format", "json", "--no-cache", "--no-store", "--now",
            self.now, "--notify", "issues", *options, environ=environ,
        )  # fmt: skip

    def waive(self) -> None:
        self.world.write(
            "waivers.yml",
            NO_WAIVERS.replace("[]", "")
            + "  - {entry: house/good, subject: 'acme/**', reason: Old., owner: ana, approver: olga, ticket: T-1, "
            "compensating_control: None is needed., expires: 2027-01-15}\n",
        )

    def items(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.world.state()["work_items"]
        return found

    def open(self) -> list[dict[str, Any]]:
        return [item for item in self.items() if item["state"] not in ("Closed", "Removed", "Done")]

    def writes(self) -> list[str]:
        return [
            f"{entry['method']} {entry['path']}"
            for entry in self.world.ledger()
            if entry["method"] in ("POST", "PATCH") and entry["status"] != 0
            if any(part in entry["path"].lower() for part in ("/issues", "/labels", "/workitems/"))
        ]


Start = Callable[..., Tracking]


@pytest.fixture
def start(world: Callable[[dict[str, Any]], World]) -> Start:
    def made(platform: str, *repositories: dict[str, Any]) -> Tracking:
        return Tracking(world(scenario(*(repositories or (repository("pay"),)))), platform)

    return made


@ON_BOTH
def test_an_item_is_made_edited_closed_and_opened_again(start: Start, platform: str) -> None:
    tracking = start(platform)
    first = tracking.scan()
    assert first.code == 1, first.err
    (item,) = tracking.items()
    assert "It is not good." in item["body"]
    assert "Only recorded" not in item["body"]
    assert item["title"].startswith("Almguard: findings in acme/")
    assert item["labels"] == ["almguard"]
    assert "Issues and work items: 1 created." in first.json()["notices"]

    made = len(tracking.writes())
    again = tracking.scan()
    assert (again.code, len(tracking.writes())) == (1, made)
    assert "Issues and work items: nothing to do." in again.json()["notices"]

    tracking.message, tracking.now = "It is worse.", "2026-12-24T00:00:00Z"
    assert "1 edited" in tracking.scan().json()["notices"][0]
    assert "It is worse." in tracking.items()[0]["body"]

    tracking.good = ["pay"]
    closed = tracking.scan()
    assert closed.code == 0
    assert "1 closed" in closed.json()["notices"][0]
    assert (tracking.open(), "Nothing is found any more" in tracking.items()[0]["body"]) == ([], True)
    assert len(tracking.writes()) == made + 2
    tracking.scan()
    assert len(tracking.writes()) == made + 2

    tracking.good = []
    assert "1 reopened" in tracking.scan().json()["notices"][0]
    (item,) = tracking.open()
    assert "It is worse." in item["body"]
    assert len(tracking.items()) == 1


@ON_BOTH
def test_a_finding_keeps_the_day_on_which_it_was_first_listed(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.scan()
    tracking.unsure, tracking.now = True, "2026-12-24T00:00:00Z"
    assert "1 edited" in tracking.scan().json()["notices"][0]
    assert "(since 2026-11-24, ref " in tracking.items()[0]["body"]
    assert "2026-12-24" not in tracking.items()[0]["body"]


@ON_BOTH
def test_what_people_wrote_and_set_stays(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.scan()
    (item,) = tracking.sandbox.world.work_items
    item.part = item.part.model_copy(
        update={"body": f"Above.\r\n{item.part.body}\nBelow.", "labels": ["almguard", "theirs"], "title": "Ours now"}
    )
    item.assignees = ["olga"]
    made = len(tracking.writes())
    tracking.scan()
    assert len(tracking.writes()) == made, "nothing of ours has changed"
    tracking.message = "It is worse."
    tracking.scan()
    (seen,) = tracking.items()
    assert seen["body"].startswith("Above.")
    assert seen["body"].endswith("Below.")
    assert seen["body"].count("It is worse.") == 1
    assert "not good" not in seen["body"]
    assert (seen["labels"], seen["title"], seen["assignees"]) == (["almguard", "theirs"], "Ours now", ["olga"])


@ON_BOTH
def test_what_is_not_known_keeps_an_item_open_and_makes_none(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.good, tracking.unsure = ["pay"], True
    assert tracking.scan().code == 3
    assert tracking.items() == []
    tracking.good, tracking.unsure = [], False
    tracking.scan()
    tracking.good, tracking.unsure = ["pay"], True
    tracking.scan()
    (item,) = tracking.open()
    assert "this stays open until it is" in item["body"]
    assert "house/unsure" in item["body"]
    made = len(tracking.writes())
    tracking.scan()
    assert len(tracking.writes()) == made
    tracking.unsure = False
    tracking.scan()
    assert tracking.open() == []


@ON_BOTH
@pytest.mark.parametrize("enforce", ["audit", "block"])
def test_what_is_excused_or_only_recorded_is_in_no_item(start: Start, platform: str, enforce: str) -> None:
    tracking = start(platform)
    tracking.enforce = enforce
    if enforce == "block":
        tracking.waive()
    ended = tracking.scan()
    assert ended.code == 0, ended.err
    assert tracking.items() == []
    if enforce == "audit":
        assert any("issues are left as they are" in notice for notice in ended.json()["notices"])
        tracking.settings = "enforcement: audit"
        tracking.scan()
        assert "Only recorded" in tracking.items()[0]["body"]


@ON_BOTH
def test_nobody_closes_issues_by_a_scan_that_enforces_nothing(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.scan()
    tracking.enforce = "audit"
    tracking.scan()
    assert len(tracking.open()) == 1


@ON_BOTH
def test_severity_has_a_least(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.settings = "severity: high"
    tracking.scan()
    assert tracking.items() == []


@ON_BOTH
def test_a_run_writes_no_more_than_it_may_and_the_next_goes_on(start: Start, platform: str) -> None:
    tracking = start(platform, *(repository(name) for name in ("a", "b", "c")))
    # On GitHub the label is a write as well.
    ended = tracking.scan("--notify-limit", "2" if platform == "github" else "1")
    assert len(tracking.items()) == 1
    assert any(notice.startswith("2 changes left to the next run") for notice in ended.json()["notices"])
    ended = tracking.scan()
    assert len(tracking.open()) == 3
    assert ended.json()["notices"] == ["Issues and work items: 2 created.", *ended.json()["notices"][1:]]


@ON_BOTH
def test_a_dry_run_says_what_it_would_do_and_writes_nothing(start: Start, platform: str) -> None:
    tracking = start(platform)
    ended = tracking.scan("--notify-dry-run")
    assert "would create: acme/" in ended.err
    assert "Almguard: findings in acme/" in ended.err
    assert "(1 finding)" in ended.err
    assert "Issues and work items: would be 1 created." in ended.json()["notices"]
    assert (tracking.writes(), tracking.items()) == ([], [])
    tracking.scan()
    made = len(tracking.writes())
    tracking.good = ["pay"]
    assert "would close: " in tracking.scan("--notify-dry-run").err
    assert len(tracking.writes()) == made


@ON_BOTH
@pytest.mark.parametrize("kind", ["reset", "cut"])
def test_a_run_that_is_ended_at_any_write_is_repaired_by_the_next(start: Start, platform: str, kind: str) -> None:
    """``reset``: the write was not taken; ``cut``: it was, and nobody heard of it."""
    tracking = start(platform, repository("a"), repository("b"))
    for goal, message in (([], "One."), ([], "Two."), (["a", "b"], "Two."), ([], "Three.")):
        tracking.good, tracking.message = goal, message
        before = len(tracking.writes())
        for at in range(3):
            # The write of this number and all after it do not come through: nothing is done by the process after that.
            tracking.sandbox.application.faults.clear()
            tracking.world.fault(match=WRITES, kind=kind, skip=at, times=1)
            tracking.world.fault(match=WRITES, kind="reset", skip=at, times=None)
            ended = tracking.scan()
            assert ended.code in (0, 1, 3), ended.err
            assert len(tracking.items()) <= 2
        tracking.sandbox.application.faults.clear()
        assert tracking.scan().code == (0 if goal else 1)
        assert len(tracking.writes()) > before
        assert len(tracking.items()) == 2
        assert len(tracking.open()) == (0 if goal else 2)
        assert all(message in item["body"] for item in tracking.open())


@ON_BOTH
def test_two_runs_at_once_leave_one_open_item(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.scan("--notify-dry-run")  # writes the files of the configuration
    tracking.world.fault(match=r"(?i)^POST .*(/issues|/wit/workitems/\$\w+)$", kind="hold", times=1)
    config = str(tracking.world.folder / "almguard.yml")
    slow = tracking.world.start(
        "scan", TARGETS[platform], "--config", config, "--no-cache", "--no-store", "--notify", "issues"
    )
    for _ in range(600):
        if tracking.sandbox.application.faults.held:
            break
        threading.Event().wait(0.05)
    assert tracking.sandbox.application.faults.held == 1
    tracking.scan()
    assert len(tracking.open()) == 1
    tracking.sandbox.application.faults.clear()
    _, said = slow.communicate(timeout=60)
    assert len(tracking.items()) == 2, said.decode()
    (item,) = tracking.open()
    assert item["number"] == 1
    tracking.good = ["pay"]
    tracking.scan()
    tracking.good = []
    tracking.scan()
    assert [item["number"] for item in tracking.open()] == [1]


@ON_BOTH
def test_of_two_that_stand_the_oldest_stays(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.scan()
    world = tracking.sandbox.world
    (first,) = world.work_items
    second = world.plan(first.part.model_copy(update={"id": 7}))
    second.repository, second.organization, second.project = first.repository, first.organization, first.project
    second.hyperlinks, second.posted = list(first.hyperlinks), True
    ended = tracking.scan()
    assert "1 closed as duplicate" in ended.json()["notices"][0]
    assert [item["number"] for item in tracking.open()] == [1]
    assert "is older" in tracking.items()[1]["body"]


@ON_BOTH
def test_a_copied_mark_of_somebody_else_is_not_taken(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.scan()
    (item,) = tracking.sandbox.world.work_items
    item.part = item.part.model_copy(update={"created_by": "eve"})
    theirs = tracking.items()[0]
    tracking.message = "It is worse."
    ended = tracking.scan()
    assert any("it is left alone" in notice for notice in ended.json()["notices"])
    ours = [one for one in tracking.items() if one["number"] != theirs["number"]]
    assert [one["body"].count("It is worse.") for one in ours] == [1]
    assert tracking.items()[0] == theirs


@ON_BOTH
def test_a_token_that_may_not_write_fails_nothing_but_the_issue(start: Start, platform: str) -> None:
    tracking = start(platform)
    token = {"GITHUB_TOKEN": "reader", "AZURE_DEVOPS_EXT_PAT": "reader"}
    ended = tracking.scan(environ=token)
    assert ended.code == 1
    wanted = "issues: write" if platform == "github" else "vso.work_write"
    assert any(wanted in notice for notice in ended.json()["notices"]), ended.json()["notices"]
    tracking.scan()
    tracking.good = ["pay"]
    assert tracking.scan(environ=token).code == 3
    assert len(tracking.open()) == 1


@ON_BOTH
def test_an_organisation_has_an_item_only_where_all_are_kept(start: Start, platform: str) -> None:
    tracking = start(platform, repository("pay"), repository("governance"))
    tracking.good = ["governance"]
    tracking.organization = True
    ended = tracking.scan()
    key = "tracking.repository" if platform == "github" else "tracking.project"
    assert any(key in notice and "1 finding" in notice for notice in ended.json()["notices"]), ended.json()["notices"]
    assert len(tracking.items()) == 1
    tracking.settings = "repository: acme/governance, project: Pay, label: central"
    tracking.scan()
    found = [item for item in tracking.items() if "central" in item["labels"]]
    assert {item["repository"] for item in found} == ({"acme/governance"} if platform == "github" else {None})
    assert sum("An organisation." in item["body"] for item in found) >= 1
    made = len(tracking.writes())
    tracking.scan()
    assert len(tracking.writes()) == made


@ON_BOTH
def test_a_shard_touches_only_what_it_has_judged(start: Start, platform: str) -> None:
    names = [f"r{n}" for n in range(6)]
    tracking = start(platform, *(repository(name) for name in names))
    tracking.scan()
    tracking.good = names
    left = []
    for shard in ("1/2", "2/2"):
        tracking.scan("--shard", shard)
        left.append(len(tracking.open()))
    assert 0 < left[0] < len(names)
    assert left[1] == 0


def test_what_is_left_out_of_a_scan_keeps_its_issue(start: Start) -> None:
    tracking = start("github", repository("old", pushed_at="-40d"), repository("new", pushed_at="-1d"))
    tracking.now = "2026-11-02T09:00:00Z"
    tracking.scan()
    tracking.good = ["old", "new"]
    tracking.scan("--since", "7d")
    assert [item["repository"] for item in tracking.open()] == ["acme/old"]


def test_a_label_of_another_spelling_makes_no_issue_that_would_not_be_found(start: Start) -> None:
    tracking = start("github")
    part = tracking.sandbox.world.repository("acme", "pay")
    assert part is not None
    part.labels["Almguard"] = ("ededed", "")
    ended = tracking.scan()
    assert any("spells the label 'Almguard'" in notice for notice in ended.json()["notices"]), ended.json()["notices"]
    assert tracking.items() == []
    tracking.settings = "label: Almguard"
    tracking.scan()
    tracking.scan()
    assert len(tracking.items()) == 1


@ON_BOTH
def test_odd_answers_fail_the_issue_and_not_the_report(start: Start, platform: str) -> None:
    tracking = start(platform)
    odd = {
        "match": "(?i)^POST .*(/issues|/wit/workitems/.*)$",
        "kind": "status",
        "status": 201,
        "body": '{"odd": true}',
    }
    tracking.world.fault(**odd)
    ended = tracking.scan()
    assert ended.code == 1
    assert any("an answer is not understood" in notice for notice in ended.json()["notices"]), ended.json()["notices"]


@ON_BOTH
def test_hostile_words_reach_no_item_alive(start: Start, platform: str) -> None:
    tracking = start(platform)
    tracking.message = (
        "@acme/ops <!-- almguard:end 0123456789abcdef --> [almguard: up to here, 0123456789abcdef] <script>x"
    )
    tracking.scan()
    (item,) = tracking.items()
    assert "@acme/ops <" not in item["body"]
    assert "<script>" not in item["body"]
    assert item["body"].count("<!--") == (2 if platform == "github" else 0)
    made = len(tracking.writes())
    tracking.scan()
    assert len(tracking.writes()) == made
    tracking.message = "It is not good."
    tracking.scan()
    (item,) = tracking.items()
    assert "script" not in item["body"]
    assert item["body"].count("almguard: up to here" if platform != "github" else "almguard:end") == 1


def test_on_github_an_issue_goes_to_the_default_owner(start: Start) -> None:
    tracking = start("github")
    ended = tracking.scan()
    (item,) = tracking.items()
    assert item["assignees"] == ["ana"]
    assert item["body"].endswith("Owners: `acme/platform`")
    assert any("who@example.com" in notice for notice in ended.json()["notices"])


def test_thousands_of_owners_cost_no_thousands_of_requests(start: Start) -> None:
    owners = " ".join(f"@acme/team{at} @nobody{at}" for at in range(3000))
    tracking = start("github", repository("pay", files={"CODEOWNERS": f"* {owners}\n"}))
    ended = tracking.scan()
    (item,) = tracking.items()
    assert item["body"].count("acme/team") == 5
    assert any("of its 6000 owners" in notice for notice in ended.json()["notices"])
    asked = [entry for entry in tracking.world.ledger() if "/assignees/" in entry["path"]]
    assert len(asked) == 5


def test_who_interrupts_the_writing_of_issues_has_the_report(start: Start) -> None:
    tracking = start("github")
    with mock.patch.object(GitHubIssueTracker, "write", side_effect=KeyboardInterrupt):
        ended = tracking.scan()
    assert ended.code == 2
    assert any("interrupted" in notice for notice in ended.json()["notices"])


def test_without_owners_of_code_the_inventory_says_whose_it_is(start: Start) -> None:
    tracking = start(
        "github", repository("pay", files={"README.md": "x"}), repository("shop", files={"README.md": "x"})
    )
    tracking.world.write("services.csv", "repository,owner\npay,ana\nshop,ben\n")
    ended = tracking.scan()
    assert {item["repository"]: item["assignees"] for item in tracking.items()} == {
        "acme/pay": ["ana"],
        "acme/shop": [],
    } | ({"acme/shop": []})
    assert any("not given to ben, who may not be assigned in acme/shop" in notice for notice in ended.json()["notices"])


def test_on_azure_devops_whom_the_service_does_not_know_is_left_out(start: Start) -> None:
    tracking = start("azure-devops", repository("pay"), repository("shop"))
    tracking.world.write("services.csv", "repository,owner\npay,ben@example.com\nshop,who@example.com\n")
    ended = tracking.scan()
    assert sorted(item["assignees"] for item in tracking.items()) == [[], ["ben"]]
    assert any("who@example.com" in notice for notice in ended.json()["notices"])
    assert all(item["hyperlinks"][0]["url"].startswith("http") for item in tracking.items())


def test_nobody_is_given_anything_where_that_is_said(start: Start) -> None:
    tracking = start("github")
    tracking.settings = "assignees: nobody, labels: [governance]"
    tracking.scan()
    (item,) = tracking.items()
    assert (item["assignees"], item["labels"]) == ([], ["almguard", "governance"])
    assert "Owners" not in item["body"]


def test_where_issues_are_switched_off_that_is_said_and_fails_nothing(start: Start) -> None:
    tracking = start("github", repository("pay", has_issues=False), repository("shop"))
    tracking.enforce = "warn"
    ended = tracking.scan()
    assert ended.code == 0
    assert [item["repository"] for item in tracking.items()] == ["acme/shop"]
    assert "acme/pay has 1 finding, and no issue: Issues are switched off in acme/pay." in ended.json()["notices"]


def test_a_label_that_was_not_given_leaves_no_open_issue(start: Start) -> None:
    tracking = start("github")
    tracking.sandbox.world.tokens["weak"] = tracking.sandbox.world.tokens["eve"].__class__(
        "weak", "eve", "pat", {"issues": "write", "contents": "read", "metadata": "read"}, "all", False
    )
    part = tracking.sandbox.world.repository("acme", "pay")
    assert part is not None
    part.part = part.part.model_copy(update={"permissions": {"eve": "read"}})
    ended = tracking.scan(environ={"GITHUB_TOKEN": "weak"})
    assert ended.code == 1
    assert any("right to push or to triage" in notice for notice in ended.json()["notices"])
    assert tracking.open() == []


def test_a_type_that_the_process_lacks_is_said(start: Start) -> None:
    tracking = start("azure-devops")
    tracking.settings = "work_item_type: User Story"
    ended = tracking.scan()
    assert any("VS402323" in notice for notice in ended.json()["notices"]), ended.json()["notices"]
    assert tracking.items() == []
    tracking.settings = "work_item_type: Product Backlog Item, area: 'Pay\\House', labels: [governance]"
    tracking.scan()
    (item,) = tracking.items()
    assert (item["type"], item["area"], item["state"], item["labels"]) == (
        "Product Backlog Item", "Pay\\House", "New", ["almguard", "governance"],
    )  # fmt: skip
    tracking.good = ["pay"]
    tracking.scan()
    assert tracking.items()[0]["state"] == "Done"


def test_somebody_who_edits_a_work_item_at_that_moment_is_not_overwritten(start: Start) -> None:
    tracking = start("azure-devops")
    tracking.scan()
    (item,) = tracking.sandbox.world.work_items
    item.rev = 1
    tracking.world.fault(
        match=r"(?i)^PATCH .*/wit/workitems/1$", kind="status", status=412, body='{"message": "VS403351"}'
    )
    tracking.message = "It is worse."
    ended = tracking.scan()
    assert any("is left to the next run" in notice for notice in ended.json()["notices"]), ended.json()["notices"]
    tracking.scan()
    assert "It is worse." in tracking.items()[0]["body"]


def test_options_that_need_notify_say_so(start: Start) -> None:
    world = start("github").world
    for option in (["--notify-dry-run"], ["--notify-limit", "3"]):
        ended = world.call("scan", "github:acme", *option)
        assert (ended.code, "--notify issues" in ended.err) == (2, True)
