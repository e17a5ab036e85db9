"""Vendure's own schema (vendure-admin.graphql) against connector, sandbox, mapping and recordings."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import responses
from graphql import (
    GraphQLInputType,
    GraphQLSchema,
    build_schema,
    coerce_input_value,
    execute_sync,
    parse,
    type_from_ast,
    validate,
)
from graphql.language import OperationDefinitionNode

from connectors.channels import vendure_queries
from connectors.channels.vendure import FINISHED_STATES, Vendure
from connectors.channels.vendure_queries import ORDER
from connectors.contract import Outcome, Window
from connectors.runtime import Runtime
from normalization.channels import vendure as mapping
from normalization.channels.vendure_states import ORDER_STATES
from normalization.records import Cancellation, LineCancellation, LineQuantity, ShipmentConfirmation
from normalization.registry import Context
from normalization.statuses import ChannelState
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.vendors.vendure import VendureVendor
from sandbox.world import World

BASE = "https://shop.example"
CHANNEL = "vendure-us"
RECORDED = sorted((Path(__file__).parents[1] / "fixtures" / "vendure").glob("*.json"))
DOCUMENTS = {name: text for name, text in vars(vendure_queries).items() if name.isupper() and "(" in text}


@pytest.fixture(scope="module")
def schema(contracts: Path) -> GraphQLSchema:
    return build_schema((contracts / "specs/vendure/vendure-admin.graphql").read_text())


@pytest.fixture
def world() -> World:
    return build_world(5, plenty=True)


@pytest.fixture
def exchanges(world: World) -> Iterator[list[Exchange]]:
    """Everything that the connector asks for once, and what it was answered."""
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        vendor = VendureVendor(world, CHANNEL)
        seen = mount(mock, BASE, vendor)
        secrets = {"username": vendor.user, "password": vendor.password}
        connector = Vendure(CHANNEL, {"base_url": f"{BASE}/admin-api"}, secrets, Runtime())
        order = place_order(world, CHANNEL, Wish(lines=[("MUG-BLUE", 3)], payment="captured"))
        placed = [place_order(world, CHANNEL) for _ in range(20)]
        window = Window(world.now - timedelta(days=1), world.now + timedelta(minutes=1))
        line = order.lines[0].line_id
        world.remove_units(order, line, 1)
        world.refund(order, {line: 1}, "damaged")
        for units in (1, 9):
            message = ShipmentConfirmation(
                reference="r",
                external_id=order.external_id,
                number=order.number,
                sequence=1,
                lines=(LineQuantity(line_id=line, quantity=units),),
                carrier="UPS",
                tracking_number=f"1Z{units}",
                shipped_at=world.now,
                complete=False,
            )
            result = connector.write("confirm_shipment", mapping.confirm_shipment(message), "r")
            assert result.outcome is Outcome.APPLIED
        for number, given_up in enumerate(placed[:2]):
            cancelled = Cancellation(
                reference="c",
                external_id=given_up.external_id,
                number=given_up.number,
                lines=tuple(
                    LineCancellation(line_id=line.line_id, units=line.current - number, remaining=number)
                    for line in given_up.lines
                ),
                reason="out of stock",
                whole=not number,
            )
            body = mapping.cancel_lines(cancelled)
            assert connector.write("cancel_lines", body, "c").outcome is Outcome.APPLIED
        for stream in connector.streams:
            list(connector.read(stream, window))
        connector.read_one("orders", order.external_id)
        yield seen


@pytest.mark.parametrize("name", sorted(DOCUMENTS))
def test_every_document_is_valid_in_the_schema(schema: GraphQLSchema, name: str) -> None:
    assert validate(schema, parse(DOCUMENTS[name])) == []


def test_there_is_a_document_for_each_call() -> None:
    assert sorted(DOCUMENTS) == [
        "ADD_FULFILMENT",
        "CANCEL",
        "FULFILMENTS",
        "LOGIN",
        "ORDER",
        "ORDERS",
        "TRANSITION",
        "UNITS",
    ]


def test_a_wrong_field_is_noticed(schema: GraphQLSchema) -> None:
    wrong = ORDER.replace("totalWithTax", "grandTotal")
    (error,) = validate(schema, parse(wrong))
    assert error.message.startswith("Cannot query field 'grandTotal' on type 'Order'.")


def test_every_request_has_variables_that_the_schema_takes(
    schema: GraphQLSchema, exchanges: list[Exchange]
) -> None:
    asked = set()
    for exchange in exchanges:
        body = exchange.request.json()
        (operation,) = operations(body["query"])
        asked.add(operation.name.value if operation.name else "")
        for variable in operation.variable_definitions:
            kind = type_from_ast(schema, variable.type)
            assert kind is not None
            coerce(body["variables"].get(variable.variable.name.value), kind)  # type: ignore[arg-type]
    parcels = {"Fulfilments", "AddFulfilment", "TransitionFulfilment"}
    assert asked == {"Login", "Orders", "Order", "Units", "Cancel"} | parcels


def test_every_answer_of_the_sandbox_is_one_that_the_schema_allows(
    schema: GraphQLSchema, exchanges: list[Exchange]
) -> None:
    for exchange in exchanges:
        body, answer = exchange.request.json(), json.loads(exchange.answer.body)
        assert "errors" not in answer
        assert_allowed(schema, body["query"], body["variables"], answer["data"])


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_what_the_real_server_answered_is_what_the_schema_allows(schema: GraphQLSchema, file: Path) -> None:
    assert_allowed(schema, ORDER, {"id": "1"}, {"order": json.loads(file.read_text())})


@pytest.mark.parametrize("file", RECORDED, ids=lambda file: file.stem)
def test_the_sandbox_answers_in_the_shape_of_the_real_server(file: Path, exchanges: list[Exchange]) -> None:
    imitated = shape(
        [
            json.loads(exchange.answer.body)["data"]["order"]
            for exchange in exchanges
            if b"query Order(" in exchange.request.body
        ]
    )
    differences = list(unlike(shape([json.loads(file.read_text())]), imitated, "order"))
    assert differences == []


def test_finished_states_are_those_that_the_mapping_calls_finished() -> None:
    done = {ChannelState.CLOSED, ChannelState.CANCELLED}
    assert set(FINISHED_STATES) == {word for word, state in ORDER_STATES.items() if state in done}


def test_every_order_of_the_sandbox_normalizes_and_adds_up(world: World, exchanges: list[Exchange]) -> None:
    seen = set()
    for exchange in exchanges:
        if b"query Orders(" not in exchange.request.body:
            continue
        for raw in mapping.orders_in(exchange.answer.body):
            order: Any = mapping.order(raw, Context(CHANNEL, world.now))
            truth = world.orders[CHANNEL, order.external_id]
            parts = [*order.lines, *order.shipping, *order.charges]
            assert sum(part.total.minor for part in parts) == order.totals.total.minor == truth.total()
            assert [(line.line_id, line.ordered - line.cancelled) for line in order.lines] == [
                (line.line_id, line.current) for line in truth.lines
            ]
            assert order.warnings == ()
            seen.add(order.external_id)
    assert len(seen) == 21


def operations(document: str) -> list[OperationDefinitionNode]:
    return [one for one in parse(document).definitions if isinstance(one, OperationDefinitionNode)]


def coerce(value: object, kind: GraphQLInputType) -> None:
    """Raises GraphQLError where the value does not fit."""
    coerce_input_value(value, kind)


def assert_allowed(schema: GraphQLSchema, query: str, variables: dict[str, Any], data: Any) -> None:  # noqa: ANN401
    """The schema itself, executed over the data, gives the data back without an error."""
    result = execute_sync(schema, parse(query), root_value=data, variable_values=variables)
    assert result.errors is None
    assert result.data == data


def shape(values: list[Any]) -> Any:  # noqa: ANN401
    """What all values of one place have in common: their fields, or the types that were seen."""
    inner = [each for value in values if isinstance(value, list) for each in value]
    if any(isinstance(value, list) for value in values):
        return [shape(inner)]
    if any(isinstance(value, dict) for value in values):
        objects = [value for value in values if isinstance(value, dict)]
        names = {name for value in objects for name in value}
        return {name: shape([value.get(name) for value in objects]) for name in names}
    return {float if type(value) is int else type(value) for value in values}  # JSON has one kind of number


def unlike(real: Any, imitated: Any, place: str) -> Iterator[str]:  # noqa: ANN401
    """Where two shapes differ, apart from what only one side happened to have (empty lists, nulls)."""
    if isinstance(real, dict) and isinstance(imitated, dict):
        if real.keys() != imitated.keys():
            yield f"{place}: {sorted(real.keys() ^ imitated.keys())}"
        for name in real.keys() & imitated.keys():
            yield from unlike(real[name], imitated[name], f"{place}.{name}")
    elif isinstance(real, list) and isinstance(imitated, list):
        if real != [set()] and imitated != [set()]:
            yield from unlike(real[0], imitated[0], place)
    elif isinstance(real, set) and isinstance(imitated, set):
        known = real - {type(None)}, imitated - {type(None)}
        if all(known) and not known[0] & known[1]:
            yield f"{place}: {known}"
    elif real != {type(None)} and imitated != {type(None)}:
        yield f"{place}: one is a value, the other is not"
