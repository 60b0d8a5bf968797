"""What proves a rebase: the commits of a former head, and the patches of then and now."""

from __future__ import annotations

from collections.abc import Sequence

from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.change import Comments, Commit, Commits, FormerCommits, Pushes, Reviews
from bot.model.people import Signature
from bot.model.subjects import PullRequest, Subject
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.reading import Context, Task, guarded
from bot.platforms.github.readings import needs
from bot.platforms.github.subjects import optional_instant
from bot.platforms.patches import heads_in_question, may_be_a_rebase, patch_id, patched

_DIFF = "application/vnd.github.diff"
_GONE = (404, 406, 422)
"""The commit is not there any more, or its diff is larger than GitHub shows: then nothing is proven."""


def former_commits(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``FormerCommits``."""

    def task(subject: Subject) -> Task:
        assert isinstance(subject, PullRequest)
        page = f"{subject.url}/commits"
        return lambda: [(request, subject, guarded(lambda: _read(context, subject), needs(FormerCommits), page))]

    return [task(subject) for subject in subjects]


def _read(context: Context, subject: PullRequest) -> Answer:
    given, listed = context.known.answer(Reviews, subject), context.known.answer(Commits, subject)
    for answer in (given, listed):
        if not isinstance(answer, Loaded):
            return answer or Unavailable(UnknownKind.TRANSIENT, "the reviews and commits were not read", subject.url)
    reviews, present = context.known.value(Reviews, subject), context.known.value(Commits, subject)
    assert reviews is not None
    assert present is not None
    former: dict[str, tuple[Commit, ...]] = {}
    comments, pushes = context.known.value(Comments, subject), context.known.value(Pushes, subject)
    for head in heads_in_question(reviews, present, comments, pushes):
        commits = _former(context, subject, head)
        if may_be_a_rebase(commits, present.commits):
            former[head] = commits
    compared = {one.sha for commits in former.values() for one in patched((*commits, *present.commits))}
    shas = sorted(compared)
    read = context.client.transport.gather([lambda sha=sha: _patch_id(context, subject, sha) for sha in shas])  # type: ignore[misc]
    patch_ids = {sha: found for sha, found in zip(shas, read, strict=True) if found is not None}
    return Loaded(FormerCommits(former, patch_ids), f"{subject.url}/commits", context.now)


def _former(context: Context, subject: PullRequest, head: str) -> tuple[Commit, ...]:
    """What lay between the base and a former head, oldest first; nothing where that cannot be told any more."""
    try:
        answer = context.client.rest("GET", f"/repos/{subject.repository.name}/compare/{subject.base_sha}...{head}")
    except Refused as wrong:
        if wrong.status in _GONE:
            return ()
        raise
    listed = answer.get("commits") or []
    return tuple(map(_commit, listed)) if len(listed) == int(answer["total_commits"]) else ()


def _commit(node: Json) -> Commit:
    written = node["commit"]
    author, committer = ((written.get(role) or {}) for role in ("author", "committer"))
    return Commit(
        sha=str(node["sha"]),
        message=str(written["message"]),
        author=Signature(str(author.get("name") or ""), str(author.get("email") or "")),
        committer=Signature(str(committer.get("name") or ""), str(committer.get("email") or "")),
        parents=tuple(str(parent["sha"]) for parent in node["parents"]),
        committed_at=optional_instant(committer.get("date")),
        url=str(node.get("html_url") or ""),
    )


def _patch_id(context: Context, subject: PullRequest, sha: str) -> str | None:
    try:
        diff = context.client.raw(f"/repos/{subject.repository.name}/commits/{sha}", _DIFF)
    except Refused as wrong:
        if wrong.status in _GONE:
            return None
        raise
    return patch_id(diff) if diff is not None else None
