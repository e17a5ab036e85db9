"""Picklists pushed, followed and tracked through connectors and mappings, compared with the world."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from msgspec import UNSET

from connectors.contract import Connector, Outcome, Page, Window
from connectors.registry import connect
from connectors.runtime import Runtime
from normalization.records import Address, Picklist, PicklistLine, StockLevel, WmsShipment
from normalization.registry import Context, WmsMapping, carrier, wms
from normalization.statuses import TrackingStatus, WmsState
from sandbox.access import access
from sandbox.buyers import Wish, place_order
from sandbox.deliveries import parcels_by_order
from sandbox.merchant import build_world
from sandbox.registry import WMSS, open_vendors
from sandbox.server import Sandbox
from sandbox.simulation import Simulation
from sandbox.world import START, ShopOrder, World

GOODS = [("HONEY-LIME-500", 2), ("SPOON-BRASS", 3)]


class WorldClock:
    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now

    def monotonic(self) -> float:
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        time.sleep(min(seconds, 0.05))


@dataclass
class Warehouse:
    """One WMS of a running sandbox, with its first site."""

    name: str
    sandbox: Sandbox
    runtime: Runtime

    def connector(self, name: str) -> Connector:
        there = access(self.sandbox.url)[name]
        return connect(there.vendor, name, there.settings, there.secrets, self.runtime)

    @property
    def world(self) -> World:
        return self.sandbox.world

    @property
    def mapping(self) -> WmsMapping:
        return wms(WMSS[self.name])

    def picklist(self, order: ShopOrder, reference: str = "OH-1", units: int | None = None) -> Picklist:
        site, home = self.world.sites_of(self.name)[0], order.ship_to
        lines = [
            PicklistLine(line_id=line.line_id, sku=line.channel_sku, quantity=units or line.current)
            for line in order.lines
        ]
        return Picklist(
            reference=reference,
            warehouse=site.code.lower(),
            site=site.wms_site,
            order_number=order.number,
            placed_at=order.placed_at,
            lines=tuple(lines),
            ship_to=Address(
                name=home.name,
                company=home.company,
                street=home.street,
                city=home.city,
                region=home.region,
                postal_code=home.postal_code,
                country_code=home.country_code,
                phone=home.phone,
            ),
            email=home.email,
        )

    def push(self, order: ShopOrder, reference: str = "OH-1") -> str:
        body = self.mapping.push_picklist(self.picklist(order, reference))
        result = self.connector(self.name).write("push_picklist", body, reference)
        assert result.outcome is Outcome.APPLIED, result.reason
        assert result.vendor_ref
        return result.vendor_ref

    def read(self, stream: str) -> Iterator[Page]:
        window = Window(START - timedelta(hours=1), self.world.now + timedelta(minutes=1))
        yield from self.connector(self.name).read(stream, window)

    def shipments(self) -> dict[str, WmsShipment]:
        """The newest state of each picklist, by reference."""
        found: dict[str, WmsShipment] = {}
        for page in self.read("shipments"):
            for record in page.records:
                seen = self.mapping.shipment(record.payload, Context(self.name, page.observed_at))
                found[seen.reference] = seen
        return found

    def stock(self) -> Sequence[StockLevel]:
        return [
            level
            for page in self.read("stock")
            for record in page.records
            for level in self.mapping.stock(record.payload, Context(self.name, page.observed_at))
        ]

    def wait(self, delta: timedelta) -> None:
        self.sandbox.simulation.advance(delta)


@pytest.fixture(params=list(WMSS))
def warehouse(request: pytest.FixtureRequest) -> Iterator[Warehouse]:
    world = build_world(5, plenty=True)
    vendors = open_vendors(world, [request.param, "ups", "easypost"])
    simulation = Simulation(world, fickle=False)
    with Sandbox(world=world, vendors=vendors, simulation=simulation) as sandbox:
        yield Warehouse(request.param, sandbox, Runtime(clock=WorldClock(world)))


def place(warehouse: Warehouse) -> ShopOrder:
    return place_order(warehouse.world, "shopify-eu", Wish(lines=GOODS, payment="captured"))


def test_stock_is_what_lies_in_the_bins(warehouse: Warehouse) -> None:
    seen: dict[tuple[str, str], int] = {}
    for level in warehouse.stock():
        seen[level.site, level.sku] = seen.get((level.site, level.sku), 0) + level.on_hand
    sites = warehouse.world.sites_of(warehouse.name)
    there = {(site.wms_site, sku): site.on_hand(sku) for site in sites for sku in site.stock}
    assert {key: units for key, units in seen.items() if units} == there
    lots = {level.lot for level in warehouse.stock() if level.sku == "HONEY-LIME-500"}
    assert lots == {
        place.lot for site in sites for place in site.stock["HONEY-LIME-500"] if site.on_hand(GOODS[0][0])
    }


def test_a_picklist_reaches_its_site_with_all_units_and_the_buyer_s_address(warehouse: Warehouse) -> None:
    order = place(warehouse)
    wms_id = warehouse.push(order)
    (shipment,) = warehouse.world.shipments.values()
    assert (shipment.wms, shipment.reference) == (warehouse.name, "OH-1")
    assert shipment.site == warehouse.world.sites_of(warehouse.name)[0].code
    assert sorted(shipment.lines) == sorted(GOODS)
    warehouse.wait(timedelta(minutes=5))
    seen = warehouse.shipments()["OH-1"]
    assert seen.wms_id == wms_id
    assert seen.state in (WmsState.ACCEPTED, WmsState.PICKING)


def test_a_shipped_parcel_belongs_to_its_order_and_is_delivered(warehouse: Warehouse) -> None:
    orders = [place(warehouse) for _ in range(6)]
    for number, order in enumerate(orders):
        warehouse.push(order, f"OH-{number}")
    warehouse.wait(timedelta(hours=14))
    parcels = parcels_by_order(warehouse.world)
    assert set(parcels) == {(order.channel, order.external_id) for order in orders}
    for number, order in enumerate(orders):
        seen = warehouse.shipments()[f"OH-{number}"]
        assert seen.state is WmsState.SHIPPED
        assert seen.parcels is not UNSET
        (parcel,) = seen.parcels
        (truth,) = parcels[order.channel, order.external_id]
        assert (parcel.tracking_number, parcel.carrier) == (truth.tracking_number, truth.carrier)
        assert parcel.shipped_at is not None
    warehouse.wait(timedelta(days=12))
    for parcel in warehouse.world.parcels.values():
        name = "ups" if parcel.carrier == "UPS" else "easypost"
        page = warehouse.connector(name).read_one("tracking", parcel.tracking_number)
        context = Context(name, page.observed_at)
        tracking = carrier(name).tracking(page.records[0].payload, context)
        assert tracking.status is TrackingStatus(parcel.scans[-1].status)
        assert tracking.delivered_at == parcel.delivered_at
        assert len(tracking.events) >= len(parcel.scans) - 1


def test_a_waiting_picklist_can_be_cancelled_and_its_units_are_free_again(warehouse: Warehouse) -> None:
    order = place(warehouse)
    wms_id = warehouse.push(order)
    body = warehouse.mapping.cancel_picklist("OH-1", wms_id)
    result = warehouse.connector(warehouse.name).write("cancel_picklist", body, "OH-1/cancel")
    assert result.outcome is Outcome.APPLIED, result.reason
    (shipment,) = warehouse.world.shipments.values()
    assert shipment.state == "cancelled"
    warehouse.wait(timedelta(minutes=10))
    assert warehouse.shipments()["OH-1"].state is WmsState.CANCELLED
    assert not warehouse.world.parcels
    assert warehouse.world.assigned_elsewhere(shipment.site, "SPOON-BRASS") == 0


def test_a_shipped_picklist_refuses_to_be_cancelled(warehouse: Warehouse) -> None:
    wms_id = warehouse.push(place(warehouse))
    warehouse.wait(timedelta(hours=14))
    body = warehouse.mapping.cancel_picklist("OH-1", wms_id)
    result = warehouse.connector(warehouse.name).write("cancel_picklist", body, "OH-1/cancel")
    assert result.outcome is Outcome.REJECTED
    assert result.reason
