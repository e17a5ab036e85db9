"""What WMSs tell the hub: stock as whole snapshots, and how far they are with its picklists."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select, update

from connectors.contract import RawRecord
from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.parcels import load_parcels
from order_store.picklists import State
from order_store.quarantine import list_quarantine
from order_store.schema.catalogue import skus
from order_store.schema.fulfilment import picklists, stock_positions
from order_store.schema.reading import landing_files
from pipelines.services.dispatch import dispatch
from pipelines.services.facts import land
from pipelines.services.replay import replay
from pipelines.services.warehouse import ShipmentsResult, sync_shipments, sync_stock

OpenDesk = Callable[..., Any]
SPOON = "SPOON-BRASS"


def stock_of(store: Store) -> dict[tuple[str, str], int]:
    with store.read() as tx:
        return {
            (row.warehouse, row.sku): row.on_hand
            for row in tx.execute(select(stock_positions))
            if row.on_hand
        }


def truth(desk: Any, wms: str) -> dict[tuple[str, str], int]:  # noqa: ANN401
    sites = desk.world.sites_of(wms)
    found = {(site.code, sku): site.on_hand(sku) for site in sites for sku in site.stock}
    return {key: units for key, units in found.items() if units}


def pushed(desk: Any, wms: str, warehouse: str, units: int = 2) -> tuple[Any, int]:  # noqa: ANN401
    """An order for spoons whose picklist the WMS has."""
    order = desk.place("shopify-eu", (SPOON, units))
    picklist_id = desk.allocate(order, warehouse)
    assert dispatch(desk.hub, wms).applied == 1
    return order, picklist_id


def test_nothing_is_made_of_card_data_that_a_wms_tells(open_desk: OpenDesk) -> None:
    hub = open_desk("shipbob-us").hub
    told = RawRecord("1", b'{"gift_message": "card 4111 1111 1111 1111"}')
    file, landed = land(hub, "shipbob-us", "shipments", hub.clock.now(), [told])
    assert file
    assert landed == list(hub.landing.read(file.path))
    assert b"1111" not in landed[0].payload


@pytest.mark.parametrize(("wms", "sites"), [("tryton-lyon", {"LYS", "BER"}), ("shipbob-us", {"ORD", "LAX"})])
def test_stock_is_that_of_every_warehouse_of_the_wms(open_desk: OpenDesk, wms: str, sites: set[str]) -> None:
    desk = open_desk(wms)
    result = sync_stock(desk.hub, wms)
    assert (result.warehouses, result.unknown_sites, result.unknown_skus, result.quarantined) == (2, (), 0, 0)
    stored = stock_of(desk.hub.store)
    assert stored == truth(desk, wms)
    assert {warehouse for warehouse, _ in stored} == sites
    with desk.hub.store.read() as tx:
        assert tx.scalar(select(func.count()).select_from(landing_files)) == 1


def test_what_a_complete_snapshot_no_longer_names_is_not_there(open_desk: OpenDesk) -> None:
    desk = open_desk("tryton-lyon")
    sync_stock(desk.hub, "tryton-lyon")
    desk.world.sites["LYS"].stock.pop(SPOON)
    for place in (place for places in desk.world.sites["BER"].stock.values() for place in places):
        place.on_hand = 0
    desk.wait(minutes=5)
    sync_stock(desk.hub, "tryton-lyon")
    stored = stock_of(desk.hub.store)
    assert stored == truth(desk, "tryton-lyon")
    assert ("LYS", SPOON) not in stored
    assert "BER" not in {warehouse for warehouse, _ in stored}


def test_sites_and_skus_that_the_hub_does_not_know_are_counted(open_desk: OpenDesk) -> None:
    desk = open_desk("tryton-lyon")
    known = tuple(one for one in desk.hub.config.warehouses if one.code != "BER")
    hub = replace(desk.hub, config=desk.hub.config.model_copy(update={"warehouses": known}))
    with hub.store.begin() as tx:
        tx.execute(update(skus).where(skus.c.sku == SPOON).values(sku="OTHER"))
    result = sync_stock(hub, "tryton-lyon")
    assert (result.warehouses, result.unknown_sites, result.unknown_skus) == (1, ("BER",), 1)
    assert ("LYS", SPOON) in stock_of(hub.store)


def test_picks_parcels_and_confirmations_follow_from_what_the_wms_says(open_desk: OpenDesk) -> None:
    desk = open_desk("shopify-eu", "tryton-lyon")
    sync_stock(desk.hub, "tryton-lyon")
    order, picklist_id = pushed(desk, "tryton-lyon", "LYS")
    desk.wait(minutes=1)
    assert sync_shipments(desk.hub, "tryton-lyon").updated == 1
    found = desk.picklist(picklist_id)
    assert found.state is State.PICKING
    assert sum(pick.quantity for pick in found.picks) == 2
    assert all(pick.bin for pick in found.picks)
    (shipment,) = desk.shipments("tryton-lyon")
    desk.world.ship(shipment, "UPS", "1Z0001")
    desk.wait(minutes=1)
    result = sync_shipments(desk.hub, "tryton-lyon")
    assert (result.parcels, result.confirmations) == (1, 1)
    with desk.hub.store.read() as tx:
        (parcel,) = load_parcels(tx, desk.order_id(order))
    assert (parcel.tracking_number, parcel.carrier_connection, parcel.units) == ("1Z0001", "ups", {0: 2})
    assert {item.bin for item in parcel.items} == {pick.bin for pick in found.picks}
    assert desk.stored(order).row["status"] == "shipped"
    assert [row.operation for row in desk.outbox("shopify-eu")] == ["confirm_shipment"]
    desk.wait(minutes=1)
    again = sync_shipments(desk.hub, "tryton-lyon")
    assert (again.parcels, again.confirmations, again.updated) == (0, 0, 0)


def test_shipped_goods_are_reserved_until_a_later_snapshot_reflects_them(open_desk: OpenDesk) -> None:
    desk = open_desk("shopify-eu", "tryton-lyon")
    sync_stock(desk.hub, "tryton-lyon")
    pushed(desk, "tryton-lyon", "LYS")
    desk.wait(minutes=1)
    desk.world.ship(desk.shipments("tryton-lyon")[0], "UPS", "1Z0001")
    sync_shipments(desk.hub, "tryton-lyon")
    assert desk.reserved("LYS", SPOON) == 2
    desk.wait(minutes=1)
    sync_stock(desk.hub, "tryton-lyon")
    assert desk.reserved("LYS", SPOON) == 0


def test_shipments_of_others_are_foreign(open_desk: OpenDesk) -> None:
    desk = open_desk("shipbob-us")
    to = {"name": "Ada Example", "street": "1 Way", "city": "Reno", "postal_code": "89501"}
    other = desk.world.accept("shipbob-us", "ORD", "NOT-OURS", [(SPOON, 1)], to)
    desk.world.assign(other)
    desk.wait(minutes=1)
    result = sync_shipments(desk.hub, "shipbob-us")
    assert (result.records > 0, result.foreign, result.updated) == (True, result.records, 0)


def test_a_shipment_that_cannot_be_understood_is_quarantined_until_it_can(open_desk: OpenDesk) -> None:
    desk = open_desk("shopify-eu", "tryton-lyon")
    _, picklist_id = pushed(desk, "tryton-lyon", "LYS")
    desk.sandbox.fault("tryton-lyon", "broken_record")
    desk.wait(minutes=1)
    result = sync_shipments(desk.hub, "tryton-lyon")
    assert (result.quarantined, result.updated) == (1, 0)
    with desk.hub.store.read() as tx:
        (row,) = list_quarantine(tx, connection="tryton-lyon")
    assert desk.hub.landing.read_one(row.failure.path, row.failure.offset).stream == "shipments"
    desk.wait(minutes=1)
    assert sync_shipments(desk.hub, "tryton-lyon").updated == 1
    assert desk.picklist(picklist_id).state is State.PICKING
    with desk.hub.store.read() as tx:
        assert list_quarantine(tx) == []


def unheard(desk: Any, picklist_id: int, **more: str) -> ShipmentsResult:  # noqa: ANN401
    """What a read finds when a picklist was accepted seven hours ago and nothing was heard of it since."""
    sync_shipments(desk.hub, "tryton-lyon")
    desk.wait(minutes=30)
    sync_shipments(desk.hub, "tryton-lyon")  # the next read looks back no further than this one
    desk.wait(hours=7)
    long_ago = desk.hub.clock.now() - timedelta(hours=7)
    with desk.hub.store.begin() as tx:
        tx.execute(
            update(picklists)
            .where(picklists.c.id == picklist_id)
            .values(
                accepted_at=long_ago, version_observed_at=0, version_revision="", state="accepted", **more
            )
        )
    return sync_shipments(desk.hub, "tryton-lyon")


def test_a_picklist_of_which_nothing_was_heard_is_asked_for(open_desk: OpenDesk) -> None:
    desk = open_desk("shopify-eu", "tryton-lyon")
    _, picklist_id = pushed(desk, "tryton-lyon", "LYS")
    result = unheard(desk, picklist_id)
    assert (result.asked, result.missing, result.updated) == (1, 0, 1)
    assert desk.picklist(picklist_id).state is State.PICKING
    assert sync_shipments(desk.hub, "tryton-lyon").asked == 0


def test_a_picklist_that_the_wms_does_not_show_is_an_event_and_not_asked_for_at_once_again(
    open_desk: OpenDesk,
) -> None:
    desk = open_desk("shopify-eu", "tryton-lyon")
    order, picklist_id = pushed(desk, "tryton-lyon", "LYS")
    result = unheard(desk, picklist_id, wms_id="999999")
    assert (result.asked, result.missing) == (1, 1)
    assert desk.events(order).count("missing_at_warehouse") == 1
    assert sync_shipments(desk.hub, "tryton-lyon").asked == 0


def test_replay_rebuilds_the_newest_stock_and_takes_shipments_for_nobodys(
    open_desk: OpenDesk, tmp_path: Path
) -> None:
    desk = open_desk("shopify-eu", "tryton-lyon")
    sync_stock(desk.hub, "tryton-lyon")
    pushed(desk, "tryton-lyon", "LYS")
    desk.wait(minutes=1)
    desk.world.ship(desk.shipments("tryton-lyon")[0], "UPS", "1Z0001")
    sync_shipments(desk.hub, "tryton-lyon")
    desk.wait(minutes=1)
    sync_stock(desk.hub, "tryton-lyon")
    empty = open_store(f"sqlite:///{tmp_path / 'replayed.db'}")
    empty.create_all()
    with empty.begin() as tx:
        register_connection(tx, "shopify-eu", "shopify", "channel")
        register_connection(tx, "tryton-lyon", "tryton", "wms")
    sites = {"tryton-lyon": {one.wms.site: one.code for one in desk.hub.config.warehouses}}
    result = replay(empty, desk.hub.landing, now=desk.hub.clock.now(), sites=sites)
    assert (result.unknown, result.damaged, result.counts.vanished) == ((), (), 0)
    assert stock_of(empty) == stock_of(desk.hub.store) == truth(desk, "tryton-lyon")
    with empty.read() as tx:
        assert tx.scalar(select(func.count()).select_from(picklists)) == 0
    empty.close()
