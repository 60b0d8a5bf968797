"""What a listing asks of a repository, and the subjects that the answer holds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from urllib.parse import quote

from bot.model.facts import UnknownKind
from bot.model.results import Gap
from bot.model.subjects import Environment, Pipeline, Platform, PullRequest, Release, Repository, Subject
from bot.platforms.github.client import Json
from bot.platforms.github.files import WORKFLOWS
from bot.platforms.github.query import text
from bot.platforms.github.subjects import PULL_REQUEST, REPOSITORY, USER, instant, person

RELEASE = f"tagName isDraft createdAt publishedAt url databaseId author {{ {USER} }} tagCommit {{ oid }}"
"""What a release is made of."""

NEWEST = "orderBy: {field: CREATED_AT, direction: DESC}"
DEPLOYMENT = "environment commitOid ref { name prefix }"

LISTED_BY = {
    "deployments": "deployments: read",
    "environments": "actions: read",
    "flows": "contents: read",
    "pullRequests": "pull requests: read",
    "releases": "contents: read",
}
"""The permission that each part of a listing needs."""


def in_environment(found: Release, environment: str | None) -> Release:
    """The release as it was deployed to an environment."""
    if environment is None:
        return found
    return replace(
        found,
        id=f"{found.id}/environment/{environment}",
        name=f"{found.name} in {environment}",
        environment=environment,
    )


def as_released(found: Release, deployments: Sequence[Json]) -> Release:
    """The release with the commit that it was made of: a tag may have moved since, a deployment of it keeps its commit.

    Of deployments, which come newest first, the oldest tells.
    """
    recorded = [str(one["commitOid"]) for one in deployments if deployed_tag(one) == found.version]
    return replace(found, commit=recorded[-1]) if recorded else found


def deployed_tag(deployment: Json) -> str | None:
    """The tag that was deployed; None where it was a branch or a commit."""
    ref = deployment.get("ref") or {}
    return str(ref["name"]) if ref.get("prefix") == "refs/tags/" else None


def release(host: str, home: Repository, version: str, node: Json, ref: Json) -> Release | None:
    """A release, or a tag that nobody made a release of; None where there is neither."""
    tag = (ref or {}).get("target") or {}
    commit = tag.get("target") or tag
    if node is not None:
        return Release(
            id=f"{home.id}/release/{node['databaseId']}",
            name=f"{home.name}@{version}",
            platform=Platform.GITHUB,
            url=str(node["url"]),
            repository=home,
            version=version,
            commit=str((node.get("tagCommit") or commit).get("oid") or ""),
            created_at=instant(node.get("publishedAt") or node["createdAt"]),
            author=person(host, node.get("author")),
        )
    if not commit.get("oid") or not commit.get("committedDate"):
        return None
    return Release(
        id=f"{home.id}/tag/{version}",
        name=f"{home.name}@{version}",
        platform=Platform.GITHUB,
        url=f"{home.url}/tree/{quote(version)}",
        repository=home,
        version=version,
        commit=str(commit["oid"]),
        created_at=instant(commit["committedDate"]),
        release_kind="tag",
    )


def listed_fields(kinds: frozenset[type[Subject]]) -> str:
    """What a listing asks of each repository for these kinds of subjects."""
    parts = [REPOSITORY]
    if Environment in kinds or Release in kinds:
        parts.append("environments(first: 50) { totalCount nodes { databaseId name } }")
    if Pipeline in kinds:
        parts.append(
            f"flows: object(expression: {text(f'HEAD:{WORKFLOWS}')}) {{ ... on Tree {{ entries {{ name }} }} }}"
        )
    if PullRequest in kinds:
        parts.append(open_pull_requests(None))
    if Release in kinds:
        parts.append(f"releases(first: 20, {NEWEST}) {{ nodes {{ {RELEASE} }} }}")
        parts.append(f"deployments(first: 50, {NEWEST}) {{ nodes {{ {DEPLOYMENT} }} }}")
    return " ".join(parts)


def open_pull_requests(after: str | None) -> str:
    """A page of the open pull requests."""
    place = f", after: {text(after)}" if after else ""
    inner = f"pageInfo {{ hasNextPage endCursor }} nodes {{ {PULL_REQUEST} }}"
    return f"pullRequests(first: 50{place}, states: [OPEN]) {{ {inner} }}"


def environments(home: Repository, page: Json) -> Iterator[Subject | Gap]:
    """The environments of a listed repository."""
    for one in filter(None, page["nodes"] or []):
        yield Environment(
            id=f"{home.id}/environment/{one['databaseId']}",
            name=f"{home.name} {one['name']}",
            platform=Platform.GITHUB,
            url=f"{home.url}/deployments/{quote(one['name'])}",
            repository=home,
            environment=str(one["name"]),
        )
    if int(page["totalCount"]) > len(page["nodes"] or []):
        yield Gap(
            home.id,
            home.name,
            "environments",
            UnknownKind.TRUNCATED,
            f"it has {page['totalCount']} environments, 50 were read",
        )


def pipelines(home: Repository, node: Json) -> Iterator[Subject]:
    """The workflows of a listed repository."""
    for entry in (node.get("flows") or {}).get("entries") or []:
        path = f"{WORKFLOWS}/{entry['name']}"
        if path.endswith((".yml", ".yaml")):
            yield Pipeline(
                id=f"{home.id}/pipeline/{path}",
                name=f"{home.name} {path}",
                platform=Platform.GITHUB,
                url=f"{home.url}/actions/workflows/{quote(entry['name'])}",
                repository=home,
                path=path,
            )


def releases(host: str, home: Repository, node: Json) -> Iterator[Subject]:
    """The release that each environment runs; and the newest one, where none was deployed that GitHub knows of."""
    published = [one for one in node["releases"]["nodes"] or [] if one and not one["isDraft"]]
    releases = [made for one in published if (made := release(host, home, str(one["tagName"]), one, None)) is not None]
    # A token that may not read deployments is told that there are some, and nothing of them.
    deployments = [one for one in node["deployments"]["nodes"] or [] if one]
    releases = [as_released(one, deployments) for one in releases]
    seen: set[str] = set()
    for deployment in deployments:
        environment = str(deployment["environment"])
        if environment in seen:
            continue
        tag, commit = deployed_tag(deployment), deployment["commitOid"]
        match = next((one for one in releases if (one.version == tag if tag else one.commit == commit)), None)
        if match is not None:
            seen.add(environment)
            yield in_environment(match, environment)
    if not seen and releases:
        yield releases[0]
