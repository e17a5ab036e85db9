"""Bad weather: each vendor fails in the ways that it is documented to, and as often as it was told to."""

import time
from collections.abc import Callable, Iterator

import pytest
import requests

from sandbox.merchant import build_world
from sandbox.mishaps import MIX, Mishap, Severity, Weather
from sandbox.registry import CONNECTIONS, VENDORS
from sandbox.server import Sandbox
from sandbox.vendor import VendorAnswer, json_answer

KEY = {"Authorization": "Bearer sandbox-shipbob", "Connection": "close"}
URL = "/shipbob-us/2026-01/inventory-level/locations"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(world=build_world(3)) as opened:
        yield opened


@pytest.fixture
def ask(sandbox: Sandbox) -> Callable[[Mishap | None], requests.Response]:
    """Asks ShipBob for its stock while one mishap is certain."""

    def asked(mishap: Mishap | None) -> requests.Response:
        weather = Weather("shipbob", Severity(0, hang_seconds=1.5, slow_seconds=0.1), 1)
        weather.draw = lambda: (mishap, True)  # type: ignore[method-assign]
        sandbox.vendors["shipbob-us"].weather = weather
        return requests.get(sandbox.url + URL, headers=KEY, timeout=1)

    return asked


def test_every_vendor_has_a_mix_of_its_own() -> None:
    assert set(MIX) == set(VENDORS)


def test_as_many_calls_fail_as_the_rate_says_and_the_same_ones_again() -> None:
    first, second = (Weather("ups", Severity(0.2), 7) for _ in range(2))
    drawn = [first.draw() for _ in range(5_000)]
    assert drawn == [second.draw() for _ in range(5_000)]
    assert 0.18 < sum(first.struck.values()) / first.calls < 0.22
    assert set(first.struck) == set(MIX["ups"])


def test_what_may_have_been_done_is_done_in_about_half_of_all_cases() -> None:
    weather = Weather("tryton", Severity(1), 1)
    done = [done for mishap, done in (weather.draw() for _ in range(5_000)) if mishap is Mishap.ERROR_500]
    assert 0.4 < sum(done) / len(done) < 0.6


@pytest.mark.parametrize(
    ("mishap", "status"),
    [
        (Mishap.THROTTLED, 429),
        (Mishap.THROTTLED_SILENTLY, 429),
        (Mishap.ERROR_500, 500),
        (Mishap.ERROR_502, 502),
        (Mishap.ERROR_503, 503),
        (Mishap.ERROR_503_WAIT, 503),
    ],
)
def test_a_refusal_has_its_status(
    ask: Callable[[Mishap], requests.Response], mishap: Mishap, status: int
) -> None:
    assert ask(mishap).status_code == status


def test_only_some_refusals_say_for_how_long(ask: Callable[[Mishap], requests.Response]) -> None:
    assert ask(Mishap.ERROR_503_WAIT).headers["Retry-After"] == "2"
    assert "x-retry-after" in ask(Mishap.THROTTLED).headers
    assert "x-retry-after" not in ask(Mishap.THROTTLED_SILENTLY).headers


@pytest.mark.parametrize("mishap", [Mishap.LOST, Mishap.RESET])
def test_a_connection_ends_too_early(ask: Callable[[Mishap], requests.Response], mishap: Mishap) -> None:
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        ask(mishap)


def test_an_answer_that_hangs_runs_into_the_time_out(ask: Callable[[Mishap], requests.Response]) -> None:
    with pytest.raises(requests.Timeout):
        ask(Mishap.TIME_OUT)


@pytest.mark.parametrize("mishap", [Mishap.CUT, Mishap.PAGE])
def test_an_answer_is_no_json(ask: Callable[[Mishap], requests.Response], mishap: Mishap) -> None:
    answer = ask(mishap)
    assert answer.status_code == 200
    with pytest.raises(requests.JSONDecodeError):
        answer.json()


def test_a_slow_answer_comes_whole(ask: Callable[[Mishap | None], requests.Response]) -> None:
    began = time.monotonic()
    slow = ask(Mishap.SLOW).json()
    assert time.monotonic() - began >= 0.1
    assert slow == ask(None).json()


def test_ended_tokens_are_refused_by_those_who_issue_them(sandbox: Sandbox) -> None:
    for connection, vendor in CONNECTIONS.items():
        if Mishap.EXPIRED not in MIX[vendor]:
            continue
        assert (
            type(sandbox.vendors[connection]).expire_tokens
            is not type(sandbox.vendors["shipbob-us"]).expire_tokens
        )


def test_a_graphql_error_comes_inside_http_200() -> None:
    answer = Weather("shopify", Severity(1), 1).spoil(Mishap.GRAPHQL_ERROR, VendorAnswer(503))
    assert answer.status == 200
    assert b'"INTERNAL_SERVER_ERROR"' in answer.body


def test_good_weather_changes_nothing() -> None:
    answer = json_answer({"fine": True})
    assert Weather("ups", Severity(0), 1).spoil(None, answer) is answer


def test_weather_is_set_and_read_over_the_control_api(sandbox: Sandbox) -> None:
    control = f"{sandbox.url}/_control/weather"
    assert requests.post(control, json={"rate": 1, "seed": 5, "hang_seconds": 0.1}, timeout=5).json() == {}
    for _ in range(5):
        try:
            requests.get(sandbox.url + URL, headers=KEY, timeout=5)
        except requests.RequestException:
            continue
    found = requests.post(control, json={}, timeout=5).json()["shipbob-us"]
    assert found["calls"] == sum(found["struck"].values()) == 5
    assert requests.get(control, timeout=5).json() == {}


def test_every_answer_takes_its_time_where_there_is_latency() -> None:
    weather = Weather("ups", Severity(latency_seconds=0.25), 1)
    assert weather.spoil(None, json_answer({})).delay == 0.25
    assert weather.spoil(Mishap.SLOW, json_answer({})).delay == 0.2
