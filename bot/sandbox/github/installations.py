"""A GitHub App signing in: with its own JWT it finds its installation and is given a token for it.

The sandbox knows no App's key, so it takes any JWT; the tokens it gives may do what the scenario's first of kind ``app`` may.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, Refusal, missing, stamp
from bot.sandbox.github.render import EPOCH, Body, app, app_id, organization_account
from bot.sandbox.github.routing import get, post
from bot.sandbox.identity import number
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.world import Organization, Repository

VALID = timedelta(hours=1)


def is_app_call(path: str, secret: str) -> bool:
    """Whether this is an App calling for itself, with a JWT."""
    return secret.count(".") == 2 and (path == "/app" or path.startswith("/app/") or path.endswith("/installation"))


@get("/app")
def own_app(call: Call) -> Body:
    """The App itself."""
    return app(call, call.token.app)


@get("/app/installations")
def installations(call: Call) -> object:
    """Where it is installed: everywhere."""
    return call.page(list(call.world.organizations.values()), lambda each: _installation(call, each))


@get("/orgs/{org}/installation")
def of_organization(call: Call, each: Organization) -> Body:
    """Its installation in an organisation."""
    return _installation(call, each)


@get("/repos/{owner}/{repo}/installation")
def of_repository(call: Call, each: Repository) -> Body:
    """Its installation for a repository: the organisation's."""
    return _installation(call, call.world.organizations[each.owner])


@get("/app/installations/{ident}")
def one(call: Call, ident: str) -> Body:
    """One installation."""
    return _installation(call, _find(call, ident))


@post("/app/installations/{ident}/access_tokens", "metadata")
def access_token(call: Call, ident: str) -> Response:
    """A token for an installation."""
    installed = _find(call, ident)
    if call.token.kind != "app":
        raise Refusal(403, "Resource not accessible by integration")
    seconds = call.meters.accounts.limits.token_seconds
    until = datetime.fromtimestamp(call.meters.accounts.clock(), UTC) + (
        VALID if seconds is None else timedelta(seconds=seconds)
    )
    body: Body = {
        "token": call.world.issue_token(call.token, installed.name, until.timestamp()).secret,
        "expires_at": stamp(until),
        "permissions": _permissions(call),
        "repository_selection": "all",
    }
    return Response(201, body)


def _find(call: Call, ident: str) -> Organization:
    for each in call.world.organizations.values():
        if str(_id(each)) == ident:
            return each
    raise missing()


def _id(each: Organization) -> int:
    return number("installation", each.name)


def _permissions(call: Call) -> dict[str, str]:
    if call.token.github == "all":
        names = ("administration", "checks", "contents", "issues", "members", "metadata", "pull_requests", "statuses")
        return dict.fromkeys(names, "write") | {"metadata": "read"}
    return {name: level for name, level in call.token.github.items() if level != "none"}


def _installation(call: Call, each: Organization) -> Body:
    ident = _id(each)
    return {
        "id": ident,
        "account": organization_account(call, each),
        "repository_selection": "all",
        "access_tokens_url": f"{call.api}/app/installations/{ident}/access_tokens",
        "repositories_url": f"{call.api}/installation/repositories",
        "html_url": f"{call.html}/organizations/{each.name}/settings/installations/{ident}",
        "app_id": app_id(call.token.app),
        "client_id": f"Iv1.{app_id(call.token.app):016x}",
        "app_slug": call.token.app,
        "target_id": each.id,
        "target_type": "Organization",
        "permissions": _permissions(call),
        "events": ["pull_request"],
        "created_at": stamp(EPOCH),
        "updated_at": stamp(EPOCH),
        "single_file_name": None,
        "has_multiple_single_files": False,
        "single_file_paths": [],
        "suspended_by": None,
        "suspended_at": None,
    }
