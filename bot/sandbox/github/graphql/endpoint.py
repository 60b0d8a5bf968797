"""``POST /api/graphql``: read, check, measure, execute, and word the errors as GitHub does."""

from __future__ import annotations

import importlib
import itertools
import threading
import traceback
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from graphql import GraphQLError, OperationDefinitionNode, OperationType, execute, parse, validate
from graphql.execution import ExecutionResult

from bot.sandbox.github.access import Access
from bot.sandbox.github.call import Refusal
from bot.sandbox.github.graphql.limits import Size, TooLarge, measure
from bot.sandbox.github.graphql.pieces import Shapes
from bot.sandbox.github.graphql.thing import Context, Denied, load_schema, make
from bot.sandbox.wire import NotJson, Response

if TYPE_CHECKING:
    from collections.abc import Awaitable

    from graphql import DocumentNode, GraphQLSchema

    from bot.sandbox.github.graphql.pieces import Piece, Shape
    from bot.sandbox.github.meters import Meters
    from bot.sandbox.identity import Token
    from bot.sandbox.wire import Request
    from bot.sandbox.world import World

MODULES = ("actors", "checks", "commits", "issues", "pulls", "query", "releases", "repository", "rules")
TOO_SLOW = (
    "Something went wrong while executing your query. This may be the result of a timeout, or it could be a GitHub bug."
)
ROOM = 500_000
"""Characters of documents that are remembered; what they are read into takes about a hundred times as many bytes."""


class Documents:
    """Documents that were parsed and validated, or what is wrong with each: the same are asked again and again."""

    def __init__(self, room: int = ROOM) -> None:
        self._room = room
        self._used = 0
        self._kept: OrderedDict[str, DocumentNode | list[GraphQLError]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, schema: GraphQLSchema, text: str) -> DocumentNode | list[GraphQLError]:
        """The document, or what is wrong with it."""
        with self._lock:
            known = self._kept.get(text)
            if known is not None:
                self._kept.move_to_end(text)
                return known
        found: DocumentNode | list[GraphQLError]
        try:
            document = parse(text)
            found = validate(schema, document) or document
        except GraphQLError as wrong:
            found = [wrong]
        with self._lock:
            if text not in self._kept and len(text) <= self._room:
                self._kept[text] = found
                self._used += len(text)
                while self._used > self._room:
                    self._used -= len(self._kept.popitem(last=False)[0])
        return found


_DOCUMENTS = Documents()
"""For all sandboxes of a process: their schema is the same."""


@dataclass(frozen=True)
class Whole:
    """A query that is executed as it is."""

    document: DocumentNode
    variables: dict[str, Any]
    name: str | None
    size: Size

    @property
    def writes(self) -> bool:
        """Whether it is a mutation."""
        operations = [each for each in self.document.definitions if isinstance(each, OperationDefinitionNode)]
        return any(each.operation is OperationType.MUTATION for each in operations)


@dataclass(frozen=True)
class Pieces:
    """A large query in pieces."""

    text: str
    pieces: list[tuple[Piece, Shape]]
    size: Size

    def location(self, piece: Piece) -> dict[str, int]:
        """Where a piece begins."""
        before = self.text[: piece.place]
        return {"line": before.count("\n") + 1, "column": piece.place - before.rfind("\n")}


