import json
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest

from sandbox.vendor import VendorAnswer, VendorRequest
from sandbox.vendors.easypost import EasyPostVendor
from sandbox.world import Parcel, Scan, World

KEY = {"Authorization": "Basic " + b64encode(b"EZTKsandbox:").decode()}


@pytest.fixture
def vendor() -> EasyPostVendor:
    world = World()
    for number in ("A1", "B2"):
        scans = [Scan(world.now + timedelta(hours=n), s, "Reno", "NV", "US") for n, s in SCANS]
        world.parcels[number] = Parcel(number, "USPS", {}, scans)
    return EasyPostVendor(world, "easypost")


SCANS = ((0, "pending"), (1, "picked_up"), (9, "delivered"))


def ask(
    vendor: EasyPostVendor,
    method: str,
    path: str,
    body: Any = None,  # noqa: ANN401 -- any JSON
    headers: dict[str, str] = KEY,
) -> VendorAnswer:
    path, _, query = path.partition("?")
    raw = b"" if body is None else json.dumps(body).encode()
    return vendor.handle(VendorRequest(method, f"/v2{path}", query, headers, raw))


def create(vendor: EasyPostVendor, code: str) -> Any:  # noqa: ANN401 -- any JSON
    return json.loads(ask(vendor, "POST", "/trackers", {"tracker": {"tracking_code": code}}).body)


def test_nobody_gets_in_without_a_key(vendor: EasyPostVendor) -> None:
    answer = ask(vendor, "GET", "/trackers", headers={})
    assert (answer.status, list(json.loads(answer.body))) == (401, ["error"])


def test_a_repeated_creation_answers_with_the_first_tracker(vendor: EasyPostVendor) -> None:
    first = create(vendor, "A1")
    vendor.world.now += timedelta(days=1)
    assert create(vendor, "A1")["id"] == first["id"]
    assert create(vendor, "A1")["created_at"] == first["created_at"]


def test_only_created_trackers_are_listed_and_the_newest_is_first(vendor: EasyPostVendor) -> None:
    create(vendor, "A1")
    vendor.world.now += timedelta(minutes=1)
    listed = json.loads(ask(vendor, "GET", "/trackers?tracking_code=B2").body)
    assert listed == {"trackers": [], "has_more": False}
    create(vendor, "B2")
    page = json.loads(ask(vendor, "GET", "/trackers?page_size=1").body)
    assert ([t["tracking_code"] for t in page["trackers"]], page["has_more"]) == (["B2"], True)


def test_a_tracker_is_found_by_its_id(vendor: EasyPostVendor) -> None:
    made = create(vendor, "A1")
    assert json.loads(ask(vendor, "GET", f"/trackers/{made['id']}").body)["tracking_code"] == "A1"
    assert ask(vendor, "GET", "/trackers/trk_none").status == 404


def test_events_come_oldest_first_with_the_last_as_status(vendor: EasyPostVendor) -> None:
    made = create(vendor, "A1")
    assert [d["status"] for d in made["tracking_details"]] == ["pre_transit", "in_transit", "delivered"]
    assert (made["status"], made["finalized"]) == ("delivered", True)


def test_what_no_carrier_knows_and_what_is_no_request_is_refused(vendor: EasyPostVendor) -> None:
    assert create(vendor, "NOPE")["error"]["code"] == "TRACKER.CREATE.ERROR"
    assert ask(vendor, "POST", "/trackers", {"tracking_code": "A1"}).status == 422
    assert ask(vendor, "GET", "/shipments").status == 404


def test_faults_of_trackers_do_what_they_say(vendor: EasyPostVendor) -> None:
    expected = {
        "stale_update": ["pre_transit", "in_transit"],
        "reordered": ["delivered", "in_transit", "pre_transit"],
        "duplicate_update": ["pre_transit", "in_transit", "delivered", "delivered"],
    }
    for kind, statuses in expected.items():
        vendor.faults.switch_on(kind)
        assert [d["status"] for d in create(vendor, "A1")["tracking_details"]] == statuses
    vendor.faults.switch_on("broken_record")
    assert create(vendor, "A1")["tracking_details"][-1]["datetime"].startswith("2026-13")


def test_throttling_and_server_errors_have_easyposts_form(vendor: EasyPostVendor) -> None:
    for kind, status in (("throttle", 429), ("server_error", 503)):
        vendor.faults.switch_on(kind)
        answer = ask(vendor, "GET", "/trackers")
        assert (answer.status, set(json.loads(answer.body)["error"])) == (
            status,
            {"code", "message", "errors"},
        )
