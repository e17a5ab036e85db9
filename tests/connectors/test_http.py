"""The table in connectors/http.py, line by line."""

import logging
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import requests
import responses

from connectors.auth import TokenAuth, basic, bearer
from connectors.deadline import writes_until
from connectors.errors import (
    AnswerLost,
    CredentialsRejected,
    PermissionMissing,
    RateLimited,
    RecordMissing,
    RecordRejected,
    StreamBroken,
    TooLate,
    Transient,
)
from connectors.http import Request, Transport
from connectors.runtime import Rate, Runtime, Token

BASE = "https://vendor.test/api"
NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)


class StillClock:
    """The hub's clock of a test: it stands, and sleeping takes no time."""

    def __init__(self) -> None:
        self.slept: list[float] = []

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class RecordingPacer:
    """Remembers what it was asked."""

    def __init__(self) -> None:
        self.acquired: list[tuple[str, int]] = []
        self.pauses: list[tuple[str, float]] = []

    def acquire(self, bucket: str, cost: int = 1, spare: int = 0) -> None:
        self.acquired.append((bucket, cost))

    def pause(self, bucket: str, seconds: float) -> None:
        self.pauses.append((bucket, seconds))


@pytest.fixture
def clock() -> StillClock:
    return StillClock()


@pytest.fixture
def pacer() -> RecordingPacer:
    return RecordingPacer()


@pytest.fixture
def vendor() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(registry=responses.registries.OrderedRegistry) as mock:
        yield mock


@pytest.fixture
def transport(clock: StillClock, pacer: RecordingPacer) -> Transport:
    return Transport("shop", BASE, Runtime(clock=clock), pacer=pacer)


READ = Request("GET", "/orders")
WRITE = Request("POST", "/orders", json={"total": Decimal("1.50")})
KEYED = Request("POST", "/orders", json={}, repeatable=True)


def refused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def hanging_up(connections: list[bytes]) -> Iterator[str]:
    """A server that takes every request and ends the connection without an answer."""
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            with connection:
                connections.append(connection.recv(65536))

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


@pytest.mark.parametrize("request_", [READ, WRITE], ids=["read", "write"])
def test_a_refused_connection_is_retried_for_reads_and_writes_alike(
    request_: Request, clock: StillClock, pacer: RecordingPacer
) -> None:
    dead = Transport("shop", f"http://127.0.0.1:{refused_port()}", Runtime(clock=clock), pacer=pacer)
    with pytest.raises(Transient) as failure:
        dead.send(request_)
    assert not isinstance(failure.value, AnswerLost)
    assert len(pacer.acquired) == 5
    assert len(clock.slept) == 4


def test_a_connect_timeout_is_retried_also_for_a_write(
    vendor: responses.RequestsMock, transport: Transport
) -> None:
    vendor.post(f"{BASE}/orders", body=requests.ConnectTimeout("slow"))
    vendor.post(f"{BASE}/orders", json={"id": 1}, status=201)
    assert transport.send(WRITE).json() == {"id": 1}


def test_a_write_whose_answer_never_came_is_in_doubt_and_not_sent_again(
    clock: StillClock, pacer: RecordingPacer
) -> None:
    received: list[bytes] = []
    with hanging_up(received) as address, pytest.raises(AnswerLost):
        Transport("shop", address, Runtime(clock=clock), pacer=pacer).send(WRITE)
    assert len(received) == 1


@pytest.mark.parametrize("request_", [READ, KEYED], ids=["read", "keyed write"])
def test_what_may_be_repeated_is_repeated_when_no_answer_comes(
    request_: Request, clock: StillClock, pacer: RecordingPacer
) -> None:
    received: list[bytes] = []
    with hanging_up(received) as address, pytest.raises(Transient) as failure:
        Transport("shop", address, Runtime(clock=clock), pacer=pacer).send(request_)
    assert not isinstance(failure.value, AnswerLost)
    assert len(received) == 5


def test_a_read_timeout_of_a_write_is_in_doubt(vendor: responses.RequestsMock, transport: Transport) -> None:
    vendor.post(f"{BASE}/orders", body=requests.ReadTimeout("slow"))
    with pytest.raises(AnswerLost):
        transport.send(WRITE)


def test_s14_too_many_requests_pauses_everybody_and_is_retried_after_the_time_asked_for(
    vendor: responses.RequestsMock, transport: Transport, clock: StillClock, pacer: RecordingPacer
) -> None:
    vendor.get(f"{BASE}/orders", status=429, headers={"Retry-After": "7"})
    vendor.get(f"{BASE}/orders", json=[])
    assert transport.send(READ).json() == []
    assert pacer.pauses == [("default", 7.0)]
    assert clock.slept == [7.0]


