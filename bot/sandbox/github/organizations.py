"""Organisations: settings, repositories, members, teams and custom properties."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, Refusal, missing, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import EPOCH, Body, repository, team, user
from bot.sandbox.github.routing import get
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.world import Organization, Repository, Team


SIMPLE = (
    "login",
    "id",
    "node_id",
    "url",
    "repos_url",
    "events_url",
    "hooks_url",
    "issues_url",
    "members_url",
    "public_members_url",
    "avatar_url",
    "description",
)


@get("/orgs/{org}")
def organization(call: Call, each: Organization) -> Body:
    """One organisation; its settings show only to owners."""
    return _body(call, each)


def _body(call: Call, each: Organization) -> Body:
    url = f"{call.api}/orgs/{each.name}"
    mine = call.world.repositories_of(each.name)
    public = sum(found.face.visibility == "public" for found in mine)
    body: Body = {
        "login": each.name,
        "id": each.id,
        "node_id": encode("Organization", each.name),
        "url": url,
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events",
        "hooks_url": f"{url}/hooks",
        "issues_url": f"{url}/issues",
        "members_url": f"{url}/members{{/member}}",
        "public_members_url": f"{url}/public_members{{/member}}",
        "avatar_url": f"{call.html}/avatars/{each.id}",
        "description": None,
        "name": each.name,
        "has_organization_projects": True,
        "has_repository_projects": True,
        "public_repos": public,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "html_url": f"{call.html}/{each.name}",
        "type": "Organization",
        "created_at": stamp(EPOCH),
        "updated_at": stamp(EPOCH),
        "archived_at": None,
    }
    if call.access.holds("organization_administration", "read"):
        body |= {
            "total_private_repos": len(mine) - public,
            "owned_private_repos": len(mine) - public,
            "default_repository_permission": "none",
            "members_can_create_repositories": False,
            "two_factor_requirement_enabled": each.part.two_factor_required,
            "web_commit_signoff_required": False,
        }
    return body


@get("/orgs/{org}/repos")
def repositories(call: Call, each: Organization) -> object:
    """An organisation's repositories."""
    kind = call.request.first("type", "all")
    found = [mine for mine in call.world.repositories_of(each.name) if call.access.sees(mine) and _is(mine, kind)]
    by, direction = call.request.first("sort", "created"), call.request.first("direction")
    if by == "full_name":
        found.sort(key=lambda mine: mine.full_name, reverse=direction == "desc")
    elif by == "pushed":
        found.sort(key=lambda mine: mine.pushed_at, reverse=direction != "asc")
    return call.page(found, lambda mine: repository(call, mine))


@get("/orgs/{org}/members", "members")
def members(call: Call, each: Organization) -> object:
    """Everyone, or only owners (``role=admin``), or only the others (``role=member``)."""
    role = call.request.first("role", "all")
    owners = each.part.owners
    logins = [
        login for login in call.world.members(each.name) if role == "all" or (login in owners) == (role == "admin")
    ]
    return call.page(logins, lambda login: user(call, login))


@get("/orgs/{org}/members/{login}", "members")
def member(call: Call, each: Organization, login: str) -> object:
    """Nothing, or 404."""
    if login not in call.world.members(each.name):
        raise missing()
    return Response(204)


@get("/orgs/{org}/memberships/{login}", "members")
def membership(call: Call, each: Organization, login: str) -> Body:
    """What somebody is to the organisation."""
    if login not in call.world.members(each.name):
        raise missing()
    url = f"{call.api}/orgs/{each.name}"
    return {
        "url": f"{url}/memberships/{login}",
        "state": "active",
        "role": "admin" if login in each.part.owners else "member",
        "direct_membership": True,
        "organization_url": url,
        "organization": {name: value for name, value in _body(call, each).items() if name in SIMPLE},
        "user": user(call, login),
    }


@get("/orgs/{org}/teams", "members")
def teams(call: Call, each: Organization) -> object:
    """An organisation's teams."""
    return call.page(call.world.teams_of(each.name), lambda found: team(call, found))


@get("/orgs/{org}/teams/{slug}", "members")
def one_team(call: Call, each: Organization, slug: str) -> Body:
    """One team."""
    return team(call, _team(call, each, slug)) | {
        "members_count": len(_team(call, each, slug).members),
        "repos_count": 0,
        "created_at": stamp(EPOCH),
        "updated_at": stamp(EPOCH),
        "organization": organization(call, each),
    }


@get("/orgs/{org}/teams/{slug}/members", "members")
def team_members(call: Call, each: Organization, slug: str) -> object:
    """The people of a team."""
    return call.page(_team(call, each, slug).members, lambda login: user(call, login))


@get("/orgs/{org}/teams/{slug}/memberships/{username}", "members")
def team_membership(call: Call, each: Organization, slug: str, username: str) -> Body:
    """Whether somebody is in a team, or in one within it."""
    found = _team(call, each, slug)
    login = next((one for one in found.members if one.lower() == username.lower()), None)
    if login is None:
        raise missing()
    url = f"{call.api}/orgs/{each.name}/teams/{slug}/memberships/{login}"
    return {"url": url, "role": "member", "state": "active"}


@get("/orgs/{org}/properties/values", "organization_custom_properties")
def property_values(call: Call, each: Organization) -> object:
    """The custom properties of all repositories."""
    query = call.request.first("repository_query")
    found = [
        mine
        for mine in call.world.repositories_of(each.name)
        if call.access.sees(mine) and (not query or query in mine.name)
    ]
    return call.page(
        found,
        lambda mine: {
            "repository_id": mine.id,
            "repository_name": mine.name,
            "repository_full_name": mine.full_name,
            "properties": [{"property_name": name, "value": value} for name, value in mine.part.properties.items()],
        },
    )


@get("/orgs/{org}/actions/permissions/workflow", "organization_administration")
def workflow_permissions(call: Call, _each: Organization) -> Body:
    """What GITHUB_TOKEN may do by default."""
    if call.token.kind == "actions":
        raise Refusal(403, "Resource not accessible by integration")
    return {"default_workflow_permissions": "read", "can_approve_pull_request_reviews": False}


def _team(call: Call, each: Organization, slug: str) -> Team:
    for found in call.world.teams_of(each.name):
        if found.slug == slug:
            return found
    raise missing()


def _is(each: Repository, kind: str) -> bool:
    match kind:
        case "public":
            return each.face.visibility == "public"
        case "private":
            return each.face.visibility != "public"
        case "forks":
            return each.face.fork
        case "sources":
            return not each.face.fork
        case _:
            return True
