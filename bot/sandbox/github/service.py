"""Paths about the service itself and the accounts on it."""

from __future__ import annotations

from bot.sandbox.github.call import Call, Refusal, missing, stamp
from bot.sandbox.github.render import EPOCH, Body, account, repository, user
from bot.sandbox.github.routing import get


@get("/")
def root(call: Call) -> Body:
    """The list of where everything is."""
    plain = {
        "current_user_url": "/user",
        "emails_url": "/user/emails",
        "emojis_url": "/emojis",
        "events_url": "/events",
        "feeds_url": "/feeds",
        "followers_url": "/user/followers",
        "following_url": "/user/following{/target}",
        "gists_url": "/gists{/gist_id}",
        "issues_url": "/issues",
        "keys_url": "/user/keys",
        "notifications_url": "/notifications",
        "organization_url": "/orgs/{org}",
        "organization_repositories_url": "/orgs/{org}/repos{?type,page,per_page,sort}",
        "organization_teams_url": "/orgs/{org}/teams",
        "public_gists_url": "/gists/public",
        "rate_limit_url": "/rate_limit",
        "repository_url": "/repos/{owner}/{repo}",
        "starred_url": "/user/starred{/owner}{/repo}",
        "starred_gists_url": "/gists/starred",
        "user_url": "/users/{user}",
        "user_organizations_url": "/user/orgs",
        "user_repositories_url": "/users/{user}/repos{?type,page,per_page,sort}",
        "current_user_repositories_url": "/user/repos{?type,page,per_page,sort}",
    }
    body: Body = {name: call.api + path for name, path in plain.items()}
    for kind in ("code", "commit", "issue", "label", "repository", "topic", "user"):
        plural = "repositories" if kind == "repository" else f"{kind}s" if kind != "code" else kind
        body[f"{kind}_search_url"] = f"{call.api}/search/{plural}?q={{query}}"
    body["current_user_authorizations_html_url"] = f"{call.html}/settings/connections/applications{{/client_id}}"
    return body


@get("/meta")
def meta(_call: Call) -> Body:
    """What the server is. No ``installed_version``: that is GitHub Enterprise Server's."""
    return {"verifiable_password_authentication": False, "hooks": ["192.30.252.0/22"], "web": [], "api": [], "git": []}


@get("/rate_limit")
def rate_limit(call: Call) -> Body:
    """What the token has left."""
    core = call.meters.core.state(call.token)
    search = {"limit": 30, "used": 0, "remaining": 30, "reset": core["reset"]}
    resources = {"core": core, "search": search, "graphql": call.meters.graphql.state(call.token)}
    return {"resources": resources, "rate": core}


@get("/user")
def current_user(call: Call) -> Body:
    """Who the token belongs to: a person's token only."""
    if call.token.kind != "pat":
        raise Refusal(403, "Resource not accessible by integration")
    return user_in_full(call, call.token.login) | {
        "private_gists": 0,
        "total_private_repos": 0,
        "owned_private_repos": 0,
        "disk_usage": 0,
        "collaborators": 0,
        "two_factor_authentication": True,
    }


@get("/users/{login}")
def one_user(call: Call, login: str) -> Body:
    """Anybody."""
    name = next((each for each in call.world.people if each.lower() == login.lower()), None)
    if name is None:
        organization = call.organization(login)
        return user(call, organization.name) | _counts() | {"name": organization.name, "email": None}
    return user_in_full(call, name)


@get("/users/{login}/orgs")
def organizations_of(call: Call, login: str) -> object:
    """The organisations that somebody is a member of."""
    if login not in call.world.people:
        raise missing()
    mine = [each for each in call.world.organizations.values() if login in call.world.members(each.name)]
    return call.page(mine, lambda each: account(call, each.name, each.id, "Organization"))


@get("/users/{login}/repos")
def repositories_of(call: Call, login: str) -> object:
    """The public repositories of an organisation; people of a scenario have none."""
    if login not in call.world.people and call.world.organization(login) is None:
        raise missing()
    found = [
        each
        for each in call.world.repositories_of(login)
        if call.access.sees(each) and each.face.visibility == "public"
    ]
    return call.page(found, lambda each: repository(call, each))


@get("/installation/repositories")
def installation(call: Call) -> object:
    """Everything that an App's installation reaches."""
    if call.token.kind != "app":
        raise Refusal(
            403,
            "You must authenticate with an installation access token in order to list repositories for an installation.",
        )
    seen = [each for each in call.world.repositories if call.access.sees(each)]
    body = call.page(seen, lambda each: repository(call, each), "repositories")
    return {**body, "repository_selection": "all"} if isinstance(body, dict) else body


def user_in_full(call: Call, login: str) -> Body:
    """A user asked for by name."""
    person = call.world.people[login]
    return user(call, login) | _counts() | {"name": person.name, "email": person.email}


def _counts() -> Body:
    return {
        "company": None,
        "blog": "",
        "location": None,
        "hireable": None,
        "bio": None,
        "twitter_username": None,
        "public_repos": 0,
        "public_gists": 0,
        "followers": 0,
        "following": 0,
        "created_at": stamp(EPOCH),
        "updated_at": stamp(EPOCH),
    }
