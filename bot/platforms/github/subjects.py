"""People and subjects, as GraphQL and REST describe them."""

from __future__ import annotations

from datetime import datetime

from bot.model.people import Permission, Person
from bot.model.subjects import (
    Organization,
    Platform,
    PullRequest,
    PullRequestState,
    Repository,
    Visibility,
)
from bot.platforms.github.client import Json

ACTOR = (
    "__typename login url ... on User { databaseId name } ... on Bot { databaseId } ... on Mannequin { databaseId } "
    "... on Organization { databaseId }"
)
"""Whoever did something."""

USER = "__typename login databaseId name"
"""Where only a user can stand."""

OWNER = "owner { __typename login url ... on Organization { databaseId } ... on User { databaseId } }"

REPOSITORY = (
    "databaseId name nameWithOwner url isArchived isFork isEmpty visibility pushedAt createdAt defaultBranchRef { name } "
    f"primaryLanguage {{ name }} repositoryTopics(first: 20) {{ nodes {{ topic {{ name }} }} }} {OWNER}"
)

PULL_REQUEST = (
    "number title body url state isDraft createdAt headRefName headRefOid baseRefName baseRefOid isCrossRepository "
    "headRepository { nameWithOwner } "
    "baseRef { target { oid } under: associatedPullRequests(first: 10, states: [OPEN]) { nodes { number baseRefName } } } "
    f"author {{ {ACTOR} }} assignees(first: 20) {{ nodes {{ {USER} }} }} labels(first: 50) {{ nodes {{ name }} }} "
    "closingIssuesReferences(first: 50) { totalCount nodes { number repository { nameWithOwner } } }"
)

_BOT = "[bot]"

PERMISSIONS = {
    "READ": Permission.READ,
    "TRIAGE": Permission.TRIAGE,
    "WRITE": Permission.WRITE,
    "MAINTAIN": Permission.MAINTAIN,
    "ADMIN": Permission.ADMIN,
}


def instant(value: str) -> datetime:
    """A time as GitHub writes it."""
    return datetime.fromisoformat(value)


def optional_instant(value: str | None) -> datetime | None:
    """A time that may be lacking."""
    return instant(value) if value else None


def person(host: str, actor: Json) -> Person | None:
    """An actor (GraphQL) or a user (REST); None for an account that is gone. Bots keep their ``[bot]`` everywhere."""
    if not actor:
        return None
    kind = actor.get("__typename") or actor.get("type") or "User"
    is_bot = kind == "Bot"
    login = str(actor["login"])
    if is_bot and not login.endswith(_BOT):
        login += _BOT
    number = actor.get("databaseId") or actor.get("id")
    known = isinstance(number, int)
    return Person(
        id=f"{host}/user/{number}" if known else f"{host}/login/{login.lower()}",
        login=login,
        name=str(actor.get("name") or ""),
        is_bot=is_bot or login.endswith(_BOT),
    )


def ghost(host: str) -> Person:
    """Whom GitHub shows where an account is gone."""
    return Person(id=f"{host}/login/ghost", login="ghost")


def organization(host: str, owner: Json) -> Organization:
    """An organisation, or the user account that owns repositories."""
    number = owner.get("databaseId") or owner.get("id")
    return Organization(
        id=f"{host}/organization/{number if isinstance(number, int) else owner['login'].lower()}",
        name=str(owner["login"]),
        platform=Platform.GITHUB,
        url=str(owner.get("url") or ""),
    )


def hides_branch(node: Json) -> bool:
    """Whether a repository has a default branch that this token is not shown: it may not read contents."""
    return node.get("defaultBranchRef") is None and not node.get("isEmpty")


def repository(host: str, node: Json) -> Repository:
    """A repository from ``REPOSITORY``."""
    visibility = str(node.get("visibility") or "").lower()
    branch = node.get("defaultBranchRef")
    language = node.get("primaryLanguage")
    topics = (node.get("repositoryTopics") or {}).get("nodes") or []
    return Repository(
        id=f"{host}/repository/{node['databaseId']}",
        name=str(node["nameWithOwner"]),
        platform=Platform.GITHUB,
        url=str(node["url"]),
        organization=organization(host, node["owner"]),
        short_name=str(node["name"]),
        default_branch=str(branch["name"]) if branch else None,
        visibility=Visibility(visibility) if visibility in set(Visibility) else None,
        archived=bool(node.get("isArchived")),
        is_fork=bool(node.get("isFork")),
        language=str(language["name"]) if language else None,
        topics=tuple(str(topic["topic"]["name"]) for topic in topics if topic),
        pushed_at=_pushed_at(node),
    )


def _pushed_at(node: Json) -> datetime | None:
    """When anything was last pushed. A fork brings its parent's last push along, and is itself pushed when it is made."""
    pushed, created = optional_instant(node.get("pushedAt")), optional_instant(node.get("createdAt"))
    return max(pushed, created) if pushed is not None and created is not None else pushed


def pull_request(host: str, home: Repository, node: Json) -> PullRequest:
    """A pull request from ``PULL_REQUEST``."""
    base = node.get("baseRef") or {}
    labels = (node.get("labels") or {}).get("nodes") or []
    assignees = [person(host, one) for one in (node.get("assignees") or {}).get("nodes") or []]
    return PullRequest(
        id=f"{home.id}/pull_request/{node['number']}",
        name=f"{home.name}#{node['number']}",
        platform=Platform.GITHUB,
        url=str(node["url"]),
        base=home.branch(str(node["baseRefName"])),
        number=int(node["number"]),
        title=str(node["title"]),
        body=str(node.get("body") or ""),
        author=person(host, node.get("author")) or ghost(host),
        head_sha=str(node["headRefOid"]),
        base_sha=str((base.get("target") or {}).get("oid") or node["baseRefOid"]),
        source_branch=str(node["headRefName"]),
        created_at=instant(node["createdAt"]),
        state=PullRequestState(str(node["state"]).lower()),
        draft=bool(node.get("isDraft")),
        from_fork=bool(node.get("isCrossRepository")),
        labels=tuple(str(label["name"]) for label in labels if label),
        assignees=tuple(one for one in assignees if one is not None),
    )
