"""Pull requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, Refusal, missing, stamp
from bot.sandbox.github.commits import commit_body, file_body
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import Body, association, label, optional_user, repository, team, user
from bot.sandbox.github.routing import get
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.posted import Review, ReviewThread
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Repository

MOST_COMMITS = 250
MOST_FILES = 3_000
MINIMAL_FIELDS = ("id", "url", "name")

REVIEW_STATES = {
    "approved": "APPROVED",
    "suggestions": "APPROVED",
    "changes_requested": "CHANGES_REQUESTED",
    "commented": "COMMENTED",
    "waiting": "COMMENTED",
    "dismissed": "DISMISSED",
}


def shown(each: Repository) -> list[PullRequest]:
    """The pull requests that GitHub has, newest first."""
    found = [request for request in each.pull_requests.values() if "github" in request.part.platforms]
    return sorted(found, key=lambda request: -request.number)


def find(each: Repository, name: str) -> PullRequest:
    """The pull request of this number."""
    request = each.pull_requests.get(int(name)) if name.isdigit() else None
    if request is None or "github" not in request.part.platforms:
        raise missing()
    return request


@get("/repos/{owner}/{repo}/pulls", "pull_requests")
def pulls(call: Call, each: Repository) -> object:
    """A repository's pull requests: open ones unless ``state`` says otherwise."""
    state = call.request.first("state", "open")
    if state not in ("open", "closed", "all"):
        raise Refusal(
            422, "Validation Failed", errors=[{"resource": "PullRequest", "field": "state", "code": "invalid"}]
        )
    found = [request for request in shown(each) if state in ("all", _state(request))]
    base, head = call.request.first("base"), call.request.first("head")
    if base:
        found = [request for request in found if request.target == base]
    if head:
        found = [request for request in found if head in (request.source, _label(each, request))]
    by = call.request.first("sort", "created")
    if by == "updated":
        found.sort(key=lambda request: request.updated_at or request.created_at)
        if call.request.first("direction", "desc") == "desc":
            found.reverse()
    elif call.request.first("direction", "desc") == "asc":
        found.reverse()
    return call.page(found, lambda request: simple(call, each, request))


@get("/repos/{owner}/{repo}/pulls/{number}", "pull_requests")
def pull(call: Call, each: Repository, number: str) -> Body:
    """One pull request."""
    request = find(each, number)
    commits, changes = request.commits(), request.changes()
    merged = request.part.state == "merged"
    is_open = request.part.state == "open"
    comments = [comment for comment in each.issue_comments if comment.number == request.number]
    return simple(call, each, request) | {
        "merged": merged,
        "mergeable": True if is_open else None,
        "rebaseable": True if is_open else None,
        "mergeable_state": "draft" if request.part.draft else "clean" if is_open else "unknown",
        "merged_by": optional_user(call, (request.part.merged_by or request.author) if merged else None),
        "comments": len(comments),
        "review_comments": len(request.review_threads),
        "maintainer_can_modify": False,
        "commits": len(commits),
        "additions": sum(change.additions for change in changes),
        "deletions": sum(change.deletions for change in changes),
        "changed_files": len(changes),
    }


@get("/repos/{owner}/{repo}/pulls/{number}/commits", "pull_requests")
def pull_commits(call: Call, each: Repository, number: str) -> object:
    """Its commits, oldest first, 250 at most."""
    return call.page(find(each, number).commits(), lambda commit: commit_body(call, each, commit), most=MOST_COMMITS)


@get("/repos/{owner}/{repo}/pulls/{number}/files", "pull_requests")
def pull_files(call: Call, each: Repository, number: str) -> object:
    """Its files, 3,000 at most."""
    request = find(each, number)
    return call.page(request.changes(), lambda change: file_body(call, each, change, request.head), most=MOST_FILES)


@get("/repos/{owner}/{repo}/pulls/{number}/reviews", "pull_requests")
def reviews(call: Call, each: Repository, number: str) -> object:
    """What reviewers said, oldest first."""
    request = find(each, number)
    found = sorted(request.reviews, key=lambda review: review.at)
    return call.page(found, lambda review: review_body(call, each, request, review))


