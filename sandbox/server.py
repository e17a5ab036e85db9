"""The sandbox on a loopback socket.

/<connection>/... is that connection's vendor, /_control/... is the world itself.

`Sandbox` runs in threads of this process; `sandbox.process.SandboxProcess` in a process of its own.
"""

import os
import socket
import struct
import sys
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import unquote

from sandbox.control import Control
from sandbox.merchant import build_world
from sandbox.registry import open_vendors
from sandbox.simulation import Simulation
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer
from sandbox.world import World

CONTROL = "_control"
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER of no seconds: closing the socket resets the connection."""


class Sandbox:
    """A merchant's world behind one HTTP server, for as long as the `with` block lasts.

    Attributes:
        world, simulation, vendors: What it serves, for whoever shares the process.
        url: Where it listens, without a slash at the end.
    """

    def __init__(
        self,
        seed: int = 1,
        *,
        world: World | None = None,
        vendors: Mapping[str, Vendor] | None = None,
        simulation: Simulation | None = None,
        port: int = 0,
    ) -> None:
        """Bind the port.

        Args:
            seed: For a world of its own, if `world` is not given.
            world: The world to serve.
            vendors: The imitations by connection; all of `sandbox.registry` if not given.
            simulation: What moves the world.
            port: 0 for any free one.
        """
        self.world = world or build_world(seed)
        self.vendors = dict(open_vendors(self.world) if vendors is None else vendors)
        self.simulation = simulation or Simulation(self.world)
        control = Control(self.simulation, self.vendors)
        self._server = _Server(("127.0.0.1", port), self.vendors, control)
        self._thread = Thread(target=self._server.serve_forever, args=(0.05,), name="sandbox", daemon=True)
        self.port = int(self._server.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url_of(self, connection: str) -> str:
        """The base URL under which a connection's vendor answers."""
        return f"{self.url}/{connection}"

    def fault(self, connection: str, kind: str, times: int = 1) -> None:
        """Let a fault strike so many times. Raises KeyError or ValueError if there is no such thing."""
        self.vendors[connection].faults.switch_on(kind, times)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128
    block_on_close = False

    def __init__(self, address: tuple[str, int], vendors: Mapping[str, Vendor], control: Control) -> None:
        self.vendors = vendors
        self.control = control
        self._open: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def process_request(
        self, request: socket.socket | tuple[bytes, socket.socket], client_address: object
    ) -> None:
        if isinstance(request, socket.socket):
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        if isinstance(request, socket.socket):
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        """End idle keep-alive connections too, so that nothing outlives the sandbox."""
        super().server_close()
        for connection in list(self._open):
            self.shutdown_request(connection)

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that goes away in the middle of an answer is no news; anything else is a defect."""
        if not isinstance(sys.exc_info()[1], ConnectionError | OSError):
            super().handle_error(request, client_address)  # type: ignore[arg-type]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        connection, _, rest = path.lstrip("/").partition("/")
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        request = VendorRequest(self.command, unquote(f"/{rest}"), query, dict(self.headers.items()), body)
        if connection == CONTROL:
            answer = self.server.control.answer(request)
        elif connection in self.server.vendors:
            answer = self.server.vendors[connection].handle(request)
        else:
            answer = json_answer({"error": f"no connection {connection!r}"}, 404)
        self._send(answer)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _serve

    def _send(self, answer: VendorAnswer) -> None:
        if answer.delay:
            time.sleep(answer.delay)
        if answer.lost:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send_response_only(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if answer.status not in (204, 304):
            self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.body[: answer.reset_after])
        self.wfile.flush()
        if answer.reset_after is not None:
            self.close_connection = True
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            os.close(self.connection.detach())

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Requests are not logged: their paths and bodies name people."""
