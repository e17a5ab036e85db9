"""One merchant's world, which all imitated vendors share: what really happened.

Nothing here speaks any vendor's language. Amounts are integer minor units; times are aware UTC. The hub
never reads the world: it is the truth that the hub is compared with.
"""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from random import Random


@dataclass(frozen=True, slots=True)
class Sku:
    """A thing with a shelf. Weight in grams, size in millimetres."""

    code: str
    title: str
    price: int
    weight_g: int = 500
    size_mm: tuple[int, int, int] = (200, 150, 100)
    lot_tracked: bool = False


@dataclass(frozen=True, slots=True)
class Kit:
    """Something that is sold as one and picked as several: component SKU to units."""

    code: str
    title: str
    price: int
    components: Mapping[str, int]


@dataclass(slots=True)
class BinStock:
    """Units in one bin, of one lot if the SKU has lots."""

    bin: str
    lot: str | None
    on_hand: int


@dataclass(slots=True)
class Site:
    """A warehouse as it is: `wms` names the connection whose WMS runs it, `wms_site` that WMS's id of it."""

    code: str
    wms: str
    wms_site: str
    name: str
    country_code: str
    postal_code: str
    city: str
    street: str
    region: str | None
    stock: dict[str, list[BinStock]] = field(default_factory=dict)

    def on_hand(self, sku: str) -> int:
        """Units on the shelves."""
        return sum(place.on_hand for place in self.stock.get(sku, ()))


@dataclass(frozen=True, slots=True)
class Person:
    """A customer with an address. `region` is the code that the country's post uses, if any."""

    name: str
    email: str
    phone: str
    street: tuple[str, ...]
    city: str
    region: str | None
    region_name: str | None
    postal_code: str
    country_code: str
    country_name: str
    company: str | None = None


@dataclass(frozen=True, slots=True)
class LineAmounts:
    """A line's money for its current quantity, in minor units; see OrderLine in docs/canonical-order.md."""

    gross: int
    discount: int
    net: int
    tax: int
    total: int


@dataclass(slots=True)
class SoldLine:
    """A line of an order. `unit_price` has tax inside where the order's prices do.

    `discount_rate` is the fraction taken off the line, order-level discounts included.
    """

    line_id: str
    channel_sku: str
    title: str
    quantity: int
    unit_price: int
    tax_rate: Decimal
    removed: int = 0
    discount_rate: Decimal = Decimal(0)
    refunded: int = 0
    returned: int = 0

    @property
    def current(self) -> int:
        """Units that the buyer still wants or has got."""
        return self.quantity - self.removed

    def amounts(self, taxes_included: bool) -> LineAmounts:
        """The line's money, rounded half up once per line."""
        gross = self.unit_price * self.current
        discount = half_up(gross * self.discount_rate)
        paid = gross - discount
        if taxes_included:
            tax = half_up(paid * self.tax_rate / (1 + self.tax_rate))
            return LineAmounts(gross, discount, paid - tax, tax, paid)
        tax = half_up(paid * self.tax_rate)
        return LineAmounts(gross, discount, paid, tax, paid + tax)


@dataclass(frozen=True, slots=True)
class ToldFulfilment:
    """A fulfilment that the hub (or somebody else) told the channel of."""

    fulfilment_id: str
    lines: Mapping[str, int]
    carrier: str | None
    tracking_number: str | None
    told_at: datetime
    by_hub: bool = True


@dataclass(frozen=True, slots=True)
class Refunded:
    """Money given back, with line id to units; `restock` says whether the goods come back."""

    refund_id: str
    lines: Mapping[str, int]
    amount: int
    shipping: int
    reason: str
    refunded_at: datetime
    restock: bool = False


