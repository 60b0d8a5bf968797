"""Facts about a pull request that GraphQL tells: reviews, commits, files, checks."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from bot.model.facts import FactRequest, Unavailable, UnknownKind
from bot.model.facts.change import (
    Change,
    ChangedFile,
    ChangedFiles,
    Check,
    Checks,
    CheckState,
    Comment,
    Comments,
    Commit,
    Commits,
    Opinion,
    Review,
    Reviews,
)
from bot.model.people import Person, Signature
from bot.model.subjects import PullRequest, Subject
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.former_checks import nodes_then
from bot.platforms.github.memory import Memory, SeenRun
from bot.platforms.github.query import Connection, Found, Piece, Unanswerable, repository
from bot.platforms.github.reading import Context, Reading
from bot.platforms.github.readings import needs
from bot.platforms.github.subjects import ACTOR, USER, ghost, instant, optional_instant, person

MOST_FILES = 3_000
MOST_COMMITS = 250
_MOST_COMPARED = 300
"""Files that a comparison lists; from so many on, some may be lacking."""
_MOST_MERGES = 10

_CO_AUTHOR = re.compile(r"^co-authored-by:[ \t]*(?P<name>[^<\n]*)<(?P<email>[^>\n]+)>", re.IGNORECASE | re.MULTILINE)
_SUGGESTION = re.compile(r"^Apply suggestions? from (?:code review|@\S+)", re.IGNORECASE)
_OWN = "<!-- almguard:"
"""How the comment begins that this program keeps up to date."""
_NO_REPLY = re.compile(r"^(?P<id>\d+)\+(?P<login>[A-Za-z0-9-]+(?:\[bot\])?)@users\.noreply\.")


def place(pull_request: PullRequest) -> tuple[str, ...]:
    """Where a pull request stands in a query."""
    return repository(pull_request.repository.name), f"pullRequest(number: {pull_request.number})"


def reviews(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``Reviews``."""
    assert isinstance(subject, PullRequest)
    given = Connection(
        "reviews_",
        "reviews",
        f"state submittedAt url body authorCanPushToRepository author {{ {ACTOR} }} commit {{ oid }}",
    )
    asked = Connection(
        "requested_",
        "reviewRequests",
        "requestedReviewer { ... on User { login } ... on Team { combinedSlug } ... on Bot { login } }",
    )

    def parse(found: Found) -> Reviews:
        may_push = context.memory.can_push.setdefault(subject.id, {})
        seen = context.memory.pull_requests.get(subject.id)
        dismissed_since = seen.dismissed_since if seen is not None else {}
        read = []
        for node in found.all(given):
            if node["state"] == "PENDING":  # nobody but its writer sees it
                continue
            review = _review(context.host, node)
            if (former := dismissed_since.get(review.url)) is not None:
                review = replace(review, opinion=former)
            may_push[review.person.id] = bool(node.get("authorCanPushToRepository"))
            read.append(review)
        _heard(context, subject, (review.person for review in read))
        read.sort(key=lambda review: (review.at is None, review.at))
        requested = [node["requestedReviewer"] for node in found.all(asked) if node.get("requestedReviewer")]
        return Reviews(tuple(read), tuple(str(one.get("combinedSlug") or one.get("login")) for one in requested))

    return Reading(
        Piece(place(subject), connections=(given, asked)),
        parse,
        subject.url,
        needs(Reviews),
        optional=frozenset({"requested_"}),
    )


def _review(host: str, node: Json) -> Review:
    return Review(
        person=person(host, node.get("author")) or ghost(host),
        opinion=Opinion(str(node["state"]).lower()),
        at=optional_instant(node.get("submittedAt")),
        commit=str(node["commit"]["oid"]) if node.get("commit") else None,
        url=str(node.get("url") or ""),
        body=str(node.get("body") or ""),
    )


