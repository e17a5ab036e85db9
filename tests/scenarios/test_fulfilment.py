"""Picklists, parcels and write-backs, as they went wrong elsewhere (S35, S38 to S40, S42, S48)."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from sqlalchemy import select

from order_store.schema.fulfilment import outbox, parcels
from sandbox.registry import CHANNELS, CONNECTIONS, WMSS
from sandbox.world import ShopOrder, WarehouseShipment

OpenStage = Callable[..., Any]
SITES = {"tryton-lyon": "LYS", "shipbob-us": "ORD"}
SPOON, WHISK, TIMER = "SPOON-BRASS", "WHISK-BAMBOO", "TIMER-SAND-3"


def put(stage: Any, **sites: str) -> None:  # noqa: ANN401
    """Each site keeps one SKU, and no other site has it."""
    for site, sku in sites.items():
        stage.set_stock(sku, {site: 50})


def cycles(stage: Any, count: int, **between: float) -> None:  # noqa: ANN401
    for _ in range(count):
        stage.cycle()
        stage.wait(**between)


def unsettled(stage: Any) -> Sequence[Any]:  # noqa: ANN401
    with stage.hub.store.read() as tx:
        return tx.execute(select(outbox).where(outbox.c.settled_at.is_(None))).all()


def parcels_of(stage: Any, order: ShopOrder) -> Sequence[Any]:  # noqa: ANN401
    with stage.hub.store.read() as tx:
        query = select(parcels).where(parcels.c.order_id == stage.stored(order).row["id"])
        return tx.execute(query.order_by(parcels.c.sequence)).all()


def shipments_of(stage: Any, channel: str) -> list[WarehouseShipment]:  # noqa: ANN401
    """What warehouses have of a channel's orders."""
    found = stage.world.shipments.values()
    return [shipment for shipment in found if shipment.reference.startswith(f"{channel}.")]


@pytest.mark.parametrize("wms", WMSS)
def test_s35_s48_a_wms_whose_answer_was_lost_has_the_order_once(open_stage: OpenStage, wms: str) -> None:
    """ShipBob refuses a reference that it has; Tryton would take it twice."""
    stage = open_stage(*CONNECTIONS, stocked={SPOON, WHISK, TIMER})
    put(stage, **{SITES[wms]: SPOON})
    order = stage.place("shopify-eu", lines=[(SPOON, 2)], country="FR")
    stage.wait(minutes=15)
    stage.sandbox.fault(wms, "lost_answer")
    cycles(stage, 8, minutes=10)
    assert stage.sandbox.vendors[wms].faults.struck["lost_answer"] == 1
    assert len(stage.world.shipments_of(wms)) == 1
    cycles(stage, 10, hours=2)
    assert len(stage.world.shipments_of(wms)) == 1
    assert order.told_units(order.lines[0].line_id) == 2
    assert unsettled(stage) == []


def test_s38_what_is_fulfilled_already_is_settled_and_not_tried_for_ever(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, stocked={SPOON, WHISK, TIMER})
    put(stage, LYS=SPOON)
    orders = {channel: stage.place(channel, lines=[(SPOON, 2)]) for channel in CHANNELS}
    stage.wait(minutes=15)
    stage.cycle()
    stage.wait(hours=14)
    for channel, order in orders.items():
        (shipment,) = shipments_of(stage, channel)
        line = order.lines[0].line_id
        stage.world.tell(order, {line: 2}, "DHL", shipment.tracking_number, by_hub=False)
    cycles(stage, 10, hours=2)
    confirmations = "SELECT attempts FROM outbox WHERE operation = 'confirm_shipment'"
    with stage.hub.store.read() as tx:
        attempts = [row.attempts for row in tx.exec_driver_sql(confirmations)]
    assert all(count <= 2 for count in attempts)
    assert unsettled(stage) == []


def test_s39_three_parcels_are_three_write_backs(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, stocked={SPOON, WHISK, TIMER})
    put(stage, LYS=SPOON, BER=WHISK, ORD=TIMER)
    wanted = [(SPOON, 1), (WHISK, 2), (TIMER, 1)]
    orders = {channel: stage.place(channel, lines=wanted) for channel in CHANNELS}
    stage.wait(minutes=15)
    cycles(stage, 10, hours=3)
    for channel, order in orders.items():
        shipped = {shipment.tracking_number for shipment in shipments_of(stage, channel)}
        assert len(shipped) == 3
        assert {told.tracking_number for told in order.told} == shipped
        assert [order.told_units(line.line_id) for line in order.lines] == [1, 2, 1]
        assert [row.sequence for row in parcels_of(stage, order)] == [1, 2, 3]


def test_s40_a_delivered_parcel_stays_delivered(open_stage: OpenStage) -> None:
    """Older events that come later change nothing, and a label alone is not in transit."""
    stage = open_stage(*CONNECTIONS, stocked={SPOON, WHISK, TIMER})
    put(stage, LYS=SPOON)
    orders = [stage.place("shopify-eu", lines=[(SPOON, 1)], country="FR") for _ in range(6)]
    stage.wait(minutes=15)
    stage.cycle()
    while not stage.world.parcels:
        stage.wait(minutes=10)
    (only,) = stage.world.parcels.values()
    stage.cycle()
    stage.cycle()
    statuses = {row.tracking_number: row.status for order in orders for row in parcels_of(stage, order)}
    assert len(only.scans) == 1
    assert statuses[only.tracking_number] in ("pending", "unknown")
    for _ in range(20):
        stage.wait(hours=12)
        for carrier in ("ups", "easypost"):
            stage.sandbox.fault(carrier, "stale_update", 2)
            stage.sandbox.fault(carrier, "reordered", 2)
        stage.cycle()
    for carrier in ("ups", "easypost"):
        stage.sandbox.vendors[carrier].faults.switch_off("stale_update")
    cycles(stage, 2, hours=12)
    for order in orders:
        (row,) = parcels_of(stage, order)
        truth = stage.world.parcels[row.tracking_number]
        assert row.status == truth.scans[-1].status
        assert row.delivered_at == truth.delivered_at


def test_s42_two_ordered_one_cancelled_then_shipped_is_one_everywhere(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, stocked={SPOON, WHISK, TIMER})
    put(stage, LYS=SPOON)
    orders = {channel: stage.place(channel, lines=[(SPOON, 2)]) for channel in CHANNELS}
    for order in orders.values():
        stage.world.remove_units(order, order.lines[0].line_id, 1)
    stage.wait(minutes=15)
    cycles(stage, 10, hours=3)
    for channel, order in orders.items():
        (shipment,) = shipments_of(stage, channel)
        assert [(pick.sku, pick.quantity) for pick in shipment.picks] == [(SPOON, 1)]
        assert order.told_units(order.lines[0].line_id) == 1
        line = stage.stored(order).lines[0]
        assert (line["ordered"], line["cancelled"], line["shipped"], line["confirmed"]) == (2, 1, 1, 1)
