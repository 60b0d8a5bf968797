"""A file of another repository at a commit, a tag or a branch: one query that looks at all that the name could be.

Refs are asked for by their whole names, so that a branch cannot take the place of a tag of the same name, nor the reverse.
https://docs.github.com/en/graphql/reference/objects#repository
"""

from __future__ import annotations

import base64

from bot.model.facts import UnknownKind
from bot.platforms import remote_files as said
from bot.platforms.github.client import GitHubClient, Json, Refused
from bot.platforms.github.query import Piece, ask, repository, text
from bot.platforms.github.reading import denied, refused
from bot.policy.references import Fetched, Reference

NEEDS = "contents: read"
_SYMBOLIC_LINK = 0o120000
_OTHERS = {"tree": "a folder", "commit": "a submodule"}


def fetch(client: GitHubClient, reference: Reference) -> Fetched:
    """The file that a reference names. Raises ``PlatformError``."""
    try:
        return _fetch(client, reference)
    except Refused as wrong:
        refusal = refused(wrong, NEEDS)
        raise said.unread(reference, refusal.reason, refusal.kind) from wrong
    except (KeyError, TypeError, AttributeError, ValueError, RuntimeError, AssertionError) as wrong:
        # The last two are PyGithub's words for an answer that it did not expect.
        reason = f"GitHub's answer has an unexpected form ({type(wrong).__name__}: {wrong})."
        raise said.unread(reference, reason, UnknownKind.UNREADABLE) from wrong


def _fetch(client: GitHubClient, reference: Reference) -> Fetched:
    versions = _versions(reference)
    keys = tuple(f"{kind}_" for kind in versions)
    selection = " ".join(f"{key}: {field}" for key, field in zip(keys, versions.values(), strict=True))
    piece = Piece((repository(reference.repository),), selection, keys=keys, weight=3 * len(keys), may_lack=True)
    found = ask(client, [piece])[0]
    if found.failure is not None:
        raise said.unread(reference, str(found.failure), found.failure.kind)
    if found.node is None and all(error.kind == "NOT_FOUND" for error in found.errors):
        raise said.no_repository(reference, NEEDS)
    if found.errors:
        refusal = denied(found.errors, NEEDS)
        raise said.unread(reference, refusal.reason, refusal.kind)
    for kind, key in zip(versions, keys, strict=True):
        commit = _commit(found.node[key])
        if commit is not None:
            return Fetched(_text(client, reference, commit), str(reference), pinned=kind in ("commit", "tag"))
    raise said.no_version(reference, tuple(versions), NEEDS)


def _versions(reference: Reference) -> dict[str, str]:
    """What the reference's version could be, each with the field that tells; the first that is there is it."""
    at_commit = (
        f"... on Commit {{ file(path: {text(reference.path)}) {{ type mode object {{ "
        "... on Blob { oid text isBinary byteSize } } } }"
    )
    # An annotated tag is an object of its own, which points at the commit.
    at_object = f"{{ __typename {at_commit} ... on Tag {{ target {{ __typename {at_commit} }} }} }}"
    if reference.ref is None:
        return {"default": f"defaultBranchRef {{ target {at_object} }}"}
    if reference.commit is not None:
        return {"commit": f'object(oid: "{reference.commit}") {at_object}'}
    return {
        kind: f"ref(qualifiedName: {text(f'refs/{folder}/{reference.ref}')}) {{ target {at_object} }}"
        for kind, folder in (("tag", "tags"), ("branch", "heads"))
    }


def _commit(node: Json) -> Json:
    """The commit that a ref or an object leads to; None where it leads to none."""
    if node is not None and "__typename" not in node:
        node = node["target"]
    if node is not None and node["__typename"] == "Tag":
        node = node["target"]
    return node if node is not None and node["__typename"] == "Commit" else None


def _text(client: GitHubClient, reference: Reference, commit: Json) -> str:
    """The text of the file at a commit."""
    entry = commit["file"]
    if entry is None:
        raise said.no_file(reference)
    blob = entry["object"] or {}
    if entry["type"] != "blob" or "oid" not in blob:
        raise said.no_regular_file(reference, _OTHERS.get(str(entry["type"]), "no file"))
    if entry["mode"] == _SYMBOLIC_LINK:
        raise said.no_regular_file(reference, "a symbolic link")
    said.check_size(reference, int(blob["byteSize"]))
    if blob["isBinary"]:
        raise said.no_text(reference)
    data = said.bytes_of(blob["text"], str(blob["oid"]))
    if data is None:
        whole = client.rest("GET", f"/repos/{reference.repository}/git/blobs/{blob['oid']}")
        data = base64.b64decode(whole["content"])
    return said.decoded(reference, data)
