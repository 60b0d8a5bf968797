"""Discussions on pull requests. The system writes some itself: who voted and when is nowhere else."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection
from bot.sandbox.azure_devops.people import account, identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import CODE_OR_THREADS, THREADS
from bot.sandbox.azure_devops.surfaces.pull_requests import pull_request_url
from bot.sandbox.azure_devops.surfaces.repositories import repository_url
from bot.sandbox.azure_devops.votes import VOTES
from bot.sandbox.posted import AdoComment, AdoThread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from bot.sandbox.posted import Review
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Repository

STATUSES = ("unknown", "active", "fixed", "wontFix", "closed", "byDesign", "pending")
"""CommentThreadStatus, by number; ``fixed`` is what the web shows as resolved."""

COMMENT_TYPES = ("unknown", "text", "codeChange", "system")

SYSTEM_THREADS = 1_000_000
"""Ids from here on are the system's own, so that the scenario's keep theirs when votes are added."""
TAKEN_BACK = 100_000
"""And from here on among them those about votes that were taken back."""


def _status(value: object) -> str:
    if isinstance(value, int) and 0 <= value < len(STATUSES):
        return STATUSES[value]
    found = next((each for each in STATUSES if each.lower() == str(value).lower()), None)
    if found is None:
        raise problems.bad_argument(f"The value '{value}' of status is not one of {', '.join(STATUSES)}.")
    return found


def comment_document(call: Call, comment: AdoComment, url: str) -> Json:
    """A Comment."""
    body: Json = {
        "id": comment.id,
        "parentCommentId": comment.parent_id,
        "author": identity(call.collection, comment.author),
        "publishedDate": stamp(comment.published_at),
        "lastUpdatedDate": stamp(comment.updated_at),
        "lastContentUpdatedDate": stamp(comment.updated_at),
        "commentType": comment.comment_type,
        "usersLiked": [],
        "_links": {"self": {"href": f"{url}/comments/{comment.id}"}},
    }
    if comment.deleted:
        body["isDeleted"] = True
    else:
        body["content"] = comment.content
    return body


def thread_document(call: Call, repository: Repository, pull_request: PullRequest, thread: AdoThread) -> Json:
    """A GitPullRequestCommentThread."""
    owner = call.collection
    url = f"{pull_request_url(owner, repository, pull_request)}/threads/{thread.id}"
    context: Json | None = None
    if thread.path is not None:
        context = {"filePath": f"/{thread.path.lstrip('/')}"}
        if thread.line is not None:
            context["rightFileStart"] = {"line": thread.line, "offset": 1}
            context["rightFileEnd"] = {"line": thread.line, "offset": 1}
    return {
        "pullRequestThreadContext": None,
        "id": thread.id,
        "publishedDate": stamp(thread.published_at),
        "lastUpdatedDate": stamp(thread.updated_at),
        "comments": [comment_document(call, each, url) for each in thread.comments],
        "status": thread.status,
        "threadContext": context,
        "properties": {name: _typed(value) for name, value in thread.properties.items()},
        "identities": None,
        "isDeleted": thread.deleted,
        "_links": {"self": {"href": url}, "repository": {"href": repository_url(owner, repository)}},
    }


def _typed(value: object) -> Json:
    """A property's value beside its type."""
    if isinstance(value, dict) and "$value" in value:
        return value
    if isinstance(value, bool):
        return {"$type": "System.Boolean", "$value": value}
    if isinstance(value, int):
        return {"$type": "System.Int32", "$value": value}
    return {"$type": "System.String", "$value": str(value)}


def _vote_threads(call: Call, review: Review, position: int) -> Iterator[Json]:
    """What the system says of a vote, and of its being taken back."""
    if review.dismissed_at is None:
        yield _vote_thread(call, review, position, VOTES[review.state], review.at)
    else:
        yield _vote_thread(call, review, position, VOTES[review.part.state], review.at)
        yield _vote_thread(call, review, TAKEN_BACK + position, 0, review.dismissed_at)


