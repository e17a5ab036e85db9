"""What routing answers: which site ships what of each order, what waits, what it costs, and why.

Money is in minor units of the tariff's currency. Prices of scarce goods and the bound are floats: estimates
that tell how good the plan is, never booked.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from warehouse_routing.problem import Component


class Cause(StrEnum):
    """Why units could not be given to a site."""

    STOCK = "stock"  # no site that could ship it has enough
    CAPACITY = "capacity"  # stock is there, but the sites that have it are full
    COUNTRY = "country"  # no site ships to the destination
    GOODS = "goods"  # the sites that have it may not ship such goods: hazardous, oversize
    EXCLUDED = "excluded"  # the sites that have it have refused the order
    SPLIT = "split"  # it could only be done from more sites than the policy allows
    WAITS_FOR_ALL = "waits_for_all"  # there is stock, but another line of the order lacks it
    PRE_ORDER = "pre_order"  # it is not released yet
    PRICE = "price"  # to wait costs less than to ship


@dataclass(frozen=True, slots=True)
class AssignedLine:
    """Units of a line that one site ships, and what it takes from its shelves for them, in total."""

    line_id: str
    units: int
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One site's part of an order: one parcel.

    Attributes:
        dispatch_date: The site's local day on which it leaves.
        distance_km: From the site to the destination; None if the destination is unknown.
        late: Whether it leaves or arrives after the promised day.
        service: The tariff's service that the cost is of.
        arrives: The day on which it should arrive; None if the tariff does not say.
        cost: Tariff and handling.
        kept: The key of the standing parcel that this is; None for a new one.
    """

    site: str
    lines: tuple[AssignedLine, ...]
    dispatch_date: date
    distance_km: float | None
    late: bool = False
    service: str = ""
    arrives: date | None = None
    cost: int = 0
    kept: int | None = None


@dataclass(frozen=True, slots=True)
class Backorder:
    """Units of a line that no site gets now. `short_of` names the SKUs that lack."""

    line_id: str
    units: int
    cause: Cause
    short_of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A site as it was seen for one order.

    Attributes:
        ruled_out: Why it does not ship (all of) the order, in words; empty for a site that could have.
        cost: Of one parcel with the whole order, tariff and handling; None where it may not ship it.
    """

    site: str
    distance_km: float | None
    dispatch_date: date
    ruled_out: tuple[str, ...] = ()
    chosen: bool = False
    cost: int | None = None
    service: str = ""
    arrives: date | None = None


@dataclass(frozen=True, slots=True)
class NextBest:
    """What would have been done without one of the chosen sites.

    Attributes:
        without: The site.
        sites: The sites that would ship then; none if the order would wait.
        units_waiting: Units of lines that would wait.
        cost: What the order would cost then.
        extra: How much more that is, in money; less than nothing where the policy prefers something else to
            money.
        extra_by_policy: How much worse that is by the policy's own measure, every other order left as it is.
        at_least: How much worse the whole plan would be at least, by the same measure, however all orders
            were routed then; None if that was not worked out.
    """

    without: str
    sites: tuple[str, ...]
    units_waiting: int
    cost: int
    extra: int
    extra_by_policy: float
    at_least: float | None = None


@dataclass(frozen=True, slots=True)
class ScarcePrice:
    """What one more unit (or, without a SKU, room for one more parcel) at a site would save.

    It is in the policy's own measure, as `Plan.objective` is.
    """

    site: str
    sku: str | None
    price: float


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """The decision on one order. `reasons` tells it in words, without personal data.

    Attributes:
        cost: Of its parcels, with the policy's prices of splits, late parcels and backorders.
        prices: Of scarce goods and full sites that bore on the decision.
        next_best: None if nothing is shipped, or if there was no time to work it out.
        withdrawn: Keys of the standing parcels that are moved; empty if the order stays as it stands.
        saving: What the move saves.
    """

    order_id: int
    assignments: tuple[Assignment, ...]
    backorders: tuple[Backorder, ...]
    candidates: tuple[Candidate, ...]
    reasons: tuple[str, ...]
    cost: int = 0
    prices: tuple[ScarcePrice, ...] = ()
    next_best: NextBest | None = None
    withdrawn: tuple[int, ...] = ()
    saving: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions, in the order of their turn, and how good they are together.

    The bound, and so the gap, hold given what is settled before: which substitutes go, and which orders that
    wait for scarce goods have their turn first.

    Attributes:
        cost: Of all orders, in money.
        objective: The same by the policy's own measure; where all orders go by the cheapest strategy, money
            (and the price of what waits).
        lower_bound: No plan is better than this, by that measure.
        stock_prices: What one more unit would save, by (site, SKU), in the same measure; only where there is
            too little.
        capacity_prices: What room for one more parcel would save, by site.
        complete: False if the time limit ended the search.
        money_below: Prices below it are money; higher ones say that more units could be shipped. 0 where the
            measure is not money.
    """

    orders: tuple[OrderPlan, ...]
    cost: int = 0
    objective: float = 0.0
    lower_bound: float = 0.0
    stock_prices: Mapping[tuple[str, str], float] = field(default_factory=dict)
    capacity_prices: Mapping[str, float] = field(default_factory=dict)
    seconds: float = field(default=0.0, compare=False)
    complete: bool = True
    money_below: float = 0.0

    @property
    def gap_percent(self) -> float:
        """How far from the best the plan can be at most: 100 x (objective / lower_bound - 1)."""
        if self.lower_bound <= 0:
            return 0.0 if self.objective <= 0 else float("inf")
        return max(0.0, 100.0 * (self.objective / self.lower_bound - 1.0))
