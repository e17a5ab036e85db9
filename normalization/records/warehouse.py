"""Stock, picklists and shipments: what passes between the hub and a WMS."""

from datetime import date

import msgspec
from msgspec import UNSET, UnsetType

from normalization.money import Money
from normalization.records.moments import Moment
from normalization.records.orders import Address, Version
from normalization.statuses import StockBasis, WmsState


class ResolvedSku(msgspec.Struct, frozen=True):
    """What a warehouse picks for one unit of what a channel sells.

    Attributes:
        components: (warehouse SKU, units), one pair unless it is a kit.
        kit: The kit's code, if it is one.
    """

    components: tuple[tuple[str, int], ...]
    kit: str | None = None


class StockLevel(msgspec.Struct, frozen=True, kw_only=True):
    """Units of a SKU at one place of a WMS, as one snapshot says.

    Attributes:
        site: The WMS's own id of the site; hub.yaml maps it to a warehouse.
        bin: The bin or shelf, where the WMS has them.
        lot: The lot or batch, where the WMS has them.
        on_hand: Units, on the basis that `basis` names.
        observed_at: When the request that brought the figure was sent.
    """

    site: str
    sku: str
    on_hand: int
    basis: StockBasis
    observed_at: Moment
    bin: str | None = None
    lot: str | None = None


class PicklistLine(msgspec.Struct, frozen=True, kw_only=True):
    """What one warehouse is to pick for one order line (a kit's components stand as lines each)."""

    line_id: str
    sku: str
    quantity: int
    title: str = ""
    unit_price: Money | None = None


class Picklist(msgspec.Struct, frozen=True, kw_only=True):
    """What the hub asks of a warehouse: one parcel's worth of one order.

    Attributes:
        reference: The hub's external reference, derived from natural keys, unique per WMS connection.
        warehouse: The hub's warehouse code.
        site: The WMS's own id of that warehouse.
        order_number: What stands on the paper beside the reference.
        ship_to: Rendered at sending; never stored with the row.
        ship_by: When it must have left at the latest.
        dispatch_date: The site's local day on which it is planned to leave.
    """

    reference: str
    warehouse: str
    site: str
    order_number: str
    placed_at: Moment
    lines: tuple[PicklistLine, ...]
    ship_to: Address
    email: str | None = None
    service: str | None = None
    ship_by: Moment | None = None
    dispatch_date: date | None = None


class PickedLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a WMS says it takes, from where, for one line of a picklist."""

    sku: str
    quantity: int
    bin: str | None = None
    lot: str | None = None


class WmsParcel(msgspec.Struct, frozen=True, kw_only=True):
    """One parcel that a WMS packed."""

    parcel_id: str
    tracking_number: str | None
    carrier: str | None
    lines: tuple[PickedLine, ...]
    service: str | None = None
    shipped_at: Moment | None = None
    tracking_url: str | None = None


class WmsShipment(msgspec.Struct, frozen=True, kw_only=True):
    """How far a WMS is with one picklist.

    Attributes:
        reference: The hub's reference; empty if the shipment was not made by the hub.
        wms_id: The WMS's own id, for later calls.
    """

    connection: str
    reference: str
    wms_id: str
    state: WmsState
    wms_status: str
    site: str | None
    version: Version
    picks: tuple[PickedLine, ...] | UnsetType = UNSET
    parcels: tuple[WmsParcel, ...] | UnsetType = UNSET
    reason: str | None = None
