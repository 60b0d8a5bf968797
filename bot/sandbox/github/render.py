"""The bodies that many answers share: people, teams, apps, repositories, labels."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.world import Organization, Repository, Team, World

Body = dict[str, object]

EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
"""When everything that the scenario gives no date was made."""

GITHUB_ACTIONS_APP = 15_368
"""The id of the GitHub Actions app on github.com."""

APP_NAMES = {"github-actions": "GitHub Actions", "github-advanced-security": "GitHub Advanced Security"}
RANKS = ("read", "triage", "write", "maintain", "admin")
FLAGS = {"pull": "read", "triage": "triage", "push": "write", "maintain": "maintain", "admin": "admin"}


def app_id(slug: str) -> int:
    """The id of an app."""
    return GITHUB_ACTIONS_APP if slug == "github-actions" else number("app", slug)


def user(call: Call, login: str) -> Body:
    """A simple user. Organisations are users as well."""
    organization = call.world.organizations.get(login)
    if organization is not None:
        return account(call, login, organization.id, "Organization")
    person = call.world.people.get(login)
    if person is None:
        return account(call, login, number("person", login), "Bot" if login.endswith("[bot]") else "User")
    return account(call, login, person.id, "Bot" if person.bot else "User")


def optional_user(call: Call, login: str | None) -> Body | None:
    """A simple user, or null."""
    return user(call, login) if login else None


def account(call: Call, login: str, ident: int, kind: str) -> Body:
    """The fields that users and organisations have in lists."""
    url = f"{call.api}/users/{login}"
    return {
        "login": login,
        "id": ident,
        "node_id": encode(kind, login),
        "avatar_url": f"{call.html}/avatars/{ident}",
        "gravatar_id": "",
        "url": url,
        "html_url": f"{call.html}/{login}",
        "followers_url": f"{url}/followers",
        "following_url": f"{url}/following{{/other_user}}",
        "gists_url": f"{url}/gists{{/gist_id}}",
        "starred_url": f"{url}/starred{{/owner}}{{/repo}}",
        "subscriptions_url": f"{url}/subscriptions",
        "organizations_url": f"{url}/orgs",
        "repos_url": f"{url}/repos",
        "events_url": f"{url}/events{{/privacy}}",
        "received_events_url": f"{url}/received_events",
        "type": kind,
        "user_view_type": "public",
        "site_admin": False,
    }


def team(call: Call, each: Team, permission: str = "pull") -> Body:
    """A team."""
    organization = call.world.organizations[each.organization]
    url = f"{call.api}/organizations/{organization.id}/team/{each.id}"
    return {
        "id": each.id,
        "node_id": encode("Team", each.name),
        "name": each.name,
        "slug": each.slug,
        "description": None,
        "privacy": "closed",
        "notification_setting": "notifications_enabled",
        "permission": permission,
        "url": url,
        "html_url": f"{call.html}/orgs/{each.organization}/teams/{each.slug}",
        "members_url": f"{url}/members{{/member}}",
        "repositories_url": f"{url}/repos",
        "type": "organization",
        "organization_id": organization.id,
        "parent": None,
    }


def app(call: Call, slug: str) -> Body:
    """A GitHub App."""
    owner = "github" if slug in APP_NAMES else slug
    return {
        "id": app_id(slug),
        "client_id": f"Iv1.{app_id(slug):016x}",
        "slug": slug,
        "node_id": encode("App", slug),
        "owner": account(call, owner, number("organization", owner), "Organization"),
        "name": APP_NAMES.get(slug, slug.replace("-", " ").title()),
        "description": "",
        "external_url": f"{call.html}/apps/{slug}",
        "html_url": f"{call.html}/apps/{slug}",
        "created_at": stamp(EPOCH),
        "updated_at": stamp(EPOCH),
        "permissions": {"checks": "write", "contents": "read", "metadata": "read"},
        "events": ["pull_request", "push"],
    }


def label(call: Call, repository: Repository, name: str) -> Body:
    """A label."""
    ident = number("label", repository.key, name)
    color, description = repository.labels.get(name, (f"{ident & 0xFFFFFF:06x}", ""))
    return {
        "id": ident,
        "node_id": encode("Label", repository.key, name),
        "url": f"{call.api}/repos/{repository.full_name}/labels/{name}",
        "name": name,
        "description": description or None,
        "color": color,
        "default": False,
        "archived_by": None,
    }


def organization_account(call: Call, organization: Organization) -> Body:
    """An organisation as a repository's owner."""
    return account(call, organization.name, organization.id, "Organization")


