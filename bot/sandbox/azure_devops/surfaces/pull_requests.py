"""Pull requests, their commits, work items, labels and properties."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection, continued
from bot.sandbox.azure_devops.people import account, identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import CODE, CODE_WRITE
from bot.sandbox.azure_devops.surfaces.commits import commit_document, commit_reference
from bot.sandbox.azure_devops.surfaces.repositories import (
    label_document,
    project_of,
    repository_document,
    repository_reference,
    repository_url,
)
from bot.sandbox.azure_devops.votes import reviewers
from bot.sandbox.identity import guid

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Repository

STATUSES = {"open": "active", "closed": "abandoned", "merged": "completed"}
DESCRIPTION_LIMIT = 400
"""How much of a description a list shows."""


def pull_request_url(owner: Collection, repository: Repository, pull_request: PullRequest) -> str:
    """The address of a pull request's resources."""
    return f"{repository_url(owner, repository)}/pullRequests/{pull_request.number}"


def artifact_id(owner: Collection, repository: Repository, number: int) -> str:
    """What work items link to: the parts are separated by an encoded slash."""
    return f"vstfs:///Git/PullRequestId/{project_of(owner, repository).guid}%2f{repository.guid}%2f{number}"


def document(call: Call, repository: Repository, pull_request: PullRequest, *, whole: bool) -> Json:
    """A GitPullRequest; ``whole`` is what asking for one gives."""
    owner = call.collection
    part = pull_request.part
    status = STATUSES[part.state]
    merge = owner.merge_commit(pull_request, repository)
    url = pull_request_url(owner, repository, pull_request)
    body: Json = {
        "repository": repository_document(owner, repository) if whole else repository_reference(owner, repository),
        "pullRequestId": pull_request.number,
        "codeReviewId": pull_request.number,
        "status": status,
        "createdBy": identity(owner, pull_request.author),
        "creationDate": stamp(pull_request.created_at),
        "title": part.title,
        "description": part.body if whole else part.body[:DESCRIPTION_LIMIT],
        "sourceRefName": f"refs/heads/{pull_request.source}",
        "targetRefName": f"refs/heads/{pull_request.target}",
        "mergeStatus": "succeeded",
        "isDraft": part.draft,
        "mergeId": guid("merge", repository.key, pull_request.number, pull_request.head),
        "lastMergeSourceCommit": commit_reference(owner, repository, pull_request.head),
        "lastMergeTargetCommit": commit_reference(owner, repository, pull_request.base),
        "lastMergeCommit": commit_reference(owner, repository, merge),
        "reviewers": reviewers(owner, repository, pull_request),
        "url": url,
        "supportsIterations": True,
    }
    if not part.body:
        del body["description"]
    if pull_request.ado_labels:
        body["labels"] = [label_document(call, name) for name in pull_request.ado_labels]
    if pull_request.closed_at:
        body["closedDate"] = stamp(pull_request.closed_at)
        body["closedBy"] = identity(owner, part.merged_by or pull_request.author)
    if part.state == "merged":
        body["completionOptions"] = {"mergeStrategy": "noFastForward", "deleteSourceBranch": True}
    if part.fork:
        fork = guid("fork", repository.key, part.fork)
        body["forkSource"] = {
            "name": f"refs/heads/{pull_request.source}",
            "objectId": pull_request.head,
            "repository": {"id": fork, "name": f"{repository.name}.{part.fork}", "isFork": True},
        }
    if whole:
        _complete(call, repository, pull_request, body, url)
    return body


def _complete(call: Call, repository: Repository, pull_request: PullRequest, body: Json, url: str) -> None:
    owner = call.collection
    body["artifactId"] = artifact_id(owner, repository, pull_request.number)
    body["_links"] = {
        "self": {"href": url},
        "repository": {"href": repository_url(owner, repository)},
        "workItems": {"href": f"{url}/workitems"},
        "sourceBranch": {"href": f"{repository_url(owner, repository)}/refs/heads/{pull_request.source}"},
        "targetBranch": {"href": f"{repository_url(owner, repository)}/refs/heads/{pull_request.target}"},
        "statuses": {"href": f"{url}/statuses"},
        "iterations": {"href": f"{url}/iterations"},
    }
    # In reality the last merge commit of one pull request comes with its author and message.
    merge = repository.git.commits[owner.merge_commit(pull_request, repository)]
    body["lastMergeCommit"] = commit_document(owner, repository, merge, whole=True)
    if call.flag("includeCommits"):
        listed = [commit_document(owner, repository, commit) for commit in reversed(pull_request.commits())]
        body["commits"] = listed
    if call.flag("includeWorkItemRefs"):
        body["workItemRefs"] = work_item_references(owner, pull_request)