def test_s14_retry_after_as_a_date_counts_from_the_vendors_clock(
    vendor: responses.RequestsMock, transport: Transport, clock: StillClock
) -> None:
    vendor.get(
        f"{BASE}/orders",
        status=503,
        headers={"Retry-After": "Mon, 02 Nov 2026 15:00:09 GMT", "Date": "Mon, 02 Nov 2026 15:00:00 GMT"},
    )
    vendor.get(f"{BASE}/orders", json=[])
    transport.send(READ)
    assert clock.slept == [9.0]


def test_s14_a_long_pause_is_the_callers_to_plan(
    vendor: responses.RequestsMock, transport: Transport, clock: StillClock, pacer: RecordingPacer
) -> None:
    vendor.post(f"{BASE}/orders", status=429, headers={"Retry-After": "3600"})
    with pytest.raises(RateLimited) as limited:
        transport.send(WRITE)
    assert limited.value.retry_after == timedelta(hours=1)
    assert pacer.pauses == [("default", 3600.0)]
    assert clock.slept == []


def test_a_write_that_was_throttled_was_not_done_and_is_sent_again(
    vendor: responses.RequestsMock, transport: Transport
) -> None:
    vendor.post(f"{BASE}/orders", status=429, headers={"Retry-After": "1"})
    vendor.post(f"{BASE}/orders", json={"id": 1}, status=201)
    assert transport.send(WRITE).status == 201


def test_a_write_that_is_told_to_wait_by_a_503_may_have_been_done(
    vendor: responses.RequestsMock, transport: Transport, pacer: RecordingPacer
) -> None:
    """A proxy says so when its server was too slow to answer."""
    vendor.post(f"{BASE}/orders", status=503, headers={"Retry-After": "9"})
    vendor.post(f"{BASE}/orders", status=503, headers={"Retry-After": "1"})
    vendor.post(f"{BASE}/orders", json={"id": 1}, status=201)
    with pytest.raises(AnswerLost):
        transport.send(WRITE)
    assert pacer.pauses == [("default", 9.0)], "everybody waits all the same"
    assert transport.send(KEYED).status == 201


def test_a_write_that_must_not_be_made_twice_is_not_begun_too_late(
    vendor: responses.RequestsMock, transport: Transport, clock: StillClock
) -> None:
    vendor.get(f"{BASE}/orders", json=[])
    vendor.post(f"{BASE}/orders", json={"id": 1}, status=201)
    with writes_until(NOW), pytest.raises(TooLate):
        transport.send(WRITE)
    assert not vendor.calls
    assert clock.slept == []
    with writes_until(NOW):
        assert transport.send(READ).json() == []
        assert transport.send(KEYED).status == 201


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_retried_for_a_read_and_puts_a_write_in_doubt(
    status: int, vendor: responses.RequestsMock, transport: Transport
) -> None:
    vendor.get(f"{BASE}/orders", status=status)
    vendor.get(f"{BASE}/orders", json=[])
    vendor.post(f"{BASE}/orders", status=status)
    assert transport.send(READ).json() == []
    with pytest.raises(AnswerLost):
        transport.send(WRITE)


def token_transport(clock: StillClock, pacer: RecordingPacer, fetched: list[str]) -> Transport:
    runtime = Runtime(clock=clock)

    def fetch() -> Token:
        fetched.append(f"token-{len(fetched) + 1}")
        return Token(fetched[-1], NOW + timedelta(hours=1))

    return Transport(
        "shop", BASE, runtime, pacer=pacer, auth=TokenAuth("shop/access", runtime, fetch, bearer)
    )


def test_a_refused_token_is_renewed_once(
    vendor: responses.RequestsMock, clock: StillClock, pacer: RecordingPacer
) -> None:
    fetched: list[str] = []
    vendor.get(f"{BASE}/orders", status=401)
    vendor.get(f"{BASE}/orders", json=[])
    token_transport(clock, pacer, fetched).send(READ)
    assert [call.request.headers["Authorization"] for call in vendor.calls] == [
        "Bearer token-1",
        "Bearer token-2",
    ]


def test_a_token_refused_twice_is_a_persons_task(
    vendor: responses.RequestsMock, clock: StillClock, pacer: RecordingPacer
) -> None:
    fetched: list[str] = []
    vendor.get(f"{BASE}/orders", status=401)
    vendor.get(f"{BASE}/orders", status=401)
    with pytest.raises(CredentialsRejected):
        token_transport(clock, pacer, fetched).send(READ)
    assert len(fetched) == 2


