"""One organisation as Azure DevOps sees it ("project collection"), with the things that only exist there.

Pipelines, builds, environments and policies have no place of their own in a scenario: they follow from its parts, and
get their numbers here, in the scenario's order, so that every run has the same.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops import problems
from bot.sandbox.identity import number
from bot.sandbox.scenario import ArtifactPart

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.branch_policies import Policy
    from bot.sandbox.azure_devops.call import Call
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.scenario import (
        CheckPart,
        DeploymentPart,
        EnvironmentPart,
        PipelinePart,
        ReleasePart,
        RunPart,
    )
    from bot.sandbox.world import Organization, Project, Repository, World

DEFAULT_YAML = "azure-pipelines.yml"


@dataclass
class Definition:
    """A YAML pipeline (a "build definition")."""

    id: int
    name: str
    yaml: str
    enabled: bool
    repository: Repository
    project: Project


@dataclass
class Build:
    """A run of a pipeline."""

    id: int
    number: str
    definition: Definition
    sha: str
    branch: str
    state: str
    result: str
    reason: str
    by: str
    at: datetime
    deleted: bool = False
    artifacts: list[ArtifactPart] = field(default_factory=list)
    leases: list[datetime] = field(default_factory=list)
    stages: dict[str, int] = field(default_factory=dict)
    """Stage name to its newest attempt."""
    pull_request: int | None = None


@dataclass
class Environment:
    """A deployment environment: one for every name in a project, whichever repositories deploy to it."""

    id: int
    name: str
    project: Project
    parts: list[EnvironmentPart]
    repositories: list[Repository]


@dataclass
class Record:
    """One deployment to an environment."""

    id: int
    environment: Environment
    build: Build
    part: DeploymentPart
    at: datetime


@dataclass(frozen=True)
class PostedLease:
    """A retention lease that a client added."""

    id: int
    run: int
    owner: str
    created: datetime
    until: datetime
    protect: bool


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
        self.policies: dict[str, list[Policy]] | None = None
        """By project, once somebody asks; see branch_policies."""
        self.policies_of: Index | None = None
        self.policy_edits: dict[str, dict[int, Policy | None]] = {}
        """What clients made of policies, by project and number; None for a deleted one."""
        self._merges: dict[tuple[str, int, str, str], str] = {}
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
        index = self.current()
        project = call.maybe_project
        if project is not None:
            found = index.by_name.get((project.guid, name.lower())) or index.by_guid.get(name.lower())
            if found is not None and found.project != project.name:
                found = None
        else:
            found = index.by_guid.get(name.lower())
        if found is None or not self.may_read(found, call):
            raise problems.repository_not_found(name)
        return found

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
        if pull_request.merge_sha:
            return pull_request.merge_sha
        push = pull_request.pushes[-1]
        key = (repository.guid, pull_request.number, push.base_sha, push.head_sha)
        if key not in self._merges:
            git = repository.git
            files = repository.history.merged_files(push.base_sha, pull_request.merge_base, push.head_sha)
            head = git.commits[push.head_sha]
            message = f"Merge pull request {pull_request.number} from {pull_request.source} into {pull_request.target}"
            parents = (push.base_sha, push.head_sha)
            with self.world.lock:
                self._merges[key] = git.add_commit(files, parents, head.author, head.committer, push.at, message)
        return self._merges[key]


class Index:
    """What follows from the scenario as it is now."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._world = collection.world
        self.projects: dict[str, Project] = {}
        self.repositories: dict[str, list[Repository]] = {}
        self.by_name: dict[tuple[str, str], Repository] = {}
        self.by_guid: dict[str, Repository] = {}
        named: dict[str, Project] = {}
        for project in collection.organization.projects:
            self.projects[project.name.lower()] = self.projects[project.guid.lower()] = project
            self.repositories[project.guid] = []
            named[project.name] = project
        for repository in collection.world.repositories_of(collection.organization.name):
            if "azure-devops" in repository.part.platforms:
                project = named[repository.project]
                self.repositories[project.guid].append(repository)
                self.by_name[project.guid, repository.name.lower()] = repository
                self.by_guid[repository.guid.lower()] = repository

    @cached_property
    def definitions(self) -> dict[str, list[Definition]]:
        """By project."""
        found: dict[str, list[Definition]] = {guid: [] for guid in self.repositories}
        last = 0
        for guid, repositories in self.repositories.items():
            for repository in repositories:
                for name, part in _pipelines(repository).items():
                    last += 1
                    yaml = (part.azure_path if part else "") or DEFAULT_YAML
                    enabled = part.enabled if part else True
                    found[guid].append(Definition(last, name, yaml, enabled, repository, self.projects[guid]))
        return found

    def definition_of(self, repository: Repository, name: str) -> Definition:
        """The pipeline of this name: the repository's own, or else any of the project."""
        listed = self.definitions[self.projects[repository.project.lower()].guid]
        mine = [each for each in listed if each.repository is repository]
        return next((each for each in mine if each.name == name), None) or next(
            each for each in listed if each.name == name
        )

    @cached_property
    def environments(self) -> dict[str, list[Environment]]:
        """By project."""
        found: dict[str, list[Environment]] = {}
        last = 0
        for guid, repositories in self.repositories.items():
            named: dict[str, Environment] = {}
            for repository in repositories:
                parts = {part.name: part for part in repository.part.environments}
                for name in dict.fromkeys([*parts, *(each.environment for each in repository.part.deployments)]):
                    if name not in named:
                        last += 1
                        named[name] = Environment(last, name, self.projects[guid], [], [])
                    if name in parts:
                        named[name].parts.append(parts[name])
                    named[name].repositories.append(repository)
            found[guid] = list(named.values())
        return found

    def builds(self, project: Project) -> list[Build]:
        """A project's runs, newest first."""
        if project.guid not in self._builds:
            found = [build for repository in self.repositories[project.guid] for build in self.builds_of(repository)]
            self._builds[project.guid] = sorted(found, key=lambda build: (build.at, build.id), reverse=True)
        return self._builds[project.guid]

    def build(self, project: Project, ident: int) -> Build | None:
        """The run of this id, deleted ones too."""
        return next((build for build in self.builds(project) if build.id == ident), None)

    def builds_of(self, repository: Repository) -> list[Build]:
        """One repository's runs: the scenario's, those of releases without one, and those that checks were."""
        if repository.guid not in self._repository_builds:
            self._repository_builds[repository.guid] = list(_Runs(self, repository).all())
        return self._repository_builds[repository.guid]

    def records(self, environment: Environment) -> list[Record]:
        """An environment's deployments through pipelines, newest first."""
        found: list[Record] = []
        for repository in dict.fromkeys(each.guid for each in environment.repositories):
            found.extend(self._records_of(environment, self.by_guid[repository.lower()]))
        return sorted(found, key=lambda record: (record.at, record.id), reverse=True)

    def _records_of(self, environment: Environment, repository: Repository) -> list[Record]:
        classic = {release.version for release in repository.part.releases if release.classic}
        builds = {build.id: build for build in self.builds_of(repository)}
        found = []
        for position, part in enumerate(repository.part.deployments):
            if part.environment != environment.name or part.release in classic:
                continue
            ident = number("deployment-record", repository.full_name, position)
            build = builds[deploying_build(repository, part)]
            found.append(Record(ident, environment, build, part, self._world.at(part.at)))
        return found

    @cached_property
    def _builds(self) -> dict[str, list[Build]]:
        return {}

    @cached_property
    def _repository_builds(self) -> dict[str, list[Build]]:
        return {}


