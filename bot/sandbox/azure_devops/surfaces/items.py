"""Files and folders, at any version; trees and blobs by their ids."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING
from urllib.parse import quote

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.call import Answer, Call, Json, collection
from bot.sandbox.azure_devops.routing import answers
from bot.sandbox.azure_devops.scopes import CODE
from bot.sandbox.azure_devops.surfaces.commits import resolve
from bot.sandbox.azure_devops.surfaces.repositories import readable, repository_url

if TYPE_CHECKING:
    from bot.sandbox.world import Repository


@answers("items", "GET", CODE)
def items(call: Call) -> object:
    """One item (``path``) or a list of them (``scopePath``), as JSON, as text or as bytes."""
    repository = readable(call)
    kind, version = _descriptor(call)
    sha = resolve(repository, kind, version)
    scope = call.text("scopePath")
    path = call.values.get("path") or call.text("path")
    wanted = (path or scope or "/").strip("/")
    level = call.text("recursionLevel", "none").lower()
    found = _listed(call, repository, sha, wanted, level)
    if not found:
        label = f"{(kind or 'Branch').title()}: {version or repository.default_branch} "
        raise problems.item_not_found(f"/{wanted}", repository.name, label, sha)
    if not path or level != "none":
        return collection(found)
    blob = repository.git.files(sha).get(wanted)
    form = call.text("$format").lower()
    if blob is not None and form not in ("json", "zip"):
        data = repository.git.blobs[blob]
        if form == "octetstream" or "octet-stream" in call.accept or call.flag("download"):
            return Answer(data, content_type="application/octet-stream")
        if form == "text" or "application/json" not in call.accept:
            return Answer(data, content_type="text/plain; charset=utf-8")
    body = found[0]
    if blob is not None and call.flag("includeContent"):
        body["content"] = repository.git.blobs[blob].decode("utf-8", "replace")
    return body


def _descriptor(call: Call) -> tuple[str, str]:
    """The kind and name of a version: ``versionDescriptor.versionType`` and so on, or the same without the prefix."""
    kind = call.text("versionDescriptor.versionType") or call.text("versionType")
    return kind, call.text("versionDescriptor.version") or call.text("version")


def _listed(call: Call, repository: Repository, sha: str, path: str, level: str) -> list[Json]:
    """The item at a path, and what is below it as deep as asked for."""
    git = repository.git
    blob = git.files(sha).get(path)
    if blob is not None:
        return [_item(call, repository, sha, path, blob, folder=False)]
    tree: str | None = git.commits[sha].tree_sha
    for name in path.split("/") if path else []:
        entries = git.trees[tree] if tree else ()
        tree = next((entry.sha for entry in entries if entry.is_tree and entry.name == name), None)
    if tree is None:
        return []
    found = [_item(call, repository, sha, path, tree, folder=True)]
    if level != "none":
        _below(call, repository, sha, path, tree, level, found)
    return found


def _below(call: Call, repository: Repository, sha: str, path: str, tree: str, level: str, found: list[Json]) -> None:
    for entry in repository.git.trees[tree]:
        name = f"{path}/{entry.name}" if path else entry.name
        found.append(_item(call, repository, sha, name, entry.sha, folder=entry.is_tree))
        if entry.is_tree and level == "full":
            _below(call, repository, sha, name, entry.sha, level, found)


def _item(call: Call, repository: Repository, sha: str, path: str, object_id: str, *, folder: bool) -> Json:
    url = f"{repository_url(call.collection, repository)}/items/{quote(path)}"
    body: Json = {
        "objectId": object_id,
        "gitObjectType": "tree" if folder else "blob",
        "commitId": sha,
        "path": f"/{path}",
        "url": f"{url}?versionType=Commit&version={sha}&versionOptions=None",
    }
    if folder:
        body["isFolder"] = True
    if call.flag("includeContentMetadata"):
        name = path.rpartition("/")[2]
        body["contentMetadata"] = {"fileName": name, **({} if folder else {"contentType": "text/plain"})}
    return body


@answers("items_batch", "POST", CODE)
def items_batch(call: Call) -> object:
    """Many items at once; paths that are not there get an empty list."""
    repository = readable(call)
    listed = call.document().get("itemDescriptors")
    if not isinstance(listed, list):
        raise problems.bad_argument("Value cannot be null. Parameter name: itemDescriptors")
    rows = []
    for each in listed:
        if not isinstance(each, dict) or not each.get("path"):
            raise problems.bad_argument("Value cannot be null. Parameter name: path")
        sha = resolve(repository, str(each.get("versionType") or ""), str(each.get("version") or ""))
        level = str(each.get("recursionLevel") or "none").lower()
        rows.append(_listed(call, repository, sha, str(each["path"]).strip("/"), level))
    return collection(rows)


@answers("trees", "GET", CODE)
def trees(call: Call) -> object:
    """One tree, or with ``recursive`` all that is below it."""
    repository = readable(call)
    sha = call.values["sha1"]
    if sha not in repository.git.trees:
        raise problems.object_not_found(sha, "tree")
    rows: list[Json] = []
    _entries(call, repository, sha, "", rows)
    url = repository_url(call.collection, repository)
    return {
        "objectId": sha,
        "url": f"{url}/trees/{sha}",
        "treeEntries": rows,
        "size": 0,
        "_links": {"self": {"href": f"{url}/trees/{sha}"}},
    }


def _entries(call: Call, repository: Repository, sha: str, prefix: str, rows: list[Json]) -> None:
    url = repository_url(call.collection, repository)
    for entry in repository.git.trees[sha]:
        path = f"{prefix}{entry.name}"
        kind = "trees" if entry.is_tree else "blobs"
        rows.append(
            {
                "objectId": entry.sha,
                "relativePath": path,
                "mode": entry.mode.lstrip("0"),
                "gitObjectType": "tree" if entry.is_tree else "blob",
                "url": f"{url}/{kind}/{entry.sha}",
                "size": 0 if entry.is_tree else len(repository.git.blobs[entry.sha]),
            }
        )
        if entry.is_tree and call.flag("recursive"):
            _entries(call, repository, entry.sha, f"{path}/", rows)


@answers("blobs", "GET", CODE)
def blobs(call: Call) -> object:
    """One blob: what it is, or what is in it."""
    repository = readable(call)
    sha = call.values["sha1"]
    data = repository.git.blobs.get(sha)
    if data is None:
        raise problems.object_not_found(sha, "blob")
    form = call.text("$format").lower()
    if form == "text" or "text/plain" in call.accept:
        return Answer(data, content_type="text/plain; charset=utf-8")
    if form == "octetstream" or "octet-stream" in call.accept:
        return Answer(data, content_type="application/octet-stream")
    url = f"{repository_url(call.collection, repository)}/blobs/{sha}"
    return {"objectId": sha, "size": len(data), "url": url, "_links": {"self": {"href": url}}}


@answers("blobs", "POST", CODE)
def blobs_archive(call: Call) -> object:
    """Many blobs by their ids, in a zip file."""
    repository = readable(call)
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for each in call.items():
            data = repository.git.blobs.get(str(each))
            if data is None:
                raise problems.object_not_found(str(each), "blob")
            archive.writestr(str(each), data)
    return Answer(packed.getvalue(), content_type="application/zip")
