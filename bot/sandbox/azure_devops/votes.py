"""Reviewers and votes: 10 approved, 5 approved with suggestions, -5 waiting, -10 rejected, 0 none.

A pull request knows each reviewer's present vote, and nothing of when it was cast: that is in the system's threads. A
policy that resets votes with every push has reset them here, too. A group's vote is that of those of its members who
voted, the strictest first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops.branch_policies import resets_votes
from bot.sandbox.azure_devops.people import account, anyone, find_team, identity, team_identity
from bot.sandbox.azure_devops.surfaces.repositories import repository_url

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.call import Json
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.posted import Review
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Repository

VOTES = {"approved": 10, "suggestions": 5, "changes_requested": -10, "waiting": -5, "commented": 0, "dismissed": 0}


def current_reviews(pull_request: PullRequest) -> dict[str, Review]:
    """Each reviewer's newest opinion. A comment leaves an earlier vote as it was."""
    newest: dict[str, Review] = {}
    for review in sorted(pull_request.reviews, key=lambda each: each.at):
        if review.state != "commented" or review.by not in newest:
            newest[review.by] = review
    return newest


def vote_of(review: Review, pull_request: PullRequest, *, reset: bool) -> int:
    """What an opinion still counts, given whether the branch's policies reset votes with a push."""
    if reset and review.push < len(pull_request.pushes) and VOTES[review.state] >= 0:
        return 0
    return VOTES[review.state]


def votes(owner: Collection, repository: Repository, pull_request: PullRequest) -> dict[str, int]:
    """Login to present vote."""
    reset = resets_votes(owner, repository, pull_request.target)
    return {login: vote_of(each, pull_request, reset=reset) for login, each in current_reviews(pull_request).items()}


def reviewers(owner: Collection, repository: Repository, pull_request: PullRequest) -> list[Json]:
    """Everybody who was asked or who voted: IdentityRefWithVote."""
    base = f"{repository_url(owner, repository)}/pullRequests/{pull_request.number}/reviewers"
    cast = votes(owner, repository, pull_request)
    required = {review.by for review in pull_request.reviews if review.part.required}
    asked = pull_request.part.requested_reviewers
    rows = []
    groups: dict[str, list[str]] = {}
    for name in asked:
        team = find_team(owner, name.removeprefix("team:")) if name.startswith("team:") else None
        if team is None:
            continue
        members = [login for login in team.members if cast.get(login)]
        for login in members:
            groups.setdefault(login, []).append(name)
        vote = min((cast[login] for login in members), default=0)
        rows.append(_row(team_identity(owner, team), base, vote, required=False))
    people = [name for name in asked if not name.startswith("team:")]
    for login in dict.fromkeys([*people, *cast]):
        row = _row(identity(owner, login), base, cast.get(login, 0), required=login in required)
        if login in groups:
            row["votedFor"] = [_row(anyone(owner, name), base, cast[login], required=False) for name in groups[login]]
        rows.append(row)
    return rows


def _row(who: Json, base: str, vote: int, *, required: bool) -> Json:
    row: Json = {
        "reviewerUrl": f"{base}/{who['id']}",
        "vote": vote,
        "hasDeclined": False,
        "isFlagged": False,
        **who,
    }
    if required:
        row["isRequired"] = True
    return row


def approvals(owner: Collection, repository: Repository, pull_request: PullRequest, *, of_author: bool) -> list[str]:
    """The logins whose present vote approves; the author's own only where that counts."""
    cast = votes(owner, repository, pull_request)
    author = account(owner, pull_request.author).guid
    return [login for login, vote in cast.items() if vote >= 5 and (of_author or account(owner, login).guid != author)]
