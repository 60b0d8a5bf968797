"""What the lists of an owner say of each repository: read once in a run, however many batches ask, and kept small.

The lists hold kilobytes of every repository; of ten thousand of them only what facts are made of may stay.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from bot.model.subjects import Repository
from bot.platforms.github.client import GitHubClient, Json, Refused
from bot.platforms.github.memory import Memory

T = TypeVar("T")

_PAGE = 100
_FEW = 20
"""So many repositories are asked one by one when nobody knows how many the owner has."""


@dataclass(frozen=True, slots=True)
class Security:
    """What ``security_and_analysis`` of a repository tells."""

    told: bool
    """Whether this token is shown it at all."""
    scanning: str | None = None
    push_protection: str | None = None


@dataclass(frozen=True, slots=True)
class Listed:
    """A repository in its owner's list."""

    default_branch: str
    security: Security


Values = tuple[tuple[str, str], ...]
"""Custom properties: names and values."""


def repositories(client: GitHubClient, memory: Memory, owner: str) -> dict[str, Listed]:
    """Every repository of an organisation, by its number, for a name may be another's by now."""
    shared: dict[Listed, Listed] = {}

    def read() -> dict[str, Listed]:
        return {str(one["id"]): _shared(shared, listed(one)) for one in client.pages(f"/orgs/{owner}/repos")}

    return memory.once(("repositories", owner.lower()), read)


def properties(client: GitHubClient, memory: Memory, owner: str) -> dict[str, Values]:
    """The custom properties of every repository of an organisation, by its number. Raises ``Refused`` and ``PlatformError``."""
    shared: dict[Values, Values] = {}

    def read() -> dict[str, Values]:
        rows = client.pages(f"/orgs/{owner}/properties/values")
        return {str(one["repository_id"]): _shared(shared, values(one["properties"])) for one in rows}

    return memory.once(("properties", owner.lower()), read)


def of_owner(read: Callable[[], Mapping[str, T]]) -> Mapping[str, T]:
    """A list; empty for a user account, which has none: its repositories are asked one by one."""
    try:
        return read()
    except Refused as wrong:
        if not wrong.is_missing:
            raise
        return {}


def worth_listing(memory: Memory, what: str, owner: str, asked: int) -> bool:
    """Whether the owner's list costs less than asking about so many repositories more, one by one.

    What decides is the size of the owner and all that was asked in the run so far, for the next batch will ask again.
    """
    total = memory.repositories_of.get(owner.lower())
    pages = _FEW if total is None else total // _PAGE + 1
    key = (what, owner.lower())
    with memory.lock:
        memory.asked_of[key] = memory.asked_of.get(key, 0) + asked
        return memory.asked_of[key] > pages


def listed(node: Json) -> Listed:
    """A repository as REST describes it, alone or in a list."""
    told = node.get("security_and_analysis")
    security = Security(told is not None, *(_status(told, key) for key in ("secret_scanning", _PUSH)))
    return Listed(str(node.get("default_branch") or ""), security)


_PUSH = "secret_scanning_push_protection"


def _status(told: Json, key: str) -> str | None:
    setting = (told or {}).get(key)
    return None if setting is None else str(setting.get("status"))


def values(nodes: Json) -> Values:
    """Custom properties as REST lists them; one without a value is left out."""
    return tuple(
        (sys.intern(str(one["property_name"])), ",".join(value) if isinstance(value, list) else str(value))
        for one in nodes
        if (value := one.get("value")) is not None
    )


def number(subject: Repository) -> str:
    """A repository's number, as the lists have it."""
    return subject.id.rpartition("/")[2]


def _shared(known: dict[T, T], one: T) -> T:
    """Equal ones are kept once: most repositories are set up as others are."""
    return known.setdefault(one, one)