@get("/repos/{owner}/{repo}/pulls/{number}/reviews/{review}", "pull_requests")
def one_review(call: Call, each: Repository, number: str, review: str) -> Body:
    """One review."""
    request = find(each, number)
    for known in request.reviews:
        if str(known.id) == review:
            return review_body(call, each, request, known)
    raise missing()


@get("/repos/{owner}/{repo}/pulls/{number}/comments", "pull_requests")
def review_comments(call: Call, each: Repository, number: str) -> object:
    """Comments on lines."""
    request = find(each, number)
    return call.page(request.review_threads, lambda thread: _review_comment(call, each, request, thread))


@get("/repos/{owner}/{repo}/pulls/{number}/requested_reviewers", "pull_requests")
def requested_reviewers(call: Call, each: Repository, number: str) -> Body:
    """Who was asked."""
    request = find(each, number)
    return {"users": _asked_people(call, request), "teams": _asked_teams(call, request)}


@get("/repos/{owner}/{repo}/commits/{sha}/pulls", "pull_requests")
def pulls_of_commit(call: Call, each: Repository, sha: str) -> object:
    """The pull requests that a commit came in with, or is in now."""
    found = [request for request in shown(each) if contains(request, sha)]
    return call.page(found, lambda request: simple(call, each, request))


def contains(request: PullRequest, sha: str) -> bool:
    """Whether a commit is in a pull request, or is what its merge made."""
    return (
        sha == request.merge_sha or sha in request.pushes[-1].commits or sha in {each.sha for each in request.commits()}
    )


def _state(request: PullRequest) -> str:
    return "open" if request.part.state == "open" else "closed"


def _label(each: Repository, request: PullRequest) -> str:
    return f"{request.part.fork or each.owner}:{request.source}"


def _asked_people(call: Call, request: PullRequest) -> list[Body]:
    return [user(call, name) for name in request.part.requested_reviewers if not name.startswith("team:")]


def _asked_teams(call: Call, request: PullRequest) -> list[Body]:
    names = [name.removeprefix("team:") for name in request.part.requested_reviewers if name.startswith("team:")]
    return [team(call, call.world.teams[name]) for name in names if name in call.world.teams]


def minimal(call: Call, each: Repository, request: PullRequest) -> Body:
    """A pull request as check runs and workflow runs have it."""
    url = f"{call.api}/repos/{each.full_name}"
    mine = {"id": each.id, "url": url, "name": each.name}
    return {
        "id": request.id,
        "number": request.number,
        "url": f"{url}/pulls/{request.number}",
        "head": {"ref": request.source, "sha": request.head, "repo": mine},
        "base": {"ref": request.target, "sha": request.base, "repo": mine},
    }


def simple(call: Call, each: Repository, request: PullRequest) -> Body:
    """A pull request as lists have it."""
    part = request.part
    url, page = f"{call.api}/repos/{each.full_name}", f"{call.html}/{each.full_name}/pull/{request.number}"
    mine, issue = f"{url}/pulls/{request.number}", f"{url}/issues/{request.number}"
    people = [user(call, login) for login in part.assignees]
    merged = part.state == "merged"
    return {
        "url": mine,
        "id": request.id,
        "node_id": encode("PullRequest", each.key, request.number),
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "issue_url": issue,
        "commits_url": f"{mine}/commits",
        "review_comments_url": f"{mine}/comments",
        "review_comment_url": f"{url}/pulls/comments{{/number}}",
        "comments_url": f"{issue}/comments",
        "statuses_url": f"{url}/statuses/{request.head}",
        "number": request.number,
        "state": _state(request),
        "locked": False,
        "active_lock_reason": None,
        "title": part.title,
        "user": user(call, part.author),
        "body": part.body or None,
        "labels": [label(call, each, name) for name in request.labels],
        "milestone": None,
        "created_at": stamp(request.created_at),
        "updated_at": stamp(request.updated_at or request.created_at),
        "closed_at": stamp(request.closed_at),
        "merged_at": stamp(request.closed_at) if merged else None,
        "merge_commit_sha": request.merge_sha,
        "assignee": people[0] if people else None,
        "assignees": people,
        "requested_reviewers": _asked_people(call, request),
        "requested_teams": _asked_teams(call, request),
        "draft": part.draft,
        "head": _head(call, each, request),
        "base": {
            "label": f"{each.owner}:{request.target}",
            "ref": request.target,
            "sha": request.base,
            "user": user(call, each.owner),
            "repo": repository(call, each),
        },
        "_links": {
            "self": {"href": mine},
            "html": {"href": page},
            "issue": {"href": issue},
            "comments": {"href": f"{issue}/comments"},
            "review_comments": {"href": f"{mine}/comments"},
            "review_comment": {"href": f"{url}/pulls/comments{{/number}}"},
            "commits": {"href": f"{mine}/commits"},
            "statuses": {"href": f"{url}/statuses/{request.head}"},
        },
        "author_association": association(call.world, each, part.author),
        "auto_merge": None,
    }


