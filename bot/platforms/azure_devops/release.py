"""Facts about a release: what is new in it, what the platform keeps about it, and what of it is not pinned."""

from __future__ import annotations

from collections.abc import Iterable

from bot.engine.ports import PlatformError
from bot.model import globs
from bot.model.facts import UnknownKind
from bot.model.facts.change import LinkSource
from bot.model.facts.release import (
    Artifact,
    GlobSpec,
    PreviousRelease,
    ReleaseChanges,
    ReleaseConfiguration,
    ReleaseRecord,
    SourceFile,
)
from bot.model.references import find_references
from bot.model.subjects import Release
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, chunks, rows_of, value
from bot.platforms.azure_devops.deployments import builds
from bot.platforms.azure_devops.files import Version, contents, repository_route, tree
from bot.platforms.azure_devops.loading import Loader, Wanted
from bot.platforms.azure_devops.pipelines import yaml_path
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.rollback import artifacts_of, classic_release, earlier
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import ident
from bot.platforms.pipelines import azure_pipeline

MOST_FILES = 2000
"""Files of one release whose texts are read."""
MOST_COMMITS = 10_000


def release_changes(wanted: Wanted) -> tuple[ReleaseChanges, str]:
    """Files, commits and work items between the previous release and this one."""
    subject: Release = wanted.subject
    spec: GlobSpec = wanted.spec or GlobSpec()
    reads = wanted.reads
    previous = earlier(wanted, PreviousRelease)
    if previous.deployment is None:
        return ReleaseChanges((), frozenset(), (), 0), subject.url
    base = previous.deployment.commit
    commits = _commits_between(reads, subject, base)
    version = Version(subject.commit, "commit")
    changed: list[str] = []
    siblings: frozenset[str] = frozenset()
    if spec.globs:
        patterns = sorted(spec.globs)
        changed = [path for path in _paths_between(reads, subject, base) if globs.matches(path, patterns)]
        if len(changed) > MOST_FILES:
            raise PlatformError(
                f"{subject.name} changes {len(changed)} files that match {', '.join(patterns)}; at most {MOST_FILES} are "
                "read.",
                UnknownKind.TRUNCATED,
            )
        siblings = frozenset(
            path for path in tree(reads.client, subject.repository, version) if globs.matches(path, patterns)
        )
    texts = contents(reads.client, subject.repository, version, changed)
    added = tuple(SourceFile(path, texts[path], _page(subject, path)) for path in changed if path in texts)
    items = tuple(_work_items(reads, subject, commits))
    return ReleaseChanges(added, siblings, items, len(commits)), _compared(subject, base)


def _page(subject: Release, path: str) -> str:
    return f"{subject.repository.url}?path=/{path}&version=GC{subject.commit}"


def _compared(subject: Release, base: str) -> str:
    return f"{subject.repository.url}/branchCompare?baseVersion=GC{base}&targetVersion=GC{subject.commit}"


def _commits_between(reads: Reads, subject: Release, base: str) -> list[Json]:
    """The commits that the release has and the previous one has not."""
    query = {
        "searchCriteria.itemVersion.version": base,
        "searchCriteria.itemVersion.versionType": "commit",
        "searchCriteria.compareVersion.version": subject.commit,
        "searchCriteria.compareVersion.versionType": "commit",
    }
    found = reads.client.skipping(
        endpoints.COMMITS,
        repository_route(subject.repository),
        query,
        top="searchCriteria.$top",
        skip="searchCriteria.$skip",
    )
    if len(found) > MOST_COMMITS:
        raise PlatformError(f"{subject.name} is {len(found)} commits ahead of {base}.", UnknownKind.TRUNCATED)
    return found


def _paths_between(reads: Reads, subject: Release, base: str) -> list[str]:
    """Paths added or changed from one tree to the other; what only the older one has needs no way back."""
    query = {
        "baseVersion": base,
        "baseVersionType": "commit",
        "targetVersion": subject.commit,
        "targetVersionType": "commit",
        "diffCommonCommit": False,
    }
    route = repository_route(subject.repository)
    rows = reads.client.skipping(endpoints.COMMIT_DIFFS, route, query, rows="changes", size=2000)
    found = []
    for row in rows:
        kinds = str(row.get("changeType") or "").lower()
        if not value(row, "item", "isFolder") and "delete" not in kinds and "sourcerename" not in kinds:
            found.append(str(value(row, "item", "path")).lstrip("/"))
    return found


def _work_items(reads: Reads, subject: Release, commits: list[Json]) -> Iterable[str]:
    """Work items that commit messages name, and those that are linked to the pull requests the commits came with."""
    found: dict[str, None] = {}
    for commit in commits:
        for reference in find_references(str(commit.get("comment") or "")):
            if reference.source is LinkSource.AZURE_BOARDS or reference.owner is None:
                found.setdefault(f"AB#{reference.number}")
    for number in _linked(reads, subject, [str(commit["commitId"]) for commit in commits]):
        found.setdefault(f"AB#{number}")
    return found


