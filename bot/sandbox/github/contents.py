"""Files of a repository by path."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, missing
from bot.sandbox.github.render import Body
from bot.sandbox.github.routing import get
from bot.sandbox.wire import Response

if TYPE_CHECKING:
    from bot.sandbox.world import Repository


@get("/repos/{owner}/{repo}/contents/{path*}", "contents")
def contents(call: Call, repository: Repository, path: str) -> object:
    """A file, or a directory's entries; the default branch's unless ``ref`` says otherwise."""
    ref = call.request.first("ref") or repository.default_branch
    sha = repository.git.resolve(ref) if repository.tip else None
    if sha is None:
        raise missing("This repository is empty." if repository.tip is None else f"No commit found for the ref {ref}")
    path = path.strip("/")
    files = repository.git.files(sha)
    blob = files.get(path)
    if blob is not None:
        if "raw" in call.request.headers.get("accept", ""):
            kind = {"Content-Type": "application/vnd.github.raw+json; charset=utf-8"}
            return Response(200, repository.git.blobs[blob], kind)
        return _file(call, repository, ref, path, blob) | _content(repository.git.blobs[blob])
    below = path + "/" if path else ""
    names = sorted({name[len(below) :].split("/")[0] for name in files if name.startswith(below)})
    if not names:
        raise missing()
    git = repository.git
    tree = git.commits[sha].tree_sha
    for part in path.split("/") if path else ():
        tree = next(entry.sha for entry in git.trees[tree] if entry.name == part)
    return [_file(call, repository, ref, below + entry.name, entry.sha, entry.is_tree) for entry in git.trees[tree]]


@get("/repos/{owner}/{repo}/contents", "contents")
def root(call: Call, repository: Repository) -> object:
    """The top directory."""
    return contents(call, repository, "")


@get("/repos/{owner}/{repo}/readme", "contents")
def readme(call: Call, repository: Repository) -> object:
    """The README of the default branch."""
    return contents(call, repository, "README.md")


def _file(call: Call, repository: Repository, ref: str, path: str, sha: str, is_tree: bool = False) -> Body:
    url, page = f"{call.api}/repos/{repository.full_name}", f"{call.html}/{repository.full_name}"
    mine = f"{url}/contents/{path}?ref={ref}"
    kind = "tree" if is_tree else "blob"
    git = f"{url}/git/{kind}s/{sha}"
    return {
        "name": path.rpartition("/")[2],
        "path": path,
        "sha": sha,
        "size": 0 if is_tree else len(repository.git.blobs[sha]),
        "url": mine,
        "html_url": f"{page}/{kind}/{ref}/{path}",
        "git_url": git,
        "download_url": None if is_tree else f"{page}/raw/{ref}/{path}",
        "type": "dir" if is_tree else "file",
        "_links": {"self": mine, "git": git, "html": f"{page}/{kind}/{ref}/{path}"},
    }


def _content(data: bytes) -> Body:
    """The text itself; GitHub leaves it out above a megabyte."""
    if len(data) > 1_000_000:
        return {"content": "", "encoding": "none"}
    return {"content": base64.encodebytes(data).decode(), "encoding": "base64"}