def work_item_references(owner: Collection, pull_request: PullRequest) -> list[Json]:
    """The work items that are linked to a pull request."""
    world, name = owner.world, owner.organization.name
    linked = pull_request.linked(world.at, world.clock())
    numbers = [each for each in linked if world.work_item(name, each)]
    return [{"id": str(each), "url": f"{owner.url}/_apis/wit/workItems/{each}"} for each in numbers]


def has_pull_request(repository: Repository, number: int) -> bool:
    """Whether a repository has a pull request of this number here. Looks at no history, which is costly to make."""
    return any(part.number == number and "azure-devops" in part.platforms for part in repository.part.pull_requests)


def served(repository: Repository) -> list[PullRequest]:
    """A repository's pull requests on this platform, newest first."""
    if not repository.part.pull_requests:
        return []
    found = [each for each in repository.pull_requests.values() if "azure-devops" in each.part.platforms]
    return sorted(found, key=lambda each: (each.created_at, each.number), reverse=True)


def _matching(call: Call, repositories: list[Repository]) -> list[Json]:
    """The pull requests that meet the search criteria; active ones, unless ``status`` says otherwise."""
    status = call.text("searchCriteria.status", call.text("status", "active")).lower()
    target = call.text("searchCriteria.targetRefName") or call.text("targetRefName")
    source = call.text("searchCriteria.sourceRefName") or call.text("sourceRefName")
    creator = call.text("searchCriteria.creatorId") or call.text("creatorId")
    reviewer = call.text("searchCriteria.reviewerId") or call.text("reviewerId")
    closed = call.text("searchCriteria.queryTimeRangeType", "created").lower() == "closed"
    since, before = (_instant(call, f"searchCriteria.{name}") for name in ("minTime", "maxTime"))
    only = call.text("searchCriteria.repositoryId") or call.text("repositoryId")
    if status not in ("active", "completed", "abandoned", "all", "notset"):
        raise problems.bad_argument(f"The value '{status}' of searchCriteria.status is not valid.")
    found: list[tuple[PullRequest, Repository]] = []
    for repository in repositories:
        if only and only.lower() != repository.guid.lower():
            continue
        for each in served(repository):
            if status not in ("all", "notset") and STATUSES[each.part.state] != status:
                continue
            if target and target != f"refs/heads/{each.target}":
                continue
            if source and source != f"refs/heads/{each.source}":
                continue
            if creator and creator.lower() != account(call.collection, each.author).guid:
                continue
            if reviewer and not _has_reviewer(call, repository, each, reviewer.lower()):
                continue
            at = each.closed_at if closed else each.created_at
            if (since or before) and (at is None or (since and at < since) or (before and at > before)):
                continue
            found.append((each, repository))
    found.sort(key=lambda pair: (pair[0].created_at, pair[0].number), reverse=True)
    skip, top = call.number("$skip", 0), call.number("$top", 101)
    return [document(call, repository, each, whole=False) for each, repository in found[skip : skip + top]]


