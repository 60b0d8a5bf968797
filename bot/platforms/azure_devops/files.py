"""The texts of files at a version: one is simply read, several are first looked for and then brought in one archive."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.subjects import Repository
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Client, Json, chunks, rows_of
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import ident
from bot.platforms.remote_files import blob_id

NO_SUCH_ITEM = ("TF401174", "TF401175", "TF401173")
"""The messages for a path, a version, or an item of it that does not exist. TF401019 is a hidden repository: not these."""
NO_BRANCHES = "VS403403"
"""The message for a repository that nobody has pushed to."""
TEMPLATE_FOLDERS = (
    ".azure-pipelines", ".azuredevops", ".pipelines", "azure-pipelines", "build", "ci", "eng", "pipelines", "templates",
)  # fmt: skip
"""Where templates of pipelines usually are. Those elsewhere are found too, for a request each."""
MOST_TEMPLATES = 100
MOST = 20_000_000
"""Bytes of one archive that are unpacked; governance files are small."""


@dataclass(frozen=True, slots=True)
class Version:
    """Which version of the files."""

    name: str
    kind: str
    """``branch``, ``commit`` or ``tag``."""


def repository_route(repository: Repository) -> dict[str, str]:
    """Where a repository is."""
    return {"project": ident(repository.organization), "repositoryId": ident(repository)}


def item(client: Client, route: Mapping[str, str], version: Version | None, path: str) -> Json:
    """What is at a path, with its text where it has one. Without a version: on the default branch."""
    query = {"path": f"/{path}", "includeContent": True, "$format": "json", **_described(version)}
    return client.get(endpoints.ITEMS, route, query)


def _described(version: Version | None) -> dict[str, str]:
    """A version as the parameters of a request."""
    if version is None:
        return {}
    return {"versionDescriptor.version": version.name, "versionDescriptor.versionType": version.kind}


def content(client: Client, repository: Repository, version: Version, path: str) -> str | None:
    """One file's text; None where there is no such file."""
    try:
        document = item(client, repository_route(repository), version, path)
    except Refused as wrong:
        if wrong.status == 404 and wrong.words.startswith(NO_SUCH_ITEM):
            return None
        raise
    text = document.get("content")
    return text if isinstance(text, str) else None


def contents(
    client: Client, repository: Repository, version: Version, paths: Sequence[str], *, templates: bool = False
) -> dict[str, str]:
    """Texts by path; what is not there does not exist. With ``templates`` also those that are where templates usually are:
    whoever reads pipelines will ask for them next.
    """
    if len(paths) > 1:
        found = _blobs(client, repository, version, paths, TEMPLATE_FOLDERS if templates else ())
        if found is not None:
            return _texts(client, repository, version, found)
    texts = {path: content(client, repository, version, path) for path in paths}
    return {path: text for path, text in texts.items() if text is not None}


@dataclass(frozen=True, slots=True)
class Listing:
    """Blobs by path: of everything at the root, of templates where they usually are, and of other files that were asked for."""

    blobs: Mapping[str, str]
    asked: frozenset[str]

    def lacks(self, path: str) -> bool:
        """Whether it is certain that there is no such file."""
        return path not in self.blobs and ("/" not in path or path in self.asked)

    def pipelines(self) -> list[str]:
        """The files that are likely to be asked for next, where pipelines are read: those that could be pipelines."""
        return [path for path in self.blobs if path.endswith((".yml", ".yaml"))][:MOST_TEMPLATES]


def listing(client: Client, repository: Repository, version: Version, paths: Sequence[str]) -> Listing | None:
    """What is at the root, where templates usually are, and at these paths, in one request; None where that is refused."""
    found = _blobs(client, repository, version, paths, TEMPLATE_FOLDERS, root=True)
    return None if found is None else Listing(found, frozenset(paths))


def listed_contents(
    client: Client, repository: Repository, version: Version, found: Listing, paths: Sequence[str]
) -> dict[str, str]:
    """The texts of listed files, in one request."""
    return _texts(client, repository, version, {path: found.blobs[path] for path in paths if path in found.blobs})


