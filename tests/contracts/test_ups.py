"""UPS's documents (Tracking.yaml, OAuthClientCredentials.yaml) and public answers, against ours."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import responses

from connectors.carriers.ups import Ups
from connectors.errors import RecordMissing, RecordRejected
from connectors.runtime import Runtime
from normalization.carriers import ups
from normalization.errors import NormalizationError, Reason
from normalization.records import TrackingEvent
from normalization.registry import Context
from normalization.statuses import TrackingStatus
from sandbox.mounted import Exchange, mount
from sandbox.vendors.ups import WORDS, UpsVendor
from sandbox.world import Parcel, Scan, World
from tests.contracts.openapi import OpenApi

NOW = datetime(2026, 11, 2, 6, tzinfo=UTC)
CONTEXT = Context("ups", NOW)
IN_SCOPE = {
    "Tracking_get_track_v1_details_inquiryNumber_200_composed.json",
    "karrio_schema_ups_tracking_response.json",
    "karrio_ups_test_tracking_AuthError.json",
    "karrio_ups_test_tracking_InvalidTrackingNumberResponseJSON.json",
    "karrio_ups_test_tracking_TrackingResponseJSON.json",
}
OUT_OF_SCOPE = {
    "Rating_": "the hub does not ask for prices",
    "Shipping_": "labels are the warehouses' business",
    "karrio_ups_test_shipment_": "labels are the warehouses' business",
    "TimeInTransit_": "the hub does not ask for transit times",
    "UPSTrackAlert_": "the hub polls",
}


def answer(contracts: Path, name: str) -> bytes:
    return (contracts / "payloads/ups" / f"{name}.json").read_bytes()


def test_every_payload_is_read_or_has_a_reason_why_not(contracts: Path) -> None:
    unread = {file.name for file in (contracts / "payloads/ups").iterdir()} - IN_SCOPE
    assert {name for name in unread if not name.startswith(tuple(OUT_OF_SCOPE))} == set()


def test_a_delivered_parcel(contracts: Path) -> None:
    tracking = ups.tracking(answer(contracts, "karrio_schema_ups_tracking_response"), CONTEXT)
    assert tracking.tracking_number == "1Z1442YY7229014688"
    assert (tracking.status, tracking.carrier_status) == (TrackingStatus.DELIVERED, "DELIVERED")
    assert tracking.events == (
        TrackingEvent(
            status=TrackingStatus.PENDING,
            code="MP",
            description="Shipper created a label, UPS has not received the package yet.",
            occurred_at=datetime(2022, 1, 26, 15, 16, 41, tzinfo=UTC),
            local_time="2022-01-26T15:16:41",
            country_code="US",
        ),
        TrackingEvent(
            status=TrackingStatus.DELIVERED,
            code="F4",
            description="DELIVERED",
            occurred_at=datetime(2022, 1, 26, 21, 30, tzinfo=UTC),
            local_time="2022-01-26T16:30:00",
            city="PARAMUS",
            region="NJ",
            country_code="US",
        ),
    )
    assert tracking.delivered_at == datetime(2022, 1, 26, 21, 30, tzinfo=UTC)
    assert tracking.warnings == ("event 0: local time without a zone, taken as UTC",)


def test_a_parcel_that_customs_released(contracts: Path) -> None:
    tracking = ups.tracking(answer(contracts, "karrio_ups_test_tracking_TrackingResponseJSON"), CONTEXT)
    assert tracking.tracking_number == "1Z023E2X0214323462"
    assert tracking.status is TrackingStatus.IN_TRANSIT
    assert [(event.code, event.occurred_at, event.city) for event in tracking.events] == [
        ("SR", datetime(2021, 2, 10, 12, 13, 56, tzinfo=UTC), "Wayne")
    ]
    assert (tracking.estimated_delivery, tracking.delivered_at, tracking.warnings) == (None, None, ())


def test_a_parcel_without_status_and_events(contracts: Path) -> None:
    name = "Tracking_get_track_v1_details_inquiryNumber_200_composed"
    tracking = ups.tracking(answer(contracts, name), CONTEXT)
    assert (tracking.tracking_number, tracking.status) == ("1Z023E2X0214323462", TrackingStatus.UNKNOWN)
    assert tracking.warnings == ("UPS states no status and no event",)


@pytest.mark.parametrize("name", ["AuthError", "InvalidTrackingNumberResponseJSON"])
def test_an_error_answer_holds_no_parcel(contracts: Path, name: str) -> None:
    with pytest.raises(NormalizationError) as refused:
        ups.tracking(answer(contracts, f"karrio_ups_test_tracking_{name}"), CONTEXT)
    assert refused.value.reason is Reason.OUT_OF_SCOPE


def test_the_table_agrees_with_karrios_facts(contracts: Path) -> None:
    """karrio's table lists codes and types together; ours answers both, and differs where named here."""
    ours_on_purpose = {
        "MV": TrackingStatus.CANCELLED,  # the billing information was voided, so nothing is sent
    }
    rows = (contracts / "karrio_tracking_status_map.csv").read_text().splitlines()
    for row in rows:
        carrier, status, codes = row.split(",", 2)
        for code in codes.split("|") if carrier == "ups" and codes else ():
            found = ups.BY_CODE.get(code) or ups.BY_TYPE[code]
            assert found is ours_on_purpose.get(code, TrackingStatus(status)), code


