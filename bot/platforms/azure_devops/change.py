"""Facts about a pull request's change: reviews, commits, pushes, files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import datetime

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.facts.change import (
    Change,
    ChangedFile,
    ChangedFiles,
    Comment,
    Comments,
    Commit,
    Commits,
    Opinion,
    Push,
    Pushes,
    Review,
    Reviews,
)
from bot.model.people import Person, Signature
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, value
from bot.platforms.azure_devops.files import repository_route
from bot.platforms.azure_devops.loading import Ahead, Loader, Wanted
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.rebasing import with_update_merges
from bot.platforms.azure_devops.subjects import instant

OPINIONS = {10: Opinion.APPROVED, 5: Opinion.APPROVED, -5: Opinion.WAITING, -10: Opinion.CHANGES_REQUESTED}
MARKER = "Almguard.Context"
LINE_MARKER = "Almguard.Line"
"""The property that marks our own thread; it is not somebody's comment."""
MOST_COMMITS = 10_000
MOST_FILES = 100_000
MOST_ADDRESSES = 30
"""E-mail addresses of one change that are looked up; more stay those of no known account."""
GITHUB_ITSELF = "noreply@github.com"
"""What commits have that were made on GitHub's pages, before their repository came here: nobody's address."""
CO_AUTHOR = re.compile(
    r"^co-authored-by:[ \t]*(?P<name>[^<\n]{0,200}?)[ \t]*<(?P<email>[^<>\s]{1,320})>[ \t]*$", re.I | re.M
)


def reviews(wanted: Wanted) -> tuple[Reviews, str]:
    """Votes as they stand, each with the time and head that the thread about it tells."""
    subject: PullRequest = wanted.subject
    reads = wanted.reads
    document = reads.pull_request(subject)
    threads = reads.threads(subject)
    iterations = reads.iterations(subject)
    cast = _votes_cast(reads, threads)
    later: frozenset[str] = frozenset()
    if (moment := reads.moments.get(subject.id)) is not None:
        later = frozenset(who for who, votes in cast.items() if votes[-1][0] > moment)
        cast = {who: [one for one in votes if one[0] <= moment] for who, votes in cast.items()}
    found: list[Review] = []
    requested: list[str] = []
    for reviewer in document.get("reviewers") or ():
        name = _reviewer_name(reviewer)
        if reviewer.get("isContainer"):
            # A group's vote is the sum of its members' votes, who are reviewers themselves: it is not counted again.
            if not reviewer.get("vote") and not reviewer.get("hasDeclined"):
                requested.append(name)
            continue
        person = reads.subjects.person(reviewer)
        vote = int(reviewer.get("vote") or 0)
        history = cast.get(person.id, [])
        if person.id in later:
            vote = history[-1][1] if history else 0
        required = bool(reviewer.get("isRequired"))
        if vote in OPINIONS:
            at = next((when for when, cast_vote in reversed(history) if cast_vote == vote), None)
            found.append(
                Review(person, OPINIONS[vote], at, _head_at(iterations, at), subject.url, required, _said(vote))
            )
        elif history and any(cast_vote for _, cast_vote in history):
            at = history[-1][0]
            found.append(Review(person, Opinion.DISMISSED, at, _head_at(iterations, at), subject.url, required))
            requested.append(name)
        elif not reviewer.get("hasDeclined"):
            requested.append(name)
    oldest_first = sorted(found, key=lambda review: (review.at is not None, review.at or subject.created_at))
    return Reviews(tuple(oldest_first), tuple(requested)), subject.url


def _said(vote: int) -> str:
    return "approved with suggestions" if vote == 5 else ""


def _reviewer_name(reviewer: Json) -> str:
    if reviewer.get("isContainer"):
        return str(reviewer.get("displayName") or "").rpartition("\\")[2]
    return str(reviewer.get("uniqueName") or reviewer.get("displayName") or "")


