"""What a carrier says of a parcel."""

import msgspec

from normalization.records.moments import Moment
from normalization.statuses import TrackingStatus


class TrackingEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One scan. `occurred_at` is UTC; `local_time` keeps the carrier's words where it gave no zone."""

    status: TrackingStatus
    code: str
    description: str
    occurred_at: Moment
    local_time: str | None = None
    city: str | None = None
    region: str | None = None
    country_code: str | None = None


class Tracking(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a carrier says of one parcel, oldest event first."""

    connection: str
    tracking_number: str
    carrier: str | None
    status: TrackingStatus
    carrier_status: str
    observed_at: Moment
    events: tuple[TrackingEvent, ...]
    estimated_delivery: Moment | None = None
    delivered_at: Moment | None = None
    warnings: tuple[str, ...] = ()
