"""Amazon's specification and samples against the mapping, the connector's requests and the sandbox."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import responses
from jsonschema import Draft4Validator
from msgspec import UNSET

from connectors.channels.amazon import Amazon
from connectors.contract import Window
from connectors.runtime import Runtime
from normalization.channels import amazon as mapping
from normalization.errors import NormalizationError, Reason
from normalization.records import CanonicalOrder, LineQuantity, ShipmentConfirmation
from normalization.registry import Context
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.vendors.amazon import AmazonVendor
from sandbox.world import START, World

EXPECTED = Path(__file__).parent / "expected" / "amazon"
BASE = "https://amazon.test"
CONTEXT = Context("amazon", datetime(2026, 11, 2, tzinfo=UTC))
NO_ORDER_2026 = (
    "ordersV0_getOrder_200_sandbox0.json",  # the older version of the API, which the hub does not read
    "notification_FeedProcessingFinished_0.json",  # no answer about orders at all
    "ordersV0_updateVerificationStatus_400_sandbox0.json",  # an error answer
)


def samples(contracts: Path) -> list[Path]:
    return sorted((contracts / "payloads" / "amazon_sp_api").glob("orders_2026_01_01_*.json"))


def summary(order: CanonicalOrder) -> dict[str, Any]:
    """What is committed of an order: identity, currency, amounts in minor units, quantities."""
    assert order.lines is not UNSET
    assert order.totals is not UNSET
    assert order.shipping is not UNSET
    assert order.charges is not UNSET
    return {
        "external_id": order.external_id,
        "number": order.number,
        "placed_at": order.placed_at.isoformat(),
        "updated_at": order.updated_at.isoformat() if order.updated_at else None,
        "state": order.state,
        "fulfilled_by": order.fulfilled_by,
        "payment": [order.payment_mode, order.payment_state],
        "currency": order.currency,
        "total": order.totals.total.minor,
        "tax": order.totals.tax.minor,
        "discount": order.totals.discount.minor,
        "lines": [
            {
                "line_id": line.line_id,
                "sku": line.sku,
                "quantities": [line.ordered, line.cancelled, line.fulfilled, line.returned],
                "unit_price": line.unit_price.minor,
                "gross": line.gross.minor,
                "discount": line.discount.minor,
                "net": line.net.minor,
                "tax": line.tax.minor,
                "total": line.total.minor,
            }
            for line in order.lines
        ],
        "shipping": [[line.net.minor, line.tax.minor] for line in order.shipping],
        "charges": [[one.kind, one.net.minor, one.tax.minor] for one in order.charges],
        "ship_to": [order.ship_to.postal_code, order.ship_to.country_code] if order.ship_to else None,
        "warnings": list(order.warnings),
    }


def test_every_sample_normalizes_to_what_was_looked_at(contracts: Path) -> None:
    files = samples(contracts)
    assert {file.name for file in files} == {file.name for file in EXPECTED.glob("*.json")}
    for file in files:
        orders = [mapping.order(raw, CONTEXT) for raw in mapping.orders_in(file.read_bytes())]
        expected = json.loads((EXPECTED / file.name).read_text())
        assert [summary(order) for order in orders] == expected, file.name


@pytest.mark.parametrize("name", NO_ORDER_2026)
def test_what_is_no_order_of_this_version_is_out_of_scope(contracts: Path, name: str) -> None:
    answer = (contracts / "payloads" / "amazon_sp_api" / name).read_bytes()
    with pytest.raises(NormalizationError) as caught:
        list(mapping.orders_in(answer))
    assert caught.value.reason is Reason.OUT_OF_SCOPE


# --- requests and answers


@pytest.fixture(scope="module")
def specs(contracts: Path) -> dict[str, Any]:
    folder = contracts / "specs" / "amazon_sp_api"
    return {
        name: json.loads((folder / f"{name}.json").read_text()) for name in ("orders_2026-01-01", "ordersV0")
    }


Drive = Callable[[], list[Exchange]]


class WorldClock:
    def __init__(self, world: World) -> None:
        self.world = world

    def now(self) -> datetime:
        return self.world.now

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None: ...


def a_day_at_amazon() -> Iterator[Exchange]:
    """Everything that the connector does, on orders in every state that the sandbox knows."""
    world = build_world(3)
    vendor = AmazonVendor(world, "amazon-uk")
    plain = Wish(by_channel=False, payment="captured", payment_mode="marketplace")
    orders = [place_order(world, "amazon-uk", plain) for _ in range(105)]
    for wish in (
        replace(plain, payment="pending"),
        replace(plain, by_channel=True),
        replace(plain, payment="pending", payment_mode="cash_on_delivery"),
        replace(plain, discount_rate=Decimal("0.2"), shipping=449, note="Ring twice."),
    ):
        place_order(world, "amazon-uk", wish)
    world.cancel(orders[0])
    vendor.request_cancellation(orders[1], orders[1].lines[0].line_id, "changed my mind")
    world.now += timedelta(minutes=10)
    settings = {"base_url": BASE, "token_url": f"{BASE}/auth/o2/token", "marketplace_ids": "A1F83G8C2ARO7P"}
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        exchanges = mount(mock, BASE, vendor)
        connector = Amazon("amazon-uk", settings, vendor.secrets, Runtime(clock=WorldClock(world)))
        units = {line.line_id: line.quantity for line in orders[2].lines}
        for carrier, sequence in (("Hasty Couriers", 1), (None, 2), ("UPS", 1)):
            confirmation = ShipmentConfirmation(
                reference="r",
                external_id=orders[2].external_id,
                number=orders[2].number,
                sequence=sequence,
                lines=tuple(LineQuantity(line_id=line, quantity=count) for line, count in units.items()),
                carrier=carrier,
                tracking_number="HC1",
                service="Next day",
                shipped_at=world.now,
                complete=True,
                confirmation_ref="A1F83G8C2ARO7P",
            )
            body = mapping.confirm_shipment(confirmation)
            connector.write("confirm_shipment", body, "r")
        connector.look_up("confirm_shipment", body, "r")
        world.now += timedelta(minutes=10)
        for stream in connector.streams:
            list(connector.read(stream, Window(START, world.now)))
            list(connector.read(stream, Window(START, world.now - timedelta(minutes=5))))
        connector.read_one("orders", orders[1].external_id)
        yield from exchanges


@pytest.fixture(scope="module")
def exchanges() -> list[Exchange]:
    return list(a_day_at_amazon())


def operation_of(exchange: Exchange, specs: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The specification that a request falls under, and its operation in there."""
    parts = exchange.request.path.strip("/").split("/")
    for spec in specs.values():
        for path, operations in spec["paths"].items():
            pattern = path.strip("/").split("/")
            same = len(pattern) == len(parts) and all(
                one.startswith("{") or one == part for one, part in zip(pattern, parts, strict=True)
            )
            if same and exchange.request.method.lower() in operations:
                return spec, operations[exchange.request.method.lower()]
    raise AssertionError(f"no operation for {exchange.request.method} {exchange.request.path}")


