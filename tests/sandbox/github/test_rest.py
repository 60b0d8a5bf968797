"""GitHub's manners over REST: pages, conditional requests, limits, and every way to say no."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import requests
from github import Auth, Github

if TYPE_CHECKING:
    from bot.sandbox.server import Sandbox

PAY = "/repos/acme/pay"


def ask(sandbox: Sandbox, path: str, token: str = "app-token", method: str = "GET", **more: Any) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}", **more.pop("headers", {})}
    return requests.request(method, sandbox.github_api + path, headers=headers, timeout=10, **more)


@pytest.fixture
def hub(shop: Sandbox) -> Github:
    return Github(
        auth=Auth.Token("app-token"),
        base_url=shop.github_api,
        seconds_between_requests=None,
        seconds_between_writes=None,
        retry=None,
    )


def test_pygithub_reads_everything_it_needs(hub: Github) -> None:
    repository = hub.get_repo("acme/pay")
    assert (repository.default_branch, repository.private, repository.permissions.admin) == ("main", True, True)
    pull = repository.get_pull(2)
    assert [commit.commit.message for commit in pull.get_commits()] == ["Move", "Drop the guide", "More"]
    assert {(file.filename, file.status, file.previous_filename) for file in pull.get_files()} == {
        ("docs/guide.md", "removed", None),
        ("src/main.py", "renamed", "src/app.py"),
        ("src/new.py", "added", None),
    }
    assert [(review.user.login, review.state) for review in pull.get_reviews()] == [
        ("cat", "APPROVED"),
        ("ana", "CHANGES_REQUESTED"),
        ("eve", "COMMENTED"),
    ]
    assert [comment.body for comment in pull.get_issue_comments()] == ["Nice."]
    protection = repository.get_branch("main").get_protection()
    assert protection.required_pull_request_reviews.required_approving_review_count == 2
    assert protection.required_status_checks.strict
    assert protection.enforce_admins
    assert repository.get_contents("src/app.py").decoded_content == b"LIMIT = 2\n"
    assert repository.get_release("v1.0.0").tag_name == "v1.0.0"
    assert [run.id for run in repository.get_workflow_runs()] == [502, 501]
    environment = repository.get_environment("production")
    assert [rule.type for rule in environment.protection_rules] == ["wait_timer", "required_reviewers", "branch_policy"]
    assert [team.slug for team in hub.get_organization("acme").get_teams()] == ["ops"]
    assert repository.compare("v1.0.0", "main").ahead_by > 0
    assert repository.get_collaborator_permission("dan") == "write"


def test_pygithub_posts_and_reads_back(hub: Github) -> None:
    repository = hub.get_repo("acme/pay")
    pull = repository.get_pull(4)
    run = repository.create_check_run(name="pygithub", head_sha=pull.head.sha, status="in_progress")
    output = {
        "title": "Two",
        "summary": "of them",
        "annotations": [
            {"path": "a", "start_line": 1, "end_line": 2, "annotation_level": "failure", "message": "bad"},
        ],
    }
    run.edit(conclusion="failure", output=output)
    again = repository.get_check_run(run.id)
    assert (again.status, again.conclusion, again.output.title) == ("completed", "failure", "Two")
    assert [(each.path, each.annotation_level) for each in again.get_annotations()] == [("a", "failure")]
    commit = repository.get_commit(pull.head.sha)
    commit.create_status("pending", context="pygithub")
    commit.create_status("success", context="pygithub")
    assert [status.state for status in commit.get_statuses()] == ["success", "pending"]
    assert [status.state for status in commit.get_combined_status().statuses] == ["success"]


def test_pages_are_linked_and_every_link_leads_on(shop: Sandbox) -> None:
    everything = ask(shop, f"{PAY}/pulls?state=all").json()
    url: str | None = f"{shop.github_api}{PAY}/pulls?state=all&per_page=2"
    found, pages = [], 0
    while url:
        answer = requests.get(url, headers={"Authorization": "Bearer app-token"}, timeout=10)
        found += answer.json()
        pages += 1
        assert ("last" in answer.links) == ("next" in answer.links)
        url = answer.links.get("next", {}).get("url")
    assert [each["number"] for each in found] == [each["number"] for each in everything] == [4, 3, 2, 1]
    assert pages == 2
    assert "Link" not in ask(shop, f"{PAY}/pulls?state=all").headers
    assert len(ask(shop, f"{PAY}/dependabot/alerts?per_page=1").json()) == 1
    cursor = ask(shop, f"{PAY}/dependabot/alerts?per_page=1").links["next"]["url"]
    assert "after=" in cursor
    assert "page=" not in cursor.replace("per_page=", "")


def test_an_unchanged_answer_is_304_and_costs_nothing(shop: Sandbox) -> None:
    first = ask(shop, PAY)
    same = ask(shop, PAY, headers={"If-None-Match": first.headers["ETag"]})
    assert (same.status_code, same.content, same.headers["ETag"]) == (304, b"", first.headers["ETag"])
    assert same.headers["x-ratelimit-remaining"] == first.headers["x-ratelimit-remaining"]
    other = ask(shop, PAY, "owner-token", headers={"If-None-Match": first.headers["ETag"]})
    assert other.status_code == 200  # an ETag belongs to its token
    fresh = ask(shop, PAY)
    assert int(fresh.headers["x-ratelimit-remaining"]) == int(first.headers["x-ratelimit-remaining"]) - 1
    assert ask(shop, "/rate_limit").json()["resources"]["core"]["limit"] == 5000


@pytest.mark.parametrize(
    ("token", "path", "status", "message"),
    [
        ("nobody", PAY, 401, "Bad credentials"),
        ("old-token", PAY, 401, "Bad credentials"),
        ("app-token", "/repos/acme/none", 404, "Not Found"),
        ("app-token", "/repos/acme/hidden", 404, "Not Found"),
        ("app-token", "/nothing", 404, "Not Found"),
        ("app-token", "/user", 403, "Resource not accessible by integration"),
        ("narrow-token", "/repos/acme/attic", 404, "Not Found"),
        ("narrow-token", "/repos/acme/web", 200, ""),
        ("narrow-token", "/repos/acme/web/issues", 200, ""),
        ("narrow-token", f"{PAY}/pulls", 200, ""),
        ("narrow-token", f"{PAY}/issues", 200, ""),  # pull_requests will do
        ("narrow-token", f"{PAY}/branches/main/protection", 403, "Resource not accessible by personal access token"),
        ("narrow-token", f"{PAY}/actions/runs", 403, "Resource not accessible by personal access token"),
        ("workflow-token", f"{PAY}/branches/main/protection", 403, "Resource not accessible by integration"),
        ("workflow-token", "/orgs/acme/members", 403, "Resource not accessible by integration"),
        ("workflow-token", "/orgs/acme/rulesets", 403, "Resource not accessible by integration"),
        ("greedy-workflow-token", "/orgs/acme/members", 403, "Resource not accessible by integration"),
        ("greedy-workflow-token", f"{PAY}/branches/main/protection", 403, "Resource not accessible by integration"),
        ("app-token", f"{PAY}/branches/release/1/protection", 404, "Branch not protected"),
        ("app-token", f"{PAY}/branches/none/protection", 404, "Branch not found"),
        ("app-token", "/repos/acme/attic/code-scanning/alerts", 403, "Advanced Security must be enabled"),
        ("app-token", "/repos/acme/web/code-scanning/alerts", 404, "no analysis found"),
        ("app-token", "/repos/acme/web/secret-scanning/alerts", 404, "Secret scanning is disabled"),
        ("app-token", "/repos/acme/attic/dependabot/alerts", 403, "archived"),
        ("app-token", "/repos/acme/blank/commits", 409, "Git Repository is empty."),
        ("app-token", f"{PAY}/commits/nope", 422, "No commit found for SHA: nope"),
        ("app-token", f"{PAY}/pulls/5", 404, "Not Found"),
        ("app-token", f"{PAY}/pulls?state=odd", 422, "Validation Failed"),
        ("app-token", "/repos/acme/web/immutable-releases", 404, "Not Found"),
    ],
)
def test_every_way_to_say_no(shop: Sandbox, token: str, path: str, status: int, message: str) -> None:
    answer = ask(shop, path, token)
    assert answer.status_code == status
    if status != 200:
        assert message in answer.json()["message"]
        assert answer.json()["status"] == str(status)
    if message.startswith("Resource not accessible by") and path != "/user":
        assert "=" in answer.headers["X-Accepted-GitHub-Permissions"]


def test_who_may_bypass_shows_only_to_administrators(shop: Sandbox) -> None:
    ident = ask(shop, f"{PAY}/rulesets").json()[0]["id"]
    assert "bypass_actors" in ask(shop, f"{PAY}/rulesets/{ident}").json()
    assert "bypass_actors" not in ask(shop, f"{PAY}/rulesets/{ident}", "workflow-token").json()
    assert "security_and_analysis" in ask(shop, PAY).json()
    assert "security_and_analysis" not in ask(shop, PAY, "workflow-token").json()
    assert "X-OAuth-Scopes" in ask(shop, PAY, "owner-token").headers
    assert "X-OAuth-Scopes" not in ask(shop, PAY).headers


@pytest.mark.parametrize(
    ("token", "path", "body", "status", "field"),
    [
        ("owner-token", f"{PAY}/check-runs", {"name": "x", "head_sha": "SHA"}, 403, None),
        ("narrow-token", f"{PAY}/statuses/SHA", {"state": "success"}, 403, None),
        ("app-token", f"{PAY}/check-runs", {"head_sha": "SHA"}, 422, "name"),
        ("app-token", f"{PAY}/check-runs", {"name": "x", "head_sha": "0" * 40}, 422, None),
        ("app-token", f"{PAY}/check-runs", {"name": "x", "head_sha": "SHA", "conclusion": "fine"}, 422, "conclusion"),
        ("app-token", f"{PAY}/check-runs", {"name": "x", "head_sha": "SHA", "status": "completed"}, 422, "conclusion"),
        (
            "app-token",
            f"{PAY}/check-runs",
            {"name": "x", "head_sha": "SHA", "output": {"title": "t"}},
            422,
            "output.summary",
        ),
        ("app-token", f"{PAY}/statuses/SHA", {"state": "odd"}, 422, "state"),
        ("app-token", f"{PAY}/statuses/SHA", {"state": "success", "description": "d" * 141}, 422, "description"),
        ("app-token", f"{PAY}/issues/2/comments", {}, 422, "body"),
        ("app-token", f"{PAY}/issues", {"body": "x"}, 422, "title"),
        (
            "app-token",
            f"{PAY}/actions/runs/501/deployment_protection_rule",
            {"environment_name": "odd", "state": "approved"},
            422,
            "environment_name",
        ),
        ("app-token", f"{PAY}/issues/2/comments", {"body": "b" * 65537}, 422, "data"),
        ("app-token", "/repos/acme/attic/statuses/SHA", {"state": "success"}, 403, None),
    ],
)
def test_bad_bodies_are_refused_and_leave_nothing(
    shop: Sandbox, token: str, path: str, body: dict[str, Any], status: int, field: str | None
) -> None:
    sha = ask(shop, f"{PAY}/pulls/2").json()["head"]["sha"]
    body = {key: sha if value == "SHA" else value for key, value in body.items()}
    before = requests.get(shop.url + "/_sandbox/state?repository=acme/pay", timeout=5).json()
    answer = ask(shop, path.replace("SHA", sha), token, "POST", json=body)
    assert answer.status_code == status
    if field:
        assert [error["field"] for error in answer.json()["errors"]] == [field]
    assert requests.get(shop.url + "/_sandbox/state?repository=acme/pay", timeout=5).json() == before


def test_a_body_that_is_no_json_is_400(shop: Sandbox) -> None:
    answer = ask(shop, f"{PAY}/check-runs", method="POST", data="{")
    assert (answer.status_code, answer.json()["message"]) == (400, "Problems parsing JSON")


def test_only_the_app_that_made_a_check_run_may_change_it(shop: Sandbox) -> None:
    sha = ask(shop, f"{PAY}/pulls/4").json()["head"]["sha"]
    made = ask(shop, f"{PAY}/check-runs", "workflow-token", "POST", json={"name": "w", "head_sha": sha}).json()
    assert made["app"]["slug"] == "github-actions"
    assert (
        ask(shop, f"{PAY}/check-runs/{made['id']}", "app-token", "PATCH", json={"status": "in_progress"}).status_code
        == 403
    )


def test_a_newer_run_of_a_check_supersedes_the_older(shop: Sandbox) -> None:
    path = f"{PAY}/commits/feature/change-2/check-runs"
    latest = {run["name"]: run["conclusion"] for run in ask(shop, path).json()["check_runs"]}
    assert latest == {"ci": "success", "scan": None}
    assert [run["name"] for run in ask(shop, path + "?filter=all&check_name=ci").json()["check_runs"]] == ["ci", "ci"]


def test_rules_of_a_branch_come_from_all_active_rulesets(shop: Sandbox) -> None:
    def rules(branch: str, repository: str = "pay") -> list[tuple[str, str]]:
        found = ask(shop, f"/repos/acme/{repository}/rules/branches/{branch}").json()
        return [(rule["type"], rule["ruleset_source"]) for rule in found]

    assert ("pull_request", "acme") in rules("main")
    assert ("required_linear_history", "acme/pay") in rules("main")
    assert rules("release/1") == [("required_signatures", "acme/pay"), ("pull_request", "acme/pay")]
    assert rules("main", "web") == [
        ("pull_request", "acme"),
        ("workflows", "acme"),
    ]  # what is only evaluated does not hold


def test_alerts_of_a_pull_request_are_its_own_and_those_already_there(shop: Sandbox) -> None:
    def numbers(query: str = "") -> set[int]:
        return {alert["number"] for alert in ask(shop, f"{PAY}/code-scanning/alerts{query}").json()}

    assert numbers() == {1, 2}
    assert numbers("?pr=2") == numbers("?ref=refs/pull/2/merge") == {1, 2, 3}
    assert numbers("?state=open") == {1}
    assert ask(shop, f"{PAY}/code-scanning/alerts/2").json()["dismissed_comment"] == "nobody calls it"


def test_a_newer_success_makes_the_older_inactive_outside_production(shop: Sandbox) -> None:
    def states(environment: str) -> list[list[str]]:
        found = ask(shop, f"{PAY}/deployments?environment={environment}").json()
        return [
            [status["state"] for status in ask(shop, f"{PAY}/deployments/{each['id']}/statuses").json()]
            for each in found
        ]

    assert states("staging") == [["success", "in_progress"], ["inactive", "success", "in_progress"]]
    assert states("production") == [["pending"], ["success", "in_progress"], ["failure", "in_progress"]]


def test_every_address_in_a_body_is_the_sandboxs(shop: Sandbox) -> None:
    def addresses(value: Any) -> list[str]:
        if isinstance(value, dict):
            return [each for inner in value.values() for each in addresses(inner)]
        if isinstance(value, list):
            return [each for inner in value for each in addresses(inner)]
        return [value] if isinstance(value, str) and value.startswith("http") else []

    for path in (PAY, f"{PAY}/pulls/2", f"{PAY}/commits/main", f"{PAY}/releases", "/orgs/acme", f"{PAY}/check-runs"):
        found = addresses(ask(shop, path).json())
        assert all(each.startswith(shop.url) or "docs.github.com" in each for each in found)


def test_the_pusher_is_in_the_activity_and_nowhere_else(shop: Sandbox) -> None:
    moves = ask(shop, f"{PAY}/activity?ref=refs/heads/feature/change-2").json()
    assert [(move["actor"]["login"], move["activity_type"]) for move in moves] == [
        ("ana", "push"),
        ("ben", "branch_creation"),
    ]


def test_issues_are_opened_changed_and_found_again(hub: Github) -> None:
    repository = hub.get_repo("acme/web")
    issue = repository.create_issue("Unprotected", body="why", labels=["governance"])
    assert (issue.number, issue.user.login, [label.name for label in issue.labels]) == (
        2,
        "almguard[bot]",
        ["governance"],
    )
    assert [each.number for each in repository.get_issues(labels=["governance"])] == [2]
    issue.edit(state="closed", state_reason="not_planned")
    again = repository.get_issue(2)
    assert (again.state, again.state_reason, again.body) == ("closed", "not_planned", "why")
    assert list(repository.get_issues(labels=["governance"])) == []


def test_an_app_signs_in_for_its_installation(shop: Sandbox) -> None:
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiIxIn0.c2ln"
    installation = ask(shop, f"{PAY}/installation", jwt).json()
    made = ask(shop, f"/app/installations/{installation['id']}/access_tokens", jwt, "POST")
    assert made.status_code == 201
    again = ask(shop, f"/app/installations/{installation['id']}/access_tokens", jwt, "POST").json()["token"]
    assert again != made.json()["token"]
    assert ask(shop, PAY, again).json() == ask(shop, PAY).json()
    assert ask(shop, "/app", jwt).json()["slug"] == "almguard"
    assert ask(shop, "/app/installations/1", jwt).status_code == 404
    assert ask(shop, PAY, jwt).status_code == 401  # the JWT itself reads nothing else
