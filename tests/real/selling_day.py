"""A day on which a real shop sells what a real warehouse ships, with the hub between them.

Three orders are placed through the shop's own checkout:

- `mixed`: two SKUs, one of them in lots, of which one lot alone has not enough;
- `edited`: the buyer takes a unit back after the warehouse was asked;
- `late`: its money is only promised at first, and the merchant ships nothing unpaid.

The day is played once. What the shop, the warehouse and the hub show at each point is kept, for tests
to look at. The carrier is the sandbox's: no real one can be installed.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pypdf import PdfReader
from sqlalchemy import func, select

from connectors.runtime import SystemClock
from order_store.picklists import reference_for
from order_store.schema.fulfilment import outbox, parcels, picklists
from order_store.schema.orders import orders
from pipelines.hub import Hub, open_hub
from pipelines.services.cycle import run_cycle
from pipelines.services.kpis import Published, build_kpis
from sandbox.server import Sandbox
from sandbox.vendors.easypost import EasyPostVendor
from sandbox.world import Parcel, Scan, World
from tests.real import shop_owner
from tests.real.hub_files import CARRIER, SHOP, WAREHOUSE, write_hub
from tests.real.servers import Servers
from tests.real.shop_api import Session, Shop
from tests.real.wms_floor import Floor, Shipment

WISHES = {
    "mixed": {"CUP-WHITE": 2, "COFFEE-DARK": 25},
    "edited": {"BOOK-TREES": 3, "CUP-WHITE": 4},
    "late": {"BOOK-TREES": 1},
}
TAKEN_BACK = {"CUP-WHITE": 1}
ON_THE_WAY = timedelta(hours=3)


class AheadClock(SystemClock):
    """The machine's clock, and some time more once the parcels are on their way."""

    ahead = timedelta()

    def now(self) -> datetime:
        return super().now() + self.ahead


@dataclass
class SellingDay:
    """What was seen. Orders go by their names above, shipments by the hub's references."""

    hub: Hub
    floor: Floor
    ids: dict[str, str]
    updated_at: dict[str, str]
    asked_at_first: dict[str, Shipment]
    asked_at_last: dict[str, Shipment]
    papers: dict[str, str]
    in_shop: dict[str, Any]
    in_hub_shipped: dict[str, str]
    in_hub_delivered: dict[str, str]
    settled: dict[str, Any]
    two_rounds_later: dict[str, Any]
    kpis: Published

    def reference(self, name: str, sequence: int = 1) -> str:
        """The hub's reference of an order's picklist."""
        return reference_for(SHOP, self.ids[name], WAREHOUSE, sequence)


