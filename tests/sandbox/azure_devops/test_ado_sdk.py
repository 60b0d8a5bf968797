"""Microsoft's own client (7.1) reads every surface, and posts what a bot posts."""

from __future__ import annotations

from typing import Any

import pytest

from bot.sandbox.server import Sandbox
from tests.sandbox.azure_devops.ado_world import Ask, ask, connect


@pytest.fixture
def clients(connection: Any) -> Any:
    return connection.clients_v7_1


@pytest.fixture
def git(clients: Any) -> Any:
    return clients.get_git_client()


def test_projects_and_people(clients: Any) -> None:
    core = clients.get_core_client()
    assert [each.name for each in core.get_projects()] == ["Payments", "Web"]
    project = core.get_project("payments")
    assert {each.name: each.value for each in core.get_project_properties(project.id)}["tier"] == "critical"
    assert [each.name for each in core.get_teams("Payments")] == ["ops"]
    members = core.get_team_members_with_extended_properties("Payments", "ops")
    assert [each.identity.unique_name for each in members] == ["cho@example.com", "dee@example.com"]
    data = clients.get_location_client().get_connection_data()
    assert data.authenticated_user.provider_display_name == "Ana López"


def test_identities_and_graph(clients: Any) -> None:
    identity = clients.get_identity_client()
    (ben,) = identity.read_identities(search_filter="General", filter_value="ben@example.com")
    assert identity.read_identity(ben.id).provider_display_name == "Ben Okafor"
    (ops,) = identity.read_identities(search_filter="LocalGroupName", filter_value="ops", query_membership="expanded")
    assert ops.is_container
    assert len(ops.member_ids) == 2
    graph = clients.get_graph_client()
    users = graph.list_users()
    dee = next(each for each in users.graph_users if each.directory_alias == "dee")
    (membership,) = graph.list_memberships(dee.descriptor)
    assert graph.get_group(membership.container_descriptor).display_name == "ops"
    assert graph.get_storage_key(dee.descriptor).value == dee.origin_id
    assert graph.get_descriptor(dee.origin_id).value == dee.descriptor
    down = graph.list_memberships(membership.container_descriptor, direction="down")
    assert {each.member_descriptor for each in down} >= {dee.descriptor}
    graph.check_membership_existence(dee.descriptor, membership.container_descriptor)


def test_git_reads(git: Any) -> None:
    from azure.devops.v7_1.git.models import GitQueryCommitsCriteria, GitVersionDescriptor

    assert [each.name for each in git.get_repositories("Payments")] == ["api", "classic"]
    repository = git.get_repository("API", "payments")
    assert repository.default_branch == "refs/heads/main"
    refs = git.get_refs(repository.id, "Payments", filter="heads/")
    assert {each.name for each in refs} >= {"refs/heads/main", "refs/heads/feature/limit"}
    text = b"".join(git.get_item_text(repository.id, "src/app.py", project="Payments")).decode()
    assert text == "print('one')\n"
    assert git.get_item(repository.id, "src/app.py", project="Payments", include_content=True).content == text
    version = GitVersionDescriptor(version="feature/limit", version_type="branch")
    changed = git.get_item(repository.id, "src/limit.py", "Payments", version_descriptor=version, include_content=True)
    assert changed.content == "LIMIT = 2\n"
    assert len(git.get_items(repository.id, "Payments", scope_path="/", recursion_level="full")) > 5
    found = git.get_commits(repository.id, GitQueryCommitsCriteria(item_path="/src/two.py"), "Payments")
    assert [each.comment for each in found] == ["Second feature"]
    commit = git.get_commit(found[0].commit_id, repository.id, "Payments", change_count=5)
    assert commit.push.pushed_by.display_name == "Cho Min"
    assert commit.changes[0]["item"]["path"] == "/src/two.py"
    assert git.get_changes(commit.commit_id, repository.id, "Payments").change_counts == {"Add": 1}
    tree = git.get_tree(repository.id, commit.tree_id, "Payments", recursive=True)
    blob = next(each for each in tree.tree_entries if each.relative_path == "src/two.py")
    assert b"".join(git.get_blob_content(repository.id, blob.object_id, "Payments")) == b"TWO = 2\n"
    assert {each.name for each in git.get_branches(repository.id, "Payments")} >= {"main", "release/1.0"}
    assert git.get_branch(repository.id, "feature/limit", "Payments").ahead_count == 3


