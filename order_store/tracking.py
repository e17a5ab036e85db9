"""What carriers say of parcels. A scan is a fact that stays; the status follows from all that is known.

Carriers name people in their words: who signed, with whom it was left. Of a scan the code and the status are
kept; the words stay in landing, sealed.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from normalization.records import Tracking
from normalization.statuses import TrackingStatus
from order_store.dialects import lock_orders
from order_store.erasing import erased_ids
from order_store.events import Event, add_events
from order_store.personal import BLOT, PersonalData, personal_data_by_order, without_words, words_of
from order_store.progress import count_progress
from order_store.schema.fulfilment import parcels, tracking_events
from order_store.shipments import Outcome

TOLD = (
    TrackingStatus.DELIVERY_FAILED,
    TrackingStatus.DELIVERY_DELAYED,
    TrackingStatus.ON_HOLD,
    TrackingStatus.RETURN_TO_SENDER,
    TrackingStatus.READY_FOR_PICKUP,
    TrackingStatus.CANCELLED,
)
"""What the order's timeline tells of, besides the delivery."""
_WHO = re.compile(
    r"\b((?:signed|received|accepted|collected|picked up|taken)(?: for)? by|(?:left|delivered) (?:with|to)"
    r"|neighbou?r|unterschrieben von|zugestellt an|abgegeben bei|signé par|remis à)\b.+",
    re.IGNORECASE | re.DOTALL,
)
"""What carriers say before they say who took a parcel."""


def apply_tracking(tx: Connection, parcel_id: int, tracking: Tracking, now: datetime) -> Outcome:
    """Store what a carrier says of a parcel.

    Its events are kept once each, whichever answer brought them. A parcel that was ever delivered stays so,
    unless it turned back; else the newest answer's status counts. Raises KeyError if there is no such parcel.

    Args:
        tx: A write transaction.
        parcel_id: The parcel.
        tracking: The carrier's answer.
        now: The hub's time.
    """
    order_id = tx.scalar(select(parcels.c.order_id).where(parcels.c.id == parcel_id))
    if order_id is None:
        raise KeyError(f"no parcel {parcel_id}")
    lock_orders(tx, [order_id])
    known = tx.execute(select(parcels).where(parcels.c.id == parcel_id)).one()
    new_events = _keep_events(tx, parcel_id, tracking)
    is_newest = known.tracked_at is None or tracking.observed_at >= known.tracked_at
    seen = tx.execute(
        select(tracking_events.c.status, tracking_events.c.occurred_at)
        .where(tracking_events.c.parcel_id == parcel_id)
        .order_by(tracking_events.c.occurred_at)
    ).all()
    values: dict[str, Any] = {
        "status": _status(known, tracking, seen, is_newest=is_newest).value,
        "delivered_at": _delivered_at(known, tracking, seen),
    }
    if is_newest:
        values["carrier_status"] = _without_names(tx, order_id, tracking.carrier_status)
        values["estimated_delivery"] = tracking.estimated_delivery or known.estimated_delivery
    changed = any(known._mapping[name] != value for name, value in values.items())
    values["tracked_at"] = tracking.observed_at if is_newest else known.tracked_at
    tx.execute(update(parcels).where(parcels.c.id == parcel_id).values(**values))
    add_events(tx, _news(known, tracking, values, now))
    if values["delivered_at"] != known.delivered_at:
        count_progress(tx, order_id)
    if changed or new_events:
        return Outcome.UPDATED
    return Outcome.UNCHANGED if is_newest else Outcome.STALE


def _keep_events(tx: Connection, parcel_id: int, tracking: Tracking) -> int:
    """Add the events that are not known yet; returns how many."""
    event = tracking_events.c
    query = select(event.occurred_at, event.code, event.status).where(event.parcel_id == parcel_id)
    known = {tuple(row) for row in tx.execute(query)}
    new = {
        key: {
            "parcel_id": parcel_id,
            "occurred_at": one.occurred_at,
            "code": one.code,
            "status": one.status.value,
            "local_time": one.local_time,
            "city": one.city,
            "region": one.region,
            "country_code": one.country_code,
            "observed_at": tracking.observed_at,
        }
        for one in reversed(tracking.events)
        if (key := (one.occurred_at, one.code, one.status.value)) not in known
    }
    if new:
        tx.execute(insert(tracking_events), list(new.values()))
    return len(new)


def _without_names(tx: Connection, order_id: int, text: str) -> str | None:
    """A carrier's words without a person's; None for an erased order: nobody knows what to look for."""
    if erased_ids(tx, [order_id]):
        return None
    known = personal_data_by_order(tx, [order_id], "tracking").get(order_id, PersonalData())
    return without_words(_WHO.sub(rf"\1 {BLOT}", text), words_of(known))


def _status(
    known: Row[Any], tracking: Tracking, seen: Sequence[Row[Any]], *, is_newest: bool
) -> TrackingStatus:
    before = TrackingStatus(known.status)
    facts = {before, tracking.status, *(TrackingStatus(event.status) for event in seen)}
    for last in (TrackingStatus.RETURN_TO_SENDER, TrackingStatus.DELIVERED):
        if last in facts:
            return last
    return tracking.status if is_newest else before


def _delivered_at(known: Row[Any], tracking: Tracking, seen: Sequence[Row[Any]]) -> datetime | None:
    """When the buyer got the parcel: the first delivery, unless the parcel had turned back before.

    Where a carrier says "delivered" and no event says when, it is the first time that the hub read it.
    """
    for event in seen:
        if event.status == TrackingStatus.RETURN_TO_SENDER:
            return None
        if event.status == TrackingStatus.DELIVERED:
            return event.occurred_at  # type: ignore[no-any-return]
    if tracking.status is TrackingStatus.DELIVERED:
        read_at = tracking.delivered_at or tracking.observed_at
        return min(known.delivered_at or read_at, read_at)
    return known.delivered_at  # type: ignore[no-any-return]


def _news(known: Row[Any], tracking: Tracking, values: dict[str, Any], now: datetime) -> list[Event]:
    detail = {"parcel": known.sequence, "tracking_number": tracking.tracking_number}
    found: list[tuple[str, dict[str, Any]]] = []
    if values["delivered_at"] and known.delivered_at is None:
        found.append(("delivered", {"delivered_at": values["delivered_at"]}))
    if values["status"] != known.status and values["status"] in TOLD:
        found.append((values["status"], {}))
    return [
        Event(known.order_id, now, kind, tracking.connection, None, detail | more) for kind, more in found
    ]
