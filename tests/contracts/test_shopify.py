"""What is held against Shopify's own schema and recorded answers: requests, mapping and sandbox."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import graphql
import msgspec
import pytest

from connectors.channels import shopify_queries as texts
from normalization.channels import shopify as mapping
from normalization.errors import NormalizationError, Reason
from normalization.records import CanonicalOrder
from normalization.registry import Context
from sandbox.buyers import place_order
from sandbox.merchant import build_world
from sandbox.vendor import VendorRequest
from sandbox.vendors.shopify import ShopifyVendor
from tests.contracts.conftest import CONTRACTS

PAYLOADS = CONTRACTS / "payloads" / "shopify"
EXPECTED = Path(__file__).parent / "expected" / "shopify"
CONTEXT = Context("shopify", datetime(2026, 10, 1, tzinfo=UTC))
RECORDED = sorted(path.name for path in PAYLOADS.glob("graphql_*.json")) if PAYLOADS.is_dir() else []
OUT_OF_SCOPE: dict[str, list[str]] = json.loads((EXPECTED / "out_of_scope.json").read_text())
"""File name to the reason of every order in it, or of the file as a whole."""


@pytest.fixture(scope="module")
def schema(contracts: Path) -> graphql.GraphQLSchema:
    text = (contracts / "specs" / "shopify" / "shopify_admin_2026-10.graphql").read_text()
    return graphql.build_schema(text, assume_valid=True)


# --- requests


def test_every_text_is_valid_and_asks_for_nothing_deprecated(schema: graphql.GraphQLSchema) -> None:
    rules = [*graphql.specified_rules, graphql.validation.NoDeprecatedCustomRule]
    for text in texts.every_text():
        assert graphql.validate(schema, graphql.parse(text), rules) == []


def test_the_fulfilments_input_is_what_the_schema_wants(schema: graphql.GraphQLSchema) -> None:
    kind = schema.type_map["FulfillmentInput"]
    assert isinstance(kind, graphql.GraphQLInputObjectType)
    sent = {
        "lineItemsByFulfillmentOrder": [
            {"fulfillmentOrderId": "gid://1", "fulfillmentOrderLineItems": [{"id": "gid://2", "quantity": 1}]}
        ],
        "notifyCustomer": False,
        "trackingInfo": {"number": "1Z", "company": "UPS", "url": "https://example.test"},
    }
    graphql.coerce_input_value(sent, kind)


# --- recordings


def result_of(name: str) -> tuple[list[CanonicalOrder], list[str]]:
    """The orders of a recorded file, and the reasons of those that are none."""
    try:
        raws = list(mapping.orders_in((PAYLOADS / name).read_bytes()))
    except NormalizationError as error:
        return [], [str(error)]
    orders, reasons = [], []
    for raw in raws:
        try:
            orders.append(mapping.order(raw, CONTEXT))
        except NormalizationError as error:
            reasons.append(str(error))
    return orders, reasons


def figures(order: CanonicalOrder) -> dict[str, Any]:
    """What a person checked: identity, currency, amounts and quantities."""
    assert order.totals
    assert isinstance(order.lines, tuple)
    return {
        "external_id": order.external_id,
        "number": order.number,
        "currency": order.currency,
        "total": order.totals.total.minor,
        "tax": order.totals.tax.minor,
        "discount": order.totals.discount.minor,
        "shipping": order.totals.shipping.minor,
        "refunded": order.totals.refunded.minor,
        "payment_state": order.payment_state.value,
        "lines": [
            {
                "line_id": line.line_id,
                "sku": line.sku,
                "ordered": line.ordered,
                "cancelled": line.cancelled,
                "fulfilled": line.fulfilled,
                "returned": line.returned,
                "total": line.total.minor,
            }
            for line in order.lines
        ],
    }


@pytest.mark.parametrize("name", RECORDED)
def test_a_recorded_exchange_normalizes_or_is_out_of_scope_for_its_reason(name: str) -> None:
    orders, reasons = result_of(name)
    assert reasons == OUT_OF_SCOPE.get(name, [])
    expected = EXPECTED / name
    if orders:
        assert [figures(order) for order in orders] == json.loads(expected.read_text())
    else:
        assert reasons, "an answer without orders and without a reason"
        assert not expected.exists()


def test_the_tables_name_only_files_that_there_are() -> None:
    listed = {path.name for path in EXPECTED.glob("graphql_*.json")} | OUT_OF_SCOPE.keys()
    assert listed == set(RECORDED)


def test_the_legacy_rest_api_is_out_of_scope_as_a_class() -> None:
    names = sorted(PAYLOADS.glob("rest_2026_07_order_get_orders_*.json"))
    assert names
    for path in names:
        with pytest.raises(NormalizationError) as caught:
            list(mapping.orders_in(path.read_bytes()))
        assert caught.value.reason is Reason.OUT_OF_SCOPE


def test_a_recorded_order_that_is_tampered_with_no_longer_sums_up() -> None:
    path = PAYLOADS / "graphql_2026_04_order_merchant_detail_read_response.json"
    order = json.loads(path.read_text())["response"]["data"]["order"]
    order["lineItems"]["nodes"][0]["originalUnitPriceSet"]["shopMoney"]["amount"] = "45.01"
    with pytest.raises(NormalizationError) as caught:
        mapping.order(json.dumps(order).encode(), CONTEXT)
    assert caught.value.reason is Reason.SUMS_DIFFER


# --- the sandbox's answers


@pytest.fixture(scope="module")
def vendor() -> ShopifyVendor:
    world = build_world(plenty=True)
    made = ShopifyVendor(world, "shopify-eu")
    orders = [place_order(world, "shopify-eu") for _ in range(40)]
    world.now += timedelta(hours=1)
    for order in orders[:20]:
        world.tell(order, {line.line_id: line.quantity for line in order.lines}, "UPS", f"1Z{order.serial}")
    for order in orders[:10]:
        world.refund(order, {order.lines[0].line_id: 1}, "wrong_item", shipping=100, restock=True)
    for order in orders[20:25]:
        world.cancel(order)
    made.works.move(orders[30], orders[30].lines[0].line_id, 1, location=2)
    return made


def ask(vendor: ShopifyVendor, text: str, **variables: object) -> dict[str, Any]:
    body = msgspec.json.encode({"query": text, "variables": variables})
    headers = {"X-Shopify-Access-Token": vendor.token}
    path = "/admin/api/2026-10/graphql.json"
    answer = json.loads(vendor.handle(VendorRequest("POST", path, "", headers, body)).body)
    assert "errors" not in answer, answer["errors"]
    data: dict[str, Any] = answer["data"]
    return data


def retold(schema: graphql.GraphQLSchema, text: str, data: dict[str, Any]) -> dict[str, Any]:
    """The same query executed by the schema over the sandbox's answer: types and nulls are checked."""

    def kind(value: dict[str, Any], info: graphql.GraphQLResolveInfo, abstract: object) -> str:
        if "id" in value:
            return str(value["id"]).split("/")[3]
        return "DiscountCodeApplication" if "code" in value else "ManualDiscountApplication"

    result = graphql.execute(schema, graphql.parse(text), data, variable_values=VARIABLES, type_resolver=kind)
    assert result.errors is None, result.errors
    assert result.data is not None
    return result.data


