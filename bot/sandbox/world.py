"""The world that the sandbox serves: a scenario resolved into people, repositories, commits and what was said about them.

Whoever changes posted state holds ``World.lock``.
"""

from __future__ import annotations

import itertools
import re
import threading
from collections import deque
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from bot.sandbox.history import History, ReferenceMissing
from bot.sandbox.identity import Person, Token, guid, logins, number, person, repository_logins, tokens
from bot.sandbox.posting import resolve_posted
from bot.sandbox.scenario import OrganizationPart, ProjectPart, Scenario

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from bot.sandbox.changes import Fate
    from bot.sandbox.git_objects import GitRepository
    from bot.sandbox.posted import AdoStatus, CheckRun, DeploymentReview, IssueComment, Status
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.scenario import (
        Instant,
        Permission,
        Platform,
        RepositoryPart,
        TeamPart,
        Visibility,
        WorkItemPart,
    )

__all__ = [
    "Organization",
    "Person",
    "Project",
    "ReferenceMissing",
    "Repository",
    "Team",
    "Token",
    "WorkItem",
    "World",
    "guid",
    "number",
]

MOST_WARM = 2_000
"""How many grown repositories are kept in memory at once, besides those that somebody wrote to."""

RANKS: tuple[Permission, ...] = ("read", "triage", "write", "maintain", "admin")


@dataclass(frozen=True, slots=True)
class Team:
    """A GitHub team and an Azure DevOps group."""

    name: str
    slug: str
    organization: str
    own: tuple[str, ...]
    """Those who are in it themselves."""
    teams: tuple[str, ...]
    """The names of the teams within it."""
    members: tuple[str, ...]
    """Its own, and those of the teams within it."""
    id: int
    guid: str


@dataclass(frozen=True)
class Project:
    """An Azure DevOps project."""

    part: ProjectPart
    organization: str
    guid: str

    @property
    def name(self) -> str:
        """Its name."""
        return self.part.name


@dataclass
class Organization:
    """An organisation on both platforms."""

    part: OrganizationPart
    id: int
    guid: str
    projects: list[Project]

    @property
    def name(self) -> str:
        """Its login on GitHub, its name in Azure DevOps' addresses."""
        return self.part.name


@dataclass
class WorkItem:
    """A GitHub issue and an Azure DevOps work item."""

    part: WorkItemPart
    id: int
    repository: Repository | None
    organization: str
    project: str
    created_at: datetime
    changed_at: datetime
    closed_at: datetime | None
    former: list[tuple[datetime, WorkItemPart, datetime | None]] = field(default_factory=list)
    """Earlier revisions, oldest first: since when, what it was, and when it had been closed."""
    assignees: list[str] = field(default_factory=list)
    """Logins; on Azure DevOps the first of them alone."""
    area: str = ""
    """The area path; by default the project's own."""
    hyperlinks: list[tuple[str, str]] = field(default_factory=list)
    """Addresses that it links to on Azure DevOps, each with a comment."""
    rev: int = 1
    posted: bool = False
    """Whether a client has made or changed it."""

    def remember(self) -> None:
        """Keep the present revision, for the past that it becomes: a client changes it."""
        self.former.append((self.changed_at, self.part, self.closed_at))
        self.rev += 1
        self.posted = True

    def then(self, moment: datetime) -> WorkItem | None:
        """The item as it was at a moment; None: it did not exist yet."""
        if self.created_at > moment:
            return None
        since = self.closed_at or self.changed_at
        if since <= moment or not self.former:
            return self
        begun = [each for each in self.former if each[0] <= moment] or self.former[:1]
        changed, part, closed = begun[-1]
        return replace(self, part=part, changed_at=changed, closed_at=closed, former=[])

    @property
    def closed(self) -> bool:
        """Whether it counts as closed on GitHub."""
        return self.part.state in ("Closed", "Removed")


