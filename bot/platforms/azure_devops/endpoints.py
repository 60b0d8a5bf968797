"""The parts of the REST API that are used: location ids and routes (as ``OPTIONS _apis`` lists them), versions, scopes.

Scopes are those of Microsoft's reference pages for each call; a refusal names them to the reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

ADVANCED_SECURITY = "vso.advsec"
"""The scope of Advanced Security's settings, whose API is not among the listed locations."""


class Host(StrEnum):
    """Which of the service's hosts serves an area. Everything but dev.azure.com serves all of them itself."""

    CORE = "dev.azure.com"
    RELEASE = "vsrm.dev.azure.com"
    IDENTITY = "vssps.dev.azure.com"
    SECURITY = "advsec.dev.azure.com"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One resource."""

    location: str
    route: str
    """Where it is, in braces what is filled in; a part that is not given is left out."""
    scope: str
    """What a token needs to read it."""
    version: str = "7.1"
    host: Host = Host.CORE


_REPOSITORY = "{project}/_apis/git/repositories/{repositoryId}"
_PULL_REQUEST = _REPOSITORY + "/pullRequests/{pullRequestId}"

PROJECTS = Endpoint("603fe2ac-9723-48b9-88ad-09305aa6c6e1", "_apis/projects/{projectId}", "vso.project")
PROJECT_PROPERTIES = Endpoint(
    "4976a71a-4487-49aa-8aab-a1eda469037a", "_apis/projects/{projectId}/properties", "vso.project", "7.1-preview.1"
)

REPOSITORIES = Endpoint("225f7195-f9c7-4d14-ab28-a83f7ff77e1f", _REPOSITORY, "vso.code")
PUSHES = Endpoint("ea98d07b-3c87-4971-8ede-a613694ffb55", _REPOSITORY + "/pushes/{pushId}", "vso.code")
REFS = Endpoint("2d874a60-a811-4f62-9c9f-963a6ea0a55b", _REPOSITORY + "/refs/{filter}", "vso.code")
ITEMS = Endpoint("fb93c0db-47ed-4a31-8c20-47552878fb44", _REPOSITORY + "/items/{path}", "vso.code")
ITEMS_BATCH = Endpoint("630fd2e4-fb88-4f85-ad21-13f3fd1fbca9", _REPOSITORY + "/itemsBatch", "vso.code")
BLOBS = Endpoint("7b28e929-2c99-405d-9c5c-6167a06e6816", _REPOSITORY + "/blobs/{sha1}", "vso.code")
COMMITS = Endpoint(
    "c2570c3b-5b3f-41b8-98bf-5407bfde8d58",
    _REPOSITORY + "/commits/{commitId}",
    "vso.code",
)
COMMIT_STATUSES = Endpoint(
    "428dd4fb-fda5-4722-af02-9313b80305da",
    _REPOSITORY + "/commits/{commitId}/statuses",
    "vso.code or vso.code_status",
)
COMMITS_BATCH = Endpoint("6400dfb2-0bcb-462b-b992-5a57f8f1416c", _REPOSITORY + "/commitsBatch", "vso.code")
COMMIT_DIFFS = Endpoint("615588d5-c0c7-4b88-88f8-e625306446e8", _REPOSITORY + "/diffs/commits", "vso.code")
ANNOTATED_TAGS = Endpoint(
    "5e8a8081-3851-4626-b677-9891cc04102e",
    _REPOSITORY + "/annotatedTags/{objectId}",
    "vso.code",
)

PULL_REQUESTS = Endpoint(
    "9946fd70-0d40-406e-b686-b4744cbbcc37",
    _PULL_REQUEST,
    "vso.code",
)
PROJECT_PULL_REQUESTS = Endpoint(
    "a5d28130-9cd2-40fa-9f08-902e7daa9efb",
    "{project}/_apis/git/pullRequests",
    "vso.code",
)
PULL_REQUEST_QUERY = Endpoint(
    "b3a6eebe-9cf0-49ea-b6cb-1a4c5f5007b0",
    _REPOSITORY + "/pullRequestQuery",
    "vso.code",
)
PULL_REQUEST_COMMITS = Endpoint(
    "52823034-34a8-4576-922c-8d8b77e9e4c4",
    _PULL_REQUEST + "/commits",
    "vso.code",
)
ITERATIONS = Endpoint(
    "d43911ee-6958-46b0-a42b-8445b8a0d004",
    _PULL_REQUEST + "/iterations/{iterationId}",
    "vso.code",
)
ITERATION_CHANGES = Endpoint(
    "4216bdcf-b6b1-4d59-8b82-c34cc183fc8b",
    _PULL_REQUEST + "/iterations/{iterationId}/changes",
    "vso.code",
)
STATUSES = Endpoint(
    "b5f6bb4f-8d1e-4d79-8d11-4c9172c99c35",
    _PULL_REQUEST + "/statuses/{statusId}",
    "vso.code or vso.code_status",
)
COMMENTS = Endpoint(
    "965a3ec7-5ed8-455a-bdcb-835a5ea7fe7b",
    _PULL_REQUEST + "/threads/{threadId}/comments/{commentId}",
    "vso.threads_full",
)
PROPERTIES = Endpoint(
    "48a52185-5b9e-4736-9dc1-bb1e2feac80b",
    _PULL_REQUEST + "/properties",
    "vso.code",
    "7.1-preview.1",
)
REVIEWERS = Endpoint(
    "4b6702c7-aa35-4b89-9c96-b9abf6d3e540",
    _PULL_REQUEST + "/reviewers/{reviewerId}",
    "vso.code",
    "7.1-preview.1",
)
THREADS = Endpoint(
    "ab6e2e5d-a0b7-4153-b64a-a4efe0d49449",
    _PULL_REQUEST + "/threads/{threadId}",
    "vso.code or vso.threads_full",
)

POLICIES = Endpoint(
    "dad91cbe-d183-45f8-9c6e-9c1164472121", "{project}/_apis/policy/configurations/{configurationId}", "vso.code"
)
BRANCH_POLICIES = Endpoint(
    "2c420070-a0a2-49cc-9639-c9f271c5ff07", "{project}/_apis/git/policy/configurations", "vso.code"
)
EVALUATIONS = Endpoint(
    "c23ddff5-229c-4d04-a80b-0fdce9f360c8", "{project}/_apis/policy/evaluations", "vso.code", "7.1-preview.1"
)

WORK_ITEMS_BATCH = Endpoint("908509b6-4248-4475-a1cd-829139ba419f", "{project}/_apis/wit/workItemsBatch", "vso.work")
WIQL = Endpoint("1a9c53f7-f243-4447-b110-35ef023636e4", "{project}/_apis/wit/wiql", "vso.work")
NEW_WORK_ITEM = Endpoint(
    "62d3d110-0047-428c-ad3c-4fe872c91c74", "{project}/_apis/wit/workItems/${type}", "vso.work_write"
)
WORK_ITEM = Endpoint("72c7ddf8-2cdc-4f60-90cd-ab71c14a399b", "{project}/_apis/wit/workItems/{id}", "vso.work_write")
ARTIFACT_URI_QUERY = Endpoint(
    "a9a9aa7a-8c09-44d3-ad1b-46e855c1e3d3", "{project}/_apis/wit/artifactUriQuery", "vso.work"
)
WORK_ITEM_STATES = Endpoint(
    "7c9d7a76-4a09-43e8-b5df-bd792f4ac6aa", "{project}/_apis/wit/workitemtypes/{type}/states", "vso.work"
)

BUILDS = Endpoint("0cd358e1-9217-4d94-8269-1c1ee6f93dcf", "{project}/_apis/build/Builds/{buildId}", "vso.build")
DEFINITIONS = Endpoint(
    "dbeaf647-6167-421a-bda9-c9327b25e2e6", "{project}/_apis/build/Definitions/{definitionId}", "vso.build"
)
ARTIFACTS = Endpoint(
    "1db06c96-014e-44e1-ac91-90b2d4b3e984",
    "{project}/_apis/build/builds/{buildId}/artifacts/{artifactName}",
    "vso.build",
)
LEASES = Endpoint(
    "3da19a6a-f088-45c4-83ce-2ad3a87be6c4",
    "{project}/_apis/build/builds/{buildId}/leases",
    "vso.build",
)
ENVIRONMENTS = Endpoint(
    "8572b1fc-2482-47fa-8f74-7e3ed53ee54b",
    "{project}/_apis/distributedtask/environments/{environmentId}",
    "vso.environment_manage",
)
DEPLOYMENT_RECORDS = Endpoint(
    "51bb5d21-4305-4ea6-9dbb-b7488af73334",
    "{project}/_apis/distributedtask/environments/{environmentId}/environmentdeploymentRecords",
    "vso.environment_manage",
)

ACCESS_CONTROL_LISTS = Endpoint(
    "18a2ad18-7571-46ae-bec7-0c7da1495885", "_apis/AccessControlLists/{securityNamespaceId}", "vso.security_manage"
)
IDENTITIES = Endpoint(
    "28010c54-d0c0-4c89-a5b0-1c9e188b9fb7", "_apis/Identities/{identityId}", "vso.identity", host=Host.IDENTITY
)

RELEASE_DEFINITIONS = Endpoint(
    "d8f96f24-8ea7-4cb6-baab-2df8fc515665",
    "{project}/_apis/Release/definitions/{definitionId}",
    "vso.release",
    host=Host.RELEASE,
)
RELEASES = Endpoint(
    "a166fde7-27ad-408e-ba75-703c2cc9d500",
    "{project}/_apis/Release/releases/{releaseId}",
    "vso.release",
    host=Host.RELEASE,
)
RELEASE_DEPLOYMENTS = Endpoint(
    "b005ef73-cddc-448e-9ba2-5193bf36b19f",
    "{project}/_apis/Release/deployments/{deploymentId}",
    "vso.release",
    host=Host.RELEASE,
)


def every() -> list[Endpoint]:
    """All that is used."""
    return [found for found in globals().values() if isinstance(found, Endpoint)]
