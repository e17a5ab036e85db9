"""A desk for the services' tests: a hub on either database, and the sandbox's vendors on a socket."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import select

from connectors.pacing import SharedPacer
from normalization import registry
from normalization.records import StockLevel, WmsShipment
from normalization.registry import Context
from normalization.statuses import StockBasis
from order_store.allocations import OrderDecision, PlannedLine, PlannedParcel, commit_decision
from order_store.connections import connection_id
from order_store.events import timeline
from order_store.orders import StoredOrder, find_order
from order_store.outbox import OutboxRow, messages
from order_store.picklists import StoredPicklist, load_picklist, ship_to_digest
from order_store.schema.fulfilment import stock_positions
from order_store.schema.orders import line_components
from order_store.shipments import apply_wms_shipment
from order_store.stock import apply_snapshot
from pipelines.config import load_config
from pipelines.hub import Hub, assemble
from pipelines.sandbox_secrets import sandbox_environ
from pipelines.services.confirm import enqueue_confirmations
from pipelines.services.orders import sync_orders
from sandbox.buyers import Wish, place_order
from sandbox.catalogue_csv import write_catalogue
from sandbox.merchant import build_world
from sandbox.registry import open_vendors
from sandbox.server import Sandbox
from sandbox.simulation import Simulation
from sandbox.world import ShopOrder, WarehouseShipment, World

CONFIG = Path(__file__).resolve().parents[2] / "hub.sandbox.yaml"
IN_STOCK = 100
"""Units that every warehouse holds of a SKU when the hub first hears of it."""


class WorldClock:
    """The world's time; whoever sleeps lets the world go on."""

    def __init__(self, simulation: Simulation) -> None:
        self._simulation = simulation

    def now(self) -> datetime:
        return self._simulation.world.now

    def monotonic(self) -> float:
        return self.now().timestamp()

    def sleep(self, seconds: float) -> None:
        self._simulation.advance(timedelta(seconds=seconds))


