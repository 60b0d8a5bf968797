"""A generated world as a scenario that the sandbox serves, and the policy that judges it."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.parity.approvals.generate import FILES
from tests.parity.approvals.model import Change, Commit, Owned, Push, Rules, World

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
NOW = BEGIN + timedelta(days=5)
PATTERN = r"(?i)\blgtm\b"
REQUIRED_REVIEWERS = "fd2167ab-b0be-447a-8ec8-39368250530e"


def scenario(world: World, changes: Sequence[Change]) -> dict[str, Any]:
    """The scenario; a policy that requires reviewers can only be posted to it, see ``require``."""
    people = {login: {"email": world.emails[login], "bot": login.endswith("[bot]")} for login in world.people}
    lines = [" ".join([each.patterns[0], *map(_owner, each.owners)]) for each in world.code_owners]
    files = {path: f"{path} as it was\n" for path in FILES} | {"base.txt": "0\n"}
    return {
        "now": NOW.isoformat(),
        "people": people,
        "teams": {
            name: {
                "members": [each for each in members if not each.startswith("team:")],
                "teams": [each[5:] for each in members if each.startswith("team:")],
            }
            for name, members in world.teams.items()
        },
        "organizations": [{"name": "acme", "owners": list(world.owners), "projects": [{"name": "Pay"}]}],
        "repositories": [
            {
                "name": "pay",
                "permissions": world.permissions,
                "files": {**files, "CODEOWNERS": "# Who owns what.\n" + "\n".join(lines) + "\n"},
                "commits": [
                    {
                        "message": "Base",
                        "author": world.owners[0],
                        "at": _at(minute),
                        "files": {"base.txt": f"{minute}\n"},
                    }
                    for minute in range(30, 5 * 24 * 60, 60)
                ],
                "pull_requests": [_pull_request(world, each) for each in changes],
            }
        ],
    }


def _owner(name: str) -> str:
    if name.startswith("team:"):
        return f"@acme/{name[5:].lower().replace(' ', '-')}"
    return name if "@" in name else f"@{name}"


def _at(minute: int) -> str:
    return (BEGIN + timedelta(minutes=minute)).isoformat()


def _pull_request(world: World, change: Change) -> dict[str, Any]:
    return {
        "number": change.number,
        "title": f"Change {change.number}",
        "author": change.author,
        "source": f"topic/{change.number}",
        "created_at": _at(change.pushes[0].at),
        "assignees": list(change.assignees),
        "requested_reviewers": list(change.asked),
        "pushes": [_push(world, push) for push in change.pushes],
        "reviews": [
            {"by": one.by, "state": one.state, "at": _at(one.at), "body": one.body, "required": one.required}
            for one in change.opinions
            if one.state != "comment"
        ],
        "threads": [
            {"by": one.by, "body": one.body, "at": _at(one.at)} for one in change.opinions if one.state == "comment"
        ],
    }


def _push(world: World, push: Push) -> dict[str, Any]:
    fresh = push.commits[len(push.commits) - push.fresh :]
    return {
        "by": push.by,
        "at": _at(push.at),
        "force": push.forced,
        "commits": [_commit(world, each) for each in fresh],
    }


def _commit(world: World, commit: Commit) -> dict[str, Any]:
    message = "Apply suggestions from code review" if commit.suggestion else f"Work {commit.name}"
    trailers = [f"Co-authored-by: {login} <{world.emails[login]}>" for login in commit.co_authors]
    found: dict[str, Any] = {
        "message": "\n\n".join([message, *trailers]),
        "author": commit.author,
        "committer": commit.committer,
        "email": commit.email,
        "verified": commit.verified,
    }
    if commit.merge:
        found |= {"merge": "base", "files": dict.fromkeys(commit.paths, "evil\n")}
    elif len(commit.paths) == 2:
        found["renames"] = {commit.paths[1]: commit.paths[0]}
    else:
        text = commit.name.partition("'")[0]
        found["files"] = dict.fromkeys(commit.paths, f"{text}\n")
    return found


def require(url: str, world: World) -> None:
    """Post the policies that require reviewers, as an administrator of the project would."""
    headers = {"Authorization": "Bearer sandbox-token", "Content-Type": "application/json"}

    def ask(path: str, body: object = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{url}acme/{path}", data, headers)
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    ids = {}
    for name in {owner for each in world.required for owner in each.owners}:
        team = name.startswith("team:")
        sought = name[5:] if team else name
        rows = ask(f"_apis/identities?searchFilter=General&filterValue={sought.replace(' ', '%20')}&api-version=7.1")
        ids[name] = next(row["id"] for row in rows["value"] if row["isContainer"] == team)
    repository = ask("Pay/_apis/git/repositories/pay?api-version=7.1")["id"]
    for each in world.required:
        ask("Pay/_apis/policy/configurations?api-version=7.1", _policy(each, ids, repository))


def _policy(required: Owned, ids: dict[str, str], repository: str) -> dict[str, Any]:
    return {
        "isEnabled": True,
        "isBlocking": True,
        "type": {"id": REQUIRED_REVIEWERS},
        "settings": {
            "requiredReviewerIds": [ids[owner] for owner in required.owners],
            "filenamePatterns": list(required.patterns),
            "scope": [{"repositoryId": repository, "refName": "refs/heads/main", "matchKind": "Exact"}],
        },
    }


def unique_name(world: World, login: str) -> str:
    """What Azure DevOps calls somebody; services are called the same on both."""
    if login.endswith("]"):
        return login
    mail = next(mail for name, mail in world.emails.items() if name.lower() == login.lower())
    return f"{login}@{mail.partition('@')[2]}"


def policy(world: World, many: Sequence[Rules]) -> dict[str, Any]:
    """A policy with an entry for each set of parameters."""
    return {
        "apiVersion": "almguard/v1",
        "kind": "Policy",
        "metadata": {"name": "generated"},
        "rules": [
            {"rule": "approvals", "name": f"entry-{at}", "enforce": "block", "with": parameters(world, each)}
            for at, each in enumerate(many)
        ],
    }


def parameters(world: World, rules: Rules) -> dict[str, Any]:
    """The parameters as a policy writes them: a person by the login of GitHub and the unique name of Azure DevOps."""
    users = [name for login in rules.users for name in dict.fromkeys((login, unique_name(world, login)))]
    chosen: dict[str, Any] = {"users": users, "teams": list(rules.teams), "permissions": list(rules.permissions)}
    chosen["code_owners"] = rules.code_owners
    found: dict[str, Any] = {"from": {key: value for key, value in chosen.items() if value}}
    for key in (
        "minimum",
        "count_author",
        "count_committers",
        "count_last_pusher",
        "dismiss_on_push",
        "strict_identity",
    ):
        if getattr(rules, key) != getattr(Rules(), key):
            found[key] = getattr(rules, key)
    found["keep_on"] = list(rules.keep_on)
    found["ignore_commits_by"] = list(rules.ignore_commits_by)
    if rules.comments:
        found["comment_pattern"] = PATTERN
    return {key: value for key, value in found.items() if value not in ({},)}
