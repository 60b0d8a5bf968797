"""Who counts, who does not, and what is said of it: the same on both platforms; and what finding it out costs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
import yaml

from bot.cli.judgement import target
from bot.engine.judging import judge
from bot.model.results import Result
from bot.policy.load import load_configuration
from tests.parity.conftest import NoFiles
from tests.platforms.served import Served

TARGETS = {"github": "github:acme/pay#1", "azure": "ado:acme/Pay/pay!1"}
WORK = {"message": "Work", "files": {"src/work.py": "WORK = 1\n"}}
APPROVED = {"by": "bo", "state": "approved", "at": "-1d"}


def world(**pull_request: Any) -> dict[str, Any]:
    given = {"number": 1, "author": "ana", "created_at": "-3d", "pushes": [{"at": "-2d", "commits": [WORK]}]}
    return {
        "tokens": {"all": {}},
        "organizations": [{"name": "acme", "owners": ["olga"], "projects": [{"name": "Pay"}]}],
        "repositories": [
            {
                "name": "pay",
                "permissions": {"ana": "write", "bo": "write", "cy": "write", "rita": "read"},
                "pull_requests": [{**given, **pull_request}],
            }
        ],
    }


@pytest.fixture
def houses() -> Iterator[list[Served]]:
    served: list[Served] = []
    yield served
    for one in served:
        one.close()


@pytest.fixture(params=list(TARGETS))
def platform(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def judged(served: Served, platform: str, **parameters: Any) -> Result:
    policy = {
        "apiVersion": "almguard/v1",
        "kind": "Policy",
        "metadata": {"name": "people"},
        "rules": [{"rule": "approvals", "enforce": "block", "with": parameters}],
    }
    provider = served.provider(platform)
    subject = provider.resolve(target(TARGETS[platform]))
    configuration = load_configuration(yaml.safe_dump(policy), "policy.yml", files=NoFiles())
    (result,) = judge(configuration, [subject], provider, {datetime: served.sandbox.world.now}).results
    return result


def outcome(result: Result) -> str:
    return f"{result.outcome.value}: {' '.join(finding.message for finding in result.findings)}".rstrip(": ")


def test_whose_commit_it_is_tells_the_mail_address_too(houses: list[Served], platform: str) -> None:
    """On Azure DevOps a sign-in name is often another than the address that commits have."""
    commit = {**WORK, "author": "bo", "committer": "bo"}
    scenario = world(pushes=[{"at": "-2d", "commits": [commit]}], reviews=[APPROVED])
    scenario["people"] = {"bo": {"email": "robert.smith@mail.example.com"}}
    houses.append(Served(scenario))
    found = outcome(judged(houses[0], platform))
    assert found.startswith("fail: 0 of 1 approvals, 1 missing. Not counted: bo"), found
    assert "is author of commit" in found


SAID = {
    "approves": ({"by": "bo", "body": "LGTM, ship it", "at": "-1d"}, "pass"),
    "in a quote": ({"by": "bo", "body": "> LGTM\n\nWho says so?", "at": "-1d"}, "fail"),
    "of a line": ({"by": "bo", "body": "LGTM", "at": "-1d", "path": "src/work.py", "line": 1}, "fail"),
    "by the author": ({"by": "ana", "body": "LGTM", "at": "-1d"}, "fail"),
    "by a reader": ({"by": "rita", "body": "LGTM", "at": "-1d"}, "fail"),
    "before the last push": ({"by": "bo", "body": "LGTM", "at": "-60h"}, "fail"),
}


@pytest.mark.parametrize("said", SAID)
def test_a_comment_approves_where_the_policy_has_a_pattern(houses: list[Served], platform: str, said: str) -> None:
    comment, expected = SAID[said]
    opened = {"at": "-3d", "commits": [{**WORK, "files": {"src/first.py": "1\n"}}]}
    pushes = [opened, {"at": "-2d", "commits": [WORK]}]
    houses.append(Served(world(threads=[comment], pushes=pushes)))
    found = judged(houses[0], platform, comment_pattern=r"(?i)\blgtm\b")
    assert found.outcome.value == expected, outcome(found)
    assert judged(houses[0], platform).outcome.value == "fail", "no comment approves by itself"


def test_a_comment_that_somebody_else_has_edited_approves_nothing(houses: list[Served]) -> None:
    """Whoever may push to a repository of GitHub may edit what others have said there."""
    houses.append(Served(world(threads=[{"by": "bo", "body": "LGTM", "at": "-1d"}])))
    assert judged(houses[0], "github", comment_pattern="LGTM").outcome.value == "pass"
    (comment,) = houses[0].sandbox.world.repositories[0].issue_comments
    comment.editor = "bo"
    assert judged(houses[0], "github", comment_pattern="LGTM").outcome.value == "pass"
    comment.editor = "ana"
    assert judged(houses[0], "github", comment_pattern="LGTM").outcome.value == "fail"


def test_a_comment_approval_outlives_a_rebase(houses: list[Served], platform: str) -> None:
    pushes = [{"at": "-2d", "commits": [WORK]}, {"at": "-1h", "force": True, "commits": [WORK]}]
    houses.append(Served(world(threads=[{"by": "bo", "body": "LGTM", "at": "-1d"}], pushes=pushes)))
    assert judged(houses[0], platform, comment_pattern="LGTM").outcome.value == "pass"
    assert judged(houses[0], platform, comment_pattern="LGTM", keep_on=["update-merge"]).outcome.value == "fail"


def test_the_finding_says_how_many_who_counted_who_did_not_and_who_can(houses: list[Served], platform: str) -> None:
    reviews = [APPROVED, {**APPROVED, "by": "ana"}, {**APPROVED, "by": "rita"}, {**APPROVED, "by": "cy", "at": "-60h"}]
    opened = {"at": "-3d", "commits": [{**WORK, "files": {"src/first.py": "1\n"}}]}
    pushes = [opened, {"at": "-2d", "commits": [WORK]}]
    scenario = world(reviews=reviews, pushes=pushes)
    scenario["teams"] = {name: {"members": ["olga"]} for name in ("a", "b", "c", "d", "e", "f")}
    houses.append(Served(scenario))
    users = ["bo", "cy", "bo@example.com", "cy@example.com", "ana", "ana@example.com"]
    result = judged(
        houses[0], platform, minimum=3, **{"from": {"users": users, "teams": ["a", "b", "c", "d", "e", "f"]}}
    )
    (finding,) = result.findings
    name = "{}".format if platform == "github" else "{}@example.com".format
    assert finding.awaiting
    assert finding.message.startswith(f"1 of 3 approvals, 2 missing. Counted: {name('bo')}. Not counted: ")
    for reason in (
        f"{name('ana')} (is the author)",
        f"{name('rita')} (is not named under from.users; belongs to no team under from.teams)",
        f"{name('cy')} (approved ",
    ):
        assert reason in finding.message
    said = finding.fix.partition("Can still approve: ")[2]
    assert said.startswith(f"{name('cy')} (again), ")
    assert len(said.rstrip(".").split(", ")) == 5, said
    assert name("ana") not in said.split(", ")
    assert [(one.what, one.ok) for one in finding.evidence].count(("approved, counted", True)) == 1


def test_a_finding_of_owners_says_who_owns(houses: list[Served]) -> None:
    """Azure DevOps' owners are those of policies, which the differential test posts."""
    scenario = world(reviews=[APPROVED])
    scenario["repositories"][0]["files"] = {"CODEOWNERS": "/src/ @cy @acme/core\n", "README.md": "x\n"}
    scenario["teams"] = {"core": {"members": ["olga"]}}
    houses.append(Served(scenario))
    anybody = judged(houses[0], "github", **{"from": {"code_owners": True, "permissions": ["write"]}})
    assert anybody.outcome.value == "pass", "who counts in another way speaks for owned files too"
    (finding,) = judged(houses[0], "github", **{"from": {"code_owners": True, "users": ["rita"]}}).findings
    assert "bo (is not named under from.users; owns none of the changed files)" in finding.message
    assert "Can still approve: rita, cy, team acme/core." in finding.fix