VARIABLES = {
    "first": 50,
    "after": "x",
    "query": "",
    "sort": "UPDATED_AT",
    "id": "gid://shopify/Order/1",
    "fulfillment": {"lineItemsByFulfillmentOrder": []},
    "line": "gid://shopify/CalculatedLineItem/1",
    "quantity": 1,
    "note": "out of stock",
}


def test_the_sandboxs_pages_are_of_the_schemas_types(
    schema: graphql.GraphQLSchema, vendor: ShopifyVendor
) -> None:
    data = ask(vendor, texts.ORDERS, first=50, sort="UPDATED_AT")
    assert len(data["orders"]["nodes"]) == 40
    assert retold(schema, texts.ORDERS, data) == data


def test_the_sandboxs_single_records_are_of_the_schemas_types(
    schema: graphql.GraphQLSchema, vendor: ShopifyVendor
) -> None:
    for order in list(vendor.world.orders.values()):
        for text in (texts.ORDER, texts.OPEN_WORK):
            data = ask(vendor, text, id=order.external_id)
            assert retold(schema, text, data) == data
    data = ask(vendor, texts.SCOPES)
    assert retold(schema, texts.SCOPES, data) == data


def test_the_sandboxs_fulfilments_are_of_the_schemas_types(
    schema: graphql.GraphQLSchema, vendor: ShopifyVendor
) -> None:
    order = list(vendor.world.orders.values())[35]
    work = vendor.works.of(order)[0]
    for _ in range(2):  # the second time it is closed: a user error
        wanted = {"lineItemsByFulfillmentOrder": [{"fulfillmentOrderId": work.id}]}
        data = ask(vendor, texts.FULFIL, fulfillment=wanted)
        assert retold(schema, texts.FULFIL, data) == data
    assert data["fulfillmentCreate"]["userErrors"]