def comments(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``Comments``."""
    assert isinstance(subject, PullRequest)
    listed = Connection("said_", "comments", f"body url createdAt lastEditedAt author {{ {ACTOR} }} editor {{ login }}")

    def parse(found: Found) -> Comments:
        nodes = [node for node in found.all(listed) if not str(node["body"]).startswith(_OWN)]
        seen = context.memory.pull_requests.get(subject.id)
        if seen is not None and seen.moment is not None:
            _told_then(nodes, seen.moment)
        read = tuple(_comment(context.host, node) for node in nodes)
        _heard(context, subject, (comment.person for comment in read))
        return Comments(read)

    return Reading(Piece(place(subject), connections=(listed,)), parse, subject.url, needs(Comments))


def _told_then(nodes: Iterable[Json], moment: datetime) -> None:
    """Raise where a comment that there was then has been edited since: what it said is not told."""
    for node in nodes:
        edited = optional_instant(node.get("lastEditedAt"))
        if edited is not None and edited > moment and instant(node["createdAt"]) <= moment:
            who = (node.get("author") or {}).get("login") or "ghost"
            why = f"a comment of {who} was edited on {edited:%Y-%m-%d}, after the merge"
            raise Unanswerable(Unavailable(UnknownKind.UNREADABLE, why, str(node.get("url") or "")))


def _heard(context: Context, subject: PullRequest, people: Iterable[Person]) -> None:
    """Note who speaks: of a large team, these alone are looked up."""
    context.memory.voices.setdefault(subject.repository.id, {}).update((one.id, one) for one in people)


def _comment(host: str, node: Json) -> Comment:
    author = node.get("author") or {}
    editor = node.get("editor") or {}
    return Comment(
        person=person(host, node.get("author")) or ghost(host),
        at=optional_instant(node.get("createdAt")),
        body=str(node.get("body") or ""),
        url=str(node.get("url") or ""),
        # An account that is gone has edited it, too, where there is a time and no editor.
        edited_by_another=bool(node.get("lastEditedAt")) and editor.get("login") != author.get("login"),
    )


def commits(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``Commits``."""
    assert isinstance(subject, PullRequest)
    actor = f"name email user {{ {USER} }}"
    listed = Connection(
        "commits_",
        "commits",
        "commit { oid message url committedDate signature { isValid wasSignedByGitHub } "
        f"author {{ {actor} }} committer {{ {actor} }} authors(first: 10) {{ nodes {{ {actor} }} }} "
        "parents(first: 3) { nodes { oid } } }",
    )

    def parse(found: Found) -> Commits:
        page = found.node.get("commits_") or {}
        if int(page.get("totalCount") or 0) > MOST_COMMITS:
            raise Unanswerable(
                Unavailable(
                    UnknownKind.TRUNCATED,
                    f"it has {page['totalCount']} commits, and GitHub lists {MOST_COMMITS} of a pull request at most; "
                    "split it, or judge it by hand",
                    subject.url,
                )
            )
        read = [_commit(context.host, node["commit"]) for node in found.all(listed)]
        return Commits(tuple(_with_update_merges(context, subject, read)))

    return Reading(
        Piece(place(subject), connections=(listed,), weight=1400),
        parse,
        f"{subject.url}/commits",
        needs(Commits),
    )


def _commit(host: str, node: Json) -> Commit:
    signature = node.get("signature") or {}
    committer = _signature(host, node.get("committer"))
    is_platform = _is_web_flow(committer) and bool(signature.get("isValid") and signature.get("wasSignedByGitHub"))
    if is_platform:
        committer = replace(committer, is_platform=True)
    message = str(node["message"])
    known = {str(one.get("email") or "").lower(): one for one in (node.get("authors") or {}).get("nodes") or [] if one}
    return Commit(
        sha=str(node["oid"]),
        message=message,
        author=_signature(host, node.get("author")),
        committer=committer,
        co_authors=_co_authors(host, message, known),
        parents=tuple(str(parent["oid"]) for parent in (node.get("parents") or {}).get("nodes") or []),
        committed_at=optional_instant(node.get("committedDate")),
        is_applied_suggestion=is_platform and bool(_SUGGESTION.match(message)),
        verified=bool(signature.get("isValid")) if node.get("signature") else False,
        url=str(node.get("url") or ""),
    )


def _is_web_flow(committer: Signature) -> bool:
    """Whether a commit says that GitHub made it. Anybody can say so: only GitHub's own signature, besides, proves it."""
    if committer.person is not None:
        return committer.person.login == "web-flow"
    return committer.email == "noreply@github.com"


def _signature(host: str, actor: Json) -> Signature:
    if not actor:
        return Signature("", "")
    name, email = str(actor.get("name") or ""), str(actor.get("email") or "")
    return Signature(name, email, person(host, actor.get("user")) or _no_reply(host, email))


def _no_reply(host: str, email: str) -> Person | None:
    """GitHub's own no-reply addresses carry the account's id: that is how a bot's commit names its account."""
    match = _NO_REPLY.match(email)
    if match is None:
        return None
    return Person(f"{host}/user/{match['id']}", match["login"], is_bot=match["login"].endswith("[bot]"))


def _co_authors(host: str, message: str, known: Mapping[str, Json]) -> tuple[Signature, ...]:
    found = {}
    for match in _CO_AUTHOR.finditer(message):
        email = match["email"].strip()
        matched = known.get(email.lower())
        found[email.lower()] = (
            _signature(host, matched) if matched else Signature(match["name"].strip(), email, _no_reply(host, email))
        )
    return tuple(found.values())


def _with_update_merges(context: Context, subject: PullRequest, read: list[Commit]) -> list[Commit]:
    """Say of each merge by the platform whether it only brought the base in."""
    own = {commit.sha for commit in read}
    judged = 0
    result = []
    for commit in read:
        if len(commit.parents) == 2 and commit.committer.is_platform:
            # What is merged is the base's when it is not of the change's own commits: those are all that the base has not.
            judged += 1
            if commit.parents[1] in own:
                proven: bool | None = False
            else:
                proven = _only_merges(context, subject, commit) if judged <= _MOST_MERGES else None
            commit = replace(commit, is_update_merge=proven)
        result.append(commit)
    return result


def _only_merges(context: Context, subject: PullRequest, merge: Commit) -> bool | None:
    """Whether a merge changes its first parent exactly as the second parent's own changes do. None: not provable."""
    first, second = merge.parents
    try:
        brought = _compared(context, subject, first, second)
        merged = _compared(context, subject, first, merge.sha)
    except Refused:
        return None
    if brought is None or merged is None:
        return None
    if brought == merged:
        return True
    return False if merged.keys() - brought.keys() else None


def _compared(context: Context, subject: PullRequest, base: str, head: str) -> dict[str, tuple[str, str]] | None:
    """What head changes since it left base: path to status and blob. None: more than are listed."""
    answer = context.client.rest("GET", f"/repos/{subject.repository.name}/compare/{base}...{head}")
    files = answer.get("files") or []
    if len(files) >= _MOST_COMPARED:
        return None
    return {str(one["filename"]): (str(one["status"]), str(one.get("sha") or "")) for one in files}


_CHANGES = {
    "ADDED": Change.ADDED,
    "COPIED": Change.ADDED,
    "DELETED": Change.DELETED,
    "RENAMED": Change.RENAMED,
    "MODIFIED": Change.MODIFIED,
    "CHANGED": Change.MODIFIED,
}


def changed_files(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``ChangedFiles``."""
    assert isinstance(subject, PullRequest)
    listed = Connection("files_", "files", "path additions deletions changeType")

    def parse(found: Found) -> ChangedFiles:
        if int(found.node.get("changedFiles") or 0) > MOST_FILES:
            return ChangedFiles(tuple(_files_of_trees(context, subject)))
        nodes = found.all(listed)
        if any(node["changeType"] == "RENAMED" for node in nodes):
            return ChangedFiles(tuple(_files_of_rest(context, subject)))  # only REST tells the old paths
        return ChangedFiles(
            tuple(
                ChangedFile(
                    path=str(node["path"]),
                    change=_CHANGES[node["changeType"]],
                    additions=int(node["additions"]),
                    deletions=int(node["deletions"]),
                )
                for node in nodes
            )
        )

    return Reading(
        Piece(place(subject), "changedFiles", (listed,), keys=("changedFiles",)),
        parse,
        f"{subject.url}/files",
        needs(ChangedFiles),
    )


def _files_of_rest(context: Context, subject: PullRequest) -> list[ChangedFile]:
    words = {"added": Change.ADDED, "copied": Change.ADDED, "removed": Change.DELETED, "renamed": Change.RENAMED}
    return [
        ChangedFile(
            path=str(one["filename"]),
            change=words.get(str(one["status"]), Change.MODIFIED),
            old_path=str(one["previous_filename"]) if one["status"] == "renamed" else None,
            additions=int(one["additions"]),
            deletions=int(one["deletions"]),
        )
        for one in context.client.pages(f"/repos/{subject.repository.name}/pulls/{subject.number}/files")
    ]


def _files_of_trees(context: Context, subject: PullRequest) -> list[ChangedFile]:
    """Beyond what is listed the trees are compared: of the head, and of the commit at which it left the base."""
    home = f"/repos/{subject.repository.name}"
    compared = context.client.rest("GET", f"{home}/compare/{subject.base_sha}...{subject.head_sha}", {"per_page": 1})
    before = tree(context, subject.repository.name, str(compared["merge_base_commit"]["sha"]))
    after = tree(context, subject.repository.name, subject.head_sha)
    changes = [(path, Change.DELETED) for path in before.keys() - after.keys()]
    changes += [(path, Change.ADDED) for path in after.keys() - before.keys()]
    changes += [(path, Change.MODIFIED) for path in before.keys() & after.keys() if before[path] != after[path]]
    return [ChangedFile(path, change) for path, change in sorted(changes)]


def tree(context: Context, name: str, commit: str) -> dict[str, str]:
    """Every file of a commit, with its blob. Raises ``Unanswerable`` where there are too many."""
    answer = context.client.rest("GET", f"/repos/{name}/git/trees/{commit}", {"recursive": 1})
    if answer.get("truncated"):
        raise Unanswerable(
            Unavailable(
                UnknownKind.TRUNCATED,
                f"the tree of {name}@{commit[:12]} has more files than GitHub lists in one answer",
            )
        )
    return {str(one["path"]): f"{one['sha']} {one['mode']}" for one in answer["tree"] if one["type"] != "tree"}


_CONCLUSIONS = {
    "SUCCESS": CheckState.SUCCESS,
    "NEUTRAL": CheckState.NEUTRAL,
    "SKIPPED": CheckState.SKIPPED,
    "CANCELLED": CheckState.CANCELLED,
    "STALE": CheckState.CANCELLED,
    "FAILURE": CheckState.FAILURE,
    "TIMED_OUT": CheckState.FAILURE,
    "ACTION_REQUIRED": CheckState.FAILURE,
    "STARTUP_FAILURE": CheckState.FAILURE,
    "ERROR": CheckState.FAILURE,
    "PENDING": CheckState.PENDING,
    "EXPECTED": CheckState.PENDING,
}
"""``STALE`` is GitHub's own word for a run that never ended."""


_CONTEXTS = Connection(
    "contexts_",
    "contexts",
    "__typename ... on CheckRun { databaseId externalId name status conclusion startedAt completedAt url "
    "checkSuite { app { slug } workflowRun { event file { path } workflow { name } } } } "
    "... on StatusContext { context statusState: state targetUrl createdAt }",
    wrap=("statusCheckRollup",),
)


def checks_of(subject: PullRequest) -> Piece:
    """What asks for everything that reported on the head."""
    place = (repository(subject.repository.name), f'object(oid: "{subject.head_sha}")', "... on Commit")
    return Piece(place, connections=(_CONTEXTS,))


def seen_checks(memory: Memory, subject: PullRequest, found: Found) -> list[Json]:
    """What reported on the head; a publisher will want to know it."""
    nodes = found.all(_CONTEXTS)
    if (seen := memory.pull_requests.get(subject.id)) is not None:
        seen.checks_seen_at = memory.clock()
        seen.check_runs[subject.head_sha] = tuple(
            SeenRun(int(node["databaseId"]), str(node["name"]), str(node.get("externalId") or ""), _app(node) or "")
            for node in nodes
            if node["__typename"] == "CheckRun" and node.get("databaseId")
        )
        seen.statuses[subject.head_sha] = {
            str(node["context"]): str(node.get("targetUrl") or "")
            for node in nodes
            if node["__typename"] == "StatusContext"
        }
    return nodes


def checks(context: Context, _request: FactRequest, subject: Subject) -> Reading:
    """``Checks``."""
    assert isinstance(subject, PullRequest)

    def parse(found: Found) -> Checks:
        nodes = seen_checks(context.memory, subject, found)
        seen = context.memory.pull_requests.get(subject.id)
        if seen is not None and seen.moment is not None:
            nodes = nodes_then(context, subject, nodes, seen.moment)
        return Checks(tuple(map(_check, nodes)))

    return Reading(checks_of(subject), parse, f"{subject.url}/checks", needs(Checks))


def _app(run: Json) -> str | None:
    slug = ((run.get("checkSuite") or {}).get("app") or {}).get("slug")
    return str(slug) if slug else None


def _check(node: Json) -> Check:
    if node["__typename"] == "StatusContext":
        return Check(
            name=str(node["context"]),
            state=_CONCLUSIONS[node["statusState"]],
            url=str(node.get("targetUrl") or ""),
            at=instant(node["createdAt"]),
            detail=str(node["statusState"]).lower(),
        )
    suite = node.get("checkSuite") or {}
    run = suite.get("workflowRun") or {}
    ended = node["status"] == "COMPLETED"
    word = str((node.get("conclusion") if ended else node["status"]) or "")
    return Check(
        name=str(node["name"]),
        state=_CONCLUSIONS[word] if ended else CheckState.PENDING,
        app=_app(node),
        event=run.get("event"),
        workflow=(run.get("workflow") or {}).get("name"),
        workflow_path=(run.get("file") or {}).get("path"),
        url=str(node.get("url") or ""),
        at=optional_instant(node.get("completedAt") or node.get("startedAt")),
        detail=word.lower(),
        began=optional_instant(node.get("startedAt")),
    )
