"""Telling channels of parcels (S16, S39)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from order_store.schema.fulfilment import parcel_lines, parcels
from order_store.schema.orders import orders
from pipelines.services.confirm import confirmation_of, enqueue_confirmations
from pipelines.services.dispatch import DispatchResult, dispatch
from sandbox.world import ShopOrder

OpenDesk = Callable[..., Any]
SPOON, WHISK = "SPOON-BRASS", "WHISK-BAMBOO"
CHANNELS = ["shopify-eu", "amazon-uk", "woo-de", "vendure-us"]
WMS = "tryton-lyon"
ALL_AT_ONCE = "woo-de"
"""WooCommerce knows no fulfilled units, only parcels, and an order that is completed as a whole."""


def packed(open_desk: OpenDesk, channel: str, *parts: dict[int, int]) -> tuple[Any, ShopOrder, list[str]]:
    """A desk, an order of three spoons and a whisk, and references of picklists at the WMS."""
    desk = open_desk(channel, WMS)
    order = desk.place(channel, (SPOON, 3), (WHISK, 1), country="GB" if channel == "amazon-uk" else "US")
    made = [desk.allocate(order, "LYS", part) for part in parts]
    dispatch(desk.hub, WMS)
    return desk, order, [desk.picklist(one).reference for one in made]


@pytest.mark.parametrize("channel", CHANNELS)
def test_s39_three_parcels_on_three_days_are_told_one_by_one(open_desk: OpenDesk, channel: str) -> None:
    desk, order, references = packed(open_desk, channel, {0: 1}, {0: 2}, {1: 1})
    for number, reference in enumerate(references, 1):
        desk.ship(WMS, reference, f"1Z000{number}")
        assert dispatch(desk.hub, channel) == DispatchResult(sent=1, applied=1)
        assert len(order.told) == number
        desk.wait(days=1)
    spoons, whisk = (line.line_id for line in order.lines)
    lines = [dict(told.lines) for told in order.told]
    if channel == ALL_AT_ONCE:
        assert lines == [{}, {}, {spoons: 3, whisk: 1}]
    else:
        assert lines == [{spoons: 1}, {spoons: 2}, {whisk: 1}]
    assert [told.tracking_number for told in order.told] == ["1Z0001", "1Z0002", "1Z0003"]
    with desk.hub.store.read() as tx:
        assert None not in list(tx.scalars(select(parcels.c.confirmed_at)))
    assert desk.events(order).count("shipment_confirmed") == 3


@pytest.mark.parametrize("channel", CHANNELS)
def test_s16_the_hubs_own_write_that_comes_back_changes_nothing(open_desk: OpenDesk, channel: str) -> None:
    desk, order, references = packed(open_desk, channel, {0: 2}, {0: 1, 1: 1})
    desk.ship(WMS, references[0], "1Z0001")
    dispatch(desk.hub, channel)
    desk.read(channel)
    stored = desk.stored(order)
    assert [line["fulfilled"] for line in stored.lines] == [0 if channel == ALL_AT_ONCE else 2, 0]
    assert [(line["confirmed"], line["elsewhere"]) for line in stored.lines] == [(2, 0), (0, 0)]
    assert stored.row["status"] == "partially_shipped"
    assert stored.row["verification"] == "verified"
    assert dispatch(desk.hub, channel) == DispatchResult()
    assert len(order.told) == 1


def test_s16_before_the_answer_is_known(open_desk: OpenDesk) -> None:
    """The channel has it, its answer was lost, and the order is read again meanwhile."""
    desk, order, references = packed(open_desk, "shopify-eu", {0: 3, 1: 1})
    desk.ship(WMS, references[0], "1Z0001")
    desk.sandbox.fault("shopify-eu", "lost_answer")
    assert dispatch(desk.hub, "shopify-eu").in_doubt == 1
    desk.read("shopify-eu")
    assert [line["elsewhere"] for line in desk.stored(order).lines] == [0, 0]
    assert dispatch(desk.hub, "shopify-eu") == DispatchResult(sent=1, applied=1)
    assert len(order.told) == 1


def test_naming_a_parcel_twice_tells_of_it_once(open_desk: OpenDesk) -> None:
    desk, order, references = packed(open_desk, "shopify-eu", {0: 3, 1: 1})
    desk.ship(WMS, references[0], "1Z0001")
    with desk.hub.store.begin() as tx:
        known = list(tx.scalars(select(parcels.c.id)))
        assert enqueue_confirmations(tx, desk.hub, known, desk.hub.clock.now()) == 0
    assert [line["confirmed"] for line in desk.stored(order).lines] == [3, 1]
    assert dispatch(desk.hub, "shopify-eu").sent == 1


def test_only_the_last_parcel_completes_the_order(open_desk: OpenDesk) -> None:
    desk, _order, references = packed(open_desk, "shopify-eu", {0: 3}, {1: 1})
    complete = []
    for number, reference in enumerate(references):
        desk.ship(WMS, reference, f"1Z000{number}")
        with desk.hub.store.read() as tx:
            made = list(tx.scalars(select(parcels.c.id).order_by(parcels.c.sequence)))
            complete.append([confirmation_of(tx, one, "r", desk.hub.clock.now()).complete for one in made])
    assert complete == [[False], [False, True]]


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_wms_whose_clock_is_ahead_ships_no_later_than_the_hub_hears_of_it(
    open_desk: OpenDesk, channel: str
) -> None:
    """Amazon refuses a ship date in the future."""
    desk, order, (reference,) = packed(open_desk, channel, {0: 3, 1: 1})
    (shipment,) = [one for one in desk.shipments(WMS) if one.reference == reference]
    desk.world.ship(shipment, "UPS", "1Z0001")
    shipment.shipped_at = shipment.updated_at = desk.world.now + timedelta(hours=1)
    desk.wait(minutes=1)
    desk.hear(WMS, shipment.wms_id)
    assert dispatch(desk.hub, channel) == DispatchResult(sent=1, applied=1)
    assert [told.tracking_number for told in order.told] == ["1Z0001"]


def test_history_and_parts_of_a_kit_are_not_told(open_desk: OpenDesk) -> None:
    desk, order, references = packed(open_desk, "shopify-eu", {0: 3, 1: 1})
    with desk.hub.store.begin() as tx:
        tx.execute(update(orders).values(is_history=1))
    desk.ship(WMS, references[0], "1Z0001")
    with desk.hub.store.begin() as tx:
        tx.execute(update(orders).values(is_history=0))
        tx.execute(parcel_lines.delete())
        known = list(tx.scalars(select(parcels.c.id)))
        assert enqueue_confirmations(tx, desk.hub, known, desk.hub.clock.now()) == 0
    assert dispatch(desk.hub, "shopify-eu") == DispatchResult()
    assert order.told == []