def _votes_cast(reads: Reads, threads: list[Json]) -> dict[str, list[tuple[datetime, int]]]:
    """Who voted what when, oldest first: the service writes a thread of its own for each vote, and votes hold no time."""
    found: dict[str, list[tuple[datetime, int]]] = {}
    for thread in threads:
        if thread_property(thread, "CodeReviewThreadType") != "VoteUpdate":
            continue
        vote = thread_property(thread, "CodeReviewVoteResult")
        at = instant(thread.get("publishedDate"))
        voter = _voter(thread)
        if voter is None or at is None or vote is None:
            continue
        found.setdefault(reads.subjects.person(voter).id, []).append((at, int(vote)))
    for votes in found.values():
        votes.sort(key=lambda one: one[0])
    return found


def _voter(thread: Json) -> Json | None:
    key = thread_property(thread, "CodeReviewVotedByIdentity")
    named = value(thread, "identities", str(key)) if key is not None else None
    if isinstance(named, dict):
        return named
    author = next((comment.get("author") for comment in thread.get("comments") or ()), None)
    return author if isinstance(author, dict) else None


def thread_property(thread: Json, name: str) -> str | None:
    """A property of a thread, which the service wraps with its type."""
    found = value(thread, "properties", name)
    if isinstance(found, dict):
        found = found.get("$value")
    return None if found is None else str(found)


def _head_at(iterations: list[Json], at: datetime | None) -> str | None:
    """The head of the newest iteration that there was then; None where the time is not known."""
    if at is None:
        return None
    head = None
    for iteration in iterations:
        created = instant(iteration.get("createdDate"))
        if created is not None and created <= at:
            head = value(iteration, "sourceRefCommit", "commitId")
    return None if head is None else str(head)


def comments(wanted: Wanted) -> tuple[Comments, str]:
    """What people said, each of which only its writer can change. A thread on a line of a file is about that line."""
    subject: PullRequest = wanted.subject
    said = [
        (thread, comment)
        for thread in wanted.reads.threads(subject)
        if not thread.get("isDeleted") and not thread.get("threadContext")
        if not any(thread_property(thread, sign) for sign in (MARKER, LINE_MARKER))
        for comment in thread.get("comments") or ()
        if comment.get("commentType") == "text" and not comment.get("isDeleted") and comment.get("author")
    ]
    if (moment := wanted.reads.moments.get(subject.id)) is not None:
        _told_then([comment for _, comment in said], moment)
    found = [
        Comment(
            wanted.reads.subjects.person(comment["author"]),
            instant(comment.get("publishedDate")),
            str(comment.get("content") or ""),
            f"{subject.url}?discussionId={thread.get('id')}",
        )
        for thread, comment in said
    ]
    found.sort(key=lambda one: (one.at is not None, one.at or subject.created_at))
    return Comments(tuple(found)), subject.url


def _told_then(said: Iterable[Json], moment: datetime) -> None:
    """Raise where a comment that there was then has been edited since: what it said is not told."""
    for comment in said:
        at, edited = instant(comment.get("publishedDate")), instant(comment.get("lastContentUpdatedDate"))
        if at is not None and edited is not None and at <= moment < edited:
            who = _reviewer_name(comment["author"])
            why = f"a comment of {who} was edited on {edited:%Y-%m-%d}, after the completion"
            raise PlatformError(why, UnknownKind.UNREADABLE)


def commits(wanted: Wanted) -> tuple[Commits, str]:
    """The commits, oldest first. Their people are names and e-mails only: matched to the accounts whose addresses these are."""
    subject: PullRequest = wanted.subject
    documents = commit_documents(wanted.reads, subject)
    people = _behind(wanted.reads, subject, documents)
    found = [_commit(subject, document, people) for document in documents]
    return Commits(with_update_merges(wanted.reads, subject, found)), f"{subject.url}?_a=commits"


def commit_documents(reads: Reads, subject: PullRequest) -> list[Json]:
    """The commits, oldest first, each with its whole message."""
    return reads.once((subject.id, "commits"), lambda: _all_commits(reads, subject))