@dataclass(frozen=True, slots=True)
class Face:
    """What lists of repositories go by; of a grown one it is known before the rest."""

    name: str
    visibility: Visibility
    archived: bool
    empty: bool
    fork: bool
    pushed_at: Instant
    alerts: bool
    permissions: Mapping[str, Permission]
    default_branch: str = "main"
    linked: bool = False
    """Whether the platform has linked work items to a pull request."""
    platforms: tuple[Platform, ...] = ("github", "azure-devops")

    @classmethod
    def of(cls, part: RepositoryPart) -> Face:
        """The face of a whole repository."""
        return cls(
            name=part.name,
            visibility=part.visibility,
            archived=part.archived,
            empty=part.empty,
            fork=part.fork,
            pushed_at=part.pushed_at,
            alerts=bool(part.alerts),
            permissions=part.permissions,
            default_branch=part.default_branch,
            linked=any(request.links.work_items for request in part.pull_requests),
            platforms=tuple(part.platforms),
        )


class Repository:
    """One repository. Its git history, and all of a grown one, is made when somebody first looks at it.

    What was made of a grown one is forgotten again when many others have been looked at since (``World.warm``), unless
    somebody wrote to it (``keep``): it would be made the same.
    """

    def __init__(
        self,
        world: World,
        face: Face,
        owner: str,
        project: str,
        part: RepositoryPart | None = None,
        make: Callable[[], RepositoryPart] | None = None,
    ) -> None:
        self.world = world
        self.face = face
        self.owner = owner
        self.project = project
        self.key = f"{owner}/{face.name}"
        """The full name that it began with: every id follows from it, so that a new name changes none."""
        self.id = number("repository", owner, face.name)
        self.guid = guid("repository", owner, face.name)
        self.check_runs: list[CheckRun] = []
        self.statuses: list[Status] = []
        self.issue_comments: list[IssueComment] = []
        self.ado_commit_statuses: dict[str, list[AdoStatus]] = {}
        self.deployment_reviews: list[DeploymentReview] = []
        self.labels: dict[str, tuple[str, str]] = {}
        """Labels that clients have made: the name, its colour and its description."""
        self._part = part
        self._make = make
        self._history: History | None = None

    def __repr__(self) -> str:
        return f"Repository({self.full_name!r})"

    @property
    def part(self) -> RepositoryPart:
        """Its part of the scenario."""
        part = self._part
        if part is None:
            with self.world.lock:
                part = self._part
                if part is None:
                    if self._make is None:
                        raise TypeError(f"{self.key} has neither a part nor what makes it")
                    part = self._part = self._make()
                    self.world.warm(self)
        return part

    @part.setter
    def part(self, part: RepositoryPart) -> None:
        with self.world.lock:
            self.keep()
            self._part = part
            self.face = Face.of(part)

    def keep(self) -> None:
        """Somebody writes to it: from now on it is more than what it was made from."""
        with self.world.lock:
            _ = self.part
            self._make = None

    def cool(self) -> None:
        """Forget what can be made again."""
        if self._make is not None:
            self._part = self._history = None
            self.check_runs, self.statuses, self.issue_comments = [], [], []
            self.ado_commit_statuses, self.deployment_reviews = {}, []

    @property
    def name(self) -> str:
        """Its name, without the owner."""
        return self.face.name

    @property
    def full_name(self) -> str:
        """``owner/name``."""
        return f"{self.owner}/{self.face.name}"

    @property
    def default_branch(self) -> str:
        """Its default branch."""
        return self.face.default_branch

    @property
    def history(self) -> History:
        """How it came to be."""
        history = self._history
        if history is None:
            with self.world.lock:
                history = self._history
                if history is None:
                    world = self.world
                    history = History(self.part, self.key, world.at, world.people, world.text)
                    history.build()
                    resolve_posted(self, history)
                    self._history = history
        return history

    @property
    def touched(self) -> bool:
        """Whether anybody has looked at its history; nothing was posted to it otherwise."""
        return self._history is not None

    @property
    def git(self) -> GitRepository:
        """Its objects and refs."""
        return self.history.git

    @property
    def pull_requests(self) -> dict[int, PullRequest]:
        """Its pull requests by number."""
        return self.history.pull_requests

    @property
    def tip(self) -> str | None:
        """The default branch's newest commit; None when there is none."""
        return self.git.refs.get(f"refs/heads/{self.default_branch}")

    @property
    def pushed_at(self) -> datetime:
        """When anything was last pushed."""
        return self.world.at(self.face.pushed_at)