def _vote_thread(call: Call, review: Review, position: int, vote: int, at: datetime) -> Json:
    """It has no status, so that it never holds anything up."""
    owner = call.collection
    who = identity(owner, review.by)
    return {
        "pullRequestThreadContext": None,
        "id": SYSTEM_THREADS + position,
        "publishedDate": stamp(at),
        "lastUpdatedDate": stamp(at),
        "comments": [
            {
                "id": 1,
                "parentCommentId": 0,
                "author": who,
                "content": f"{account(owner, review.by).name} voted {vote}",
                "publishedDate": stamp(at),
                "lastUpdatedDate": stamp(at),
                "lastContentUpdatedDate": stamp(at),
                "commentType": "system",
                "usersLiked": [],
            }
        ],
        "threadContext": None,
        "properties": {
            "CodeReviewThreadType": _typed("VoteUpdate"),
            "CodeReviewVoteResult": _typed(str(vote)),
            "CodeReviewVotedByIdentity": _typed("1"),
        },
        "identities": {"1": who},
        "isDeleted": False,
    }


def _thread(call: Call) -> AdoThread:
    wanted = call.whole("threadid")
    found = next((each for each in call.pull_request.ado_threads if each.id == wanted), None)
    if found is None:
        raise problems.missing(
            f"TF401205: The thread {wanted} was not found.", "CodeReviewDiscussionThreadNotFoundException", problems.GIT
        )
    return found


@answers("threads", "GET", CODE_OR_THREADS)
def threads(call: Call) -> object:
    """All discussions of a pull request, or one of them."""
    repository, pull_request = call.repository, call.pull_request
    if "threadid" in call.values:
        return thread_document(call, repository, pull_request, _thread(call))
    rows = [thread_document(call, repository, pull_request, thread) for thread in pull_request.ado_threads]
    for position, review in enumerate(pull_request.reviews):
        if review.state != "commented":
            rows += _vote_threads(call, review, position)
    rows.sort(key=lambda row: str(row["publishedDate"]))
    return collection(rows)


def _new_comment(call: Call, body: object, ident: int) -> AdoComment:
    if not isinstance(body, dict) or not body.get("content"):
        raise problems.bad_argument("Value cannot be null. Parameter name: comment.content")
    kind = body.get("commentType", "text")
    if isinstance(kind, int) and 0 <= kind < len(COMMENT_TYPES):
        kind = COMMENT_TYPES[kind]
    if kind not in ("text", "codeChange"):
        raise problems.bad_argument(f"The value '{kind}' of commentType is not one that clients may post.")
    now = call.world.clock()
    return AdoComment(
        id=ident,
        parent_id=int(body.get("parentCommentId") or 0),
        author=call.token.login,
        content=str(body["content"]),
        published_at=now,
        updated_at=now,
        comment_type=str(kind),
    )


def _may_contribute(call: Call) -> None:
    if not call.collection.at_least("read", call.repository, call):
        raise problems.permission_missing(call.person.name, "PullRequestContribute", "repository")


@answers("threads", "POST", THREADS)
def create_thread(call: Call) -> object:
    """One more discussion."""
    repository, pull_request = call.repository, call.pull_request
    _may_contribute(call)
    body = call.document()
    comments = body.get("comments")
    if not isinstance(comments, list) or not comments:
        raise problems.bad_argument("Value cannot be null. Parameter name: comments")
    made = [_new_comment(call, each, position) for position, each in enumerate(comments, 1)]
    context = body.get("threadContext")
    path, line = None, None
    if isinstance(context, dict) and context.get("filePath"):
        path = str(context["filePath"]).lstrip("/")
        start = context.get("rightFileStart")
        line = int(start["line"]) if isinstance(start, dict) else None
    properties = body.get("properties")
    now = call.world.clock()
    with call.world.lock:
        last = max((each.id for each in pull_request.ado_threads), default=0)
        thread = AdoThread(
            id=last + 1,
            status=_status(body.get("status", "active")),
            comments=made,
            published_at=now,
            updated_at=now,
            path=path,
            line=line,
            properties=dict(properties) if isinstance(properties, dict) else {},
            posted=True,
        )
        pull_request.ado_threads.append(thread)
    return Answer(thread_document(call, repository, pull_request, thread))