@dataclass
class Desk:
    """One merchant's world and the hub that serves it."""

    sandbox: Sandbox
    hub: Hub
    environ: Mapping[str, str]

    @property
    def world(self) -> World:
        return self.sandbox.world

    def wait(self, **units: float) -> None:
        """Let the clock go on, and nothing else happen: minutes=, hours= or days=."""
        self.world.now += timedelta(**units)

    def place(self, channel: str, *lines: tuple[str, int], country: str = "FR") -> ShopOrder:
        """An order that is paid and complete, read by the hub."""
        wish = Wish(lines=lines, country=country, payment="captured", by_channel=False)
        order = place_order(self.world, channel, wish)
        self.read(channel)
        assert self.stored(order).row["verification"] == "verified"
        return order

    def read(self, channel: str) -> None:
        """Read what changed at a channel."""
        self.wait(minutes=15)
        sync_orders(self.hub, channel)

    def stored(self, order: ShopOrder) -> StoredOrder:
        with self.hub.store.read() as tx:
            found = find_order(tx, order.channel, order.external_id)
        assert found is not None
        return found

    def order_id(self, order: ShopOrder) -> int:
        return int(self.stored(order).row["id"])

    def allocate(self, order: ShopOrder, warehouse: str, units: Mapping[int, int] | None = None) -> int:
        """Give units of lines (all that are ordered, if none are named) to a warehouse: one picklist."""
        stored = self.stored(order)
        wanted = units or {line["line_no"]: line["ordered"] for line in stored.lines}
        where = self.hub.config.warehouse(warehouse)
        now = self.hub.clock.now()
        with self.hub.store.begin() as tx:
            parts = tx.execute(
                select(line_components).where(line_components.c.order_id == stored.row["id"])
            ).all()
            if (
                tx.scalar(select(stock_positions.c.sku).where(stock_positions.c.warehouse == warehouse))
                is None
            ):
                levels = [
                    StockLevel(
                        site=where.wms.site,
                        sku=sku,
                        on_hand=IN_STOCK,
                        basis=StockBasis.PHYSICAL,
                        observed_at=now,
                    )
                    for sku in self.world.skus
                ]
                apply_snapshot(tx, warehouse, levels, StockBasis.PHYSICAL, now, lambda _sku: 0, now)
            lines = tuple(
                PlannedLine(
                    line_no,
                    count,
                    tuple((part.sku, part.units * count) for part in parts if part.line_no == line_no),
                )
                for line_no, count in sorted(wanted.items())
            )
            parcel = PlannedParcel(
                warehouse=warehouse,
                connection_id=connection_id(tx, where.wms.connection),
                site=where.wms.site,
                dispatch_date=now.date().isoformat(),
                dispatch_due_at=now + timedelta(days=1),
                ship_to_digest=ship_to_digest(stored.order.ship_to or None),
                lines=lines,
            )
            decision = OrderDecision(stored.row["id"], stored.row["revision"], (parcel,), {})
            (picklist_id,) = commit_decision(tx, decision, now)
        return picklist_id

    def picklist(self, picklist_id: int) -> StoredPicklist:
        with self.hub.store.read() as tx:
            return load_picklist(tx, picklist_id)

    def reserved(self, warehouse: str, sku: str) -> int:
        """Units of a SKU that may not be promised."""
        place = (stock_positions.c.warehouse == warehouse, stock_positions.c.sku == sku)
        with self.hub.store.read() as tx:
            return int(tx.execute(select(stock_positions.c.reserved).where(*place)).scalar_one())

    def outbox(self, connection: str) -> list[OutboxRow]:
        with self.hub.store.read() as tx:
            return messages(tx, connection_id=connection_id(tx, connection))

    def events(self, order: ShopOrder) -> list[str]:
        with self.hub.store.read() as tx:
            return [event.kind for event in timeline(tx, self.order_id(order))]

    def ship(self, wms: str, reference: str, tracking_number: str) -> None:
        """The warehouse ships a picklist with UPS, the hub reads of it and has the channel told."""
        (shipment,) = [one for one in self.shipments(wms) if one.reference == reference]
        self.world.ship(shipment, "UPS", tracking_number)
        self.wait(minutes=1)
        self.hear(wms, shipment.wms_id)

    def hear(self, wms: str, wms_id: str) -> None:
        """The hub reads how far a WMS is with one shipment."""
        page = self.hub.connector(wms).read_one("shipments", wms_id)
        configured = self.hub.config.connection(wms)
        context = Context(wms, page.observed_at, configured.settings)
        told = registry.wms(configured.connector).shipment(page.records[0].payload, context)
        self.apply(wms, told)

    def apply(self, wms: str, told: WmsShipment) -> None:
        """A WMS's word reaches the store, and what it means for the channel the outbox."""
        now = self.hub.clock.now()
        with self.hub.store.begin() as tx:
            applied = apply_wms_shipment(tx, connection_id(tx, wms), told, now, lambda _carrier: None)
            enqueue_confirmations(tx, self.hub, applied.to_confirm, now)

    def shipments(self, wms: str) -> list[WarehouseShipment]:
        return self.world.shipments_of(wms)


OpenDesk = Callable[..., Desk]


@pytest.fixture
def open_desk(migrated_url: str, tmp_path: Path) -> Iterator[OpenDesk]:
    """Opens a desk with some of the sandbox's connections."""
    with ExitStack() as stack:

        def opened(*connections: str) -> Desk:
            world = build_world(3, plenty=True)
            simulation = Simulation(world)
            sandbox = stack.enter_context(
                Sandbox(world=world, vendors=open_vendors(world, connections), simulation=simulation)
            )
            write_catalogue(world, tmp_path / "catalogue")
            environ = sandbox_environ(sandbox.url) | {
                "ORDERHUB_CONFIG": str(CONFIG),
                "ORDERHUB_STORE": migrated_url,
                "ORDERHUB_LANDING": str(tmp_path / "landing"),
                "ORDERHUB_CATALOGUE": str(tmp_path / "catalogue"),
                "ORDERHUB_STATE": str(tmp_path / "state"),
            }
            clock = WorldClock(simulation)
            hub = assemble(load_config(CONFIG, environ), tmp_path / "state", clock)
            pacing = partial(
                SharedPacer, tmp_path / "state" / "pacing.db", now=clock.monotonic, sleep=clock.sleep
            )
            hub = replace(hub, runtime=replace(hub.runtime, pacer_for=pacing))
            stack.callback(hub.close)
            return Desk(sandbox, hub, environ)

        yield opened
