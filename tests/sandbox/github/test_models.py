"""Every body is one that githubkit's models, made from GitHub's own OpenAPI description, accept."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from githubkit import GitHub, TokenAuthStrategy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from bot.sandbox.server import Sandbox

R = {"owner": "acme", "repo": "pay"}

CALLS: dict[str, Callable[[Any, Sandbox], Any]] = {
    "/": lambda g, _: g.meta.root(),
    "/meta": lambda g, _: g.meta.get(),
    "/rate_limit": lambda g, _: g.rate_limit.get(),
    "/installation/repositories": lambda g, _: g.apps.list_repos_accessible_to_installation(),
    "/app": lambda g, _: g.apps.get_authenticated(),
    "/repos/installation": lambda g, _: g.apps.get_repo_installation(**R),
    "/users/ana": lambda g, _: g.users.get_by_username("ana"),
    "/orgs/acme": lambda g, _: g.orgs.get("acme"),
    "/orgs/acme/repos": lambda g, _: g.repos.list_for_org("acme"),
    "/orgs/acme/members": lambda g, _: g.orgs.list_members("acme"),
    "/orgs/acme/memberships": lambda g, _: g.orgs.get_membership_for_user("acme", "ana"),
    "/orgs/acme/teams": lambda g, _: g.teams.list("acme"),
    "/orgs/acme/teams/ops": lambda g, _: g.teams.get_by_name("acme", "ops"),
    "/orgs/acme/teams/ops/members": lambda g, _: g.teams.list_members_in_org("acme", "ops"),
    "/orgs/acme/rulesets": lambda g, _: g.repos.get_org_rulesets("acme"),
    "/orgs/acme/properties/values": lambda g, _: g.orgs.custom_properties_for_repos_get_organization_values("acme"),
    "/orgs/acme/code-scanning/alerts": lambda g, _: g.code_scanning.list_alerts_for_org("acme"),
    "/orgs/acme/secret-scanning/alerts": lambda g, _: g.secret_scanning.list_alerts_for_org("acme"),
    "/orgs/acme/dependabot/alerts": lambda g, _: g.dependabot.list_alerts_for_org("acme"),
    "/repos": lambda g, _: g.repos.get(**R),
    "/branches": lambda g, _: g.repos.list_branches(**R),
    "/branches/main": lambda g, _: g.repos.get_branch(**R, branch="main"),
    "/branches/release/1": lambda g, _: g.repos.get_branch(**R, branch="release/1"),
    "/branches/main/protection": lambda g, _: g.repos.get_branch_protection(**R, branch="main"),
    "/rules/branches/main": lambda g, _: g.repos.get_branch_rules(**R, branch="main"),
    "/rulesets": lambda g, _: g.repos.get_repo_rulesets(**R),
    "/collaborators": lambda g, _: g.repos.list_collaborators(**R),
    "/collaborators/ana/permission": lambda g, _: g.repos.get_collaborator_permission_level(**R, username="ana"),
    "/teams": lambda g, _: g.repos.list_teams(**R),
    "/topics": lambda g, _: g.repos.get_all_topics(**R),
    "/tags": lambda g, _: g.repos.list_tags(**R),
    "/properties/values": lambda g, _: g.repos.custom_properties_for_repos_get_repository_values(**R),
    "/activity": lambda g, _: g.repos.list_activities(**R),
    "/pulls": lambda g, _: g.pulls.list(**R, state="all"),
    "/pulls/1": lambda g, _: g.pulls.get(**R, pull_number=1),
    "/pulls/2": lambda g, _: g.pulls.get(**R, pull_number=2),
    "/pulls/3 (fork)": lambda g, _: g.pulls.get(**R, pull_number=3),
    "/pulls/2/commits": lambda g, _: g.pulls.list_commits(**R, pull_number=2),
    "/pulls/2/files": lambda g, _: g.pulls.list_files(**R, pull_number=2),
    "/pulls/2/reviews": lambda g, _: g.pulls.list_reviews(**R, pull_number=2),
    "/pulls/2/comments": lambda g, _: g.pulls.list_review_comments(**R, pull_number=2),
    "/pulls/2/requested_reviewers": lambda g, _: g.pulls.list_requested_reviewers(**R, pull_number=2),
    "/issues": lambda g, _: g.issues.list_for_repo(**R, state="all"),
    "/issues/7": lambda g, _: g.issues.get(**R, issue_number=7),
    "/issues/2 (a pull request)": lambda g, _: g.issues.get(**R, issue_number=2),
    "/issues/2/comments": lambda g, _: g.issues.list_comments(**R, issue_number=2),
    "/commits": lambda g, _: g.repos.list_commits(**R),
    "/commits/main": lambda g, _: g.repos.get_commit(**R, ref="main"),
    "/commits/REF/check-runs": lambda g, _: g.checks.list_for_ref(**R, ref="feature/change-2"),
    "/commits/REF/statuses": lambda g, _: g.repos.list_commit_statuses_for_ref(**R, ref="feature/change-2"),
    "/commits/REF/status": lambda g, _: g.repos.get_combined_status_for_ref(**R, ref="feature/change-2"),
    "/commits/SHA/pulls": lambda g, s: g.repos.list_pull_requests_associated_with_commit(
        **R, commit_sha=s.world.repository("acme", "pay").pull_requests[2].head
    ),
    "/compare": lambda g, _: g.repos.compare_commits(**R, basehead="v1.0.0...main"),
    "/contents/FILE": lambda g, _: g.repos.get_content(**R, path="src/app.py"),
    "/contents/FOLDER": lambda g, _: g.repos.get_content(**R, path="src"),
    "/git/ref": lambda g, _: g.git.get_ref(**R, ref="heads/main"),
    "/git/ref of an annotated tag": lambda g, _: g.git.get_ref(**R, ref="tags/audited"),
    "/git/tags": lambda g, _: g.git.get_tag(
        **R, tag_sha=g.git.get_ref(**R, ref="tags/audited").parsed_data.object_.sha
    ),
    "/git/matching-refs": lambda g, _: g.git.list_matching_refs(**R, ref="tags/v"),
    "/git/trees": lambda g, _: g.git.get_tree(**R, tree_sha="main", recursive="1"),
    "/git/commits": lambda g, s: g.git.get_commit(**R, commit_sha=s.world.repository("acme", "pay").tip),
    "/git/blobs": lambda g, s: g.git.get_blob(**R, file_sha=next(iter(s.world.repository("acme", "pay").git.blobs))),
    "/actions/workflows": lambda g, _: g.actions.list_repo_workflows(**R),
    "/actions/workflows/ci.yml": lambda g, _: g.actions.get_workflow(**R, workflow_id="ci.yml"),
    "/actions/runs": lambda g, _: g.actions.list_workflow_runs_for_repo(**R),
    "/actions/workflows/ci.yml/runs": lambda g, _: g.actions.list_workflow_runs(**R, workflow_id="ci.yml"),
    "/actions/runs/501": lambda g, _: g.actions.get_workflow_run(**R, run_id=501),
    "/actions/runs/501/artifacts": lambda g, _: g.actions.list_workflow_run_artifacts(**R, run_id=501),
    "/actions/artifacts": lambda g, _: g.actions.list_artifacts_for_repo(**R),
    "/actions/permissions": lambda g, _: g.actions.get_github_actions_permissions_repository(**R),
    "/actions/permissions/workflow": lambda g, _: g.actions.get_github_actions_default_workflow_permissions_repository(
        **R
    ),
    "/environments": lambda g, _: g.repos.get_all_environments(**R),
    "/environments/production": lambda g, _: g.repos.get_environment(**R, environment_name="production"),
    "/environments/production/deployment-branch-policies": lambda g, _: g.repos.list_deployment_branch_policies(
        **R, environment_name="production"
    ),
    "/deployments": lambda g, _: g.repos.list_deployments(**R),
    "/deployments/ID/statuses": lambda g, _: g.repos.list_deployment_statuses(
        **R, deployment_id=g.repos.list_deployments(**R).parsed_data[0].id
    ),
    "/releases": lambda g, _: g.repos.list_releases(**R),
    "/releases/latest": lambda g, _: g.repos.get_latest_release(**R),
    "/releases/tags/v1.0.0": lambda g, _: g.repos.get_release_by_tag(**R, tag="v1.0.0"),
    "/immutable-releases": lambda g, _: g.repos.check_immutable_releases(**R),
    "/attestations": lambda g, _: g.repos.list_attestations(**R, subject_digest="sha256:beef"),
    "/code-scanning/alerts": lambda g, _: g.code_scanning.list_alerts_for_repo(**R),
    "/code-scanning/alerts/1": lambda g, _: g.code_scanning.get_alert(**R, alert_number=1),
    "/secret-scanning/alerts": lambda g, _: g.secret_scanning.list_alerts_for_repo(**R),
    "/dependabot/alerts": lambda g, _: g.dependabot.list_alerts_for_repo(**R),
}


@pytest.fixture
def rest(shop: Sandbox) -> Iterator[Any]:
    strategy = TokenAuthStrategy("app-token")
    with GitHub(strategy, base_url=shop.github_api, http_cache=False, auto_retry=False) as client:
        yield client.rest("2026-03-10")


@pytest.mark.parametrize("name", CALLS)
def test_body_is_what_the_model_wants(shop: Sandbox, rest: Any, name: str) -> None:
    response = CALLS[name](rest, shop)
    assert response.status_code == 200
    body = response.parsed_data
    # An empty list would satisfy any model.
    assert body if isinstance(body, list) else body.model_dump(exclude_unset=True)


def test_each_ruleset_in_full(rest: Any) -> None:
    rulesets = {each.name: each.id for each in rest.repos.get_repo_rulesets(**R).parsed_data}
    assert list(rulesets) == ["main", "releases", "everywhere"]
    found = {name: rest.repos.get_repo_ruleset(**R, ruleset_id=ident).parsed_data for name, ident in rulesets.items()}
    assert [rule.type for rule in found["main"].rules] == [
        "deletion",
        "non_fast_forward",
        "required_linear_history",
        "pull_request",
        "required_status_checks",
    ]
    assert [actor.actor_type for actor in found["main"].bypass_actors] == [
        "RepositoryRole",
        "User",
        "Team",
        "Integration",
    ]
    assert found["everywhere"].source_type == "Organization"
    organization = rest.repos.get_org_ruleset(org="acme", ruleset_id=rulesets["everywhere"]).parsed_data
    assert organization.conditions.repository_name.include == ["~ALL"]


def test_what_is_posted_has_the_models_form_too(shop: Sandbox, rest: Any) -> None:
    sha = shop.world.repository("acme", "pay").pull_requests[4].head
    run = rest.checks.create(**R, name="posted", head_sha=sha, status="in_progress").parsed_data
    done = rest.checks.update(**R, check_run_id=run.id, conclusion="success").parsed_data
    assert (run.status, done.status, done.conclusion) == ("in_progress", "completed", "success")
    status = rest.repos.create_commit_status(**R, sha=sha, state="pending", context="posted").parsed_data
    assert (status.state, status.context) == ("pending", "posted")
    comment = rest.issues.create_comment(**R, issue_number=4, body="one").parsed_data
    edited = rest.issues.update_comment(**R, comment_id=comment.id, body="two").parsed_data
    assert (edited.id, edited.body, edited.user.login) == (comment.id, "two", "almguard[bot]")
    assert rest.issues.delete_comment(**R, comment_id=comment.id).status_code == 204
    asked = rest.pulls.request_reviewers(**R, pull_number=4, team_reviewers=["ops"]).parsed_data
    assert [team.slug for team in asked.requested_teams] == ["ops"]
    removed = rest.pulls.remove_requested_reviewers(**R, pull_number=4, reviewers=[], team_reviewers=["ops"])
    assert removed.parsed_data.requested_teams == []
    events = rest.issues.list_events(**R, issue_number=4).parsed_data
    assert [one.event for one in events] == ["review_requested", "review_request_removed"]
