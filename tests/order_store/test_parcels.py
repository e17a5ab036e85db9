"""What WMSs and carriers say of picklists and parcels, on both databases."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import Connection, select

from normalization.records import Buyer, PickedLine, Tracking, WmsShipment
from normalization.statuses import OrderStatus, TrackingStatus
from order_store.connections import connection_id
from order_store.engine import Store
from order_store.erasing import mark_erased
from order_store.events import timeline
from order_store.orders import apply_orders, load_order
from order_store.parcels import (
    Outcome,
    apply_tracking,
    apply_wms_shipment,
    load_parcels,
    parcels_to_track,
)
from order_store.picklists import State, load_picklist
from order_store.schema import metadata
from order_store.schema.fulfilment import stock_positions
from tests.order_store.conftest import NOW
from tests.order_store.fulfilment_samples import (
    KIT,
    answer,
    at,
    parcel,
    place,
    scan,
    told,
)
from tests.order_store.samples import order


@pytest.fixture
def tx(store: Store) -> Iterator[Connection]:
    with store.begin() as opened:
        yield opened


def hear(tx: Connection, *shipments: WmsShipment) -> list[Outcome]:
    outcomes = []
    for number, shipment in enumerate(shipments):
        connection = connection_id(tx, "wms")
        applied = apply_wms_shipment(
            tx, connection, shipment, at(60 + number), lambda carrier: (carrier or "").lower() or None
        )
        outcomes.append(applied.outcome)
    return outcomes


def track(tx: Connection, parcel_id: int, *answers: Tracking) -> list[Outcome]:
    return [apply_tracking(tx, parcel_id, one, at(500)) for one in answers]


def progress(tx: Connection, order_id: int) -> list[tuple[int, int, int, int]]:
    """Allocated, picked, shipped and delivered of each line."""
    lines = load_order(tx, order_id).lines
    return [(row["allocated"], row["picked"], row["shipped"], row["delivered"]) for row in lines]


def status(tx: Connection, order_id: int) -> OrderStatus:
    return OrderStatus(load_order(tx, order_id).row["status"])


def kinds(tx: Connection, order_id: int) -> list[str]:
    return [event.kind for event in timeline(tx, order_id)]


def reserved(tx: Connection) -> dict[str, int]:
    return {row.sku: row.reserved for row in tx.execute(select(stock_positions))}


def test_a_picked_picklist_has_its_bins_and_lots_and_its_lines_are_picked(tx: Connection) -> None:
    order_id, picklist_id = place(tx, [(2, {"MUG": 1}), (1, {"TEA": 1})])
    picks = [PickedLine(sku="MUG", quantity=2, bin="A-1"), PickedLine(sku="TEA", quantity=1, lot="L1")]
    assert hear(tx, told("picking", 1), told("picked", 2, picks=picks)) == [Outcome.UPDATED] * 2
    found = load_picklist(tx, picklist_id)
    assert (found.state, found.wms_id, found.picked_at) == (State.PICKED, "77", at(2))
    assert [(pick.sku, pick.bin, pick.lot) for pick in found.picks] == [
        ("MUG", "A-1", None),
        ("TEA", None, "L1"),
    ]
    assert progress(tx, order_id) == [(2, 2, 0, 0), (1, 1, 0, 0)]
    assert status(tx, order_id) is OrderStatus.PICKING
    assert kinds(tx, order_id).count("picked") == 1


def test_a_shipped_picklist_without_parcels_is_one_parcel_with_everything(tx: Connection) -> None:
    order_id, picklist_id = place(tx, [(2, {"MUG": 1}), (1, KIT)])
    picks = [
        PickedLine(sku="MUG", quantity=2, bin="A-1"),
        PickedLine(sku="CUP", quantity=1, bin="B-1"),
        PickedLine(sku="CUP", quantity=1, bin="B-2", lot="L9"),
        PickedLine(sku="TIN", quantity=1, bin="C-1"),
    ]
    hear(tx, told("shipped", 1, picks=picks))
    (found,) = load_parcels(tx, order_id)
    assert (found.sequence, found.wms_parcel_id, found.units) == (1, "77", {0: 2, 1: 1})
    assert {(item.line_no, item.sku, item.quantity, item.bin, item.lot) for item in found.items} == {
        (0, "MUG", 2, "A-1", None),
        (1, "CUP", 1, "B-1", None),
        (1, "CUP", 1, "B-2", "L9"),
        (1, "TIN", 1, "C-1", None),
    }
    assert progress(tx, order_id) == [(2, 2, 2, 0), (1, 1, 1, 0)]
    assert status(tx, order_id) is OrderStatus.SHIPPED
    assert load_picklist(tx, picklist_id).shipped_at == at(1)
    assert [event for event in kinds(tx, order_id) if event in ("picked", "packed", "shipped")] == [
        "picked",
        "packed",
        "shipped",
    ]


def test_s39_three_parcels_on_three_days_are_three_parcels_in_sequence(tx: Connection) -> None:
    order_id, _ = place(tx, [(3, {"MUG": 1})])
    day = 24 * 60
    three = [parcel(f"S{number}", {"MUG": 1}, f"1Z{number}", left=number * day) for number in (1, 2, 3)]
    shipped = []
    for number in (1, 2, 3):
        state = "shipped" if number == 3 else "accepted"
        version = told(state, number, parcels=three[:number])
        connection = connection_id(tx, "wms")
        applied = apply_wms_shipment(tx, connection, version, at(number * day))
        shipped.append(applied)
        assert applied.new_parcels == applied.to_confirm
        assert len(applied.new_parcels) == 1
    found = load_parcels(tx, order_id)
    assert [(one.sequence, one.tracking_number, one.units) for one in found] == [
        (1, "1Z1", {0: 1}),
        (2, "1Z2", {0: 1}),
        (3, "1Z3", {0: 1}),
    ]
    assert status(tx, order_id) is OrderStatus.SHIPPED
    assert kinds(tx, order_id).count("shipped") == 3


def test_the_channel_is_told_of_whole_kits_only(tx: Connection) -> None:
    order_id, _ = place(tx, [(2, KIT)])
    first, second = parcel("A", {"CUP": 3, "TIN": 1}, "1ZA"), parcel("B", {"CUP": 1, "TIN": 1}, "1ZB", left=9)
    hear(tx, told("accepted", 1, parcels=[first]))
    assert progress(tx, order_id) == [(2, 1, 1, 0)]
    hear(tx, told("shipped", 2, parcels=[first, second]))
    a, b = load_parcels(tx, order_id)
    assert (a.units, b.units) == ({0: 1}, {0: 1})
    track(tx, b.id, answer("delivered", 90, scan("delivered", 80)))
    assert progress(tx, order_id) == [(2, 2, 2, 0)]  # half of the second kit lies in the first parcel
    track(tx, a.id, answer("delivered", 99, scan("delivered", 95)))
    assert progress(tx, order_id) == [(2, 2, 2, 2)]
    assert status(tx, order_id) is OrderStatus.DELIVERED


def test_a_parcel_that_completes_no_kit_has_no_units_for_the_channel(tx: Connection) -> None:
    order_id, _ = place(tx, [(1, KIT)])
    hear(tx, told("accepted", 1, parcels=[parcel("A", {"CUP": 2}, "1ZA")]))
    (found,) = load_parcels(tx, order_id)
    assert found.units == {}
    assert progress(tx, order_id) == [(1, 0, 0, 0)]


def test_a_parcel_is_confirmed_once_it_has_a_number_or_never_gets_one(tx: Connection) -> None:
    order_id, _ = place(tx, [(2, {"MUG": 1})])
    connection = connection_id(tx, "wms")

    def applied(state: str, number: int, *parcels: Any) -> tuple[int, int]:  # noqa: ANN401
        done = apply_wms_shipment(tx, connection, told(state, number, parcels=parcels), NOW)
        return len(done.new_parcels), len(done.to_confirm)

    assert applied("accepted", 1, parcel("A", {"MUG": 1})) == (1, 0)
    assert applied("accepted", 2, parcel("A", {"MUG": 1})) == (0, 0)
    assert applied("accepted", 3, parcel("A", {"MUG": 1}, "1ZA")) == (0, 1)
    assert applied("shipped", 4, parcel("A", {"MUG": 1}, "1ZA"), parcel("B", {"MUG": 1})) == (1, 1)
    assert [one.tracking_number for one in load_parcels(tx, order_id)] == ["1ZA", None]
    assert applied("shipped", 5, parcel("B", {"MUG": 1}, "1ZB"))[0] == 0
    assert [one.tracking_number for one in load_parcels(tx, order_id)] == ["1ZA", "1ZB"]


def test_surplus_and_foreign_goods_are_events_and_never_negative_numbers(tx: Connection) -> None:
    order_id, _ = place(tx, [(1, {"MUG": 1})])
    hear(tx, told("shipped", 1, parcels=[parcel("A", {"MUG": 3, "HAT": 1}, "1ZA")]))
    assert progress(tx, order_id) == [(1, 1, 1, 0)]
    (event,) = [one for one in timeline(tx, order_id) if one.kind == "surplus"]
    assert event.detail is not None
    assert event.detail["units"] == {"MUG": 2, "HAT": 1}
    (found,) = load_parcels(tx, order_id)
    assert [(item.line_no, item.sku, item.quantity) for item in found.items] == [
        (0, "MUG", 1),
        (None, "MUG", 2),
        (None, "HAT", 1),
    ]


def test_a_warehouse_that_ships_less_frees_the_rest(tx: Connection) -> None:
    order_id, picklist_id = place(tx, [(3, {"MUG": 1})])
    assert reserved(tx) == {"MUG": 3}
    hear(tx, told("shipped", 1, parcels=[parcel("A", {"MUG": 2}, "1ZA")]))
    assert progress(tx, order_id) == [(2, 2, 2, 0)]
    assert load_picklist(tx, picklist_id).state is State.SHIPPED
    assert {"short_shipped", "released"} <= set(kinds(tx, order_id))
    assert reserved(tx) == {"MUG": 2}  # until a snapshot reflects that they left
    assert status(tx, order_id) is OrderStatus.PARTIALLY_SHIPPED


def test_a_warehouse_that_cancels_by_itself_frees_everything(tx: Connection) -> None:
    order_id, picklist_id = place(tx, [(3, {"MUG": 1})])
    hear(tx, told("picked", 1), told("cancelled", 2, reason="damaged"))
    found = load_picklist(tx, picklist_id)
    assert (found.state, found.why) == (State.CANCELLED, "damaged")
    assert progress(tx, order_id) == [(0, 0, 0, 0)]
    assert reserved(tx) == {"MUG": 0}
    assert status(tx, order_id) is OrderStatus.OPEN


def test_goods_of_a_cancelled_picklist_are_surplus(tx: Connection) -> None:
    order_id, _ = place(tx, [(1, {"MUG": 1})])
    hear(tx, told("cancelled", 1), told("shipped", 2, parcels=[parcel("A", {"MUG": 1}, "1ZA")]))
    assert progress(tx, order_id) == [(0, 0, 0, 0)]
    assert "surplus" in kinds(tx, order_id)


def test_a_shipment_without_a_picklist_is_foreign(tx: Connection) -> None:
    place(tx, [(1, {"MUG": 1})])
    assert hear(tx, told("shipped", 1, reference=""), told("shipped", 1, reference="P9.1")) == [
        Outcome.FOREIGN,
        Outcome.FOREIGN,
    ]


def test_an_older_version_never_overwrites_and_the_same_one_changes_nothing(tx: Connection) -> None:
    order_id, picklist_id = place(tx, [(1, {"MUG": 1})])
    done = told("packed", 5)
    assert hear(tx, done, told("picking", 4), done) == [Outcome.UPDATED, Outcome.STALE, Outcome.UNCHANGED]
    assert load_picklist(tx, picklist_id).state is State.PACKED
    assert kinds(tx, order_id).count("packed") == 1


def test_an_unknown_word_of_the_warehouse_changes_no_state_and_is_told(tx: Connection) -> None:
    order_id, picklist_id = place(tx, [(1, {"MUG": 1})])
    hear(tx, told("picking", 1), told("unknown", 2, wms_status="swept"))
    found = load_picklist(tx, picklist_id)
    assert (found.state, found.wms_status) == (State.PICKING, "swept")
    assert "unknown_state" in kinds(tx, order_id)


def shipped_parcel(tx: Connection) -> tuple[int, int]:
    order_id, _ = place(tx, [(2, {"MUG": 1})])
    hear(tx, told("shipped", 1, parcels=[parcel("A", {"MUG": 2}, "1Z1")]))
    return order_id, load_parcels(tx, order_id)[0].id


def test_s40_delivered_then_an_older_in_transit_event_stays_delivered(tx: Connection) -> None:
    order_id, parcel_id = shipped_parcel(tx)
    delivered = scan("delivered", 300)
    outcomes = track(
        tx,
        parcel_id,
        answer("delivered", 310, delivered),
        answer("in_transit", 320, scan("in_transit", 200)),
        answer("in_transit", 305, scan("in_transit", 100, "Y")),
        answer("in_transit", 306, scan("in_transit", 100, "Y")),
    )
    assert outcomes == [Outcome.UPDATED, Outcome.UPDATED, Outcome.UPDATED, Outcome.STALE]
    (found,) = load_parcels(tx, order_id)
    assert (found.status, found.delivered_at) == (TrackingStatus.DELIVERED, at(300))
    assert [one.occurred_at for one in found.scans] == [at(100), at(200), at(300)]
    assert progress(tx, order_id) == [(2, 2, 2, 2)]
    assert kinds(tx, order_id).count("delivered") == 1
    assert status(tx, order_id) is OrderStatus.DELIVERED


def test_s40_a_label_alone_is_not_in_transit(tx: Connection) -> None:
    order_id, parcel_id = shipped_parcel(tx)
    track(tx, parcel_id, answer("pending", 10, scan("pending", 6)))
    assert load_parcels(tx, order_id)[0].status is TrackingStatus.PENDING
    assert status(tx, order_id) is OrderStatus.SHIPPED


def test_a_parcel_that_turned_back_was_not_delivered_to_the_buyer(tx: Connection) -> None:
    order_id, parcel_id = shipped_parcel(tx)
    back = scan("return_to_sender", 200)
    track(tx, parcel_id, answer("return_to_sender", 310, back, scan("delivered", 300)))
    (found,) = load_parcels(tx, order_id)
    assert (found.status, found.delivered_at) == (TrackingStatus.RETURN_TO_SENDER, None)
    assert progress(tx, order_id) == [(2, 2, 2, 0)]
    assert "return_to_sender" in kinds(tx, order_id)


def test_an_older_answer_never_overwrites_the_status_but_its_events_are_kept(tx: Connection) -> None:
    order_id, parcel_id = shipped_parcel(tx)
    track(tx, parcel_id, answer("out_for_delivery", 20), answer("in_transit", 10, scan("in_transit", 9)))
    (found,) = load_parcels(tx, order_id)
    assert found.status is TrackingStatus.OUT_FOR_DELIVERY
    assert found.tracked_at == at(20)
    assert len(found.scans) == 1


def test_what_a_carrier_says_of_people_is_not_kept(tx: Connection) -> None:
    order_id, parcel_id = shipped_parcel(tx)
    shop = connection_id(tx, "shop")
    buyer = Buyer(name="Zilpzalp Ammer")
    apply_orders(tx, shop, [order("1001", 2, buyer=buyer)], now=NOW)
    signed = "Delivered, signed by PIROL"
    scans = [
        msgspec.structs.replace(scan("delivered", 30 + number), description=words)
        for number, words in enumerate((signed, "AMMER, ZILPZALP took it"))
    ]
    track(tx, parcel_id, answer("delivered", 40, *scans, carrier_status=signed))
    assert load_parcels(tx, order_id)[0].carrier_status == "Delivered, signed by [...]"
    track(tx, parcel_id, answer("delivered", 41, *scans, carrier_status="Handed to ZILPZALP AMMER."))
    assert load_parcels(tx, order_id)[0].carrier_status == "Handed to [...]."
    mark_erased(tx, [order_id], "request", NOW)
    assert load_parcels(tx, order_id)[0].carrier_status is None
    track(tx, parcel_id, answer("delivered", 42, *scans, carrier_status="Handed to ZILPZALP AMMER."))
    (found,) = load_parcels(tx, order_id)
    assert (len(found.scans), found.carrier_status) == (2, None)
    written = [repr(tx.execute(select(table)).all()) for table in metadata.sorted_tables]
    assert not [text for text in written if re.search("pirol|ammer|zilpzalp", text, re.IGNORECASE)]


def test_a_parcel_is_asked_about_until_it_is_there_and_not_too_often(tx: Connection) -> None:
    _, parcel_id = shipped_parcel(tx)

    def due(minutes: float) -> list[int]:
        return [one.id for one in parcels_to_track(tx, "ups", at(minutes))]

    assert due(100) == [parcel_id]
    assert [one.id for one in parcels_to_track(tx, "easypost", at(100))] == []
    track(tx, parcel_id, answer("in_transit", 100))
    assert (due(130), due(190)) == ([], [parcel_id])
    track(tx, parcel_id, answer("out_for_delivery", 190))
    assert (due(210), due(220)) == ([], [parcel_id])
    assert parcels_to_track(tx, "ups", at(0) + timedelta(days=100)) == []
    track(tx, parcel_id, answer("delivered", 220, scan("delivered", 215)))
    assert due(2000) == []
