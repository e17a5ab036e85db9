import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
import responses

from connectors.carriers.easypost import EasyPost
from connectors.contract import Outcome, Window
from connectors.errors import CredentialsRejected, RecordRejected
from connectors.runtime import Runtime
from sandbox.mounted import Exchange, mount
from sandbox.vendors.easypost import EasyPostVendor
from sandbox.world import Parcel, Scan, World

BASE = "https://easypost.test"
NUMBER = "9400100000000000000001"


class NoWaiting:
    """Time that passes only on paper."""

    def now(self) -> datetime:
        return datetime(2026, 11, 2, 6, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Return at once."""


@pytest.fixture
def vendor() -> EasyPostVendor:
    world = World()
    world.parcels[NUMBER] = Parcel(NUMBER, "USPS", {}, [Scan(world.now, "pending", "Chicago", "IL", "US")])
    return EasyPostVendor(world, "easypost")


@pytest.fixture
def exchanges(vendor: EasyPostVendor) -> Iterator[list[Exchange]]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mount(mock, BASE, vendor)


@pytest.fixture
def carrier(exchanges: list[Exchange]) -> EasyPost:
    return connect()


def connect(api_key: str = EasyPostVendor.SECRETS["api_key"]) -> EasyPost:
    return EasyPost("easypost", {"base_url": BASE}, {"api_key": api_key}, Runtime(clock=NoWaiting()))


def methods(exchanges: list[Exchange]) -> list[str]:
    return [exchange.request.method for exchange in exchanges]


def test_a_tracker_is_created_once_and_looked_up_from_then_on(
    vendor: EasyPostVendor, carrier: EasyPost, exchanges: list[Exchange]
) -> None:
    first = carrier.read_one("tracking", NUMBER)
    vendor.world.parcels[NUMBER].scans.append(
        Scan(vendor.world.now + timedelta(hours=1), "picked_up", "Chicago", "IL", "US")
    )
    second = carrier.read_one("tracking", NUMBER)
    assert methods(exchanges) == ["GET", "POST", "GET"]
    assert [len(json.loads(page.records[0].payload)["tracking_details"]) for page in (first, second)] == [
        1,
        2,
    ]
    assert second.records[0].external_id == NUMBER
    assert second.vendor_time == vendor.world.now


def test_a_creation_whose_answer_is_lost_is_repeated_and_makes_one_tracker(
    vendor: EasyPostVendor, carrier: EasyPost, exchanges: list[Exchange]
) -> None:
    vendor.faults.switch_on("lost_answer")
    carrier.read_one("tracking", NUMBER)
    assert methods(exchanges) == ["GET", "POST", "POST"]
    assert list(vendor.created) == [NUMBER]


def test_a_tracker_of_a_similar_number_is_not_taken() -> None:
    with responses.RequestsMock() as mock:
        other = {"tracking_code": "OTHER", "status": "delivered"}
        mock.get(f"{BASE}/v2/trackers", json={"trackers": [other], "has_more": False})
        mock.post(f"{BASE}/v2/trackers", json={"tracking_code": NUMBER, "status": "pre_transit"})
        page = connect().read_one("tracking", NUMBER)
    assert json.loads(page.records[0].payload)["status"] == "pre_transit"


def test_a_number_that_no_carrier_knows_is_refused_alone(carrier: EasyPost) -> None:
    with pytest.raises(RecordRejected):
        carrier.read_one("tracking", "NOT-A-NUMBER")


def test_s14_throttling_and_server_errors_pass(vendor: EasyPostVendor, carrier: EasyPost) -> None:
    vendor.faults.switch_on("throttle", 2)
    vendor.faults.switch_on("server_error", 2)
    assert carrier.read_one("tracking", NUMBER).records


def test_a_wrong_key_is_a_persons_task(exchanges: list[Exchange]) -> None:
    with pytest.raises(CredentialsRejected):
        connect("EZTKwrong").read_one("tracking", NUMBER)


def test_trackers_are_read_one_by_one_and_nothing_is_written(carrier: EasyPost) -> None:
    now = NoWaiting().now()
    with pytest.raises(ValueError, match="one by one"):
        carrier.read("tracking", Window(now, now))
    assert carrier.write("push_picklist", {}, "x").outcome is Outcome.UNSUPPORTED
    assert carrier.look_up("push_picklist", {}, "x") is None
