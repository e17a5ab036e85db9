"""Secrets that are easy to find again, and failing vendors that give away whatever they were sent."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from urllib.parse import quote_plus

import requests
import responses

from connectors.contract import Connector, Page, ReadMode, Window
from connectors.registry import KINDS, connect, connector_class
from connectors.runtime import Runtime
from normalization import registry
from normalization.records import (
    Address,
    Cancellation,
    LineCancellation,
    LineQuantity,
    Picklist,
    PicklistLine,
    ShipmentConfirmation,
)

NOW = datetime(2026, 11, 2, 12, tzinfo=UTC)
MARK = "C4naryS3cret"
BASE = "https://vendor.test"
ELSEWHERE = "https://elsewhere.test"
CONNECTORS = [name for family in KINDS.values() for name in family]
SETTINGS = {
    "token_url": f"{BASE}/auth/o2/token",
    "marketplace_ids": "A1F83G8C2ARO7P",
    "channel_id": "7001",
    "database": "wms",
    "company": "1",
}


class NoWaiting:
    """A clock that stands; sleeping takes no time."""

    def now(self) -> datetime:
        return NOW

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        """At once."""


def secrets_of(connector: str) -> dict[str, str]:
    """A canary for each secret; with letters that addresses and JSON write otherwise."""
    return {name: f'{MARK}/{connector}-{name}+"=&' for name in connector_class(connector).secrets}


def forms() -> list[str]:
    """How the canaries' common part can look wherever they went, base64 at every alignment included."""
    shifted = [base64.b64encode(b"x" * shift + MARK.encode()).decode() for shift in (0, 1, 2)]
    return [MARK, *(text[4:-4] for text in shifted)]


def leaks(text: str) -> list[str]:
    """The forms of a canary that stand in a text."""
    return [form for form in forms() if form in text]


def open_connector(connector: str) -> Connector:
    """The connector as the hub opens it, with canaries for credentials."""
    wanted = connector_class(connector)
    suffix = "/admin-api" if connector == "vendure" else ""
    settings = {name: SETTINGS.get(name, BASE + suffix) for name in wanted.settings}
    settings |= {name: SETTINGS[name] for name in wanted.optional_settings if name in SETTINGS}
    return connect(connector, "shop", settings, secrets_of(connector), Runtime(clock=NoWaiting()))


def every_call(connector: Connector, name: str) -> list[tuple[str, Callable[[], object]]]:
    """Every stream read and every operation done, as (what, a function without arguments)."""
    calls: list[tuple[str, Callable[[], object]]] = []
    window = Window(NOW.replace(day=1), NOW)
    for stream, how in connector.streams.items():
        if how.mode is not ReadMode.BY_KEY:
            calls.append((f"read {stream}", partial(_all, connector, stream, window)))
        calls.append((f"read one {stream}", partial(connector.read_one, stream, "1001")))
    for operation in connector.operations:
        body = _body(name, operation)
        if body is not None:
            calls.append((operation, partial(connector.write, operation, body, "R-1")))
    return calls


def _all(connector: Connector, stream: str, window: Window) -> list[Page]:
    return list(connector.read(stream, window))


def _body(name: str, operation: str) -> object:
    if name in registry.CHANNELS:
        if operation == "cancel_lines":
            line = LineCancellation(line_id="1", units=1, remaining=0)
            return registry.cancelling(name).cancel_lines(
                Cancellation(
                    reference="R-1",
                    external_id="1001",
                    number="1001",
                    lines=(line,),
                    reason="out of stock",
                    whole=True,
                )
            )
        lines = (LineQuantity(line_id="1", quantity=1),)
        return registry.channel(name).confirm_shipment(
            ShipmentConfirmation(
                reference="R-1",
                external_id="1001",
                number="1001",
                sequence=1,
                lines=lines,
                carrier="UPS",
                tracking_number="1Z1",
                shipped_at=NOW,
                complete=True,
            )
        )
    mapping = registry.wms(name)
    if operation == "cancel_picklist":
        return mapping.cancel_picklist("R-1", "7")
    address = Address(name="A", street=("S 1",), city="Lyon", postal_code="69001", country_code="FR")
    picklist = Picklist(
        reference="R-1",
        warehouse="lyon",
        site="7",
        order_number="1001",
        placed_at=NOW,
        lines=(PicklistLine(line_id="1", sku="SKU-1", quantity=1),),
        ship_to=address,
    )
    if operation == "amend_picklist":
        return mapping.amend_picklist(picklist, "7")
    return mapping.push_picklist(picklist) if operation == "push_picklist" else None


def asks_for_token(call: requests.PreparedRequest) -> bool:
    """Whether a call is a login."""
    body = call.body or b""
    text = body if isinstance(body, str) else bytes(body).decode(errors="replace")
    return str(call.url).endswith("/token") or "login(" in text


def token_answer() -> str:
    """A login's answer that every vendor's connector understands: the token is a canary too."""
    token = f"{MARK}-access-token"
    user = {"__typename": "CurrentUser", "id": "1"}
    return json.dumps({"access_token": token, "expires_in": "3600", "data": {"login": user}})


def echo(call: requests.PreparedRequest) -> str:
    """An error answer that repeats every header and the body, in every vendor's own fields."""
    body = call.body or b""
    sent = body if isinstance(body, str) else bytes(body).decode(errors="replace")
    told = f"you sent {dict(call.headers)} and {sent} and {quote_plus(sent)}"
    error = {"code": told, "message": told, "details": told, "extensions": {"code": told}}
    detail = {"message": told, "code": told, "error": told, "error_description": told, "title": told}
    return json.dumps({**detail, "errors": [error], "response": {"errors": [error]}, "data": None})


Reply = tuple[int, Mapping[str, str], bytes | str | Exception]


def mount(
    mock: responses.RequestsMock, answer: Callable[[requests.PreparedRequest], Reply], *, login_works: bool
) -> list[str]:
    """Let every address answer by `answer(call)`; the list takes the addresses that were asked."""
    asked: list[str] = []

    def callback(call: requests.PreparedRequest) -> Reply:
        asked.append(str(call.url))
        if login_works and asks_for_token(call):
            headers = {"Content-Type": "application/json", "vendure-auth-token": f"{MARK}-access-token"}
            return 200, headers, token_answer()
        return answer(call)

    for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
        mock.add_callback(method, re.compile("https://.*"), callback=callback, content_type=None)
    return asked
