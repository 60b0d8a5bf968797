"""Builds subjects and facts from the short YAML that rule cases are written in."""

from __future__ import annotations

import types
from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from bot.engine.ports import Known
from bot.engine.reach import reach
from bot.model.facts import Answer, Fact, Loaded, NotSupported, Unavailable, UnknownKind
from bot.model.people import Person
from bot.model.subjects import (
    Branch,
    Environment,
    Organization,
    Pipeline,
    PullRequest,
    Release,
    Repository,
    Subject,
    WorkItem,
)

HOSTS = {"github": "github.com", "azure-devops": "dev.azure.com/acme", "local": "local"}
SUBJECTS = {
    kind.kind: kind
    for kind in (Organization, Repository, Branch, PullRequest, Pipeline, Environment, Release, WorkItem)
}


class CaseError(ValueError):
    """A case is written wrongly."""


def build(hint: Any, data: Any, where: str) -> Any:
    """A value of the annotated type from plain YAML. A person may be a bare login; unknown keys are refused."""
    if get_origin(hint) in (Union, types.UnionType):
        options = [option for option in get_args(hint) if option is not type(None)]
        if data is None and len(options) < len(get_args(hint)):
            return None
        if len(options) == 1:
            return build(options[0], data, where)
    if hint is Person and isinstance(data, str):
        return person(data)
    if hint is WorkItem:
        return work_item(data, where)
    if is_dataclass(hint):
        return _build_dataclass(hint, data, where)
    if get_origin(hint) is tuple and get_args(hint)[1:] == (Ellipsis,):
        if not isinstance(data, list):
            raise CaseError(f"{where}: a list is expected, not {data!r}")
        return tuple(build(get_args(hint)[0], item, f"{where}[{index}]") for index, item in enumerate(data))
    if get_origin(hint) is Mapping or get_origin(hint) is dict:
        _, value_hint = get_args(hint)
        return {key: build(value_hint, value, f"{where}.{key}") for key, value in data.items()}
    return _adapter(hint).validate_python(data)


def person(login: str, host: str = "github.com") -> Person:
    """``renovate[bot]`` and the like are bots, as on GitHub."""
    return Person(f"{host}/login/{login.lower()}", login, is_bot=login.endswith("[bot]"))


def work_item(data: Mapping[str, Any], where: str) -> WorkItem:
    """``{number: 12}`` is an open user story of the project Payments; the rest is said where it matters."""
    defaults = {
        "id": f"tracker/work_item/{data.get('number')}",
        "name": f"AB#{data.get('number')}",
        "platform": "azure-devops",
        "url": "",
        "title": "A story",
        "type": "User Story",
        "state": "Active",
        "is_closed": False,
        "scope": "Payments",
    }
    merged = defaults | dict(data) | {"number": str(data.get("number", ""))}
    return _build_dataclass(WorkItem, merged, where)  # type: ignore[no-any-return]


def _build_dataclass(kind: Any, data: Any, where: str) -> Any:
    if not isinstance(data, Mapping):
        raise CaseError(f"{where}: the keys of {kind.__name__} are expected, not {data!r}")
    hints = _hints(kind)
    known = {f.name: f for f in fields(kind)}
    if wrong := sorted(set(data) - set(known)):
        raise CaseError(f"{where}: {kind.__name__} has no {', '.join(wrong)}; it has {', '.join(known)}")
    arguments = {}
    for name, field in known.items():
        if name in data:
            arguments[name] = build(hints[name], data[name], f"{where}.{name}")
        elif field.default is MISSING and field.default_factory is MISSING:
            arguments[name] = _empty(hints[name], f"{where}.{name}")
    return kind(**arguments)


def _empty(hint: Any, where: str) -> Any:
    """What a case need not say: no items, nothing known, the empty text."""
    if get_origin(hint) is tuple:
        return ()
    if get_origin(hint) is Mapping:
        return {}
    if get_origin(hint) is frozenset:
        return frozenset()
    if get_origin(hint) in (Union, types.UnionType) and type(None) in get_args(hint):
        return None
    if hint is str:
        return ""
    raise CaseError(f"{where}: is missing")


