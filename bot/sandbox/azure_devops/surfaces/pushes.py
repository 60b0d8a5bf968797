"""Pushes, and how far branches have gone from one another."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, collection, page
from bot.sandbox.azure_devops.people import account, identity, stamp
from bot.sandbox.azure_devops.push_events import PushEvent, push_events
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import CODE
from bot.sandbox.azure_devops.surfaces.commits import commit_document, resolve
from bot.sandbox.azure_devops.surfaces.repositories import readable, repository_reference, repository_url

if TYPE_CHECKING:
    from bot.sandbox.world import Repository


@answers("branch_stats", "GET", CODE)
def branch_stats(call: Call) -> object:
    """How far each branch is ahead of and behind the default branch."""
    repository = readable(call)
    base = call.text("baseVersionDescriptor.version") or repository.default_branch
    base_sha = resolve(repository, "branch", base)
    rows: list[Json] = []
    wanted = call.text("name")
    for name, sha in sorted(repository.git.refs.items()):
        if not name.startswith("refs/heads/") or (wanted and name != f"refs/heads/{wanted}"):
            continue
        rows.append(
            {
                "commit": commit_document(call.collection, repository, repository.git.commits[sha]),
                "name": name.removeprefix("refs/heads/"),
                "aheadCount": len(repository.git.log(sha, base_sha)),
                "behindCount": len(repository.git.log(base_sha, sha)),
                "isBaseVersion": name == f"refs/heads/{base}",
            }
        )
    if not wanted:
        return collection(rows)
    if not rows:
        raise problems.version_not_found(f"Branch: {wanted} ", repository.name)
    return rows[0]


def push_document(call: Call, repository: Repository, push: PushEvent, *, ref_updates: bool) -> Json:
    """A GitPush."""
    owner = call.collection
    body: Json = {
        "repository": repository_reference(owner, repository),
        "pushedBy": identity(owner, push.by or next(iter(owner.world.people))),
        "pushId": push.ident,
        "date": stamp(push.at),
        "url": f"{repository_url(owner, repository)}/pushes/{push.ident}",
    }
    if ref_updates:
        update = {
            "repositoryId": repository.guid,
            "name": push.ref,
            "oldObjectId": push.before,
            "newObjectId": push.after,
        }
        body["refUpdates"] = [update]
    return body


@answers("pushes", "GET", CODE)
def pushes(call: Call) -> object:
    """A repository's pushes, newest first, or one of them with what it changed."""
    repository = readable(call)
    events = push_events(repository)
    if "pushid" in call.values:
        wanted = call.whole("pushid")
        push = next((each for each in events if each.ident == wanted), None)
        if push is None:
            raise problems.missing(
                f"TF401035: The push {wanted} does not exist.", "GitPushNotFoundException", problems.GIT
            )
        body = push_document(call, repository, push, ref_updates=True)
        body["commits"] = [
            commit_document(call.collection, repository, repository.git.commits[sha]) for sha in push.commits
        ]
        return body
    ref = call.text("searchCriteria.refName") or call.text("refName")
    pusher = call.text("searchCriteria.pusherId") or call.text("pusherId")
    after = call.text("searchCriteria.fromDate") or call.text("fromDate")
    before = call.text("searchCriteria.toDate") or call.text("toDate")
    updates = call.flag("searchCriteria.includeRefUpdates") or call.flag("includeRefUpdates")
    rows = [
        push_document(call, repository, push, ref_updates=updates)
        for push in reversed(events)
        if (not ref or push.ref == ref)
        and (not pusher or account(call.collection, push.by).guid == pusher)
        and (not after or stamp(push.at) >= after)
        and (not before or stamp(push.at) <= before)
    ]
    return page(call, rows, 100)


@answers("push_commits", "GET", CODE)
def push_commits(call: Call) -> object:
    """The commits of one push."""
    body = pushes(call)
    assert isinstance(body, dict)
    return collection(body["commits"])
