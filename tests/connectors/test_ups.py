import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import responses

from connectors.carriers.ups import Ups
from connectors.contract import Outcome, Window
from connectors.errors import CredentialsRejected, RecordMissing, RecordRejected, StreamBroken
from connectors.runtime import Runtime
from connectors.tokens import FileTokens
from sandbox.mounted import Exchange, mount
from sandbox.vendors.ups import UpsVendor
from sandbox.world import Parcel, Scan, World

BASE = "https://ups.test"
NUMBER = "1Z999AA10123456784"


class NoWaiting:
    """Time that passes only on paper, and follows the sandbox's."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> datetime:
        return self._world.now

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """Return at once."""


@pytest.fixture
def vendor() -> UpsVendor:
    world = World()
    world.parcels[NUMBER] = Parcel(NUMBER, "UPS", {}, [Scan(world.now, "pending", "Chicago", "IL", "US")])
    return UpsVendor(world, "ups")


@pytest.fixture
def exchanges(vendor: UpsVendor) -> Iterator[list[Exchange]]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mount(mock, BASE, vendor)


@pytest.fixture
def carrier(exchanges: list[Exchange], vendor: UpsVendor) -> Ups:
    return connect(vendor, Runtime(clock=NoWaiting(vendor.world)))


def connect(vendor: UpsVendor, runtime: Runtime, client_secret: str | None = None) -> Ups:
    secrets = dict(vendor.SECRETS) | ({"client_secret": client_secret} if client_secret else {})
    return Ups("ups", {"base_url": BASE}, secrets, runtime)


def paths(exchanges: list[Exchange]) -> list[str]:
    return [exchange.request.path.rsplit("/", 1)[1] for exchange in exchanges]


def test_one_token_serves_many_parcels(carrier: Ups, exchanges: list[Exchange]) -> None:
    page = carrier.read_one("tracking", NUMBER)
    carrier.read_one("tracking", NUMBER)
    assert paths(exchanges) == ["token", NUMBER, NUMBER]
    assert page.records[0].external_id == NUMBER
    assert json.loads(page.records[0].payload)["trackResponse"]["shipment"][0]["inquiryNumber"] == NUMBER


def test_every_request_has_a_trans_id_of_its_own(carrier: Ups, exchanges: list[Exchange]) -> None:
    for _ in range(2):
        carrier.read_one("tracking", NUMBER)
    requests = [e.request for e in exchanges if e.request.method == "GET"]
    assert len({request.header("transId") for request in requests}) == 2
    assert {request.header("transactionSrc") for request in requests} == {"orderhub"}


def test_a_token_is_shared_through_the_cache(
    vendor: UpsVendor, exchanges: list[Exchange], tmp_path: Path
) -> None:
    for _ in range(2):
        runtime = Runtime(clock=NoWaiting(vendor.world), tokens=FileTokens(tmp_path))
        connect(vendor, runtime).read_one("tracking", NUMBER)
    assert paths(exchanges) == ["token", NUMBER, NUMBER]


def test_an_expired_token_is_renewed_before_it_is_used(
    carrier: Ups, vendor: UpsVendor, exchanges: list[Exchange]
) -> None:
    carrier.read_one("tracking", NUMBER)
    vendor.world.now += timedelta(hours=4)
    carrier.read_one("tracking", NUMBER)
    assert [exchange.answer.status for exchange in exchanges] == [200, 200, 200, 200]
    assert paths(exchanges) == ["token", NUMBER, "token", NUMBER]


def test_a_revoked_token_is_renewed_once(carrier: Ups, vendor: UpsVendor, exchanges: list[Exchange]) -> None:
    carrier.read_one("tracking", NUMBER)
    vendor.expire_tokens()
    carrier.read_one("tracking", NUMBER)
    assert [exchange.answer.status for exchange in exchanges] == [200, 200, 401, 200, 200]


def test_wrong_credentials_are_a_persons_task(vendor: UpsVendor, exchanges: list[Exchange]) -> None:
    with pytest.raises(CredentialsRejected):
        connect(vendor, Runtime(clock=NoWaiting(vendor.world)), "wrong").read_one("tracking", NUMBER)
    assert paths(exchanges) == ["token"]


def test_a_number_that_ups_knows_nothing_of_is_missing(carrier: Ups) -> None:
    with pytest.raises(RecordMissing):
        carrier.read_one("tracking", "1Z0000000000000000")


def test_a_number_of_another_carrier_is_refused_alone(carrier: Ups) -> None:
    with pytest.raises(RecordRejected) as refused:
        carrier.read_one("tracking", "9400100000000000000001")
    assert not isinstance(refused.value, RecordMissing)


def test_s14_throttling_server_errors_and_a_lost_token_answer_pass(carrier: Ups, vendor: UpsVendor) -> None:
    for kind in ("throttle", "server_error", "lost_answer"):
        vendor.faults.switch_on(kind)
    assert carrier.read_one("tracking", NUMBER).records


def test_an_answer_of_another_shape_stops_the_stream(vendor: UpsVendor) -> None:
    with responses.RequestsMock() as mock:
        token = {"access_token": "t", "expires_in": "14399"}
        mock.post(f"{BASE}/security/v1/oauth/token", json=token)
        mock.get(f"{BASE}/api/track/v1/details/{NUMBER}", json={"unexpected": []})
        with pytest.raises(StreamBroken):
            connect(vendor, Runtime(clock=NoWaiting(vendor.world))).read_one("tracking", NUMBER)


def test_parcels_are_read_one_by_one_and_nothing_is_written(carrier: Ups) -> None:
    now = datetime(2026, 11, 2, tzinfo=UTC)
    with pytest.raises(ValueError, match="one by one"):
        carrier.read("tracking", Window(now, now))
    assert carrier.write("push_picklist", {}, "x").outcome is Outcome.UNSUPPORTED
    assert carrier.look_up("push_picklist", {}, "x") is None
