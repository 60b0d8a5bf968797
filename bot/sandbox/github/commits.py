"""Commits, comparisons, and git's own objects."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, Refusal, missing, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import Body, user
from bot.sandbox.github.routing import get
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from datetime import datetime

    from bot.sandbox.git_objects import Change, Commit, Signature
    from bot.sandbox.world import Repository

MOST_TREE_ENTRIES = 100_000
MOST_COMPARED_FILES = 300


def resolve(repository: Repository, name: str) -> str:
    """The commit that a name in a path means; 422 as GitHub has it when there is none."""
    sha = repository.git.resolve(name)
    if sha is None:
        raise Refusal(422, f"No commit found for SHA: {name}")
    return sha


@get("/repos/{owner}/{repo}/commits", "contents")
def commits(call: Call, repository: Repository) -> object:
    """History from a branch or commit (``sha``), newest first."""
    if repository.tip is None:
        raise Refusal(409, "Git Repository is empty.")
    head = repository.git.resolve(call.request.first("sha") or repository.default_branch)
    if head is None:
        raise missing()
    found = repository.git.log(head)
    path, author = call.request.first("path"), call.request.first("author")
    since, until = call.request.first("since"), call.request.first("until")
    if path:
        found = [each for each in found if touches(repository, each, path)]
    if author:
        found = [each for each in found if author in (each.author.login, each.author.email)]
    if since:
        found = [each for each in found if (stamp(each.committed_at) or "") >= since]
    if until:
        found = [each for each in found if (stamp(each.committed_at) or "") <= until]
    return call.page(found, lambda each: commit_body(call, repository, each))


@get("/repos/{owner}/{repo}/commits/{ref*}", "contents")
def commit(call: Call, repository: Repository, ref: str) -> object:
    """One commit with its files; or its diff."""
    each = repository.git.commits[resolve(repository, ref)]
    changes = changes_of(repository, each)
    if "diff" in call.request.headers.get("accept", ""):
        text = "".join(_diff(change) for change in changes)
        return Response(200, text.encode(), {"Content-Type": "application/vnd.github.diff; charset=utf-8"})
    return commit_body(call, repository, each) | {
        "stats": {
            "total": sum(change.additions + change.deletions for change in changes),
            "additions": sum(change.additions for change in changes),
            "deletions": sum(change.deletions for change in changes),
        },
        "files": [file_body(call, repository, change, each.sha) for change in changes[:3000]],
    }


def _diff(change: Change) -> str:
    """One changed file as git shows it."""
    old, new = f"a/{change.old_path or change.path}", f"b/{change.path}"
    lines = [f"diff --git {old} {new}"]
    if change.status == "renamed":
        lines += [f"rename from {change.old_path}", f"rename to {change.path}"]
    elif change.status in ("added", "removed"):
        lines.append(f"{'new' if change.status == 'added' else 'deleted'} file mode 100644")
    lines.append(f"index {change.sha[:7]}..{change.sha[:7]}")
    if change.patch:
        before = "/dev/null" if change.status == "added" else old
        after = "/dev/null" if change.status == "removed" else new
        lines += [f"--- {before}", f"+++ {after}", change.patch]
    return "\n".join(lines) + "\n"


@get("/repos/{owner}/{repo}/compare/{spec*}", "contents")
def compare(call: Call, repository: Repository, spec: str) -> Body:
    """Two commits compared, from where they forked."""
    base_name, dots, head_name = spec.partition("...")
    if not dots:
        raise missing()
    base = repository.git.resolve(base_name.rpartition(":")[2])
    head = repository.git.resolve(head_name.rpartition(":")[2])
    if base is None or head is None:
        raise missing()
    fork = repository.git.merge_base(base, head)
    if fork is None:
        raise missing(f"No common ancestor between {base_name} and {head_name}.")
    ahead, behind = repository.git.log(head, base)[::-1], repository.git.log(base, head)
    status = "identical" if base == head else "diverged" if ahead and behind else "ahead" if ahead else "behind"
    git = repository.git
    page = f"{call.html}/{repository.full_name}/compare/{base}...{head}"
    changes = git.diff(fork, head) if call.request.first("page", "1") == "1" else []
    return {
        "url": f"{call.api}/repos/{repository.full_name}/compare/{spec}",
        "html_url": page,
        "permalink_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "base_commit": commit_body(call, repository, git.commits[base]),
        "merge_base_commit": commit_body(call, repository, git.commits[fork]),
        "status": status,
        "ahead_by": len(ahead),
        "behind_by": len(behind),
        "total_commits": len(ahead),
        "commits": call.page(ahead, lambda each: commit_body(call, repository, each), most=250)
        if call.request.first("per_page") or call.request.first("page")
        else [commit_body(call, repository, each) for each in ahead[:250]],
        "files": [file_body(call, repository, change, head) for change in changes[:MOST_COMPARED_FILES]],
    }


@get("/repos/{owner}/{repo}/git/commits/{sha}", "contents")
def git_commit(call: Call, repository: Repository, sha: str) -> Body:
    """A commit as git has it."""
    each = repository.git.commits.get(sha)
    if each is None:
        raise missing()
    url = f"{call.api}/repos/{repository.full_name}/git"
    page = f"{call.html}/{repository.full_name}/commit"
    return {
        "sha": sha,
        "node_id": encode("Commit", repository.key, sha),
        "url": f"{url}/commits/{sha}",
        "html_url": f"{page}/{sha}",
        "author": signature(each.author, each.authored_at),
        "committer": signature(each.committer, each.committed_at),
        "tree": {"sha": each.tree_sha, "url": f"{url}/trees/{each.tree_sha}"},
        "message": each.message,
        "parents": [
            {"sha": parent, "url": f"{url}/commits/{parent}", "html_url": f"{page}/{parent}"} for parent in each.parents
        ],
        "verification": verification(each),
    }


@get("/repos/{owner}/{repo}/git/trees/{name*}", "contents")
def tree(call: Call, repository: Repository, name: str) -> Body:
    """A directory, or with ``recursive`` everything below it."""
    git = repository.git
    if repository.tip is None:
        raise Refusal(409, "Git Repository is empty.")
    sha = name
    if sha not in git.trees:
        commit_sha = git.resolve(name)
        if commit_sha is None:
            raise missing()
        sha = git.commits[commit_sha].tree_sha
    url = f"{call.api}/repos/{repository.full_name}/git"
    entries: list[Body] = []

    def walk(tree_sha: str, before: str) -> None:
        for entry in git.trees[tree_sha]:
            kind = "tree" if entry.is_tree else "blob"
            body: Body = {"path": before + entry.name, "mode": entry.mode, "type": kind, "sha": entry.sha}
            if not entry.is_tree:
                body["size"] = len(git.blobs[entry.sha])
            body["url"] = f"{url}/{kind}s/{entry.sha}"
            entries.append(body)
            if entry.is_tree and "recursive" in call.request.query:
                walk(entry.sha, f"{before}{entry.name}/")

    walk(sha, "")
    most = MOST_TREE_ENTRIES
    return {"sha": sha, "url": f"{url}/trees/{sha}", "tree": entries[:most], "truncated": len(entries) > most}


@get("/repos/{owner}/{repo}/git/blobs/{sha}", "contents")
def blob(call: Call, repository: Repository, sha: str) -> Body:
    """A file by its hash."""
    data = repository.git.blobs.get(sha)
    if data is None:
        raise missing()
    return {
        "sha": sha,
        "node_id": encode("Blob", repository.key, sha),
        "size": len(data),
        "url": f"{call.api}/repos/{repository.full_name}/git/blobs/{sha}",
        "content": base64.encodebytes(data).decode(),
        "encoding": "base64",
    }


@get("/repos/{owner}/{repo}/git/ref/{name*}", "contents")
def one_ref(call: Call, repository: Repository, name: str) -> Body:
    """One ref by its whole name."""
    sha = repository.git.refs.get(f"refs/{name}")
    if sha is None:
        raise missing()
    return ref_body(call, repository, f"refs/{name}", sha)


@get("/repos/{owner}/{repo}/git/matching-refs/{name*}", "contents")
def matching_refs(call: Call, repository: Repository, name: str) -> object:
    """The refs that begin so."""
    found = sorted((ref, sha) for ref, sha in repository.git.refs.items() if ref.startswith(f"refs/{name}"))
    return call.page(found, lambda pair: ref_body(call, repository, *pair))


@get("/repos/{owner}/{repo}/git/refs", "contents")
def refs(call: Call, repository: Repository) -> object:
    """Every ref."""
    return call.page(sorted(repository.git.refs.items()), lambda pair: ref_body(call, repository, *pair))


@get("/repos/{owner}/{repo}/git/refs/{name*}", "contents")
def refs_below(call: Call, repository: Repository, name: str) -> object:
    """One ref, or the refs that begin so."""
    if f"refs/{name}" in repository.git.refs:
        return one_ref(call, repository, name)
    return matching_refs(call, repository, name)


@get("/repos/{owner}/{repo}/git/tags/{sha}", "contents")
def annotated_tag(call: Call, repository: Repository, sha: str) -> Body:
    """An annotated tag by the hash of its object."""
    tag = next((each for each in repository.git.tags.values() if each.sha == sha), None)
    if tag is None:
        raise missing()
    url = f"{call.api}/repos/{repository.full_name}/git"
    return {
        "node_id": encode("Tag", repository.key, sha),
        "sha": sha,
        "url": f"{url}/tags/{sha}",
        "tag": tag.name,
        "message": tag.message,
        "tagger": signature(tag.tagger, tag.at),
        "object": {"sha": tag.commit, "type": "commit", "url": f"{url}/commits/{tag.commit}"},
        "verification": {
            "verified": False,
            "reason": "unsigned",
            "signature": None,
            "payload": None,
            "verified_at": None,
        },
    }


def ref_body(call: Call, repository: Repository, name: str, sha: str) -> Body:
    """A ref."""
    url = f"{call.api}/repos/{repository.full_name}/git"
    tag = repository.git.tags.get(name)
    pointed, kind = (tag.sha, "tag") if tag else (sha, "commit")
    return {
        "ref": name,
        "node_id": encode("Ref", repository.key, name),
        "url": f"{url}/{name}",
        "object": {"sha": pointed, "type": kind, "url": f"{url}/{kind}s/{pointed}"},
    }


def short_commit(call: Call, repository: Repository, sha: str) -> Body:
    """A commit's hash and address."""
    return {"sha": sha, "url": f"{call.api}/repos/{repository.full_name}/commits/{sha}"}


