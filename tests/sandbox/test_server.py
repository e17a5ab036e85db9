"""The sandbox on a socket, in a process of its own, and behind `responses`: the same vendors answer."""

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import requests
import responses

from sandbox.mounted import mount
from sandbox.process import SandboxProcess
from sandbox.server import Sandbox
from sandbox.vendor import Vendor
from sandbox.world import World


@pytest.fixture
def sandbox(world: World, echo: Vendor) -> Iterator[Sandbox]:
    with Sandbox(world=world, vendors={"echo": echo}) as running:
        yield running


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with requests.Session() as session:
        session.trust_env = False
        yield session


def test_a_vendor_is_asked_with_path_query_and_body(sandbox: Sandbox, session: requests.Session) -> None:
    answer = session.put(f"{sandbox.url_of('echo')}/a/b%20c?x=1&x=2", data=b"hello", timeout=10)
    assert answer.json() == {"method": "PUT", "path": "/a/b c", "query": "x=1&x=2", "body": "hello"}
    assert answer.headers["X-Seen"] == "yes"
    assert answer.headers["Date"] == "Mon, 02 Nov 2026 06:00:00 GMT"


def test_an_unknown_connection_is_not_found(sandbox: Sandbox, session: requests.Session) -> None:
    assert session.get(f"{sandbox.url}/nobody/x", timeout=10).status_code == 404


def test_an_empty_answer_leaves_the_connection_usable(sandbox: Sandbox, session: requests.Session) -> None:
    for _ in range(3):
        assert session.delete(f"{sandbox.url_of('echo')}/x", timeout=10).status_code == 204
        assert session.get(f"{sandbox.url_of('echo')}/x", timeout=10).status_code == 200


def test_a_lost_answer_ends_the_connection_after_the_work_is_done(
    sandbox: Sandbox, session: requests.Session, echo: Vendor
) -> None:
    sandbox.fault("echo", "lost_answer")
    with pytest.raises(requests.ConnectionError):
        session.post(f"{sandbox.url_of('echo')}/x", data=b"one", timeout=10)
    assert session.post(f"{sandbox.url_of('echo')}/x", data=b"two", timeout=10).status_code == 200
    assert echo.written == [b"one", b"two"]  # type: ignore[attr-defined]


def test_many_clients_at_once_are_all_answered(sandbox: Sandbox, echo: Vendor) -> None:
    def client(number: int) -> set[int]:
        with requests.Session() as own:
            own.trust_env = False
            url = f"{sandbox.url_of('echo')}/{number}"
            return {own.post(url, data=b"x", timeout=10).status_code for _ in range(20)}

    with ThreadPoolExecutor(12) as pool:
        assert set.union(*pool.map(client, range(12))) == {200}
    assert len(echo.written) == 240  # type: ignore[attr-defined]


def test_the_port_is_free_again_afterwards(world: World, echo: Vendor, session: requests.Session) -> None:
    with Sandbox(world=world, vendors={"echo": echo}) as first:
        session.get(f"{first.url_of('echo')}/x", timeout=10)
    with pytest.raises(requests.ConnectionError):
        session.get(f"{first.url_of('echo')}/x", timeout=10)
    with Sandbox(world=world, vendors={"echo": echo}, port=first.port) as second:
        assert session.get(f"{second.url_of('echo')}/x", timeout=10).status_code == 200


def test_without_a_socket_the_answers_are_the_same(world: World, echo: Vendor) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        exchanges = mount(mock, "https://shop.example/echo", echo)
        answer = requests.post("https://shop.example/echo/a?x=1", data="hi", timeout=10)
        assert answer.json() == {"method": "POST", "path": "/a", "query": "x=1", "body": "hi"}
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.headers["Date"] == "Mon, 02 Nov 2026 06:00:00 GMT"
        echo.faults.switch_on("lost_answer")
        with pytest.raises(requests.ConnectionError):
            requests.post("https://shop.example/echo/a", data="lost", timeout=10)
        with pytest.raises(requests.ConnectionError):
            requests.get("https://shop.example/echoes/a", timeout=10)
    assert echo.written == [b"hi", b"lost"]  # type: ignore[attr-defined]
    assert [exchange.answer.lost for exchange in exchanges] == [False, True]


def test_a_process_of_its_own_serves_until_its_input_ends() -> None:
    with SandboxProcess(3, "--connections", "easypost", "--orders-per-day", "48") as sandbox:
        before = sandbox.now()
        answer = sandbox.advance(timedelta(hours=2))
        assert sandbox.now() - before == timedelta(hours=2)
        assert answer["happened"]["placed"] == sum(sandbox.get("state")["orders"].values()) > 0
        url = sandbox.url
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{url}/_control/clock", timeout=5)


def test_without_a_pipe_it_serves_until_sigterm() -> None:
    command = [sys.executable, "-m", "sandbox", "--port", "0", "--connections", "easypost"]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        assert process.stdout
        url = json.loads(process.stdout.readline())["url"]
        assert requests.get(f"{url}/_control/clock", timeout=10).status_code == 200
        process.terminate()
        assert process.wait(timeout=20) == 0
