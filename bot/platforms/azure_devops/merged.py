"""Completed pull requests as they stood at their completion: the newest of repositories."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.engine.ports import PlatformError
from bot.engine.targets import Target
from bot.model.facts import UnknownKind
from bot.model.rehearsal import Merged
from bot.model.results import Gap
from bot.model.subjects import Organization, PullRequest, PullRequestState, Repository, Subject
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.resolving import Resolver
from bot.platforms.azure_devops.subjects import ident, instant, short

AT_ONCE = 25
_DAYS = (14, 90, 365, None)
"""How far back is looked, step by step, until there are enough; None: to the beginning."""

UNTOLD: Mapping[str, str] = {
    "title": "Azure DevOps does not tell whether the title was edited after the completion",
    "body": "Azure DevOps does not tell whether the description was edited after the completion",
    "labels": "Azure DevOps does not tell when a label was set",
}


@dataclass(frozen=True, slots=True)
class _Row:
    """A completed pull request in a list."""

    at: datetime
    project: str
    repository: str
    number: int


class CompletedPullRequests:
    """Finds completed pull requests, and tells the shared reads the moment of each."""

    def __init__(self, reads: Reads, resolver: Resolver) -> None:
        self._reads = reads
        self._resolver = resolver

    def newest(self, root: Subject, amount: int, branch: str | None) -> Iterator[Merged | Gap]:
        """The newest completed under an organisation, a project or a repository."""
        rows: list[_Row] = []
        for place in self._places(root):
            if isinstance(place, Gap):
                yield place
                continue
            try:
                rows += self._listed(place, amount, branch)
            except PlatformError as wrong:
                yield _gap(place.id, place.name, wrong)
        rows.sort(key=lambda row: (row.at, row.number), reverse=True)
        yield from self._read([(row.project, row.repository, row.number) for row in rows[:amount]])

    def named(self, targets: Sequence[Target]) -> Iterator[Merged | Gap]:
        """Those that are named."""
        wanted = [(str(one.project), str(one.repository), int(one.pull_request or 0)) for one in targets]
        yield from self._read(wanted)

    def _places(self, root: Subject) -> Iterator[Organization | Repository | Gap]:
        if isinstance(root, Repository) or (isinstance(root, Organization) and root.project is not None):
            yield root
            return
        try:
            yield from (self._reads.subjects.project(one) for one in self._reads.projects())
        except PlatformError as wrong:
            yield _gap(root.id, root.name, wrong)

    def _listed(self, place: Organization | Repository, amount: int, branch: str | None) -> list[_Row]:
        """Those that were completed in the last days; in more days, as long as they are too few."""
        home = place.organization if isinstance(place, Repository) else place
        project = ident(home)
        into = {ident(place): place.default_branch} if isinstance(place, Repository) else self._defaults(project)
        query: dict[str, object] = {"searchCriteria.status": "completed"}
        if isinstance(place, Repository):
            query["searchCriteria.repositoryId"] = ident(place)
        if branch is not None:
            query["searchCriteria.targetRefName"] = f"refs/heads/{branch}"
        rows: list[_Row] = []
        for days in _DAYS:
            since: dict[str, object] = {}
            if days is not None:
                start = self._reads.now - timedelta(days=days)
                since = {"searchCriteria.queryTimeRangeType": "closed", "searchCriteria.minTime": start.isoformat()}
            listed = self._reads.client.skipping(
                endpoints.PROJECT_PULL_REQUESTS, {"project": project}, {**query, **since}, size=100
            )
            rows = [row for one in listed if (row := _row(one, project, into, branch)) is not None]
            if len(rows) >= amount:
                break
        return sorted(rows, key=lambda row: row.at, reverse=True)[:amount]

    def _defaults(self, project: str) -> dict[str, str | None]:
        listed = [self._reads.subjects.repository(one) for one in self._reads.repositories(project)]
        return {ident(one): one.default_branch for one in listed if not one.archived}

    def _read(self, wanted: Sequence[tuple[str, str, int]]) -> Iterator[Merged | Gap]:
        """Each by itself: a list cuts descriptions short and tells no iteration. One that fails ends no other."""
        for start in range(0, len(wanted), AT_ONCE):
            some = wanted[start : start + AT_ONCE]
            yield from self._reads.client.transport.gather([functools.partial(self._one, *each) for each in some])

    def _one(self, project: str, repository: str, number: int) -> Merged | Gap:
        name = f"{project}/{repository}!{number}"
        try:
            subject = self._resolver.pull_request(project, repository, number)
            # Its evaluations hold the policies of its day, and what is said of a branch is said of today.
            self._reads.judged.pop(subject.base.id, None)
            return self._as_merged(subject, self._reads.pull_request(subject))
        except PlatformError as wrong:
            return _gap(name, name, wrong)
        except (KeyError, TypeError, ValueError, AttributeError) as wrong:
            why = f"what {self._reads.client.url} says about it is not understood ({type(wrong).__name__}: {wrong})"
            return Gap(name, name, "pull request", UnknownKind.UNREADABLE, why)

    def _as_merged(self, subject: PullRequest, document: Json) -> Merged | Gap:
        at = instant(document.get("closedDate"))
        if subject.state is not PullRequestState.MERGED or at is None:
            why = f"it is {subject.state.value}, and only merged pull requests can be rehearsed"
            return Gap(subject.id, subject.name, "pull request", UnknownKind.UNREADABLE, why)
        self._reads.moments[subject.id] = at
        return Merged(replace(subject, state=PullRequestState.OPEN, draft=False), at, untold=UNTOLD)


def _row(document: Json, project: str, into: Mapping[str, str | None], branch: str | None) -> _Row | None:
    """A row of a list; None where it went into another branch than is asked about."""
    at = instant(document.get("closedDate"))
    repository = str(document["repository"]["id"]).lower()
    target = short(document.get("targetRefName"))
    if at is None or repository not in into or target != (branch or into[repository]):
        return None
    return _Row(at, project, repository, int(document["pullRequestId"]))


def _gap(subject: str, name: str, wrong: PlatformError) -> Gap:
    return Gap(subject, name, "merged pull requests", wrong.kind or UnknownKind.SCOPE, str(wrong))
