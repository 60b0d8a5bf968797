"""The pull requests that an event is about and does not name, and those under a stacked one."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from urllib.parse import unquote

from bot.engine.ports import PlatformError
from bot.engine.targets import Search, Target
from bot.model.subjects import Platform, Repository
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, rows_of, value
from bot.platforms.azure_devops.files import repository_route
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import short

_LINK = re.compile(r"^vstfs:///Git/PullRequestId/([0-9a-f-]{36})/([0-9a-f-]{36})/([1-9]\d{0,9})$", re.IGNORECASE)
_MERGE_REF = re.compile(r"^refs/pull/([1-9]\d{0,9})/merge$")
_AZURE_REPOS = "tfsgit"


def find(reads: Reads, search: Search) -> Sequence[Target]:
    """The pull requests that a search means; they may be closed by now. Raises ``PlatformError``."""
    if search.work_item is not None:
        return tuple(_linked_to(reads, search, search.work_item))
    if search.build is not None:
        return tuple(_built_by(reads, search, search.build))
    raise PlatformError(f"{search.home}: on Azure DevOps pull requests are found by a work item or a build.")


def under(reads: Reads, repository: Repository, branch: str) -> Sequence[tuple[int, str]]:
    """The open pull requests whose branch this is: numbers, and the branches that they go into. Asked once a branch."""
    query = {"searchCriteria.status": "active", "searchCriteria.sourceRefName": f"refs/heads/{branch}"}
    route = repository_route(repository)
    rows: list[Json] = reads.once(
        ("under", repository.id, branch),
        lambda: reads.client.skipping(endpoints.PULL_REQUESTS, route, query, size=100),
    )
    own = [row for row in rows if not row.get("forkSource")]  # a fork's branch of that name is another
    return [(int(row["pullRequestId"]), short(row.get("targetRefName"))) for row in own]


def _linked_to(reads: Reads, search: Search, number: int) -> Iterator[Target]:
    """Those that the item's relations name, whatever repository of the organisation they are in."""
    body: Json = {"ids": [number], "errorPolicy": "omit", "$expand": "relations"}
    document = reads.client.ask(endpoints.WORK_ITEMS_BATCH, {}, body)
    for row in rows_of(document, endpoints.WORK_ITEMS_BATCH):
        for relation in (row or {}).get("relations") or ():
            found = _LINK.match(unquote(str(relation.get("url") or "")))
            if found is not None:
                yield _target(search, found[1], found[2], int(found[3]))


def _built_by(reads: Reads, search: Search, number: int) -> Iterator[Target]:
    """The one whose merge a build tried."""
    project = search.home.project or ""
    try:
        build = reads.client.get(endpoints.BUILDS, {"project": project, "buildId": str(number)})
    except Refused as wrong:
        if wrong.status == 404:  # deleted since, by a retention rule or a person
            return
        raise
    found = _MERGE_REF.match(str(build.get("sourceBranch") or ""))
    repository = value(build, "repository", "id")
    if found is not None and repository and str(value(build, "repository", "type") or "").lower() == _AZURE_REPOS:
        yield _target(search, str(value(build, "project", "id") or project), str(repository), int(found[1]))


def _target(search: Search, project: str, repository: str, number: int) -> Target:
    organization = search.home.organization or ""
    return Target(
        f"ado:{organization}/{project}/{repository}!{number}",
        Platform.AZURE_DEVOPS,
        organization,
        project,
        repository,
        pull_request=number,
    )