@answers("threads", "PATCH", THREADS)
def update_thread(call: Call) -> object:
    """Change a discussion's status and properties; comments of the body are added."""
    repository, pull_request = call.repository, call.pull_request
    _may_contribute(call)
    thread, body = _thread(call), call.document()
    comments, properties = body.get("comments"), body.get("properties")
    with call.world.lock:
        if "status" in body:
            thread.status = _status(body["status"])
        if isinstance(properties, dict):
            thread.properties.update(properties)
        for each in comments if isinstance(comments, list) else []:
            thread.comments.append(_new_comment(call, each, len(thread.comments) + 1))
        thread.updated_at = call.world.clock()
        thread.posted = True
    return thread_document(call, repository, pull_request, thread)


def _comment(call: Call, thread: AdoThread) -> AdoComment:
    wanted = call.whole("commentid")
    found = next((each for each in thread.comments if each.id == wanted), None)
    if found is None:
        raise problems.missing(
            f"TF401206: The comment {wanted} was not found.",
            "CodeReviewDiscussionCommentNotFoundException",
            problems.GIT,
        )
    return found


def _thread_url(call: Call, thread: AdoThread) -> str:
    return f"{pull_request_url(call.collection, call.repository, call.pull_request)}/threads/{thread.id}"


@answers("comments", "GET", CODE_OR_THREADS)
def comments(call: Call) -> object:
    """A discussion's comments, or one of them."""
    thread = _thread(call)
    url = _thread_url(call, thread)
    if "commentid" in call.values:
        return comment_document(call, _comment(call, thread), url)
    return collection([comment_document(call, each, url) for each in thread.comments])


@answers("comments", "POST", THREADS)
def create_comment(call: Call) -> object:
    """One more comment in a discussion."""
    _may_contribute(call)
    thread = _thread(call)
    with call.world.lock:
        comment = _new_comment(call, call.document(), len(thread.comments) + 1)
        thread.comments.append(comment)
        thread.updated_at = comment.published_at
        thread.posted = True
    return comment_document(call, comment, _thread_url(call, thread))


@answers("comments", "PATCH", THREADS)
def update_comment(call: Call) -> object:
    """Change a comment's text: only whoever wrote it may."""
    _may_contribute(call)
    thread = _thread(call)
    comment = _comment(call, thread)
    content = call.document().get("content")
    if comment.author != call.token.login:
        raise problems.access_denied(call.person.name, "edit", f"the comment of {comment.author}")
    if not isinstance(content, str) or not content:
        raise problems.bad_argument("Value cannot be null. Parameter name: comment.content")
    with call.world.lock:
        comment.content = content
        comment.updated_at = thread.updated_at = call.world.clock()
        thread.posted = True
    return comment_document(call, comment, _thread_url(call, thread))


@answers("comments", "DELETE", THREADS)
def delete_comment(call: Call) -> object:
    """Take a comment's text away; it stays in the list as deleted, and so does a discussion without any left."""
    _may_contribute(call)
    thread = _thread(call)
    comment = _comment(call, thread)
    if comment.author != call.token.login:
        raise problems.access_denied(call.person.name, "delete", f"the comment of {comment.author}")
    with call.world.lock:
        comment.deleted = True
        comment.updated_at = thread.updated_at = call.world.clock()
        thread.deleted = all(each.deleted for each in thread.comments)
        thread.posted = True
    return Answer(None)