def signature(who: Signature, at: datetime) -> Body:
    """Who a commit names, and when."""
    return {"name": who.name, "email": who.email, "date": stamp(at)}


def verification(each: Commit) -> Body:
    """Whether the signature is good."""
    return {
        "verified": each.verified,
        "reason": "valid" if each.verified else "unsigned",
        "signature": "-----BEGIN PGP SIGNATURE-----" if each.verified else None,
        "payload": f"tree {each.tree_sha}" if each.verified else None,
        "verified_at": stamp(each.committed_at) if each.verified else None,
    }


def commit_body(call: Call, repository: Repository, each: Commit) -> Body:
    """A commit without its files."""
    url = f"{call.api}/repos/{repository.full_name}"
    page = f"{call.html}/{repository.full_name}/commit"
    return {
        "sha": each.sha,
        "node_id": encode("Commit", repository.key, each.sha),
        "commit": {
            "author": signature(each.author, each.authored_at),
            "committer": signature(each.committer, each.committed_at),
            "message": each.message,
            "tree": {"sha": each.tree_sha, "url": f"{url}/git/trees/{each.tree_sha}"},
            "url": f"{url}/git/commits/{each.sha}",
            "comment_count": 0,
            "verification": verification(each),
        },
        "url": f"{url}/commits/{each.sha}",
        "html_url": f"{page}/{each.sha}",
        "comments_url": f"{url}/commits/{each.sha}/comments",
        "author": user(call, each.author.login) if each.author.login else None,
        "committer": user(call, each.committer.login) if each.committer.login else None,
        "parents": [
            {"sha": parent, "url": f"{url}/commits/{parent}", "html_url": f"{page}/{parent}"} for parent in each.parents
        ],
    }


def changes_of(repository: Repository, each: Commit) -> list[Change]:
    """What a commit changed against its first parent."""
    if each.parents:
        return repository.git.diff(each.parents[0], each.sha)
    return repository.git.first(each.sha)


def touches(repository: Repository, each: Commit, path: str) -> bool:
    """Whether a commit changed a file, or one below a directory."""
    return any(
        name == path or (name or "").startswith(path.rstrip("/") + "/")
        for change in changes_of(repository, each)
        for name in (change.path, change.old_path)
    )


def file_body(call: Call, repository: Repository, change: Change, sha: str) -> Body:
    """One changed file."""
    url, page = f"{call.api}/repos/{repository.full_name}", f"{call.html}/{repository.full_name}"
    body: Body = {
        "sha": change.sha,
        "filename": change.path,
        "status": change.status,
        "additions": change.additions,
        "deletions": change.deletions,
        "changes": change.additions + change.deletions,
        "blob_url": f"{page}/blob/{sha}/{change.path}",
        "raw_url": f"{page}/raw/{sha}/{change.path}",
        "contents_url": f"{url}/contents/{change.path}?ref={sha}",
    }
    if change.patch:
        body["patch"] = change.patch
    if change.old_path:
        body["previous_filename"] = change.old_path
    return body