@cache
def _hints(kind: type) -> dict[str, Any]:
    return get_type_hints(kind)


@cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


def build_subject(kind: type[Subject], data: Mapping[str, Any]) -> Subject:
    """A subject of ``acme/payments``. ``platform``, and any field of the subject itself, may be given."""
    given = dict(data)
    platform = given.pop("platform", "github")
    host = HOSTS[platform]
    shared = {"platform": platform, "url": ""}
    organization = Organization(**_typed(Organization, shared | {"id": f"{host}/organization/1", "name": "acme"}))
    repository_data = shared | {
        "id": f"{host}/repository/1",
        "name": "acme/payments",
        "short_name": "payments",
        "default_branch": "main",
        **(given if kind is Repository else given.pop("repository", {})),
    }
    repository = Repository(organization=organization, **_typed(Repository, repository_data))
    if kind is Repository:
        return repository
    if kind is Organization:
        return Organization(**_typed(Organization, shared | {"id": f"{host}/organization/1", "name": "acme"} | given))
    if kind is Branch:
        return repository.branch(given.get("branch", "main"))
    if kind is WorkItem:
        return work_item({"platform": platform, **given}, "subject")
    at = datetime(2026, 6, 1, 9, tzinfo=UTC)
    if kind is PullRequest:
        base = repository.branch(given.pop("base", "main"))
        defaults = {
            "id": f"{host}/pull_request/12",
            "name": "acme/payments#12",
            "number": 12,
            "title": "Raise the limit",
            "body": "",
            "author": "ana",
            "head_sha": "c2",
            "base_sha": "b0",
            "source_branch": "raise-the-limit",
            "created_at": at,
        }
        return PullRequest(base=base, **_typed(PullRequest, shared | defaults | given))
    specific: dict[type[Subject], dict[str, Any]] = {
        Pipeline: {"id": f"{host}/pipeline/1", "name": "acme/payments: ci", "path": ".github/workflows/ci.yml"},
        Environment: {"id": f"{host}/environment/1", "name": "acme/payments: prod", "environment": "prod"},
        Release: {
            "id": f"{host}/release/1",
            "name": "acme/payments@v1.4.0",
            "version": "v1.4.0",
            "commit": "d4",
            "created_at": at,
            "environment": "prod",
        },
    }
    return kind(repository=repository, **_typed(kind, shared | specific[kind] | given))


def _typed(kind: type[Subject], data: Mapping[str, Any]) -> dict[str, Any]:
    hints = _hints(kind)
    if wrong := sorted(set(data) - set(hints)):
        raise CaseError(f"subject: {kind.__name__} has no {', '.join(wrong)}")
    return {name: build(hints[name], value, f"subject.{name}") for name, value in data.items()}


def fact_types() -> dict[str, type[Fact]]:
    """Every fact by its name."""
    return {fact.name: fact for fact in Fact.__subclasses__()}


def build_known(subject: Subject, facts: Mapping[str, Any], now: datetime) -> Known:
    """The answers that a case gives, each at the subject that the fact is about."""
    known = Known()
    types_by_name = fact_types()
    for name, data in facts.items():
        if name not in types_by_name:
            raise CaseError(f"facts: there is no fact {name!r}; there are {', '.join(sorted(types_by_name))}")
        fact = types_by_name[name]
        holder = reach(subject, fact.subject)
        if holder is None:  # an empty repository has no branch that a fact could be about
            continue
        known.answers[fact, holder.id] = _answer(fact, data, f"facts.{name}", now)
    return known


def _answer(fact: type[Fact], data: Any, where: str, now: datetime) -> Answer:
    if isinstance(data, Mapping) and set(data) == {"unavailable"}:
        said = data["unavailable"]
        if isinstance(said, str):
            return Unavailable(UnknownKind.SCOPE, said)
        return Unavailable(UnknownKind(said["kind"]), said["reason"])
    if isinstance(data, Mapping) and set(data) == {"not_supported"}:
        return NotSupported(data["not_supported"])
    return Loaded(build(fact, data or {}, where), "https://example.org/fact", now)
