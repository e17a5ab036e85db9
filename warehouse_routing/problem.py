"""What routing is asked: orders, stock, sites and a policy, all plain values.

Whoever builds a problem has taken safety stock and reservations off the stock, and open units are what is
left of a line after cancellations, allocations and shipments.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time
from enum import StrEnum


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

    Raises:
        ValueError: If units are less than one, or a SKU is named twice.
    """

    line_id: str
    units: int
    components: tuple[Component, ...]

    def __post_init__(self) -> None:
        skus = {component.sku for component in self.components}
        if self.units < 1 or not skus or any(component.units < 1 for component in self.components):
            raise ValueError(f"line {self.line_id}: units must be 1 or more, and components be given")
        if len(skus) != len(self.components):
            raise ValueError(f"line {self.line_id}: a SKU stands twice among its components")


@dataclass(frozen=True, slots=True)
class OrderToRoute:
    """One order's open part.

    Attributes:
        order_id: The caller's key; answers carry it back.
        ship_by: When it must be handed over, as promised, aware UTC.
        backordered: Whether an earlier run had to leave something open: such orders are served first.
        country_code: ISO 3166-1 alpha-2 of the destination.
    """

    order_id: int
    placed_at: datetime
    country_code: str
    destination: Location
    lines: tuple[OpenLine, ...]
    ship_by: datetime | None = None
    backordered: bool = False


class Strategy(StrEnum):
    """How sites are chosen."""

    FEWEST_PARCELS = "fewest_parcels"  # nearest site that holds everything, else the fewest sites
    NEAREST_FIRST = "nearest_first"  # take what the nearest site has, the rest from the next


class BackorderRule(StrEnum):
    """What happens to an order of which only a part can be had."""

    SHIP_AVAILABLE = "ship_available"  # the part that is there goes, the rest is backordered
    WAIT_FOR_ALL = "wait_for_all"  # the whole order waits


@dataclass(frozen=True, slots=True)
class Policy:
    """The merchant's rules.

    Attributes:
        split: Whether one order may come from several sites.
        max_sites: The most sites of one order, or None for no limit; one if `split` is False.
    """

    strategy: Strategy = Strategy.FEWEST_PARCELS
    split: bool = True
    max_sites: int | None = None
    backorder: BackorderRule = BackorderRule.SHIP_AVAILABLE


@dataclass(frozen=True, slots=True)
class Problem:
    """Everything that a decision depends on.

    Attributes:
        now: The hub's time, aware UTC; dispatch dates follow from it.
        stock: Units that may be promised, by (site code, SKU); absent means none.
    """

    now: datetime
    orders: tuple[OrderToRoute, ...]
    sites: tuple[Site, ...]
    stock: Mapping[tuple[str, str], int]
    policy: Policy = field(default_factory=Policy)