@dataclass(slots=True)
class ShopOrder:
    """An order as its channel knows it. `serial` numbers a channel's orders from 1001.

    `payment` is pending, authorized, captured or refunded; `revision` counts changes; `visible_at` is
    when lists begin to show the newest change.
    """

    channel: str
    serial: int
    external_id: str
    number: str
    placed_at: datetime
    updated_at: datetime
    visible_at: datetime
    buyer: Person
    ship_to: Person
    currency: str
    taxes_included: bool
    lines: list[SoldLine]
    shipping: int
    shipping_tax_rate: Decimal
    shipping_title: str = "Standard"
    payment: str = "captured"
    payment_mode: str = "card"
    buyer_currency: str | None = None
    buyer_rate: Decimal = Decimal(1)
    discount_code: str | None = None
    note: str | None = None
    ship_by: datetime | None = None
    deliver_by: datetime | None = None
    cancelled_at: datetime | None = None
    revision: int = 1
    told: list[ToldFulfilment] = field(default_factory=list)
    refunds: list[Refunded] = field(default_factory=list)
    notes_added: list[str] = field(default_factory=list)

    def line(self, line_id: str) -> SoldLine:
        """A line by id. Raises KeyError."""
        for line in self.lines:
            if line.line_id == line_id:
                return line
        raise KeyError(line_id)

    def told_units(self, line_id: str) -> int:
        """Units of a line that the channel was told are fulfilled."""
        return sum(told.lines.get(line_id, 0) for told in self.told)

    def shipping_amounts(self) -> LineAmounts:
        """What delivery costs the buyer."""
        if self.cancelled_at:
            return LineAmounts(0, 0, 0, 0, 0)
        if self.taxes_included:
            tax = half_up(self.shipping * self.shipping_tax_rate / (1 + self.shipping_tax_rate))
            return LineAmounts(self.shipping, 0, self.shipping - tax, tax, self.shipping)
        tax = half_up(self.shipping * self.shipping_tax_rate)
        return LineAmounts(self.shipping, 0, self.shipping, tax, self.shipping + tax)

    def total(self) -> int:
        """The order's current total: lines and shipping, with tax."""
        return (
            sum(line.amounts(self.taxes_included).total for line in self.lines)
            + self.shipping_amounts().total
        )


@dataclass(frozen=True, slots=True)
class Picked:
    """Units taken from one bin."""

    sku: str
    quantity: int
    bin: str
    lot: str | None


@dataclass(slots=True)
class WarehouseShipment:
    """A picklist as a warehouse knows it. `state`: waiting, assigned, picked, packed, shipped, cancelled."""

    wms: str
    wms_id: str
    serial: int
    site: str
    reference: str
    ship_to: Mapping[str, str | None]
    lines: list[tuple[str, int]]
    created_at: datetime
    updated_at: datetime
    state: str = "waiting"
    picks: list[Picked] = field(default_factory=list)
    carrier: str | None = None
    tracking_number: str | None = None
    shipped_at: datetime | None = None
    extra: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Scan:
    """One event of a parcel; `status` is a word of normalization's TrackingStatus, as plain text."""

    at: datetime
    status: str
    city: str
    region: str | None
    country_code: str


@dataclass(slots=True)
class Parcel:
    """A parcel on its way. `due` holds the scans that the future will bring."""

    tracking_number: str
    carrier: str
    ship_to: Mapping[str, str | None]
    scans: list[Scan]
    due: list[Scan] = field(default_factory=list)

    @property
    def delivered_at(self) -> datetime | None:
        """When it was delivered, if it was."""
        return next((scan.at for scan in self.scans if scan.status == "delivered"), None)


def half_up(amount: Decimal) -> int:
    """Round to a whole minor unit, halves away from zero."""
    return int(amount.quantize(Decimal(1), rounding=ROUND_HALF_UP))


START = datetime(2026, 11, 2, 6, 0, tzinfo=UTC)
"""A Monday morning: when a new world begins."""


class World:
    """Everything, behind one lock. Vendors hold the lock while they answer."""

    def __init__(self, seed: int = 1, start: datetime = START) -> None:
        self.lock = threading.RLock()
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

    def remove_units(self, order: ShopOrder, line_id: str, units: int) -> None:
        """The order is edited: fewer units of a line."""
        order.line(line_id).removed += units
        self.touch(order)

    def tell(
        self, order: ShopOrder, lines: Mapping[str, int], carrier: str | None, tracking_number: str | None
    ) -> ToldFulfilment:
        """The channel hears of a shipped parcel."""
        told = ToldFulfilment(
            str(self.serial(f"{order.channel}/fulfilment")), dict(lines), carrier, tracking_number, self.now
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
        """The merchant gives money back for units of lines, and for shipping if asked."""
        amount = shipping
        for line_id, units in lines.items():
            line = order.line(line_id)
            total, before, current = line.amounts(order.taxes_included).total, line.refunded, line.current
            amount += total * (before + units) // current - total * before // current
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
        )
        order.refunds.append(refund)
        self.touch(order)
        return refund

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
