"""A file of another repository at a commit, a tag or a branch; which of these a name is, each request says.

https://learn.microsoft.com/en-us/rest/api/azure/devops/git/items/get (versionDescriptor.versionType)
"""

from __future__ import annotations

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.platforms import remote_files as said
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Client, Json
from bot.platforms.azure_devops.files import NO_BRANCHES, Version, item
from bot.platforms.azure_devops.sdk import Refused
from bot.policy.references import Fetched, Reference

NEEDS = endpoints.ITEMS.scope
_NO_FILE = ("TF401173", "TF401174")
_NO_VERSION = ("TF401175", NO_BRANCHES)
_NO_REPOSITORY = ("TF401019", "TF200016", "VS800075", "VS403006")
"""The repository, the project (by name, by id), the organisation: not there, or hidden."""


def fetch(client: Client, reference: Reference) -> Fetched:
    """The file that a reference names. Raises ``PlatformError``."""
    organization, project, name = reference.repository.split("/")
    if organization.lower() != client.organization.lower():
        raise PlatformError(
            f"{reference}: the address in use is {client.url}. Set SYSTEM_COLLECTIONURI to the address of {organization}."
        )
    route = {"project": project, "repositoryId": name}
    versions = _versions(reference)
    for version in versions:
        try:
            found = item(client, route, version, reference.path)
        except Refused as wrong:
            if wrong.status == 404 and wrong.words.startswith(_NO_VERSION):
                continue
            raise _explained(reference, wrong) from wrong
        except PlatformError as wrong:
            raise said.unread(reference, str(wrong), wrong.kind) from wrong
        pinned = version is not None and version.kind in ("commit", "tag")
        return Fetched(_text(client, route, reference, found), str(reference), pinned)
    raise said.no_version(reference, [version.kind for version in versions if version is not None], NEEDS)


def _versions(reference: Reference) -> tuple[Version | None, ...]:
    """What the reference's version could be; the first that is there is it."""
    if reference.ref is None:
        return (None,)
    if reference.commit is not None:
        return (Version(reference.commit, "commit"),)
    return (Version(reference.ref, "tag"), Version(reference.ref, "branch"))


def _explained(reference: Reference, wrong: Refused) -> PlatformError:
    """A refusal, in words about the reference where it is known what it means."""
    if wrong.status == 404 and wrong.words.startswith(_NO_FILE):
        return said.no_file(reference)
    if wrong.status == 404 and wrong.words.startswith(_NO_REPOSITORY):
        return said.no_repository(reference, NEEDS)
    return said.unread(reference, str(wrong), wrong.kind)


def _text(client: Client, route: dict[str, str], reference: Reference, found: Json) -> str:
    """The text of what was found, byte for byte as it was committed."""
    kind = found.get("gitObjectType")
    if found.get("isFolder") or kind == "tree":
        raise said.no_regular_file(reference, "a folder")
    if kind == "commit":
        raise said.no_regular_file(reference, "a submodule")
    if found.get("isSymLink"):
        raise said.no_regular_file(reference, "a symbolic link")
    identity = found.get("objectId")
    if not isinstance(identity, str):
        reason = f"what {client.url} says about the file is not understood."
        raise said.unread(reference, reason, UnknownKind.UNREADABLE)
    data = said.bytes_of(found.get("content"), identity)
    if data is None:
        try:
            data = client.raw(endpoints.BLOBS, {**route, "sha1": identity})
        except PlatformError as wrong:
            raise said.unread(reference, str(wrong), wrong.kind) from wrong
    return said.decoded(reference, data)
