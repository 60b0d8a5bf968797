"""Facts about a repository that REST alone tells, from organisation-wide lists where many repositories are asked about."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bot.model.facts import Answer, FactRequest, Loaded, Unavailable, UnknownKind
from bot.model.facts.protection import SecretScanning
from bot.model.facts.repository import Properties
from bot.model.subjects import Repository, Subject
from bot.platforms.github.client import Json, Refused
from bot.platforms.github.reading import Context, Task, guarded
from bot.platforms.github.readings import ADMINISTRATION

_PAGE = 100
_FEW = 20
"""So many repositories are asked one by one when nobody knows how many the owner has."""


def secret_scanning(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``SecretScanning``."""
    return _spread(context, request, subjects, _listed_repositories, _secret_scanning, ADMINISTRATION)


def properties(context: Context, request: FactRequest, subjects: Sequence[Subject]) -> list[Task]:
    """``Properties``: custom property values."""
    return _spread(
        context, request, subjects, _listed_properties, _properties, "custom properties: read (or metadata: read)"
    )


def _spread(
    context: Context,
    request: FactRequest,
    subjects: Sequence[Subject],
    listed: Callable[[Context, str], dict[str, Json]],
    single: Callable[[Context, Repository, Json], Answer],
    needs: str,
) -> list[Task]:
    """One task for each owner whose list costs less than its repositories would, else one for each repository."""
    by_owner: dict[str, list[Repository]] = {}
    for subject in subjects:
        assert isinstance(subject, Repository)
        by_owner.setdefault(subject.organization.name, []).append(subject)
    tasks: list[Task] = []
    for owner, repositories in by_owner.items():
        total = context.memory.repositories_of.get(owner.lower())
        pages = _FEW if total is None else total // _PAGE + 1
        if len(repositories) > pages:
            tasks.append(_of_owner(context, request, owner, repositories, listed, single, needs))
        else:
            tasks.extend(_of_one(context, request, one, single, needs) for one in repositories)
    return tasks


def _of_owner(
    context: Context,
    request: FactRequest,
    owner: str,
    repositories: Sequence[Repository],
    listed: Callable[[Context, str], dict[str, Json]],
    single: Callable[[Context, Repository, Json], Answer],
    needs: str,
) -> Task:
    def task() -> list[tuple[FactRequest, Subject, Answer]]:
        try:
            found = listed(context, owner)
        except Refused as wrong:
            if not wrong.is_missing:  # a user account has no such list: its repositories are asked one by one
                raise
            found = {}
        return [
            (request, one, guarded(lambda one=one: single(context, one, found.get(one.name.lower())), needs, one.url))  # type: ignore[misc]
            for one in repositories
        ]

    def safe() -> list[tuple[FactRequest, Subject, Answer]]:
        wrong = guarded(lambda: _run(task, results), needs)
        return results or [(request, one, wrong) for one in repositories]

    results: list[tuple[FactRequest, Subject, Answer]] = []
    return safe


def _run(
    task: Callable[[], list[tuple[FactRequest, Subject, Answer]]], results: list[tuple[FactRequest, Subject, Answer]]
) -> Answer:
    results.extend(task())
    return Unavailable(UnknownKind.TRANSIENT, "it was not listed")


def _of_one(
    context: Context,
    request: FactRequest,
    one: Repository,
    single: Callable[[Context, Repository, Json], Answer],
    needs: str,
) -> Task:
    return lambda: [(request, one, guarded(lambda: single(context, one, None), needs, one.url))]


def _listed_repositories(context: Context, owner: str) -> dict[str, Json]:
    return {str(one["full_name"]).lower(): one for one in context.client.pages(f"/orgs/{owner}/repos")}


def _secret_scanning(context: Context, subject: Repository, node: Json) -> Answer:
    url = f"{subject.url}/settings/security_analysis"
    if node is None:
        node = context.client.rest("GET", f"/repos/{subject.name}")
    told = node.get("security_and_analysis")
    if told is None:
        return Unavailable(
            UnknownKind.SCOPE,
            f"the security settings of {subject.name} are shown to administrators alone; the token needs {ADMINISTRATION}",
            url,
        )
    setting = told.get("secret_scanning")
    if setting is None:
        return Unavailable(
            UnknownKind.LICENCE,
            f"GitHub has no secret scanning to tell of {subject.name}: a private repository needs Secret Protection for it",
            url,
        )
    push = told.get("secret_scanning_push_protection")
    return Loaded(
        SecretScanning(setting.get("status") == "enabled", push.get("status") == "enabled" if push else None),
        url,
        context.now,
    )


def _listed_properties(context: Context, owner: str) -> dict[str, Json]:
    return {
        str(one["repository_full_name"]).lower(): one["properties"]
        for one in context.client.pages(f"/orgs/{owner}/properties/values")
    }


def _properties(context: Context, subject: Repository, node: Json) -> Answer:
    if node is None:
        node = context.client.rest("GET", f"/repos/{subject.name}/properties/values")
    values = {}
    for one in node:
        value = one.get("value")
        if value is not None:
            values[str(one["property_name"])] = ",".join(value) if isinstance(value, list) else str(value)
    return Loaded(Properties(values), f"{subject.url}/settings/custom-properties", context.now)
