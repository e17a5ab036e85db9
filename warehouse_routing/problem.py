"""What routing is asked: orders, stock, sites and a policy, all plain values.

Whoever builds a problem has taken safety stock and reservations off the stock, and open units are what is
left of a line after cancellations, allocations and shipments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum

from warehouse_routing.policy import BackorderRule, Policy, Strategy

__all__ = [
    "BackorderRule",
    "Component",
    "Goods",
    "Location",
    "OpenLine",
    "OrderToRoute",
    "Policy",
    "Precision",
    "Problem",
    "Site",
    "Standing",
    "Strategy",
]


class Precision(StrEnum):
    """How exactly a place is known, best first."""

    EXACT = "exact"  # coordinates given, or the whole postal code known
    PREFIX = "prefix"  # the beginning of the postal code
    CITY = "city"
    REGION = "region"
    COUNTRY = "country"
    UNKNOWN = "unknown"  # not even the country is known: distance plays no part


@dataclass(frozen=True, slots=True)
class Location:
    """A point on earth in degrees (WGS 84), with how exactly it stands for the place asked for."""

    lat: float
    lon: float
    precision: Precision


@dataclass(frozen=True, slots=True)
class Site:
    """A warehouse.

    Attributes:
        code: The hub's warehouse code.
        time_zone: IANA name; cut-off and working days are in it.
        cut_off: Orders routed before it leave the same working day.
        working_days: 0 is Monday.
        holidays: Whose public holidays the site keeps: "FR", or with a subdivision "US-NY"; None for none.
        countries: ISO codes that it ships to, or None for all.
        parcels_per_day: The most parcels that it packs for one dispatch date, or None for no limit.
        parcels_planned: Parcels already planned, by dispatch date.
        country_code: Where it stands; empty if that is not known.
        postal_codes: By country, the beginnings of the only postal codes there that it ships to.
        refused_postal_codes: By country, the beginnings of postal codes that it does not ship to.
        ships_hazardous: Whether hazardous goods may leave from here.
        ships_oversize: Whether oversize goods may leave from here.
        handling_parcel: What packing a parcel costs, in minor units.
        handling_unit: What picking a unit costs, in minor units.
    """

    code: str
    location: Location
    time_zone: str
    cut_off: time
    working_days: frozenset[int] = frozenset(range(5))
    holidays: str | None = None
    countries: frozenset[str] | None = None
    parcels_per_day: int | None = None
    parcels_planned: Mapping[date, int] = field(default_factory=dict)
    country_code: str = ""
    postal_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    refused_postal_codes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ships_hazardous: bool = True
    ships_oversize: bool = True
    handling_parcel: int = 0
    handling_unit: int = 0

    def serves(self, country: str, postal_code: str) -> bool:
        """Whether it ships to a country's postal code, that being without blanks and in capitals."""
        if self.countries is not None and country not in self.countries:
            return False
        only = self.postal_codes.get(country)
        if only is not None and not postal_code.startswith(only):
            return False
        refused = self.refused_postal_codes.get(country)
        return not (refused and postal_code.startswith(refused))


@dataclass(frozen=True, slots=True)
class Component:
    """Units of one SKU."""

    sku: str
    units: int


@dataclass(frozen=True, slots=True)
class OpenLine:
    """An order line's open units, as the channel counts them.

    Attributes:
        units: Open units of the line, at least one; for a kit, whole kits.
        components: What one unit takes from the shelves, each SKU once. The parts of one unit never come
            from two sites.
        sku: What was ordered, a kit's code too, for rules that name it; empty if that is not known.

    Raises:
        ValueError: If units are less than one, or a SKU is named twice.
    """

    line_id: str
    units: int
    components: tuple[Component, ...]
    sku: str = ""

    @property
    def skus(self) -> frozenset[str]:
        """What was ordered, and what it takes from the shelves."""
        return frozenset(filter(None, (self.sku, *(part.sku for part in self.components))))

    def __post_init__(self) -> None:
        skus = {component.sku for component in self.components}
        if self.units < 1 or not skus or any(component.units < 1 for component in self.components):
            raise ValueError(f"line {self.line_id}: units must be 1 or more, and components be given")
        if len(skus) != len(self.components):
            raise ValueError(f"line {self.line_id}: a SKU stands twice among its components")


@dataclass(frozen=True, slots=True)
class Goods:
    """What routing must know of a SKU.

    Attributes:
        weight_g: Of one unit as it is shipped; None if the catalogue does not say.
    """

    weight_g: int | None = None
    hazardous: bool = False
    oversize: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A parcel that was given to a site and may still be moved: nobody has begun to pick it.

    Attributes:
        key: The caller's key of it (a picklist's id).
        lines: Units by line id, as the channel counts them.
        components: Units by SKU that it holds on the site's shelves.
        dispatch_date: The day of the site's on which it is planned to leave; it counts in `parcels_planned`.
        sent: Whether the site's WMS has been asked to ship it, so that it must be asked to cancel first.
    """

    key: int
    site: str
    lines: Mapping[str, int]
    components: Mapping[str, int]
    dispatch_date: date
    sent: bool = False


@dataclass(frozen=True, slots=True)
class OrderToRoute:
    """One order's open part.

    Attributes:
        order_id: The caller's key; answers carry it back.
        ship_by: When it must be handed over, as promised, aware UTC.
        backordered: Whether an earlier run had to leave something open: such orders are served first.
        country_code: ISO 3166-1 alpha-2 of the destination.
        channel: The name of its connection, for policies.
        service: The delivery service that the buyer asked for; empty if none is known.
        postal_code: As people write it; it is kept without blanks and in capitals, as tariffs and sites
            name beginnings of codes.
        deliver_by: When it must arrive, as promised, aware UTC. The day counts, as it is at the destination;
            at the site, if nobody knows where the destination is.
        excluded: Sites that must not ship it: their WMS has refused it, or given it up.
        standing: What was given to sites and may still be moved; `lines` include these units, and neither
            the problem's stock nor its free parcels do.
        given: Sites that have parcels of it which stay there or have left: `max_sites` counts them too.
    """

    order_id: int
    placed_at: datetime
    country_code: str
    destination: Location
    lines: tuple[OpenLine, ...]
    ship_by: datetime | None = None
    backordered: bool = False
    channel: str = ""
    service: str = ""
    postal_code: str = ""
    deliver_by: datetime | None = None
    excluded: frozenset[str] = frozenset()
    standing: tuple[Standing, ...] = ()
    given: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        object.__setattr__(self, "postal_code", "".join(self.postal_code.split()).upper())


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that a decision depends on.

    Attributes:
        now: The hub's time, aware UTC; dispatch dates follow from it.
        stock: Units that may be promised, by (site code, SKU); absent means none.
        goods: What is known of SKUs; one that is absent is an ordinary one of unknown weight.
    """

    now: datetime
    orders: tuple[OrderToRoute, ...]
    sites: tuple[Site, ...]
    stock: Mapping[tuple[str, str], int]
    policy: Policy = field(default_factory=Policy)
    goods: Mapping[str, Goods] = field(default_factory=dict)
