import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from normalization.errors import NormalizationError, Reason
from normalization.records import Address, PickedLine, Picklist, PicklistLine
from normalization.registry import Context
from normalization.statuses import StockBasis, WmsState
from normalization.wms.shipbob import amend_picklist, cancel_picklist, push_picklist, shipment, stock

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
CONTEXT = Context("shipbob-us", NOW, {"channel_id": "7001"})


def part(status: str, *details: int, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- any field
    return {
        "id": 50_001_001,
        "status": status,
        "status_details": [
            {"id": number, "name": f"Detail{number}", "description": "Ada Canary is not at home"}
            for number in details
        ],
        "location": {"id": 201},
        "last_update_at": "2026-11-02T05:00:00Z",
        "products": [
            {
                "reference_id": "TEA",
                "inventory_items": [
                    {"id": 1, "lot": "L1", "quantity": 3, "quantity_committed": 3},
                    {"id": 1, "lot": "L2", "quantity": 1, "quantity_committed": 0},
                ],
            }
        ],
    } | more


def order(*parts: dict[str, Any], **more: Any) -> bytes:  # noqa: ANN401 -- any field
    base = {
        "id": 1001,
        "status": "Processing",
        "reference_id": "P-1",
        "channel": {"id": 7001},
        "created_date": "2026-11-01T00:00:00Z",
        "shipments": list(parts),
    }
    return json.dumps(base | more).encode()


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ([part("None")], WmsState.ACCEPTED),
        ([part("Processing")], WmsState.ACCEPTED),
        ([part("Processing", 100)], WmsState.PICKED),
        ([part("Processing", 101, 100)], WmsState.PACKED),
        ([part("LabeledCreated")], WmsState.PACKED),
        ([part("Completed", 201)], WmsState.SHIPPED),
        ([part("Exception", 303)], WmsState.WAITING),
        ([part("Exception", 303, 302)], WmsState.EXCEPTION),
        ([part("OnHold", 401)], WmsState.EXCEPTION),
        ([part("OnHold", 402)], WmsState.ACCEPTED),
        ([part("Cancelled")], WmsState.CANCELLED),
        ([part("CleanSweeped")], WmsState.UNKNOWN),
        ([part("Completed"), part("Processing", 100)], WmsState.PICKED),
        ([part("Completed"), part("Cancelled")], WmsState.SHIPPED),
        ([part("Completed"), part("Exception", 302)], WmsState.EXCEPTION),
        ([], WmsState.ACCEPTED),
    ],
)
def test_an_order_is_as_far_as_its_least_advanced_shipment(
    parts: list[dict[str, Any]], state: WmsState
) -> None:
    assert shipment(order(*parts), CONTEXT).state is state


@pytest.mark.parametrize(
    ("status", "state"),
    [("Cancelled", WmsState.CANCELLED), ("ImportReview", WmsState.EXCEPTION), ("New", WmsState.UNKNOWN)],
)
def test_an_order_without_shipments_says_it_itself(status: str, state: WmsState) -> None:
    assert shipment(order(status=status), CONTEXT).state is state


def test_an_unknown_word_and_an_obstacle_stand_in_the_reason() -> None:
    assert shipment(order(part("CleanSweeped")), CONTEXT).reason == "unknown shipment status CleanSweeped"
    assert shipment(order(status="New"), CONTEXT).reason == "unknown order status New"
    assert shipment(order(part("Exception", 303)), CONTEXT).reason == "Exception: Detail303"
    assert shipment(order(part("Completed", 201)), CONTEXT).reason is None


def test_picks_are_what_is_committed_and_parcels_what_is_inside() -> None:
    tracking = {"carrier": "UPS", "tracking_number": "1Z1", "carrier_service": "Ground"}
    raw = order(part("Completed", tracking=tracking, actual_fulfillment_date="2026-11-02T04:00:00.1234567Z"))
    found = shipment(raw, CONTEXT)
    assert found.picks == (PickedLine(sku="TEA", quantity=3, lot="L1"),)
    assert isinstance(found.parcels, tuple)
    (parcel,) = found.parcels
    assert (parcel.tracking_number, parcel.carrier, parcel.service) == ("1Z1", "UPS", "Ground")
    assert parcel.shipped_at == datetime(2026, 11, 2, 4, 0, 0, 123456, tzinfo=UTC)
    assert [(line.lot, line.quantity) for line in parcel.lines] == [("L1", 3), ("L2", 1)]
    assert (found.site, found.version.revision) == ("201", "2026-11-02T05:00:00.000000Z")


def test_a_label_is_no_shipped_parcel() -> None:
    found = shipment(order(part("LabeledCreated", tracking={"tracking_number": "1Z1"})), CONTEXT)
    assert isinstance(found.parcels, tuple)
    assert [(p.tracking_number, p.shipped_at) for p in found.parcels] == [("1Z1", None)]


def test_freight_has_its_own_number() -> None:
    raw = order(part("Completed", tracking={"tracking_number": None, "pro_number": "PRO7"}))
    found = shipment(raw, CONTEXT)
    assert isinstance(found.parcels, tuple)
    assert found.parcels[0].tracking_number == "PRO7"


def test_two_shipments_are_two_parcels() -> None:
    parts = [part("Completed", id=n, tracking={"tracking_number": f"1Z{n}"}) for n in (1, 2)]
    found = shipment(order(*parts), CONTEXT)
    assert isinstance(found.parcels, tuple)
    assert [parcel.parcel_id for parcel in found.parcels] == ["1", "2"]


def test_an_order_of_another_channel_carries_no_reference_of_ours() -> None:
    assert shipment(order(part("Processing"), channel={"id": 5}), CONTEXT).reference == ""
    assert shipment(order(part("Processing")), CONTEXT).reference == "P-1"