def _all_commits(reads: Reads, subject: PullRequest) -> list[Json]:
    """The pull request's own document holds the first hundred; a longer change is listed."""
    found = reads.pull_request(subject).get("commits")
    if found is None or len(found) >= 100:
        found = reads.client.listing(endpoints.PULL_REQUEST_COMMITS, reads.pull_request_route(subject), {"$top": 1000})
    if len(found) > MOST_COMMITS:
        raise PlatformError(f"{subject.name} has more than {MOST_COMMITS} commits.", UnknownKind.TRUNCATED)
    whole = [_whole(reads, subject, commit) for commit in found]
    return list(reversed(whole))


def _whole(reads: Reads, subject: PullRequest, commit: Json) -> Json:
    """Lists cut long messages; a mention of a work item may stand in what was cut off."""
    if not commit.get("commentTruncated"):
        return commit
    route = {**repository_route(subject.repository), "commitId": str(commit["commitId"])}
    return {**commit, **reads.client.get(endpoints.COMMITS, route)}


def _commit(subject: PullRequest, document: Json, people: dict[str, Person]) -> Commit:
    message = str(document.get("comment") or "")
    sha = str(document["commitId"])
    parents = tuple(str(parent) for parent in document.get("parents") or ())
    is_merge = len(parents) > 1 or (not parents and message.startswith("Merge "))
    return Commit(
        sha=sha,
        message=message,
        author=_signature(document.get("author"), people),
        committer=_signature(document.get("committer"), people),
        co_authors=tuple(
            Signature(match["name"], match["email"], people.get(match["email"].lower()))
            for match in CO_AUTHOR.finditer(message)
        ),
        parents=parents,
        committed_at=instant(value(document, "committer", "date")),
        is_update_merge=None if is_merge else False,
        url=f"{subject.repository.url}/commit/{sha}",
    )


def _signature(document: Json | None, people: dict[str, Person]) -> Signature:
    who = document or {}
    email = str(who.get("email") or "")
    return Signature(str(who.get("name") or ""), email, people.get(email.lower()))


def known_people(reads: Reads, subject: PullRequest) -> dict[str, Person]:
    """Those whom the pull request names, by the e-mail address that they sign in with."""
    document = reads.pull_request(subject)
    named = [document.get("createdBy"), *(document.get("reviewers") or ())]
    named += [iteration.get("author") for iteration in reads.iterations(subject)]
    people = [reads.subjects.person(one) for one in named if isinstance(one, dict) and not one.get("isContainer")]
    return {email: person for person in reversed(people) for email in person.emails}


def _behind(reads: Reads, subject: PullRequest, documents: Iterable[Json]) -> dict[str, Person]:
    """The accounts behind the commits' addresses. An address need not be a sign-in name: such a one is looked up."""
    named = known_people(reads, subject)
    unmatched = sorted(dict.fromkeys(_addresses(documents)).keys() - named.keys())[:MOST_ADDRESSES]
    accounts = reads.client.transport.gather([lambda one=one: _account(reads, one) for one in unmatched])  # type: ignore[misc]
    found = {address: account for address, account in zip(unmatched, accounts, strict=True) if account is not None}
    return found | named


def _addresses(documents: Iterable[Json]) -> Iterable[str]:
    for document in documents:
        yield from (str(value(document, role, "email") or "").lower() for role in ("author", "committer"))
        yield from (match["email"].lower() for match in CO_AUTHOR.finditer(str(document.get("comment") or "")))


def _account(reads: Reads, address: str) -> Person | None:
    """Whose mail address it is. Where that cannot be read, it is nobody's who is known."""
    if "@" not in address or address == GITHUB_ITSELF:
        return None
    query = {"searchFilter": "MailAddress", "filterValue": address, "queryMembership": "none"}
    try:
        rows = reads.once(("address", address), lambda: reads.client.listing(endpoints.IDENTITIES, {}, query))
    except PlatformError:
        return None
    accounts = [reads.subjects.member(row) for row in rows if row and not row.get("isContainer")]
    return next((one for one in accounts if address in one.emails), None)


