"""What all carriers have in common: the order of a parcel's events, and the status that follows from them."""

from collections.abc import Iterable
from datetime import datetime

from normalization.records import TrackingEvent
from normalization.statuses import TrackingStatus


def in_order(events: Iterable[TrackingEvent]) -> tuple[TrackingEvent, ...]:
    """Events oldest first, exact repeats left out; those of one moment keep the order that they came in."""
    return tuple(sorted(dict.fromkeys(events), key=lambda event: event.occurred_at))


def settled(stated: TrackingStatus, events: tuple[TrackingEvent, ...]) -> TrackingStatus:
    """The parcel's status, from what the carrier states and from its events, oldest first.

    Delivered stays delivered whatever else comes, unless the parcel is or was on its way back: what is
    delivered then, the sender has. And a label alone is not in transit, even where the carrier's summary
    says so (karrio issue 478).
    """
    seen = [event.status for event in events]
    if TrackingStatus.DELIVERED in seen:
        returned = TrackingStatus.RETURN_TO_SENDER in seen
        return TrackingStatus.RETURN_TO_SENDER if returned else TrackingStatus.DELIVERED
    if stated is TrackingStatus.IN_TRANSIT and seen and set(seen) == {TrackingStatus.PENDING}:
        return TrackingStatus.PENDING
    if stated is TrackingStatus.UNKNOWN:
        return next((status for status in reversed(seen) if status is not TrackingStatus.UNKNOWN), stated)
    return stated


def delivered_at(events: tuple[TrackingEvent, ...]) -> datetime | None:
    """When the buyer got the parcel: the first delivery, unless the parcel had turned back before."""
    for event in events:
        if event.status is TrackingStatus.RETURN_TO_SENDER:
            return None
        if event.status is TrackingStatus.DELIVERED:
            return event.occurred_at
    return None