def test_annotated_tags(git: Any) -> None:
    refs = git.get_refs("api", "Payments", filter="tags/v1.0", peel_tags=True)
    (tag,) = refs
    assert tag.peeled_object_id != tag.object_id
    read = git.get_annotated_tag("Payments", "api", tag.object_id)
    assert read.tagged_object.object_id == tag.peeled_object_id
    (light,) = git.get_refs("api", "Payments", filter="tags/light", peel_tags=True)
    assert light.peeled_object_id is None
    (heavy,) = git.get_refs("api", "Payments", filter="tags/heavy", peel_tags=True)
    assert heavy.peeled_object_id == light.object_id
    assert git.get_annotated_tag("Payments", "api", heavy.object_id).message == "Tag heavy"


def test_diffs_and_pushes(git: Any) -> None:
    from azure.devops.v7_1.git.models import (
        GitBaseVersionDescriptor,
        GitPushSearchCriteria,
        GitTargetVersionDescriptor,
    )

    base = GitBaseVersionDescriptor(base_version="main", base_version_type="branch")
    target = GitTargetVersionDescriptor(target_version="feature/limit", target_version_type="branch")
    diff = git.get_commit_diffs("api", "Payments", base_version_descriptor=base, target_version_descriptor=target)
    assert diff.change_counts == {"Add": 1, "Delete": 1, "Rename": 1}
    assert diff.ahead_count == 3
    criteria = GitPushSearchCriteria(ref_name="refs/heads/feature/limit", include_ref_updates=True)
    newest, oldest = git.get_pushes("api", "Payments", search_criteria=criteria)
    assert newest.pushed_by.display_name == "Cho Min"
    assert oldest.ref_updates[0].old_object_id == "0" * 40
    assert newest.ref_updates[0].old_object_id == oldest.ref_updates[0].new_object_id
    assert len(git.get_push("api", newest.push_id, "Payments").commits) == 2


def test_pull_requests(git: Any) -> None:
    from azure.devops.v7_1.git.models import GitPullRequestSearchCriteria

    active = git.get_pull_requests("api", GitPullRequestSearchCriteria(), "Payments")
    assert [each.pull_request_id for each in active] == [12]
    every = git.get_pull_requests("api", GitPullRequestSearchCriteria(status="all"), "Payments")
    assert [each.pull_request_id for each in every] == [12, 11, 10]
    done = git.get_pull_requests_by_project("Payments", GitPullRequestSearchCriteria(status="completed"))
    assert [each.closed_by.display_name for each in done] == ["Ana López"]
    whole = git.get_pull_request("api", 12, "Payments", include_commits=True, include_work_item_refs=True)
    assert [each.comment for each in whole.commits] == ["Move", "Raise it", "Add a limit"]
    assert [each.id for each in whole.work_item_refs] == ["45"]
    assert whole.description == "Fixes AB#45"
    assert git.get_pull_request_by_id(12).repository.name == "api"
    votes = {each.display_name: each.vote for each in git.get_pull_request_reviewers("api", 12, "Payments")}
    assert votes == {"[acme]\\ops": -5, "Dee Novak": 10, "Ana López": 0, "Cho Min": -5}
    first, second = git.get_pull_request_iterations("api", 12, "Payments", include_commits=True)
    assert (first.author.display_name, second.author.display_name) == ("Ben Okafor", "Cho Min")
    assert len(second.commits) == 3
    changes = git.get_pull_request_iteration_changes("api", 12, 2, "Payments", compare_to=1)
    kinds = {each.additional_properties["item"]["path"]: each.additional_properties["changeType"]
             for each in changes.change_entries}  # fmt: skip
    assert kinds == {"/README.md": "delete", "/src/limit.py": "edit", "/src/uno.py": "rename"}
    assert len(git.get_pull_request_commits("api", 12, "Payments")) == 3
    assert [each.id for each in git.get_pull_request_work_item_refs("api", 12, "Payments")] == ["45"]
    assert [each.name for each in git.get_pull_request_labels("api", 12, "Payments")] == ["risky"]


