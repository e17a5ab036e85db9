"""Vendure's Admin API (3.x): GraphQL, business errors as union members inside HTTP 200.

Facts, each seen at a running 3.7.3:

- `order.updatedAt` does not move when an order is paid, fulfilled or delivered, and may lie before
  `orderPlacedAt`. So new orders are found by `orderPlacedAt`, edits by `updatedAt`, and everything that
  is still open is read again by its state (stream "orders_open"). An order that left those states is
  absent from that snapshot: read it once more with `read_one`.
- Login is a mutation; the token comes in the answer's header `vendure-auth-token`. A token that is no
  longer good gets HTTP 200 with the same error FORBIDDEN as a missing right.
- `take` is at most 1000.
- `addFulfillmentToOrder` makes a fulfilment in state Pending; it counts as shipped only after a
  transition. An order whose payment is only authorized takes fulfilments but keeps its state.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar

import msgspec

from connectors.auth import TokenAuth, bearer
from connectors.channels.vendure_queries import (
    ADD_FULFILMENT,
    CANCEL,
    FULFILMENTS,
    LOGIN,
    ORDER,
    ORDERS,
    TRANSITION,
    UNITS,
)
from connectors.contract import (
    Json,
    Operation,
    Outcome,
    Page,
    RawRecord,
    ReadMode,
    Safety,
    Stream,
    Window,
    WriteResult,
)
from connectors.errors import (
    AnswerLost,
    CredentialsRejected,
    PermissionMissing,
    RecordMissing,
    RecordRejected,
    StreamBroken,
    Transient,
)
from connectors.http import Answer, Request, Transport
from connectors.pagination import guarded
from connectors.runtime import Runtime, Token

PAGE = 100
DRAFT = "Draft"
"""An administrator's draft: not active, and never placed before it is completed."""
FINISHED_STATES = ("Shipped", "Delivered", "Cancelled")
"""States in which nothing has to happen any more. Every other one counts as open, a shop's own too."""
TOKEN_LIFE = timedelta(hours=12)
"""Well under the default session duration of a year; a shop with a shorter one answers FORBIDDEN."""


Shape = TypeVar("Shape")


class _Envelope(msgspec.Struct):
    data: msgspec.Raw = msgspec.Raw(b"null")
    errors: Any = None


class _List(msgspec.Struct, rename="camel"):
    items: list[msgspec.Raw]
    total_items: int


class _Orders(msgspec.Struct):
    orders: _List


class _Order(msgspec.Struct):
    order: msgspec.Raw


class _Identity(msgspec.Struct):
    id: str | int


