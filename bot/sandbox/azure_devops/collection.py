"""One organisation as Azure DevOps sees it ("project collection"): what is in it, who may see it, and what clients left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.azure_devops.index import Index

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.branch_policies import Policy
    from bot.sandbox.azure_devops.call import Call
    from bot.sandbox.azure_devops.entities import PerProject, PostedLease
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.world import Organization, Project, Repository, World


class Collection:
    """Everything of one organisation."""

    def __init__(self, world: World, organization: Organization, base_url: str) -> None:
        self.world = world
        self.organization = organization
        self.url = f"{base_url.rstrip('/')}/{organization.name}"
        self.posted_leases: dict[int, PostedLease] = {}
        self.retries: dict[tuple[int, str], int] = {}
        """How many more times clients had a run's stage run again."""
        self.pull_request_properties: dict[tuple[str, int], dict[str, str]] = {}
        self.policies: PerProject[Policy] | None = None
        """By project, once somebody asks; see branch_policies."""
        self.policies_of: Index | None = None
        self.policy_edits: dict[str, dict[int, Policy | None]] = {}
        """What clients made of policies, by project and number; None for a deleted one."""
        self._revision = world.revision
        self._index = Index(self)

    def current(self) -> Index:
        """What follows from the scenario, made again when the scenario changed."""
        if self.world.revision != self._revision:
            with self.world.lock:
                self._revision = self.world.revision
                self._index = Index(self)
        return self._index

    def project(self, name: str, call: Call) -> Project:
        """The project of this name or id, upper and lower case alike, if the caller may know of it."""
        found = self.current().projects.get(name.lower())
        if found is None or not self.may_see(found, call):
            raise problems.project_not_found(name)
        return found

    def projects(self, call: Call) -> list[Project]:
        """The projects that the caller sees."""
        return [project for project in self.organization.projects if self.may_see(project, call)]

    def repositories(self, project: Project, call: Call) -> list[Repository]:
        """The repositories of a project that the caller may read."""
        return [each for each in self.current().repositories[project.guid] if self.may_read(each, call)]

    def repository(self, name: str, call: Call) -> Repository:
        """The repository of this name or id. A name needs a project, which the address, too, has."""
        found = self._find(name, call)
        if found is not None and self.world.fates:
            self.world.meet_fate(found)
            found = self._find(name, call)
        if found is None or not self.may_read(found, call):
            raise problems.repository_not_found(name)
        return found

    def _find(self, name: str, call: Call) -> Repository | None:
        index = self.current()
        project = call.maybe_project
        if project is None:
            return index.by_guid.get(name.lower())
        found = index.by_name.get((project.guid, name.lower())) or index.by_guid.get(name.lower())
        return found if found is not None and found.project == project.name else None

    def may_read(self, repository: Repository, call: Call) -> bool:
        """Whether the caller may read it. A person's token does what the person may; others do what they are scoped to."""
        if call.token.kind != "pat":
            return True
        return self.world.permission(call.token.login, repository) is not None

    def may_see(self, project: Project, call: Call) -> bool:
        """Whether the caller may know of a project: members of the organisation may, and readers of what is in it."""
        login = call.token.login
        if call.token.kind != "pat" or login in self.organization.part.owners:
            return True
        if login in self.world.members(self.organization.name):
            return True
        return any(self.may_read(each, call) for each in self.current().repositories[project.guid])

    def at_least(self, permission: str, repository: Repository, call: Call) -> bool:
        """Whether the caller's permission reaches that far."""
        ranks = ("read", "triage", "write", "maintain", "admin")
        if call.token.kind != "pat":
            return True
        have = self.world.permission(call.token.login, repository)
        return have is not None and ranks.index(have) >= ranks.index(permission)

    def merge_commit(self, pull_request: PullRequest, repository: Repository) -> str:
        """What ``refs/pull/N/merge`` points at: the merge that was made, or the one tried with every push."""
        with self.world.lock:
            return repository.history.tried_merge(pull_request, pull_request.pushes[-1])
