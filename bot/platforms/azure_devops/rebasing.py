"""What outlives a push: merges that only bring the base in, and rebases. Both are proven from contents, not from messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from bot.engine.ports import PlatformError
from bot.model.facts import Fact, Loaded, UnknownKind
from bot.model.facts.change import Comments, Commit, Commits, FormerCommits, Pushes, Reviews
from bot.model.people import Person, Signature
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, chunks, rows_of, value
from bot.platforms.azure_devops.files import blobs, repository_route
from bot.platforms.azure_devops.loading import Loader, Wanted
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import instant
from bot.platforms.patches import MOST_COMMITS, difference, heads_in_question, may_be_a_rebase, patch_id, patched

MOST_MERGES = 10
MOST_FILES = 200
"""Of all the commits of a rebase: of larger ones approving again costs less."""


@dataclass(frozen=True, slots=True)
class _Changed:
    """One file that differs between two commits."""

    path: str
    old_path: str | None
    """None where it is new."""
    kind: str
    blob: str | None
    """Its content afterwards; None where it was deleted."""


def with_update_merges(reads: Reads, subject: PullRequest, commits: Sequence[Commit]) -> tuple[Commit, ...]:
    """Say of each merge whether it only brought the base in, and nobody made it.

    The service signs nothing and has no committer of its own. That nobody made a merge is what the push says that brought it
    as its head: the service knows who pushed, and it was a service identity. What a person has merged is a person's work.
    """
    pushers = {
        str(value(iteration, "sourceRefCommit", "commitId")): _pusher(reads, iteration)
        for iteration in reversed(reads.iterations(subject))
    }
    in_question = [one for one in commits if one.is_update_merge is None and _is_nobody(pushers.get(one.sha), one)]
    if in_question:
        commits = with_parents(reads, subject, commits)
    own = {commit.sha for commit in commits}
    candidates = {one.sha for one in in_question}
    judged = 0
    found = []
    for commit in commits:
        if commit.is_update_merge is None:
            if commit.sha not in candidates or len(commit.parents) != 2 or commit.parents[1] in own:
                proven: bool | None = False
            else:
                judged += 1
                proven = _only_merges(reads, subject, commit) if judged <= MOST_MERGES else None
            commit = replace(commit, is_update_merge=proven)
        found.append(commit)
    return tuple(found)


def with_parents(reads: Reads, subject: PullRequest, commits: Sequence[Commit]) -> list[Commit]:
    """The commits with their parents, which lists of the service may leave out: then each is asked for."""
    route = repository_route(subject.repository)

    def read(commit: Commit) -> Commit:
        document = reads.client.get(endpoints.COMMITS, {**route, "commitId": commit.sha})
        return replace(commit, parents=tuple(str(parent) for parent in document.get("parents") or ()))

    if all(commit.parents for commit in commits) or len(commits) > MOST_COMMITS:
        return list(commits)
    return reads.client.transport.gather([lambda one=one: one if one.parents else read(one) for one in commits])  # type: ignore[misc]


def _pusher(reads: Reads, iteration: Json) -> Person | None:
    named = value(iteration, "push", "pushedBy") or iteration.get("author")
    return reads.subjects.person(named) if isinstance(named, dict) else None


def _is_nobody(pusher: Person | None, commit: Commit) -> bool:
    """Whether a service identity pushed it, and no known person is named as its committer."""
    committer = commit.committer.person
    return pusher is not None and pusher.is_bot and (committer is None or committer.is_bot)


def _only_merges(reads: Reads, subject: PullRequest, merge: Commit) -> bool | None:
    """Whether a merge changes its first parent exactly as the second parent's own changes do. None: not provable."""
    first, second = merge.parents
    try:
        brought = _contents(_changes(reads, subject, first, second))
        merged = _contents(_changes(reads, subject, first, merge.sha))
    except PlatformError:
        return None
    if brought == merged:
        return True
    return False if merged.keys() - brought.keys() else None


def _contents(changes: Sequence[_Changed]) -> dict[str, str | None]:
    """What stands at each changed path afterwards."""
    found = {one.old_path: None for one in changes if one.old_path is not None}
    return {**found, **{one.path: one.blob for one in changes}}


def _changes(reads: Reads, subject: PullRequest, base: str, target: str) -> list[_Changed]:
    """What target changes since it left base."""
    query = {
        "baseVersion": base,
        "baseVersionType": "commit",
        "targetVersion": target,
        "targetVersionType": "commit",
        "diffCommonCommit": True,
    }
    route = repository_route(subject.repository)
    rows = reads.client.skipping(endpoints.COMMIT_DIFFS, route, query, rows="changes", size=2000)
    found = []
    for row in rows:
        item = row.get("item") or {}
        kinds = {kind.strip() for kind in str(row.get("changeType") or "").lower().split(",")}
        if item.get("isFolder") or item.get("gitObjectType") == "tree":
            continue
        path, blob = str(item["path"]), str(item.get("objectId") or "") or None
        if kinds & {"delete", "sourcerename"}:
            found.append(_Changed(path, path, "delete", None))
        elif "rename" in kinds:
            old = str(row.get("sourceServerItem") or row.get("originalPath") or "") or None
            found.append(_Changed(path, old, "rename", blob))
        elif kinds & {"add", "undelete", "branch"}:
            found.append(_Changed(path, None, "add", blob))
        else:
            found.append(_Changed(path, path, "edit", blob))
    return found


