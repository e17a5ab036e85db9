"""Answers from outside: how large, how packed, from whom, and over what."""

import gzip
import ssl
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors import http
from connectors.auth import HeaderAuth
from connectors.errors import AnswerLost, StreamBroken, Transient
from connectors.http import Request, Transport, http_date, retry_after
from connectors.runtime import NoPacing, Runtime
from pipelines.config_addresses import address_problems
from pipelines.config_models import Connection

NOW = datetime(2026, 11, 2, tzinfo=UTC)
Answering = Callable[[BaseHTTPRequestHandler], None]


class Server:
    """A vendor on a socket of loopback. `heard` are the headers that came."""

    def __init__(self, answering: Answering, context: ssl.SSLContext | None = None) -> None:
        self.heard: list[dict[str, str]] = []
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server.heard.append(dict(self.headers))
                answering(self)

            do_POST = do_GET

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Quiet."""

        self._http = HTTPServer(("127.0.0.1", 0), Handler)
        if context:
            self._http.socket = context.wrap_socket(self._http.socket, server_side=True)
        self._http.handle_error = lambda *_: None  # type: ignore[method-assign]
        self.port = self._http.server_port
        self._thread = threading.Thread(target=self._http.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


Serve = Callable[..., Server]


@pytest.fixture
def serve() -> Iterator[Serve]:
    servers: list[Server] = []

    def started(answering: Answering, context: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(answering, context))
        return servers[-1]

    yield started
    for server in servers:
        server.close()


def transport(server: Server, scheme: str = "http", **runtime: object) -> Transport:
    auth = HeaderAuth("Authorization", "Bearer of-a-secret")
    base = f"{scheme}://127.0.0.1:{server.port}"
    return Transport(
        "shop",
        base,
        Runtime(**runtime),  # type: ignore[arg-type]
        pacer=NoPacing(),
        auth=auth,
        attempts=1,
    )


def reply(handler: BaseHTTPRequestHandler, body: bytes, status: int = 200, **headers: str) -> None:
    handler.send_response(status)
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


@pytest.mark.parametrize("write", [False, True], ids=["a read", "a write"])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "none"])
def test_an_answer_that_unpacks_without_end_is_given_up(
    serve: Serve, coding: str, write: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "LARGEST_ANSWER", 4 << 20)
    plain = b" " * (256 << 20 if coding != "none" else 8 << 20)
    packed = {"gzip": gzip.compress, "deflate": zlib.compress, "none": bytes}[coding](plain)
    del plain
    headers = {} if coding == "none" else {"Content_Encoding": coding}
    server = serve(lambda handler: reply(handler, packed, **headers))
    with pytest.raises(AnswerLost if write else StreamBroken, match="over 4 MiB"):
        transport(server).send(Request("POST" if write else "GET", "/orders"))


def test_a_redirect_is_not_followed_and_no_credentials_go_elsewhere(serve: Serve) -> None:
    other = serve(lambda handler: reply(handler, b"{}"))
    for status in (301, 302, 303, 307, 308):
        server = serve(
            lambda handler, status=status: reply(
                handler, b"", status, Location=f"http://127.0.0.1:{other.port}/?token=abc"
            )
        )
        with pytest.raises(StreamBroken, match="write the final address") as told:
            transport(server).send(Request("GET", "/orders"))
        assert "abc" not in str(told.value)
        assert server.heard[0]["Authorization"] == "Bearer of-a-secret"
    assert other.heard == []


def test_no_path_leads_to_another_host(serve: Serve) -> None:
    other = serve(lambda handler: reply(handler, b"{}"))
    server = serve(lambda handler: reply(handler, b"{}"))
    transport(server).send(Request("GET", f"/http://127.0.0.1:{other.port}/orders"))
    assert (len(server.heard), other.heard) == (1, [])


@pytest.fixture
def own_authority(tmp_path: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's context whose certificate nobody knows, and that certificate."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost")])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    file, private = tmp_path / "certificate.pem", tmp_path / "key.pem"
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, private)
    return context, file


@pytest.mark.parametrize("known", [False, True], ids=["unknown authority", "another host's certificate"])
def test_a_certificate_is_always_verified(
    serve: Serve, own_authority: tuple[ssl.SSLContext, Path], known: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor can the environment turn it off, or name another authority."""
    context, file = own_authority
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(file))
    monkeypatch.setenv("CURL_CA_BUNDLE", "")
    server = serve(lambda handler: reply(handler, b"{}"), context)
    with pytest.raises(Transient, match="SSLError"):
        transport(server, "https", ca_bundle=file if known else None).send(Request("GET", "/orders"))
    assert server.heard == []


def test_an_answer_that_takes_too_long_is_given_up(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "LONGEST_ANSWER", 0.05)

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(20):
            handler.wfile.write(b"1\r\n \r\n")
            handler.wfile.flush()
            time.sleep(0.02)
        handler.wfile.write(b"0\r\n\r\n")

    with pytest.raises(StreamBroken, match="too slow"):
        transport(serve(slowly)).send(Request("GET", "/orders"))


@pytest.mark.parametrize(
    "stamp", ["nan", "inf", "-inf", "1e400", "-1", "", "soon", "Mon, 01 Jan 0001 00:00:00 GMT", "9" * 400]
)
def test_any_wish_to_wait_ends_within_a_day(stamp: str) -> None:
    answer = http.Answer(429, {"Retry-After": stamp, "Date": "Mon, 99 Zzz"}, b"", NOW)
    assert timedelta(seconds=0.25) <= retry_after(answer, NOW) <= timedelta(days=1)
    assert answer.vendor_time is None


def test_a_date_without_a_zone_is_utc() -> None:
    assert http_date("Mon, 02 Nov 2026 12:00:00 -0000") == datetime(2026, 11, 2, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("https://shop.example", ""),
        ("http://127.0.0.1:8000/x", ""),
        ("http://[::1]:8000", ""),
        ("http://10.1.2.3", ""),
        ("http://tryton:8000", ""),
        ("http://erp.internal", ""),
        ("http://shop.example.com", "in the clear"),
        ("http://8.8.8.8", "in the clear"),
        ("http://internal.example.com", "in the clear"),
        ("https://user:hunter22@shop.example", "holds a user or a password"),
        ("https://shop.example/?consumer_secret=hunter22", "ends in a query"),
        ("ftp://shop.example", "is no address"),
        ("shop.example", "is no address"),
        ("https://", "is no address"),
        ("https://shop.example:hunter22", "is no address"),
    ],
)
def test_credentials_go_only_where_nobody_listens(address: str, told: str) -> None:
    connection = Connection(name="shop", connector="woocommerce", settings={"base_url": address})
    problems = address_problems([connection])
    assert len(problems) == bool(told)
    assert all(told in problem and "hunter22" not in problem for problem in problems)