MANY = [f"member-{number}" for number in range(5_000)]


def test_of_a_team_of_thousands_only_reviewers_are_looked_up(houses: list[Served], platform: str) -> None:
    reviews = [{"by": by, "state": "approved", "at": "-1d"} for by in ("bo", "cy", MANY[-1])]
    scenario = world(reviews=reviews)
    scenario["teams"] = {
        "everyone": {"members": MANY[:2_000], "teams": ["more"]},
        "more": {"members": [*MANY[2_000:], "cy"]},
    }
    scenario["repositories"][0]["permissions"]["team:everyone"] = "write"
    houses.append(Served(scenario))
    result = judged(houses[0], platform, minimum=2, **{"from": {"teams": ["everyone"]}})
    assert result.outcome.value == "pass", outcome(result)
    counted = sorted(one.value.partition("@")[0] for one in result.evidence if one.what == "approved, counted")
    assert counted == ["cy", MANY[-1]], "members of a team within the team, and nobody else"
    entries = houses[0].sandbox.application.ledger.entries
    asked = [f"{one.method} {one.path}" for one in entries]
    if platform == "github":
        assert sum("/memberships/" in line for line in asked) == 3
        assert sum("graphql" in line for line in asked) == 2, asked
    else:
        assert sum("/identities" in line.lower() for line in asked) == 2, asked
    assert len(asked) <= 10, asked


def test_of_a_team_of_thousands_whoever_asks_for_all_gets_all(houses: list[Served]) -> None:
    scenario = world()
    scenario["teams"] = {"everyone": {"members": MANY[:250]}}
    houses.append(Served(scenario))
    provider = houses[0].provider("github")
    subject = provider.resolve(target(TARGETS["github"]))
    policy = {
        "apiVersion": "almguard/v1",
        "kind": "Policy",
        "metadata": {"name": "people"},
        "rules": [
            {"rule": "approvals", "enforce": "warn", "with": {"from": {"teams": ["everyone"]}}},
            {
                "name": "all",
                "subject": "pull_request",
                "enforce": "block",
                "assert": "teams.members['everyone'].size() == 250",
                "message": "{{ teams.members['everyone'].size() }}",
            },
        ],
    }
    configuration = load_configuration(yaml.safe_dump(policy), "policy.yml", files=NoFiles())
    results = judge(configuration, [subject], provider, {datetime: houses[0].sandbox.world.now}).results
    assert [one.outcome.value for one in results] == ["fail", "pass"], [outcome(one) for one in results]
