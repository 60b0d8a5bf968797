"""Puts what many facts want from GraphQL into few queries, and gives each its own part of the answer.

A ``Piece`` says where it stands (repository, then pull request, say) and what it selects there. Pieces that stand in the same
place share it; pieces of several repositories are batched by aliases. When GitHub says that this is too much, the batch is
halved. An error of the answer belongs to the pieces whose part its path leads into, and to no other.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from bot.engine.ports import PlatformError
from bot.model.facts import NotSupported, Unavailable, UnknownKind
from bot.platforms.github.client import ROOM, GitHubClient, GraphError, Json, TooMuch
from bot.platforms.github.whereabouts import ASKED

ROOTS = 40
"""Repositories in one query."""

_HOME = "repository("

BUDGET = "rateLimit { cost remaining resetAt nodeCount }"


def text(value: str) -> str:
    """A GraphQL string. GraphQL's escapes are JSON's."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def repository(owner_and_name: str) -> str:
    """The field of a repository, by ``owner/name``."""
    owner, _, name = owner_and_name.partition("/")
    return f"repository(owner: {text(owner)}, name: {text(name)})"


class Unanswerable(Exception):  # noqa: N818 - reads as what it says
    """While a fact was parsed it turned out that it cannot be had."""

    def __init__(self, answer: Unavailable | NotSupported) -> None:
        super().__init__(answer.reason)
        self.answer = answer


@dataclass(frozen=True, slots=True)
class Connection:
    """A list that comes in pages. ``wrap`` leads to it from where its piece stands (``... on X`` is passed through)."""

    alias: str
    field: str
    inner: str
    arguments: str = ""
    size: int = 100
    wrap: tuple[str, ...] = ()

    def select(self, after: str | None = None) -> str:
        """The selection of one page."""
        arguments = [f"first: {self.size}", *([f"after: {text(after)}"] if after else []), self.arguments]
        body = (
            f"{self.alias}: {self.field}({', '.join(filter(None, arguments))}) "
            f"{{ totalCount pageInfo {{ hasNextPage endCursor }} nodes {{ {self.inner} }} }}"
        )
        for step in reversed(self.wrap):
            body = f"{step} {{ {body} }}"
        return body

    @property
    def keys(self) -> tuple[str, ...]:
        """Where it is in the answer."""
        return (*(step.split(":")[0].split("(")[0] for step in self.wrap if not step.startswith("...")), self.alias)


@dataclass(frozen=True, slots=True)
class Piece:
    """One part of a query."""

    path: tuple[str, ...]
    """Fields from the root to where it stands, without aliases, which are given; ``... on X`` may be among them."""
    selection: str = ""
    """What is selected besides the connections; every response key must be the piece's own, or equal for all."""
    connections: tuple[Connection, ...] = ()
    keys: tuple[str, ...] = ()
    """The response keys of the selection, for the errors; ``a.b`` where only b inside of a is its own."""
    weight: int = 1
    """About how many nodes it asks for, besides the first pages of the connections."""
    may_lack: bool = False
    """It asks for things by name (files, teams): GitHub may call one that is not there an error, ``NOT_FOUND``."""

    @property
    def depth(self) -> int:
        """How many keys of the answer lead to it."""
        return sum(not step.startswith("...") for step in self.path)

    @property
    def nodes(self) -> int:
        """About how many nodes it asks for."""
        return self.weight + sum(connection.size for connection in self.connections)

    @property
    def body(self) -> str:
        """The whole selection."""
        return " ".join([self.selection, *(connection.select() for connection in self.connections)])

    def owns(self, path: Sequence[str | int]) -> bool:
        """Whether a path into its place leads to, or through, what is its own."""
        own = [tuple(key.split(".")) for key in self.keys] + [connection.keys for connection in self.connections]
        return any(all(a == b for a, b in zip(path, keys, strict=False)) for keys in own)


@dataclass(frozen=True, slots=True)
class Found:
    """A piece's part of the answer."""

    client: GitHubClient
    piece: Piece
    node: Json
    """Null where the place itself is not there, or not for this token."""
    errors: tuple[GraphError, ...] = ()
    failure: PlatformError | None = None
    home: Json = None
    """The repository that it is in, as far as it must be told from others."""

    def all(self, connection: Connection) -> list[Json]:
        """Every item of a connection: the pages that are lacking are fetched now. Raises ``Unanswerable``."""
        page = _descend(self.node, connection.keys)
        if page is None:
            return []
        nodes = list(page["nodes"] or [])
        cursors: set[str | None] = {None}
        while page["pageInfo"]["hasNextPage"]:
            cursor = page["pageInfo"]["endCursor"]
            if cursor in cursors:
                words = f"{connection.field} could not be read to the end: a page was named as its own successor"
                raise Unanswerable(Unavailable(UnknownKind.TRUNCATED, words))
            cursors.add(cursor)
            only = replace(
                self.piece,
                selection=connection.select(cursor),
                keys=(connection.keys[0],),
                connections=(),
            )
            found = _answered(self.client, [only])[0]
            if found.failure is not None:
                raise found.failure
            page = _descend(found.node, connection.keys)
            if page is None:
                words = "; ".join(error.message for error in found.errors) or "a later page is missing"
                raise Unanswerable(
                    Unavailable(UnknownKind.TRUNCATED, f"{connection.field} could not be read to the end: {words}")
                )
            nodes.extend(page["nodes"] or [])
        return [node for node in nodes if node is not None]

    def first(self, connection: Connection) -> Json:
        """A connection's first page, as it was answered."""
        return _descend(self.node, connection.keys)

    def has(self, connection: Connection) -> bool:
        """Whether the connection was answered at all."""
        return _descend(self.node, connection.keys) is not None


