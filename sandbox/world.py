"""One merchant's world, which all imitated vendors share: what really happened.

Nothing here speaks any vendor's language. Amounts are integer minor units; times are aware UTC. The hub
never reads the world: it is the truth that the hub is compared with.
"""

import threading
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from random import Random

from sandbox.goods import BinStock, Kit, Parcel, Picked, Scan, Site, Sku, WarehouseShipment
from sandbox.orders import (
    AskedBack,
    LineAmounts,
    Person,
    Refunded,
    ShopOrder,
    SoldLine,
    ToldFulfilment,
    half_up,
)

__all__ = [
    "START",
    "BinStock",
    "Kit",
    "LineAmounts",
    "Parcel",
    "Person",
    "Picked",
    "Refunded",
    "Scan",
    "ShopOrder",
    "Site",
    "Sku",
    "SoldLine",
    "ToldFulfilment",
    "WarehouseShipment",
    "World",
    "half_up",
]

START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
"""A Monday morning: when a new world begins."""


class World:
    """Everything, behind one lock. Vendors hold the lock while they answer."""

    def __init__(self, seed: int = 1, start: datetime = START) -> None:
        self.lock = threading.RLock()
        self.seed = seed
        self.random = Random(seed)
        self.now = start
        self.skus: dict[str, Sku] = {}
        self.kits: dict[str, Kit] = {}
        self.aliases: dict[tuple[str, str], str] = {}
        self.sites: dict[str, Site] = {}
        self.orders: dict[tuple[str, str], ShopOrder] = {}
        self.shipments: dict[tuple[str, str], WarehouseShipment] = {}
        self.parcels: dict[str, Parcel] = {}
        self._serials: dict[str, int] = {}

    def serial(self, kind: str, first: int = 1001) -> int:
        """The next number of a kind."""
        self._serials[kind] = self._serials.get(kind, first - 1) + 1
        return self._serials[kind]

    def draw(self, *names: object) -> Random:
        """Randomness that belongs to one named thing, whatever else happens in whatever order."""
        return Random("/".join(map(str, (self.seed, *names))))

    def components(self, channel: str, channel_sku: str) -> Mapping[str, int]:
        """What a warehouse picks for one unit of what a channel calls `channel_sku`. Raises KeyError."""
        code = self.aliases.get((channel, channel_sku), channel_sku)
        if code in self.kits:
            return self.kits[code].components
        return {self.skus[code].code: 1}

    def orders_of(self, channel: str) -> list[ShopOrder]:
        """A channel's orders, oldest first."""
        return [order for (name, _), order in self.orders.items() if name == channel]

    def shipments_of(self, wms: str) -> list[WarehouseShipment]:
        """The shipments of one WMS connection, oldest first."""
        return [shipment for (name, _), shipment in self.shipments.items() if name == wms]

    def sites_of(self, wms: str) -> list[Site]:
        """The sites that one WMS connection runs."""
        return [site for site in self.sites.values() if site.wms == wms]

    # --- what buyers and channels do

    def add_order(self, order: ShopOrder) -> ShopOrder:
        """Put a new order into its channel."""
        self.orders[order.channel, order.external_id] = order
        return order

    def touch(self, order: ShopOrder, late: timedelta = timedelta()) -> None:
        """Note that an order changed now; lists show the change `late`r."""
        order.revision += 1
        order.updated_at = self.now
        order.visible_at = self.now + late

    def cancel(self, order: ShopOrder) -> None:
        """The buyer cancels everything that is not fulfilled yet."""
        for line in order.lines:
            line.removed = line.quantity - order.told_units(line.line_id)
        if not order.told:
            order.cancelled_at = self.now
        self.touch(order)

    def pay(self, order: ShopOrder) -> None:
        """The buyer pays what was pending."""
        order.payment = "captured"
        order.paid_at = self.now
        self.touch(order)

    def remove_units(self, order: ShopOrder, line_id: str, units: int) -> None:
        """The order is edited: fewer units of a line."""
        order.line(line_id).removed += units
        self.touch(order)

    def tell(
        self,
        order: ShopOrder,
        lines: Mapping[str, int],
        carrier: str | None,
        tracking_number: str | None,
        *,
        by_hub: bool = True,
    ) -> ToldFulfilment:
        """The channel hears of a shipped parcel, from the hub or from somebody else."""
        told = ToldFulfilment(
            str(self.serial(f"{order.channel}/fulfilment")),
            dict(lines),
            carrier,
            tracking_number,
            self.now,
            by_hub,
        )
        order.told.append(told)
        self.touch(order)
        return told

    def refund(
        self,
        order: ShopOrder,
        lines: Mapping[str, int],
        reason: str,
        *,
        shipping: int = 0,
        restock: bool = False,
    ) -> Refunded:
        """The merchant gives money back for units of lines, and for shipping if asked.

        On Shopify units that are restocked before they were fulfilled are cancelled, the others returned.
        """
        amount, cancelled, cancelled_amount = shipping, dict[str, int](), 0
        for line_id, units in lines.items():
            line = order.line(line_id)
            total, before, current = line.amounts(order.taxes_included).total, line.refunded, line.current
            amount += total * (before + units) // current - total * before // current
            if restock and order.cancels_unsent:
                unsent = min(units, max(current - order.told_units(line_id), 0))
                cancelled[line_id] = unsent
                cancelled_amount += total * (before + unsent) // current - total * before // current
                line.removed += unsent
                units -= unsent
            line.refunded += units
            line.returned += units if restock else 0
        refund = Refunded(
            str(self.serial(f"{order.channel}/refund")),
            dict(lines),
            amount,
            shipping,
            reason,
            self.now,
            restock,
            cancelled,
            cancelled_amount,
        )
        order.refunds.append(refund)
        self.touch(order)
        return refund

    def ask_back(self, order: ShopOrder, lines: Mapping[str, int], reason: str, status: str) -> None:
        """The buyer asks to send units back, and does not; `status` as in AskedBack."""
        number = str(self.serial(f"{order.channel}/refund"))
        order.asked_back.append(AskedBack(number, dict(lines), status, reason, self.now))
        self.touch(order)

    # --- what warehouses do

    def accept(
        self,
        wms: str,
        site: str,
        reference: str,
        lines: Iterable[tuple[str, int]],
        ship_to: Mapping[str, str | None],
    ) -> WarehouseShipment:
        """A warehouse takes a picklist. It does not care whether the reference is new: vendors may."""
        serial = self.serial(f"{wms}/shipment")
        shipment = WarehouseShipment(
            wms, str(serial), serial, site, reference, dict(ship_to), list(lines), self.now, self.now
        )
        self.shipments[wms, shipment.wms_id] = shipment
        return shipment

    def assigned_elsewhere(self, site: str, sku: str, but: WarehouseShipment | None = None) -> int:
        """Units of a SKU that open shipments of a site have assigned and not yet shipped."""
        return sum(
            pick.quantity
            for shipment in self.shipments.values()
            if shipment.site == site
            and shipment is not but
            and shipment.state in ("assigned", "picked", "packed")
            for pick in shipment.picks
            if pick.sku == sku
        )

    def assign(self, shipment: WarehouseShipment) -> bool:
        """Choose bins and lots, oldest lot first. False, and nothing chosen, if units are missing."""
        site = self.sites[shipment.site]
        taken: dict[tuple[str, str, str | None], int] = {}
        for other in self.shipments.values():
            if other.site == site.code and other.state in ("assigned", "picked", "packed"):
                for pick in other.picks:
                    key = (pick.sku, pick.bin, pick.lot)
                    taken[key] = taken.get(key, 0) + pick.quantity
        picks: list[Picked] = []
        for sku, quantity in shipment.lines:
            missing = quantity
            for place in sorted(site.stock.get(sku, ()), key=lambda place: (place.lot or "", place.bin)):
                key = (sku, place.bin, place.lot)
                free = place.on_hand - taken.get(key, 0)
                units = min(missing, max(free, 0))
                if units:
                    taken[key] = taken.get(key, 0) + units
                    picks.append(Picked(sku, units, place.bin, place.lot))
                    missing -= units
            if missing:
                return False
        shipment.picks = picks
        self.set_state(shipment, "assigned")
        return True

    def set_state(self, shipment: WarehouseShipment, state: str) -> None:
        """Move a shipment to a state, now."""
        shipment.state = state
        shipment.updated_at = self.now

    def ship(self, shipment: WarehouseShipment, carrier: str, tracking_number: str) -> Parcel:
        """Hand a packed shipment to a carrier: stock leaves the shelves, a parcel begins its way."""
        site = self.sites[shipment.site]
        for pick in shipment.picks:
            place = next(p for p in site.stock[pick.sku] if (p.bin, p.lot) == (pick.bin, pick.lot))
            place.on_hand -= pick.quantity
        shipment.carrier, shipment.tracking_number, shipment.shipped_at = carrier, tracking_number, self.now
        self.set_state(shipment, "shipped")
        first = Scan(self.now, "pending", site.city, site.region, site.country_code)
        parcel = Parcel(tracking_number, carrier, shipment.ship_to, [first])
        self.parcels[tracking_number] = parcel
        return parcel