def test_the_sandboxs_order_edits_are_of_the_schemas_types(
    schema: graphql.GraphQLSchema, vendor: ShopifyVendor
) -> None:
    order = list(vendor.world.orders.values())[36]
    data = ask(vendor, texts.CANCELLABLE, id=order.external_id)
    assert retold(schema, texts.CANCELLABLE, data) == data
    begun = ask(vendor, texts.EDIT_BEGIN, id=order.external_id)
    assert retold(schema, texts.EDIT_BEGIN, begun) == begun
    draft = begun["orderEditBegin"]["calculatedOrder"]
    for quantity in (0, -1):  # the second is a user error
        variables = {"id": draft["id"], "line": draft["lineItems"]["nodes"][0]["id"], "quantity": quantity}
        data = ask(vendor, texts.EDIT_SET_QUANTITY, **variables)
        assert retold(schema, texts.EDIT_SET_QUANTITY, data) == data
    assert data["orderEditSetQuantity"]["userErrors"]
    for _ in range(2):  # the second time there is no such edit any more
        data = ask(vendor, texts.EDIT_COMMIT, id=draft["id"], note="out of stock")
        assert retold(schema, texts.EDIT_COMMIT, data) == data
    assert data["orderEditCommit"]["userErrors"]


def test_the_sandboxs_cancellations_are_of_the_schemas_types(
    schema: graphql.GraphQLSchema, vendor: ShopifyVendor
) -> None:
    order = list(vendor.world.orders.values())[37]
    jobs = []
    for _ in range(2):  # the second time it is cancelled already
        data = ask(vendor, texts.CANCEL, id=order.external_id, note="out of stock")
        assert retold(schema, texts.CANCEL, data) == data
        jobs.append(data["orderCancel"]["jobResult"])
    assert data["orderCancel"]["orderCancelUserErrors"]
    data = ask(vendor, texts.CANCELLING, id=jobs[0]["id"])
    assert retold(schema, texts.CANCELLING, data) == data
    assert (data["node"]["done"], data["node"]["status"]) == (True, "SUCCEEDED")
    data = ask(vendor, texts.ORDER, id=order.external_id)
    assert retold(schema, texts.ORDER, data) == data


def test_a_recorded_calculated_line_has_the_number_of_its_line() -> None:
    name = "graphql_2026_04_order_edit_existing_order_happy_path"
    begun = json.loads((PAYLOADS / f"{name}_mutation.json").read_text())["response"]["data"]
    order = json.loads((PAYLOADS / f"{name}_upstreamCalls_0_body.json").read_text())["response"]["data"]
    lines = [line["id"] for line in order["order"]["lineItems"]["nodes"]]
    calculated = begun["orderEditBegin"]["calculatedOrder"]["lineItems"]["nodes"]
    assert [line["id"].replace("CalculatedLineItem", "LineItem") for line in calculated] == lines


def shapes(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    """Each place in a record with the kind of value that stands there."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from shapes(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for inner in value:
            yield from shapes(inner, f"{path}[]")
    elif value is not None:
        text = isinstance(value, str)
        kind = "gid" if text and str(value).startswith("gid://") else type(value).__name__
        if text and path.endswith(".amount"):
            whole, _, fraction = str(value).partition(".")
            kind = "amount" if whole.lstrip("-").isdigit() and fraction.isdigit() else "no amount"
        yield path, kind


def test_the_sandboxs_fields_look_like_recorded_ones(vendor: ShopifyVendor) -> None:
    recorded: dict[str, set[str]] = {}
    for name in RECORDED:
        try:
            raws = list(mapping.orders_in((PAYLOADS / name).read_bytes()))
        except NormalizationError:
            continue
        for raw in raws:
            for path, kind in shapes(json.loads(raw)):
                recorded.setdefault(path, set()).add(kind)
    compared = 0
    for order in ask(vendor, texts.ORDERS, first=50, sort="UPDATED_AT")["orders"]["nodes"]:
        for path, kind in shapes(order):
            if path in recorded:
                assert kind in recorded[path], f"{path} is {kind}, recorded as {recorded[path]}"
                compared += 1
    assert compared > 1000