def batches(pieces: Sequence[Piece], room: int = ROOM) -> list[list[int]]:
    """Which pieces go into one query of so many nodes, by their positions. Pieces of one root stay together."""
    roots: dict[str, list[int]] = {}
    for position, piece in enumerate(pieces):
        roots.setdefault(piece.path[0], []).append(position)
    made: list[list[int]] = []
    nodes = count = 0
    for positions in roots.values():
        weight = sum(pieces[position].nodes for position in positions)
        if not made or nodes + weight > room or count >= ROOTS:
            made.append([])
            nodes = count = 0
        made[-1].extend(positions)
        nodes += weight
        count += 1
    return made


def ask(client: GitHubClient, pieces: Sequence[Piece], *, again: bool = True) -> list[Found]:
    """One query for all pieces, or several, where GitHub finds one too large. Never raises for what GitHub does.

    Where a query of many failed for good it is sent ``again`` in two: what broke it need not concern all that it asks for.
    """
    try:
        return _answered(client, pieces)
    except PlatformError as failure:
        if again and failure.kind is UnknownKind.TRANSIENT and len(pieces) > 1:
            return [found for half in _halves(pieces) for found in ask(client, half, again=False)]
        return [Found(client, piece, None, failure=failure) for piece in pieces]


def _answered(client: GitHubClient, pieces: Sequence[Piece]) -> list[Found]:
    size = sum(piece.nodes for piece in pieces)
    if len(pieces) > 1 and size > client.room.now:
        return [found for half in _halves(pieces) for found in ask(client, half)]
    tree = _Place()
    places = [tree.put(piece) for piece in pieces]
    query = f"query {{ {tree.render()} {BUDGET} }}"
    try:
        graph = client.graphql(query, divisible=len(pieces) > 1 and client.room.doubtful(size))
    except TooMuch as much:
        if len(pieces) > 1:
            halves = _halves(pieces)
            client.room.too_much(max(sum(piece.nodes for piece in half) for half in halves))
            return [found for half in halves for found in ask(client, half)]
        words = f"GitHub could not answer in one query: {much}. Run again later."
        raise PlatformError(words, UnknownKind.TRANSIENT) from much
    client.room.answered(size)
    return [
        Found(
            client,
            piece,
            _descend(graph.data, aliases),
            _errors_of(graph.errors, aliases, piece),
            home=_descend(graph.data, aliases[:1]),
        )
        for piece, aliases in zip(pieces, places, strict=True)
    ]


def _halves(pieces: Sequence[Piece]) -> tuple[Sequence[Piece], Sequence[Piece]]:
    """Both ask for about as much."""
    room = sum(piece.nodes for piece in pieces) / 2
    middle = 0
    while middle < len(pieces) - 1 and (not middle or room > 0):
        room -= pieces[middle].nodes
        middle += 1
    return pieces[:middle], pieces[middle:]


@dataclass(slots=True)
class _Place:
    """A node of the query: places by their field, with aliases, and the selections that stand here."""

    inside: dict[str, tuple[str, _Place]] = field(default_factory=dict)
    selections: list[str] = field(default_factory=list)

    def put(self, piece: Piece) -> tuple[str, ...]:
        """Add a piece; gives the aliases on the way to it."""
        place, aliases = self, []
        for step in piece.path:
            if step not in place.inside:
                place.inside[step] = ("" if step.startswith("...") else f"{step[0]}{len(place.inside)}_", _Place())
            alias, place = place.inside[step]
            if alias:
                aliases.append(alias)
        if piece.body not in place.selections:
            place.selections.append(piece.body)
        return tuple(aliases)

    def render(self) -> str:
        inner = [
            f"{f'{alias}: ' if alias else ''}{step} {{ {f'{ASKED} ' if step.startswith(_HOME) else ''}{place.render()} }}"
            for step, (alias, place) in self.inside.items()
        ]
        return " ".join([*self.selections, *inner])


def _descend(node: Json, keys: Sequence[str]) -> Json:
    for key in keys:
        if not isinstance(node, dict):
            return None
        node = node.get(key)
    return node


def _errors_of(errors: Sequence[GraphError], aliases: tuple[str, ...], piece: Piece) -> tuple[GraphError, ...]:
    found = []
    for error in errors:
        shared = min(len(error.path), len(aliases))
        if error.path[:shared] != aliases[:shared]:
            continue
        inside = len(error.path) > len(aliases)
        if inside and not piece.owns(error.path[len(aliases) :]):
            continue
        if inside and piece.may_lack and error.kind == "NOT_FOUND":
            continue
        found.append(error)
    return tuple(found)
