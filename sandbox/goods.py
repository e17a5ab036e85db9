"""What a merchant's warehouses hold, pick and send."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Sku:
    """A thing with a shelf. Weight in grams, size in millimetres."""

    code: str
    title: str
    price: int
    weight_g: int = 500
    size_mm: tuple[int, int, int] = (200, 150, 100)
    lot_tracked: bool = False
    downloadable: bool = False
    hazardous: bool = False


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