def test_a_later_change_has_a_greater_revision() -> None:
    early = shipment(order(part("Processing", last_update_at="2026-11-02T09:00:00Z")), CONTEXT)
    late = shipment(order(part("Processing", last_update_at="2026-11-02T04:30:00-05:00")), CONTEXT)
    assert early.version.key() < late.version.key()


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (order(created_date="2026-13-45T99:00:00Z"), Reason.IMPOSSIBLE_DATE),
        (b'{"status": "Processing"}', Reason.MISSING_FIELD),
        (order(id="1001"), Reason.UNDECODABLE),
        (b"<html>", Reason.UNDECODABLE),
    ],
)
def test_s13_a_broken_order_goes_to_quarantine_with_its_reason(raw: bytes, reason: Reason) -> None:
    with pytest.raises(NormalizationError) as refused:
        shipment(raw, CONTEXT)
    assert refused.value.reason is reason


def item(places: dict[int, int], lots: dict[str, dict[int, int]] | None = None, sku: str = "TEA") -> bytes:
    def levels(counts: dict[int, int]) -> list[dict[str, int]]:
        return [
            {"location_id": i, "fulfillable_quantity": n, "on_hand_quantity": 99} for i, n in counts.items()
        ]

    head = {"inventory_id": 9, "name": "x", "sku": sku}
    by_lot = [{"lot_number": lot, "locations": levels(counts)} for lot, counts in (lots or {}).items()]
    return json.dumps(
        {"levels": head | {"locations": levels(places)}, "lots": head | {"lots": by_lot} if lots else None}
    ).encode()


def counted(raw: bytes) -> list[tuple[str, str | None, int]]:
    return [(level.site, level.lot, level.on_hand) for level in stock(raw, CONTEXT)]


def test_stock_is_what_shipbob_can_still_fulfil() -> None:
    (level,) = stock(item({201: 7}), CONTEXT)
    assert (level.sku, level.on_hand, level.basis) == ("TEA", 7, StockBasis.NET_OF_ACCEPTED)
    assert (level.lot, level.bin, level.observed_at) == (None, None, NOW)


def test_lots_are_kept_and_never_counted_twice() -> None:
    raw = item({201: 7, 202: 2}, {"L1": {201: 3}, "L2": {201: 4}})
    assert counted(raw) == [("201", "L1", 3), ("201", "L2", 4), ("202", None, 2)]


def test_units_without_a_lot_stand_beside_those_with_one() -> None:
    assert counted(item({201: 7}, {"L1": {201: 3}})) == [("201", "L1", 3), ("201", None, 4)]


def test_lots_that_hold_more_than_the_location_are_not_believed() -> None:
    assert counted(item({201: 2}, {"L1": {201: 3}})) == [("201", None, 2)]


def test_none_left_is_a_level_too() -> None:
    assert counted(item({201: 0}, {"L1": {201: 0}})) == [("201", None, 0)]


def test_an_item_without_sku_goes_to_quarantine() -> None:
    with pytest.raises(NormalizationError, match="inventory 9 has no sku"):
        stock(item({201: 2}, sku=""), CONTEXT)


PICKLIST = Picklist(
    reference="P-1",
    warehouse="ORD",
    site="201",
    order_number="1001",
    placed_at=datetime(2026, 11, 1, 23, 30, tzinfo=UTC),
    lines=(
        PicklistLine(line_id="1", sku="TEA", quantity=2, title="Tea"),
        PicklistLine(line_id="2", sku="MUG", quantity=1),
        PicklistLine(line_id="3", sku="TEA", quantity=1, title="Tea in a kit"),
    ),
    ship_to=Address(
        name="Grace Hopper",
        street=("1 Cobol Way", "Floor 2", "Door 3"),
        city="Arlington",
        region="VA",
        postal_code="22201",
        country_code="US",
    ),
)


def test_a_picklist_becomes_an_order_for_its_fulfilment_centre() -> None:
    body = push_picklist(PICKLIST)
    assert (body["reference_id"], body["location_id"], body["type"]) == ("P-1", 201, "DTC")
    assert (body["shipping_method"], body["purchase_date"]) == ("Standard", "2026-11-01T23:30:00Z")
    assert body["products"] == [
        {"reference_id": "TEA", "name": "Tea", "quantity": 3},
        {"reference_id": "MUG", "name": "MUG", "quantity": 1},
    ]
    assert body["recipient"] == {
        "name": "Grace Hopper",
        "address": {
            "address1": "1 Cobol Way",
            "address2": "Floor 2, Door 3",
            "city": "Arlington",
            "state": "VA",
            "zip_code": "22201",
            "country": "US",
        },
    }


def test_an_amendment_names_the_order_its_quantities_and_its_address() -> None:
    body = amend_picklist(PICKLIST, "1001")
    assert (body["order_id"], body["quantities"]) == ("1001", {"TEA": 3, "MUG": 1})
    assert body["address"]["street_address2"] == "Floor 2, Door 3"


def test_a_cancellation_names_the_order_both_ways() -> None:
    assert cancel_picklist("P-1", "") == {"order_id": "", "reference_id": "P-1"}


def test_an_address_that_shipbob_would_refuse_is_not_sent() -> None:
    nameless = msgspec.structs.replace(PICKLIST, ship_to=Address(city="Arlington", country_code="US"))
    with pytest.raises(NormalizationError, match="no name"):
        push_picklist(nameless)
    with pytest.raises(NormalizationError, match="location id"):
        push_picklist(msgspec.structs.replace(PICKLIST, site="Chicago"))
