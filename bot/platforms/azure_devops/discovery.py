"""Every subject under an organisation, a project or a repository."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from bot.engine.ports import PlatformError
from bot.model.facts import UnknownKind
from bot.model.facts.release import Deployment, DeploymentState
from bot.model.results import Gap
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    PullRequest,
    Release,
    Repository,
    Subject,
)
from bot.platforms.azure_devops import endpoints
from bot.platforms.azure_devops.client import Client, Json, value
from bot.platforms.azure_devops.deployments import builds, classic_deployments, commit_of, history, records
from bot.platforms.azure_devops.files import repository_route
from bot.platforms.azure_devops.reads import Reads
from bot.platforms.azure_devops.resolving import Resolver
from bot.platforms.azure_devops.rollback import classic_release
from bot.platforms.azure_devops.subjects import ident, short

T = TypeVar("T")

AT_ONCE = 12
"""Projects, branches or pull requests that are read together: so many answers wait in memory."""

NOT_UNDERSTOOD = (KeyError, TypeError, ValueError, AttributeError)
"""What comes of a document that is not as Microsoft describes it."""


class Discovery:
    """Lists subjects of some kinds. What cannot be listed is a gap, and the rest goes on."""

    def __init__(self, reads: Reads, resolver: Resolver, kinds: frozenset[type[Subject]]) -> None:
        self._reads = reads
        self._resolver = resolver
        self._kinds = kinds

    def under(self, root: Subject) -> Iterator[Subject | Gap]:
        """The subjects under a root, itself included."""
        if isinstance(root, Organization):
            if Organization in self._kinds:
                yield root
            if root.project is not None:
                yield from self._project(root)
                return
            try:
                projects = [self._reads.subjects.project(one) for one in self._reads.projects()]
            except PlatformError as wrong:
                yield _gap(root, "projects", wrong)
                return
            except NOT_UNDERSTOOD as wrong:
                yield _odd(root.id, root.name, "projects", wrong)
                return
            for start in range(0, len(projects), AT_ONCE):
                some = projects[start : start + AT_ONCE]
                self._ahead([functools.partial(self._reads.repositories, ident(project)) for project in some])
                for project in some:
                    if Organization in self._kinds:
                        yield project
                    yield from self._project(project)
        elif isinstance(root, Repository):
            yield from self._repositories(root.organization, [root])
        elif type(root) in self._kinds:
            yield root

    def _project(self, project: Organization) -> Iterator[Subject | Gap]:
        if self._kinds <= {Organization}:
            return
        try:
            listed = self._reads.repositories(ident(project))
        except PlatformError as wrong:
            yield _gap(project, "repositories", wrong)
            return
        repositories = []
        for one in listed:
            try:
                repositories.append(self._reads.subjects.repository(one))
            except NOT_UNDERSTOOD as wrong:
                name = f"{project.name}/{value(one, 'name') or value(one, 'id')}"
                yield _odd(f"{self._reads.client.host}/repository/{value(one, 'id')}", name, "listing", wrong)
        yield from self._repositories(project, repositories)

    def _repositories(self, project: Organization, repositories: Sequence[Repository]) -> Iterator[Subject | Gap]:
        if Repository in self._kinds:
            yield from repositories
        live = [one for one in repositories if not one.archived]
        listings: list[tuple[type[Subject], str, Callable[[], list[Subject]]]] = [
            (Pipeline, "pipelines", lambda: self._pipelines(project, live)),
            (Environment, "environments", lambda: self._environments(project, live)),
            (Release, "releases", lambda: self._releases(project, live)),
            (PullRequest, "pull requests", lambda: self._pull_requests(project, live)),
        ]
        if Branch in self._kinds:
            yield from self._branches(live)
        for kind, what, listing in listings:
            if kind in self._kinds:
                try:
                    yield from listing()
                except PlatformError as wrong:
                    yield _gap(project, what, wrong)
                except NOT_UNDERSTOOD as wrong:
                    yield _odd(project.id, project.name, what, wrong)

    def _branches(self, repositories: Sequence[Repository]) -> Iterator[Subject | Gap]:
        """Every branch, of many repositories at once."""
        filled = [one for one in repositories if one.default_branch is not None]
        for start in range(0, len(filled), AT_ONCE):
            some = filled[start : start + AT_ONCE]
            self._ahead([functools.partial(self._refs, one) for one in some])
            for repository in some:
                try:
                    yield from (repository.branch(short(row["name"])) for row in self._refs(repository))
                except PlatformError as wrong:
                    yield _gap(repository, "branches", wrong)
                except NOT_UNDERSTOOD as wrong:
                    yield _odd(repository.id, repository.name, "branches", wrong)

    def _refs(self, repository: Repository) -> list[Json]:
        return self._reads.once(
            ("branches", repository.id),
            lambda: self._reads.client.listing(
                endpoints.REFS, repository_route(repository), {"filter": "heads/", "$top": 1000}
            ),
        )

    def _pipelines(self, project: Organization, repositories: Sequence[Repository]) -> list[Subject]:
        by_id = {ident(one): one for one in repositories}
        found: list[Subject] = []
        for definition in self._reads.definitions(ident(project)):
            repository = by_id.get(str(value(definition, "repository", "id") or "").lower())
            if repository is not None:
                found.append(self._reads.subjects.pipeline(definition, repository))
        return found

    def _environments(self, project: Organization, repositories: Sequence[Repository]) -> list[Subject]:
        """Environments belong to a project; each counts to the repositories whose pipelines have deployed to it.

        One that nothing was ever deployed to belongs to nobody yet, and is left out.
        """
        by_id = {ident(one): one for one in repositories}
        owners = {
            definition.get("id"): str(value(definition, "repository", "id") or "").lower()
            for definition in self._reads.definitions(ident(project))
        }
        listed = self._reads.environments(ident(project))
        self._ahead([functools.partial(records, self._reads, ident(project), int(one["id"])) for one in listed])
        found: list[Subject] = []
        for document in listed:
            rows = records(self._reads, ident(project), int(document["id"]))
            deployers = dict.fromkeys(owners.get(value(row, "definition", "id")) or "" for row in rows)
            if (owner := next((by_id[one] for one in deployers if one in by_id), None)) is not None:
                found.append(self._reads.subjects.environment(document, owner))
        return found

    def _releases(self, project: Organization, repositories: Sequence[Repository]) -> list[Subject]:
        """What stands in each environment now: its newest successful deployment, of each repository."""
        number = ident(project)
        listed = self._reads.environments(number)
        self._ahead(
            [functools.partial(records, self._reads, number, int(one["id"])) for one in listed]
            + [functools.partial(classic_deployments, self._reads, number)]
        )
        found: list[Subject] = []
        for repository in repositories:
            for standing in _standing(history(self._reads, repository, None, classic=False)):
                run = builds(self._reads, number, [standing.run_id or 0]).get(standing.run_id or 0)
                if run is not None:
                    found.append(self._reads.subjects.run(run, repository, standing.environment))
            for standing in _standing(history(self._reads, repository, None, classic=True)):
                release = classic_release(self._reads, number, standing.run_id or 0)
                if release is not None and (commit := commit_of(release, repository)) is not None:
                    found.append(self._reads.subjects.classic(release, repository, commit, standing.environment))
        return found

    def _pull_requests(self, project: Organization, repositories: Sequence[Repository]) -> list[Subject]:
        """The open ones. A list cuts descriptions short and tells no iteration, so each is read by itself."""
        names = {ident(one) for one in repositories}
        rows = self._reads.client.skipping(
            endpoints.PROJECT_PULL_REQUESTS,
            {"project": ident(project)},
            {"searchCriteria.status": "active"},
            size=100,
            certain=True,
        )
        wanted = [row for row in rows if str(row["repository"]["id"]).lower() in names]
        read = [
            functools.partial(
                self._resolver.pull_request, ident(project), str(row["repository"]["id"]), int(row["pullRequestId"])
            )
            for row in wanted
        ]
        found: list[Subject] = []
        for start in range(0, len(read), AT_ONCE):
            found += self._reads.client.transport.gather(read[start : start + AT_ONCE])
        return found

    def _ahead(self, reads: Sequence[Callable[[], T]]) -> None:
        """Read all at once; each failure is met again where its answer is used."""
        self._reads.client.transport.gather([functools.partial(_quietly, read) for read in reads])


def unpushed(client: Client, repository: Repository, since: datetime) -> str:
    """The repository's id, where nothing was pushed to it since; empty: something was, or it cannot be told.

    That it began counts as a push, since one without any is empty. There is no list of this for a whole project.
    """
    query = {"searchCriteria.fromDate": since.astimezone(UTC).isoformat(timespec="seconds"), "$top": 1}
    try:
        found = client.get(endpoints.PUSHES, repository_route(repository), query)
        return "" if found["value"] else repository.id
    except (PlatformError, KeyError, TypeError):
        return ""


def _quietly(read: Callable[[], object]) -> None:
    try:
        read()
    except (PlatformError, *NOT_UNDERSTOOD):
        return


def _standing(deployments: Sequence[Deployment]) -> list[Deployment]:
    """The newest success of each environment."""
    found: dict[str, Deployment] = {}
    for deployment in deployments:
        if deployment.state is DeploymentState.SUCCEEDED:
            found[deployment.environment] = deployment
    return list(found.values())


def _odd(subject: str, name: str, what: str, wrong: Exception) -> Gap:
    """What cannot be understood of one thing ends the listing of no other."""
    words = f"what Azure DevOps says about it is not understood ({type(wrong).__name__}: {wrong})"
    return Gap(subject, name, what, UnknownKind.UNREADABLE, words)


def _gap(root: Subject, what: str, wrong: PlatformError) -> Gap:
    return Gap(root.id, root.name, what, wrong.kind or UnknownKind.SCOPE, str(wrong))
