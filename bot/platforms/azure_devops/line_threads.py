"""Findings as threads on the lines of changed files: one for each finding, kept up to date, closed when it is gone.

A thread is found again by a property that readers do not see, which names the finding; where its line has moved to, the service
knows itself. What blocks is an active thread. What only warns is a closed one: an active thread would keep the pull
request from being completed where a policy wants all comments resolved. What merely audits is none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from bot.model.annotations import Annotation, Level
from bot.model.subjects import PullRequest
from bot.platforms.azure_devops.change import LINE_MARKER, thread_property
from bot.platforms.azure_devops.client import Client, Json, value
from bot.platforms.azure_devops.files import repository_route

MOST = 25
"""How many threads on lines stand in one pull request: each takes a request, and readers have no more patience either."""
STATUS = {Level.FAILURE: "active", Level.WARNING: "closed"}
GONE = "fixed"


class LineThreads:
    """The threads on lines of one pull request, under the name of one check."""

    def __init__(self, client: Client, subject: PullRequest, context: str, author: str | None) -> None:
        self._client = client
        self._subject = subject
        self._context = context
        self._author = author
        self._done: Counter[str] = Counter()

    def update(self, annotations: Sequence[Annotation], threads: Sequence[Json]) -> tuple[list[str], list[str]]:
        """Make the threads say what is found; gives what was done, and what was not. Raises ``PlatformError``.

        A finding whose thread somebody has settled as won't fix or by design is left in peace. A draft gets no new threads.
        """
        told = {one.key: one for one in annotations if one.level in STATUS}
        ours: dict[str, Json] = {}
        outdated: list[Json] = []
        for thread in threads:
            if (key := self._key(thread)) is None:
                continue
            if key not in told or key in ours:  # gone, or opened twice by two runs at once
                outdated.append(thread)
            else:
                ours[key] = thread
        for key, thread in ours.items():
            self._keep(thread, told[key])
        for thread in outdated:
            if _status(thread) != GONE:
                self._settle(thread, GONE, "closed")
        room = max(MOST - len(ours), 0)
        new = [one for key, one in told.items() if key not in ours and not self._subject.draft]
        for one in new[:room]:
            self._open(one)
        done = ", ".join(f"{amount} {what}" for what, amount in self._done.items())
        left = [f"{len(new) - room} findings beyond {MOST} have no thread on their lines."] if len(new) > room else []
        return ([f"Threads on lines: {done}."] if done else []), left

    def _key(self, thread: Json) -> str | None:
        """Which finding a thread of ours is about."""
        named = thread_property(thread, LINE_MARKER)
        if named is None or thread.get("isDeleted"):
            return None
        context, _, key = named.rpartition(":")
        if context != self._context:
            return None
        # A thread that somebody else has marked is not ours to speak in.
        if self._author is not None and value(_first(thread), "author", "id") != self._author:
            return None
        return key

    def _open(self, one: Annotation) -> None:
        from azure.devops.v7_1.git.models import Comment, CommentPosition, CommentThreadContext
        from azure.devops.v7_1.git.models import GitPullRequestCommentThread as Thread

        place = CommentThreadContext(file_path=f"/{one.path}")
        if one.line is not None:
            place.right_file_start = place.right_file_end = CommentPosition(line=one.line, offset=1)
        thread = Thread(
            comments=[Comment(comment_type="text", content=one.markdown, parent_comment_id=0)],
            properties={LINE_MARKER: {"$type": "System.String", "$value": f"{self._context}:{one.key}"}},
            status=STATUS[one.level],
            thread_context=place,
        )
        route = repository_route(self._subject.repository)
        self._client.git().create_thread(thread, route["repositoryId"], self._subject.number, route["project"])
        self._done["opened"] += 1

    def _keep(self, thread: Json, one: Annotation) -> None:
        first = _first(thread)
        if first.get("content") != one.markdown:
            from azure.devops.v7_1.git.models import Comment

            repository, project = self._route()
            self._client.git().update_comment(
                Comment(content=one.markdown),
                repository,
                self._subject.number,
                int(thread["id"]),
                int(first["id"]),
                project=project,
            )
            self._done["updated"] += 1
        # What is said to be fixed is not, while it is found.
        if _status(thread) == GONE and STATUS[one.level] != "closed":
            self._settle(thread, STATUS[one.level], "opened again")

    def _settle(self, thread: Json, status: str, done: str) -> None:
        from azure.devops.v7_1.git.models import GitPullRequestCommentThread as Thread

        repository, project = self._route()
        self._client.git().update_thread(
            Thread(status=status), repository, self._subject.number, int(thread["id"]), project=project
        )
        self._done[done] += 1

    def _route(self) -> tuple[str, str]:
        route = repository_route(self._subject.repository)
        return route["repositoryId"], route["project"]


def _first(thread: Json) -> Json:
    comments: list[Json] = thread.get("comments") or [{}]
    return comments[0]


def _status(thread: Json) -> str:
    return str(thread.get("status") or "").lower()
