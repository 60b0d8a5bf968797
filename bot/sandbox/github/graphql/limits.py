"""How large a query is, as GitHub reckons: every connection bounded, and the nodes that it could return at most.

The rules are in GitHub's "Rate limits and query limits for the GraphQL API".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    VariableNode,
    get_named_type,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from graphql import DocumentNode, SelectionSetNode

MOST_PER_PAGE = 100
MOST_NODES = 500_000


class TooLarge(Exception):  # noqa: N818 - reads as what it says
    """A query that GitHub would not run."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


@dataclass
class Size:
    """What a query would ask for at most."""

    nodes: int = 0
    requests: int = 0

    @property
    def cost(self) -> int:
        """Its points."""
        return max(1, (self.requests + 50) // 100)

    def check(self) -> None:
        """TooLarge, where GitHub would not run it."""
        if self.nodes > MOST_NODES:
            message = f"This query requests up to {self.nodes:,} possible nodes"
            raise TooLarge("MAX_NODE_LIMIT_EXCEEDED", f"{message} which exceeds the maximum limit of {MOST_NODES:,}.")


def measure(schema: GraphQLSchema, document: DocumentNode, variables: Mapping[str, Any]) -> Size:
    """The size of a query, or TooLarge."""
    fragments = {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}
    size = Size()
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode):
            defaults = {
                each.variable.name.value: int(each.default_value.value)
                for each in definition.variable_definitions or ()
                if isinstance(each.default_value, IntValueNode)
            }
            walker = _Walker(schema, fragments, {**defaults, **variables}, size)
            walker.walk(schema.query_type, definition.selection_set, 1)
    size.check()
    return size


@dataclass
class _Walker:
    schema: GraphQLSchema
    fragments: Mapping[str, FragmentDefinitionNode]
    variables: Mapping[str, Any]
    size: Size

    def walk(self, parent: Any, selections: SelectionSetNode | None, times: int) -> None:
        """Count what is selected below a type that occurs so many times."""
        for node in selections.selections if selections else ():
            if isinstance(node, FieldNode):
                self._field(parent, node, times)
            elif isinstance(node, InlineFragmentNode):
                kind = self.schema.get_type(node.type_condition.name.value) if node.type_condition else parent
                self.walk(kind, node.selection_set, times)
            elif isinstance(node, FragmentSpreadNode):
                fragment = self.fragments[node.name.value]
                kind = self.schema.get_type(fragment.type_condition.name.value)
                self.walk(kind, fragment.selection_set, times)

    def _field(self, parent: Any, node: FieldNode, times: int) -> None:
        definition = getattr(parent, "fields", {}).get(node.name.value)
        if definition is None or not node.selection_set:
            return
        kind = get_named_type(definition.type)
        if isinstance(kind, GraphQLObjectType) and kind.name.endswith("Connection"):
            count = self._count(node)
            self.size.requests += times
            self.size.nodes += times * count
            times *= count
        self.walk(kind, node.selection_set, times)

    def _count(self, node: FieldNode) -> int:
        for argument in node.arguments or ():
            name = argument.name.value
            if name in ("first", "last"):
                value = argument.value
                count = self.variables.get(value.name.value) if isinstance(value, VariableNode) else None
                if isinstance(value, IntValueNode):
                    count = int(value.value)
                if not isinstance(count, int):
                    continue
                if count > MOST_PER_PAGE:
                    message = (
                        f"Requesting {count} records on the `{node.name.value}` connection exceeds the `{name}` limit "
                        f"of {MOST_PER_PAGE} records."
                    )
                    raise TooLarge("EXCESSIVE_PAGINATION", message)
                if count < 0:
                    raise TooLarge(
                        "INVALID_PAGINATION", f"`{name}` on the `{node.name.value}` connection cannot be negative."
                    )
                return count
        message = f"You must provide a `first` or `last` value to properly paginate the `{node.name.value}` connection."
        raise TooLarge("MISSING_PAGINATION_BOUNDARIES", message)
