"""What was seen on the way and will be wanted again in the same run: it saves requests, and is never older than the run."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeVar, cast

from bot.engine.reach import reach
from bot.model.facts.change import Opinion
from bot.model.people import Permission, Person
from bot.model.subjects import Repository, Subject
from bot.platforms.github.client import Json, Refused

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class SeenRun:
    """A check run, as far as a publisher must know it."""

    id: int
    name: str
    external_id: str
    app: str
    """The slug of the App that made it: nobody else may change it. Empty where it was not told."""


@dataclass(slots=True)
class SeenPullRequest:
    """What came with a pull request and has no place in the subject."""

    head_repository: str | None
    """``owner/name`` of where its branch is; None: gone, or not to be seen."""
    closing: tuple[tuple[str, int], ...]
    """Issues that it is linked to: ``owner/name`` and number."""
    closing_total: int
    base: str = ""
    """The branch that it is into."""
    under: tuple[tuple[int, str], ...] = ()
    """The open pull requests whose branch that is: number and base."""
    files: dict[str, str | None] = field(default_factory=dict)
    """Configuration candidates at the base's tip; None: not there."""
    comments: tuple[Json, ...] | None = None
    """Its first comments; None: not read, or not all of them fit in a page."""
    check_runs: dict[str, tuple[SeenRun, ...]] = field(default_factory=dict)
    """Check runs by the commit that they are on: the head, or what a merge queue made of it. None of a commit: not read."""
    checks_seen_at: float = 0.0
    """When they were read, by the clock of the memory."""
    statuses: dict[str, dict[str, str]] = field(default_factory=dict)
    """Commit statuses by the commit that they are on: the address that each context's newest leads to."""
    moving: Mapping[str, Json] | None = None
    """What may move while it is judged (``moving.state_of``); None: not read."""
    same_head: tuple[int, ...] | None = None
    """The other open pull requests of the repository that have its head; None: not read, or not all of them."""
    moment: datetime | None = None
    """When it was merged, where it is judged as it stood then; None: it is judged as it is."""
    dismissed_since: Mapping[str, Opinion] = field(default_factory=dict)
    """Of reviews that were dismissed after that moment, by their addresses: what they said before."""


@dataclass(slots=True)
class Memory:
    """Of one provider, for one run."""

    pull_requests: dict[str, SeenPullRequest] = field(default_factory=dict)
    can_push: dict[str, dict[str, bool]] = field(default_factory=dict)
    """By pull request: which of its reviewers (by ``Person.id``) may push."""
    voices: dict[str, dict[str, Person]] = field(default_factory=dict)
    """By repository: who has said something of its pull requests that were read, by ``Person.id``."""
    repositories_of: dict[str, int] = field(default_factory=dict)
    """By owner: how many repositories there are."""
    clock: Callable[[], float] = lambda: 0.0
    """Tells how long ago something was seen; without one nothing grows old."""
    blobs: MutableMapping[str, str] = field(default_factory=dict)
    """Texts by blob: content never changes under its name."""
    permissions: dict[tuple[str, str], Future[Permission | None]] = field(default_factory=dict)
    """Who may do what, by repository and login: the same people review many pull requests."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    asked_of: dict[tuple[str, str], int] = field(default_factory=dict)
    """By what and owner: about how many repositories that was asked in the run, where a list would tell it of all."""
    lists: dict[tuple[str, str], Future[Any]] = field(default_factory=dict)
    """Lists of owners that were read, by what and owner; and workflows, by their branch."""
    unprotected_is_hidden: set[str] = field(default_factory=set)
    """Owners of whose repositories this token was refused to read classic protection."""

    def release(self, subjects: Iterable[Subject]) -> None:
        """Let go of what was seen of these subjects, and of the people in their repositories."""
        subjects = list(subjects)
        homes = {home.name.lower(): home.id for one in subjects if (home := reach(one, Repository)) is not None}
        with self.lock:
            for one in subjects:
                self.pull_requests.pop(one.id, None)
                self.can_push.pop(one.id, None)
            for number in homes.values():
                self.voices.pop(number, None)
            for key in [key for key in self.permissions if key[0] in homes]:
                del self.permissions[key]
            for read in [read for read in self.lists if read[1].partition("/branch/")[0] in homes.values()]:
                del self.lists[read]

    def once(self, key: tuple[str, str], read: Callable[[], T]) -> T:
        """What is read once in a run. What failed for the moment is read again when it is next asked for."""
        with self.lock:
            first = key not in self.lists
            future = self.lists.setdefault(key, Future())
        if first:
            try:
                future.set_result(read())
            except BaseException as wrong:
                if not isinstance(wrong, Refused):
                    with self.lock:
                        del self.lists[key]
                future.set_exception(wrong)
        return cast(T, future.result())

    def permission(self, repository: str, login: str, look: Callable[[], Permission | None]) -> Permission | None:
        """What ``look`` finds (or fails with), had once for each person in a repository."""
        key = (repository.lower(), login.lower())
        with self.lock:
            first = key not in self.permissions
            future = self.permissions.setdefault(key, Future())
        if first:
            try:
                future.set_result(look())
            except BaseException as wrong:
                future.set_exception(wrong)
                raise
        return future.result()


def seen_pull_request(node: Json) -> SeenPullRequest:
    """What a node of ``PULL_REQUEST`` carries besides the subject."""
    closing = node.get("closingIssuesReferences") or {}
    head = node.get("headRepository")
    return SeenPullRequest(
        head_repository=str(head["nameWithOwner"]) if head else None,
        closing=tuple(
            (str(issue["repository"]["nameWithOwner"]), int(issue["number"]))
            for issue in closing.get("nodes") or []
            if issue
        ),
        closing_total=int(closing.get("totalCount") or 0),
        base=str(node.get("baseRefName") or ""),
        under=tuple(
            (int(one["number"]), str(one["baseRefName"]))
            for one in ((node.get("baseRef") or {}).get("under") or {}).get("nodes") or []
            if one
        ),
    )
