"""Repositories, their branches, collaborators, teams and activity."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, Refusal, missing, stamp
from bot.sandbox.github.commits import commit_body, short_commit
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import FLAGS, Body, app_id, flags, full_repository, team, user
from bot.sandbox.github.routing import get
from bot.sandbox.github.rulesets import classic_for, is_protected
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from datetime import datetime

    from bot.sandbox.scenario import Permission
    from bot.sandbox.world import Repository, Team

NOTHING = "0" * 40
"""What activity names where there was no commit before or after."""

OLD_NAMES = {"triage": "read", "maintain": "write"}
"""The three-word ``permission`` beside ``role_name``."""


@get("/repos/{owner}/{repo}")
def repository(call: Call, each: Repository) -> Body:
    """One repository."""
    return full_repository(call, each)


@get("/repos/{owner}/{repo}/branches", "contents")
def branches(call: Call, each: Repository) -> object:
    """All branches."""
    names = [ref.removeprefix("refs/heads/") for ref in each.git.refs if ref.startswith("refs/heads/")]
    wanted = call.request.first("protected")
    if wanted:
        names = [name for name in names if is_protected(each, name) == (wanted == "true")]
    return call.page(
        sorted(names),
        lambda name: {
            "name": name,
            "commit": short_commit(call, each, each.git.refs[f"refs/heads/{name}"]),
            "protected": is_protected(each, name),
        },
    )


@get("/repos/{owner}/{repo}/branches/{branch*}", "contents")
def branch(call: Call, each: Repository, branch: str) -> Body:
    """One branch."""
    sha = each.git.refs.get(f"refs/heads/{branch}")
    if sha is None:
        raise missing("Branch not found")
    url = f"{call.api}/repos/{each.full_name}/branches/{branch}"
    rule = classic_for(each, branch)
    checks = rule.part.checks if rule else []
    shown: Body = {
        "enabled": rule is not None,
        "required_status_checks": {
            "enforcement_level": "off" if rule is None else "everyone" if rule.part.enforce_admins else "non_admins",
            "contexts": [check.name for check in checks],
            "checks": [{"context": check.name, "app_id": app_id(check.app) if check.app else None} for check in checks],
        },
    }
    return {
        "name": branch,
        "commit": commit_body(call, each, each.git.commits[sha]),
        "_links": {"self": url, "html": f"{call.html}/{each.full_name}/tree/{branch}"},
        "protected": is_protected(each, branch),
        "protection": shown,
        "protection_url": f"{url}/protection",
    }


@get("/repos/{owner}/{repo}/collaborators")
def collaborators(call: Call, each: Repository) -> object:
    """Everyone with access; only those who may push get to see the list."""
    if not call.access.person_may_push(each):
        raise Refusal(403, "Must have push access to view repository collaborators.")
    logins = call.world.collaborators(each)
    affiliation = call.request.first("affiliation", "all")
    if affiliation == "direct":
        logins = [login for login in logins if login in each.part.permissions]
    if affiliation == "outside":
        logins = [login for login in logins if login not in call.world.members(each.owner)]
    wanted = FLAGS.get(call.request.first("permission"))
    found = [(login, call.world.permission(login, each)) for login in logins]
    if wanted:
        found = [(login, held) for login, held in found if flags(held)[call.request.first("permission")]]
    return call.page(found, lambda pair: {**user(call, pair[0]), "permissions": flags(pair[1]), "role_name": pair[1]})


@get("/repos/{owner}/{repo}/collaborators/{login}/permission")
def collaborator_permission(call: Call, each: Repository, login: str) -> Body:
    """What one person may do; ``none`` for who has no access at all."""
    if login not in call.world.people:
        raise missing()
    if not call.access.person_may_push(each):
        raise Refusal(403, "Must have push access to view collaborator permission.")
    held = call.world.permission(login, each)
    return {
        "permission": OLD_NAMES.get(held, held) if held else "none",
        "role_name": held or "none",
        "user": {**user(call, login), "permissions": flags(held), "role_name": held or "none"},
    }


@get("/repos/{owner}/{repo}/teams", "administration")
def teams(call: Call, each: Repository) -> object:
    """The teams with access."""
    found: list[tuple[Team, Permission]] = [
        (call.world.teams[name.removeprefix("team:")], held)
        for name, held in each.part.permissions.items()
        if name.startswith("team:") and name.removeprefix("team:") in call.world.teams
    ]
    return call.page(
        found,
        lambda pair: {
            **team(call, pair[0], {"read": "pull", "write": "push"}.get(pair[1], pair[1])),
            "permissions": flags(pair[1]),
        },
    )


@get("/repos/{owner}/{repo}/properties/values")
def properties(_call: Call, each: Repository) -> object:
    """Custom properties."""
    return [{"property_name": name, "value": value} for name, value in each.part.properties.items()]


@get("/repos/{owner}/{repo}/topics")
def topics(_call: Call, each: Repository) -> Body:
    """Topics."""
    return {"names": each.part.topics}


@get("/repos/{owner}/{repo}/tags", "contents")
def tags(call: Call, each: Repository) -> object:
    """Tags, as a list of names and commits."""
    found = [
        (ref.removeprefix("refs/tags/"), sha) for ref, sha in each.git.refs.items() if ref.startswith("refs/tags/")
    ]
    url = f"{call.api}/repos/{each.full_name}"
    return call.page(
        sorted(found, reverse=True),
        lambda pair: {
            "name": pair[0],
            "commit": short_commit(call, each, pair[1]),
            "zipball_url": f"{url}/zipball/refs/tags/{pair[0]}",
            "tarball_url": f"{url}/tarball/refs/tags/{pair[0]}",
            "node_id": encode("Ref", each.key, f"refs/tags/{pair[0]}"),
        },
    )


@get("/repos/{owner}/{repo}/activity", "contents")
def activity(call: Call, each: Repository) -> object:
    """Who moved which branch when, newest first: the only place that names the pusher."""
    ref = call.request.first("ref")
    if ref and not ref.startswith("refs/"):
        ref = f"refs/heads/{ref}"
    kind, actor = call.request.first("activity_type"), call.request.first("actor")
    found = [
        moved
        for moved in moves(each)
        if (not ref or moved[2] == ref) and (not kind or moved[5] == kind) and (not actor or moved[1] == actor)
    ]
    if call.request.first("direction") != "asc":
        found.reverse()
    return call.cursor_page(
        found,
        lambda moved: {
            "id": number("activity", each.key, *moved[2:]),
            "node_id": encode("PushActivity", each.key, moved[2], moved[4]),
            "before": moved[3],
            "after": moved[4],
            "ref": moved[2],
            "timestamp": stamp(moved[0]),
            "activity_type": moved[5],
            "actor": user(call, moved[1]),
        },
    )


def moves(each: Repository) -> list[tuple[datetime, str, str, str, str, str]]:
    """Every move of a branch, oldest first: when, who, which ref, from, to, and how."""
    found: list[tuple[datetime, str, str, str, str, str]] = []
    for request in each.pull_requests.values():
        ref = f"refs/heads/{request.source}"
        if request.part.fork is None:
            for index, push in enumerate(request.pushes):
                how = "branch_creation" if index == 0 else "force_push" if push.forced else "push"
                before = NOTHING if index == 0 else push.before_sha
                found.append((push.at, push.by, ref, before, push.head_sha, how))
        if request.merge_sha is not None and request.closed_at is not None:
            before = each.git.commits[request.merge_sha].parents[0]
            who = request.part.merged_by or request.author
            found.append(
                (request.closed_at, who, f"refs/heads/{request.target}", before, request.merge_sha, "pr_merge")
            )
    merged = {request.merge_sha for request in each.pull_requests.values()}
    ref = f"refs/heads/{each.default_branch}"
    sha = each.git.refs.get(ref)
    while sha is not None:
        commit = each.git.commits[sha]
        parent = commit.parents[0] if commit.parents else None
        if sha not in merged and commit.author.login:
            how = "push" if parent else "branch_creation"
            found.append((commit.committed_at, commit.author.login, ref, parent or NOTHING, sha, how))
        sha = parent
    return sorted(found, key=lambda moved: moved[0])
