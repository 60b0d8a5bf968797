"""Documents have the shapes that Microsoft's models and examples have."""

from __future__ import annotations

import json
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.azure_devops.ado_world import Ask

PAYMENTS = "Payments/_apis"
API = f"{PAYMENTS}/git/repositories/api"

# What the service sends and the SDK's models leave out: inherited fields that the generator lost, and newer ones.
UNMODELLED = {
    "GitCommitRef": {"treeId"},
    "GitPullRequestChange": {"changeId", "item", "changeType", "originalPath"},
    "CheckConfiguration": {"settings", "version"},
    "PipelineGeneralSettings": {
        "buildsEnabledForForks", "disableClassicBuildPipelineCreation", "disableClassicReleasePipelineCreation",
        "enableShellTasksArgsSanitizing", "enforceJobAuthScopeForForks", "enforceNoAccessToSecretsFromForks",
        "forkProtectionEnabled", "isCommentRequiredForPullRequest",
    },
    "TaskOrchestrationOwner": {"url"},
    "ReleaseReference": {"webAccessUri"},
    "ReleaseDefinitionEnvironment": {"environmentTriggers"},
    "Pipeline": {"configuration"},
    "PipelineReference": {"_links"},
    "PipelineConfiguration": {"path", "repository"},
    "DefinitionReference": {"drafts"},
    "Repository": {"id"},
}  # fmt: skip

MODELS = [
    (f"{PAYMENTS}/git/repositories/api", "git", "GitRepository"),
    (f"{API}/refs?peelTags=true", "git", "GitRef"),
    (f"{API}/items?scopePath=/&recursionLevel=full&includeContentMetadata=true", "git", "GitItem"),
    (f"{API}/commits", "git", "GitCommitRef"),
    (f"{API}/pushes?searchCriteria.includeRefUpdates=true", "git", "GitPush"),
    (f"{API}/stats/branches", "git", "GitBranchStats"),
    (f"{API}/diffs/commits?baseVersion=main&targetVersion=feature/limit", "git", "GitCommitDiffs"),
    (f"{API}/pullrequests?searchCriteria.status=all", "git", "GitPullRequest"),
    (f"{API}/pullrequests/12?includeCommits=true&includeWorkItemRefs=true", "git", "GitPullRequest"),
    (f"{API}/pullrequests/12/reviewers", "git", "IdentityRefWithVote"),
    (f"{API}/pullrequests/12/iterations?includeCommits=true", "git", "GitPullRequestIteration"),
    (f"{API}/pullrequests/12/iterations/2/changes", "git", "GitPullRequestIterationChanges"),
    (f"{API}/pullrequests/12/statuses", "git", "GitPullRequestStatus"),
    (f"{API}/pullrequests/12/threads", "git", "GitPullRequestCommentThread"),
    (f"{API}/pullrequests/12/labels", "git", "WebApiTagDefinition"),
    (f"{PAYMENTS}/policy/configurations", "policy", "PolicyConfiguration"),
    (f"{PAYMENTS}/policy/types", "policy", "PolicyType"),
    (f"{PAYMENTS}/policy/evaluations?artifactId=vstfs:///CodeReview/CodeReviewId/x/12", "policy", "PolicyEvaluationRecord"),
    (f"{PAYMENTS}/wit/workitems/45?$expand=all", "work_item_tracking", "WorkItem"),
    (f"{PAYMENTS}/wit/workitemtypes", "work_item_tracking", "WorkItemType"),
    (f"{PAYMENTS}/build/definitions", "build", "BuildDefinitionReference"),
    (f"{PAYMENTS}/build/definitions/1", "build", "BuildDefinition"),
    (f"{PAYMENTS}/build/builds", "build", "Build"),
    (f"{PAYMENTS}/build/builds/501/timeline", "build", "Timeline"),
    (f"{PAYMENTS}/build/builds/501/artifacts", "build", "BuildArtifact"),
    (f"{PAYMENTS}/build/builds/501/leases", "build", "RetentionLease"),
    (f"{PAYMENTS}/build/retention", "build", "ProjectRetentionSetting"),
    (f"{PAYMENTS}/build/generalsettings", "build", "PipelineGeneralSettings"),
    (f"{PAYMENTS}/pipelines", "pipelines", "Pipeline"),
    (f"{PAYMENTS}/pipelines/1", "pipelines", "Pipeline"),
    (f"{PAYMENTS}/pipelines/1/runs", "pipelines", "Run"),
    (f"{PAYMENTS}/distributedtask/environments", "task_agent", "EnvironmentInstance"),
    (
        f"{PAYMENTS}/distributedtask/environments/1/environmentdeploymentrecords",
        "task_agent",
        "EnvironmentDeploymentExecutionRecord",
    ),
    (
        f"{PAYMENTS}/pipelines/checks/configurations?resourceType=environment&resourceId=1&$expand=settings",
        "pipelines_checks",
        "CheckConfiguration",
    ),
    (f"{PAYMENTS}/pipelines/pipelinepermissions/environment/1", "pipeline_permissions", "ResourcePipelinePermissions"),
    (f"{PAYMENTS}/release/definitions/1", "release", "ReleaseDefinition"),
    (f"{PAYMENTS}/release/releases?$expand=environments", "release", "Release"),
    (f"{PAYMENTS}/release/deployments", "release", "Deployment"),
    ("_apis/identities?searchFilter=General&filterValue=ben", "identity", "Identity"),
    ("_apis/graph/users", "graph", "GraphUser"),
    ("_apis/graph/groups", "graph", "GraphGroup"),
    ("_apis/projects", "core", "TeamProjectReference"),
    ("_apis/projects/payments?includeCapabilities=true", "core", "TeamProject"),
    ("_apis/projects/payments/teams", "core", "WebApiTeam"),
    ("_apis/projects/payments/teams/ops/members", "core", "TeamMember"),
    ("_apis/securitynamespaces", "security", "SecurityNamespaceDescription"),
    (
        "_apis/accesscontrollists/2e9eb7ed-3c0a-47d4-87c1-0ffdd275fd87?includeExtendedInfo=true",
        "security",
        "AccessControlList",
    ),
]  # fmt: skip


