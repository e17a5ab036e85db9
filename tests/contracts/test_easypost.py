"""EasyPost's client recordings, against connector, sandbox and mapping. It publishes no document."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import responses

from connectors.carriers.easypost import EasyPost
from connectors.runtime import Runtime
from normalization.carriers import easypost
from normalization.records import TrackingEvent
from normalization.registry import Context
from normalization.statuses import TrackingStatus
from sandbox.mounted import Exchange, mount
from sandbox.vendors.easypost import WORDS, EasyPostVendor
from sandbox.world import Parcel, Scan, World

CONTEXT = Context("easypost", datetime(2026, 11, 2, 6, tzinfo=UTC))
RECORDINGS = {
    "tracker_create_0_POST_200_v2_trackers": datetime(2025, 3, 6, 19, 48, 26, tzinfo=UTC),
    "tracker_retrieve_1_GET_200_v2_trackers_trk_e7e8f143f3eb40d38be9562e3767c36a": datetime(
        2025, 3, 6, 19, 48, 26, tzinfo=UTC
    ),
    "tracker_delete_0_POST_200_v2_trackers": datetime(2025, 11, 5, 21, 59, 7, tzinfo=UTC),
}
"""Each recorded tracker, with its expected delivery."""


def recorded(contracts: Path, name: str) -> bytes:
    return (contracts / "payloads/easypost" / f"{name}.json").read_bytes()


def test_every_recorded_tracker_is_read(contracts: Path) -> None:
    """All other recordings are of addresses, labels, rates, pickups, events and accounts: not trackers."""
    trackers = set()
    for file in (contracts / "payloads/easypost").glob("*.json"):
        body = json.loads(file.read_bytes())
        if isinstance(body, dict) and body.get("object") == "Tracker":
            trackers.add(file.stem)
    assert trackers == set(RECORDINGS)


@pytest.mark.parametrize("name", RECORDINGS)
def test_a_label_alone_is_pending(contracts: Path, name: str) -> None:
    tracking = easypost.tracking(recorded(contracts, name), CONTEXT)
    assert (tracking.tracking_number, tracking.carrier) == ("EZ1000000001", "USPS")
    assert (tracking.status, tracking.carrier_status) == (TrackingStatus.PENDING, "pre_transit")
    assert tracking.estimated_delivery == RECORDINGS[name]
    assert (tracking.delivered_at, tracking.warnings) == (None, ())
    sent, label = tracking.events
    assert sent.description == "Pre-Shipment Info Sent to USPS"
    assert label == TrackingEvent(
        status=TrackingStatus.PENDING,
        code="status_update",
        description="Shipping Label Created",
        occurred_at=label.occurred_at,
        city="HOUSTON",
        region="TX",
    )
    assert label.occurred_at - sent.occurred_at == timedelta(hours=12, minutes=37)


def test_the_events_times_are_those_recorded(contracts: Path) -> None:
    tracking = easypost.tracking(recorded(contracts, "tracker_create_0_POST_200_v2_trackers"), CONTEXT)
    assert [event.occurred_at for event in tracking.events] == [
        datetime(2025, 2, 6, 19, 48, 26, tzinfo=UTC),
        datetime(2025, 2, 7, 8, 25, 26, tzinfo=UTC),
    ]


@pytest.fixture
def played() -> Iterator[list[Exchange]]:
    world = World()
    for place, status in enumerate(WORDS):
        number = f"94001{place:010}"
        scans = [Scan(world.now, "pending", "Chicago", "IL", "US")]
        scans += [Scan(world.now + timedelta(hours=1), status, "Denver", "CO", "US")] * (status != "pending")
        world.parcels[number] = Parcel(number, "USPS", {}, scans)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        exchanges = mount(mock, "https://easypost.test", EasyPostVendor(world, "easypost"))
        settings = {"base_url": "https://easypost.test"}
        carrier = EasyPost("easypost", settings, EasyPostVendor.SECRETS, Runtime())
        for number in world.parcels:
            carrier.read_one("tracking", number)
        yield exchanges


def test_a_creation_is_requested_as_recorded(played: list[Exchange], contracts: Path) -> None:
    model = json.loads(recorded(contracts, "tracker_create_0_request"))
    sent = [e.request.json() for e in played if e.request.method == "POST"]
    assert len(sent) == len(WORDS)
    assert all(_kinds(body) == _kinds(model) for body in sent)


def test_the_sandboxs_trackers_have_the_shape_of_the_recorded_ones(
    played: list[Exchange], contracts: Path
) -> None:
    models = [json.loads(recorded(contracts, name)) for name in RECORDINGS]
    known = {key for model in models for key in model}
    details = {key for model in models for key in model["tracking_details"][0]}
    for exchange in played:
        if exchange.request.method == "POST":
            tracker = json.loads(exchange.answer.body)
            assert set(models[1]) <= set(tracker) | {"fees"}
            assert set(tracker) <= known
            assert all(set(detail) == details for detail in tracker["tracking_details"])
            assert tracker["tracking_details"][0]["tracking_location"].keys() == (
                models[0]["tracking_details"][0]["tracking_location"].keys()
            )


def test_each_kind_of_scan_comes_back_as_itself(played: list[Exchange]) -> None:
    found = [easypost.tracking(e.answer.body, CONTEXT) for e in played if e.request.method == "POST"]
    assert [str(tracking.status) for tracking in found] == list(WORDS)
    assert {warning for tracking in found for warning in tracking.warnings} == set()


def _kinds(value: Any) -> Any:  # noqa: ANN401 -- any JSON
    return {key: _kinds(part) for key, part in value.items()} if isinstance(value, dict) else type(value)
