import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.ups import UpsVendor
from sandbox.world import Parcel, Scan, World

NUMBER = "1Z999AA10123456784"
BASIC = {"Authorization": "Basic " + b64encode(b"sandbox-ups:sandbox-ups-key").decode()}
SCANS = ((0, "pending"), (20, "in_transit"), (30, "delivered"))


@pytest.fixture
def vendor() -> UpsVendor:
    world = World(start=datetime(2026, 11, 2, 6, tzinfo=UTC))
    scans = [Scan(world.now + timedelta(hours=n), s, "Berlin", None, "DE") for n, s in SCANS]
    world.parcels[NUMBER] = Parcel(NUMBER, "UPS", {}, scans)
    return UpsVendor(world, "ups")


def fetch_token(vendor: UpsVendor, headers: dict[str, str] = BASIC) -> VendorAnswer:
    body = b"grant_type=client_credentials"
    return vendor.handle(VendorRequest("POST", "/security/v1/oauth/token", "", headers, body))


def headers_of(vendor: UpsVendor) -> dict[str, str]:
    token = json.loads(fetch_token(vendor).body)["access_token"]
    return {"Authorization": f"Bearer {token}", "transId": "1", "transactionSrc": "test"}


def track(vendor: UpsVendor, number: str, headers: dict[str, str] | None = None) -> VendorAnswer:
    known = headers_of(vendor) if headers is None else headers
    return vendor.handle(VendorRequest("GET", f"/api/track/v1/details/{number}", "", known))


def package_of(answer: VendorAnswer) -> dict[str, Any]:
    package: dict[str, Any] = json.loads(answer.body)["trackResponse"]["shipment"][0]["package"][0]
    return package


def test_a_token_lasts_four_hours_and_its_lifetime_is_text(vendor: UpsVendor) -> None:
    headers = headers_of(vendor)
    assert json.loads(fetch_token(vendor).body)["expires_in"] == "14399"
    assert track(vendor, NUMBER, headers).status == 200
    vendor.world.now += timedelta(hours=4)
    assert track(vendor, NUMBER, headers).status == 401


def test_wrong_credentials_and_missing_tokens_are_refused_in_upss_form(vendor: UpsVendor) -> None:
    for answer in (fetch_token(vendor, {}), track(vendor, NUMBER, {})):
        assert answer.status == 401
        assert set(json.loads(answer.body)["response"]["errors"][0]) == {"code", "message"}


def test_a_request_needs_its_two_headers(vendor: UpsVendor) -> None:
    for name in ("transId", "transactionSrc"):
        headers = {key: value for key, value in headers_of(vendor).items() if key != name}
        assert track(vendor, NUMBER, headers).status == 400


def test_activities_come_newest_first_in_local_and_greenwich_time(vendor: UpsVendor) -> None:
    activities = package_of(track(vendor, NUMBER))["activity"]
    assert [activity["status"]["type"] for activity in activities] == ["D", "I", "M"]
    assert (activities[1]["date"], activities[1]["time"]) == ("20261103", "030000")
    assert activities[1]["gmtOffset"] == "+01:00"
    assert (activities[1]["gmtDate"], activities[1]["gmtTime"]) == ("20261103", "02:00:00")


def test_a_label_names_a_country_only(vendor: UpsVendor) -> None:
    assert package_of(track(vendor, NUMBER))["activity"][-1]["location"]["address"] == {"countryCode": "DE"}


def test_an_unknown_number_is_answered_with_a_warning(vendor: UpsVendor) -> None:
    answer = track(vendor, "1Z0000000000000000")
    (shipment,) = json.loads(answer.body)["trackResponse"]["shipment"]
    assert (answer.status, shipment["warnings"][0]["code"], "package" in shipment) == (200, "TW0001", False)


def test_other_carriers_parcels_are_none_of_its_business(vendor: UpsVendor) -> None:
    vendor.world.parcels["9400"] = Parcel("9400", "USPS", {}, [])
    assert track(vendor, "9400").status == 400


def test_a_promised_day_gives_way_to_the_delivery(vendor: UpsVendor) -> None:
    parcel = vendor.world.parcels[NUMBER]
    assert package_of(track(vendor, NUMBER))["deliveryDate"] == [{"type": "DEL", "date": "20261103"}]
    parcel.due = [parcel.scans.pop()]
    assert package_of(track(vendor, NUMBER))["deliveryDate"] == [{"type": "SDD", "date": "20261103"}]


def test_faults_of_parcels_do_what_they_say(vendor: UpsVendor) -> None:
    headers = headers_of(vendor)
    expected = {
        "stale_update": ["I", "M"],
        "reordered": ["M", "I", "D"],
        "duplicate_update": ["D", "D", "I", "M"],
    }
    for kind, types in expected.items():
        vendor.faults.switch_on(kind)
        activities = package_of(track(vendor, NUMBER, headers))["activity"]
        assert [activity["status"]["type"] for activity in activities] == types
    vendor.faults.switch_on("broken_record")
    assert package_of(track(vendor, NUMBER, headers))["activity"][0]["date"] == "20261345"
    for kind, status in (("throttle", 429), ("server_error", 503)):
        vendor.faults.switch_on(kind)
        assert track(vendor, NUMBER, headers).status == status