def test_a_token_about_to_expire_is_renewed_before_it_is_used(
    vendor: responses.RequestsMock, clock: StillClock, pacer: RecordingPacer
) -> None:
    runtime = Runtime(clock=clock)
    runtime.tokens.put("shop/access", Token("old", NOW + timedelta(seconds=59)))
    auth = TokenAuth("shop/access", runtime, lambda: Token("new", NOW + timedelta(hours=1)), bearer)
    vendor.get(f"{BASE}/orders", json=[])
    Transport("shop", BASE, runtime, pacer=pacer, auth=auth).send(READ)
    assert vendor.calls[0].request.headers["Authorization"] == "Bearer new"


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, CredentialsRejected),
        (403, PermissionMissing),
        (404, RecordMissing),
        (400, RecordRejected),
        (409, RecordRejected),
        (422, RecordRejected),
        (301, StreamBroken),
    ],
)
def test_each_refusal_has_its_class_and_is_not_retried(
    status: int, error: type[Exception], vendor: responses.RequestsMock, transport: Transport
) -> None:
    vendor.get(f"{BASE}/orders", status=status)
    with pytest.raises(error) as failure:
        transport.send(READ)
    assert type(failure.value) is error
    assert f"GET /orders answered {status}" in str(failure.value)


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b"<html>maintenance</html>", {"Content-Type": "text/html"}), (b'{"half": ', {}), (b"\xff\xfe", {})],
    ids=["a proxy's page", "half an answer", "no text"],
)
def test_a_body_that_is_no_json_stops_the_stream(
    body: bytes, headers: Mapping[str, str], vendor: responses.RequestsMock, transport: Transport
) -> None:
    vendor.get(f"{BASE}/orders", body=body, headers=dict(headers))
    with pytest.raises(StreamBroken, match="no JSON"):
        transport.send(READ).json()


def test_money_arrives_exact_and_leaves_exact(vendor: responses.RequestsMock, transport: Transport) -> None:
    vendor.post(f"{BASE}/orders", body=b'{"total": 179.25}')
    assert transport.send(WRITE).json() == {"total": Decimal("179.25")}
    assert vendor.calls[0].request.body == b'{"total":"1.50"}'


def test_the_vendors_own_signal_comes_before_the_table(
    vendor: responses.RequestsMock, clock: StillClock, pacer: RecordingPacer
) -> None:
    vendor.get(f"{BASE}/orders", json={"errors": [{"code": "THROTTLED"}]})
    vendor.get(f"{BASE}/orders", json={"data": []})
    throttled = Transport(
        "shop",
        BASE,
        Runtime(clock=clock),
        pacer=pacer,
        classify=lambda answer: (
            RateLimited("slow down", timedelta(seconds=3)) if b"THROTTLED" in answer.body else None
        ),
    )
    assert throttled.send(READ).json() == {"data": []}
    assert pacer.pauses == [("default", 3.0)]


def test_each_sending_takes_its_cost_from_its_bucket(
    vendor: responses.RequestsMock, transport: Transport, pacer: RecordingPacer
) -> None:
    vendor.get(f"{BASE}/orders", status=500)
    vendor.get(f"{BASE}/orders", json=[])
    transport.send(Request("GET", "/orders", bucket="search", cost=12))
    assert pacer.acquired == [("search", 12), ("search", 12)]


def test_the_answer_knows_when_it_was_asked_for_and_the_vendors_time(
    vendor: responses.RequestsMock, transport: Transport
) -> None:
    vendor.get(f"{BASE}/orders", json=[], headers={"Date": "Mon, 02 Nov 2026 11:59:58 GMT"})
    vendor.get(f"{BASE}/orders", json=[], headers={"Date": "not a date"})
    answer = transport.send(READ)
    assert answer.observed_at == NOW
    assert answer.vendor_time == datetime(2026, 11, 2, 11, 59, 58, tzinfo=UTC)
    assert transport.send(READ).vendor_time is None


@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500])
def test_s14_neither_secrets_nor_bodies_stand_in_logs_or_errors(
    status: int,
    vendor: responses.RequestsMock,
    clock: StillClock,
    pacer: RecordingPacer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    body = {"buyer": "Ada Lovelace", "street": "12 St James's Square"}
    vendor.post(f"{BASE}/orders", json=body, status=status, headers={"Retry-After": "900"})
    guarded = Transport(
        "shop", BASE, Runtime(clock=clock), pacer=pacer, auth=basic("key-id", "key-secret"), attempts=1
    )
    text = ""
    try:
        guarded.send(Request("POST", "/orders?token=query-secret", json=body))
    except Exception as error:  # noqa: BLE001 -- whichever it is, its text counts
        text = repr(error) + str(error)
    text += caplog.text
    sent = vendor.calls[0].request.headers["Authorization"]
    for secret in ("key-secret", sent.removeprefix("Basic "), "query-secret", "Lovelace", "St James"):
        assert secret not in text


def test_a_runtime_hands_each_connection_its_pacer(clock: StillClock) -> None:
    made: list[tuple[str, Mapping[str, Rate]]] = []

    def pacer_for(connection: str, rates: Mapping[str, Rate]) -> RecordingPacer:
        made.append((connection, rates))
        return RecordingPacer()

    maker: Callable[[str, Mapping[str, Rate]], RecordingPacer] = pacer_for
    Runtime(clock=clock, pacer_for=maker).pacer_for("shop", {"default": Rate(1, 1)})
    assert made == [("shop", {"default": Rate(1, 1)})]
