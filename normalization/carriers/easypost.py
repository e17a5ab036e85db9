"""EasyPost's trackers in the hub's words."""

from collections.abc import Mapping
from datetime import datetime

import msgspec

from normalization.carriers.events import delivered_at, in_order, settled
from normalization.errors import NormalizationError, Reason
from normalization.limits import UNREADABLE, utc
from normalization.records import Tracking, TrackingEvent
from normalization.registry import Context
from normalization.statuses import TrackingStatus

STATUSES: Mapping[str, TrackingStatus] = {
    "unknown": TrackingStatus.UNKNOWN,
    "pre_transit": TrackingStatus.PENDING,
    "in_transit": TrackingStatus.IN_TRANSIT,
    "out_for_delivery": TrackingStatus.OUT_FOR_DELIVERY,
    "delivered": TrackingStatus.DELIVERED,
    "available_for_pickup": TrackingStatus.READY_FOR_PICKUP,
    "return_to_sender": TrackingStatus.RETURN_TO_SENDER,
    "failure": TrackingStatus.DELIVERY_FAILED,
    "cancelled": TrackingStatus.CANCELLED,
}
"""A tracker's `status`. The word `error` is EasyPost's own trouble and tells nothing of the parcel."""

DETAILS: Mapping[tuple[str, str], TrackingStatus] = {
    ("in_transit", "received_at_origin_facility"): TrackingStatus.PICKED_UP,
    ("in_transit", "delayed"): TrackingStatus.DELIVERY_DELAYED,
    ("in_transit", "weather_delay"): TrackingStatus.DELIVERY_DELAYED,
    ("in_transit", "held"): TrackingStatus.ON_HOLD,
}
"""Where `status_detail` says more than `status` does."""


class _Location(msgspec.Struct, frozen=True):
    city: str | None = None
    state: str | None = None
    country: str | None = None


class _Detail(msgspec.Struct, frozen=True):
    status: str | None = None
    status_detail: str | None = None
    message: str | None = None
    description: str | None = None
    datetime: str | None = None
    carrier_code: str | None = None
    tracking_location: _Location | None = None


class _Tracker(msgspec.Struct, frozen=True):
    tracking_code: str
    status: str
    status_detail: str | None = None
    carrier: str | None = None
    est_delivery_date: str | None = None
    tracking_details: tuple[_Detail, ...] | None = None


def tracking(raw: bytes, context: Context) -> Tracking:
    """One tracker. Raises NormalizationError."""
    tracker = _decode(raw)
    warnings: list[str] = []
    events: list[TrackingEvent] = []
    for place, detail in enumerate(tracker.tracking_details or ()):
        event = _event(detail, place, warnings)
        if event is not None:
            events.append(event)
    history = in_order(events)
    status = settled(_status(tracker.status, tracker.status_detail, warnings), history)
    delivered = delivered_at(history)
    if status is TrackingStatus.DELIVERED and delivered is None:
        warnings.append("delivered, but no event says when")
    return Tracking(
        connection=context.connection,
        tracking_number=tracker.tracking_code,
        carrier=tracker.carrier,
        status=status,
        carrier_status=tracker.status,
        observed_at=context.observed_at,
        events=history,
        estimated_delivery=_moment(tracker.est_delivery_date),
        delivered_at=delivered,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _decode(raw: bytes) -> _Tracker:
    try:
        return msgspec.json.decode(raw, type=_Tracker)
    except msgspec.ValidationError as error:
        if "missing required field" in str(error):
            raise NormalizationError(Reason.MISSING_FIELD, str(error)) from error
        raise NormalizationError(Reason.UNDECODABLE, str(error)) from error
    except UNREADABLE as error:
        raise NormalizationError(Reason.UNDECODABLE, "the tracker is no JSON") from error


def _event(detail: _Detail, place: int, warnings: list[str]) -> TrackingEvent | None:
    occurred_at = _moment(detail.datetime)
    if occurred_at is None:
        warnings.append(f"event {place} left out: no usable time")
        return None
    location = detail.tracking_location or _Location()
    return TrackingEvent(
        status=_status(detail.status or "", detail.status_detail, warnings),
        code=detail.carrier_code or detail.status_detail or detail.status or "",
        description=detail.message or detail.description or "",
        occurred_at=occurred_at,
        city=location.city or None,
        region=location.state or None,
        country_code=location.country or None,
    )


def _status(word: str, detail: str | None, warnings: list[str]) -> TrackingStatus:
    if (word, detail or "") in DETAILS:
        return DETAILS[word, detail or ""]
    if word not in STATUSES:
        warnings.append(f"unknown status {word!r}")
    return STATUSES.get(word, TrackingStatus.UNKNOWN)


def _moment(stamp: str | None) -> datetime | None:
    """A time with its zone; EasyPost gives UTC where it does not know the place (its docs of Trackers)."""
    try:
        return utc(datetime.fromisoformat(stamp or ""), "a time")
    except ValueError:
        return None
