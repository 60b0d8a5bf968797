"""Reviewers, and the iterations they reviewed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection, page
from bot.sandbox.azure_devops.people import anyone, identity, logins_of, stamp
from bot.sandbox.azure_devops.push_events import push_events
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import CODE, CODE_WRITE
from bot.sandbox.azure_devops.surfaces.commits import CHANGE_TYPES, commit_document, commit_reference
from bot.sandbox.azure_devops.surfaces.pull_requests import pull_request_url
from bot.sandbox.azure_devops.votes import reviewers
from bot.sandbox.posted import ReviewRequested

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.git_objects import Commit
    from bot.sandbox.pull_requests import PullRequest, Push
    from bot.sandbox.world import Repository


@answers("reviewers", "GET", CODE)
def list_reviewers(call: Call) -> object:
    """Everybody who was asked or who voted, or one of them."""
    rows = reviewers(call.collection, call.repository, call.pull_request)
    if "reviewerid" in call.values:
        wanted = call.values["reviewerid"].lower()
        found = next((row for row in rows if row["id"] == wanted), None)
        if found is None:
            raise problems.missing(
                f"TF401190: The reviewer {wanted} was not found.",
                "GitPullRequestReviewerNotFoundException",
                problems.GIT,
            )
        return found
    return collection(rows)


@answers("reviewers", "PUT", CODE_WRITE)
def add_reviewer(call: Call) -> object:
    """Ask somebody for a review; a vote that the body has is the caller's own, and nobody else's can be given."""
    owner, pull_request = call.collection, call.pull_request
    if not owner.at_least("read", call.repository, call):
        raise problems.permission_missing(call.person.name, "PullRequestContribute", "repository")
    body, wanted = call.document(), call.values["reviewerid"].lower()
    who = next((name for name in _everyone(owner) if str(anyone(owner, name)["id"]).lower() == wanted), None)
    if who is None:
        raise problems.missing(
            f"VS403371: The identity with id {wanted} could not be found.", "IdentityNotFoundException"
        )
    if body.get("vote") and wanted != call.person.guid:
        raise problems.access_denied(call.person.name, "vote for", wanted)
    with call.world.lock:
        if who not in pull_request.part.requested_reviewers:
            pull_request.ask(ReviewRequested(call.world.next_id(), who, call.token.login, call.world.clock()))
    return next(row for row in reviewers(owner, call.repository, pull_request) if row["id"] == wanted)


@answers("reviewers", "DELETE", CODE_WRITE)
def remove_reviewer(call: Call) -> object:
    """Ask somebody no longer."""
    owner, pull_request, wanted = call.collection, call.pull_request, call.values["reviewerid"].lower()
    for who in list(pull_request.part.requested_reviewers):
        if str(anyone(owner, who)["id"]).lower() == wanted:
            with call.world.lock:
                now = call.world.clock()
                pull_request.ask(ReviewRequested(call.world.next_id(), who, call.token.login, now, removed=True))
    return Answer(None)


def _everyone(owner: Collection) -> list[str]:
    teams = owner.world.teams_of(owner.organization.name)
    return [*logins_of(owner), *(f"team:{team.name}" for team in teams)]


@answers("iterations", "GET", CODE)
def iterations(call: Call) -> object:
    """What each push made of the pull request: its author is who pushed."""
    repository, pull_request = call.repository, call.pull_request
    rows = [_iteration(call, repository, pull_request, number) for number in range(1, len(pull_request.pushes) + 1)]
    if "iterationid" in call.values:
        return rows[_number(call, pull_request) - 1]
    return collection(rows)


def _number(call: Call, pull_request: PullRequest) -> int:
    number = call.whole("iterationid")
    if not 1 <= number <= len(pull_request.pushes):
        raise problems.missing(
            f"TF401197: The iteration {number} of pull request {pull_request.number} was not found.",
            "GitPullRequestIterationNotFoundException",
            problems.GIT,
        )
    return number


def _common(repository: Repository, push: Push) -> str:
    return repository.git.merge_base(push.base_sha, push.head_sha) or push.base_sha


def _iteration(call: Call, repository: Repository, pull_request: PullRequest, number: int) -> Json:
    owner = call.collection
    push = pull_request.pushes[number - 1]
    head = repository.git.commits[push.head_sha]
    events = push_events(repository)
    event = next((each for each in events if each.after == push.head_sha and each.at == push.at), None)
    url = pull_request_url(owner, repository, pull_request)
    body: Json = {
        "id": number,
        "description": head.headline,
        "author": identity(owner, push.by),
        "createdDate": stamp(push.at),
        "updatedDate": stamp(push.at),
        "sourceRefCommit": commit_reference(owner, repository, push.head_sha),
        "targetRefCommit": commit_reference(owner, repository, push.base_sha),
        "commonRefCommit": commit_reference(owner, repository, _common(repository, push)),
        "hasMoreCommits": False,
        "reason": "create" if number == 1 else "forcePush" if push.forced else "push",
        "_links": {"self": {"href": f"{url}/iterations/{number}"}},
    }
    if event is not None:
        body["push"] = {"pushId": event.ident, "date": stamp(push.at), "pushedBy": identity(owner, push.by)}
    if call.flag("includeCommits"):
        body["commits"] = [commit_document(owner, repository, each) for each in _commits(repository, push)]
    return body


def _commits(repository: Repository, push: Push) -> list[Commit]:
    return repository.git.log(push.head_sha, push.base_sha)


@answers("iteration_commits", "GET", CODE)
def iteration_commits(call: Call) -> object:
    """The commits that the pull request had with that push, newest first."""
    repository, pull_request = call.repository, call.pull_request
    push = pull_request.pushes[_number(call, pull_request) - 1]
    return page(call, [commit_document(call.collection, repository, each) for each in _commits(repository, push)], 500)


@answers("iteration_changes", "GET", CODE)
def iteration_changes(call: Call) -> object:
    """The files changed with that push, against the target (``$compareTo`` 0 or none) or against an earlier one."""
    repository, pull_request = call.repository, call.pull_request
    push = pull_request.pushes[_number(call, pull_request) - 1]
    earlier = call.number("$compareTo", 0)
    if not 0 <= earlier <= len(pull_request.pushes):
        raise problems.bad_argument(f"The iteration {earlier} to compare to does not exist.")
    base = pull_request.pushes[earlier - 1].head_sha if earlier else _common(repository, push)
    changes = repository.git.diff(base, push.head_sha)
    skip, top = call.number("$skip", 0), min(call.number("$top", 100), 2000)
    entries: list[Json] = []
    old = repository.git.files(base)
    for position, change in enumerate(changes[skip : skip + top], skip + 1):
        item: Json = {"objectId": change.sha, "path": f"/{change.path}"}
        before = old.get(change.old_path or change.path)
        if before is not None:
            item["originalObjectId"] = before
        if change.status == "removed":
            item = {"originalObjectId": change.sha, "path": f"/{change.path}"}
        entry: Json = {
            "changeTrackingId": position,
            "changeId": position,
            "item": item,
            "changeType": CHANGE_TYPES[change.status],
        }
        if change.old_path:
            entry["originalPath"] = f"/{change.old_path}"
            if before != change.sha:
                entry["changeType"] = "edit, rename"
        entries.append(entry)
    body: Json = {"changeEntries": entries}
    if skip + top < len(changes):
        body["nextSkip"] = skip + top
        body["nextTop"] = min(top, len(changes) - skip - top)
    return body
