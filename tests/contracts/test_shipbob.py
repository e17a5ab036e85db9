"""ShipBob's document (openapi-2026-01.json) and its examples, against connector, sandbox and mapping."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses

from connectors.contract import Outcome, Window
from connectors.runtime import Runtime
from connectors.wms.shipbob import ShipBob
from normalization.records import Address, PickedLine, Picklist, PicklistLine, StockLevel, WmsParcel
from normalization.registry import Context
from normalization.statuses import StockBasis, WmsState
from normalization.wms import shipbob
from sandbox.mounted import Exchange, mount
from sandbox.vendors.shipbob import ShipBobVendor
from sandbox.world import BinStock, Site, Sku, World
from tests.contracts.openapi import OpenApi

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
CONTEXT = Context("shipbob-us", NOW)
PREFIX = "v2026_01_"
THEN = datetime(2019, 8, 24, 14, 15, 22, tzinfo=UTC)

OUT_OF_SCOPE = {
    "channel": "the channel's id is configured",
    "receiving": "inbound stock is ShipBob's and the merchant's",
    "product": "products are the catalogue's",
    "webhook": "the hub polls",
    "inventory_history": "levels are read, not movements",
    "order_estimate": "ShipBob's prices are not asked for",
    "shipments_tracking": "parcels are followed at the carriers",
    "timeline": "an order's shipments say how far they are",
    "getLineItems": "line items are not changed: the order is cancelled and replaced",
    "updateLineItems": "line items are not changed: the order is cancelled and replaced",
    "bulkUpdateShippingService": "a service is chosen when the order is made",
    "batchUpdateTrackingUpload": "the channel is told by the hub",
    "get_2026_01_location_": "sites are configured",
    "inventory_level_inventoryId": "all levels are read at once",
    "get_2026_01_shipment_shipmentId_200": "shipments are read inside their order, where they look the same",
    "order_orderId_shipment_200": "shipments are read inside their order, where they look the same",
    "order_request": "a request: what the hub sends is checked below",
    "updateAddress_request": "a request: what the hub sends is checked below",
}
IN_SCOPE = {
    f"{PREFIX}post_2026_01_order_201_example.json",
    f"{PREFIX}get_2026_01_inventory_level_locations_200_example.json",
    f"{PREFIX}get_2026_01_inventory_level_lots_200_example.json",
    f"{PREFIX}put_2026_01_shipment_shipmentId_updateAddress_200_example.json",
}


@pytest.fixture(scope="module")
def spec(contracts: Path) -> OpenApi:
    return OpenApi(contracts / "specs/shipbob/openapi-2026-01.json")


def example(contracts: Path, name: str) -> Any:  # noqa: ANN401 -- a vendor's JSON
    return json.loads((contracts / "payloads/shipbob" / f"{PREFIX}{name}.json").read_text())


def test_every_example_is_read_or_has_a_reason_why_not(contracts: Path) -> None:
    unread = {file.name for file in (contracts / "payloads/shipbob").iterdir()} - IN_SCOPE
    assert {name for name in unread if not any(part in name for part in OUT_OF_SCOPE)} == set()


def test_the_order_example_becomes_a_shipment(contracts: Path) -> None:
    raw = json.dumps(example(contracts, "post_2026_01_order_201_example")).encode()
    shipment = shipbob.shipment(raw, CONTEXT)
    assert (shipment.wms_id, shipment.reference, shipment.site) == ("0", "string", None)
    assert (shipment.state, shipment.wms_status) == (WmsState.ACCEPTED, "Processing")
    assert shipment.version.revision == "2019-08-24T14:15:22.000000Z"
    assert shipment.picks == ()
    assert shipment.parcels == (
        WmsParcel(
            parcel_id="0",
            tracking_number="860C8CDC8F0B4FC7AB69AC86C20539EC",
            carrier="USPS",
            service="Priority",
            tracking_url="https://www.example.com/tracking?id=860C8CDC8F0B4FC7AB69AC86C20539EC",
            lines=(),
        ),
    )


def test_the_order_example_with_figures_filled_in_becomes_a_shipped_parcel(contracts: Path) -> None:
    """The example's numbers are all 0 and its status is None, so those are set; all else is as published."""
    order = example(contracts, "post_2026_01_order_201_example")
    part = order["shipments"][0]
    part |= {"id": 9, "status": "Completed", "location": {"id": 201, "name": "Cicero (IL)"}}
    part["products"][0]["inventory_items"][0] |= {"quantity": 2, "quantity_committed": 2}
    shipment = shipbob.shipment(json.dumps(order).encode(), CONTEXT)
    line = PickedLine(sku="TShirtBlueM", quantity=2, lot="22222")
    assert (shipment.state, shipment.site, shipment.picks) == (WmsState.SHIPPED, "201", (line,))
    assert isinstance(shipment.parcels, tuple)
    assert (shipment.parcels[0].lines, shipment.parcels[0].shipped_at) == ((line,), THEN)


