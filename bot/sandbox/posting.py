"""The reviews, checks, comments and threads that a scenario begins with, turned into the state that clients then change."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from bot.sandbox.identity import number
from bot.sandbox.posted import (
    AdoComment,
    AdoStatus,
    AdoThread,
    CheckRun,
    Edit,
    IssueComment,
    Review,
    ReviewThread,
    Status,
)

if TYPE_CHECKING:
    from datetime import datetime

    from bot.sandbox.history import History
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.scenario import CheckPart, Instant, ReviewPart, ThreadPart
    from bot.sandbox.world import Repository

STATUS_STATES = {
    "success": "success",
    "neutral": "success",
    "skipped": "success",
    "failure": "failure",
    "cancelled": "error",
    "timed_out": "error",
    "action_required": "failure",
    "stale": "pending",
}

ADO_STATES = {
    "success": "succeeded",
    "neutral": "notApplicable",
    "skipped": "notApplicable",
    "failure": "failed",
    "cancelled": "error",
    "timed_out": "error",
    "action_required": "failed",
    "stale": "notSet",
}


def resolve_posted(repository: Repository, history: History) -> None:
    """Fill in what the scenario says was said."""
    for pull_request in history.pull_requests.values():
        part = pull_request.part
        for review in part.reviews:
            add_review(repository, pull_request, review)
        for check in part.checks:
            add_check(repository, pull_request, check)
        for thread in part.threads:
            add_thread(repository, pull_request, thread)
        for change in part.edits:
            edit(repository, pull_request, change.model_dump(exclude={"at"}, exclude_none=True), change.at)
        resolve_updated(pull_request, pull_request.created_at)


def resolve_updated(pull_request: PullRequest, at: datetime) -> None:
    """When it last changed: at this instant, or whenever the newest thing was said."""
    said = [
        at,
        *(push.at for push in pull_request.pushes),
        *(review.at for review in pull_request.reviews),
        *(thread.updated_at for thread in pull_request.ado_threads),
        *(change.at for change in pull_request.edits),
    ]
    if pull_request.closed_at:
        said.append(pull_request.closed_at)
    pull_request.updated_at = max(said)


def push_at(pull_request: PullRequest, at: datetime, number_of_push: int | None) -> int:
    """Which push (from 1) something of this time was said of: the one named, or the newest that is not younger."""
    if number_of_push is not None:
        return max(1, min(number_of_push, len(pull_request.pushes)))
    return max([1, *(i for i, push in enumerate(pull_request.pushes, 1) if push.at <= at)])


def add_review(repository: Repository, pull_request: PullRequest, part: ReviewPart) -> Review:
    """One more review."""
    at = repository.world.at(part.at)
    push = push_at(pull_request, at, part.push)
    ident = number("review", repository.key, pull_request.number, len(pull_request.reviews))
    sha = pull_request.pushes[push - 1].head_sha
    review = Review(ident, part, part.by, part.state, sha, push, at, part.body)
    if part.dismissed_at is not None and (gone := repository.world.at(part.dismissed_at)) <= repository.world.clock():
        review.state, review.dismissed_at = "dismissed", gone
    pull_request.reviews.append(review)
    return review


EDITED = ("title", "body", "labels", "assignees")


def edit(repository: Repository, pull_request: PullRequest, changed: dict[str, object], at: Instant) -> None:
    """Change texts, labels or assignees, and keep what they were."""
    when = repository.world.at(at)
    for name in EDITED:
        if name not in changed:
            continue
        before, after = _plain(getattr(pull_request.part, name)), _plain(changed[name])
        if before != after:
            pull_request.edits.append(Edit(when, name, before, after))
    pull_request.part = pull_request.part.model_copy(update=changed)
    if "labels" in changed:
        pull_request.labels = list(pull_request.part.labels)
        pull_request.ado_labels = list(pull_request.part.labels)


def _plain(value: object) -> str | tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else str(value)


def add_check(repository: Repository, pull_request: PullRequest, part: CheckPart) -> None:
    """One more check, on both platforms."""
    world = repository.world
    at = world.at(part.at)
    push = part.push if part.push is not None else len(pull_request.pushes)
    sha = pull_request.pushes[push_at(pull_request, at, push) - 1].head_sha
    done = part.state == "completed"
    if part.kind == "status":
        ident = number("status", repository.key, pull_request.number, len(repository.statuses))
        state = STATUS_STATES[part.conclusion] if done else "pending"
        creator = part.app if part.app in world.people else f"{part.app}[bot]"
        repository.statuses.append(Status(ident, sha, part.name, state, None, None, creator, at))
    else:
        ident = number("check-run", repository.key, pull_request.number, len(repository.check_runs))
        repository.check_runs.append(
            CheckRun(
                id=ident,
                sha=sha,
                name=part.name,
                status=part.state,
                conclusion=part.conclusion if done else None,
                app=part.app,
                started_at=at - timedelta(minutes=3),
                completed_at=at if done else None,
                event=part.event,
                pipeline=part.pipeline,
            )
        )
    if part.pipeline is None:
        pull_request.ado_statuses.append(
            AdoStatus(
                id=len(pull_request.ado_statuses) + 1,
                state=ADO_STATES[part.conclusion] if done else "pending",
                genre=None if part.app == "github-actions" else part.app,
                name=part.name,
                description=None,
                target_url=None,
                creator=pull_request.author,
                created_at=at,
                updated_at=at,
                iteration=push,
            )
        )


def add_thread(repository: Repository, pull_request: PullRequest, part: ThreadPart) -> None:
    """One more discussion, on both platforms."""
    at = repository.world.at(part.at)
    names = (repository.full_name, pull_request.number, len(pull_request.ado_threads))
    if part.path is None:
        ident = number("issue-comment", *names)
        comment = IssueComment(ident, pull_request.number, part.by, part.body, at, at)
        repository.issue_comments.append(comment)
    else:
        sha = pull_request.pushes[push_at(pull_request, at, None) - 1].head_sha
        ident = number("review-comment", *names)
        thread = ReviewThread(ident, part, part.by, part.body, part.path, part.line or 1, part.resolved, sha, at)
        pull_request.review_threads.append(thread)
    pull_request.ado_threads.append(
        AdoThread(
            id=len(pull_request.ado_threads) + 1,
            status="fixed" if part.resolved else "active",
            comments=[AdoComment(1, 0, part.by, part.body, at, at)],
            published_at=at,
            updated_at=at,
            path=part.path,
            line=part.line,
        )
    )
