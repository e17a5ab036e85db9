"""A GraphQL selection applied to rendered records, so that an answer holds what was selected and no more."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    parse,
    value_from_ast_untyped,
)

IMPLEMENTS: Mapping[str, frozenset[str]] = {
    "ReturnLineItem": frozenset({"ReturnLineItemType"}),
    # Vendure's business errors
    "CreateFulfillmentError": frozenset({"ErrorResult"}),
    "EmptyOrderLineSelectionError": frozenset({"ErrorResult"}),
    "FulfillmentStateTransitionError": frozenset({"ErrorResult"}),
    "InvalidCredentialsError": frozenset({"ErrorResult"}),
    "ItemsAlreadyFulfilledError": frozenset({"ErrorResult"}),
    "MultipleOrderError": frozenset({"ErrorResult"}),
    "OrderStateTransitionError": frozenset({"ErrorResult"}),
    "QuantityTooGreatError": frozenset({"ErrorResult"}),
}
"""Interfaces by the record's `__typename`."""


class SelectionError(Exception):
    """What Shopify would answer in `errors`."""


@dataclass(frozen=True, slots=True)
class Slice:
    """One page of a connection, rendered."""

    nodes: Sequence[Any]
    cursors: Sequence[str]
    has_next: bool


class Connection(list[Any]):
    """A list that is asked for page by page. Its cursors are positions."""

    def page(self, arguments: Mapping[str, Any]) -> Slice:
        """The page that `first` and `after` name."""
        start = int(uncursor(arguments["after"])) + 1 if arguments.get("after") else 0
        stop = min(start + page_size(arguments), len(self))
        cursors = [cursor(position) for position in range(start, stop)]
        return Slice(self[start:stop], cursors, stop < len(self))


Resolver = Callable[[Mapping[str, Any]], Any]
"""Makes the value of a root field from its arguments."""


@lru_cache(maxsize=256)
def document(text: str) -> DocumentNode:
    """The document of a request's text; clients send few texts, and each many times."""
    return parse(text, no_location=True)


def page_size(arguments: Mapping[str, Any]) -> int:
    """`first`, within what Shopify allows."""
    first = arguments.get("first")
    if not isinstance(first, int) or isinstance(first, bool):
        raise SelectionError("you must provide one of first or last")
    if not 0 < first <= 250:
        raise SelectionError("first must be from 1 to 250")
    return first


def cursor(position: object) -> str:
    """An opaque cursor."""
    return base64.b64encode(json.dumps(position).encode()).decode()


def uncursor(text: str) -> Any:  # noqa: ANN401 -- whatever was put in
    """What a cursor holds."""
    try:
        return json.loads(base64.b64decode(text, validate=True))
    except ValueError as error:
        raise SelectionError("Invalid cursor for current pagination sort.") from error


class Execution:
    """One operation of a document over root resolvers."""

    def __init__(self, document: DocumentNode, variables: Mapping[str, Any]) -> None:
        self._variables = dict(variables)
        self._fragments: dict[str, FragmentDefinitionNode] = {}
        operations: list[OperationDefinitionNode] = []
        for definition in document.definitions:
            if isinstance(definition, FragmentDefinitionNode):
                self._fragments[definition.name.value] = definition
            elif isinstance(definition, OperationDefinitionNode):
                operations.append(definition)
        if len(operations) != 1:
            raise SelectionError("An operation name is required")
        self.operation = operations[0]

    @property
    def is_mutation(self) -> bool:
        """Whether the operation changes something."""
        return self.operation.operation is OperationType.MUTATION

    def roots(self) -> list[tuple[str, Mapping[str, Any]]]:
        """The root fields with their arguments."""
        return [
            (field.name.value, self._arguments(field))
            for field in self._fields(self.operation.selection_set, "Root")
        ]

    def run(self, resolvers: Mapping[str, Resolver]) -> dict[str, Any]:
        """The operation's data."""
        data: dict[str, Any] = {}
        for field in self._fields(self.operation.selection_set, "Root"):
            name = field.name.value
            if name not in resolvers:
                kind = "Mutation" if self.is_mutation else "QueryRoot"
                raise SelectionError(f"Field '{name}' doesn't exist on type '{kind}'")
            value = resolvers[name](self._arguments(field))
            data[_key(field)] = self._project(value, field)
        return data

    def _project(self, value: Any, field: FieldNode) -> Any:  # noqa: ANN401 -- any JSON
        if isinstance(value, Connection):
            value = value.page(self._arguments(field))
        if isinstance(value, Slice):
            value = {
                "nodes": list(value.nodes),
                "edges": [
                    {"node": node, "cursor": mark}
                    for node, mark in zip(value.nodes, value.cursors, strict=True)
                ],
                "pageInfo": {
                    "hasNextPage": value.has_next,
                    "endCursor": value.cursors[-1] if value.cursors else None,
                },
            }
        if value is None or field.selection_set is None:
            return value
        if isinstance(value, list):
            return [self._object(entry, field) for entry in value]
        return self._object(value, field)

    def _object(self, value: Mapping[str, Any], field: FieldNode) -> dict[str, Any]:
        typename = value.get("__typename", "")
        answer: dict[str, Any] = {}
        if field.selection_set is None:
            raise SelectionError(f"Field must have selections (field '{field.name.value}')")
        for inner in self._fields(field.selection_set, typename):
            name = inner.name.value
            if name not in value:
                raise SelectionError(f"Field '{name}' doesn't exist on type of '{field.name.value}'")
            answer[_key(inner)] = self._project(value[name], inner)
        return answer

    def _fields(self, selections: SelectionSetNode, typename: str) -> list[FieldNode]:
        found: list[FieldNode] = []
        for selection in selections.selections:
            if isinstance(selection, FieldNode):
                found.append(selection)
            elif isinstance(selection, InlineFragmentNode):
                condition = selection.type_condition
                if condition is None or _is_a(typename, condition.name.value):
                    found.extend(self._fields(selection.selection_set, typename))
            elif isinstance(selection, FragmentSpreadNode):
                fragment = self._fragments[selection.name.value]
                if _is_a(typename, fragment.type_condition.name.value):
                    found.extend(self._fields(fragment.selection_set, typename))
        return found

    def _arguments(self, field: FieldNode) -> dict[str, Any]:
        return {
            argument.name.value: value_from_ast_untyped(argument.value, self._variables)
            for argument in field.arguments
        }


def _key(field: FieldNode) -> str:
    return field.alias.value if field.alias else field.name.value


def _is_a(typename: str, condition: str) -> bool:
    """Records without a `__typename` are of the one type that their field has."""
    return not typename or typename == condition or condition in IMPLEMENTS.get(typename, ())