def test_policies(clients: Any, git: Any) -> None:
    policy = clients.get_policy_client()
    every = policy.get_policy_configurations("Payments")
    assert len(every) == 9
    repository = git.get_repository("api", "Payments")
    applied = git.get_policy_configurations("Payments", repository.id, "refs/heads/main")
    names = sorted(each.type.display_name for each in applied.policy_configurations)
    assert names == [
        "Build", "Comment requirements", "Minimum number of reviewers", "Require a merge strategy", "Status",
        "Work item linking",
    ]  # fmt: skip
    prefixed = git.get_policy_configurations("Payments", repository.id, "refs/heads/release/1.0")
    assert [each.settings["scope"][0]["repositoryId"] for each in prefixed.policy_configurations] == [None]
    project = clients.get_core_client().get_project("Payments")
    evaluations = policy.get_policy_evaluations("Payments", f"vstfs:///CodeReview/CodeReviewId/{project.id}/12")
    states = {each.configuration.type.display_name: each.status for each in evaluations}
    assert states == {
        "Minimum number of reviewers": "rejected",  # somebody waits for the author
        "Work item linking": "approved",
        "Comment requirements": "rejected",
        "Build": "rejected",
        "Status": "queued",
    }
    assert policy.get_policy_evaluation("Payments", evaluations[0].evaluation_id).status == evaluations[0].status
    assert len(policy.get_policy_types("Payments")) > 10


def test_work_items(clients: Any) -> None:
    from azure.devops.v7_1.work_item_tracking.models import ArtifactUriQuery, Wiql, WorkItemBatchGetRequest

    wit = clients.get_work_item_tracking_client()
    item = wit.get_work_item(45, expand="Relations")
    assert item.fields["System.AssignedTo"]["displayName"] == "Ben Okafor"
    rels = {each.rel: each for each in item.relations}
    assert rels["System.LinkTypes.Hierarchy-Reverse"].url.endswith("/40")
    link = rels["ArtifactLink"]
    assert link.attributes["name"] == "Pull Request"
    assert [each.id for each in wit.get_work_items([45, 46])] == [45, 46]
    batch = wit.get_work_items_batch(
        WorkItemBatchGetRequest(ids=[45, 999], fields=["System.State"], error_policy="omit")
    )
    assert batch[0].fields == {"System.State": "Active"}
    assert batch[1] is None
    answer = wit.query_work_items_for_artifact_uris(
        ArtifactUriQuery(artifact_uris=[link.url.replace("%2f", "%2F")]), "Payments"
    )
    ((found,),) = answer.artifact_uris_query_result.values()
    assert found.id == 45
    query = "SELECT [System.Id] FROM WorkItems WHERE [System.TeamProject] = 'Payments' AND [System.State] <> 'Closed'"
    assert [each.id for each in wit.query_by_wiql(Wiql(query=query)).work_items] == [40, 45]
    assert wit.get_github_connections("Payments") == []
    assert "Closed" in [each.name for each in wit.get_work_item_type_states("Payments", "Bug")]


def test_builds(clients: Any) -> None:
    build = clients.get_build_client()
    definitions = build.get_definitions("Payments")
    assert [each.name for each in definitions] == ["api-ci", "nightly"]
    whole = build.get_definition("Payments", definitions[0].id)
    assert whole.process["yamlFilename"] == "azure-pipelines.yml"
    assert build.get_definition("Payments", 2).queue_status == "disabled"
    assert {each.id for each in build.get_builds("Payments", definitions=[1])} > {501, 502}
    run = build.get_build("Payments", 501)
    assert (run.build_number, run.result, run.keep_forever) == ("v1.0", "succeeded", True)
    timeline = build.get_build_timeline("Payments", 501)
    stages = {each.name: each.attempt for each in timeline.records if each.type == "Stage"}
    assert stages == {"staging": 2, "production": 1}
    assert [each.name for each in build.get_artifacts("Payments", 501)] == ["drop"]
    assert len(build.get_retention_leases_for_build("Payments", 501)) == 1
    assert build.get_retention_settings("Payments").purge_runs.value == 30
    assert build.get_build_general_settings("Payments").enforce_job_auth_scope is True


