"""Which fulfilment orders a shipped parcel fulfils.

Shopify keeps what is to be shipped in fulfilment orders, one per location, and makes new ones as an order
is edited, moved or held; closed ones stay on the order (Shopify-api-node 618). A fulfilment may join
several of them only if they lie at one location (recorded: "All fulfillment orders must be assigned to a
single location").
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from connectors.contract import Json

FULFILLABLE = frozenset({"OPEN", "IN_PROGRESS"})
BLOCKED = frozenset({"ON_HOLD", "SCHEDULED", "INCOMPLETE"})
MADE = frozenset({"SUCCESS", "OPEN", "PENDING"})
"""States of a fulfilment that counts; CANCELLED, ERROR and FAILURE don't."""


@dataclass(frozen=True, slots=True)
class Group:
    """What one fulfillmentCreate covers: fulfilment order -> its line -> units, at one location."""

    location: str
    units: Mapping[str, Mapping[str, int]]

    def line_items(self) -> Json:
        """The `lineItemsByFulfillmentOrder` of a FulfillmentInput."""
        return [
            {
                "fulfillmentOrderId": work,
                "fulfillmentOrderLineItems": [{"id": line, "quantity": n} for line, n in lines.items()],
            }
            for work, lines in self.units.items()
        ]


@dataclass(slots=True)
class Plan:
    """What is to be sent for one parcel.

    Attributes:
        done: Fulfilments of this parcel that Shopify holds already.
        groups: What is still to be sent, one entry a location.
        blocked: Reasons why units can't be fulfilled, without personal data.
    """

    done: list[str] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    blocked: list[str] = field(default_factory=list)


def wanted_units(body: Json) -> Counter[str]:
    """Line id to units, of a `confirm_shipment` body."""
    wanted: Counter[str] = Counter()
    for line in body["lines"]:
        wanted[line["line_id"]] += line["quantity"]
    return wanted


def made_for(order: Json, tracking_number: str) -> list[Json]:
    """The order's fulfilments that carry a tracking number."""
    return [
        made
        for made in order["fulfillments"]
        if made["status"] in MADE and any(info["number"] == tracking_number for info in made["trackingInfo"])
    ]


def made_without_number(order: Json, wanted: Mapping[str, int]) -> list[Json]:
    """The order's fulfilments without a tracking number that hold exactly the wanted units."""
    return [
        made
        for made in order["fulfillments"]
        if made["status"] in MADE
        and not any(info["number"] for info in made["trackingInfo"])
        and units_of(made) == Counter(wanted)
    ]


def units_of(made: Json) -> Counter[str]:
    """Line id to units, of one fulfilment."""
    units: Counter[str] = Counter()
    for line in made["fulfillmentLineItems"]["nodes"]:
        units[line["lineItem"]["id"]] += line["quantity"] or 0
    return units


def plan(order: Json, wanted: Mapping[str, int], tracking_number: str | None) -> Plan:
    """What to send for a parcel, given the order's fulfilments and fulfilment orders as they are now.

    Units that an earlier try of the same parcel has sent are left out, and so are units that closed
    fulfilment orders show as fulfilled: that is done, whoever did it (S38). Units on hold, of lines that no
    fulfilment order knows, or of a cancelled order, whose fulfilment orders are closed with nothing
    fulfilled (recorded), block the parcel.
    """
    made = Plan()
    open_units = Counter(wanted)
    if tracking_number:
        for fulfilment in made_for(order, tracking_number):
            made.done.append(fulfilment["id"])
            open_units -= units_of(fulfilment)
    taken: dict[str, dict[str, dict[str, int]]] = {}
    works = order["fulfillmentOrders"]["nodes"]
    for work in works:
        if work["status"] in FULFILLABLE:
            chosen = _take(work, open_units)
            if chosen:
                taken.setdefault(_place(work), {})[work["id"]] = chosen
    fulfilled: Counter[str] = Counter()
    for fulfilment in order["fulfillments"]:
        if fulfilment["status"] in MADE:
            fulfilled += units_of(fulfilment)
    for line_id, units in (+open_units).items():
        if order["cancelledAt"] and fulfilled[line_id] < wanted[line_id]:
            reason: str | None = f"the order is cancelled, with {units} units of {line_id} unfulfilled"
        else:
            reason = _block(line_id, units, works)
        if reason:
            made.blocked.append(reason)
    made.groups = [Group(location, units) for location, units in taken.items()]
    return made


def _take(work: Json, open_units: Counter[str]) -> dict[str, int]:
    chosen: dict[str, int] = {}
    for line in work["lineItems"]["nodes"]:
        line_id = line["lineItem"]["id"]
        units = min(open_units[line_id], line["remainingQuantity"])
        if units > 0:
            chosen[line["id"]] = units
            open_units[line_id] -= units
    return chosen


def _place(work: Json) -> str:
    assigned = work["assignedLocation"]
    return str(assigned["location"]["id"] if assigned["location"] else assigned["name"])


def _block(line_id: str, units: int, works: Iterable[Json]) -> str | None:
    """Why units of a line are in no fulfillable order; None if they are fulfilled already."""
    seen: set[str] = set()
    for work in works:
        for line in work["lineItems"]["nodes"]:
            if line["lineItem"]["id"] == line_id:
                seen.add(work["status"])
                if work["status"] in BLOCKED and line["remainingQuantity"] > 0:
                    return f"{units} units of {line_id} are in a fulfilment order that is {work['status']}"
    if not seen:
        return f"no fulfilment order of the order holds {line_id}"
    if seen == {"CANCELLED"}:
        return f"the fulfilment order of {line_id} is cancelled"
    return None
