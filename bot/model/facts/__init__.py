"""Facts: frozen, platform-neutral values about one subject, and how they arrive."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cache
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, runtime_checkable

from bot.model.subjects import Subject


@dataclass(frozen=True)
class Fact:
    """A value about one subject. Every subclass is a frozen dataclass and names its subject's type."""

    subject: ClassVar[type[Subject]]
    name: ClassVar[str]
    """What expressions call it, and what messages say."""
    value: ClassVar[str] = ""
    """The attribute that expressions see in place of the fields, where it is not they themselves."""
    spec: ClassVar[type[Any] | None] = None
    """The ``Spec`` that says what of it is asked for; None: it has no parameters."""
    chosen: ClassVar[tuple[str, ...]] = ()
    """The fields that hold nothing but what the spec asks for."""


class Spec(Hashable, Protocol):
    """What of a fact is asked for. Specs of one fact type unite, so that one load serves every rule."""

    def unite(self, other: Self) -> Self:
        """The least spec that covers both."""
        ...


@runtime_checkable
class NamingSpec(Protocol):
    """A spec that asks for things by their names, which may stand in an expression."""

    @classmethod
    def naming(cls, names: frozenset[str]) -> Self:
        """The spec that asks for these."""
        ...


@dataclass(frozen=True, slots=True)
class FactRequest:
    """One need: a type of fact, and (for the types that have parameters) what of it."""

    type: type[Fact]
    spec: Any = None
    """A ``Spec``, or None for a fact without parameters."""


class UnknownKind(StrEnum):
    """Why something could not be known. It decides what a gate does about it."""

    SCOPE = "scope"
    """The token may not read it."""
    LICENCE = "licence"
    """The platform would tell only with a paid feature that is off, or cannot be seen to be on."""
    LIMIT = "limit"
    """A rate limit or a time limit ended the reading."""
    TRANSIENT = "transient"
    """The server failed, or was not reached."""
    TRUNCATED = "truncated"
    """There is more than can be read."""
    UNREADABLE = "unreadable"
    """It was read, and could not be understood: a pipeline that does not parse, an identity that nobody declares."""


@dataclass(frozen=True, slots=True)
class Unavailable:
    """The fact exists, or may exist, and could not be read. Never a pass and never a fail."""

    kind: UnknownKind
    reason: str
    """What could not be read and what would make it readable: names the missing scope or permission."""
    url: str = ""


class Gone(Unavailable):
    """It could not be read because the repository itself is not there any more, or is hidden from the token."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class NotSupported:
    """The platform, this edition of it, or this repository has no such thing."""

    reason: str


F_co = TypeVar("F_co", bound=Fact, covariant=True)


@dataclass(frozen=True, slots=True)
class Loaded(Generic[F_co]):
    """A fact that was read."""

    value: F_co
    url: str
    """Where a person can see it."""
    read_at: datetime


Answer = Loaded[Fact] | Unavailable | NotSupported
"""How a request for one fact about one subject ends."""


@cache
def fact_types() -> Mapping[str, type[Fact]]:
    """Every type of fact by its name, from the modules of this package."""
    for module in pkgutil.iter_modules(__path__, f"{__name__}."):
        importlib.import_module(module.name)
    own = [fact for fact in Fact.__subclasses__() if fact.__module__.startswith(f"{__name__}.")]
    return {fact.name: fact for fact in sorted(own, key=lambda fact: fact.name)}
