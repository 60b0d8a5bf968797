"""Facts about a repository that REST alone tells, from organisation-wide lists where many repositories are asked about."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.protection import SecretScanning
from bot.model.facts.repository import Properties
from bot.model.subjects import Repository, Subject
from bot.platforms.github import owners
from bot.platforms.github.client import Refused
from bot.platforms.github.query import Unanswerable
from bot.platforms.github.reading import Context, Task, guarded
from bot.platforms.github.readings import ADMINISTRATION
from bot.platforms.github.whereabouts import elsewhere, gone

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Setting(Generic[T]):
    """One fact that is told of a single repository, and of all that an owner has."""

    what: str
    listed: Callable[[Context, str], Mapping[str, T]]
    single: Callable[[Context, Repository], T]
    answer: Callable[[Context, Repository, T], Answer]
    needs: str


def secret_scanning(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``SecretScanning``."""
    return _spread(context, request, subjects, _SECRET_SCANNING)


def properties(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``Properties``: custom property values."""
    return _spread(context, request, subjects, _PROPERTIES)


def _spread(context: Context, request: FactRequest, subjects: Sequence[Subject], setting: _Setting[T]) -> list[Task]:
    """One task for each owner whose list costs less than its repositories would, else one for each repository."""
    by_owner: dict[str, list[Repository]] = {}
    for subject in subjects:
        assert isinstance(subject, Repository)
        by_owner.setdefault(subject.organization.name, []).append(subject)
    tasks: list[Task] = []
    for owner, repositories in by_owner.items():
        if owners.worth_listing(context.memory, setting.what, owner, len(repositories)):
            tasks.append(_of_owner(context, request, owner, repositories, setting))
        else:
            tasks.extend(_of_one(context, request, one, setting) for one in repositories)
    return tasks


def _of_owner(
    context: Context, request: FactRequest, owner: str, repositories: Sequence[Repository], setting: _Setting[T]
) -> Task:
    """Those that the list does not have (they were made since, or their owner is a user) are asked one by one."""

    def task() -> list[tuple[FactRequest, Subject, Answer]]:
        found = guarded(lambda: owners.of_owner(lambda: setting.listed(context, owner)), setting.needs)
        if not isinstance(found, Mapping):
            return [(request, one, found) for one in repositories]
        return [(request, one, _answer(context, one, setting, found.get(owners.number(one)))) for one in repositories]

    return task


def _of_one(context: Context, request: FactRequest, one: Repository, setting: _Setting[T]) -> Task:
    return lambda: [(request, one, _answer(context, one, setting, None))]


def _answer(context: Context, one: Repository, setting: _Setting[T], told: T | None) -> Answer:
    return guarded(
        lambda: setting.answer(context, one, setting.single(context, one) if told is None else told),
        setting.needs,
        one.url,
    )


def _one_listed(context: Context, subject: Repository) -> owners.Listed:
    try:
        node = context.client.rest("GET", f"/repos/{subject.name}")
    except Refused as wrong:
        if wrong.is_missing:
            raise Unanswerable(gone(subject)) from None
        raise
    if (moved := elsewhere(subject, node)) is not None:
        raise Unanswerable(moved)
    return owners.listed(node)


def _secret_scanning(context: Context, subject: Repository, told: owners.Listed) -> Answer:
    url = f"{subject.url}/settings/security_analysis"
    security = told.security
    if not security.told:
        return Unavailable(
            UnknownKind.SCOPE,
            f"the security settings of {subject.name} are shown to administrators alone; the token needs {ADMINISTRATION}",
            url,
        )
    if security.scanning is None:
        return Unavailable(
            UnknownKind.LICENCE,
            f"GitHub has no secret scanning to tell of {subject.name}: a private repository needs Secret Protection for it",
            url,
        )
    push = security.push_protection
    fact = SecretScanning(security.scanning == "enabled", push == "enabled" if push else None)
    return Loaded(fact, url, context.now)


def _one_s_properties(context: Context, subject: Repository) -> owners.Values:
    return owners.values(context.client.rest("GET", f"/repos/{subject.name}/properties/values", form=list))


def _properties(context: Context, subject: Repository, told: owners.Values) -> Answer:
    return Loaded(Properties(dict(told)), f"{subject.url}/settings/custom-properties", context.now)


_SECRET_SCANNING = _Setting(
    "repositories",
    lambda context, owner: owners.repositories(context.client, context.memory, owner),
    _one_listed,
    _secret_scanning,
    ADMINISTRATION,
)
_PROPERTIES = _Setting(
    "properties",
    lambda context, owner: owners.properties(context.client, context.memory, owner),
    _one_s_properties,
    _properties,
    "custom properties: read (or metadata: read)",
)