def former_commits(wanted: Wanted) -> tuple[FormerCommits, str]:
    """What an approved head that is gone consisted of, and the patches of then and now."""
    subject: PullRequest = wanted.subject
    reads = wanted.reads
    reviews, present = _known(wanted, Reviews), _known(wanted, Commits)
    assert isinstance(reviews, Reviews)
    assert isinstance(present, Commits)
    former: dict[str, tuple[Commit, ...]] = {}
    compared: dict[str, Commit] = {}
    comments, pushes = wanted.known.value(Comments, subject), wanted.known.value(Pushes, subject)
    for head in heads_in_question(reviews, present, comments, pushes):
        commits = _former(reads, subject, head)
        if not 0 < len(commits) <= MOST_COMMITS:
            continue
        whole = with_parents(reads, subject, commits)
        now = with_parents(reads, subject, present.commits)
        if may_be_a_rebase(whole, now):
            former[head] = tuple(whole)
            compared |= {one.sha: one for one in patched((*whole, *now))}
    return FormerCommits(former, _patch_ids(reads, subject, list(compared.values()))), f"{subject.url}?_a=updates"


def _known(wanted: Wanted, kind: type[Fact]) -> Fact:
    answer = wanted.known.answer(kind, wanted.subject)
    if isinstance(answer, Loaded):
        return answer.value
    reason = getattr(answer, "reason", f"{kind.name} was not read")
    raise PlatformError(str(reason), getattr(answer, "kind", UnknownKind.TRANSIENT))


def _former(reads: Reads, subject: PullRequest, head: str) -> tuple[Commit, ...]:
    """What a former head had and the target has not, oldest first; nothing where the service does not have it any more."""
    query = {
        "searchCriteria.itemVersion.version": subject.base_sha,
        "searchCriteria.itemVersion.versionType": "commit",
        "searchCriteria.compareVersion.version": head,
        "searchCriteria.compareVersion.versionType": "commit",
    }
    route = repository_route(subject.repository)
    try:
        rows = reads.client.skipping(
            endpoints.COMMITS, route, query, top="searchCriteria.$top", skip="searchCriteria.$skip"
        )
    except Refused as wrong:
        if wrong.status == 404:
            return ()
        raise
    return tuple(_commit(subject, row) for row in reversed(rows))


def _commit(subject: PullRequest, document: Json) -> Commit:
    author, committer = (
        Signature(str(value(document, role, "name") or ""), str(value(document, role, "email") or ""))
        for role in ("author", "committer")
    )
    return Commit(
        sha=str(document["commitId"]),
        message=str(document.get("comment") or ""),
        author=author,
        committer=committer,
        parents=tuple(str(parent) for parent in document.get("parents") or ()),
        committed_at=instant(value(document, "committer", "date")),
        url=f"{subject.repository.url}/commit/{document['commitId']}",
    )


def _patch_ids(reads: Reads, subject: PullRequest, commits: Sequence[Commit]) -> dict[str, str]:
    """The service has no diffs as text: they are made of the files' contents, all of which come in one archive."""
    listed = reads.client.transport.gather(
        [lambda one=one: _changes(reads, subject, one.parents[0], one.sha) for one in commits]  # type: ignore[misc]
    )
    changes: dict[str, list[_Changed]] = {one.sha: found for one, found in zip(commits, listed, strict=True)}
    if not changes or sum(map(len, changes.values())) > MOST_FILES:
        return {}
    before = _before(reads, subject, [(one.parents[0], each) for one in commits for each in changes[one.sha]])
    wanted = {each.blob for found in changes.values() for each in found if each.blob} | set(before.values())
    try:
        texts = blobs(reads.client, subject.repository, sorted(wanted)) if wanted else {}
    except PlatformError as wrong:
        if wrong.kind is UnknownKind.TRUNCATED:
            return {}
        raise
    found = {one.sha: _patch_id(one.parents[0], changes[one.sha], before, texts) for one in commits}
    return {sha: made for sha, made in found.items() if made is not None}


def _before(reads: Reads, subject: PullRequest, changes: Sequence[tuple[str, _Changed]]) -> dict[tuple[str, str], str]:
    """What stood at the old paths, by the commit before and the path."""
    asked = list(dict.fromkeys((parent, one.old_path) for parent, one in changes if one.old_path is not None))
    found: dict[tuple[str, str], str] = {}
    for some in chunks(asked, 200):
        descriptors = [
            {"path": path, "recursionLevel": "none", "version": parent, "versionType": "commit"}
            for parent, path in some
        ]
        route = repository_route(subject.repository)
        answer = reads.client.ask(endpoints.ITEMS_BATCH, route, {"itemDescriptors": descriptors})
        for key, items in zip(some, rows_of(answer, endpoints.ITEMS_BATCH), strict=False):
            if items and not items[0].get("isFolder"):
                found[key] = str(items[0]["objectId"])
    return found


def _patch_id(
    parent: str, changes: Sequence[_Changed], before: Mapping[tuple[str, str], str], texts: Mapping[str, bytes]
) -> str | None:
    lines: list[str] = []
    for one in sorted(changes, key=lambda one: one.path):
        old = None if one.old_path is None else before.get((parent, one.old_path))
        if (old is None) != (one.old_path is None) or (one.kind == "edit" and old == one.blob):
            return None  # what was there is not told; or the change is one of the mode, which is not told
        lines.append(f"diff {one.kind} {one.old_path} {one.path}")
        contents = [b"" if blob is None else texts.get(blob) for blob in (old, one.blob)]
        if any(content is None for content in contents):
            return None
        then, now = (content or b"" for content in contents)
        if b"\0" in then or b"\0" in now:
            lines.append(f"from {old} to {one.blob}")
            continue
        hunks = difference(then.decode("latin-1"), now.decode("latin-1"))  # which reads, and keeps, any bytes
        if hunks is None:
            return None
        lines += hunks
    return patch_id("\n".join(lines))


FORMER_COMMITS = Loader(former_commits)