def violations(value: object, shape: Mapping[str, Any], spec: Mapping[str, Any]) -> list[str]:
    validator = Draft4Validator({**shape, "definitions": spec["definitions"]})
    return [f"{list(error.path)}: {error.message}" for error in validator.iter_errors(value)]


def strangers(
    value: object, shape: Mapping[str, Any], spec: Mapping[str, Any], place: str = "$"
) -> list[str]:
    """Properties that the specification does not know."""
    if "$ref" in shape:
        shape = spec["definitions"][shape["$ref"].rpartition("/")[2]]
    if isinstance(value, list):
        return [found for one in value for found in strangers(one, shape["items"], spec, f"{place}[]")]
    if not isinstance(value, dict):
        return []
    known = shape.get("properties", {})
    found = [f"{place}.{key}" for key in value if key not in known]
    for key, inner in value.items():
        if key in known:
            found += strangers(inner, known[key], spec, f"{place}.{key}")
    return found


def of_orders(exchanges: list[Exchange]) -> list[Exchange]:
    return [one for one in exchanges if one.request.path.startswith("/orders/")]


def test_every_request_keeps_to_the_specification(exchanges: list[Exchange], specs: dict[str, Any]) -> None:
    asked = set()
    for exchange in of_orders(exchanges):
        spec, operation = operation_of(exchange, specs)
        asked.add(operation["operationId"])
        named = {one["name"]: one for one in operation["parameters"] if "name" in one}
        for name, values in exchange.request.query.items():
            rule = named[name]
            assert rule["in"] == "query"
            assert len(values) == 1
            if rule["type"] == "array":  # Swagger 2.0: comma-separated unless it says otherwise
                parts = values[0].split(",")
                assert set(parts) <= set(rule["items"].get("enum", parts)), name
                assert len(parts) <= rule.get("maxItems", len(parts))
            elif rule["type"] == "integer":
                assert 1 <= int(values[0]) <= 100
            elif rule.get("format") == "date-time":
                assert datetime.fromisoformat(values[0]).tzinfo is not None
        if operation["operationId"] == "searchOrders":
            query = exchange.request.query
            assert ("createdAfter" in query) != ("lastUpdatedAfter" in query)
        body = next((one["schema"] for one in operation["parameters"] if one.get("in") == "body"), None)
        assert (body is None) == (exchange.request.body == b"")
        if body is not None:
            assert violations(exchange.request.json(), body, spec) == []
            assert strangers(exchange.request.json(), body, spec) == []
        assert exchange.request.header("x-amz-access-token")
        assert exchange.request.header("User-Agent")
    assert asked == {"searchOrders", "getOrder", "confirmShipment"}