def simple_repository(call: Call, repository: Repository) -> Body:
    """The fields that every form of a repository has."""
    url = f"{call.api}/repos/{repository.full_name}"
    part = repository.part
    return {
        "id": repository.id,
        "node_id": encode("Repository", repository.key),
        "name": repository.name,
        "full_name": repository.full_name,
        "private": part.visibility != "public",
        "owner": organization_account(call, call.world.organizations[repository.owner]),
        "html_url": f"{call.html}/{repository.full_name}",
        "description": part.description or None,
        "fork": part.fork,
        "url": url,
        "archive_url": f"{url}/{{archive_format}}{{/ref}}",
        "assignees_url": f"{url}/assignees{{/user}}",
        "blobs_url": f"{url}/git/blobs{{/sha}}",
        "branches_url": f"{url}/branches{{/branch}}",
        "collaborators_url": f"{url}/collaborators{{/collaborator}}",
        "comments_url": f"{url}/comments{{/number}}",
        "commits_url": f"{url}/commits{{/sha}}",
        "compare_url": f"{url}/compare/{{base}}...{{head}}",
        "contents_url": f"{url}/contents/{{+path}}",
        "contributors_url": f"{url}/contributors",
        "deployments_url": f"{url}/deployments",
        "downloads_url": f"{url}/downloads",
        "events_url": f"{url}/events",
        "forks_url": f"{url}/forks",
        "git_commits_url": f"{url}/git/commits{{/sha}}",
        "git_refs_url": f"{url}/git/refs{{/sha}}",
        "git_tags_url": f"{url}/git/tags{{/sha}}",
        "hooks_url": f"{url}/hooks",
        "issue_comment_url": f"{url}/issues/comments{{/number}}",
        "issue_events_url": f"{url}/issues/events{{/number}}",
        "issues_url": f"{url}/issues{{/number}}",
        "keys_url": f"{url}/keys{{/key_id}}",
        "labels_url": f"{url}/labels{{/name}}",
        "languages_url": f"{url}/languages",
        "merges_url": f"{url}/merges",
        "milestones_url": f"{url}/milestones{{/number}}",
        "notifications_url": f"{url}/notifications{{?since,all,participating}}",
        "pulls_url": f"{url}/pulls{{/number}}",
        "releases_url": f"{url}/releases{{/id}}",
        "stargazers_url": f"{url}/stargazers",
        "statuses_url": f"{url}/statuses/{{sha}}",
        "subscribers_url": f"{url}/subscribers",
        "subscription_url": f"{url}/subscription",
        "tags_url": f"{url}/tags",
        "teams_url": f"{url}/teams",
        "trees_url": f"{url}/git/trees{{/sha}}",
    }


def repository(call: Call, each: Repository) -> Body:
    """A repository as lists and pull requests have it."""
    part = each.part
    body = simple_repository(call, each)
    page = f"{call.html}/{each.full_name}"
    open_now = 0
    if each.touched:
        open_now = sum(request.part.state == "open" for request in each.pull_requests.values())
    body |= {
        "git_url": f"git://{call.html.partition('//')[2]}/{each.full_name}.git",
        "ssh_url": f"git@{call.html.partition('//')[2]}:{each.full_name}.git",
        "clone_url": f"{page}.git",
        "svn_url": page,
        "mirror_url": None,
        "homepage": None,
        "size": 0 if part.empty else 108,
        "stargazers_count": 0,
        "watchers_count": 0,
        "watchers": 0,
        "forks_count": 0,
        "forks": 0,
        "language": part.language,
        "has_issues": part.has_issues,
        "has_projects": True,
        "has_wiki": False,
        "has_pages": False,
        "has_discussions": bool(each.part.discussions),
        "has_downloads": True,
        "archived": part.archived,
        "disabled": False,
        "open_issues_count": open_now,
        "open_issues": open_now,
        "license": None,
        "allow_forking": part.visibility == "public",
        "is_template": False,
        "web_commit_signoff_required": False,
        "topics": part.topics,
        "visibility": part.visibility,
        "default_branch": part.default_branch,
        "pushed_at": stamp(each.pushed_at),
        "created_at": stamp(EPOCH),
        "updated_at": stamp(each.pushed_at),
        "permissions": permissions(call, each),
        "custom_properties": dict(part.properties),
    }
    if call.access.administers(each):
        body["security_and_analysis"] = security_and_analysis(each)
    return body


def full_repository(call: Call, each: Repository) -> Body:
    """A repository asked for by name."""
    part = each.part
    body = repository(call, each)
    organization = call.world.organizations[each.owner]
    body |= {
        "organization": organization_account(call, organization),
        "network_count": 0,
        "subscribers_count": 0,
        "temp_clone_token": "",
    }
    if call.access.person_may_push(each):
        body |= {
            "allow_merge_commit": "merge" in part.merge_methods,
            "allow_squash_merge": "squash" in part.merge_methods,
            "allow_rebase_merge": "rebase" in part.merge_methods,
            "allow_auto_merge": False,
            "delete_branch_on_merge": True,
            "allow_update_branch": False,
            "use_squash_pr_title_as_default": False,
            "squash_merge_commit_title": "COMMIT_OR_PR_TITLE",
            "squash_merge_commit_message": "COMMIT_MESSAGES",
            "merge_commit_title": "MERGE_MESSAGE",
            "merge_commit_message": "PR_TITLE",
        }
    return body


def security_and_analysis(each: Repository) -> Body:
    """Security features, which only administrators see."""
    security = each.part.security

    def status(on: object) -> Body:
        return {"status": "enabled" if on else "disabled"}

    body: Body = {
        "secret_scanning": status(security.secret_scanning),
        "secret_scanning_push_protection": status(security.push_protection),
        "secret_scanning_non_provider_patterns": status(None),
        "secret_scanning_validity_checks": status(None),
        "dependabot_security_updates": status(security.dependency_alerts),
    }
    if each.part.visibility != "public":
        body["advanced_security"] = status(security.code_scanning is not None or security.secret_scanning is not None)
    return body


def permissions(call: Call, each: Repository) -> dict[str, bool]:
    """What the token's owner may do, as five flags."""
    if call.token.kind == "pat" and call.token.github != "all":
        held = call.world.permission(call.token.login, each)
    else:
        held = "admin" if call.access.holds("administration", "write") else "write"
        if not call.access.holds("contents", "write"):
            held = "read"
    return flags(held)


def flags(held: str | None) -> dict[str, bool]:
    """A permission as GitHub's five flags."""
    rank = RANKS.index(held) if held else -1
    return {name: rank >= RANKS.index(needed) for name, needed in FLAGS.items()}


def association(world: World, repository_: Repository, login: str) -> str:
    """How somebody relates to a repository."""
    if login in world.members(repository_.owner):
        return "MEMBER"
    held = world.permission(login, repository_)
    if repository_.part.visibility != "public" and held is not None:
        return "COLLABORATOR"
    return "CONTRIBUTOR" if held is not None else "NONE"
