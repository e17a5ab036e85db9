import json
from datetime import UTC, datetime
from typing import Any

import pytest

from normalization.carriers.easypost import STATUSES, tracking
from normalization.errors import NormalizationError, Reason
from normalization.registry import Context
from normalization.statuses import TrackingStatus

CONTEXT = Context("easypost", datetime(2026, 11, 5, tzinfo=UTC))


def scan(day: int, status: str, detail: str = "status_update", **more: Any) -> dict[str, Any]:  # noqa: ANN401 -- any field
    return {
        "message": f"{status} on {day}",
        "status": status,
        "status_detail": detail,
        "datetime": f"2026-11-{day:02}T12:00:00Z",
        "tracking_location": {"city": "RENO", "state": "NV", "country": "US"},
    } | more


def tracker(status: str, *scans: dict[str, Any], **more: Any) -> bytes:  # noqa: ANN401 -- any field
    base = {"tracking_code": "EZ1", "status": status, "carrier": "USPS", "tracking_details": list(scans)}
    return json.dumps(base | more).encode()


@pytest.mark.parametrize(("word", "status"), STATUSES.items())
def test_each_status_has_its_word(word: str, status: TrackingStatus) -> None:
    found = tracking(tracker(word), CONTEXT)
    assert (found.status, found.carrier_status) == (status, word)


def test_s40_delivered_stays_delivered_when_an_older_event_comes_in_later() -> None:
    raw = tracker("in_transit", scan(3, "delivered"), scan(2, "in_transit"))
    found = tracking(raw, CONTEXT)
    assert found.status is TrackingStatus.DELIVERED
    assert found.delivered_at == datetime(2026, 11, 3, 12, tzinfo=UTC)
    assert [event.occurred_at.day for event in found.events] == [2, 3]


def test_s40_a_later_in_transit_scan_does_not_undo_a_delivery() -> None:
    raw = tracker("in_transit", scan(3, "delivered"), scan(4, "in_transit"))
    assert tracking(raw, CONTEXT).status is TrackingStatus.DELIVERED


def test_s40_a_label_alone_is_not_in_transit() -> None:
    assert tracking(tracker("in_transit", scan(1, "pre_transit")), CONTEXT).status is TrackingStatus.PENDING


def test_what_comes_back_is_not_delivered_to_the_buyer() -> None:
    raw = tracker("delivered", scan(2, "return_to_sender"), scan(4, "delivered"))
    found = tracking(raw, CONTEXT)
    assert (found.status, found.delivered_at) == (TrackingStatus.RETURN_TO_SENDER, None)


def test_what_turns_back_after_its_delivery_was_delivered_then() -> None:
    raw = tracker("return_to_sender", scan(2, "delivered"), scan(4, "return_to_sender"))
    found = tracking(raw, CONTEXT)
    assert found.status is TrackingStatus.RETURN_TO_SENDER
    assert found.delivered_at == datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("detail", "status"),
    [
        ("received_at_origin_facility", TrackingStatus.PICKED_UP),
        ("delayed", TrackingStatus.DELIVERY_DELAYED),
        ("held", TrackingStatus.ON_HOLD),
        ("departed_facility", TrackingStatus.IN_TRANSIT),
    ],
)
def test_a_detail_says_more_where_it_is_known(detail: str, status: TrackingStatus) -> None:
    found = tracking(tracker("in_transit", scan(2, "in_transit", detail)), CONTEXT)
    assert found.events[0].status is status
    assert found.warnings == ()


def test_every_event_is_kept_once() -> None:
    repeated = scan(2, "in_transit")
    other_place = scan(2, "in_transit", tracking_location={"city": "ELKO", "state": "NV", "country": "US"})
    found = tracking(tracker("in_transit", repeated, other_place, repeated), CONTEXT)
    assert [event.city for event in found.events] == ["RENO", "ELKO"]


@pytest.mark.parametrize("word", ["error", "teleported"])
def test_an_unknown_word_is_unknown_and_loud(word: str) -> None:
    found = tracking(tracker(word, scan(1, word)), CONTEXT)
    assert found.status is TrackingStatus.UNKNOWN
    assert found.warnings == (f"unknown status {word!r}",)


def test_an_unknown_summary_leaves_the_word_to_the_last_known_event() -> None:
    found = tracking(tracker("teleported", scan(1, "in_transit"), scan(2, "out_for_delivery")), CONTEXT)
    assert found.status is TrackingStatus.OUT_FOR_DELIVERY


def test_s13_an_event_with_an_impossible_time_is_left_out_loudly() -> None:
    raw = tracker("in_transit", scan(1, "in_transit"), scan(2, "in_transit", datetime="2026-13-45T99:00:00Z"))
    found = tracking(raw, CONTEXT)
    assert len(found.events) == 1
    assert found.warnings == ("event 1 left out: no usable time",)


def test_delivered_without_an_event_is_said_so() -> None:
    found = tracking(tracker("delivered", tracking_details=None), CONTEXT)
    assert (found.status, found.delivered_at) == (TrackingStatus.DELIVERED, None)
    assert found.warnings == ("delivered, but no event says when",)


def test_a_time_with_an_offset_becomes_utc() -> None:
    found = tracking(
        tracker("in_transit", scan(1, "in_transit", datetime="2026-11-01T12:00:00-05:00")), CONTEXT
    )
    assert found.events[0].occurred_at == datetime(2026, 11, 1, 17, tzinfo=UTC)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"<html>", Reason.UNDECODABLE),
        (b'{"error": {"code": "NOT_FOUND", "message": "no"}}', Reason.MISSING_FIELD),
        (b'{"tracking_code": 7, "status": "delivered"}', Reason.UNDECODABLE),
    ],
)
def test_what_is_no_tracker_goes_to_quarantine(raw: bytes, reason: Reason) -> None:
    with pytest.raises(NormalizationError) as refused:
        tracking(raw, CONTEXT)
    assert refused.value.reason is reason
