"""The world moves on while a test watches: pushes, reviews, checks, and changed settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from pydantic import Field

from bot.sandbox.history import ReferenceMissing
from bot.sandbox.identity import people_only, repository_logins
from bot.sandbox.posting import EDITED, add_check, add_review, add_thread, edit, resolve_updated
from bot.sandbox.scenario import (
    CheckPart,
    Part,
    PullRequestPart,
    PushPart,
    RepositoryPart,
    ReviewPart,
    ThreadPart,
    WorkItemPart,
)

if TYPE_CHECKING:
    from datetime import datetime

    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Repository, World

Said = TypeVar("Said", ReviewPart, CheckPart, ThreadPart)


class Event(Part):
    """One change. Instants without a value are now.

    ``pull_request`` names the pull request that pushes and what is said belong to; without it ``set`` changes fields of
    the repository, with it those of the pull request, and with ``work_item`` those of the work item.
    """

    repository: str = ""
    """``owner/name``; defaults to the first."""
    pull_request: int | None = None
    work_item: int | None = None
    push: PushPart | None = None
    review: ReviewPart | None = None
    check: CheckPart | None = None
    thread: ThreadPart | None = None
    resolve_threads: bool = False
    merge: bool = False
    set: dict[str, Any] = Field(default_factory=dict)
    """Fields of the scenario's part, by their names there."""


def happen(world: World, event: Event) -> dict[str, object]:
    """Let it happen; what came of it."""
    with world.lock:
        world.revision += 1
        if event.work_item is not None:
            return _move_work_item(world, event)
        repository = _repository(world, event.repository)
        if event.pull_request is None:
            if event.set.get("name", repository.name) != repository.name:
                world.rename(repository, str(event.set["name"]))
            repository.part = RepositoryPart.model_validate({**_fields(repository.part), **event.set})
            world.meet(repository_logins(repository.part))
            if repository.touched:
                repository.history.part = repository.part
            return {"repository": repository.full_name}
        repository.keep()
        pull_request = repository.pull_requests.get(event.pull_request)
        if pull_request is None:
            raise ReferenceMissing(f"{repository.full_name} has no pull request {event.pull_request}", ())
        _touch(world, repository, pull_request, event)
        resolve_updated(pull_request, world.clock())
        return {"repository": repository.full_name, "pull_request": event.pull_request, "head": pull_request.head}


def _touch(world: World, repository: Repository, pull_request: PullRequest, event: Event) -> None:
    now = world.clock()
    if event.set:
        edit(repository, pull_request, {name: event.set[name] for name in EDITED if name in event.set}, now)
        pull_request.part = PullRequestPart.model_validate({**_fields(pull_request.part), **event.set})
        world.meet([*pull_request.part.assignees, *people_only(pull_request.part.requested_reviewers)])
        if "target" in event.set:
            pull_request.target = pull_request.part.target or repository.default_branch
        if event.set.get("state") in ("closed", "merged"):
            repository.history.end(pull_request, now)
    if event.push is not None:
        push = event.push
        world.meet([push.by, *(name for commit in push.commits for name in (commit.author, commit.committer))])
        repository.history.push(pull_request, push, world.at(push.at) if "at" in push.model_fields_set else now)
    if event.review is not None:
        world.meet([event.review.by])
        add_review(repository, pull_request, _dated(event.review, now))
    if event.check is not None:
        check = _dated(event.check, now)
        check = check if check.push is not None else check.model_copy(update={"push": len(pull_request.pushes)})
        add_check(repository, pull_request, check)
        checks = [*pull_request.part.checks, check]
        pull_request.part = pull_request.part.model_copy(update={"checks": checks})
    if event.thread is not None:
        world.meet([event.thread.by])
        add_thread(repository, pull_request, _dated(event.thread, now))
    if event.resolve_threads:
        for thread in pull_request.review_threads:
            thread.resolved = True
        for discussion in pull_request.ado_threads:
            discussion.status = "fixed"
    if event.merge:
        pull_request.part = pull_request.part.model_copy(update={"state": "merged"})
        repository.history.end(pull_request, now)


def _move_work_item(world: World, event: Event) -> dict[str, object]:
    for item in world.work_items:
        if item.id == event.work_item:
            item.remember()
            item.part = WorkItemPart.model_validate({**_fields(item.part), **event.set})
            if "assigned_to" in event.set:
                item.assignees = [item.part.assigned_to] if item.part.assigned_to else []
            item.changed_at = world.clock()
            item.closed_at = (item.closed_at or world.clock()) if item.closed else None
            world.meet([item.part.assigned_to, item.part.created_by])
            return {"work_item": item.id}
    raise ReferenceMissing(f"there is no work item {event.work_item}", ())


def _repository(world: World, name: str) -> Repository:
    owner, _, bare = name.rpartition("/")
    found = world.repository(owner or world.first_organization, bare) if name else next(iter(world.repositories), None)
    if found is None:
        raise ReferenceMissing(f"there is no repository {name!r}", ())
    return found


def _fields(part: Part) -> dict[str, Any]:
    return {name: getattr(part, name) for name in part.model_fields_set}


def _dated(part: Said, now: datetime) -> Said:
    """What was said, now unless it says when."""
    return part if "at" in part.model_fields_set else part.model_copy(update={"at": now})
