"""Releases, their assets, and the proofs of where those come from."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

from bot.sandbox.github.call import Call, missing, stamp
from bot.sandbox.github.nodes import encode
from bot.sandbox.github.render import Body, user
from bot.sandbox.github.routing import get
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.scenario import AssetPart, ReleasePart
    from bot.sandbox.world import Repository


def releases_of(each: Repository) -> list[ReleasePart]:
    """A repository's releases, newest first."""
    return sorted(each.part.releases, key=lambda part: each.world.at(part.created_at), reverse=True)


def latest_of(each: Repository) -> ReleasePart | None:
    """The newest that is neither a draft nor a prerelease."""
    return next((part for part in releases_of(each) if not part.draft and not part.prerelease), None)


@get("/repos/{owner}/{repo}/releases", "contents")
def releases(call: Call, each: Repository) -> object:
    """Releases, newest first; drafts show only to those who may push."""
    drafts = call.access.person_may_push(each) and call.access.holds("contents", "write")
    found = [part for part in releases_of(each) if drafts or not part.draft]
    return call.page(found, lambda part: release_body(call, each, part))


@get("/repos/{owner}/{repo}/releases/latest", "contents")
def latest(call: Call, each: Repository) -> Body:
    """The latest release."""
    found = latest_of(each)
    if found is None:
        raise missing()
    return release_body(call, each, found)


@get("/repos/{owner}/{repo}/releases/tags/{tag*}", "contents")
def by_tag(call: Call, each: Repository, tag: str) -> Body:
    """The published release of a tag."""
    for part in each.part.releases:
        if part.version == tag and not part.draft:
            return release_body(call, each, part)
    raise missing()


@get("/repos/{owner}/{repo}/releases/{ident}", "contents")
def by_id(call: Call, each: Repository, ident: str) -> Body:
    """One release."""
    return release_body(call, each, _find(each, ident))


@get("/repos/{owner}/{repo}/releases/{ident}/assets", "contents")
def assets(call: Call, each: Repository, ident: str) -> object:
    """A release's files."""
    part = _find(each, ident)
    return call.page(part.assets, lambda asset: asset_body(call, each, part, asset))


@get("/repos/{owner}/{repo}/immutable-releases", "administration")
def immutable_releases(call: Call, each: Repository) -> Body:
    """Whether new releases are immutable; 404 when not."""
    if not each.part.immutable_releases or not call.access.administers(each):
        raise missing()
    return {"enabled": True, "enforced_by_owner": False}


@get("/repos/{owner}/{repo}/attestations/{digest}", "attestations")
def attestations(call: Call, each: Repository, digest: str) -> Body:
    """The attestations of a file; an empty list when there are none."""
    for part in each.part.releases:
        for asset in part.assets:
            if part.attested and asset.digest == digest:
                return {"attestations": [_attestation(call, each, part, asset)]}
    return {"attestations": []}


def release_id(each: Repository, part: ReleasePart) -> int:
    """A release's id."""
    return number("release", each.key, part.version)


def asset_id(each: Repository, part: ReleasePart, asset: AssetPart) -> int:
    """An asset's id."""
    return number("asset", each.key, part.version, asset.name)


def _find(each: Repository, ident: str) -> ReleasePart:
    for part in each.part.releases:
        if str(release_id(each, part)) == ident:
            return part
    raise missing()


def release_body(call: Call, each: Repository, part: ReleasePart) -> Body:
    """A release."""
    ident = release_id(each, part)
    url, page = f"{call.api}/repos/{each.full_name}", f"{call.html}/{each.full_name}"
    mine = f"{url}/releases/{ident}"
    at = stamp(call.world.at(part.created_at))
    return {
        "url": mine,
        "html_url": f"{page}/releases/tag/{part.version}",
        "assets_url": f"{mine}/assets",
        "upload_url": f"{mine}/assets{{?name,label}}",
        "tarball_url": f"{url}/tarball/{part.version}",
        "zipball_url": f"{url}/zipball/{part.version}",
        "id": ident,
        "node_id": encode("Release", each.key, part.version),
        "tag_name": part.version,
        "target_commitish": each.git.names.get(part.version) or each.git.resolve(part.commit) or each.default_branch,
        "name": part.version,
        "body": part.notes,
        "draft": part.draft,
        "prerelease": part.prerelease,
        "immutable": part.immutable,
        "created_at": at,
        "updated_at": at,
        "published_at": None if part.draft else at,
        "author": user(call, part.author or "github-actions[bot]"),
        "assets": [asset_body(call, each, part, asset) for asset in part.assets],
    }


def asset_body(call: Call, each: Repository, part: ReleasePart, asset: AssetPart) -> Body:
    """A file of a release."""
    ident = asset_id(each, part, asset)
    at = stamp(call.world.at(part.created_at))
    return {
        "url": f"{call.api}/repos/{each.full_name}/releases/assets/{ident}",
        "browser_download_url": f"{call.html}/{each.full_name}/releases/download/{part.version}/{asset.name}",
        "id": ident,
        "node_id": encode("ReleaseAsset", each.key, part.version, asset.name),
        "name": asset.name,
        "label": None,
        "state": "open" if asset.missing else "uploaded",
        "content_type": "application/octet-stream",
        "size": 1024,
        "digest": asset.digest or None,
        "download_count": 0,
        "created_at": at,
        "updated_at": at,
        "uploader": user(call, part.author or "github-actions[bot]"),
    }


def _attestation(call: Call, each: Repository, part: ReleasePart, asset: AssetPart) -> Body:
    """A bundle in the form of Sigstore's, around an in-toto statement of SLSA provenance. Its signature is none."""
    statement = {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": [{"name": asset.name, "digest": {"sha256": asset.digest.removeprefix("sha256:")}}],
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "https://actions.github.io/buildtypes/workflow/v1",
                "externalParameters": {
                    "workflow": {
                        "ref": f"refs/tags/{part.version}",
                        "repository": f"{call.html}/{each.full_name}",
                        "path": ".github/workflows/release.yml",
                    }
                },
            },
            "runDetails": {"builder": {"id": f"{call.html}/{each.full_name}"}},
        },
    }
    return {
        "bundle": {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {},
            "dsseEnvelope": {
                "payload": base64.b64encode(json.dumps(statement).encode()).decode(),
                "payloadType": "application/vnd.in-toto+json",
                "signatures": [{"sig": ""}],
            },
        },
        "repository_id": each.id,
        "bundle_url": f"{call.html}/bundles/{number('bundle', each.key, asset.digest)}",
        "initiator": part.author or "github-actions[bot]",
    }