@pytest.fixture
def played() -> Iterator[list[Exchange]]:
    world = World()
    for place, status in enumerate(WORDS):
        number = f"1Z999AA1{place:010}"
        scans = [Scan(world.now, "pending", "Chicago", "IL", "US")]
        scans += [Scan(world.now + timedelta(hours=1), status, "Toronto", "ON", "CA")] * (status != "pending")
        due = [Scan(world.now + timedelta(days=2), "delivered", "Toronto", "ON", "CA")]
        world.parcels[number] = Parcel(number, "UPS", {"country_code": "CA"}, scans, due)
    vendor = UpsVendor(world, "ups")
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        exchanges = mount(mock, "https://ups.test", vendor)
        carrier = Ups("ups", {"base_url": "https://ups.test"}, UpsVendor.SECRETS, Runtime())
        for number in world.parcels:
            carrier.read_one("tracking", number)
        with pytest.raises(RecordMissing):
            carrier.read_one("tracking", "1Z0000000000000000")
        with pytest.raises(RecordRejected):
            carrier.read_one("tracking", "9400100000000000000001")
        yield exchanges


def test_every_request_and_answer_is_as_the_documents_say(played: list[Exchange], contracts: Path) -> None:
    tracking = OpenApi(contracts / "specs/ups/Tracking.yaml", prefix="/api")
    oauth = OpenApi(contracts / "specs/ups/OAuthClientCredentials.yaml")
    wrong = {
        f"{e.request.method} {e.request.path} -> {e.answer.status}": problems
        for e in played
        if (problems := (oauth if "oauth" in e.request.path else tracking).problems(e.request, e.answer))
    }
    assert wrong == {}
    assert {e.answer.status for e in played} == {200, 400}


def test_the_sandbox_says_only_what_recorded_answers_say_too(played: list[Exchange], contracts: Path) -> None:
    """Each key of the sandbox's package stands in a recorded answer, with a value of the same kind."""
    recorded = json.loads(answer(contracts, "karrio_schema_ups_tracking_response"))
    model = recorded["trackResponse"]["shipment"][0]["package"][0]
    newer = {"gmtDate", "gmtOffset", "gmtTime"}  # in Tracking.yaml, not in the older recording
    for exchange in played[1:]:
        body = json.loads(exchange.answer.body)
        for package in body.get("trackResponse", {}).get("shipment", [{}])[0].get("package", []):
            assert {key: type(value) for key, value in package.items()}.items() <= {
                key: type(value) for key, value in model.items()
            }.items()
            for activity in package["activity"]:
                assert set(activity) - newer <= set(model["activity"][0])
                assert set(activity["location"]["address"]) <= set(
                    model["activity"][0]["location"]["address"]
                )


def test_each_kind_of_scan_comes_back_as_itself(played: list[Exchange]) -> None:
    bodies = [e.answer.body for e in played if b'"activity"' in e.answer.body]
    found = [ups.tracking(body, CONTEXT) for body in bodies]
    assert [str(tracking.status) for tracking in found] == list(WORDS)
    assert {warning for tracking in found for warning in tracking.warnings} == set()
    assert all(t.events[0].occurred_at == datetime(2026, 11, 2, 6, tzinfo=UTC) for t in found)
