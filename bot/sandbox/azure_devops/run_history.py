"""A repository's pipelines and runs: those the scenario spells out, and those that its releases, deployments and checks
imply.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bot.sandbox.azure_devops.entities import Build
from bot.sandbox.identity import number
from bot.sandbox.scenario import ArtifactPart

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.index import Index
    from bot.sandbox.pull_requests import PullRequest
    from bot.sandbox.scenario import CheckPart, DeploymentPart, PipelinePart, ReleasePart, RunPart
    from bot.sandbox.world import Repository


def deploying_build(repository: Repository, part: DeploymentPart) -> int:
    """The run that a deployment belongs to."""
    if part.run is not None:
        return part.run
    release = next((each for each in repository.part.releases if part.release and each.version == part.release), None)
    if release is not None:
        return release_build(repository, release)
    return number("deployment-build", repository.key, part.commit)


def release_build(repository: Repository, release: ReleasePart) -> int:
    """The run that is a release."""
    return release.run if release.run is not None else number("release-build", repository.key, release.version)


def pipelines_of(repository: Repository) -> dict[str, PipelinePart | None]:
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


class Runs:
    """The runs of one repository."""

    def __init__(self, index: Index, repository: Repository) -> None:
        self._index = index
        self._repository = repository
        self._world = repository.world
        self._taken: set[int] = set()

    def all(self) -> list[Build]:
        """Every run, in no order."""
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
    return number("check-build", repository.key, pull_request.number, position)


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
