"""Statuses of pull requests, of their iterations, and of commits."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection, page
from bot.sandbox.azure_devops.people import identity, stamp
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import CODE_OR_STATUS, CODE_STATUS
from bot.sandbox.azure_devops.surfaces.pull_requests import pull_request_url
from bot.sandbox.azure_devops.surfaces.repositories import readable
from bot.sandbox.posted import AdoStatus

if TYPE_CHECKING:
    from bot.sandbox.pull_requests import PullRequest

STATES = ("notSet", "pending", "succeeded", "failed", "error", "notApplicable", "partiallySucceeded")


def status_document(call: Call, status: AdoStatus, url: str | None) -> Json:
    """A GitStatus; with a pull request's address a GitPullRequestStatus."""
    body: Json = {
        "id": status.id,
        "state": status.state,
        "description": status.description,
        "context": {"name": status.name, "genre": status.genre},
        "creationDate": stamp(status.created_at),
        "updatedDate": stamp(status.updated_at),
        "createdBy": identity(call.collection, status.creator),
        "targetUrl": status.target_url,
    }
    if url:
        body["_links"] = {"self": {"href": f"{url}/statuses/{status.id}"}}
        body["properties"] = status.properties
    if status.iteration is not None:
        body["iterationId"] = status.iteration
    return body


def latest(statuses: list[AdoStatus]) -> list[AdoStatus]:
    """The newest of each context, oldest first."""
    newest: dict[tuple[str, str], AdoStatus] = {}
    for status in statuses:
        newest.pop((status.genre or "", status.name), None)
        newest[status.genre or "", status.name] = status
    return list(newest.values())


def new_status(call: Call, ident: int, iteration: int | None) -> AdoStatus:
    """The status that a request's body describes."""
    body = call.document()
    context = body.get("context")
    if not isinstance(context, dict) or not context.get("name"):
        raise problems.bad_argument("Value cannot be null. Parameter name: context.name")
    state = str(body.get("state") or "notSet")
    found = next((each for each in STATES if each.lower() == state.lower()), None)
    if found is None:
        raise problems.bad_argument(f"The value '{state}' of state is not one of {', '.join(STATES)}.")
    described = body.get("description")
    target = body.get("targetUrl")
    properties = body.get("properties")
    now = call.world.clock()
    return AdoStatus(
        id=ident,
        state=found,
        genre=str(context["genre"]) if context.get("genre") else None,
        name=str(context["name"]),
        description=str(described) if described is not None else None,
        target_url=str(target) if target is not None else None,
        creator=call.token.login,
        created_at=now,
        updated_at=now,
        iteration=iteration,
        properties=dict(properties) if isinstance(properties, dict) else {},
        posted=True,
    )


def _iteration(pull_request: PullRequest, named: object) -> int | None:
    if named is None:
        return None
    if not isinstance(named, int | str) or not str(named).isdigit():
        raise problems.bad_argument(f"The iteration '{named}' is not a number.")
    if not 1 <= int(named) <= len(pull_request.pushes):
        raise problems.missing(
            f"TF401197: The iteration {named} of pull request {pull_request.number} was not found.",
            "GitPullRequestIterationNotFoundException",
            problems.GIT,
        )
    return int(named)


def _chosen(call: Call, pull_request: PullRequest) -> list[AdoStatus]:
    if "iterationid" not in call.values:
        return pull_request.ado_statuses
    number = _iteration(pull_request, call.values["iterationid"])
    return [status for status in pull_request.ado_statuses if status.iteration == number]


def _read(call: Call) -> object:
    repository, pull_request = call.repository, call.pull_request
    url = pull_request_url(call.collection, repository, pull_request)
    rows = _chosen(call, pull_request)
    if "statusid" in call.values:
        wanted = call.whole("statusid")
        found = next((status for status in rows if status.id == wanted), None)
        if found is None:
            raise problems.missing(f"The status {wanted} was not found.", "GitStatusNotFoundException", problems.GIT)
        return status_document(call, found, url)
    return collection([status_document(call, status, url) for status in rows])


def _write(call: Call) -> object:
    repository, pull_request = call.repository, call.pull_request
    if not call.collection.at_least("write", repository, call):
        raise problems.permission_missing(call.person.name, "PullRequestContribute", "repository")
    named = call.values.get("iterationid") or call.document().get("iterationId")
    iteration = _iteration(pull_request, named)
    with call.world.lock:
        last = max((status.id for status in pull_request.ado_statuses), default=0)
        status = new_status(call, last + 1, iteration)
        pull_request.ado_statuses.append(status)
    return Answer(status_document(call, status, pull_request_url(call.collection, repository, pull_request)))


def _remove(call: Call) -> object:
    pull_request = call.pull_request
    if not call.collection.at_least("write", call.repository, call):
        raise problems.permission_missing(call.person.name, "PullRequestContribute", "repository")
    if "statusid" in call.values:
        doomed = {call.whole("statusid")}
    else:
        doomed = set()
        for each in call.items():
            if not isinstance(each, dict) or each.get("op") != "remove" or not str(each.get("path", ""))[1:].isdigit():
                raise problems.bad_argument("Only operations such as {op: remove, path: /12} are understood.")
            doomed.add(int(str(each["path"])[1:]))
    with call.world.lock:
        pull_request.ado_statuses[:] = [each for each in pull_request.ado_statuses if each.id not in doomed]
    return Answer(None)


@answers("commit_statuses", "GET", CODE_OR_STATUS)
def commit_statuses(call: Call) -> object:
    """The statuses that clients posted on a commit."""
    repository = readable(call)
    sha = call.values["commitid"]
    found = repository.ado_commit_statuses.get(sha, [])
    shown = latest(found) if call.flag("latestOnly") else found
    return page(call, [status_document(call, each, None) for each in shown], 1000)


@answers("commit_statuses", "POST", CODE_STATUS)
def post_commit_status(call: Call) -> object:
    """One more status on a commit."""
    repository = readable(call)
    sha = call.values["commitid"]
    if sha not in repository.git.commits:
        raise problems.object_not_found(sha, "commit")
    with call.world.lock:
        listed = repository.ado_commit_statuses.setdefault(sha, [])
        status = new_status(call, len(listed) + 1, None)
        listed.append(status)
    return Answer(status_document(call, status, None), 201)


for _location in ("pull_request_statuses", "iteration_statuses"):
    answers(_location, "GET", CODE_OR_STATUS)(_read)
    answers(_location, "POST", CODE_STATUS)(_write)
    answers(_location, "DELETE", CODE_STATUS)(_remove)
    answers(_location, "PATCH", CODE_STATUS)(_remove)