def pushes(wanted: Wanted) -> tuple[Pushes, str]:
    """The iterations in which the head moved: a change of the target branch alone makes an iteration too."""
    subject: PullRequest = wanted.subject
    found: list[Push] = []
    for iteration in wanted.reads.iterations(subject):
        head = str(value(iteration, "sourceRefCommit", "commitId") or "")
        before = found[-1].head if found else None
        if head == before:
            continue
        author = value(iteration, "push", "pushedBy") or iteration.get("author")
        found.append(
            Push(
                wanted.reads.subjects.person(author) if isinstance(author, dict) else None,
                instant(iteration.get("createdDate")),
                head,
                before,
                "forcepush" in str(iteration.get("reason") or "").lower(),
            )
        )
    return Pushes(tuple(found)), f"{subject.url}?_a=updates"


def changed_files(wanted: Wanted) -> tuple[ChangedFiles, str]:
    """What the newest iteration changes against the merge base."""
    subject: PullRequest = wanted.subject
    return ChangedFiles(tuple(_changed(entries(wanted.reads, subject)))), f"{subject.url}?_a=files"


def entries(reads: Reads, subject: PullRequest) -> list[Json]:
    """What the newest iteration changes, as the service lists it."""
    return reads.once((subject.id, "files"), lambda: _entries(reads, subject))


def _entries(reads: Reads, subject: PullRequest) -> list[Json]:
    if subject.iteration is None:
        raise PlatformError(
            f"{subject.name} has no iteration yet: the service is still working on it. Run again in a moment.",
            UnknownKind.TRANSIENT,
        )
    route = {**reads.pull_request_route(subject), "iterationId": str(subject.iteration)}
    found: list[Json] = []
    skip = 0
    while True:
        page = reads.client.get(endpoints.ITERATION_CHANGES, route, {"$compareTo": 0, "$top": 2000, "$skip": skip})
        found += page.get("changeEntries") or []
        following = int(page.get("nextSkip") or 0)
        if following <= skip:
            return found
        if len(found) > MOST_FILES:
            raise PlatformError(f"{subject.name} changes more than {MOST_FILES} files.", UnknownKind.TRUNCATED)
        skip = following


def _changed(listed: list[Json]) -> Iterable[ChangedFile]:
    """A rename is one entry with both paths; the separate deletion that the service lists for it adds nothing."""
    for entry in listed:
        item = entry.get("item") or {}
        kinds = {kind.strip() for kind in str(entry.get("changeType") or "").lower().split(",")}
        if item.get("isFolder") or item.get("gitObjectType") == "tree" or "sourcerename" in kinds:
            continue
        path = str(item.get("path") or entry.get("originalPath") or "").lstrip("/")
        old = str(entry.get("originalPath") or entry.get("sourceServerItem") or "").lstrip("/")
        if "rename" in kinds:
            yield ChangedFile(path, Change.RENAMED, old or None)
        elif "delete" in kinds:
            yield ChangedFile(path or old, Change.DELETED)
        elif kinds & {"add", "undelete", "branch"}:
            yield ChangedFile(path, Change.ADDED)
        else:
            yield ChangedFile(path, Change.MODIFIED)


def _document_ahead(wanted: Wanted) -> Ahead:
    reads, subject = wanted.reads, wanted.subject
    return (lambda: reads.pull_request(subject), lambda: reads.iterations(subject))


def _reviews_ahead(wanted: Wanted) -> Ahead:
    return (*_document_ahead(wanted), lambda: wanted.reads.threads(wanted.subject))


def _comments_ahead(wanted: Wanted) -> Ahead:
    return (lambda: wanted.reads.threads(wanted.subject),)


def _files_ahead(wanted: Wanted) -> Ahead:
    return (lambda: entries(wanted.reads, wanted.subject),)


REVIEWS = Loader(reviews, _reviews_ahead)
COMMENTS = Loader(comments, _comments_ahead)
COMMITS = Loader(commits, _document_ahead)
PUSHES = Loader(pushes, _document_ahead)
FILES = Loader(changed_files, _files_ahead)
