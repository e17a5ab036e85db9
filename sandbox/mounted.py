"""Puts an imitated vendor behind `requests` inside one process, for tests: no socket, every real layer."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

import requests
import responses

from sandbox.vendor import Vendor, VendorAnswer, VendorRequest

METHODS = (responses.GET, responses.POST, responses.PUT, responses.PATCH, responses.DELETE)


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that came in, and what the vendor made of it."""

    request: VendorRequest
    answer: VendorAnswer


def mount(mock: responses.RequestsMock, base_url: str, vendor: Vendor) -> list[Exchange]:
    """Answer everything under `base_url` by the vendor.

    Returns:
        The exchanges, in order; the list grows as requests come in.
    """
    exchanges: list[Exchange] = []
    prefix = urlsplit(base_url).path

    def answer(call: requests.PreparedRequest) -> tuple[int, Mapping[str, str], bytes | Exception]:
        url = urlsplit(str(call.url))
        body = call.body or b""
        request = VendorRequest(
            str(call.method),
            unquote(url.path.removeprefix(prefix)),
            url.query,
            dict(call.headers),
            body.encode() if isinstance(body, str) else body,
        )
        exchange = Exchange(request, vendor.handle(request))
        exchanges.append(exchange)
        if exchange.answer.lost:
            return 0, {}, requests.ConnectionError("connection ended before the answer")
        return exchange.answer.status, exchange.answer.headers, exchange.answer.body

    for method in METHODS:
        mock.add_callback(method, re.compile(f"^{re.escape(base_url)}/"), callback=answer, content_type=None)
    return exchanges
