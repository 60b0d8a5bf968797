"""Asking for reviews: who is asked, and the events that tell who ever was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.github import pulls
from bot.sandbox.github.call import Call, Refusal, missing, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import Body, team, user
from bot.sandbox.github.routing import delete, get, post
from bot.sandbox.identity import number as stable_number
from bot.sandbox.posted import ReviewRequested
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Repository


@post("/repos/{owner}/{repo}/pulls/{number}/requested_reviewers", "pull_requests")
def request_reviewers(call: Call, each: Repository, number: str) -> Response:
    """Ask for reviews: all that the body names, or nobody."""
    request = pulls.find(each, number)
    names = _named(call, each, request, ask=True)
    _change(call, request, names, removed=False)
    return Response(201, pulls.simple(call, each, request))


@delete("/repos/{owner}/{repo}/pulls/{number}/requested_reviewers", "pull_requests")
def remove_requested_reviewers(call: Call, each: Repository, number: str) -> Body:
    """Take requests back."""
    request = pulls.find(each, number)
    names = [name for name in _named(call, each, request, ask=False) if name in request.part.requested_reviewers]
    _change(call, request, names, removed=True)
    return pulls.simple(call, each, request)


@get("/repos/{owner}/{repo}/issues/{number}/events", "issues|pull_requests")
def events(call: Call, each: Repository, number: str) -> object:
    """What happened to a pull request, oldest first: of all the events that there are, those about requests for reviews."""
    request = each.pull_requests.get(int(number)) if number.isdigit() else None
    if request is None or "github" not in request.part.platforms:
        if number.isdigit() and each.world.issue(each, int(number)) is not None:
            return call.page([], lambda one: one)
        raise missing()
    told = {one.who for one in request.requests}
    begun = [
        ReviewRequested(stable_number("review-request", each.key, number, who), who, request.author, request.created_at)
        for who in request.part.requested_reviewers
        if who not in told
    ]
    return call.page([*begun, *request.requests], lambda one: _event(call, each, one))


def _named(call: Call, each: Repository, request: PullRequest, *, ask: bool) -> list[str]:
    data = call.body(resource="PullRequest")
    people, teams = data.get("reviewers") or [], data.get("team_reviewers") or []
    if not isinstance(people, list) or not isinstance(teams, list) or not (people or teams):
        raise Refusal(422, "Invalid request.\n\nreviewers or team_reviewers wasn't supplied.")
    may = {login.lower(): login for login in call.world.collaborators(each)}
    known = {one.slug.lower(): one.name for one in call.world.teams_of(each.owner)}
    granted = {name.removeprefix("team:") for name in each.part.permissions if name.startswith("team:")}
    names: list[str] = []
    for login in map(str, people):
        if ask and login.lower() == request.author.lower():
            raise Refusal(422, "Review cannot be requested from pull request author.")
        if ask and login.lower() not in may:
            raise _stranger(each)
        names.append(may.get(login.lower(), login))
    for slug in map(str, teams):
        name = known.get(slug.lower())
        if name is None or (ask and name not in granted):
            raise _stranger(each)
        names.append(f"team:{name}")
    return names


def _stranger(each: Repository) -> Refusal:
    return Refusal(
        422,
        "Reviews may only be requested from collaborators. One or more of the users or teams you specified is not a "
        f"collaborator of the {each.full_name} repository.",
    )


def _change(call: Call, request: PullRequest, names: list[str], *, removed: bool) -> None:
    with call.world.lock:
        for name in names:
            request.ask(ReviewRequested(call.world.next_id(), name, call.token.poster, call.world.clock(), removed))


def _event(call: Call, each: Repository, one: ReviewRequested) -> Body:
    kind = "review_request_removed" if one.removed else "review_requested"
    body: Body = {
        "id": one.id,
        "node_id": encode("ReviewRequestedEvent", each.key, one.id),
        "url": f"{call.api}/repos/{each.full_name}/issues/events/{one.id}",
        "actor": user(call, one.by),
        "event": kind,
        "commit_id": None,
        "commit_url": None,
        "created_at": stamp(one.at),
        "performed_via_github_app": None,
        "review_requester": user(call, one.by),
    }
    if one.who.startswith("team:"):
        return {**body, "requested_team": team(call, call.world.teams[one.who.removeprefix("team:")])}
    return {**body, "requested_reviewer": user(call, one.who)}
