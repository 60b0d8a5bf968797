"""Subjects by their home, in batches: what a scan judges together, keeps together and forgets before it goes on."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from bot.engine.reach import reach
from bot.model.results import Gap
from bot.model.subjects import Organization, Platform, Repository, Subject

REPOSITORIES = 200
"""How many repositories a batch has on GitHub: as many as some of its queries hold."""
OF_PROJECTS = 100
"""How many it has at least on Azure DevOps, where a project stays whole: what is read there is read of a project."""


@dataclass(slots=True)
class Home:
    """A repository with its branches, pipelines, environments, releases and pull requests; or an organisation by itself."""

    subject: Subject
    subjects: dict[str, Subject] = field(default_factory=dict)
    """What is judged of it, by id: what a listing names twice counts once."""


@dataclass(slots=True)
class Portion:
    """A part of a listing."""

    homes: dict[str, Home] = field(default_factory=dict)
    gaps: list[Gap] = field(default_factory=list)
    """What could not be listed along the way."""

    @property
    def repositories(self) -> int:
        """How many of the homes are repositories."""
        return sum(isinstance(home.subject, Repository) for home in self.homes.values())

    def subjects(self) -> list[Subject]:
        """All of them."""
        return [subject for home in self.homes.values() for subject in home.subjects.values()]


def home_of(subject: Subject) -> Subject:
    """The repository that a subject is in, or is; else itself."""
    return reach(subject, Repository) or subject


def in_batches(
    listing: Iterable[Subject | Gap], wanted: Callable[[Subject], bool], size: int | None = None
) -> Iterator[Portion]:
    """The listing in portions, each as soon as it is complete; the last may hold gaps alone.

    ``wanted`` is asked about the home of everything that is listed; what is not wanted is left out. ``size`` is for tests.
    """
    portion = Portion()
    unit = ""
    repositories = 0
    for item in listing:
        if isinstance(item, Gap):
            portion.gaps.append(item)
            continue
        home = home_of(item)
        if _unit(home) != unit:
            unit = _unit(home)
            if repositories >= (size or (OF_PROJECTS if home.platform is Platform.AZURE_DEVOPS else REPOSITORIES)):
                yield portion
                portion, repositories = Portion(), 0
        if not wanted(home):
            continue
        if home.id not in portion.homes:
            portion.homes[home.id] = Home(home)
            repositories += isinstance(home, Repository)
        portion.homes[home.id].subjects.setdefault(item.id, item)
    if portion.homes or portion.gaps:
        yield portion


def _unit(home: Subject) -> str:
    """What is not divided: on Azure DevOps a project, elsewhere a home."""
    if home.platform is Platform.AZURE_DEVOPS and (project := reach(home, Organization)) is not None:
        return project.id
    return home.id
