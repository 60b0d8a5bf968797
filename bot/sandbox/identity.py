"""Ids that are the same in every run, and the accounts that a scenario mentions."""

from __future__ import annotations

import hashlib
import uuid
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from bot.sandbox.scenario import PersonPart, TokenPart

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bot.sandbox.scenario import Access, RepositoryPart, Scenario

NAMESPACE = uuid.UUID("6f1c1f0e-5d0b-5c1e-9a55-a1b2c3d4e5f6")

WEB_FLOW = "web-flow"
"""GitHub's own committer, for merges and edits made on the web."""


def number(kind: str, *names: object) -> int:
    """An id for a thing, the same in every run; it fits 31 bits, which Azure DevOps asks for."""
    text = "\0".join([kind, *map(str, names)])
    return 1_000_000 + int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big") % 2_000_000_000


def guid(kind: str, *names: object) -> str:
    """A UUID for a thing, the same in every run."""
    return str(uuid.uuid5(NAMESPACE, "\0".join([kind, *map(str, names)])))


@dataclass(frozen=True, slots=True)
class Person:
    """An account, on both platforms."""

    login: str
    name: str
    email: str
    id: int
    guid: str
    bot: bool


@dataclass(frozen=True, slots=True)
class Token:
    """A credential and what it may do."""

    secret: str
    login: str
    kind: Literal["pat", "app", "actions"]
    github: Literal["all"] | Mapping[str, Access]
    azure: Literal["all"] | frozenset[str]
    expired: bool
    installation: str = ""
    """The organisation whose installation of the App it was given for; empty: it is one of the scenario's own."""
    expires_at: float | None = None
    """When a token of an installation ends, in seconds since 1970."""

    @property
    def poster(self) -> str:
        """Under which login GitHub shows what this token posts."""
        match self.kind:
            case "pat":
                return self.login
            case "app":
                return self.login if self.login.endswith("[bot]") else f"{self.login}[bot]"
            case "actions":
                return "github-actions[bot]"

    @property
    def app(self) -> str:
        """The slug of the GitHub App that this token belongs to."""
        return self.poster.removesuffix("[bot]")


def person(login: str, part: PersonPart | None = None) -> Person:
    """The account of this login."""
    part = part or PersonPart()
    if login == WEB_FLOW:
        return Person(login, "GitHub", "noreply@github.com", 19864447, guid("person", login), bot=False)
    return Person(
        login=login,
        name=part.name or login.removesuffix("[bot]").replace("-", " ").title(),
        email=part.email or f"{login.removesuffix('[bot]')}@example.com",
        id=number("person", login),
        guid=guid("person", login),
        bot=part.bot or login.endswith("[bot]"),
    )


def tokens(scenario: Scenario) -> dict[str, Token]:
    """The credentials of a scenario: its own, or the one that every scenario without any has."""
    parts = scenario.tokens or {"sandbox-token": TokenPart()}
    return {
        secret: Token(
            secret=secret,
            login=part.person,
            kind=part.kind,
            github=part.github,
            azure="all" if part.azure == "all" else frozenset(part.azure),
            expired=part.expired,
        )
        for secret, part in parts.items()
    }


def logins(scenario: Scenario) -> Iterator[str]:
    """Every login that a scenario mentions anywhere, with repetitions."""
    yield WEB_FLOW
    yield "github-actions[bot]"
    yield from scenario.people
    for organization in scenario.organizations:
        yield from organization.owners
        yield from organization.members
        for protection in organization.protection:
            yield from people_only(protection.bypass)
    for team in scenario.teams.values():
        yield from team.members
    for token in tokens(scenario).values():
        yield token.login
        yield token.poster
    for item in scenario.work_items:
        yield from (item.created_by, item.assigned_to)
    for repository in scenario.repositories:
        yield from repository_logins(repository)


def people_only(names: list[str]) -> Iterator[str]:
    """The logins among names that may also be ``team:NAME`` or ``role:NAME``."""
    return (name for name in names if not name.startswith(("team:", "role:")))


def repository_logins(repository: RepositoryPart) -> Iterator[str]:
    """Every login that one repository mentions."""
    yield from people_only(list(repository.permissions))
    for protection in repository.protection:
        yield from people_only(protection.bypass)
    commits = [*repository.commits, *(commit for branch in repository.branches.values() for commit in branch)]
    for pull_request in repository.pull_requests:
        yield from (pull_request.author, pull_request.merged_by, pull_request.fork or "")
        yield from pull_request.assignees
        yield from people_only(pull_request.requested_reviewers)
        yield from (push.by for push in pull_request.pushes)
        yield from (review.by for review in pull_request.reviews)
        yield from (thread.by for thread in pull_request.threads)
        commits.extend(commit for push in pull_request.pushes for commit in push.commits)
    for commit in commits:
        yield from (commit.author, commit.committer)
    for environment in repository.environments:
        yield from people_only(environment.approvers)
    yield from (run.by for run in repository.runs)
    yield from (release.author for release in repository.releases)
    yield from (deployment.by for deployment in repository.deployments)
    yield from (alert.dismissed_by for alert in repository.alerts)
