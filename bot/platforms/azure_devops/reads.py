"""What several facts need is read once: each read has a key, and whoever comes second waits for the first."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from concurrent.futures import Future
from datetime import datetime
from typing import Any, TypeVar, cast

from bot.engine.ports import PlatformError
from bot.engine.reach import reach
from bot.model.subjects import Branch, Organization, PullRequest, Repository, Subject
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Client, Json
from bot.platforms.azure_devops.files import Listing, Version, contents, listed_contents, listing, repository_route
from bot.platforms.azure_devops.subjects import Subjects, ident
from bot.platforms.jira.issues import IssueReader

T = TypeVar("T")


class Reads:
    """The shared reads of one run. Safe between threads."""

    def __init__(self, client: Client, now: datetime, issues_of_jira: IssueReader | None = None) -> None:
        self.client = client
        self.now = now
        self.issues_of_jira = issues_of_jira
        """Reads Jira's; None: there is no Jira to ask."""
        self.subjects = Subjects(client)
        self._lock = threading.Lock()
        self._kept: dict[Hashable, Future[Any]] = {}
        self._wanted: dict[str, set[str]] = {}
        self.judged: dict[str, PullRequest] = {}
        """Pull requests that were resolved, by the id of the branch that they go into: their evaluations hold its policies."""
        self.moments: dict[str, datetime] = {}
        """When pull requests were completed that are judged as they stood then, by their ids."""
        self.scanned: set[str] = set()
        """Projects of which many repositories are asked about."""
        self.parsed: set[str] = set()
        """Branches of which pipelines will be read, with other files."""
        self.reviewed: dict[str, PullRequest] = {}
        """Pull requests of which reviews matter, by their ids."""
        self.heard: set[str] = set()
        """Pull requests of which comments matter."""
        self.counts: dict[str, int] = {}
        """By project that was listed: how many repositories the service counted in it."""
        self._newest: frozenset[str] = frozenset()
        """The projects of what was released last: a batch may end within a project."""

    def once(self, key: Hashable, read: Callable[[], T]) -> T:
        """The read's answer (or failure), had once."""
        with self._lock:
            future = self._kept.get(key)
            first = future is None
            if future is None:
                future = self._kept[key] = Future()
        if first:
            try:
                future.set_result(read())
            except PlatformError as wrong:
                future.set_exception(wrong)
            except BaseException as wrong:
                future.set_exception(wrong)
                raise
        return cast(T, future.result())

    def keep(self, key: Hashable, answer: object) -> None:
        """Remember what was read elsewhere."""
        future: Future[Any] = Future()
        future.set_result(answer)
        with self._lock:
            self._kept[key] = future

    def peek(self, key: Hashable) -> Any:
        """What was read under the key; None where it was not, or not yet, or failed."""
        future = self._kept.get(key)
        return future.result() if future is not None and future.done() and future.exception() is None else None

    def drop(self, key: Hashable) -> None:
        """Read this again when it is next asked for."""
        with self._lock:
            self._kept.pop(key, None)

    def forget(self, subject_key: str) -> None:
        """Read a pull request again from now on: every key that begins with ``subject_key`` is dropped."""
        with self._lock:
            for key in [key for key in self._kept if isinstance(key, tuple) and key[0] == subject_key]:
                del self._kept[key]

    def release(self, subjects: Iterable[Subject]) -> None:
        """Let go of what is kept under these subjects, their repositories, and the projects that no longer have their turn.

        What a whole project shares goes only when subjects without it are released: a large project may take several batches.
        """
        gone: set[str] = set()
        projects: set[str] = set()
        for subject in subjects:
            home = reach(subject, Repository)
            gone |= {subject.id} if home is None else {subject.id, home.id, ident(home)}
            project = reach(subject, Organization)
            projects |= {ident(project)} if project is not None else set()
        with self._lock:
            gone |= self._newest - projects
            self._newest = frozenset(projects)
            for key in [key for key in self._kept if _passes(key, gone)]:
                del self._kept[key]
            for ids in (self._wanted, self.judged, self.moments, self.reviewed):
                for one in [one for one in ids if _under(one, gone)]:
                    del ids[one]
            for names in (self.scanned, self.parsed, self.heard):
                names -= {one for one in names if _under(one, gone)}

    # Repositories and their pull requests

    def projects(self) -> list[Json]:
        """Every project that the token sees."""

        def read() -> list[Json]:
            rows = self.client.skipping(endpoints.PROJECTS, {}, size=500, certain=True)
            return list(
                {str(row["id"]): row for row in rows}.values()
            )  # rows move up where a project goes between pages

        return self.once("projects", read)

    def repositories(self, project: str) -> list[Json]:
        """A project's repositories."""

        def read() -> list[Json]:
            rows, self.counts[project] = self.client.counted(endpoints.REPOSITORIES, {"project": project})
            return rows

        return self.once(("repositories", project), read)

    def pull_request(self, subject: PullRequest) -> Json:
        """The pull request's own document, with its commits and work items."""
        route = self.pull_request_route(subject)
        return self.once(
            (subject.id, "document"),
            lambda: self.client.get(
                endpoints.PULL_REQUESTS, route, {"includeCommits": True, "includeWorkItemRefs": True}
            ),
        )

    def iterations(self, subject: PullRequest) -> list[Json]:
        """Its iterations, oldest first."""
        route = self.pull_request_route(subject)
        found = self.once((subject.id, "iterations"), lambda: self.client.listing(endpoints.ITERATIONS, route))
        return sorted(found, key=lambda one: int(one["id"]))

    def threads(self, subject: PullRequest) -> list[Json]:
        """Its threads, the system's own among them."""
        route = self.pull_request_route(subject)
        return self.once((subject.id, "threads"), lambda: self.client.listing(endpoints.THREADS, route))

    def statuses(self, subject: PullRequest) -> list[Json]:
        """Its statuses, oldest first."""
        route = self.pull_request_route(subject)
        found = self.once((subject.id, "statuses"), lambda: self.client.listing(endpoints.STATUSES, route))
        return sorted(found, key=lambda one: int(one.get("id") or 0))

    @staticmethod
    def pull_request_route(subject: PullRequest) -> dict[str, str]:
        """Where the pull request is."""
        return {**repository_route(subject.repository), "pullRequestId": str(subject.number)}

    # Lists of a project, of which each repository takes its part

    def policies(self, project: str) -> list[Json]:
        """Every policy of the project."""
        return self.once(("policies", project), lambda: self.client.listing(endpoints.POLICIES, {"project": project}))

    def definitions(self, project: str) -> list[Json]:
        """Every build definition of the project, with its file."""
        query = {"includeAllProperties": True, "$top": 1000}
        return self.once(
            ("definitions", project),
            lambda: self.client.listing(endpoints.DEFINITIONS, {"project": project}, query),
        )

    def environments(self, project: str) -> list[Json]:
        """Every environment of the project."""
        return self.once(
            ("environments", project),
            lambda: self.client.listing(endpoints.ENVIRONMENTS, {"project": project}, {"$top": 1000}),
        )

    # Files

    def want(self, branch: Branch, paths: Iterable[str]) -> None:
        """Say early which files of a branch will be asked for, so that one reading brings them all."""
        with self._lock:
            self._wanted.setdefault(branch.id, set()).update(path.lstrip("/") for path in paths)

    def texts(self, branch: Branch, paths: Iterable[str]) -> dict[str, str]:
        """The texts of files on a branch, by path; what is not there does not exist."""
        asked = [path.lstrip("/") for path in paths]
        version = Version(branch.branch, "branch")
        with self._lock:
            wanted = tuple(sorted({*asked, *self._wanted.get(branch.id, ())}))
        found = self.once((branch.id, "texts", wanted), lambda: self._remaining(branch, version, wanted))
        return {path: found[path] for path in asked if path in found}

    def configuration(self, branch: Branch, paths: Sequence[str]) -> dict[str, str]:
        """The texts of configuration files. The request that looks for them looks for what pipelines are made of, too, and the
        one that brings them brings that along: both would be asked for next.
        """
        version = Version(branch.branch, "branch")
        here = self.once((branch.id, "listing"), lambda: listing(self.client, branch.repository, version, paths))
        if here is not None:
            known: dict[str, str | None] = self.once((branch.id, "known"), dict)
            known.update({path: None for path in paths if path not in known and here.lacks(path)})
            first = next((path for path in paths if path in here.blobs and path not in known), None)
            if first is not None:
                likely = [path for path in here.pipelines() if path not in known]
                wanted = [*dict.fromkeys([first, *likely])]
                known.update(listed_contents(self.client, branch.repository, version, here, wanted))
        return self.texts(branch, paths)

    def _remaining(self, branch: Branch, version: Version, paths: Sequence[str]) -> dict[str, str]:
        """The files, those that an earlier call has brought left out of the request."""
        known: dict[str, str | None] = self.once((branch.id, "known"), dict)
        here: Listing | None = self.peek((branch.id, "listing"))
        if here is not None:
            known.update({path: None for path in paths if path not in known and here.lacks(path)})
        missing = [path for path in paths if path not in known]
        if here is not None and missing and all(path in here.blobs for path in missing):
            likely = [path for path in here.pipelines() if path not in known] if branch.id in self.parsed else []
            found = listed_contents(
                self.client, branch.repository, version, here, [*dict.fromkeys([*missing, *likely])]
            )
            known.update({path: found.get(path) for path in missing})
            known.update(found)
        elif missing:
            templates = branch.id in self.parsed
            found = contents(self.client, branch.repository, version, missing, templates=templates)
            known.update({path: found.get(path) for path in missing})
            known.update(found)
        return {path: text for path in paths if (text := known[path]) is not None}


_PASSING = frozenset({"identities", "access of"})
"""What is kept under whoever it was asked about together: the next batch asks about others."""


def _passes(key: Hashable, gone: set[str]) -> bool:
    """Whether what is kept under a key goes with these."""
    return isinstance(key, tuple) and (key[0] in _PASSING or any(_under(part, gone) for part in key))


def _under(part: object, gone: set[str]) -> bool:
    """Whether a part of a key names one of these, or a branch of one."""
    return isinstance(part, str) and (part in gone or part.partition("/branch/")[0] in gone)
