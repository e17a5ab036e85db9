"""UPS's times: local always, in Greenwich time on newer answers only."""

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from normalization.carriers.zones import to_utc
from normalization.limits import YEARS


class EventTime(NamedTuple):
    """When an event happened.

    Attributes:
        occurred_at: Aware UTC.
        local: The local time as UPS said it, where UPS gave no zone with it.
        certain: False if nothing decides the zone, so that the local time stands for UTC.
    """

    occurred_at: datetime
    local: str | None
    certain: bool


def event_time(activity: dict[str, Any], country: str | None, region: str | None) -> EventTime | None:
    """The time of an activity, or None if it has no usable date.

    `gmtDate` and `gmtTime` come first, then the local time with `gmtOffset`, then the local time at the
    activity's place.
    """
    greenwich = local_time(activity.get("gmtDate"), activity.get("gmtTime"))
    if greenwich is not None:
        return EventTime(greenwich.replace(tzinfo=UTC), None, certain=True)
    local = local_time(activity.get("date"), activity.get("time") or "000000")
    if local is None:
        return None
    offset = _offset(activity.get("gmtOffset"))
    if offset is not None:
        return EventTime((local - offset).replace(tzinfo=UTC), None, certain=True)
    converted = to_utc(local, country, region)
    certain = converted is not None and bool(activity.get("time"))
    return EventTime(converted or local.replace(tzinfo=UTC), local.isoformat(), certain)


def local_time(day: object, time: object) -> datetime | None:
    """A naive time of YYYYMMDD and HHMMSS.

    Times come as "094100", "09:41:00", or without the leading zero as "94100" (Tracking.yaml's example).
    """
    digits = str(time or "").replace(":", "").zfill(6)
    try:
        local = datetime.strptime(f"{day}{digits}", "%Y%m%d%H%M%S")  # noqa: DTZ007 -- the zone comes later
    except ValueError:
        return None
    return local if local.year in YEARS else None


def _offset(text: object) -> timedelta | None:
    """The offset of "-05:00"."""
    try:
        return datetime.strptime(str(text), "%z").utcoffset()
    except ValueError:
        return None