class World:
    """Everything there is."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.lock = threading.RLock()
        self.now = scenario.now or datetime.now(UTC).replace(microsecond=0)
        self.fixed_now = scenario.now is not None
        self.people: dict[str, Person] = {}
        self.tokens: dict[str, Token] = tokens(scenario)
        self.organizations: dict[str, Organization] = {}
        self.teams: dict[str, Team] = {}
        self.repositories: list[Repository] = []
        self.work_items: list[WorkItem] = []
        self._by_name: dict[str, Repository] = {}
        self._by_id: dict[str, Repository] = {}
        self._by_owner: dict[str, list[Repository]] = {}
        self._former: dict[str, Repository] = {}
        self.fates: list[Fate] = []
        """What is to become of repositories that somebody asks for."""
        self._warm: deque[Repository] = deque()
        self.revision = 0
        """Grows with every change to the scenario's parts, so that what follows from them can be kept until then."""
        self._ids = itertools.count(9_000_001)
        self.meet(logins(scenario))
        for part in scenario.organizations:
            self.found(part)
        for name, team in scenario.teams.items():
            self.gather(name, team)
        for repository in scenario.repositories:
            self.add(repository)
        for item in scenario.work_items:
            self.plan(item)

    @property
    def first_organization(self) -> str:
        """The organisation that things belong to when they do not say."""
        return next(iter(self.organizations))

    def clock(self) -> datetime:
        """The present: the scenario's now, which stands still when the scenario fixes it."""
        return self.now if self.fixed_now else datetime.now(UTC).replace(microsecond=0)

    def at(self, instant: Instant) -> datetime:
        """An instant of the scenario on the calendar."""
        when = self.now + instant if isinstance(instant, timedelta) else instant
        return when.astimezone(UTC).replace(microsecond=0)

    def next_id(self) -> int:
        """An id for something that a client posts."""
        return next(self._ids)

    def add(self, part: RepositoryPart) -> Repository:
        """One more repository."""
        owner = part.organization or self.first_organization
        if owner not in self.organizations:
            self.found(OrganizationPart(name=owner))
        organization = self.organizations[owner]
        project = part.project or organization.projects[0].name
        if all(each.name != project for each in organization.projects):
            organization.projects.append(self._project(owner, ProjectPart(name=project)))
        repository = self._keep_one(Repository(self, Face.of(part), owner, project, part))
        for former in part.renamed_from:
            self._former[f"{owner}/{former}".lower()] = repository
        self.meet(repository_logins(part))
        return repository

    def plant(self, face: Face, owner: str, project: str, make: Callable[[], RepositoryPart]) -> Repository:
        """One more repository of an organisation, most of which is made when somebody looks at it."""
        return self._keep_one(Repository(self, face, owner, project, make=make))

    def _keep_one(self, repository: Repository) -> Repository:
        self.repositories.append(repository)
        self._by_name[repository.full_name.lower()] = repository
        self._by_id[str(repository.id)] = repository
        self._by_owner.setdefault(repository.owner.lower(), []).append(repository)
        self.revision += 1
        return repository

    def rename(self, repository: Repository, name: str) -> None:
        """Give it another name. GitHub sends those who ask by an earlier one on."""
        with self.lock:
            self.revision += 1
            former = repository.full_name.lower()
            self._by_name.pop(former, None)
            self._former[former] = repository
            repository.part = repository.part.model_copy(update={"name": name})
            self._by_name[repository.full_name.lower()] = repository

    def remove(self, repository: Repository) -> None:
        """It is there no more."""
        with self.lock:
            self.revision += 1
            self._by_name.pop(repository.full_name.lower(), None)
            self._by_id.pop(str(repository.id), None)
            self._former = {name: each for name, each in self._former.items() if each is not repository}
            for listed in (self.repositories, self._by_owner[repository.owner.lower()]):
                listed.remove(repository)

    def meet_fate(self, repository: Repository) -> None:
        """Somebody asks for a repository that may not stay what it was when it was listed."""
        for fate in list(self.fates):
            fate.meet(self, repository)

    def former(self, owner: str, name: str) -> Repository | None:
        """The repository that had this name once, where no other has it now."""
        return self._former.get(f"{owner}/{name}".lower())

    def by_id(self, ident: str) -> Repository | None:
        """The repository of this number on GitHub."""
        return self._by_id.get(ident)

    def by_key(self, key: str) -> Repository | None:
        """The repository that began with this full name."""
        owner, _, name = key.partition("/")
        return self._by_id.get(str(number("repository", owner, name)))

    def warm(self, repository: Repository) -> None:
        """Somebody looked at a grown repository: the one that was looked at longest ago is forgotten, beyond MOST_WARM."""
        self._warm.append(repository)
        if len(self._warm) > MOST_WARM:
            self._warm.popleft().cool()

    def repository(self, owner: str, name: str) -> Repository | None:
        """The repository of this name, upper and lower case alike."""
        return self._by_name.get(f"{owner}/{name}".lower())

    def organization(self, name: str) -> Organization | None:
        """The organisation of this name, upper and lower case alike."""
        return next((each for each in self.organizations.values() if each.name.lower() == name.lower()), None)

    def repositories_of(self, organization: str) -> list[Repository]:
        """An organisation's repositories, as listed in the scenario."""
        return list(self._by_owner.get(organization.lower(), ()))

    def teams_of(self, organization: str) -> list[Team]:
        """An organisation's teams."""
        return [team for team in self.teams.values() if team.organization.lower() == organization.lower()]

    def members(self, organization: str) -> list[str]:
        """The logins of an organisation's members, owners first."""
        found = self.organization(organization)
        if found is None:
            return []
        named: list[str] = [*found.part.owners, *found.part.members]
        for team in self.teams_of(organization):
            named.extend(team.members)
        named.extend(self._named_by_repositories.get(found.name, ()))
        return [login for login in dict.fromkeys(named) if login in self.people and not self.people[login].bot]

    @cached_property
    def _named_by_repositories(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, dict[str, None]] = {}
        for repository in self.repositories:
            for name in repository.face.permissions:
                if not name.startswith("team:"):
                    found.setdefault(repository.owner, {})[name] = None
        return {owner: tuple(names) for owner, names in found.items()}

    def permission(self, login: str, repository: Repository) -> Permission | None:
        """What a person may do: directly, through teams, or as an owner of the organisation; the most counts."""
        found: list[Permission] = []
        if login in self.organizations[repository.owner].part.owners:
            return "admin"
        for name, permission in repository.face.permissions.items():
            if name == login:
                found.append(permission)
            elif name.startswith("team:"):
                team = self.teams.get(name.removeprefix("team:"))
                if team and login in team.members:
                    found.append(permission)
        visibility = repository.face.visibility
        if visibility == "public" or (visibility == "internal" and login in self.members(repository.owner)):
            found.append("read")
        return max(found, key=RANKS.index, default=None)

    def collaborators(self, repository: Repository) -> list[str]:
        """Everyone with access that somebody gave them: owners, team members, and those named directly."""
        named = list(self.organizations[repository.owner].part.owners)
        for name in repository.face.permissions:
            team = self.teams.get(name.removeprefix("team:")) if name.startswith("team:") else None
            named.extend(team.members if team else () if name.startswith("team:") else (name,))
        return list(dict.fromkeys(named))

    def token(self, secret: str) -> Token | None:
        """The credential behind a secret; None when there is none."""
        return self.tokens.get(secret)

    def issue_token(self, app: Token, organization: str, expires_at: float) -> Token:
        """A token of an App's installation in an organisation, which can expire and be given anew."""
        with self.lock:
            name = f"ghs_{guid('installation-token', app.secret, organization, self.next_id()).replace('-', '')}"
            made = replace(app, secret=name, installation=organization, expires_at=expires_at)
            self.tokens[name] = made
        return made

    def expire(self, secret: str) -> bool:
        """Let an installation's token expire; whether it is one."""
        with self.lock:
            token = self.tokens.get(secret)
            if token is None or not token.installation:
                return False
            self.tokens[secret] = replace(token, expired=True)
        return True

    def issue(self, repository: Repository, ident: int) -> WorkItem | None:
        """The GitHub issue of this number."""
        return next(
            (
                item
                for item in self.work_items
                if item.id == ident and item.repository is repository and "github" in item.part.platforms
            ),
            None,
        )

    def work_item(self, organization: str, ident: int) -> WorkItem | None:
        """The Azure DevOps work item of this id."""
        return next(
            (
                item
                for item in self.work_items
                if item.id == ident
                and item.organization.lower() == organization.lower()
                and "azure-devops" in item.part.platforms
            ),
            None,
        )

    def text(self, text: str) -> str:
        """A file's text, with ``@REPOSITORY:PATH`` replaced by what that file says."""
        if not text.startswith("@") or ":" not in text or "\n" in text.strip():
            return text
        name, _, path = text.strip().removeprefix("@").partition(":")
        owner, _, bare = name.rpartition("/")
        source = self.repository(owner or self.first_organization, bare)
        if source is None or path not in source.part.files:
            raise ReferenceMissing(f"{text!r} names a file that is not there", ())
        return self.text(source.part.files[path])

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Everything that the scenario refers to and does not have: where, and what is wrong."""
        for name, team in self.scenario.teams.items():
            for index, within in enumerate(team.teams):
                if within not in self.scenario.teams:
                    yield ("teams", name, "teams", index), f"there is no team {within!r}"
        for index, repository in enumerate(self.repositories):
            try:
                _ = repository.history
            except ReferenceMissing as missing:
                yield ("repositories", index, *missing.where), str(missing)

    def meet(self, names: Iterable[str]) -> None:
        """Give an account to everyone named who has none. What is known of members is worked out anew."""
        self.__dict__.pop("_named_by_repositories", None)
        for login in names:
            if login and login not in self.people:
                self.people[login] = person(login, self.scenario.people.get(login))

    def gather(self, name: str, part: TeamPart) -> None:
        """One more team, whose members are people of the scenario."""
        slug = re.sub(r"[^a-z0-9_]+", "-", name.lower()).strip("-")
        organization = part.organization or self.first_organization
        everyone = tuple(_everyone(self.scenario, name, part))
        ids = (number("team", organization, name), guid("team", organization, name))
        self.teams[name] = Team(name, slug, organization, tuple(part.members), tuple(part.teams), everyone, *ids)

    def found(self, part: OrganizationPart) -> None:
        """One more organisation."""
        projects = part.projects or [ProjectPart(name=part.name)]
        self.organizations[part.name] = Organization(
            part=part,
            id=number("organization", part.name),
            guid=guid("organization", part.name),
            projects=[self._project(part.name, project) for project in projects],
        )

    def _project(self, organization: str, part: ProjectPart) -> Project:
        return Project(part, organization, guid("project", organization, part.name))

    def plan(self, part: WorkItemPart) -> WorkItem:
        """One more work item."""
        repository = None
        if part.repository:
            owner, _, name = part.repository.rpartition("/")
            repository = self.repository(owner or self.first_organization, name)
        elif self.repositories:
            repository = self.repositories[0]
        organization = repository.owner if repository else self.first_organization
        project = part.project or (
            repository.project if repository else self.organizations[organization].projects[0].name
        )
        created = self.at(part.created_at)
        closed = part.closed_at if part.closed_at is not None else (part.changed_at or -timedelta(days=1))
        is_closed = part.state in ("Closed", "Removed")
        item = WorkItem(
            part=part,
            id=part.id,
            repository=repository,
            organization=organization,
            project=project,
            created_at=created,
            changed_at=self.at(part.changed_at) if part.changed_at is not None else created,
            closed_at=max(created, self.at(closed)) if is_closed else None,
            assignees=[part.assigned_to] if part.assigned_to else [],
        )
        for state in part.history:
            at = self.at(state.at)
            earlier = part.model_copy(update={"state": state.state})
            item.former.append((at, earlier, at if state.state in ("Closed", "Removed") else None))
        self.work_items.append(item)
        return item


def _everyone(scenario: Scenario, name: str, part: TeamPart) -> list[str]:
    """The members of a team, and of the teams within it."""
    found: dict[str, None] = {}
    reached = {name: None}
    waiting = [part]
    while waiting:
        team = waiting.pop()
        found |= dict.fromkeys(team.members)
        fresh = [each for each in team.teams if each in scenario.teams and each not in reached]
        reached |= dict.fromkeys(fresh)
        waiting.extend(scenario.teams[each] for each in fresh)
    return list(found)
