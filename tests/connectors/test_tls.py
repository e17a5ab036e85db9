"""What a failure of TLS says of a write: a refused certificate, that nothing was sent; any other, nothing."""

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from connectors.errors import AnswerLost, Transient
from connectors.http import Request, Transport
from connectors.runtime import NoPacing, Runtime

WRITE = Request("POST", "/orders", json={})


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1 that nobody vouches for, with its key in the same file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    today = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    plain = serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    pem = serialization.Encoding.PEM
    file.write_bytes(made.public_bytes(pem) + key.private_bytes(pem, form, plain))
    return file


@contextmanager
def breaking_tls(certificate: Path, received: list[bytes]) -> Iterator[str]:
    """A server that takes a request over TLS and goes on in the clear, as no record of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                plain, _ = server.accept()
            except OSError:
                return
            with suppress(OSError), context.wrap_socket(plain, server_side=True) as connection:
                received.append(connection.recv(65536))
                with socket.socket(fileno=connection.detach()) as beneath:
                    beneath.sendall(b"HTTP/1.1 201 Created\r\n\r\n")

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"https://127.0.0.1:{server.getsockname()[1]}"
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join(5)


def test_what_breaks_off_after_the_request_leaves_a_write_in_doubt(certificate: Path) -> None:
    received: list[bytes] = []
    with breaking_tls(certificate, received) as address:
        transport = Transport("shop", address, Runtime(ca_bundle=certificate), pacer=NoPacing(), attempts=2)
        with pytest.raises(AnswerLost):
            transport.send(WRITE)
    assert len(received) == 1


def test_nothing_was_sent_to_whom_is_not_trusted(certificate: Path) -> None:
    received: list[bytes] = []
    with breaking_tls(certificate, received) as address:
        transport = Transport("shop", address, Runtime(), pacer=NoPacing(), attempts=2)
        with pytest.raises(Transient) as failure:
            transport.send(WRITE)
    assert not isinstance(failure.value, AnswerLost)
    assert received == []
