"""Commits, what they changed, and what differs between two of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Call, Json, collection, page
from bot.sandbox.azure_devops.people import identity, stamp
from bot.sandbox.azure_devops.push_events import push_events
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import CODE
from bot.sandbox.azure_devops.surfaces.repositories import readable, repository_url, web_url
from bot.sandbox.git_objects import Change

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.git_objects import Commit
    from bot.sandbox.world import Repository

CHANGE_TYPES = {"added": "add", "modified": "edit", "removed": "delete", "renamed": "rename"}
MESSAGE_LIMIT = 1000
"""Longer comments are cut in lists (``commentTruncated``)."""


def commit_reference(owner: Collection, repository: Repository, sha: str) -> Json:
    """A commit by its id alone."""
    return {"commitId": sha, "url": f"{repository_url(owner, repository)}/commits/{sha}"}


def commit_document(owner: Collection, repository: Repository, commit: Commit, *, whole: bool = False) -> Json:
    """A GitCommitRef; ``whole`` is what asking for one commit gives."""
    comment = commit.message if whole else commit.message[:MESSAGE_LIMIT]
    body: Json = {
        "commitId": commit.sha,
        "author": {"name": commit.author.name, "email": commit.author.email, "date": stamp(commit.authored_at)},
        "committer": {
            "name": commit.committer.name,
            "email": commit.committer.email,
            "date": stamp(commit.committed_at),
        },
        "comment": comment,
        "url": f"{repository_url(owner, repository)}/commits/{commit.sha}",
        "remoteUrl": f"{web_url(owner, repository)}/commit/{commit.sha}",
        "parents": list(commit.parents),
    }
    if comment != commit.message:
        body["commentTruncated"] = True
    if whole:
        body["treeId"] = commit.tree_sha
    else:
        body["changeCounts"] = _counts(_changes_of(repository, commit))
    return body


def change_document(change: Change, git_url: str, version: str) -> Json:
    """A GitChange."""
    item: Json = {
        "objectId": change.sha,
        "gitObjectType": "blob",
        "commitId": version,
        "path": f"/{change.path}",
        "url": f"{git_url}/items/{change.path}?versionType=Commit&version={version}",
    }
    body: Json = {"item": item, "changeType": CHANGE_TYPES[change.status]}
    if change.old_path:
        body["sourceServerItem"] = f"/{change.old_path}"
    return body


def _changes_of(repository: Repository, commit: Commit) -> list[Change]:
    """What a commit changed against its first parent; a first commit added everything."""
    if commit.parents:
        return repository.git.diff(commit.parents[0], commit.sha)
    return [Change(path, None, "added", 0, 0, sha, "") for path, sha in repository.git.files(commit.sha).items()]


def _counts(changes: list[Change]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for change in changes:
        kind = CHANGE_TYPES[change.status].title()
        counts[kind] = counts.get(kind, 0) + 1
    return counts


def resolve(repository: Repository, kind: str, version: str) -> str:
    """The commit that a version descriptor means; the default branch without one."""
    git = repository.git
    if not any(ref.startswith("refs/heads/") for ref in git.refs):
        raise problems.no_branches(repository.name)
    kind = kind.lower() or "branch"
    name = version or repository.default_branch
    found: str | None
    if kind == "branch":
        found = git.refs.get(f"refs/heads/{name.removeprefix('refs/heads/')}")
    elif kind == "tag":
        found = git.refs.get(f"refs/tags/{name}")
    else:
        found = name if name in git.commits else None
        if found is None and len(name) >= 7:
            found = next((sha for sha in git.commits if sha.startswith(name.lower())), None)
    if found is None:
        raise problems.version_not_found(f"{kind.title()}: {name} ", repository.name)
    return found


@answers("commits", "GET", CODE)
def commits(call: Call) -> object:
    """One commit, or those that meet the search criteria."""
    repository = readable(call)
    if "commitid" in call.values:
        return _one(call, repository)
    if call.text("pushId"):
        wanted = call.number("pushId", 0)
        push = next((each for each in push_events(repository) if each.ident == wanted), None)
        shas = push.commits if push else ()
        return page(call, [commit_document(call.collection, repository, repository.git.commits[sha]) for sha in shas])
    criteria = {
        name.removeprefix("searchcriteria."): values[0]
        for name, values in call.query.items()
        if name not in ("api-version", "$top", "$skip")
    }
    top = int(criteria.get("$top") or call.number("$top", 100))
    skip = int(criteria.get("$skip") or call.number("$skip", 0))
    return collection(_search(call, repository, criteria)[skip : skip + top])


@answers("commits_batch", "POST", CODE)
def commits_batch(call: Call) -> object:
    """The same search, with its criteria in the body."""
    repository = readable(call)
    body = call.document()
    criteria: dict[str, str] = {}
    for name, value in body.items():
        if isinstance(value, dict):
            for inner, each in value.items():
                criteria[f"{name}.{inner}".lower()] = str(each)
        elif isinstance(value, list):
            criteria[name.lower()] = ",".join(map(str, value))
        elif value is not None:
            criteria[name.lower()] = str(value).lower() if isinstance(value, bool) else str(value)
    top = call.number("$top", int(criteria.get("$top", "100")))
    skip = call.number("$skip", int(criteria.get("$skip", "0")))
    return collection(_search(call, repository, criteria)[skip : skip + top])


def _search(call: Call, repository: Repository, criteria: dict[str, str]) -> list[Json]:
    git = repository.git
    ids = criteria.get("ids")
    if ids:
        missing = [sha for sha in ids.split(",") if sha not in git.commits]
        if missing:
            raise problems.object_not_found(missing[0], "commit")
        found = [git.commits[sha] for sha in ids.split(",")]
    else:
        head = _version(repository, criteria, "itemversion")
        # With a compareVersion, the service lists what that one has and the itemVersion does not.
        if criteria.get("compareversion.version"):
            found = git.log(_version(repository, criteria, "compareversion"), head)
        else:
            found = git.log(criteria.get("tocommitid") or head)
    if criteria.get("fromcommitid"):
        known = set(git.ancestors(criteria["fromcommitid"]))
        found = [commit for commit in found if commit.sha not in known]
    path = criteria.get("itempath", "").strip("/")
    after, before = criteria.get("fromdate", ""), criteria.get("todate", "")
    author = criteria.get("author", "").lower()
    committer = criteria.get("user", "").lower()
    found = [
        commit
        for commit in found
        if (not author or author in (commit.author.name.lower(), commit.author.email.lower()))
        and (not committer or committer in (commit.committer.name.lower(), commit.committer.email.lower()))
        and (not after or stamp(commit.committed_at) >= after)
        and (not before or stamp(commit.committed_at) <= before)
        and (not path or _touches(repository, commit, path))
    ]
    if criteria.get("showoldestcommitsfirst") == "true":
        found.reverse()
    return [commit_document(call.collection, repository, commit) for commit in found]


def _version(repository: Repository, criteria: dict[str, str], which: str) -> str:
    return resolve(repository, criteria.get(f"{which}.versiontype", ""), criteria.get(f"{which}.version", ""))


def _touches(repository: Repository, commit: Commit, path: str) -> bool:
    return any(
        name == path or name.startswith(f"{path}/")
        for change in _changes_of(repository, commit)
        for name in (change.path, change.old_path or "")
    )


def _one(call: Call, repository: Repository) -> Json:
    sha = call.values["commitid"]
    commit = repository.git.commits.get(sha)
    if commit is None:
        raise problems.object_not_found(sha, "commit")
    body = commit_document(call.collection, repository, commit, whole=True)
    push = next((each for each in push_events(repository) if sha in each.commits), None)
    if push is not None:
        body["push"] = {
            "pushedBy": identity(call.collection, push.by or next(iter(call.world.people))),
            "pushId": push.ident,
            "date": stamp(push.at),
        }
    count = call.number("changeCount", 0)
    if count:
        changes = _changes_of(repository, commit)
        url = repository_url(call.collection, repository)
        body["changeCounts"] = _counts(changes)
        body["changes"] = [change_document(each, url, sha) for each in changes[:count]]
    return body


@answers("commit_changes", "GET", CODE)
def commit_changes(call: Call) -> object:
    """What one commit changed."""
    repository = readable(call)
    sha = call.values["commitid"]
    commit = repository.git.commits.get(sha)
    if commit is None:
        raise problems.object_not_found(sha, "commit")
    changes = _changes_of(repository, commit)
    top, skip = call.number("top", 1000), call.number("skip", 0)
    url = repository_url(call.collection, repository)
    return {
        "changeCounts": _counts(changes),
        "changes": [change_document(each, url, sha) for each in changes[skip : skip + top]],
    }


@answers("commit_diffs", "GET", CODE)
def commit_diffs(call: Call) -> object:
    """What differs between two versions; from their merge base, unless ``diffCommonCommit`` is false."""
    repository = readable(call)
    git = repository.git
    base = resolve(repository, call.text("baseVersionType"), call.text("baseVersion"))
    target = resolve(repository, call.text("targetVersionType"), call.text("targetVersion"))
    common = git.merge_base(base, target) or base
    start = base if call.text("diffCommonCommit").lower() == "false" else common
    changes = git.diff(start, target)
    top, skip = call.number("$top", 100), call.number("$skip", 0)
    url = repository_url(call.collection, repository)
    return {
        "allChangesIncluded": skip + top >= len(changes),
        "changeCounts": _counts(changes),
        "changes": [change_document(each, url, target) for each in changes[skip : skip + top]],
        "commonCommit": common,
        "baseCommit": base,
        "targetCommit": target,
        "aheadCount": len(git.log(target, base)),
        "behindCount": len(git.log(base, target)),
    }


@answers("merge_bases", "GET", CODE)
def merge_bases(call: Call) -> object:
    """Where two commits come from."""
    repository = readable(call)
    one, other = call.values["commitid"], call.text("otherCommitId")
    for sha in (one, other):
        if sha not in repository.git.commits:
            raise problems.object_not_found(sha, "commit")
    found = repository.git.merge_base(one, other)
    return collection([commit_reference(call.collection, repository, found)] if found else [])