def _instant(call: Call, name: str) -> datetime | None:
    text = call.text(name)
    if not text:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise problems.bad_argument(f"The value '{text}' of {name} is not a date and time.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _has_reviewer(call: Call, repository: Repository, pull_request: PullRequest, wanted: str) -> bool:
    return any(each["id"] == wanted for each in reviewers(call.collection, repository, pull_request))


@answers("pull_requests", "GET", CODE)
def pull_requests(call: Call) -> object:
    """One pull request of a repository, or those that meet the search criteria."""
    if "pullrequestid" in call.values:
        return document(call, call.repository, call.pull_request, whole=True)
    return collection(_matching(call, [call.repository]))


@answers("project_pull_requests", "GET", CODE)
def project_pull_requests(call: Call) -> object:
    """The pull requests of all of a project's repositories that meet the search criteria."""
    return collection(_matching(call, call.collection.repositories(call.project, call)))


@answers("pull_request_by_id", "GET", CODE)
def pull_request_by_id(call: Call) -> object:
    """One pull request, wherever it is."""
    owner = call.collection
    wanted = call.whole("pullrequestid")
    chosen = [call.maybe_project] if call.maybe_project else owner.projects(call)
    for project in chosen:
        for repository in owner.repositories(project, call) if project else []:
            if has_pull_request(repository, wanted):
                return document(call, repository, repository.pull_requests[wanted], whole=True)
    raise problems.pull_request_not_found()


@answers("pull_requests", "PATCH", CODE_WRITE)
def update_pull_request(call: Call) -> object:
    """Change what a bot may change: the title and the description."""
    repository, pull_request = call.repository, call.pull_request
    if not call.collection.at_least("write", repository, call):
        raise problems.permission_missing(call.person.name, "PullRequestContribute", "repository")
    body = call.document()
    unknown = set(body) - {"title", "description"}
    if unknown:
        raise problems.bad_argument(f"This sandbox does not change {', '.join(sorted(unknown))} of a pull request.")
    changes = {
        "title": body.get("title", pull_request.part.title),
        "body": body.get("description", pull_request.part.body),
    }
    with call.world.lock:
        pull_request.part = pull_request.part.model_copy(update=changes)
    return document(call, repository, pull_request, whole=True)


@answers("pull_request_query", "POST", CODE)
def pull_request_query(call: Call) -> object:
    """The pull requests that a commit was merged by, or belongs to."""
    repository = call.repository
    queries = call.document().get("queries")
    if not isinstance(queries, list):
        raise problems.bad_argument("Value cannot be null. Parameter name: queries")
    results: list[Json] = []
    for query in queries:
        if not isinstance(query, dict):
            raise problems.bad_argument("A query must be an object with items and a type.")
        kind, items = query.get("type"), query.get("items") or []
        result: Json = {}
        for sha in items if isinstance(items, list) else []:
            hits = [each for each in served(repository) if sha in _commits_for(call, repository, each, str(kind))]
            if hits:
                result[str(sha)] = [document(call, repository, each, whole=False) for each in hits]
        results.append(result)
    return {"queries": queries, "results": results}


def _commits_for(call: Call, repository: Repository, pull_request: PullRequest, kind: str) -> set[str]:
    merge = call.collection.merge_commit(pull_request, repository)
    if kind.lower() in ("lastmergecommit", "1"):
        return {merge}
    return {merge, *(commit.sha for commit in pull_request.commits())}


@answers("pull_request_commits", "GET", CODE)
def pull_request_commits(call: Call) -> object:
    """The commits of a pull request, newest first."""
    repository = call.repository
    rows = [commit_document(call.collection, repository, each) for each in reversed(call.pull_request.commits())]
    return continued(call, rows, 100)


@answers("pull_request_work_items", "GET", CODE)
def pull_request_work_items(call: Call) -> object:
    """References to the linked work items."""
    _ = call.repository
    return collection(work_item_references(call.collection, call.pull_request))


@answers("labels", "GET", CODE)
def labels(call: Call) -> object:
    """A pull request's labels, or one of them."""
    pull_request = call.pull_request
    if "labelidorname" in call.values:
        wanted = call.values["labelidorname"].lower()
        for name in pull_request.ado_labels:
            label = label_document(call, name)
            if wanted in (name.lower(), label["id"]):
                return label
        raise problems.missing(f"The label '{wanted}' was not found.", "TagNotFoundException")
    return collection([label_document(call, name) for name in pull_request.ado_labels])


@answers("labels", "POST", CODE_WRITE)
def add_label(call: Call) -> object:
    """One more label."""
    pull_request, name = call.pull_request, call.document().get("name")
    if not isinstance(name, str) or not name:
        raise problems.bad_argument("Value cannot be null. Parameter name: name")
    with call.world.lock:
        if name.lower() not in (each.lower() for each in pull_request.ado_labels):
            pull_request.ado_labels.append(name)
    return label_document(call, name)


@answers("labels", "DELETE", CODE_WRITE)
def remove_label(call: Call) -> object:
    """One label less."""
    pull_request, wanted = call.pull_request, call.values["labelidorname"].lower()
    with call.world.lock:
        for name in pull_request.ado_labels:
            if wanted in (name.lower(), label_document(call, name)["id"]):
                pull_request.ado_labels.remove(name)
                return Answer(None)
    raise problems.missing(f"The label '{wanted}' was not found.", "TagNotFoundException")


@answers("pull_request_properties", "GET", CODE)
def pull_request_properties(call: Call) -> object:
    """What is kept beside a pull request, as typed values."""
    repository, pull_request = call.repository, call.pull_request
    entries = {
        "Microsoft.Git.PullRequest.SourceRefName": f"refs/heads/{pull_request.source}",
        "Microsoft.Git.PullRequest.TargetRefName": f"refs/heads/{pull_request.target}",
        "Microsoft.Git.PullRequest.IsDraft": str(pull_request.part.draft),
        **call.collection.pull_request_properties.get((repository.guid, pull_request.number), {}),
    }
    values = {name: {"$type": "System.String", "$value": value} for name, value in entries.items()}
    return {"count": len(values), "value": values}


@answers("pull_request_properties", "PATCH", CODE_WRITE)
def change_pull_request_properties(call: Call) -> object:
    """Add, replace and remove properties, as a JSON patch of ``/NAME``."""
    repository, pull_request = call.repository, call.pull_request
    kept = call.collection.pull_request_properties.setdefault((repository.guid, pull_request.number), {})
    for each in call.items():
        if not isinstance(each, dict) or not str(each.get("path", "")).startswith("/"):
            raise problems.bad_argument("Each operation of the patch document needs an op and a path.")
        name = str(each["path"])[1:]
        with call.world.lock:
            if each.get("op") == "remove":
                kept.pop(name, None)
            else:
                kept[name] = str(each.get("value"))
    return pull_request_properties(call)