def deploying_build(repository: Repository, part: DeploymentPart) -> int:
    """The run that a deployment belongs to."""
    if part.run is not None:
        return part.run
    release = next((each for each in repository.part.releases if part.release and each.version == part.release), None)
    if release is not None:
        return release_build(repository, release)
    return number("deployment-build", repository.full_name, part.commit)


def release_build(repository: Repository, release: ReleasePart) -> int:
    """The run that is a release."""
    return release.run if release.run is not None else number("release-build", repository.full_name, release.version)


def _pipelines(repository: Repository) -> dict[str, PipelinePart | None]:
    """Every pipeline that a repository names, also where a check, a run or a release asks for one."""
    part = repository.part
    found: dict[str, PipelinePart | None] = {
        pipeline.name: pipeline for pipeline in part.pipelines if pipeline.azure_path or not pipeline.path
    }
    referred = [check.pipeline for protection in part.protection for check in protection.checks]
    pull_requests = [each.part for each in repository.pull_requests.values()] if repository.touched else []
    referred += [check.pipeline for each in (*part.pull_requests, *pull_requests) for check in each.checks]
    referred += [run.pipeline for run in part.runs]
    listed = {pipeline.name: pipeline for pipeline in part.pipelines}
    for name in referred:
        if name:
            found.setdefault(name, listed.get(name))
    classic = {each.version for each in part.releases if each.classic}
    released = any(not each.classic and not each.draft for each in part.releases)
    if not found and (released or any(each.release not in classic for each in part.deployments)):
        found["release"] = None
    return found


