"""Asks people and teams for a review of a pull request: each once, ever.

GitHub's events of a pull request tell who was asked before, so that somebody whose request was taken back is not asked again.
They are read only when there is somebody to ask.
"""

from __future__ import annotations

from collections.abc import Sequence

from bot.engine.ports import PlatformError, Published, ReviewRequest
from bot.model.findings import Reviewer
from bot.model.subjects import PullRequest
from bot.platforms.github.client import GitHubClient, Refused

_UNPROCESSABLE = 422


def request_reviews(client: GitHubClient, subject: PullRequest, wanted: ReviewRequest) -> Published:
    """Ask the first candidates that were never asked; what is refused is told, and raises nothing."""
    owner = subject.repository.name.partition("/")[0]
    try:
        before = _asked_before(client, subject)
        able = [one for one in wanted.candidates if _can_be_asked(one, owner) and _key(one) not in before]
        return _ask(client, subject, able[: wanted.most])
    except (Refused, PlatformError) as wrong:
        return Published(
            (), (f"Nobody was asked for a review of {subject.name}: {wrong}. The token needs pull requests: write.",)
        )


def _asked_before(client: GitHubClient, subject: PullRequest) -> frozenset[str]:
    """Everybody who was ever asked, by ``_key``."""
    found: set[str] = set()
    for event in client.pages(f"/repos/{subject.repository.name}/issues/{subject.number}/events", {}):
        if event.get("event") == "review_requested":
            person, team = event.get("requested_reviewer") or {}, event.get("requested_team") or {}
            found.add(f"team {team['slug']}".casefold() if team else str(person.get("login") or "").casefold())
    return frozenset(found)


def _ask(client: GitHubClient, subject: PullRequest, reviewers: Sequence[Reviewer]) -> Published:
    if not reviewers:
        return Published(())
    try:
        client.rest(
            "POST",
            f"/repos/{subject.repository.name}/pulls/{subject.number}/requested_reviewers",
            body={
                "reviewers": [one.name for one in reviewers if not one.is_team],
                "team_reviewers": [_slug(one) for one in reviewers if one.is_team],
            },
        )
    except Refused as refused:
        if refused.status != _UNPROCESSABLE:
            raise
        if len(reviewers) == 1:
            return Published((), (f"{reviewers[0]} was not asked for a review of {subject.name}: {refused.message}",))
        # GitHub asks all of them or nobody, and does not say whom it minds.
        each = [_ask(client, subject, [one]) for one in reviewers]
        return Published(
            tuple(line for one in each for line in one.actions), tuple(line for one in each for line in one.refused)
        )
    return Published((f"asked {', '.join(map(str, reviewers))} for a review",))


def _can_be_asked(reviewer: Reviewer, owner: str) -> bool:
    """Not an e-mail address, which CODEOWNERS may name, nor another organisation's team."""
    if reviewer.is_team:
        return reviewer.name.rpartition("/")[0].casefold() in ("", owner.casefold())
    return "@" not in reviewer.name


def _key(reviewer: Reviewer) -> str:
    return f"team {_slug(reviewer)}".casefold() if reviewer.is_team else reviewer.name.casefold()


def _slug(team: Reviewer) -> str:
    return team.name.rpartition("/")[2]