def test_pipelines_and_environments(clients: Any) -> None:
    from azure.devops.v7_1.pipelines.models import RunPipelineParameters

    pipelines = clients.get_pipelines_client()
    assert pipelines.list_pipelines("Payments")[0].name == "api-ci"
    preview = pipelines.preview(RunPipelineParameters(preview_run=True), "Payments", 1)
    assert "semgrep --deep=false" in preview.final_yaml
    agent = clients.get_task_agent_client()
    environments = {each.name: each.id for each in agent.get_environments("Payments")}
    records = agent.get_environment_deployment_execution_records("Payments", environments["production"])
    assert [(each.owner.name, each.result, each.stage_attempt) for each in records] == [
        ("v1.1", None, 2), ("v1.1", "succeeded", 1), ("v1.0", "succeeded", 1)
    ]  # fmt: skip
    checks = clients.get_pipelines_checks_client()
    found = checks.get_check_configurations_on_resource(
        "Payments", resource_type="environment", resource_id=str(environments["production"]), expand="settings"
    )
    approval, branches = (each.additional_properties["settings"] for each in found)
    assert approval["requesterCannotBeApprover"] is True
    assert [each["displayName"] for each in approval["approvers"]] == ["Ana López", "[acme]\\ops"]
    assert branches["inputs"]["allowedBranches"] == "refs/heads/main,refs/heads/release/*"
    bare = checks.get_check_configurations_on_resource("Payments", resource_type="environment", resource_id="1")
    assert "settings" not in bare[0].additional_properties
    allowed = clients.get_pipeline_permissions_client().get_pipeline_permissions_for_resource(
        "Payments", "environment", str(environments["production"])
    )
    assert {each.id for each in allowed.pipelines} == {1, 2}


def test_classic_releases(clients: Any) -> None:
    release = clients.get_release_client()
    (definition,) = release.get_release_definitions("Payments")
    whole = release.get_release_definition("Payments", definition.id)
    (environment,) = whole.environments
    assert environment.pre_deploy_approvals.approvals[0].approver.display_name == "Ana López"
    deployments = release.get_deployments("Payments", definition_id=definition.id)
    assert [(each.release.name, each.deployment_status) for each in deployments] == [
        ("Release-2", "failed"), ("Release-1", "succeeded")
    ]  # fmt: skip
    good = release.get_deployments("Payments", definition_environment_id=environment.id, deployment_status="succeeded")
    assert [each.release.name for each in good] == ["Release-1"]
    first = release.get_release("Payments", good[0].release.id)
    assert first.keep_forever
    assert first.environments[0].status == "succeeded"


def test_access_control(clients: Any, git: Any) -> None:
    security = clients.get_security_client()
    repository = git.get_repository("api", "Payments")
    namespace = "2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87"
    token = f"repoV2/{repository.project.id}/{repository.id}"
    (acl,) = security.query_access_control_lists(namespace, token=token, include_extended_info=True)
    people = clients.get_identity_client().read_identities(descriptors=",".join(acl.aces_dictionary))
    bits = {
        who.provider_display_name: acl.aces_dictionary[who.descriptor].extended_info.effective_allow for who in people
    }
    assert bits["Dee Novak"] == 2
    assert bits["Ben Okafor"] & 4
    assert not bits["Ben Okafor"] & 2048
    assert bits["Ana López"] & 2048
    lists = security.query_access_control_lists(namespace, token=token, include_extended_info=True, recurse=True)
    main = next(each for each in lists if each.token.endswith("refs/heads/" + "main".encode("utf-16-le").hex()))
    ben = next(who.descriptor for who in people if who.provider_display_name == "Ben Okafor")
    assert main.aces_dictionary[ben].allow == 128 | 32768
    dev = next(each for each in lists if each.token.endswith("dev".encode("utf-16-le").hex()))
    assert [each.allow for each in dev.aces_dictionary.values() if each.allow] == [8]
    (described,) = security.query_security_namespaces(namespace)
    assert {each.name: each.bit for each in described.actions}["PolicyExempt"] == 128


def test_the_audit_log(clients: Any) -> None:
    assert clients.get_audit_client().query_log().decorated_audit_log_entries == []


def test_approvals_of_runs_through_send(clients: Any) -> None:
    pipelines = clients.get_pipelines_client()
    answer = pipelines._send(
        "GET", "37794717-f36f-4d78-b2bf-4dc30d0cfbcd", "7.1", route_values={"project": "Payments"},
        query_parameters={"state": "pending"},
    )  # fmt: skip
    (pending,) = answer.json()["value"]
    assert pending["steps"][0]["assignedApprover"]["displayName"] == "Ana López"