class Vendure:
    """One Vendure shop."""

    settings: ClassVar[Mapping[str, str]] = {
        "base_url": "the Admin API's address, for example https://shop.example.com/admin-api"
    }
    optional_settings: ClassVar[Mapping[str, str]] = {
        "payment_modes": "modes of the shop's own payment methods: code=mode, code=mode",
        "money_precision": "the precision of the shop's MoneyStrategy, if it is not 2",
    }
    secrets: ClassVar[Mapping[str, str]] = {
        "username": "an administrator's login that may read and update orders",
        "password": "that administrator's password",
    }
    streams: ClassVar[Mapping[str, Stream]] = {
        "orders": Stream("orders", ReadMode.CHANGES, "orders", lookback=timedelta(minutes=5)),
        "orders_open": Stream("orders_open", ReadMode.SNAPSHOT, "orders"),
        "orders_created": Stream("orders_created", ReadMode.CREATED, "orders"),
    }
    operations: ClassVar[Mapping[str, Operation]] = {
        "confirm_shipment": Operation("confirm_shipment", Safety.LOOK_UP, settle=timedelta(minutes=1)),
        "cancel_lines": Operation("cancel_lines", Safety.SETS_VALUE),
    }

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        self._runtime = runtime
        self._secrets = secrets
        base, _, name = settings["base_url"].rstrip("/").rpartition("/")
        self._path = f"/{name}"
        pacer = runtime.pacer_for(connection, {})
        self._anonymous = Transport(connection, base, runtime, pacer=pacer)
        self._auth = TokenAuth(connection, runtime, self._login, bearer)
        self._transport = Transport(connection, base, runtime, pacer=pacer, auth=self._auth)

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Read orders: changed or created in the window, or all that are open."""
        return guarded(self._pages(_filter(stream, window), bookmark), self.connection)

    def read_one(self, stream: str, external_id: str) -> Page:
        """Read one order by its id."""
        answer = self._send(ORDER, {"id": external_id}).mended()
        order = self._data(answer, _Order).order
        if bytes(order) == b"null":
            raise RecordMissing(f"{self.connection}: no order {external_id}")
        return Page("orders", (_record(answer, order),), answer.observed_at, answer.vendor_time)

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """Do `confirm_shipment` or `cancel_lines`.

        The body of the one: {"order_id", "input"}, a FulfillOrderInput; of the other: {"order_id", "lines":
        [{"line_id", "remaining"}], "reason"}.
        """
        if operation == "confirm_shipment":
            return self._confirm(body)
        if operation == "cancel_lines":
            return self._cancel(body)
        return WriteResult(Outcome.UNSUPPORTED, reason=f"Vendure has no {operation}")

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """Whether the parcel's fulfilment is there and shipped."""
        found = self._fulfilment(body)
        if found is None or found["state"] == "Pending":
            return None
        return WriteResult(Outcome.APPLIED, _word(found["id"]))

    def _confirm(self, body: Json) -> WriteResult:
        """Confirm a shipped parcel: one fulfilment, moved to Shipped.

        What an earlier attempt did is looked up first, so that no attempt fulfils twice.
        """
        found = self._fulfilment(body)
        if found is None:
            data = self._ask(ADD_FULFILMENT, {"input": body["input"]}, mutation=True)
            found = data["addFulfillmentToOrder"]
        if found["__typename"] == "ItemsAlreadyFulfilledError":
            return WriteResult(Outcome.APPLIED)
        if found["__typename"] != "Fulfillment":
            return WriteResult(Outcome.REJECTED, reason=_word(found["errorCode"]))
        if found["state"] == "Pending":
            data = self._ask(TRANSITION, {"id": found["id"], "state": "Shipped"}, mutation=True)
            moved = data["transitionFulfillmentToState"]
            if moved["__typename"] != "Fulfillment":
                return WriteResult(Outcome.REJECTED, _word(found["id"]), _word(moved["errorCode"]))
        return WriteResult(Outcome.APPLIED, _word(found["id"]))

    def _cancel(self, body: Json) -> WriteResult:
        """Cancel units that no fulfilment has, down to what is to remain of each line.

        Shipping goes only where nothing of the order remains and nothing was sent. Vendure would cancel
        it with a part too, and units that a fulfilment has.

        Raises:
            RecordMissing: If there is no such order.
            Transient: If units went between reading and cancelling. Vendure did nothing then.
        """
        order = self._ask(UNITS, {"id": body["order_id"]})["order"]
        if order is None:
            raise RecordMissing(f"{self.connection}: no order {body['order_id']}")
        sent: Counter[str] = Counter()
        for fulfilment in order["fulfillments"] or ():
            if fulfilment["state"] != "Cancelled":
                sent.update({line["orderLineId"]: line["quantity"] for line in fulfilment["lines"]})
        present: dict[str, int] = {line["id"]: line["quantity"] for line in order["lines"]}
        units: dict[str, int] = {}
        for line in body["lines"]:
            name = line["line_id"]
            if name not in present:
                return WriteResult(Outcome.REJECTED, reason=f"the order has no line {name}")
            units[name] = present[name] - max(line["remaining"], sent[name])
        taken = [{"orderLineId": line, "quantity": count} for line, count in units.items() if count > 0]
        if not taken:
            return WriteResult(Outcome.APPLIED)
        all_of_it = all(units.get(line, 0) >= count for line, count in present.items())
        asked = {
            "orderId": body["order_id"],
            "lines": taken,
            "reason": body["reason"],
            "cancelShipping": all_of_it and not sent,
        }
        done = self._ask(CANCEL, {"input": asked}, mutation=True)["cancelOrder"]
        if done["__typename"] == "QuantityTooGreatError":
            raise Transient(f"{self.connection}: order {body['order_id']} changed before it was cancelled")
        if done["__typename"] != "Order":
            return WriteResult(Outcome.REJECTED, reason=_word(done["errorCode"]))
        return WriteResult(Outcome.APPLIED)

    def _pages(self, order_filter: Json, bookmark: str | None) -> Iterator[Page]:
        """Pages by offset, in the order of ids.

        A list that shrinks between two pages (an edited order leaves the window) moves up by as many
        places, so the read goes back by them, and no order is skipped.
        """
        skip, expected = (int(number or 0) for number in (bookmark or "0:").split(":"))
        while True:
            options = {"skip": skip, "take": PAGE, "sort": {"id": "ASC"}, "filter": order_filter}
            answer = self._send(ORDERS, {"options": options}).mended()
            found = self._data(answer, _Orders).orders
            items, total = found.items, found.total_items
            gone = max(expected - total, 0)
            expected = total
            skip = max(skip - gone, 0) if gone else skip + len(items)
            more = (bool(items) or gone > 0) and skip < total
            yield Page(
                "orders",
                tuple(_record(answer, item) for item in items),
                answer.observed_at,
                answer.vendor_time,
                f"{skip}:{total}" if more else None,
            )
            if not more:
                return

    def _fulfilment(self, body: Json) -> Json | None:
        """The fulfilment of the body's order with the same tracking code and the same units, if any."""
        data = self._ask(FULFILMENTS, {"id": body["order_id"]})
        if data["order"] is None:
            raise RecordMissing(f"{self.connection}: no order {body['order_id']}")
        arguments = {item["name"]: item["value"] for item in body["input"]["handler"]["arguments"]}
        wanted = {line["orderLineId"]: line["quantity"] for line in body["input"]["lines"]}
        for fulfilment in data["order"]["fulfillments"] or ():
            units = {line["orderLineId"]: line["quantity"] for line in fulfilment["lines"]}
            same_code = (fulfilment["trackingCode"] or "") == arguments.get("trackingCode", "")
            if same_code and units == wanted and fulfilment["state"] != "Cancelled":
                return fulfilment
        return None

    def _ask(self, document: str, variables: Json, *, mutation: bool = False) -> dict[str, Any]:
        """Send a document; the data of its answer."""
        return self._data(self._send(document, variables, mutation=mutation), dict[str, Any])

    def _send(self, document: str, variables: Json, *, mutation: bool = False) -> Answer:
        """Send a document. A refused token is renewed once."""
        try:
            return self._send_once(document, variables, mutation)
        except PermissionMissing:
            self._auth.renew()
            return self._send_once(document, variables, mutation)

    def _send_once(self, document: str, variables: Json, mutation: bool) -> Answer:
        call = {"query": document, "variables": variables}
        answer = self._transport.send(Request("POST", self._path, json=call, repeatable=not mutation))
        self._check(answer, mutation)
        return answer

    def _check(self, answer: Answer, mutation: bool) -> None:
        """Raise what an answer's errors stand for."""
        read = answer if mutation else answer.mended()
        if errors := self._decoded(read.body, _Envelope).errors:
            code = errors[0].get("extensions", {}).get("code", "unknown")
            place = f"{self.connection}: Vendure answered {code}"
            if code in ("FORBIDDEN", "UNAUTHORIZED"):
                raise PermissionMissing(f"{place}: the administrator needs ReadOrder and UpdateOrder")
            if code == "ENTITY_NOT_FOUND":
                raise RecordMissing(place)
            if code == "INTERNAL_SERVER_ERROR":
                raise (AnswerLost if mutation else Transient)(place)
            raise RecordRejected(place)

    def _data(self, answer: Answer, shape: type[Shape]) -> Shape:
        return self._decoded(self._decoded(answer.body, _Envelope).data, shape)

    def _decoded(self, raw: bytes | msgspec.Raw, shape: type[Shape]) -> Shape:
        try:
            return msgspec.json.decode(raw, type=shape)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise StreamBroken(f"{self.connection}: the answer has another shape: {error}") from error

    def _login(self) -> Token:
        variables = {"username": self._secrets["username"], "password": self._secrets["password"]}
        call = {"query": LOGIN, "variables": variables}
        answer = self._anonymous.send(Request("POST", self._path, json=call, repeatable=True))
        self._check(answer, mutation=False)
        outcome = self._data(answer, dict[str, Any])["login"]
        token = answer.headers.get("vendure-auth-token")
        if outcome["__typename"] != "CurrentUser" or not token:
            raise CredentialsRejected(f"{self.connection}: Vendure refuses the login; check its secrets")
        return Token(token, self._runtime.clock.now() + TOKEN_LIFE)


def _filter(stream: str, window: Window) -> Json:
    span = {"between": {"start": _iso(window.since), "end": _iso(window.until)}}
    placed = {"active": {"eq": False}, "state": {"notEq": DRAFT}}
    if stream == "orders":
        return placed | {"_or": [{"orderPlacedAt": span}, {"updatedAt": span}]}
    if stream == "orders_created":
        return placed | {"orderPlacedAt": span}
    return placed | {"state": {"notIn": [DRAFT, *FINISHED_STATES]}}


def _word(value: Json) -> str | None:
    """An id or a code as text, whatever an answer holds there."""
    return None if value is None else str(value)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _record(answer: Answer, order: msgspec.Raw) -> RawRecord:
    """An order as it came."""
    try:
        external_id = str(msgspec.json.decode(order, type=_Identity).id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        external_id = None
    return answer.record(external_id, bytes(order))