def _linked(reads: Reads, subject: Release, commits: list[str]) -> Iterable[int]:
    project, repository = ident(subject.repository.organization), ident(subject.repository)
    requests: set[int] = set()
    for some in chunks(commits, 100):
        kinds = [{"type": kind, "items": list(some)} for kind in ("commit", "lastMergeCommit")]
        document = reads.client.ask(
            endpoints.PULL_REQUEST_QUERY, repository_route(subject.repository), {"queries": kinds}
        )
        for result in rows_of(document, endpoints.PULL_REQUEST_QUERY, "results"):
            requests |= {int(one["pullRequestId"]) for rows in result.values() for one in rows}
    uris = [f"vstfs:///Git/Commit/{project}%2f{repository}%2f{sha}" for sha in commits]
    uris += [f"vstfs:///Git/PullRequestId/{project}%2f{repository}%2f{number}" for number in sorted(requests)]
    for some in chunks(uris, 100):
        document = reads.client.ask(endpoints.ARTIFACT_URI_QUERY, {"project": project}, {"artifactUris": list(some)})
        for rows in document["artifactUrisQueryResult"].values():
            yield from (int(row["id"]) for row in rows or ())


def release_record(wanted: Wanted) -> tuple[ReleaseRecord, str]:
    """The tag as it is now, its message or the release's description, and what the run published."""
    subject: Release = wanted.subject
    reads = wanted.reads
    project = ident(subject.repository.organization)
    tag = tag_of(reads, subject)
    notes = _message(reads, subject, tag)
    assets: tuple[Artifact, ...] = ()
    released = subject.commit
    immutable = None
    if subject.release_kind == "classic" and subject.run_id is not None:
        document = classic_release(reads, project, subject.run_id) or {}
        notes = str(document.get("description") or "") or notes
    elif subject.run_id is not None:
        run = builds(reads, project, [subject.run_id]).get(subject.run_id)
        if run is not None and not run.get("deleted"):
            released = str(run.get("sourceVersion") or released)
            assets = artifacts_of(reads, project, subject.run_id)
    record = ReleaseRecord(
        notes=notes,
        tag=subject.version if tag else None,
        tag_commit=None if tag is None else str(tag.get("peeledObjectId") or tag["objectId"]),
        released_commit=released,
        immutable=immutable,
        assets=assets,
        attested=None,
    )
    return record, subject.url


def tag_of(reads: Reads, subject: Release) -> Json | None:
    """The tag that is called as the version is."""
    return find_tag(reads, repository_route(subject.repository), subject.version)


def find_tag(reads: Reads, route: dict[str, str], version: str) -> Json | None:
    """A tag by its whole name; None where there is none."""
    query = {"filter": f"tags/{version}", "peelTags": True}
    rows = reads.once(("tag", *route.values(), version), lambda: reads.client.listing(endpoints.REFS, route, query))
    return next((row for row in rows if row.get("name") == f"refs/tags/{version}"), None)


def _message(reads: Reads, subject: Release, tag: Json | None) -> str:
    """The message of an annotated tag; a plain tag has none."""
    if tag is None or not tag.get("peeledObjectId"):
        return ""
    route = {**repository_route(subject.repository), "objectId": str(tag["objectId"])}
    try:
        return str(reads.client.get(endpoints.ANNOTATED_TAGS, route).get("message") or "").strip()
    except Refused as wrong:
        if wrong.status == 404:
            return ""
        raise


def release_configuration(wanted: Wanted) -> tuple[ReleaseConfiguration, str]:
    """Variable groups, and templates that follow a branch: a rollback would take them as they are today."""
    subject: Release = wanted.subject
    reads = wanted.reads
    project = ident(subject.repository.organization)
    if subject.run_id is None:
        return ReleaseConfiguration((), ()), subject.url
    if subject.release_kind == "classic":
        document = classic_release(reads, project, subject.run_id) or {}
        named = [*_groups(document)]
        for environment in document.get("environments") or ():
            named += _groups(environment)
        return ReleaseConfiguration(tuple(dict.fromkeys(named)), ()), subject.url
    run = builds(reads, project, [subject.run_id]).get(subject.run_id)
    number = value(run or {}, "definition", "id")
    definition = next((one for one in reads.definitions(project) if one.get("id") == number), None)
    path = yaml_path(definition or {})
    groups = list(_groups(definition or {}))
    floating: tuple[str, ...] = ()
    if path:
        version = Version(subject.commit, "commit")

        def read(name: str) -> str | None:
            return contents(reads.client, subject.repository, version, [name.lstrip("/")]).get(name.lstrip("/"))

        text = read(path)
        if text is not None:
            parsed = azure_pipeline.parse(path, text, read=read)
            if parsed.error:
                raise PlatformError(f"{subject.name}: {parsed.error}", UnknownKind.UNREADABLE)
            groups += parsed.variable_groups
            floating = parsed.floating_references
    return ReleaseConfiguration(tuple(dict.fromkeys(groups)), floating), subject.url


def _groups(document: Json) -> Iterable[str]:
    """Names of variable groups; a classic definition knows them by number alone."""
    for group in document.get("variableGroups") or ():
        if isinstance(group, dict):
            yield str(group.get("name") or group.get("id"))
        else:
            yield f"variable group {group}"


RELEASE_CHANGES = Loader(release_changes)
RELEASE_RECORD = Loader(release_record)
RELEASE_CONFIGURATION = Loader(release_configuration)