def test_every_answer_of_the_sandbox_keeps_to_the_specification(
    exchanges: list[Exchange], specs: dict[str, Any]
) -> None:
    statuses = set()
    for exchange in of_orders(exchanges):
        spec, operation = operation_of(exchange, specs)
        answer = exchange.answer
        statuses.add(answer.status)
        shape = operation["responses"][str(answer.status)].get("schema")
        if answer.status == 204:
            assert answer.body == b""
            continue
        value = json.loads(answer.body)
        assert violations(value, shape, spec) == []
        assert strangers(value, shape, spec) == []
        if answer.status == 200:
            assert "x-amzn-RateLimit-Limit" in answer.headers
    assert statuses == {200, 204, 400}


def paths_of(value: object, place: str = "") -> set[str]:
    if isinstance(value, dict):
        return {place} | {path for key, one in value.items() for path in paths_of(one, f"{place}.{key}")}
    if isinstance(value, list):
        return {path for one in value for path in paths_of(one, f"{place}[]")}
    return {f"{place}:{type(value).__name__}"}


def test_the_sandbox_shows_orders_in_the_shape_of_the_samples(
    exchanges: list[Exchange], contracts: Path
) -> None:
    recorded = {
        path
        for file in samples(contracts)
        for raw in mapping.orders_in(file.read_bytes())
        for path in paths_of(json.loads(raw))
    }
    shown = {
        path
        for exchange in of_orders(exchanges)
        if exchange.answer.status == 200
        for raw in mapping.orders_in(exchange.answer.body)
        for path in paths_of(json.loads(raw))
    }
    unseen = {
        ".payment", ".payment.paymentExecutions[]", ".payment.paymentExecutions[].paymentMethod:str",
        ".payment.paymentExecutions[].paymentAmount", ".payment.paymentExecutions[].paymentAmount.amount:str",
        ".payment.paymentExecutions[].paymentAmount.currencyCode:str",
    }  # fmt: skip
    assert shown - recorded <= unseen, "the samples hold no payments; the specification does"
    wanted = {".orderItems[].proceeds.proceedsTotal.amount:str", ".recipient.deliveryAddress.postalCode:str"}
    assert wanted <= shown & recorded


def test_tokens_are_asked_for_as_login_with_amazon_wants(exchanges: list[Exchange]) -> None:
    asked = [one for one in exchanges if one.request.path == "/auth/o2/token"]
    assert len(asked) == 1
    assert asked[0].request.header("Content-Type") == "application/x-www-form-urlencoded"
    assert b"grant_type=refresh_token" in asked[0].request.body
