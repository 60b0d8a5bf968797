"""How the schema's types are answered: one class for each, one method or attribute for each field, bound when it loads.

A field ``reviewThreads`` is the attribute or method ``review_threads`` of the class registered for the type. A method
that answers a connection returns Many; paging is done here, once. Types without a class are answered by dictionaries.
"""

from __future__ import annotations

import base64
import functools
import inspect
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from graphql import (
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    get_named_type,
    is_abstract_type,
)

from bot.sandbox.github.access import Access

if TYPE_CHECKING:
    from bot.sandbox.github.meters import Meters
    from bot.sandbox.identity import Token
    from bot.sandbox.scenario import Access as Level
    from bot.sandbox.world import Repository, World

SCHEMA_FILE = Path(__file__).with_name("schema.graphql")
PAGING = ("first", "last", "after", "before")


class Denied(GraphQLError):  # noqa: N818 - an answer, not a mistake
    """A field that this token may not read, or a thing that is not there: null, and an error beside the data."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind


@dataclass
class Context:
    """One request: the world, who asks, and the addresses."""

    world: World
    access: Access
    html: str
    meters: Meters
    cost: int = 1
    nodes: int = 0

    @property
    def token(self) -> Token:
        """Who asks."""
        return self.access.token

    def need(self, permission: str, wanted: Level = "read", repository: Repository | None = None) -> None:
        """Refuse unless the token may."""
        if not self.access.may(permission, wanted, repository):
            raise self.denied()

    def may(self, permission: str, repository: Repository | None = None) -> bool:
        """Whether the token may read this."""
        return self.access.may(permission, "read", repository)

    def denied(self) -> Denied:
        """GitHub's words for it."""
        kind = "personal access token" if self.token.kind == "pat" else "integration"
        return Denied("FORBIDDEN", f"Resource not accessible by {kind}")


class Thing:
    """A value of one of the schema's types."""

    classes: ClassVar[dict[str, type[Thing]]] = {}
    typename: ClassVar[str] = ""

    def __init_subclass__(cls, of: str = "") -> None:
        if of:
            cls.typename = of
            Thing.classes[of] = cls

    def __init__(self, c: Context) -> None:
        self.c = c

    def new(self, typename: str, *about: object) -> Any:
        """A value of another type; by name, for the modules of this package refer to each other in circles."""
        return make(self.c, typename, *about)


def make(c: Context, typename: str, *about: object) -> Any:
    """A value of a type."""
    cls: Callable[..., Any] = Thing.classes[typename]
    return cls(c, *about)


@dataclass
class Many:
    """What a connection is made of. ``wrap`` is asked only for the items of the page."""

    items: Sequence[Any]
    wrap: Callable[[Any], Any]
    extra: dict[str, object] = field(default_factory=dict)
    edge: Callable[[Any], dict[str, object]] | None = None


def connection(many: Many | None, first: int | None, last: int | None, after: str | None, before: str | None) -> Any:
    """One page of a connection."""
    if many is None:
        return None
    count = len(many.items)
    start = _offset(after) if after else 0
    stop = min(count, _offset(before) - 1 if before else count)
    start = min(start, stop)
    if first is not None and stop - start > first:
        stop = start + first
    if last is not None and stop - start > last:
        start = stop - last
    page = many.items[start:stop]
    nodes = [many.wrap(item) for item in page]
    edges = [
        {"cursor": _cursor(start + i), "node": node, **(many.edge(item) if many.edge else {})}
        for i, (item, node) in enumerate(zip(page, nodes, strict=True), 1)
    ]
    return {
        "nodes": nodes,
        "edges": edges,
        "totalCount": count,
        "pageInfo": {
            "hasNextPage": stop < count,
            "hasPreviousPage": start > 0,
            "startCursor": _cursor(start + 1) if page else None,
            "endCursor": _cursor(stop) if page else None,
        },
        **many.extra,
    }


def _cursor(place: int) -> str:
    return base64.b64encode(f"cursor:{place}".encode()).decode()


def _offset(cursor: str) -> int:
    try:
        return max(0, int(base64.b64decode(cursor).decode().removeprefix("cursor:")))
    except ValueError:
        raise Denied("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.") from None


def snake(name: str) -> str:
    """``reviewThreads`` as ``review_threads``."""
    return re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()


@functools.cache
def load_schema() -> GraphQLSchema:
    """The schema with every field bound, once for all sandboxes of a process: it knows nothing of their worlds.

    A field without an answer is an error here, not when somebody asks.
    """
    schema = build_schema(SCHEMA_FILE.read_text(encoding="utf-8"))
    unanswered = []
    for name, kind in schema.type_map.items():
        if name.startswith("__"):
            continue
        if is_abstract_type(kind):
            kind.resolve_type = _type_of
        elif isinstance(kind, GraphQLObjectType):
            unanswered += list(_bind(name, kind))
    if unanswered:
        raise TypeError(f"nothing answers {', '.join(unanswered)}")
    return schema


def _type_of(value: Any, *_: object) -> str:
    return str(value["__typename"] if isinstance(value, dict) else value.typename)


def _bind(name: str, kind: GraphQLObjectType) -> Iterator[str]:
    """Bind the fields of one type; gives those that its class has no answer for."""
    cls = Thing.classes.get(name)
    for field_name, definition in kind.fields.items():
        pages = get_named_type(definition.type).name.endswith("Connection")
        if cls is None:
            definition.resolve = _from_key(field_name)
            continue
        attribute = snake(field_name)
        member = inspect.getattr_static(cls, attribute, None)
        if member is None and attribute not in _set_at_birth(cls):
            yield f"{name}.{field_name}"
            continue
        if not inspect.isfunction(member):
            definition.resolve = _from_attribute(attribute, pages=pages)
        elif pages:
            definition.resolve = _from_pages(member)
        else:
            definition.resolve = _from_method(member)


def _set_at_birth(cls: type[Thing]) -> set[str]:
    """The attributes that ``__init__`` names, in the class or above it."""
    makers = (vars(each).get("__init__") for each in cls.__mro__)
    return {name for maker in makers if inspect.isfunction(maker) for name in maker.__code__.co_names}


def _from_key(key: str) -> Callable[..., Any]:
    return lambda source, _info: source[key]


def _from_attribute(attribute: str, *, pages: bool) -> Callable[..., Any]:
    if pages:
        return lambda source, _info, first=None, last=None, after=None, before=None: connection(
            getattr(source, attribute), first, last, after, before
        )
    return lambda source, _info: getattr(source, attribute)


def _from_method(method: Callable[..., Any]) -> Callable[..., Any]:
    return lambda source, _info, **arguments: method(source, **{snake(key): each for key, each in arguments.items()})


def _from_pages(method: Callable[..., Any]) -> Callable[..., Any]:
    def resolve(
        source: Any,
        _info: object,
        first: int | None = None,
        last: int | None = None,
        after: str | None = None,
        before: str | None = None,
        **arguments: Any,
    ) -> Any:
        many = method(source, **{snake(key): each for key, each in arguments.items()})
        return connection(many, first, last, after, before)

    return resolve
