"""The sandbox without a socket: `requests` calls are answered by the vendors in the same thread."""

import re
from collections.abc import Callable, Mapping

import requests
import responses

from sandbox.vendor import Vendor, VendorRequest

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")
Answer = tuple[int, dict[str, str], bytes]


def mount(mock: responses.RequestsMock, vendors: Mapping[str, Vendor]) -> None:
    """Let http://<any host>/<connection>/... be answered by that connection's vendor.

    An answer that gets lost raises requests.ConnectionError after the vendor has done the work. The
    mock's rule that every registered address must be asked is the caller's to switch off.
    """
    for connection, vendor in vendors.items():
        address = re.compile(rf"^https?://[^/]+/{re.escape(connection)}(?:[/?].*)?$")
        for method in METHODS:
            mock.add_callback(method, address, _callback(connection, vendor), content_type=None)


def _callback(connection: str, vendor: Vendor) -> Callable[[requests.PreparedRequest], Answer]:
    def answer(request: requests.PreparedRequest) -> Answer:
        path, _, query = request.path_url.partition("?")
        body = request.body or b""
        asked = VendorRequest(
            request.method or "GET",
            path.removeprefix(f"/{connection}") or "/",
            query,
            dict(request.headers.items()),
            body.encode() if isinstance(body, str) else bytes(body),
        )
        said = vendor.handle(asked)
        if said.lost:
            raise requests.ConnectionError("the connection ended before the answer")
        return said.status, dict(said.headers), said.body

    return answer
