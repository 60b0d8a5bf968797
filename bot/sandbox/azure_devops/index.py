"""The things that follow from a scenario, numbered in its order, so that every run of the sandbox has the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bot.sandbox.azure_devops.entities import NUMBERS, Build, Definition, Environment, PerProject, Record
from bot.sandbox.azure_devops.run_history import Runs, deploying_build, pipelines_of
from bot.sandbox.identity import number

if TYPE_CHECKING:
    from bot.sandbox.azure_devops.collection import Collection
    from bot.sandbox.world import Project, Repository

DEFAULT_YAML = "azure-pipelines.yml"


class Index:
    """What follows from the scenario as it is now."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self._world = collection.world
        self.projects: dict[str, Project] = {}
        self.repositories: dict[str, list[Repository]] = {}
        self.by_name: dict[tuple[str, str], Repository] = {}
        self.by_guid: dict[str, Repository] = {}
        lock = collection.world.lock
        self.definitions = PerProject(self._definitions_of, lock)
        self.environments = PerProject(self._environments_of, lock)
        self._builds = PerProject(self._builds_in, lock)
        self._repository_builds = PerProject(lambda guid: Runs(self, self.by_guid[guid]).all(), lock)
        self._first: dict[str, int] = {}
        named: dict[str, Project] = {}
        for position, project in enumerate(collection.organization.projects):
            self._first[project.guid] = position * NUMBERS + 1
            self.projects[project.name.lower()] = self.projects[project.guid.lower()] = project
            self.repositories[project.guid] = []
            named[project.name] = project
        for repository in collection.world.repositories_of(collection.organization.name):
            if "azure-devops" in repository.face.platforms:
                project = named[repository.project]
                self.repositories[project.guid].append(repository)
                self.by_name[project.guid, repository.name.lower()] = repository
                self.by_guid[repository.guid.lower()] = repository

    def _definitions_of(self, guid: str) -> list[Definition]:
        found: list[Definition] = []
        for repository in self.repositories[guid]:
            for name, part in pipelines_of(repository).items():
                ident = self._first[guid] + len(found)
                yaml = (part.azure_path if part else "") or DEFAULT_YAML
                enabled = part.enabled if part else True
                found.append(Definition(ident, name, yaml, enabled, repository, self.projects[guid]))
        return found

    def definition_of(self, repository: Repository, name: str) -> Definition:
        """The pipeline of this name: the repository's own, or else any of the project."""
        listed = self.definitions[self.projects[repository.project.lower()].guid]
        mine = [each for each in listed if each.repository is repository]
        return next((each for each in mine if each.name == name), None) or next(
            each for each in listed if each.name == name
        )

    def _environments_of(self, guid: str) -> list[Environment]:
        named: dict[str, Environment] = {}
        for repository in self.repositories[guid]:
            parts = {part.name: part for part in repository.part.environments}
            for name in dict.fromkeys([*parts, *(each.environment for each in repository.part.deployments)]):
                if name not in named:
                    ident = self._first[guid] + len(named)
                    named[name] = Environment(ident, name, self.projects[guid], [], [])
                if name in parts:
                    named[name].parts.append(parts[name])
                named[name].repositories.append(repository)
        return list(named.values())

    def builds(self, project: Project) -> list[Build]:
        """A project's runs, newest first."""
        return self._builds[project.guid]

    def _builds_in(self, guid: str) -> list[Build]:
        found = [build for repository in self.repositories[guid] for build in self.builds_of(repository)]
        return sorted(found, key=lambda build: (build.at, build.id), reverse=True)

    def build(self, project: Project, ident: int) -> Build | None:
        """The run of this id, deleted ones too."""
        return next((build for build in self.builds(project) if build.id == ident), None)

    def builds_of(self, repository: Repository) -> list[Build]:
        """One repository's runs: the scenario's, those of releases without one, and those that checks were."""
        return self._repository_builds[repository.guid.lower()]

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
            ident = number("deployment-record", repository.key, position)
            build = builds[deploying_build(repository, part)]
            found.append(Record(ident, environment, build, part, self._world.at(part.at)))
        return found
