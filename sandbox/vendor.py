"""What every imitated vendor is: a handler that turns a request into an answer, over one world."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from sandbox.faults import Faults
from sandbox.world import World


@dataclass(frozen=True, slots=True)
class VendorRequest:
    """A request as it came over the wire, its path without the connection's prefix and percent-decoded."""

    method: str
    path: str
    query_string: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def query(self) -> dict[str, list[str]]:
        """The query's parameters."""
        return parse_qs(self.query_string, keep_blank_values=True)

    def param(self, name: str, default: str = "") -> str:
        """The first value of a query parameter."""
        return self.query.get(name, [default])[0]

    def header(self, name: str) -> str:
        """A header by name, in any case; empty if absent."""
        wanted = name.lower()
        return next((value for key, value in self.headers.items() if key.lower() == wanted), "")

    def json(self) -> Any:  # noqa: ANN401 -- a request can hold any JSON
        """The decoded body. Raises ValueError if it is none."""
        return json.loads(self.body)


@dataclass(frozen=True, slots=True)
class VendorAnswer:
    """An answer. `lost` tells the adapters to cut the connection instead of sending it."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    lost: bool = False


def json_answer(value: Any, status: int = 200, **headers: str) -> VendorAnswer:  # noqa: ANN401 -- any JSON
    """An answer with a JSON body. Header names are given with underscores for dashes."""
    named = {"Content-Type": "application/json"} | {
        name.replace("_", "-"): text for name, text in headers.items()
    }
    return VendorAnswer(status, json.dumps(value, separators=(",", ":")).encode(), named)


class Vendor(ABC):
    """One vendor's API for one connection.

    Subclasses write `respond`; authentication, throttling and error bodies in the vendor's own form are
    theirs. `handle` adds what is common: the lock, the Date header, and answers that get lost.
    """

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        self.world = world
        self.connection = connection
        self.faults = faults or Faults()

    def handle(self, request: VendorRequest) -> VendorAnswer:
        """Answer one request."""
        with self.world.lock:
            answer = self.respond(request)
            headers = {"Date": format_datetime(self.world.now, usegmt=True), **answer.headers}
            lost = answer.lost or (request.method != "GET" and answer.status < 300 and self.loses(request))
            return VendorAnswer(answer.status, answer.body, headers, lost)

    def loses(self, request: VendorRequest) -> bool:
        """Whether the answer to this write gets lost. GraphQL vendors narrow it to mutations."""
        return self.faults.strikes("lost_answer")

    @abstractmethod
    def respond(self, request: VendorRequest) -> VendorAnswer:
        """The vendor's answer, by its own contract."""
