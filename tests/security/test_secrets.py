"""Canary secrets in every connection, every class of failure, and nobody finds them anywhere."""

import gzip
import logging
import traceback

import pytest
import requests
import responses

from connectors.contract import WriteResult
from connectors.errors import ConnectorError
from tests.security.canaries import (
    CONNECTORS,
    ELSEWHERE,
    Reply,
    echo,
    every_call,
    leaks,
    mount,
    open_connector,
)

JSON = {"Content-Type": "application/json"}
DEEP = b"[" * 200_000


def refused(status: int) -> object:
    return lambda call: (status, JSON, echo(call))


def redirected(call: requests.PreparedRequest) -> Reply:
    return 302, {"Location": f"{ELSEWHERE}/?token={call.headers.get('Authorization')}"}, b""


def lost(call: requests.PreparedRequest) -> Reply:
    return 0, {}, requests.ConnectionError(f"Max retries exceeded with url: {call.url} {call.headers}")


def late(call: requests.PreparedRequest) -> Reply:
    return 0, {}, requests.ReadTimeout(f"{call.headers} {call.body!r}")


def unverified(call: requests.PreparedRequest) -> Reply:
    return 0, {}, requests.exceptions.SSLError(f"certificate verify failed: {call.headers}")


def body(raw: bytes, **headers: str) -> object:
    return lambda call: (200, {**JSON, **headers}, raw)


FAILURES = {
    **{str(status): refused(status) for status in (400, 401, 403, 404, 409, 422, 429, 500, 503)},
    "errors in a 200": lambda call: (200, JSON, echo(call)),
    "redirect": redirected,
    "connection lost": lost,
    "time-out": late,
    "TLS": unverified,
    "no JSON": body(b"<html>maintenance</html>"),
    "empty": body(b""),
    "null": body(b"null"),
    "a list": body(b"[]"),
    "a list of words": body(b'["a", null, 3]'),
    "a word": body(b'"word"'),
    "a number": body(b"1e400"),
    "an object": body(b'{"data": {}, "orders": 3, "payload": null, "trackers": {"a": 1}}'),
    "deep": body(DEEP),
    "not UTF-8": body(b'{"orders": "\xff\xfe"}'),
    "broken gzip": body(gzip.compress(b"[]" * 50)[:-9], **{"Content-Encoding": "gzip"}),
}


@pytest.mark.parametrize("login_works", [True, False], ids=["logged in", "login fails"])
@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("name", CONNECTORS)
def test_no_failure_tells_a_secret_and_each_has_its_class(
    name: str, failure: str, login_works: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told = []
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        asked = mount(mock, FAILURES[failure], login_works=login_works)  # type: ignore[arg-type]
        connector = open_connector(name)
        for what, call in every_call(connector, name):
            try:
                result = call()
                # A page's records are the vendor's: they go to landing alone, sealed, as they came.
                told.append(f"{what}: {result if isinstance(result, WriteResult) else 'read'}")
            except ConnectorError as error:
                told += [f"{what}: ", *traceback.format_exception(error), repr(error)]
    assert told
    assert not [address for address in asked if address.startswith(ELSEWHERE)]
    assert leaks("\n".join([*told, caplog.text, repr(connector), *asked])) == []


def test_the_search_finds_a_secret_that_is_told() -> None:
    """The canaries would be seen: as they are, in base64 and inside a header."""
    asked = requests.Request("GET", "https://vendor.test", auth=("C4naryS3cret-user", "x"))
    headers = asked.prepare().headers
    assert leaks("the key is C4naryS3cret/ups")
    assert leaks(str(headers))
