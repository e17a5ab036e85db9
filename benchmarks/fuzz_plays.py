"""What the sandbox's vendors answer in each call of a connector, recorded to be mutated and replayed."""

import contextlib
import dataclasses
import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import requests
import responses

from connectors.contract import Json, Page, ReadMode, Window, WriteResult
from connectors.errors import ConnectorError
from connectors.registry import connect, connector_class
from connectors.runtime import MemoryTokens
from pipelines.hub import Hub, open_hub
from pipelines.sandbox_secrets import hub_environ
from pipelines.services.cycle import run_cycle
from sandbox.mounted import METHODS
from sandbox.process import SandboxProcess
from sandbox.server import CONTROL

PER_CALL = 2
"""Recordings that are kept of each kind of call: the longest."""
TRAVEL = {"connection", "content-encoding", "content-length", "server", "transfer-encoding"}
"""Headers that say how an answer travelled, not what it is."""
MOST_ANSWERS = 12
"""Answers that are kept of a call: a warehouse of many bins takes hundreds, which say the same."""
_ONE_BY_ONE = threading.RLock()
LONG_AGO = timedelta(days=30)


@dataclass(frozen=True)
class Answered:
    """One recorded answer."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Play:
    """One call of a connector, and what it was answered.

    Attributes:
        call: The method: read, read_one, write or look_up.
        about: The stream or operation.
        arguments: Those after the stream or operation.
    """

    connector: str
    settings: Mapping[str, str]
    secrets: Mapping[str, str]
    call: str
    about: str
    arguments: tuple[Any, ...]
    now: datetime
    answers: tuple[Answered, ...]

    @property
    def name(self) -> str:
        """Names the kind of call."""
        return f"{self.connector}.{self.call}.{self.about}"


class _Recorded:
    """A connection whose every call begins without a token and is written down."""

    def __init__(self, hub: Hub, connection: str, heard: list[Answered], plays: list[Play]) -> None:
        one = hub.config.connection(connection)
        self._hub, self._heard, self._plays = hub, heard, plays
        self._name, self._settings = one.connector, dict(one.settings)
        self._secrets = dict(hub.config.secrets(connection))
        self.connection = connection
        self.pushed: list[Json] = []
        self.streams = connector_class(self._name).streams
        self.operations = connector_class(self._name).operations

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        return iter(self._called("read", stream, window, bookmark))

    def read_one(self, stream: str, external_id: str) -> Page:
        page: Page = self._called("read_one", stream, external_id)
        return page

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        if operation == "push_picklist":
            self.pushed.append(body)
        result: WriteResult = self._called("write", operation, body, reference)
        self.look_up(operation, body, reference)
        return result

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        found: WriteResult | None = self._called("look_up", operation, body, reference)
        return found

    def _called(self, call: str, about: str, *arguments: Any) -> Any:  # noqa: ANN401 -- as the method
        with _ONE_BY_ONE:
            return self._recorded(call, about, arguments)

    def _recorded(self, call: str, about: str, arguments: tuple[Any, ...]) -> Any:  # noqa: ANN401
        now = self._hub.clock.now()
        runtime = dataclasses.replace(self._hub.runtime, tokens=MemoryTokens())
        connector = connect(self._name, self.connection, self._settings, self._secrets, runtime)
        self._heard.clear()
        try:
            done = getattr(connector, call)(about, *arguments)
            return list(done) if call == "read" else done
        finally:
            play = (self._name, self._settings, self._secrets, call, about, arguments, now)
            self._plays.append(Play(*play, tuple(self._heard[:MOST_ANSWERS])))


def sandbox_plays(home: Path, seed: int = 7, rounds: int = 4) -> list[Play]:
    """Calls that a hub makes in some days of playing against the sandbox, of each kind the longest."""
    plays: list[Play] = []
    heard: list[Answered] = []

    def hear(response: requests.Response) -> requests.Response:
        if f"/{CONTROL}/" not in str(response.url):
            told = {name: text for name, text in response.headers.items() if name.lower() not in TRAVEL}
            heard.append(Answered(response.status_code, told, response.content))
        return response

    arguments = ("--orders-per-day", "40", "--catalogue", str(home / "catalogue"))
    with SandboxProcess(seed, *arguments) as world:
        environ = hub_environ(world.url, home)
        with (
            open_hub(environ["ORDERHUB_CONFIG"], environ) as hub,
            responses.RequestsMock(assert_all_requests_are_fired=False, response_callback=hear) as mock,
        ):
            for method in METHODS:
                mock.add(responses.PassthroughResponse(method, re.compile(".*")))
            recorded = {one.name: _Recorded(hub, one.name, heard, plays) for one in hub.config.connections}
            hub._connectors.update(recorded)  # type: ignore[arg-type]
            for _ in range(rounds):
                hub.clock.sleep(timedelta(hours=14).total_seconds())
                run_cycle(hub)
            _call_the_rest(hub, recorded)
    kinds: defaultdict[str, list[Play]] = defaultdict(list)
    for play in plays:
        if play.answers:
            kinds[play.name].append(play)
    return [
        play for name in sorted(kinds) for play in sorted(kinds[name], key=_length, reverse=True)[:PER_CALL]
    ]


def _call_the_rest(hub: Hub, recorded: Mapping[str, _Recorded]) -> None:
    """Read every stream as a whole, and one record of each."""
    now = hub.clock.now()
    for connection in recorded.values():
        for name, stream in connection.streams.items():
            pages: list[Page] = []
            if stream.mode is not ReadMode.BY_KEY:
                with contextlib.suppress(ConnectorError):
                    pages.extend(connection.read(name, Window(now - LONG_AGO, now)))
            records = [record.external_id for page in pages for record in page.records]
            with contextlib.suppress(ConnectorError, ValueError):
                connection.read_one(name, records[-1] if records else "1")
            for page in pages[-1:] if name == "orders_open" else ():
                for record in page.records[-2:]:
                    for body in _cancellations(json.loads(record.payload)):
                        with contextlib.suppress(ConnectorError):
                            connection.write("cancel_lines", body, "fuzz")
        for body in connection.pushed[-2:]:
            told = {
                **body,
                "quantities": _quantities(body),
                "address": body.get("recipient", body).get("address"),
            }
            for operation in ("amend_picklist", "cancel_picklist"):
                with contextlib.suppress(ConnectorError):
                    connection.write(operation, told, "fuzz")


def _cancellations(order: Json) -> list[Json]:
    """Bodies of `cancel_lines` for an open order, in each channel's form: a part of it, and all."""
    lines = order.get("lines") or order.get("lineItems", {}).get("nodes") or ()
    bodies: list[Json] = []
    for whole in (False, True):
        parts = [{"line_id": line["id"], "remaining": 0} for line in (lines if whole else lines[:1])]
        name = {"order_id": order.get("id"), "orderId": str(order.get("id"))}
        bodies.append({**name, "lines": parts, "whole": whole, "reason": "sold out"})
    return bodies


def _quantities(picklist: Json) -> dict[str, int]:
    return {one["reference_id"]: one["quantity"] for one in picklist.get("products", ())}


def _length(play: Play) -> tuple[int, int]:
    return len(play.answers), sum(len(one.body) for one in play.answers)
