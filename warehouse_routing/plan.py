"""What routing answers: which site ships what of each order, what waits, and why."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from warehouse_routing.problem import Component


class Cause(StrEnum):
    """Why units could not be given to a site."""

    STOCK = "stock"  # no site that could ship it has enough
    CAPACITY = "capacity"  # stock is there, but the sites that have it are full
    COUNTRY = "country"  # no site ships to the destination
    SPLIT = "split"  # it could only be done from more sites than the policy allows
    WAITS_FOR_ALL = "waits_for_all"  # there is stock, but another line of the order lacks it


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
        late: Whether that day is after the promised one.
    """

    site: str
    lines: tuple[AssignedLine, ...]
    dispatch_date: date
    distance_km: float | None
    late: bool = False


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
    """

    site: str
    distance_km: float | None
    dispatch_date: date
    ruled_out: tuple[str, ...] = ()
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class OrderPlan:
    """The decision on one order. `reasons` tells it in words, without personal data."""

    order_id: int
    assignments: tuple[Assignment, ...]
    backorders: tuple[Backorder, ...]
    candidates: tuple[Candidate, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """Decisions, in the order in which they were taken."""

    orders: tuple[OrderPlan, ...]
