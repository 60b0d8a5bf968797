"""What a target names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from bot.engine.ports import PlatformError
from bot.engine.targets import Target
from bot.model.facts import Unavailable, UnknownKind
from bot.model.subjects import Organization, PullRequest, Release, Repository, Subject, WorkItem
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Json, value
from bot.platforms.azure_devops.deployments import builds, classic_deployments, commit_of, history
from bot.platforms.azure_devops.files import repository_route
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.release import find_tag
from bot.platforms.azure_devops.rollback import classic_release
from bot.platforms.azure_devops.sdk import Refused
from bot.platforms.azure_devops.subjects import ident, required_instant
from bot.platforms.azure_devops.work_items import read_items


class Resolver:
    """Finds the subject of a target; every failure says what was not found, and where."""

    def __init__(self, reads: Reads) -> None:
        self._reads = reads
        self._client = reads.client

    def resolve(self, target: Target) -> Subject:
        """The subject."""
        if target.organization and target.organization.lower() != self._client.organization.lower():
            raise PlatformError(
                f"{target}: the organisation is {target.organization}, but the address in use is {self._client.url}. Set "
                f"SYSTEM_COLLECTIONURI to the address of {target.organization}."
            )
        if target.project is None:
            self._reads.projects()
            return self._reads.subjects.organization()
        if target.work_item is not None:
            return self._work_item(target, target.work_item)
        if target.repository is None:
            return self.project(target.project)
        if target.pull_request is not None:
            return self.pull_request(target.project, target.repository, target.pull_request)
        repository = self.repository(target.project, target.repository)
        if target.run is not None:
            return self._known(repository, target, target.run)
        if target.release is not None:
            self._require_environment(repository, target)
            return self._release(repository, target)
        return repository

    def project(self, name: str) -> Organization:
        """A project, by name or id."""
        return self._reads.subjects.project(self._client.get(endpoints.PROJECTS, {"projectId": name}))

    def repository(self, project: str, name: str) -> Repository:
        """A repository, by names or ids."""
        route = {"project": project, "repositoryId": name}
        return self._reads.subjects.repository(self._client.get(endpoints.REPOSITORIES, route))

    def pull_request(self, project: str, repository: str, number: int) -> PullRequest:
        """A pull request as it is now: always read again."""
        route = {"project": project, "repositoryId": repository, "pullRequestId": str(number)}
        query = {"includeCommits": True, "includeWorkItemRefs": True}
        document: Json
        iterations: list[Json]
        document, iterations = self._client.transport.gather(  # type: ignore[assignment]
            [
                lambda: self._client.get(endpoints.PULL_REQUESTS, route, query),
                lambda: self._client.listing(endpoints.ITERATIONS, route),
            ]
        )
        described = document["repository"]
        # The service's answer about one pull request may or may not name the default branch.
        home = (
            self._reads.subjects.repository(described)
            if "defaultBranch" in described
            else self.repository(str(described["project"]["id"]), str(described["id"]))
        )
        found = self._reads.subjects.pull_request(document, home, iterations)
        self._reads.forget(found.id)
        self._reads.judged[found.base.id] = found
        self._reads.keep((found.id, "document"), document)
        self._reads.keep((found.id, "iterations"), iterations)
        return found

    def _work_item(self, target: Target, number: int) -> WorkItem:
        item = read_items(self._reads, [number])[number]
        if isinstance(item, Unavailable):
            raise PlatformError(item.reason, item.kind)
        if item is None:
            raise PlatformError(
                f"{target}: there is no work item {number} in {self._client.organization}, or the owner of the token may "
                "not see it."
            )
        return item

    def _release(self, repository: Repository, target: Target) -> Release:
        """A run of that number, else a classic release of that name, else a run of the tag's commit, else the tag alone."""
        version = str(target.release)
        project = ident(repository.organization)
        query = {"repositoryId": ident(repository), "repositoryType": "TfsGit"}
        runs = self._client.listing(
            endpoints.BUILDS, {"project": project}, {**query, "buildNumber": version, "$top": 100}
        )
        if runs:
            return self._run(repository, runs, target.environment)
        classic = self._classic(repository, version, target.environment)
        if isinstance(classic, Release):
            return classic
        tag = find_tag(self._reads, repository_route(repository), version)
        if tag is None and classic is not None:
            raise PlatformError(
                f"{target}: there is no run and no tag of that name, and classic releases could not be read: {classic}",
                classic.kind,
            )
        if tag is None:
            raise PlatformError(
                f"{target}: {repository.name} has no run with the number {version!r}, no tag and no classic release of "
                "that name. Give a build number, a tag or a release's name."
            )
        commit = str(tag.get("peeledObjectId") or tag["objectId"])
        listed = self._client.listing(endpoints.BUILDS, {"project": project}, {**query, "$top": 1000}, pages=2)
        runs = [run for run in listed if run.get("sourceVersion") == commit]
        if runs:
            return self._run(repository, runs, target.environment)
        return self._tag(repository, version, commit, target.environment)

    def _known(self, repository: Repository, target: Target, number: int) -> Release:
        """The run, or classic release, of this id: names and build numbers need not be unique."""
        project = ident(repository.organization)
        if not target.classic:
            self._require_environment(repository, target)
            run = builds(self._reads, project, [number]).get(number)
            if run is None or str(value(run, "repository", "id") or "").lower() != ident(repository):
                raise PlatformError(
                    f"{target}: {repository.organization.name} has no run {number} of {repository.name}."
                )
            return self._reads.subjects.run(run, repository, target.environment)
        release = classic_release(self._reads, project, number)
        if release is None:
            raise PlatformError(f"{target}: {repository.organization.name} has no classic release {number}.")
        stages = [str(one.get("name")) for one in release.get("environments") or ()]
        stage = next((name for name in stages if name.lower() == (target.environment or "").lower()), None)
        if stage is None:
            raise PlatformError(
                f"{target}: the release has no stage {target.environment!r}. It has {', '.join(sorted(stages))}."
            )
        commit = commit_of(release, repository)
        if commit is None:
            raise PlatformError(
                f"{target}: none of the release's artifacts is of {repository.name}: it tells no commit that could be judged."
            )
        return self._reads.subjects.classic(release, repository, commit, stage)

    def _require_environment(self, repository: Repository, target: Target) -> None:
        """A misspelt environment has no deployments: without this it would pass as the first release of all."""
        if target.environment is None:
            return
        project = ident(repository.organization)
        names = {str(one["name"]) for one in self._reads.environments(project)}
        if target.environment.lower() in {name.lower() for name in names}:
            return
        names |= {str(value(row, "releaseEnvironment", "name")) for row in classic_deployments(self._reads, project)}
        if target.environment.lower() not in {name.lower() for name in names}:
            there = f"It has {', '.join(sorted(names))}." if names else "It has none."
            raise PlatformError(
                f"{target}: {repository.organization.name} has no environment {target.environment!r}. {there}"
            )

    def _run(self, repository: Repository, runs: list[Json], environment: str | None) -> Release:
        """The run that deployed, of several of one commit; else the newest."""
        deployments = history(self._reads, repository, environment, classic=False)
        numbers = {int(run["id"]): run for run in runs}
        for deployment in reversed(deployments):
            if deployment.run_id in numbers:
                return self._reads.subjects.run(numbers[deployment.run_id], repository, deployment.environment)
        newest = max(runs, key=lambda run: int(run["id"]))
        return self._reads.subjects.run(newest, repository, environment)

    def _classic(self, repository: Repository, version: str, environment: str | None) -> Release | Refused | None:
        """The classic release of that name; the refusal, where the token may not read releases: it may not need to."""
        if not self._client.has(endpoints.RELEASES):
            return None
        project = ident(repository.organization)
        query = {"searchText": version, "$expand": "artifacts", "$top": 100}
        try:
            rows = self._client.listing(endpoints.RELEASES, {"project": project}, query, pages=5)
        except Refused as wrong:
            if wrong.status == 404:
                return None
            if wrong.kind is UnknownKind.SCOPE:
                return wrong
            raise
        for row in rows:
            commit = commit_of(row, repository)
            if row.get("name") == version and commit is not None:
                where = environment or self._newest_classic(project, int(row["id"]))
                return self._reads.subjects.classic(row, repository, commit, where)
        return None

    def _newest_classic(self, project: str, release: int) -> str | None:
        rows: list[Mapping[str, Json]] = [
            row for row in classic_deployments(self._reads, project) if int(row["release"]["id"]) == release
        ]
        newest = max(rows, key=lambda row: str(row.get("queuedOn")), default=None)
        return None if newest is None else str(newest["releaseEnvironment"]["name"])

    def _tag(self, repository: Repository, version: str, commit: str, environment: str | None) -> Release:
        """A tag that no run and no release goes with."""
        route = {**repository_route(repository), "commitId": commit}
        document = self._client.get(endpoints.COMMITS, route)
        made = {"id": 0, "name": version, "createdOn": document["committer"]["date"]}
        release = self._reads.subjects.classic(made, repository, commit, environment)
        return replace(
            release,
            id=f"{ident_prefix(repository)}/release/{ident(repository)}/tag/{version}",
            url=f"{repository.url}?version=GT{version}",
            created_at=required_instant(document["committer"]["date"]),
            release_kind="tag",
            run_id=None,
        )


def ident_prefix(subject: Subject) -> str:
    """The host that a subject's id begins with."""
    return subject.id.split("/", 1)[0]