def _head(call: Call, each: Repository, request: PullRequest) -> Body:
    """The head; of a fork, with the fork's repository instead of this one."""
    owner = request.part.fork or each.owner
    body = repository(call, each)
    if request.part.fork:
        full_name = f"{owner}/{each.name}"
        here, there = f"{call.api}/repos/{each.full_name}", f"{call.api}/repos/{full_name}"
        body = {
            name: value.replace(here, there) if isinstance(value, str) else value for name, value in body.items()
        } | {
            "id": number("repository", owner, each.name),
            "node_id": encode("Repository", full_name),
            "full_name": full_name,
            "owner": user(call, owner),
            "html_url": f"{call.html}/{full_name}",
            "fork": True,
        }
        body.pop("security_and_analysis", None)
    return {
        "label": f"{owner}:{request.source}",
        "ref": request.source,
        "sha": request.head,
        "user": user(call, owner),
        "repo": body,
    }


def review_body(call: Call, each: Repository, request: PullRequest, review: Review) -> Body:
    """One review."""
    url = f"{call.api}/repos/{each.full_name}/pulls/{request.number}"
    page = f"{call.html}/{each.full_name}/pull/{request.number}#pullrequestreview-{review.id}"
    return {
        "id": review.id,
        "node_id": encode("PullRequestReview", each.key, request.number, review.id),
        "user": user(call, review.by),
        "body": review.body,
        "state": REVIEW_STATES[review.state],
        "html_url": page,
        "pull_request_url": url,
        "author_association": association(call.world, each, review.by),
        "_links": {"html": {"href": page}, "pull_request": {"href": url}},
        "submitted_at": stamp(review.at),
        "commit_id": review.sha,
    }


def _review_comment(call: Call, each: Repository, request: PullRequest, thread: ReviewThread) -> Body:
    url = f"{call.api}/repos/{each.full_name}/pulls"
    page = f"{call.html}/{each.full_name}/pull/{request.number}#discussion_r{thread.id}"
    mine = f"{url}/comments/{thread.id}"
    return {
        "url": mine,
        "pull_request_review_id": None,
        "id": thread.id,
        "node_id": encode("PullRequestReviewComment", each.key, request.number, thread.id),
        "diff_hunk": "@@ -1 +1 @@",
        "path": thread.path,
        "commit_id": request.head,
        "original_commit_id": thread.sha,
        "user": user(call, thread.by),
        "body": thread.body,
        "created_at": stamp(thread.at),
        "updated_at": stamp(thread.at),
        "html_url": page,
        "pull_request_url": f"{url}/{request.number}",
        "author_association": association(call.world, each, thread.by),
        "_links": {
            "self": {"href": mine},
            "html": {"href": page},
            "pull_request": {"href": f"{url}/{request.number}"},
        },
        "line": thread.line,
        "original_line": thread.line,
        "side": "RIGHT",
        "position": thread.line,
        "original_position": thread.line,
        "subject_type": "line",
    }
