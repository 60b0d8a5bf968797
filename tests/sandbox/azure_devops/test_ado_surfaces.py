"""What the client of the SDK does not show: paging, refusals, filters, and what follows from the scenario."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

import pytest

from bot.sandbox.azure_devops.api import AzureDevOps
from bot.sandbox.limits import Accounts
from bot.sandbox.scenario import Scenario
from bot.sandbox.server import Sandbox
from bot.sandbox.wire import Request
from bot.sandbox.world import World
from tests.sandbox.azure_devops.ado_world import Ask, ask

PAYMENTS = "Payments/_apis"
API = f"{PAYMENTS}/git/repositories/api"
TOKEN = "x-ms-continuationtoken"


def pages(get: Ask, path: str, size: int) -> list[list[object]]:
    found, token = [], ""
    while True:
        joint = "&" if "?" in path else "?"
        reply = get(f"{path}{joint}$top={size}&continuationToken={token or 0}")
        found.append(reply.json["value"])
        token = reply.headers.get(TOKEN, "")
        if not token:
            return found


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/refs",
        f"{PAYMENTS}/policy/configurations",
        f"{PAYMENTS}/build/definitions",
        f"{PAYMENTS}/build/builds",
        f"{PAYMENTS}/distributedtask/environments",
        f"{PAYMENTS}/distributedtask/environments/1/environmentdeploymentrecords",
        f"{PAYMENTS}/release/deployments",
        f"{PAYMENTS}/alert/repositories/api/alerts",
        "_apis/projects",
    ],
)
def test_pages_of_two_are_the_whole(get: Ask, path: str) -> None:
    whole = get(path).json["value"]
    cut = pages(get, path, 1)
    assert len(whole) > 1
    assert all(len(each) == 1 for each in cut)
    assert [row for each in cut for row in each] == whole


def test_top_and_skip(get: Ask) -> None:
    every = get(f"{API}/pullrequests?searchCriteria.status=all").json["value"]
    second = get(f"{API}/pullrequests?searchCriteria.status=all&$top=1&$skip=1").json["value"]
    assert second == every[1:2]
    changes = get(f"{API}/pullrequests/12/iterations/2/changes?$top=2").json
    assert (len(changes["changeEntries"]), changes["nextSkip"], changes["nextTop"]) == (2, 2, 1)


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        (f"{API}/items?path=/nope.txt", 404, "TF401174"),
        (f"{API}/items?path=/README.md&versionDescriptor.version=nope", 404, "TF401175"),
        (f"{API}/pullrequests/99", 404, "TF401180"),
        (f"{API}/pullrequests/9", 404, "TF401180"),
        (f"{API}/pullrequests/twelve", 400, "pullrequestid"),
        (f"{API}/commits/{'0' * 40}", 404, "could not be found"),
        (f"{API}/blobs/{'0' * 40}", 404, "blob"),
        (f"{API}/trees/{'0' * 40}", 404, "tree"),
        (f"{API}/pullrequests/12/iterations/3", 404, "iteration"),
        (f"{API}/pullrequests/12/threads/999", 404, "thread"),
        (f"{PAYMENTS}/wit/workitems/999", 404, "TF401232"),
        (f"{PAYMENTS}/wit/workitems/50", 404, "TF401232"),
        (f"{PAYMENTS}/wit/workitems/60", 404, "TF401232"),
        (f"{PAYMENTS}/wit/workitems?ids=45,999", 404, "TF401232: Work item 999"),
        (f"{PAYMENTS}/wit/workitems?ids={','.join(map(str, range(1, 202)))}", 400, "VS403474"),
        (f"{PAYMENTS}/build/builds/503", 404, "could not be found"),
        (f"{PAYMENTS}/build/definitions/77", 404, "77"),
        (f"{PAYMENTS}/policy/configurations/77", 404, "77"),
        (f"{PAYMENTS}/policy/evaluations?artifactId=nonsense", 400, "artifact"),
        (f"{PAYMENTS}/distributedtask/environments/77", 404, "77"),
        (f"{PAYMENTS}/release/releases/77", 404, "77"),
        (f"{PAYMENTS}/management/repositories/classic/enablement", 404, "not enabled"),
        (f"{PAYMENTS}/alert/repositories/classic/alerts", 404, "not enabled"),
        ("_apis/git/repositories/api", 404, "TF401019"),
    ],
)
def test_refusals(get: Ask, path: str, status: int, says: str) -> None:
    reply = get(path)
    assert reply.status == status
    assert says in reply.json["message"]
    assert {"$id", "innerException", "message", "typeName", "typeKey", "errorCode", "eventId"} == set(reply.json)


@pytest.mark.parametrize("path", ["commits", "items?scopePath=/", "stats/branches"])
def test_a_repository_without_any_branch(get: Ask, path: str) -> None:
    blank = "Web/_apis/git/repositories/blank"
    assert get(f"{blank}/refs").json == {"count": 0, "value": []}
    assert "defaultBranch" not in get(blank).json
    assert get(f"{blank}/{path}").json["message"].startswith("VS403403")


def test_items_in_every_form(get: Ask) -> None:
    path = f"{API}/items?path=/src/app.py"
    assert get(path).json["gitObjectType"] == "blob"
    assert "content" not in get(path).json
    assert get(f"{path}&includeContent=true").json["content"] == "print('one')\n"
    for form in (f"{path}&$format=text", f"{path}&$format=octetStream"):
        assert get(form).body == b"print('one')\n"
    assert get(path, Accept="text/plain").body == b"print('one')\n"
    tagged = get(f"{API}/items?path=/src/two.py&versionDescriptor.versionType=tag&versionDescriptor.version=v1.0")
    assert tagged.status == 404
    body = {"itemDescriptors": [{"path": "/src", "recursionLevel": "oneLevel"}, {"path": "/no"}]}
    folder, nothing = get(f"{API}/itemsbatch", method="POST", body=body).json["value"]
    assert [each["path"] for each in folder] == ["/src", "/src/app.py", "/src/change.py", "/src/one.py", "/src/two.py"]
    assert nothing == []


def test_an_organisations_lists_span_its_projects(get: Ask) -> None:
    assert [each["name"] for each in get("_apis/git/repositories").json["value"]] == ["api", "classic", "site", "blank"]


def test_commit_searches(get: Ask) -> None:
    def comments(query: str) -> list[str]:
        return [each["comment"] for each in get(f"{API}/commits?{query}").json["value"]]

    assert comments("searchCriteria.author=Ben+Okafor")[-1] == "First feature"
    only = "searchCriteria.itemVersion.version=main&searchCriteria.compareVersion.version=feature/limit"
    assert comments(only) == ["Move", "Raise it", "Add a limit"]
    assert comments("searchCriteria.fromDate=2026-11-10T00:00:00Z")[0].startswith("Merge")
    body = {"itemVersion": {"version": "main", "versionType": "branch"}, "compareVersion": {"version": "feature/limit"}}
    batch = get(f"{API}/commitsbatch", method="POST", body=body).json["value"]
    assert [each["comment"] for each in batch] == ["Move", "Raise it", "Add a limit"]


def test_systems_threads_tell_when_votes_were_cast(get: Ask) -> None:
    threads = get(f"{API}/pullrequests/12/threads").json["value"]
    votes = [
        each for each in threads if each["properties"].get("CodeReviewThreadType", {}).get("$value") == "VoteUpdate"
    ]
    told = [
        (
            each["identities"]["1"]["displayName"],
            each["properties"]["CodeReviewVoteResult"]["$value"],
            each["publishedDate"],
        )
        for each in votes
    ]
    assert told == [
        ("Ana López", "10", "2026-11-18T00:00:00Z"),
        ("Dee Novak", "10", "2026-11-19T12:00:00Z"),
        ("Cho Min", "-5", "2026-11-19T16:00:00Z"),
    ]
    assert all("status" not in each for each in votes)


def test_policies_follow_the_protections(get: Ask) -> None:
    every = {each["id"]: each for each in get(f"{PAYMENTS}/policy/configurations").json["value"]}
    shown = [
        (each["isEnabled"], each["isBlocking"], each["settings"]["scope"][0]["matchKind"]) for each in every.values()
    ]
    assert shown == [
        (True, True, "Prefix"),
        *[(True, True, "DefaultBranch")] * 5,
        (True, False, "DefaultBranch"),
        (False, True, "Exact"),
        (True, True, "Exact"),
    ]
    reviewers = every[2]["settings"]
    assert (reviewers["minimumApproverCount"], reviewers["resetOnSourcePush"], reviewers["blockLastPusherVote"]) == (
        2, True, True,
    )  # fmt: skip
    assert every[5]["settings"]["buildDefinitionId"] == 1
    assert every[6]["settings"]["authorId"]
    web = get("Web/_apis/policy/configurations").json["value"]
    assert [each["settings"]["scope"][0]["repositoryId"] for each in web] == [None]
    assert get(f"{PAYMENTS}/git/policy/configurations").json["count"] == 1


def test_alerts(get: Ask) -> None:
    every = get(f"{PAYMENTS}/alert/repositories/api/alerts").json["value"]
    assert [(each["alertType"], each["severity"], each["state"]) for each in every] == [
        ("secret", "critical", "active"), ("code", "high", "dismissed"), ("dependency", "low", "fixed")
    ]  # fmt: skip
    assert every[1]["dismissal"]["dismissalType"] == "falsePositive"
    chosen = get(f"{PAYMENTS}/alert/repositories/api/alerts?criteria.states=active&criteria.alertType=secret")
    assert [each["alertId"] for each in chosen.json["value"]] == [1]
    settings = get(f"{PAYMENTS}/management/repositories/api/enablement").json
    assert (settings["advSecEnabled"], settings["blockPushes"]) == (True, True)


def test_many_checks_at_once(get: Ask) -> None:
    body = [{"type": "environment", "id": "1"}, {"type": "environment", "id": "3"}, {"type": "queue", "id": "1"}]
    found = get(f"{PAYMENTS}/pipelines/checks/queryconfigurations?$expand=settings", method="POST", body=body).json
    assert [(each["resource"]["name"], each["type"]["name"]) for each in found["value"]] == [
        ("production", "Approval"), ("production", "Task Check"), ("live", "Approval")
    ]  # fmt: skip


def test_build_filters(get: Ask) -> None:
    def ids(query: str) -> list[int]:
        return [each["id"] for each in get(f"{PAYMENTS}/build/builds?{query}").json["value"]]

    assert ids("buildIds=501,502,503") == [502, 501]
    assert ids("deletedFilter=onlyDeleted") == [503]
    assert ids("resultFilter=failed&reasonFilter=individualCI") == [502]
    assert ids("buildNumber=v1.0") == [501]
    assert len(ids("branchName=" + quote("refs/pull/12/merge"))) == 1
    assert len(ids("reasonFilter=pullRequest")) == 1


def test_the_world_moves_on(world: Sandbox) -> None:
    acme, control = ask(f"{world.url}/acme"), ask(world.url)
    before = acme(f"{API}/pullrequests/12").json["lastMergeSourceCommit"]["commitId"]
    evaluations = f"{PAYMENTS}/policy/evaluations?artifactId=vstfs:///CodeReview/CodeReviewId/x/12"

    def build() -> str:
        rows = acme(evaluations).json["value"]
        return next(each["status"] for each in rows if each["configuration"]["type"]["displayName"] == "Build")

    assert build() == "rejected"
    pushed = {"by": "ana", "commits": [{"files": {"y": "z"}}]}
    control("_sandbox/events", method="POST", body={"repository": "acme/api", "pull_request": 12, "push": pushed})
    assert build() == "queued"
    control(
        "_sandbox/events",
        method="POST",
        body=[
            {"repository": "acme/api", "pull_request": 12, "push": {"by": "ana", "commits": [{"files": {"x": "y"}}]}},
            {"repository": "acme/api", "pull_request": 12, "review": {"by": "cho", "state": "approved"}},
            {"repository": "acme/api", "pull_request": 12, "check": {"name": "build", "pipeline": "api-ci"}},
        ],
    )
    assert build() == "approved"
    after = acme(f"{API}/pullrequests/12").json
    assert after["lastMergeSourceCommit"]["commitId"] != before
    assert {each["displayName"]: each["vote"] for each in after["reviewers"]}["Dee Novak"] == 0
    assert {each["displayName"]: each["vote"] for each in after["reviewers"]}["Cho Min"] == 10
    assert acme(f"{API}/pullrequests/12/iterations").json["value"][-1]["author"]["displayName"] == "Ana López"


def test_an_answer_takes_well_below_two_milliseconds(scenario: Scenario) -> None:
    application = AzureDevOps(World(scenario), "http://127.0.0.1:1", Accounts())
    headers = {"authorization": "Bearer all", "accept": "application/json;api-version=7.1-preview"}
    slow = {}
    for path in (
        f"{API}/pullrequests/12", f"{API}/pullrequests/12/threads", f"{API}/refs", f"{PAYMENTS}/policy/configurations",
        f"{PAYMENTS}/build/builds", f"{PAYMENTS}/wit/workitems/45?$expand=all", f"{API}/pullrequests/12/iterations",
    ):  # fmt: skip
        request = Request.of("GET", f"/acme/{path}", headers)
        times = []
        for _ in range(12):
            start = time.perf_counter()
            response = application.handle(request)
            json.dumps(response.body)
            times.append(time.perf_counter() - start)
            assert response.status == 200
        if min(times) > 0.002:
            slow[path] = min(times)
    assert slow == {}
