"""What every imitated vendor is: a handler that turns a request into an answer, over one world."""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

from sandbox.faults import Faults
from sandbox.mishaps import Mishap, Weather
from sandbox.orders import Person
from sandbox.vendor_answers import VendorAnswer, json_answer
from sandbox.world import World

__all__ = ["Vendor", "VendorAnswer", "VendorRequest", "json_answer", "quoting"]


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


def quoting(person: Person) -> str:
    """How a vendor refuses a write in words that tell whom it is about."""
    return f"{person.name}, {person.street[0]} ({person.phone}): no such address."


class Vendor(ABC):
    """One vendor's API for one connection.

    Subclasses write `respond`; authentication, throttling and error bodies in the vendor's own form are
    theirs. `handle` adds what is common: the lock, the Date header, and answers that get lost.
    """

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        self.world = world
        self.connection = connection
        self.faults = faults or Faults()
        self.weather: Weather | None = None

    def handle(self, request: VendorRequest) -> VendorAnswer:
        """Answer one request."""
        with self.world.lock:
            answer = self._respond_in_weather(request) if self.weather else self.respond(request)
            headers = {"Date": format_datetime(self.world.now, usegmt=True), **answer.headers}
            lost = answer.lost or (request.method != "GET" and answer.status < 300 and self.loses(request))
            return replace(answer, headers=headers, lost=lost)

    def expire_tokens(self) -> None:  # noqa: B027 -- most vendors have keys that never end
        """End all access tokens before their time; nothing happens where there are none."""

    def _respond_in_weather(self, request: VendorRequest) -> VendorAnswer:
        assert self.weather is not None  # noqa: S101 -- who calls it has asked
        mishap, done = self.weather.draw()
        if mishap is Mishap.THROTTLED:
            self.faults.switch_on("throttle")
        elif mishap is Mishap.EXPIRED:
            self.expire_tokens()
        answer = self.respond(request) if done else VendorAnswer(503)
        self.faults.switch_off("throttle")
        return self.weather.spoil(mishap, answer)

    def loses(self, request: VendorRequest) -> bool:
        """Whether the answer to this write gets lost. GraphQL vendors narrow it to mutations."""
        return self.faults.strikes("lost_answer")

    @abstractmethod
    def respond(self, request: VendorRequest) -> VendorAnswer:
        """The vendor's answer, by its own contract."""
