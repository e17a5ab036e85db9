"""ShipBob's statuses in the hub's words (developer.shipbob.com/status-reference)."""

from collections.abc import Mapping

from normalization.statuses import WmsState
from normalization.wms.shipbob_answers import Order, Shipment

SHIPMENTS: Mapping[str, WmsState] = {
    "None": WmsState.ACCEPTED,
    "Processing": WmsState.ACCEPTED,
    "LabeledCreated": WmsState.PACKED,
    "Completed": WmsState.SHIPPED,
    "Exception": WmsState.EXCEPTION,
    "OnHold": WmsState.EXCEPTION,
    "ImportReview": WmsState.EXCEPTION,
    "Cancelled": WmsState.CANCELLED,
}
"""A shipment's `status`. CleanSweeped is not documented, so it is unknown."""

DETAILS: Mapping[tuple[str, int], WmsState] = {
    ("Processing", 100): WmsState.PICKED,
    ("Processing", 101): WmsState.PACKED,
    ("Processing", 102): WmsState.PACKED,  # labelled
    ("Exception", 303): WmsState.WAITING,  # out of stock
    ("Exception", 305): WmsState.WAITING,  # stock moves between fulfilment centres
    ("Exception", 306): WmsState.WAITING,  # stock moves between bins
    ("Exception", 307): WmsState.WAITING,  # stock in a place that is not picked from
    ("Exception", 308): WmsState.WAITING,  # partly allocated
    ("OnHold", 402): WmsState.ACCEPTED,  # waits for its pick date
}
"""Where a status detail's id says more."""

ORDERS: Mapping[str, WmsState] = {
    "Processing": WmsState.ACCEPTED,
    "Exception": WmsState.EXCEPTION,
    "ImportReview": WmsState.EXCEPTION,
    "PartiallyFulfilled": WmsState.ACCEPTED,
    "Fulfilled": WmsState.SHIPPED,
    "Cancelled": WmsState.CANCELLED,
}
"""An order's `status`, for orders that have no shipment yet."""

LEAST_FIRST = (
    WmsState.EXCEPTION,
    WmsState.UNKNOWN,
    WmsState.WAITING,
    WmsState.ACCEPTED,
    WmsState.PICKING,
    WmsState.PICKED,
    WmsState.PACKED,
    WmsState.SHIPPED,
    WmsState.CANCELLED,
)


def state_of(order: Order) -> WmsState:
    """An order's state: that of its least advanced shipment, cancelled ones left out."""
    states = [_shipment_state(shipment) for shipment in order.shipments or ()]
    live = [state for state in states if state is not WmsState.CANCELLED]
    if live:
        return min(live, key=LEAST_FIRST.index)
    if states:
        return WmsState.CANCELLED
    return ORDERS.get(order.status or "", WmsState.UNKNOWN)


def reason_of(order: Order) -> str | None:
    """What ShipBob says of shipments that wait, are in exception, or in a state that nobody knows.

    A detail's description is free text, in which somebody may be named: its name says which detail it is.
    """
    reasons = [
        f"{shipment.status}: {detail.name or detail.id}"
        for shipment in order.shipments or ()
        if _shipment_state(shipment) in (WmsState.EXCEPTION, WmsState.WAITING)
        for detail in shipment.status_details or ()
    ]
    unknown = [
        f"unknown shipment status {shipment.status}"
        for shipment in order.shipments or ()
        if _shipment_state(shipment) is WmsState.UNKNOWN
    ]
    if not order.shipments and (order.status or "") not in ORDERS:
        unknown.append(f"unknown order status {order.status}")
    return "; ".join(dict.fromkeys(reasons + unknown)) or None


def _shipment_state(shipment: Shipment) -> WmsState:
    status = shipment.status or ""
    stated = SHIPMENTS.get(status, WmsState.UNKNOWN)
    details = [DETAILS.get((status, detail.id or 0), stated) for detail in shipment.status_details or ()]
    # Work adds up (picked, then packed, then labelled); of several obstacles the worst one counts.
    choose = max if status == "Processing" else min
    return choose(details, key=LEAST_FIRST.index, default=stated)
