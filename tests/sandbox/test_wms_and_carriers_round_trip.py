"""What really happened in the world comes back whole through vendor, connector and mapping."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
import responses

from connectors.carriers.easypost import EasyPost
from connectors.carriers.ups import Ups
from connectors.contract import Outcome, Window
from connectors.runtime import Runtime
from connectors.wms.shipbob import ShipBob
from normalization.carriers import easypost, ups
from normalization.records import Address, Picklist, PicklistLine, Tracking, WmsShipment
from normalization.registry import Context
from normalization.wms import shipbob
from sandbox.merchant import build_world
from sandbox.mounted import mount
from sandbox.simulation import Simulation
from sandbox.vendors.easypost import EasyPostVendor
from sandbox.vendors.shipbob import ShipBobVendor
from sandbox.vendors.ups import UpsVendor
from sandbox.world import ShopOrder, World

STATES = {"waiting": "waiting", "assigned": "accepted"}
"""The world's words for a shipment's state where the hub has others."""


class WorldClock:
    """The hub's clock follows the world's; nobody waits."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Return at once."""


class Hub:
    """The three connections, and what they were asked."""

    def __init__(self, world: World, mock: responses.RequestsMock) -> None:
        self.world = world
        self.vendor = ShipBobVendor(world, "shipbob-us")
        mount(mock, "https://shipbob.test", self.vendor)
        mount(mock, "https://ups.test", UpsVendor(world, "ups"))
        mount(mock, "https://easypost.test", EasyPostVendor(world, "easypost"))
        runtime = Runtime(clock=WorldClock(world))
        settings = {"base_url": "https://shipbob.test", "channel_id": ShipBobVendor.CHANNEL_ID}
        self.wms = ShipBob("shipbob-us", settings, ShipBobVendor.SECRETS, runtime)
        self.ups = Ups("ups", {"base_url": "https://ups.test"}, UpsVendor.SECRETS, runtime)
        address = {"base_url": "https://easypost.test"}
        self.easypost = EasyPost("easypost", address, EasyPostVendor.SECRETS, runtime)
        self.began = world.now
        self.context = Context("shipbob-us", world.now, settings)

    def push(self, order: ShopOrder) -> None:
        """Have ShipBob's first site pick everything that an order still wants."""
        wanted: Counter[str] = Counter()
        for line in order.lines:
            for sku, units in self.world.components(order.channel, line.channel_sku).items():
                wanted[sku] += units * line.current
        to = order.ship_to
        lines = tuple(PicklistLine(line_id=s, sku=s, quantity=n) for s, n in wanted.items() if n)
        picklist = Picklist(
            reference=f"{order.channel}/{order.serial}",
            warehouse="ORD",
            site="201",
            order_number=order.number,
            placed_at=order.placed_at,
            lines=lines,
            ship_to=Address(
                name=to.name,
                street=to.street,
                city=to.city,
                region=to.region,
                postal_code=to.postal_code,
                country_code=to.country_code,
            ),
        )
        if lines:
            result = self.wms.write("push_picklist", shipbob.push_picklist(picklist), picklist.reference)
            assert result.outcome is Outcome.APPLIED

    def shipments(self) -> dict[str, WmsShipment]:
        """All orders by ShipBob's id, as their changes tell."""
        pages = self.wms.read("shipments", Window(self.began - timedelta(hours=1), self.world.now))
        found = (shipbob.shipment(r.payload, self.context) for page in pages for r in page.records)
        return {shipment.wms_id: shipment for shipment in found}

    def track(self, number: str) -> Tracking:
        """A parcel, asked of the carrier whose number it is."""
        if number.startswith("1Z"):
            return ups.tracking(self.ups.read_one("tracking", number).records[0].payload, self.context)
        return easypost.tracking(self.easypost.read_one("tracking", number).records[0].payload, self.context)


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """Six days after everything that was ordered in half a day was pushed to ShipBob."""
    world = build_world(3)
    simulation = Simulation(world, orders_per_day=60)
    simulation.advance(timedelta(hours=12))
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        hub = Hub(world, mock)
        for order in list(world.orders.values()):
            hub.push(order)
        simulation.orders_per_day = 0
        simulation.advance(timedelta(days=6))
        yield hub


def test_every_shipment_comes_back_with_its_state_picks_and_parcel(hub: Hub) -> None:
    found = hub.shipments()
    truth = {shipment.wms_id: shipment for shipment in hub.world.shipments_of("shipbob-us")}
    assert len(truth) > 20
    assert set(found) == set(truth)
    for wms_id, shipment in truth.items():
        told = found[wms_id]
        assert told.reference == shipment.reference
        assert told.state == STATES.get(shipment.state, shipment.state)
        assert isinstance(told.picks, tuple)
        assert isinstance(told.parcels, tuple)
        picked: Counter[tuple[str, str | None]] = Counter()
        for pick in shipment.picks:
            picked[pick.sku, pick.lot] += pick.quantity
        assert Counter({(line.sku, line.lot): line.quantity for line in told.picks}) == picked
        parcels = [(p.tracking_number, p.carrier, p.shipped_at) for p in told.parcels]
        left = (shipment.tracking_number, shipment.carrier, shipment.shipped_at)
        assert parcels == ([left] if shipment.state == "shipped" else [])


def test_every_parcel_comes_back_with_all_its_scans(hub: Hub) -> None:
    assert {parcel.carrier for parcel in hub.world.parcels.values()} >= {"UPS", "USPS"}
    for number, parcel in hub.world.parcels.items():
        told = hub.track(number)
        assert (told.tracking_number, told.carrier, told.warnings) == (number, parcel.carrier, ())
        assert told.status == parcel.scans[-1].status
        # Carriers tell whole seconds.
        scans = [(scan.at.replace(microsecond=0), scan.status) for scan in parcel.scans]
        assert [(event.occurred_at, event.status) for event in told.events] == scans
        assert told.delivered_at == next((at for at, status in scans if status == "delivered"), None)


def test_stock_comes_back_by_site_and_lot_less_what_is_promised(hub: Hub) -> None:
    told: Counter[tuple[str, str]] = Counter()
    for page in hub.wms.read("stock", Window(hub.began, hub.world.now)):
        for record in page.records:
            for level in shipbob.stock(record.payload, hub.context):
                told[level.site, level.sku] += level.on_hand
    for site in hub.world.sites_of("shipbob-us"):
        for sku in hub.world.skus:
            free = site.on_hand(sku) - hub.world.assigned_elsewhere(site.code, sku)
            assert told[site.wms_site, sku] == free, (site.code, sku)