class _Play:
    """The stage while the day lasts."""

    def __init__(self, servers: Servers, hub: Hub, clock: AheadClock, carrier: World) -> None:
        self.hub, self.clock, self.carrier = hub, clock, carrier
        self.shop = Shop(servers.shop_url)
        self.owner: Session = self.shop.owner(servers.shop_user, servers.shop_password)
        self.floor = Floor(servers)
        self.ids: dict[str, str] = {}

    def round(self, times: int = 1) -> None:
        """The hub goes round. Raises RuntimeError if any step fails."""
        for _ in range(times):
            if failures := run_cycle(self.hub).failures:
                raise RuntimeError(f"a round failed: {failures}")

    def in_shop(self) -> dict[str, Any]:
        return {name: shop_owner.order(self.owner, key) for name, key in self.ids.items()}

    def asked(self) -> dict[str, Shipment]:
        mine = {one.reference for one in self._picklists()}
        return {one.reference: one for one in self.floor.shipments() if one.reference in mine}

    def statuses(self) -> dict[str, str]:
        with self.hub.store.read() as tx:
            found = {row.external_id: row.status for row in tx.execute(select(orders))}
        return {name: found[key] for name, key in self.ids.items()}

    def standing(self) -> dict[str, Any]:
        """All that a second telling of anything would change."""
        with self.hub.store.read() as tx:
            return {
                "fulfilments in the shop": {
                    name: shop_owner.fulfilled(order) for name, order in self.in_shop().items()
                },
                "shipments in the warehouse": sorted(self.floor.references()),
                "messages": tx.scalar(select(func.count()).select_from(outbox)),
                "parcels": tx.scalar(select(func.count()).select_from(parcels)),
                "revisions": {row.external_id: row.revision for row in tx.execute(select(orders))},
            }

    def papers(self) -> dict[str, str]:
        """The text of the printed picklists that stand, by reference."""
        found = {}
        for one in self._picklists():
            for file in (self.hub.state.parent / "picklists").rglob(f"{one.reference}-*.pdf"):
                found[one.reference] = "\n".join(page.extract_text() for page in PdfReader(file).pages)
        return found

    def hand_over_everything(self) -> None:
        """The warehouse picks, packs and ships; the carrier has the parcels."""
        for number, shipment in enumerate(self.asked().values(), start=1):
            if shipment.state != "assigned":
                continue
            self.floor.pick(shipment.wms_id)
            self.floor.pack(shipment.wms_id, f"1Z0REALDAY{number:08}")
            self.floor.ship(shipment.wms_id)
        self.carrier.now = self.clock.now()
        for shipment in self.asked().values():
            for tracking_number in shipment.tracking_numbers:
                scans = [self._scan("pending", "BOSTON"), self._scan("picked_up", "BOSTON")]
                self.carrier.parcels[tracking_number] = Parcel(tracking_number, "UPS", {}, scans)

    def deliver_everything(self) -> None:
        """Some hours go by; the carrier delivers."""
        self.clock.ahead += ON_THE_WAY
        self.carrier.now = self.clock.now()
        for parcel in self.carrier.parcels.values():
            parcel.scans.append(self._scan("delivered", "BOSTON"))

    def _scan(self, status: str, city: str) -> Scan:
        return Scan(self.carrier.now.replace(microsecond=0), status, city, "MA", "US")

    def _picklists(self) -> list[Any]:
        with self.hub.store.read() as tx:
            return list(tx.execute(select(picklists).order_by(picklists.c.id)))


@contextmanager
def selling_day(servers: Servers, folder: Path) -> Iterator[SellingDay]:
    """Play the day with a new hub whose files lie in `folder`; its store is on the servers' PostgreSQL."""
    clock, world = AheadClock(), World(start=datetime.now(UTC))
    with Sandbox(world=world, vendors={CARRIER: EasyPostVendor(world, CARRIER)}) as carrier:
        config = write_hub(
            servers,
            folder,
            store=servers.hub_database,
            carrier=({"base_url": carrier.url_of(CARRIER)}, EasyPostVendor.SECRETS),
        )
        with open_hub(config, {"ORDERHUB_STATE": str(folder / "state")}, clock) as hub:
            yield _play(_Play(servers, hub, clock, world))


def _play(stage: _Play) -> SellingDay:
    for name, wishes in WISHES.items():
        stage.ids[name] = stage.shop.check_out(wishes, stage.owner)
        if name != "late":
            shop_owner.settle(stage.owner, stage.ids[name])
    stage.round()
    asked_at_first = stage.asked()

    shop_owner.cancel_units(stage.owner, stage.ids["edited"], TAKEN_BACK)
    updated_at = [stage.in_shop()["late"]["updatedAt"]]
    shop_owner.settle(stage.owner, stage.ids["late"])
    updated_at += [stage.in_shop()["late"]["updatedAt"]]
    stage.round(3)  # the old picklist is cancelled, its units are free and asked for anew, and bins are read
    asked_at_last, papers = stage.asked(), stage.papers()

    stage.hand_over_everything()
    stage.round()
    in_shop, in_hub_shipped = stage.in_shop(), stage.statuses()
    stage.deliver_everything()
    stage.round()
    in_hub_delivered, settled = stage.statuses(), stage.standing()
    stage.round(2)
    return SellingDay(
        hub=stage.hub,
        floor=stage.floor,
        ids=stage.ids,
        updated_at=dict(zip(("promised", "paid"), updated_at, strict=True)),
        asked_at_first=asked_at_first,
        asked_at_last=asked_at_last,
        papers=papers,
        in_shop=in_shop,
        in_hub_shipped=in_hub_shipped,
        in_hub_delivered=in_hub_delivered,
        settled=settled,
        two_rounds_later=stage.standing(),
        kpis=build_kpis(stage.hub, "real"),
    )