def test_the_inventory_examples_become_levels(contracts: Path) -> None:
    levels = example(contracts, "get_2026_01_inventory_level_locations_200_example")["items"][0]
    lots = example(contracts, "get_2026_01_inventory_level_lots_200_example")["items"][0]
    raw = json.dumps({"levels": levels, "lots": lots}).encode()
    nothing = StockLevel(site="0", sku="string", on_hand=0, basis=StockBasis.NET_OF_ACCEPTED, observed_at=NOW)
    assert shipbob.stock(raw, CONTEXT) == (nothing,)


def world() -> World:
    made = World()
    made.skus = {
        "MUG": Sku("MUG", "Mug", 1200),
        "TEA": Sku("TEA", "Tea", 900, lot_tracked=True),
        "RARE": Sku("RARE", "Rare", 9900),
    }
    for code, number in (("ORD", "201"), ("LAX", "202")):
        made.sites[code] = Site(code, "shipbob-us", number, code, "US", "60608", code, "1 Road", "IL")
    made.sites["ORD"].stock = {
        "MUG": [BinStock("A1", None, 10)],
        "TEA": [BinStock("B1", "L1", 3), BinStock("B2", "L2", 5)],
    }
    return made


def picklist(reference: str, *lines: tuple[str, int]) -> Picklist:
    return Picklist(
        reference=reference,
        warehouse="ORD",
        site="201",
        order_number="1001",
        placed_at=NOW,
        lines=tuple(PicklistLine(line_id=sku, sku=sku, quantity=n, title=sku.title()) for sku, n in lines),
        ship_to=Address(
            name="Grace Hopper",
            company="Navy",
            street=("1 Cobol Way", "Floor 2"),
            city="Arlington",
            region="VA",
            postal_code="22201",
            country_code="US",
            phone="+1 555 0100",
        ),
        email="grace@example.com",
        service="Expedited",
    )


@pytest.fixture
def played() -> Iterator[tuple[list[Exchange], World]]:
    """Everything that the connector does, once, in one day at ShipBob's."""
    made = world()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        exchanges = mount(mock, "https://shipbob.test", ShipBobVendor(made, "shipbob-us"))
        settings = {"base_url": "https://shipbob.test", "channel_id": ShipBobVendor.CHANNEL_ID}
        wms = ShipBob("shipbob-us", settings, ShipBobVendor.SECRETS, Runtime())
        window = Window(made.now - timedelta(hours=1), made.now)
        body = shipbob.push_picklist(picklist("P-1", ("MUG", 2), ("TEA", 4)))
        first = wms.write("push_picklist", body, "P-1")
        assert first.outcome is Outcome.APPLIED
        assert wms.write("push_picklist", body, "P-1") == first
        wms.write("push_picklist", shipbob.push_picklist(picklist("P-2", ("RARE", 1))), "P-2")
        wms.write("amend_picklist", shipbob.amend_picklist(picklist("P-2", ("RARE", 1)), ""), "P-2")
        wms.write("cancel_picklist", shipbob.cancel_picklist("P-2", ""), "P-2")
        wms.write("cancel_picklist", shipbob.cancel_picklist("P-2", ""), "P-2")
        shipment = made.shipments["shipbob-us", str(first.vendor_ref)]
        for state in ("picked", "packed"):
            made.set_state(shipment, state)
            wms.read_one("shipments", str(first.vendor_ref))
            wms.write("cancel_picklist", shipbob.cancel_picklist("P-1", ""), "P-1")
        made.now += timedelta(hours=2)
        made.ship(shipment, "USPS", "9400100000000000000001")
        list(wms.read("shipments", window))
        list(wms.read("stock", window))
        yield exchanges, made


def test_every_request_and_answer_is_as_the_document_says(
    played: tuple[list[Exchange], World], spec: OpenApi
) -> None:
    exchanges, _ = played
    wrong = {
        f"{e.request.method} {e.request.path}?{e.request.query_string} -> {e.answer.status}": problems
        for e in exchanges
        if (problems := spec.problems(e.request, e.answer))
    }
    assert wrong == {}
    assert {(e.request.method, e.answer.status) for e in exchanges} >= {
        ("POST", 201),
        ("POST", 422),
        ("POST", 200),
        ("PUT", 200),
        ("GET", 200),
    }


def test_the_check_would_see_a_wrong_request(played: tuple[list[Exchange], World], spec: OpenApi) -> None:
    exchanges, _ = played
    push = next(e for e in exchanges if e.answer.status == 201)
    body = push.request.json() | {"surprise": 1}
    body["recipient"].pop("address")
    broken = type(push.request)(
        "POST", push.request.path, "Colour=red", {"Content-Type": "x"}, json.dumps(body).encode()
    )
    problems = " ".join(spec.problems(broken, push.answer))
    for word in ("surprise", "address", "Colour", "shipbob_channel_id"):
        assert word in problems
