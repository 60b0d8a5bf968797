"""Large queries in pieces: clients ask one thing of hundreds of repositories in one document, each under an alias.

To read and validate such a document takes far longer than to answer it. What is asked of one repository has the same shape as
what is asked of the next, so a query of nothing but fields is taken apart: each field at its top is read once for its
shape, with its strings as variables, and executed by itself. What is not so simple is answered whole, as every small query is.
"""

from __future__ import annotations

import json
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import GraphQLError, StringValueNode, TypeInfo, TypeInfoVisitor, Visitor, parse, validate, visit

from bot.sandbox.github.graphql.limits import Size, measure

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import DocumentNode, GraphQLSchema

LARGE = 4_000
"""From how many characters on a query is taken apart."""
MOST_SHAPES = 2_048

HEAD = re.compile(r"[\s,]*(?:query\b\s*\w*\s*)?\{")
TOKEN = re.compile(r'"(?:[^"\\\n]|\\.)*"|[{}()\[\]]|[^"{}()\[\]]+')
FIELD = re.compile(r"[\s,]*(?:(\w+)\s*:\s*)?(\w+)\s*$")
BEYOND = re.compile(r'[#$@]|"""')
"""Comments, variables, directives and block strings: not taken apart."""


Key = tuple[tuple[str, ...], tuple[int, ...]]


@dataclass(frozen=True)
class Piece:
    """One field at the top of a query."""

    alias: str
    """The name that its answer has."""
    name: str
    shape: tuple[str, ...]
    """Its text without the alias, cut where its strings are."""
    strings: tuple[str, ...]
    place: int
    """Where it begins in the query."""

    @property
    def key(self) -> Key:
        """Its shape, and which of its strings are the same: two fields of one name must have the same arguments."""
        return self.shape, tuple(map(self.strings.index, self.strings))


@dataclass(frozen=True)
class Shape:
    """What is known of a field's shape: the document that asks for it, with its strings as variables."""

    document: DocumentNode
    size: Size
    variables: Mapping[str, int]
    """Each with the place of its string."""


def take_apart(text: str) -> list[Piece] | None:
    """The fields at the top of a query; None where it is made of more than fields."""
    head = HEAD.match(text)
    if len(text) < LARGE or head is None or '"""' in text:
        return None
    pieces: list[Piece] = []
    depth, begun = 0, False
    field, place = "", head.end()
    shape: list[str] = []
    strings: list[str] = []
    for token in TOKEN.finditer(text, head.end()):
        said = token[0]
        if said[0] == '"':
            if not depth:
                return None
            try:
                strings.append(json.loads(said))
            except ValueError:
                return None
            shape.append("")
            continue
        if said in "}])":
            depth -= 1
            if depth < 0:
                return pieces if not field.strip(" \t\r\n,") and not text[token.end() :].strip() else None
            shape[-1] += said
            if said == "}" and depth == 0:
                named = FIELD.match(field)
                if named is None:
                    return None
                name = named[2]
                pieces.append(Piece(named[1] or name, name, (name + shape[0], *shape[1:]), tuple(strings), place))
                field, begun = "", False
            continue
        if said in "{[(":
            depth += 1
            if not begun:
                begun, shape, strings = True, [""], []
            shape[-1] += said
        elif BEYOND.search(said):
            return None
        elif depth:
            shape[-1] += said
        elif begun:
            if said.strip():
                return None
        else:
            place = token.start() + len(said) - len(said.lstrip(" \t\r\n,"))
            field = said
    return None


class Shapes:
    """The shapes that were asked for lately."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._known: OrderedDict[Key, Shape | None] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, text: str) -> list[tuple[Piece, Shape]] | None:
        """A large query in pieces; None where it is to be answered whole."""
        pieces = take_apart(text)
        if not pieces or len({piece.alias for piece in pieces}) < len(pieces):
            return None
        found = []
        for piece in pieces:
            shape = self._shape(piece)
            if shape is None:
                return None
            found.append((piece, shape))
        return found

    def _shape(self, piece: Piece) -> Shape | None:
        with self._lock:
            if piece.key in self._known:
                self._known.move_to_end(piece.key)
                return self._known[piece.key]
        shape = self._read(*piece.key)
        with self._lock:
            self._known[piece.key] = shape
            while len(self._known) > MOST_SHAPES:
                self._known.popitem(last=False)
        return shape

    def _read(self, cut: tuple[str, ...], same: tuple[int, ...]) -> Shape | None:
        """The document of a shape; None where it is wrong, which is told of the whole query."""
        try:
            types = self._types("query { " + '"s"'.join(cut) + " }")
            if types is None or len(types) != len(same):
                return None
            # A string that is used as of two types needs two variables.
            names = {use: f"s{number}" for number, use in enumerate(dict.fromkeys(zip(same, types, strict=True)))}
            given = ", ".join(f"${name}: {kind}" for (_, kind), name in names.items())
            uses = [names[use] for use in zip(same, types, strict=True)]
            text = cut[0] + "".join(f"${name}{rest}" for name, rest in zip(uses, cut[1:], strict=True))
            document = parse(f"query{f'({given})' if given else ''} {{ {text} }}")
        except GraphQLError:
            return None
        if validate(self._schema, document):
            return None
        return Shape(document, measure(self._schema, document, {}), {name: place for (place, _), name in names.items()})

    def _types(self, text: str) -> list[str] | None:
        """The type of every string in a query, in order; None where the query is wrong."""
        document = parse(text)
        if validate(self._schema, document):
            return None
        info = TypeInfo(self._schema)
        found: list[str] = []

        class Strings(Visitor):
            def enter_string_value(self, _node: StringValueNode, *_: Any) -> None:
                found.append(str(info.get_input_type()))

        visit(document, TypeInfoVisitor(info, Strings()))
        return found