def tree(client: Client, repository: Repository, version: Version) -> tuple[str, ...]:
    """The path of every file of a version, submodules left out; none in a repository without a branch."""
    query = {"scopePath": "/", "recursionLevel": "full", **_described(version)}
    try:
        rows = client.listing(endpoints.ITEMS, repository_route(repository), query)
    except Refused as wrong:
        if wrong.status == 404 and wrong.words.startswith(NO_BRANCHES):
            return ()
        raise
    try:
        files = [row for row in rows if not row.get("isFolder") and row.get("gitObjectType") != "commit"]
        return tuple(str(row["path"]).lstrip("/") for row in files)
    except (AttributeError, KeyError) as wrong:
        raise PlatformError(
            f"{repository.url}: the list of its files is not understood ({type(wrong).__name__}: {wrong}).",
            UnknownKind.UNREADABLE,
        ) from wrong


def _blobs(
    client: Client,
    repository: Repository,
    version: Version,
    paths: Sequence[str],
    folders: Sequence[str],
    *,
    root: bool = False,
) -> dict[str, str] | None:
    """Object ids by path, of those that exist; None where the service refuses the whole list for one missing path."""
    found: dict[str, str] = {}
    wanted = set(paths)
    asked = [*((path, "none") for path in paths), *((folder, "full") for folder in folders)]
    asked += [("", "oneLevel")] if root else []
    for some in chunks(asked, 200):
        descriptors = [
            {"path": f"/{path}", "recursionLevel": level, "version": version.name, "versionType": version.kind}
            for path, level in some
        ]
        try:
            document = client.ask(endpoints.ITEMS_BATCH, repository_route(repository), {"itemDescriptors": descriptors})
        except Refused as wrong:
            if wrong.status == 404 and wrong.words.startswith(NO_SUCH_ITEM):
                return None
            raise
        beside = [item for items in rows_of(document, endpoints.ITEMS_BATCH) for item in items or ()]
        for item in beside:
            path = str(item.get("path", "")).lstrip("/")
            is_template = path.endswith((".yml", ".yaml")) and len(found) < MOST_TEMPLATES
            at_root = root and "/" not in path
            if not item.get("isFolder") and (path in wanted or is_template or at_root):
                found[path] = str(item["objectId"])
    return found


def _texts(client: Client, repository: Repository, version: Version, ids: Mapping[str, str]) -> dict[str, str]:
    """The texts of files, by path, in one request: one is read by itself, several come in an archive."""
    if len(ids) > 1 or _kept(client, ids):
        return _unpacked(client, repository, version, ids)
    texts = {}
    for path, blob in ids.items():
        text = content(client, repository, version, path)
        if text is not None:
            texts[path] = text
            if blob_id(text.encode("utf-8", "replace")) == blob:  # somebody may have pushed meanwhile
                _keep(client, blob, text)
    return texts


def _unpacked(client: Client, repository: Repository, version: Version, ids: Mapping[str, str]) -> dict[str, str]:
    """The texts of files, by path. What an earlier run has fetched is not fetched again: it never changes under its hash."""
    contents = _kept(client, ids)
    if lacking := sorted(set(ids.values()) - set(contents)):
        for blob, data in blobs(client, repository, lacking).items():
            contents[blob] = data.decode("utf-8", "replace")
            _keep(client, blob, contents[blob])
    found = {path: contents[blob] for path, blob in ids.items() if blob in contents}
    for path in set(ids) - set(found):  # a file that the server converts on its way out has another hash
        text = content(client, repository, version, path)
        if text is not None:
            found[path] = text
    return found


def _kept(client: Client, ids: Mapping[str, str]) -> dict[str, str]:
    """What was fetched of these files before, by hash."""
    found = {blob: client.texts.get(blob) for blob in set(ids.values())}
    return {blob: text for blob, text in found.items() if text is not None}


def _keep(client: Client, blob: str, text: str) -> None:
    client.texts[blob] = text


def blobs(client: Client, repository: Repository, ids: Sequence[str]) -> dict[str, bytes]:
    """Blobs from one archive, told by their hashes: how the archive names them does not matter."""
    found: dict[str, bytes] = {}
    archive = client.archive(endpoints.BLOBS, repository_route(repository), ids)
    try:
        with zipfile.ZipFile(io.BytesIO(archive)) as packed:
            if sum(entry.file_size for entry in packed.infolist()) > MOST:
                raise PlatformError(f"{repository.url}: the files are larger than {MOST} bytes.", UnknownKind.TRUNCATED)
            for entry in packed.infolist():
                data = packed.read(entry)
                found[blob_id(data)] = data
    except zipfile.BadZipFile as wrong:
        raise PlatformError(
            f"{repository.url}: the archive of {len(ids)} files was damaged. Run again.", UnknownKind.TRANSIENT
        ) from wrong
    return found