def test_posting_a_status_and_a_thread(world: Sandbox) -> None:
    from azure.devops.v7_1.git.models import (
        Comment,
        GitPullRequestCommentThread,
        GitPullRequestStatus,
        GitStatusContext,
    )

    git = connect(world).clients_v7_1.get_git_client()
    context = GitStatusContext(name="almguard", genre="almguard")
    for state in ("pending", "succeeded"):
        git.create_pull_request_status(
            GitPullRequestStatus(iteration_id=2, state=state, description="…", context=context), "api", 12, "Payments"
        )
    mine = [each for each in git.get_pull_request_statuses("api", 12, "Payments") if each.context.name == "almguard"]
    assert [each.state for each in mine] == ["pending", "succeeded"]
    assert git.get_pull_request_iteration_statuses("api", 12, 1, "Payments") == []
    policy = connect(world).clients_v7_1.get_policy_client()
    evaluations = policy.get_policy_evaluations("Payments", "vstfs:///CodeReview/CodeReviewId/x/12")
    assert [each.status for each in evaluations if each.configuration.type.display_name == "Status"] == ["approved"]
    thread = git.create_thread(
        GitPullRequestCommentThread(
            comments=[Comment(parent_comment_id=0, content="Two approvals are missing", comment_type=1)],
            status=1,
            properties={"almguard": "sticky"},
        ),
        "api", 12, "Payments",
    )  # fmt: skip
    git.update_comment(Comment(content="All good"), "api", 12, thread.id, 1, "Payments")
    git.create_comment(Comment(content="And more", parent_comment_id=1), "api", 12, thread.id, "Payments")
    git.update_thread(GitPullRequestCommentThread(status="closed"), "api", 12, thread.id, "Payments")
    read = git.get_pull_request_thread("api", 12, thread.id, "Payments")
    assert read.status == "closed"
    assert [each.content for each in read.comments] == ["All good", "And more"]
    assert read.properties["almguard"] == {"$type": "System.String", "$value": "sticky"}
    git.delete_comment("api", 12, thread.id, 2, "Payments")
    assert git.get_comments("api", 12, thread.id, "Payments")[1].is_deleted


def test_what_was_posted_can_be_read_back(world: Sandbox) -> None:
    acme: Ask = ask(f"{world.url}/acme")
    body = {"state": "failed", "context": {"name": "almguard"}, "description": "no"}
    acme("Payments/_apis/git/repositories/api/pullrequests/12/statuses", method="POST", body=body)
    acme(
        "Payments/_apis/git/repositories/api/pullrequests/12/threads",
        method="POST",
        body={"comments": [{"content": "hello"}], "status": "active"},
    )
    state = ask(world.url)("_sandbox/state?repository=acme/api").json["repositories"]["acme/api"]
    posted = next(each for each in state["pull_requests"] if each["number"] == 12)
    assert [each["state"] for each in posted["ado_statuses"]] == ["failed"]
    assert [each["comments"][0]["content"] for each in posted["ado_threads"]] == ["hello"]


def test_keeping_a_run_and_running_a_stage_again(world: Sandbox) -> None:
    from azure.devops.v7_1.build.models import NewRetentionLease, UpdateStageParameters

    build = connect(world).clients_v7_1.get_build_client()
    lease = NewRetentionLease(days_valid=90, definition_id=1, owner_id="Almguard", protect_pipeline=False, run_id=502)
    (made,) = build.add_retention_leases([lease], "Payments")
    assert [each.lease_id for each in build.get_retention_leases_for_build("Payments", 502)] == [made.lease_id]
    build.delete_retention_leases_by_id("Payments", [made.lease_id])
    assert build.get_retention_leases_for_build("Payments", 502) == []
    build.update_stage(UpdateStageParameters(state="retry"), 501, "production", "Payments")
    timeline = build.get_build_timeline("Payments", 501)
    assert next(each.attempt for each in timeline.records if each.name == "production") == 2


def test_changing_policies(world: Sandbox) -> None:
    from azure.devops.v7_1.policy.models import PolicyConfiguration, PolicyTypeRef

    policy = connect(world).clients_v7_1.get_policy_client()
    wanted = PolicyConfiguration(
        is_enabled=True,
        is_blocking=True,
        type=PolicyTypeRef(id="fa4e907d-c16b-4a4c-9dfa-4906e5d171dd"),
        settings={
            "minimumApproverCount": 3,
            "scope": [{"repositoryId": None, "refName": None, "matchKind": "DefaultBranch"}],
        },
    )
    made = policy.create_policy_configuration(wanted, "Payments")
    wanted.is_blocking = False
    assert policy.update_policy_configuration(wanted, "Payments", made.id).revision == 2
    # What clients changed outlives other changes of the world.
    ask(world.url)("_sandbox/events", method="POST", body={"repository": "acme/site", "set": {"archived": True}})
    assert policy.get_policy_configuration("Payments", made.id).is_blocking is False
    policy.delete_policy_configuration("Payments", made.id)
    assert len(policy.get_policy_configurations("Payments")) == 9
