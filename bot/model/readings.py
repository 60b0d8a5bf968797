"""What reading a fact takes of a platform: the requests, the permission for each, and the facts that come before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from bot.model.facts import Fact
from bot.model.subjects import Platform


class Per(StrEnum):
    """What a request is sent for: how often there is one."""

    QUERY = "in the shared query"
    """None of its own: it is a part of the query that all facts of a run's repositories share."""
    SUBJECT = "in the request that finds the subject"
    """None of its own: it is a part of the request that finds the pull request."""
    ORGANIZATION = "for each organisation"
    PROJECT = "for each project"
    REPOSITORY = "for each repository"
    BRANCH = "for each branch"
    FILE = "for each file"
    PULL_REQUEST = "for each pull request"
    COMMIT = "for each commit"
    PERSON = "for each reviewer"
    TEAM = "for each team"
    WORK_ITEM = "for each work item"
    RELEASE = "for each release"
    ENVIRONMENT = "for each environment"
    RUN = "for each run"
    ASSET = "for each asset"


@dataclass(frozen=True, slots=True)
class ApiRequest:
    """One request, or one part of a shared GraphQL query."""

    what: str
    """``GET /repos/{owner}/{repo}/activity``; of GraphQL the fields that lead there: ``repository.pullRequest.reviews``."""
    permissions: tuple[str, ...]
    """As the platform names them, and as the refusal does: ``contents: read``; ``vso.code``."""
    per: Per
    when: str = ""
    """In which case alone it is sent; empty where it always is."""
    without: str = ""
    """What the fact lacks without the permission; empty where there is no fact without it."""

    either: bool = False
    """Of a fact's requests with this mark, one or the other is always sent."""

    @property
    def is_graphql(self) -> bool:
        """Whether ``what`` names fields of a query."""
        return "/" not in self.what


@dataclass(frozen=True, slots=True)
class FactReading:
    """How one type of fact is read from one platform."""

    requests: tuple[ApiRequest, ...] = ()
    after: tuple[type[Fact], ...] = ()
    """Facts about the same subject that must be loaded before."""
    absent: str = ""
    """Why nothing is read: the platform has no such thing."""


Readings = Mapping[type[Fact], FactReading]
"""Of every fact that a platform is asked for."""

PlatformReadings = Mapping[Platform, Readings]
"""Of all platforms."""
