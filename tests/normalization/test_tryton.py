"""Tryton's stock and shipments in the hub's words. The files were recorded from a running 8.2.1."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from normalization.errors import NormalizationError, Reason
from normalization.money import Money
from normalization.records import Address, PickedLine, Picklist, PicklistLine, StockLevel
from normalization.registry import Context
from normalization.statuses import StockBasis, WmsState
from normalization.wms import tryton as mapping

RECORDED = Path(__file__).parents[1] / "fixtures" / "tryton"
NOW = datetime(2026, 11, 22, 15, tzinfo=UTC)
CONTEXT = Context("wms", NOW)

Json = dict[str, Any]


def recorded(name: str, change: Callable[[Json], object] = lambda found: None) -> bytes:
    found = json.loads((RECORDED / f"{name}.json").read_text())
    change(found)
    return json.dumps(found).encode()


def shipment(name: str, change: Callable[[Json], object] = lambda found: None) -> Any:  # noqa: ANN401
    """A WmsShipment whose datasets are all present."""
    return mapping.shipment(recorded(name, change), CONTEXT)


def level(sku: str, on_hand: int, lot: str | None = None) -> StockLevel:
    return StockLevel(
        site="WH", sku=sku, on_hand=on_hand, basis=StockBasis.PHYSICAL, observed_at=NOW, bin="B-01", lot=lot
    )


# --- stock


def test_a_bin_tells_what_it_holds_by_lot_where_there_are_lots() -> None:
    assert mapping.stock(recorded("bin"), CONTEXT) == (level("SKU-003", 100), level("SKU-005", 5, "LOT-2"))


def test_units_of_no_lot_are_told_beside_the_lots() -> None:
    raw = recorded("bin", lambda found: found["products"][1].update(quantity=7.0))
    assert mapping.stock(raw, CONTEXT)[1:] == (level("SKU-005", 5, "LOT-2"), level("SKU-005", 2))


def test_parts_of_units_are_rounded_down_and_negative_stock_is_told() -> None:
    raw = recorded("bin", lambda found: found.update(products=[{"code": "A", "quantity": 2.7}], lots=[]))
    assert mapping.stock(raw, CONTEXT) == (level("A", 2),)
    raw = recorded("bin", lambda found: found.update(products=[{"code": "A", "quantity": -3.0}], lots=[]))
    assert mapping.stock(raw, CONTEXT) == (level("A", -3),)


def test_a_product_without_a_code_is_not_the_hubs() -> None:
    raw = recorded("bin", lambda found: found["products"][0].update(code=None))
    assert [one.sku for one in mapping.stock(raw, CONTEXT)] == ["SKU-005"]


# --- shipments


def test_an_assigned_shipment_has_bins_and_lots() -> None:
    found = shipment("assigned")
    assert (found.state, found.wms_status, found.reference, found.site) == (
        WmsState.PICKING,
        "assigned",
        "REC-1",
        "WH",
    )
    assert sorted((pick.sku, pick.quantity, pick.bin, pick.lot) for pick in found.picks) == [
        ("SKU-002", 2, "A-02", None),
        ("SKU-005", 4, "B-01", "LOT-2"),
    ]
    assert found.parcels == ()
    assert found.reason is None


def test_a_short_shipment_waits_and_says_for_what() -> None:
    found = shipment("short")
    assert (found.state, found.reason) == (WmsState.WAITING, "short of 22 SKU-002")
    assert found.picks == (PickedLine(sku="SKU-002", quantity=98, bin="A-02"),)


def test_a_shipment_that_left_has_a_parcel_for_each_package() -> None:
    found = shipment("done")
    assert found.state is WmsState.SHIPPED
    (parcel,) = found.parcels
    assert (parcel.parcel_id, parcel.tracking_number, parcel.carrier) == ("1", "TRK-9", None)
    assert sorted((line.quantity, line.lot) for line in parcel.lines) == [(5, "LOT-2"), (98, "LOT-2026-001")]
    assert parcel.shipped_at == datetime(2026, 11, 22, 14, 46, 34, 885836, tzinfo=UTC)


def test_a_package_inside_a_package_is_part_of_the_outer_parcel() -> None:
    def nest(found: Json) -> None:
        (outer,) = found["packages"]
        moves = outer["moves"]
        inner = {**outer, "id": 2, "number": "2", "parent": 1, "shipping_reference": None, "moves": moves[1:]}
        outer["moves"] = moves[:1]
        found["packages"].append(inner)

    (parcel,) = shipment("done", nest).parcels
    assert sum(line.quantity for line in parcel.lines) == 103


def test_without_packages_the_shipment_is_the_parcel() -> None:
    def loose(found: Json) -> None:
        found.update(packages=[], shipping_reference="1ZWHOLE", carrier={"party": {"name": "UPS"}})

    (parcel,) = shipment("done", loose).parcels
    assert (parcel.tracking_number, parcel.carrier) == ("1ZWHOLE", "UPS")
    assert sum(line.quantity for line in parcel.lines) == 103


def test_the_shipments_own_number_serves_its_only_package() -> None:
    def one(found: Json) -> None:
        found["shipping_reference"] = "1ZWHOLE"
        found["packages"][0]["shipping_reference"] = None

    assert shipment("done", one).parcels[0].tracking_number == "1ZWHOLE"


def test_a_shipment_changed_long_after_it_left_keeps_the_day_on_which_it_left() -> None:
    def later(found: Json) -> None:
        found["write_date"]["day"] = 29

    assert shipment("done", later).parcels[0].shipped_at == datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(("day", "hour"), [(23, 2), (21, 22)])
def test_the_time_of_a_hand_over_is_kept_where_the_local_day_is_not_that_of_utc(day: int, hour: int) -> None:
    """At eight in the evening in Chicago it is the next day in UTC; early in Tokyo it is the day before."""

    def evening(found: Json) -> None:
        found["write_date"].update(day=day, hour=hour)

    (parcel,) = shipment("done", evening).parcels
    assert parcel.shipped_at == datetime(2026, 11, day, hour, 46, 34, 885836, tzinfo=UTC)


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("draft", WmsState.ACCEPTED),
        ("picked", WmsState.PICKED),
        ("packed", WmsState.PACKED),
        ("shipped", WmsState.SHIPPED),
        ("cancelled", WmsState.CANCELLED),
        ("levitating", WmsState.UNKNOWN),
    ],
)
def test_states(word: str, state: WmsState) -> None:
    found = shipment("assigned", lambda found: found.update(state=word))
    assert (found.state, found.wms_status) == (state, word)
    assert (found.reason is None) == (state is not WmsState.UNKNOWN)


def test_the_revision_moves_with_moves_and_packages_too() -> None:
    later = {"__class__": "datetime", "year": 2026, "month": 12, "day": 1}
    first = shipment("done")
    for part in ("inventory_moves", "outgoing_moves", "packages"):

        def touch(found: Json, part: str = part) -> None:
            found[part][0]["write_date"] = later

        assert shipment("done", touch).version.key() > first.version.key()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda found: found.pop("state"), Reason.MISSING_FIELD),
        (lambda found: found["write_date"].update(month=13), Reason.IMPOSSIBLE_DATE),
        (lambda found: found["outgoing_moves"][0].update(internal_quantity="many"), Reason.UNDECODABLE),
    ],
)
def test_s13_what_is_no_shipment_goes_to_quarantine_with_its_reason(
    change: Callable[[Json], object], reason: Reason
) -> None:
    with pytest.raises(NormalizationError) as caught:
        shipment("done", change)
    assert caught.value.reason is reason


def test_what_is_no_json_is_undecodable() -> None:
    for reader in (mapping.shipment, mapping.stock):
        with pytest.raises(NormalizationError) as caught:
            reader(b"<html>", CONTEXT)
        assert caught.value.reason is Reason.UNDECODABLE


# --- picklists


def picklist(ship_to: Address, price: Money | None = None) -> Picklist:
    line = PicklistLine(line_id="1", sku="MUG", quantity=2, unit_price=price)
    return Picklist(
        reference="H-1",
        warehouse="LYS",
        site="WH",
        order_number="1001",
        placed_at=NOW,
        lines=(line,),
        ship_to=ship_to,
        ship_by=NOW,
        dispatch_date=date(2026, 11, 20),
    )


def test_a_picklist_becomes_a_customer_shipment_by_codes() -> None:
    there = Address(
        name="A B", street=("1 Road", "Flat 2"), city="Paris", postal_code="75001", country_code="FR"
    )
    body = mapping.push_picklist(picklist(there, Money(1250, "EUR")))
    assert (body["reference"], body["warehouse"]) == ("H-1", "WH")
    assert body["planned_date"] == {"__class__": "date", "year": 2026, "month": 11, "day": 20}
    assert body["lines"] == [
        {
            "product": "MUG",
            "quantity": 2,
            "unit_price": {"__class__": "Decimal", "decimal": "12.50"},
            "currency": "EUR",
        }
    ]
    assert body["delivery_address"] == {
        "party_name": "A B",
        "attn": None,
        "street": "1 Road\nFlat 2",
        "postal_code": "75001",
        "city": "Paris",
        "region": None,
        "country": "FR",
    }


def test_a_company_stands_before_the_person() -> None:
    there = Address(name="A B", company="B & Co.", street=("1 Road",), country_code="FR")
    address = mapping.push_picklist(picklist(there))["delivery_address"]
    assert (address["party_name"], address["attn"]) == ("B & Co.", "A B")


def test_an_amendment_is_the_whole_picklist_and_a_cancellation_its_reference() -> None:
    there = Address(name="A B", country_code="FR")
    pushed = mapping.push_picklist(picklist(there))
    assert mapping.amend_picklist(picklist(there), "7") == {**pushed, "id": "7"}
    assert mapping.cancel_picklist("H-1", "7") == {"reference": "H-1", "id": "7"}