class _Runs:
    """The runs of one repository."""

    def __init__(self, index: Index, repository: Repository) -> None:
        self._index = index
        self._repository = repository
        self._world = repository.world
        self._taken: set[int] = set()

    def all(self) -> list[Build]:
        part = self._repository.part
        releases = [each for each in part.releases if not each.classic and not each.draft]
        versions = {each.run: each for each in releases if each.run is not None}
        found = [self._run(run, versions.get(run.id)) for run in part.runs]
        self._taken = {build.id for build in found}
        for release in releases:
            if release_build(self._repository, release) not in self._taken:
                found.append(self._release(release))
        classic = {each.version for each in part.releases if each.classic}
        for deployment in part.deployments:
            if deployment.release not in classic and deploying_build(self._repository, deployment) not in self._taken:
                found.append(self._deployment(deployment))
        for pull_request in self._repository.pull_requests.values() if part.pull_requests else ():
            for position, check in enumerate(pull_request.part.checks):
                if check.pipeline:
                    found.append(self._check(pull_request, check, position))
        return found

    def _sha(self, name: str) -> str:
        git = self._repository.git
        return git.names.get(name) or git.resolve(name or self._repository.default_branch) or "0" * 40

    def _branch(self, name: str) -> str:
        refs = self._repository.git.refs
        for ref in (f"refs/heads/{name}", f"refs/tags/{name}"):
            if ref in refs:
                return ref
        return f"refs/heads/{self._repository.default_branch}"

    def _run(self, run: RunPart, release: ReleasePart | None) -> Build:
        at = self._world.at(run.at)
        sha = self._sha(release.commit if release and not run.commit else run.commit)
        stages = {**self._deployed_stages(run.id), **run.attempts}
        artifacts = list(run.artifacts) + (_assets(release) if release and not run.artifacts else [])
        return Build(
            id=run.id,
            number=release.version if release else f"{at:%Y%m%d}.{run.id}",
            definition=self._index.definition_of(self._repository, run.pipeline),
            sha=sha,
            branch=f"refs/heads/{run.branch}" if run.branch else self._branch(run.commit),
            state=run.state,
            result=run.result,
            reason=_reason(run.event),
            by=run.by or self._someone(),
            at=at,
            deleted=run.deleted,
            artifacts=artifacts,
            leases=[self._world.at(lease) for lease in run.leases],
            stages=stages or {"Build": 1},
        )

    def _release(self, release: ReleasePart) -> Build:
        ident = release_build(self._repository, release)
        self._taken.add(ident)
        return self._made(
            ident, release.version, self._sha(release.commit), self._branch(release.version),
            self._world.at(release.created_at), release.author, _assets(release),
        )  # fmt: skip

    def _deployment(self, part: DeploymentPart) -> Build:
        ident = deploying_build(self._repository, part)
        self._taken.add(ident)
        sha = self._sha(part.commit or part.release)
        return self._made(ident, f"{sha[:8]}", sha, self._branch(part.commit), self._world.at(part.at), part.by, [])

    def _made(
        self, ident: int, title: str, sha: str, branch: str, at: datetime, by: str, artifacts: list[ArtifactPart]
    ) -> Build:
        """A run that the scenario does not spell out: it went well."""
        definitions = self._index.definitions[self._index.projects[self._repository.project.lower()].guid]
        definition = next(each for each in definitions if each.repository is self._repository)
        return Build(
            id=ident,
            number=title,
            definition=definition,
            sha=sha,
            branch=branch,
            state="completed",
            result="success",
            reason="individualCI",
            by=by or self._someone(),
            at=at,
            artifacts=artifacts,
            stages=self._deployed_stages(ident) or {"Build": 1},
        )

    def _check(self, pull_request: PullRequest, check: CheckPart, position: int) -> Build:
        at = self._world.at(check.at)
        return Build(
            id=check_build(self._repository, pull_request, position),
            number=f"{at:%Y%m%d}.{position + 1}",
            definition=self._index.definition_of(self._repository, check.pipeline or ""),
            sha=self._index.collection.merge_commit(pull_request, self._repository),
            branch=f"refs/pull/{pull_request.number}/merge",
            state=check.state,
            result=check.conclusion,
            reason="pullRequest",
            by=pull_request.author,
            at=at,
            stages={"Build": 1},
            pull_request=pull_request.number,
        )

    def _deployed_stages(self, ident: int) -> dict[str, int]:
        """The stages that deployed: each is named after its environment."""
        stages: dict[str, int] = {}
        for part in self._repository.part.deployments:
            if deploying_build(self._repository, part) == ident:
                stages[part.environment] = max(part.attempt, stages.get(part.environment, 1))
        return stages

    def _someone(self) -> str:
        return next(iter(self._world.collaborators(self._repository)), next(iter(self._world.people)))


def check_build(repository: Repository, pull_request: PullRequest, position: int) -> int:
    """The id of the run that a pull request's check was."""
    return number("check-build", repository.full_name, pull_request.number, position)


def _assets(release: ReleasePart) -> list[ArtifactPart]:
    return [ArtifactPart(name=asset.name, digest=asset.digest) for asset in release.assets if not asset.missing]


def _reason(event: str) -> str:
    return {
        "push": "individualCI",
        "pull_request": "pullRequest",
        "schedule": "schedule",
        "workflow_dispatch": "manual",
        "release": "individualCI",
    }.get(event, "manual")
