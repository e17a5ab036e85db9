"""UPS Tracking's answers in the hub's words."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from normalization.carriers.events import delivered_at, in_order, settled
from normalization.carriers.ups_times import event_time, local_time
from normalization.carriers.zones import to_utc
from normalization.errors import NormalizationError, Reason
from normalization.limits import json_value
from normalization.records import Tracking, TrackingEvent
from normalization.registry import Context
from normalization.statuses import TrackingStatus

CODES: Mapping[TrackingStatus, str] = {
    TrackingStatus.PENDING: "M MP XD OA DD",
    TrackingStatus.PICKED_UP: "OR PU OC OG",
    TrackingStatus.IN_TRANSIT: "DP AA AR AF AL DS IH AP SR",
    TrackingStatus.OUT_FOR_DELIVERY: "OT OD OF DL",
    TrackingStatus.READY_FOR_PICKUP: "RP UU AC WC",
    TrackingStatus.DELIVERY_DELAYED: "DY DE SD",
    TrackingStatus.ON_HOLD: "EX HX HD HI HS HU NH",
    TrackingStatus.DELIVERY_FAILED: "RF UR UF CC",
    TrackingStatus.RETURN_TO_SENDER: "RS RT RH RU",
    TrackingStatus.DELIVERED: "FS KB F4",
    TrackingStatus.CANCELLED: "VD CA CN CV",
}
"""Activity codes whose meaning is known; UPS has hundreds, and the type sorts the rest.
SR, "released by the customs agency", comes as an exception (type X) though the parcel moves again."""
BY_CODE: Mapping[str, TrackingStatus] = {
    code: status for status, codes in CODES.items() for code in codes.split()
}
BY_TYPE: Mapping[str, TrackingStatus] = {
    "M": TrackingStatus.PENDING,  # manifest: a label was made
    "MV": TrackingStatus.CANCELLED,  # manifest voided
    "P": TrackingStatus.PICKED_UP,
    "I": TrackingStatus.IN_TRANSIT,
    "O": TrackingStatus.OUT_FOR_DELIVERY,
    "X": TrackingStatus.ON_HOLD,  # exception
    "RS": TrackingStatus.RETURN_TO_SENDER,
    "D": TrackingStatus.DELIVERED,
}
EXPECTED = ("RDD", "SDD")
"""Types of `deliveryDate` that promise: rescheduled before scheduled."""

Json = dict[str, Any]


def tracking(raw: bytes, context: Context) -> Tracking:
    """One tracking answer. Raises NormalizationError."""
    number, package = _package(raw)
    warnings: list[str] = []
    # Newest first (Tracking.yaml); turned round so that events of one second keep their order.
    activities = list(reversed(_listed(package.get("activity"))))
    events = [
        event
        for place, activity in enumerate(activities)
        if (event := _event(activity, place, warnings)) is not None
    ]
    history = in_order(events)
    current = package.get("currentStatus")
    stated, words = TrackingStatus.UNKNOWN, ""
    if isinstance(current, dict):
        stated, words = _status(current, warnings), _text(current, "description")
    elif history:
        words = history[-1].description
    else:
        warnings.append("UPS states no status and no event")
    status = settled(stated, history)
    delivered = delivered_at(history)
    if status is TrackingStatus.DELIVERED and delivered is None:
        warnings.append("delivered, but no event says when")
    return Tracking(
        connection=context.connection,
        tracking_number=number,
        carrier="UPS",
        status=status,
        carrier_status=words,
        observed_at=context.observed_at,
        events=history,
        estimated_delivery=_promised(package),
        delivered_at=delivered,
        warnings=tuple(dict.fromkeys(warnings)),
    )


def _package(raw: bytes) -> tuple[str, Json]:
    """The number that was asked for, and its package."""
    answer = json_value(raw, "the answer")
    if not isinstance(answer, dict) or "trackResponse" not in answer:
        raise NormalizationError(Reason.OUT_OF_SCOPE, "no trackResponse: an error answer, or another call's")
    for shipment in _listed(_dict(answer["trackResponse"]).get("shipment")):
        number = _text(shipment, "inquiryNumber")
        packages = _listed(shipment.get("package"))
        if number and packages:
            # A number can bring its shipment's other packages along.
            own = [package for package in packages if _text(package, "trackingNumber") == number]
            return number, (own or packages)[0]
    raise NormalizationError(Reason.MISSING_FIELD, "no shipment with inquiryNumber and package")


def _event(activity: Json, place: int, warnings: list[str]) -> TrackingEvent | None:
    """One activity, or None (with a warning) if it has no date."""
    status = _dict(activity.get("status"))
    address = _dict(_dict(activity.get("location")).get("address"))
    country = _text(address, "countryCode") or None
    region = _text(address, "stateProvince") or None
    time = event_time(activity, country, region)
    if time is None:
        warnings.append(f"event {place} left out: no usable date")
        return None
    if not time.certain:
        warnings.append(f"event {place}: local time without a zone, taken as UTC")
    return TrackingEvent(
        status=_status(status, warnings),
        code=_text(status, "code"),
        description=_text(status, "description"),
        occurred_at=time.occurred_at,
        local_time=time.local,
        city=_text(address, "city") or None,
        region=region,
        country_code=country,
    )


def _status(status: Json, warnings: list[str]) -> TrackingStatus:
    """Type D settles it, unless the code says that the parcel went back; else the code, else the type."""
    kind, code = _text(status, "type"), _text(status, "code")
    known = BY_CODE.get(code)
    if kind == "D":
        back = known is TrackingStatus.RETURN_TO_SENDER
        return TrackingStatus.RETURN_TO_SENDER if back else TrackingStatus.DELIVERED
    if known is not None and (known is not TrackingStatus.DELIVERED or not kind):
        return known
    if kind not in BY_TYPE:
        warnings.append(f"unknown status type {kind!r} with code {code!r}")
        return TrackingStatus.UNKNOWN
    if kind == "X":
        warnings.append(f"unknown exception code {code!r}")
    return BY_TYPE[kind]


def _promised(package: Json) -> datetime | None:
    """When UPS expects to deliver, if the destination decides the time zone."""
    dates = {_text(date, "type"): _text(date, "date") for date in _listed(package.get("deliveryDate"))}
    day = next((dates[kind] for kind in EXPECTED if kind in dates), "")
    end = _text(_dict(package.get("deliveryTime")), "endTime") or "235900"
    local = local_time(day, end)
    place: Json = next(
        (
            _dict(address.get("address"))
            for address in _listed(package.get("packageAddress"))
            if "DESTINATION" in _text(address, "type").upper()
        ),
        {},
    )
    if local is None:
        return None
    return to_utc(local, _text(place, "countryCode"), _text(place, "stateProvince"))


def _dict(value: Any) -> Json:  # noqa: ANN401 -- a vendor's JSON
    return value if isinstance(value, dict) else {}


def _listed(value: Any) -> list[Json]:  # noqa: ANN401 -- a vendor's JSON
    """A list of objects; UPS gives a single one without its list now and then."""
    return [part for part in (value if isinstance(value, list) else [value]) if isinstance(part, dict)]


def _text(holder: Json, key: str) -> str:
    value = holder.get(key)
    return value.strip() if isinstance(value, str) else ""
