import json
from datetime import UTC, datetime
from typing import Any

import pytest

from normalization.carriers.ups import tracking
from normalization.errors import NormalizationError, Reason
from normalization.records import Tracking
from normalization.registry import Context
from normalization.statuses import TrackingStatus

CONTEXT = Context("ups", datetime(2026, 11, 5, tzinfo=UTC))
NUMBER = "1Z999AA10123456784"


def scan(day: int, kind: str, code: str, **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- any field
    return {
        "status": {"type": kind, "code": code, "description": f"{kind}/{code} "},
        "location": {"address": {"city": "RENO", "countryCode": "US"}},
        "gmtDate": f"202611{day:02}",
        "gmtTime": "12:00:00",
        "gmtOffset": "-08:00",
        "date": f"202611{day:02}",
        "time": "040000",
    } | more


def local(date: str, time: str | None, **address: str) -> dict[str, Any]:
    """A scan as older answers have it: local time only."""
    status = {"type": "I", "code": "AR", "description": "Arrived"}
    found = {"status": status, "date": date, "location": {"address": address}}
    return found if time is None else found | {"time": time}


def parcel(*newest_first: dict[str, Any], **more: Any) -> Tracking:  # noqa: ANN401 -- any field
    package = {"trackingNumber": NUMBER, "activity": list(newest_first)} | more
    shipment = {"inquiryNumber": NUMBER, "package": [package]}
    return tracking(json.dumps({"trackResponse": {"shipment": [shipment]}}).encode(), CONTEXT)


@pytest.mark.parametrize(
    ("kind", "code", "status"),
    [
        ("M", "MP", TrackingStatus.PENDING),
        ("MV", "VP", TrackingStatus.CANCELLED),
        ("P", "XX", TrackingStatus.PICKED_UP),
        ("I", "OR", TrackingStatus.PICKED_UP),
        ("I", "AR", TrackingStatus.IN_TRANSIT),
        ("I", "ZZ", TrackingStatus.IN_TRANSIT),
        ("I", "OT", TrackingStatus.OUT_FOR_DELIVERY),
        ("O", "XX", TrackingStatus.OUT_FOR_DELIVERY),
        ("X", "DY", TrackingStatus.DELIVERY_DELAYED),
        ("X", "UF", TrackingStatus.DELIVERY_FAILED),
        ("X", "RS", TrackingStatus.RETURN_TO_SENDER),
        ("RS", "XX", TrackingStatus.RETURN_TO_SENDER),
        ("D", "KM", TrackingStatus.DELIVERED),
        ("D", "DL", TrackingStatus.DELIVERED),
        ("D", "RS", TrackingStatus.RETURN_TO_SENDER),
        ("I", "FS", TrackingStatus.IN_TRANSIT),
    ],
)
def test_type_and_code_make_the_status(kind: str, code: str, status: TrackingStatus) -> None:
    found = parcel(scan(2, kind, code))
    assert (found.status, found.warnings) == (status, ())


def test_an_unknown_type_is_unknown_and_loud() -> None:
    found = parcel(scan(2, "Q", "QQ"))
    assert found.status is TrackingStatus.UNKNOWN
    assert found.warnings == ("unknown status type 'Q' with code 'QQ'",)


def test_an_unknown_exception_holds_the_parcel_and_is_loud() -> None:
    found = parcel(scan(2, "X", "QQ"))
    assert found.status is TrackingStatus.ON_HOLD
    assert found.warnings == ("unknown exception code 'QQ'",)


def test_s40_delivered_stays_delivered_when_an_older_event_comes_in_later() -> None:
    found = parcel(scan(2, "I", "AR"), scan(3, "D", "FS"), currentStatus=scan(2, "I", "AR")["status"])
    assert found.status is TrackingStatus.DELIVERED
    assert found.delivered_at == datetime(2026, 11, 3, 12, tzinfo=UTC)
    assert [event.occurred_at.day for event in found.events] == [2, 3]


def test_s40_a_label_alone_is_not_in_transit() -> None:
    found = parcel(scan(1, "M", "MP"), currentStatus={"type": "I", "code": "AR"})
    assert found.status is TrackingStatus.PENDING


def test_events_of_one_second_keep_the_order_in_which_they_happened() -> None:
    found = parcel(scan(2, "D", "FS"), scan(2, "I", "OT"), scan(2, "I", "AR"))
    assert [event.code for event in found.events] == ["AR", "OT", "FS"]


def test_a_repeated_event_is_kept_once() -> None:
    assert len(parcel(scan(2, "I", "AR"), scan(2, "I", "AR")).events) == 1


@pytest.mark.parametrize("time", ["09:41:00", "094100", "94100"])
def test_greenwich_time_is_taken_in_every_form(time: str) -> None:
    (event,) = parcel(scan(2, "I", "AR", gmtTime=time)).events
    assert event.occurred_at == datetime(2026, 11, 2, 9, 41, tzinfo=UTC)
    assert event.local_time is None


def test_a_local_time_with_its_offset_is_certain() -> None:
    (event,) = parcel(local("20261102", "034100") | {"gmtOffset": "-06:00"}).events
    assert event.occurred_at == datetime(2026, 11, 2, 9, 41, tzinfo=UTC)
    assert event.local_time is None


@pytest.mark.parametrize(
    ("address", "hour"),
    [
        ({"countryCode": "DE"}, 11),
        ({"countryCode": "JP"}, 3),
        ({"countryCode": "US", "stateProvince": "NJ"}, 17),
        ({"countryCode": "US", "stateProvince": "CA"}, 20),
        ({"countryCode": "CA", "stateProvince": "AB"}, 19),
    ],
)
def test_a_local_time_is_converted_where_the_place_decides_the_zone(
    address: dict[str, str], hour: int
) -> None:
    found = parcel(local("20261102", "120000", **address))
    assert found.events[0].occurred_at == datetime(2026, 11, 2, hour, tzinfo=UTC)
    assert found.events[0].local_time == "2026-11-02T12:00:00"
    assert found.warnings == ()


@pytest.mark.parametrize(
    "address",
    [{"countryCode": "US"}, {"countryCode": "US", "stateProvince": "TX"}, {}, {"countryCode": "XX"}],
)
def test_a_local_time_of_an_undecided_place_is_kept_and_said(address: dict[str, str]) -> None:
    found = parcel(local("20261102", "120000", **address))
    assert found.events[0].occurred_at == datetime(2026, 11, 2, 12, tzinfo=UTC)
    assert found.events[0].local_time == "2026-11-02T12:00:00"
    assert found.warnings == ("event 0: local time without a zone, taken as UTC",)


def test_s10_summer_time_counts_where_the_parcel_is() -> None:
    found = parcel(
        local("20261102", "120000", countryCode="US", stateProvince="NY"),
        local("20261030", "120000", countryCode="US", stateProvince="NY"),
    )
    assert [event.occurred_at.hour for event in found.events] == [16, 17]


def test_s13_an_event_with_an_impossible_date_is_left_out_loudly() -> None:
    found = parcel(scan(3, "I", "AR"), local("20261345", "120000"))
    assert [event.code for event in found.events] == ["AR"]
    assert found.warnings == ("event 0 left out: no usable date",)


def test_the_promised_day_counts_at_the_destination() -> None:
    found = parcel(
        scan(2, "I", "AR"),
        deliveryDate=[{"type": "SDD", "date": "20261104"}, {"type": "RDD", "date": "20261105"}],
        deliveryTime={"type": "EOD", "endTime": "190000"},
        packageAddress=[
            {"type": "ORIGIN", "address": {"countryCode": "US", "stateProvince": "IL"}},
            {"type": "DESTINATION", "address": {"countryCode": "US", "stateProvince": "CA"}},
        ],
    )
    assert found.estimated_delivery == datetime(2026, 11, 6, 3, tzinfo=UTC)


def test_the_parcel_that_was_asked_for_is_taken_from_a_shipment_of_several() -> None:
    packages = [
        {"trackingNumber": "1Z000", "activity": [scan(3, "D", "FS")]},
        {"trackingNumber": NUMBER, "activity": [scan(2, "I", "AR")]},
    ]
    shipment = {"inquiryNumber": NUMBER, "package": packages}
    raw = json.dumps({"trackResponse": {"shipment": [shipment]}}).encode()
    assert tracking(raw, CONTEXT).status is TrackingStatus.IN_TRANSIT


def test_a_single_object_where_a_list_belongs_is_read_too() -> None:
    shipment = {
        "inquiryNumber": NUMBER,
        "package": {"trackingNumber": NUMBER, "activity": scan(3, "D", "FS")},
    }
    raw = json.dumps({"trackResponse": {"shipment": shipment}}).encode()
    assert tracking(raw, CONTEXT).status is TrackingStatus.DELIVERED


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"<html>", Reason.UNDECODABLE),
        (b"[]", Reason.OUT_OF_SCOPE),
        (b'{"response": {"errors": []}}', Reason.OUT_OF_SCOPE),
        (b'{"trackResponse": {"shipment": [{"inquiryNumber": "1Z"}]}}', Reason.MISSING_FIELD),
        (b'{"trackResponse": null}', Reason.MISSING_FIELD),
    ],
)
def test_what_holds_no_parcel_goes_to_quarantine(raw: bytes, reason: Reason) -> None:
    with pytest.raises(NormalizationError) as refused:
        tracking(raw, CONTEXT)
    assert refused.value.reason is reason