def strangers(document: Any, model: str, models: Any, where: str) -> list[str]:
    """Keys that the model of a document does not have, all the way down."""
    cls = getattr(models, model, None)
    if cls is None or model == "ReferenceLinks" or not isinstance(document, dict):
        return []
    known = {entry["key"].replace("\\.", "."): entry["type"] for entry in cls._attribute_map.values()}
    found = []
    for key, value in document.items():
        if key not in known:
            if key not in UNMODELLED.get(model, ()):
                found.append(f"{where}.{key} is not in {model}")
            continue
        kind = known[key]
        inner = kind.strip("[]{}")
        each = value if isinstance(value, list) else list(value.values()) if kind[0] == "{" and value else [value]
        for one in each:
            found += strangers(one, inner, models, f"{where}.{key}")
    return found


@pytest.mark.parametrize(
    ("path", "area", "model"), MODELS, ids=[f"{area}-{model}-{i}" for i, (_, area, model) in enumerate(MODELS)]
)
def test_keys_are_known_to_the_models(get: Ask, path: str, area: str, model: str) -> None:
    models = import_module(f"azure.devops.v7_1.{area}.models")
    assert hasattr(models, model)
    body = get(path).json
    rows = body["value"] if set(body) == {"count", "value"} else [body]
    assert rows
    assert sorted({problem for row in rows for problem in strangers(row, model, models, model)}) == []


EXAMPLES = [
    ("git.pullRequests.GET__git_repositories__repositoryId__pullRequests__pullRequestId_", f"{API}/pullrequests/12", set()),
    ("git.pullRequests.GET__git_repositories__repositoryId__pullRequests", f"{API}/pullrequests", set()),
    ("git.pullRequestThreads.GET__git_repositories__repositoryId__pullRequests__pullRequestId__threads",
     f"{API}/pullrequests/12/threads", set()),
    ("git.pullRequestReviewers.GET__git_repositories__repositoryId__pullRequests__pullRequestId__reviewers",
     f"{API}/pullrequests/12/reviewers", set()),
    ("git.pullRequestStatuses.GET_git_pullRequestStatuses_statuses", f"{API}/pullrequests/12/statuses", set()),
    ("git.repositories.GET__git_repositories__repositoryId_", API, set()),
    ("git.commits.GET__git_repositories__repositoryId__commits", f"{API}/commits", set()),
    ("git.pushes.GET__git_repositories__repositoryId__pushes_refName-_refName__includeRefUpdates-true",
     f"{API}/pushes?searchCriteria.includeRefUpdates=true", set()),
    ("git.refs.GET__git_repositories__repositoryId__refs_heads", f"{API}/refs?filter=heads", set()),
    ("git.items.GET__git_repositories__repositoryId__items_scopePath-_folderPath__recursionLevel-OneLevel",
     f"{API}/items?scopePath=/&recursionLevel=OneLevel", set()),
    ("policy.configurations.GET__policy_configurations__configurationId_", f"{PAYMENTS}/policy/configurations/2", set()),
    ("approvalsAndChecks.configurations.GET__CheckConfiguration", f"{PAYMENTS}/pipelines/checks/configurations/1", set()),
    ("approvalsAndChecks.approvals.GET__QueryApproval", f"{PAYMENTS}/pipelines/approvals", set()),
    ("approvalsAndChecks.pipelinePermissions.GET__GetPipelinePermissionsForResource",
     f"{PAYMENTS}/pipelines/pipelinepermissions/environment/1", set()),
    ("release.deployments.GET__ListDeploymentsForAGivenDefinitionId", f"{PAYMENTS}/release/deployments",
     {"postDeployApprovals"}),
    ("release.releases.GET__ListAllReleasesForAReleaseDefinition", f"{PAYMENTS}/release/releases",
     {"logsContainerUrl", "poolName"}),
    ("release.definitions.GET__GetReleaseDefinition", f"{PAYMENTS}/release/definitions/1", {"pipelineProcess"}),
    ("wit.workItems.GET__wit_WorkItems_id", f"{PAYMENTS}/wit/workitems/45?$expand=all", set()),
]  # fmt: skip


@pytest.mark.parametrize(("example", "path", "without"), EXAMPLES, ids=[each[0] for each in EXAMPLES])
def test_keys_of_the_examples_are_here(get: Ask, recorded: Path, example: str, path: str, without: set[str]) -> None:
    response = json.loads((recorded / "examples" / f"{example}.json").read_text())["responses"]["200"]["body"]
    rows = response.get("value", [response])
    wanted = set.intersection(*({key for key, value in row.items() if value is not None} for row in rows)) - without
    body = get(path).json
    ours = body["value"] if set(body) == {"count", "value"} else [body]
    assert ours
    for row in ours:
        assert wanted - set(row) == set()