class GraphQL:
    """Answers GraphQL requests."""

    def __init__(self, world: World, api: str, meters: Meters) -> None:
        self.world = world
        self.html = api.removesuffix("/api/v3")
        self.meters = meters
        for module in MODULES:
            importlib.import_module(f"bot.sandbox.github.graphql.{module}")
        self.schema = load_schema()
        self._shapes = Shapes(self.schema)
        self._numbers = itertools.count(1)

    def handle(self, request: Request) -> Response:
        """The answer."""
        token = self.world.token(request.secret)
        if token is None or token.expired:
            message = "Bad credentials" if request.secret else "This endpoint requires you to be authenticated."
            return Refusal(401, message).response
        if request.method != "POST":
            return Refusal(404, "Not Found").response
        try:
            body = request.json()
        except NotJson:
            return Refusal(400, "Problems parsing JSON").response
        if not isinstance(body, dict) or not isinstance(body.get("query"), str):
            return Response(200, {"errors": [{"message": "A query attribute must be specified and must be a string."}]})
        variables = body.get("variables") or {}
        name = body.get("operationName")
        asked = self._asked(body["query"], variables, name)
        refused = self.meters.refusal(token, "graphql", writes=isinstance(asked, Whole) and asked.writes)
        response = refused or (asked if isinstance(asked, Response) else self._run(asked, token))
        response.headers |= self.meters.graphql.headers(token)
        response.headers["X-GitHub-Request-Id"] = f"SANDQ:{next(self._numbers):X}"
        response.headers["X-GitHub-Media-Type"] = "github.v4; format=json"
        return response

    def _asked(self, text: str, variables: dict[str, Any], name: str | None) -> Whole | Pieces | Response:
        """What a query asks for; or what is wrong with it."""
        try:
            pieces = None if variables or name else self._shapes.of(text)
            if pieces is not None:
                size = Size(
                    sum(shape.size.nodes for _, shape in pieces), sum(shape.size.requests for _, shape in pieces)
                )
                size.check()
                return Pieces(text, pieces, size)
            document = _DOCUMENTS.read(self.schema, text)
            if isinstance(document, list):
                return Response(200, {"errors": [_invalid(error) for error in document]})
            return Whole(document, variables, name, measure(self.schema, document, variables))
        except TooLarge as wrong:
            return Response(200, {"data": None, "errors": [{"type": wrong.kind, "message": wrong.message}]})

    def _run(self, asked: Whole | Pieces, token: Token) -> Response:
        size = asked.size
        largest = self.meters.accounts.limits.largest_query
        if largest is not None and size.nodes > largest:
            return Response(502, {"data": None, "errors": [{"message": TOO_SLOW}]})
        self.meters.graphql.spend(token, size.cost)
        self.meters.accounts.spent(token).points += size.cost
        context = Context(self.world, Access(token, self.world), self.html, self.meters, size.cost, size.nodes)
        if isinstance(asked, Pieces):
            return Response(200, self._one_by_one(asked, context))
        result = self._execute(asked.document, context, asked.variables, asked.name)
        answer: dict[str, object] = {"data": result.data}
        if result.errors:
            answer["errors"] = [_error(error) for error in result.errors]
        return Response(200, answer)

    def _one_by_one(self, asked: Pieces, context: Context) -> dict[str, object]:
        """The answers to the pieces of a query, put together. An error's location is where its piece begins."""
        data: dict[str, object] | None = {}
        errors: list[dict[str, object]] = []
        for piece, shape in asked.pieces:
            given = {name: piece.strings[place] for name, place in shape.variables.items()}
            result = self._execute(shape.document, context, given)
            for error in result.errors or ():
                said = _error(error)
                path = [piece.alias, *(error.path or [])[1:]]
                errors.append({**said, "path": path, "locations": [asked.location(piece)]})
            if result.data is None:
                data = None
            elif data is not None:
                data[piece.alias] = result.data[piece.name]
        return {"data": data, **({"errors": errors} if errors else {})}

    def _execute(
        self, document: DocumentNode, context: Context, variables: dict[str, Any], name: str | None = None
    ) -> ExecutionResult:
        result = execute(
            self.schema,
            document,
            root_value=make(context, "Query"),
            context_value=context,
            variable_values=variables,
            operation_name=name,
            is_awaitable=_never,
        )
        if not isinstance(result, ExecutionResult):
            raise TypeError("the sandbox's resolvers are synchronous")
        return result


def _never(_value: object) -> TypeGuard[Awaitable[Any]]:
    """Nothing here is awaitable: saying so at once saves a look at every value."""
    return False


def _places(error: GraphQLError) -> list[dict[str, int]]:
    return [{"line": place.line, "column": place.column} for place in error.locations or ()]


def _invalid(error: GraphQLError) -> dict[str, object]:
    """An error of the document."""
    return {"message": error.message, "locations": _places(error), "extensions": {"code": "undefinedField"}}


def _error(error: GraphQLError) -> dict[str, object]:
    """An error beside the data."""
    cause = error.original_error if error.original_error is not None else error
    body: dict[str, object] = {}
    message = error.message
    if isinstance(cause, Denied):
        body["type"] = cause.kind
    elif not isinstance(cause, GraphQLError):
        last = traceback.extract_tb(cause.__traceback__)[-1]
        body["type"] = "INTERNAL"
        message = f"The sandbox failed: {type(cause).__name__}: {cause} ({Path(last.filename).name}:{last.lineno})"
    if error.path is not None:
        body["path"] = list(error.path)
    return {**body, "locations": _places(error), "message": message}
