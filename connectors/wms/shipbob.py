"""ShipBob 2026-01: a 3PL that picks by itself. One picklist is one ShipBob order."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import msgspec

from connectors.auth import HeaderAuth, bearer
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
from connectors.errors import AnswerLost, ConnectorError, RateLimited, RecordRejected, StreamBroken
from connectors.http import Answer, Request, Transport
from connectors.pagination import guarded
from connectors.runtime import Rate, Runtime
from connectors.wms.shipbob_refusals import reason_of

API = "/2026-01"
RATES = {"default": Rate(per_second=2, burst=30)}
"""150 calls a minute in a sliding window (developer.shipbob.com/rate-limit): however the window lies, at
most 30 at once and 2 a second fall into it."""
ORDERS_A_PAGE = 250
ITEMS_A_PAGE = 100
READS = ("LastUpdateStartDate", "LastTrackingUpdateStartDate")
"""The two change signals of an order; nothing says that a tracking update moves the first one."""
OPEN_FOR_CHANGES = {"None", "Processing", "Exception", "OnHold", "ImportReview"}


class _Identity(msgspec.Struct):
    id: int | str


class Refused(RecordRejected):
    """A 4xx that is an answer of the business, not of the transport."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"ShipBob refused with {answer.status}")
        self.answer = answer


class ShipBob:
    """One ShipBob account, writing through one channel."""

    settings: ClassVar[Mapping[str, str]] = {
        "base_url": "ShipBob's address: https://api.shipbob.com, or https://sandbox-api.shipbob.com",
        "channel_id": "the channel that orders are created in (GET /channel lists them)",
    }
    optional_settings: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[Mapping[str, str]] = {
        "token": "a personal access token with inventory_read, orders_read and orders_write"
    }
    streams: ClassVar[Mapping[str, Stream]] = {
        "stock": Stream("stock", ReadMode.SNAPSHOT, "stock"),
        "shipments": Stream("shipments", ReadMode.CHANGES, "shipments", lookback=timedelta(minutes=10)),
    }
    operations: ClassVar[Mapping[str, Operation]] = {
        "push_picklist": Operation("push_picklist", Safety.LOOK_UP, settle=timedelta(seconds=30)),
        "amend_picklist": Operation("amend_picklist", Safety.SETS_VALUE),
        "cancel_picklist": Operation("cancel_picklist", Safety.SETS_VALUE),
    }

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        self._channel = {"shipbob_channel_id": settings["channel_id"]}
        self._transport = Transport(
            connection,
            settings["base_url"],
            runtime,
            pacer=runtime.pacer_for(connection, RATES),
            auth=HeaderAuth("Authorization", bearer(secrets["token"])["Authorization"]),
            classify=_classify,
        )

    # --- reading

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Read all stock, or the orders that changed since the window began.

        Raises:
            ValueError: If there is no such stream.
            StreamBroken: If pages repeat or a page marker makes no sense.
        """
        if stream == "stock":
            return guarded(self._stock_pages(bookmark), self.connection)
        if stream == "shipments":
            return self._changed_orders(window, bookmark)
        raise ValueError(f"{self.connection}: ShipBob has no stream {stream}")

    def read_one(self, stream: str, external_id: str) -> Page:
        """One order with its shipments, by ShipBob's order id. Raises RecordMissing."""
        if stream != "shipments":
            raise ValueError(f"{self.connection}: {stream} cannot be read one by one")
        request = Request("GET", f"{API}/order/{external_id}", headers=self._channel)
        answer = self._transport.send(request).mended()
        record = _order(answer, _decoded(answer, msgspec.Raw))
        return Page("shipments", (record,), answer.observed_at, answer.vendor_time)

    def _changed_orders(self, window: Window, bookmark: str | None) -> Iterator[Page]:
        """Two reads, one after the other; a bookmark is "<which read>:<page>".

        Each read has its own guard: an order that changed and got tracking is rightly in both.
        """
        first, _, page = (bookmark or "0:1").partition(":")
        for number in range(int(first), len(READS)):
            start = int(page) if number == int(first) else 1
            yield from guarded(self._order_pages(number, window, start), self.connection)

    def _order_pages(self, number: int, window: Window, page: int) -> Iterator[Page]:
        # No end date, and oldest first: an order that changes while it is being paged past would drop out
        # of a bounded window, and the order behind it would slip onto a page that was read already.
        while True:
            answer = self._transport.send(
                Request(
                    "GET",
                    f"{API}/order",
                    params={
                        READS[number]: _stamp(window.since),
                        "SortOrder": "Oldest",
                        "Limit": str(ORDERS_A_PAGE),
                        "Page": str(page),
                    },
                    headers=self._channel,
                )
            ).mended()
            listed = _decoded(answer, list[msgspec.Raw] | None)
            records = tuple(_order(answer, order) for order in listed or ())
            last = len(records) < ORDERS_A_PAGE
            following = f"{number}:{page + 1}" if not last else f"{number + 1}:1"
            bookmark = following if not last or number + 1 < len(READS) else None
            yield Page("shipments", records, answer.observed_at, answer.vendor_time, bookmark)
            if last:
                return
            page += 1

    def _stock_pages(self, bookmark: str | None) -> Iterator[Page]:
        """Levels by location, each with its lots beside it: {"levels": ..., "lots": ... or null}.

        The levels are the truth of how many; the lots say which. A bookmark is the query of the next page.
        """
        query: dict[str, list[str]] = parse_qs(bookmark) if bookmark else {"PageSize": [str(ITEMS_A_PAGE)]}
        while True:
            answer = self._transport.send(Request("GET", f"{API}/inventory-level/locations", params=query))
            body = answer.json()
            items = _listed(body.get("items"))
            if any(item["inventory_id"] in (None, "") for item in items):
                raise StreamBroken(f"{self.connection}: a level of stock names no inventory item")
            lots = self._lots_of([item["inventory_id"] for item in items])
            records = tuple(
                RawRecord(
                    str(item["inventory_id"]),
                    msgspec.json.encode({"levels": item, "lots": lots.get(item["inventory_id"])}),
                )
                for item in items
            )
            following = _query_of(body.get("next"))
            yield Page("stock", records, answer.observed_at, answer.vendor_time, following)
            if following is None:
                return
            query = parse_qs(following)

    def _lots_of(self, inventory_ids: Sequence[int]) -> dict[int, Json]:
        if not inventory_ids:
            return {}
        query: dict[str, list[str]] = {
            "InventoryIds": [",".join(map(str, inventory_ids))],
            "PageSize": [str(ITEMS_A_PAGE)],
        }
        found: dict[int, Json] = {}
        seen: set[str] = set()
        while True:
            body = self._transport.send(Request("GET", f"{API}/inventory-level/lots", params=query)).json()
            found |= {item["inventory_id"]: item for item in _listed(body.get("items"))}
            following = _query_of(body.get("next"))
            if following is None:
                return found
            if following in seen:
                raise StreamBroken(f"{self.connection}: inventory-level/lots repeats a page marker")
            seen.add(following)
            query = parse_qs(following)

    # --- writing

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """Do one write; see `operations`. Raises KeyError for an operation that ShipBob does not have."""
        return {
            "push_picklist": self._push,
            "amend_picklist": self._amend,
            "cancel_picklist": self._cancel,
        }[operation](body, reference)

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """The order that an earlier push made, by its reference."""
        order = self._order_by_reference(body.get("reference_id") or reference)
        return None if order is None else WriteResult(Outcome.APPLIED, str(order["id"]))

    def _push(self, body: Json, reference: str) -> WriteResult:
        try:
            answer = self._transport.send(Request("POST", f"{API}/order", json=body, headers=self._channel))
        except Refused as refused:
            # 422 is how ShipBob says that the reference exists (developer.shipbob.com/errors): done already.
            unprocessable = refused.answer.status == 422
            there = self._order_by_reference(body["reference_id"]) if unprocessable else None
            reason = reason_of(refused.answer, body)
            if there is None and unprocessable and "reference" in reason.lower():
                place = f"{self.connection}: ShipBob refuses {body['reference_id']}, and does not list it yet"
                raise AnswerLost(place) from refused
            if there is None:
                return WriteResult(Outcome.REJECTED, reason=reason)
            if there.get("status") == "Cancelled":
                # References are never free again, so a replacement needs a new one.
                reason = "the reference belongs to a cancelled order"
                return WriteResult(Outcome.REJECTED, str(there["id"]), reason)
            return WriteResult(Outcome.APPLIED, str(there["id"]))
        return WriteResult(Outcome.APPLIED, str(answer.json()["id"]))

    def _cancel(self, body: Json, reference: str) -> WriteResult:
        order_id = self._order_id(body)
        if order_id is None:
            return WriteResult(Outcome.REJECTED, reason="ShipBob has no order of this reference")
        try:
            answer = self._transport.send(
                Request("POST", f"{API}/order/{order_id}:cancel", headers=self._channel, repeatable=True)
            ).json()
        except Refused as refused:
            order = self._transport.send(
                Request("GET", f"{API}/order/{order_id}", headers=self._channel)
            ).json()
            if order.get("status") == "Cancelled":
                return WriteResult(Outcome.APPLIED, order_id)
            return WriteResult(Outcome.REJECTED, order_id, reason_of(refused.answer, body))
        if answer.get("status") == "Success":
            return WriteResult(Outcome.APPLIED, order_id)
        reasons = [
            f"shipment {result['shipment_id']}: {result.get('reason')}"
            for result in _listed(answer.get("canceled_shipment_results"))
            if not result.get("is_success")
        ]
        return WriteResult(Outcome.REJECTED, order_id, "; ".join(reasons) or str(answer.get("status")))

    def _amend(self, body: Json, reference: str) -> WriteResult:
        """Change the address of what is not packed yet.

        Other quantities are refused: `updateLineItems` wants ShipBob's own lots and bins chosen again for
        the whole shipment, so cancelling and replacing is the safer way.
        """
        order_id = self._order_id(body)
        if order_id is None:
            return WriteResult(Outcome.REJECTED, reason="ShipBob has no order of this reference")
        order = self._transport.send(Request("GET", f"{API}/order/{order_id}", headers=self._channel)).json()
        if _quantities(order.get("products")) != body["quantities"]:
            reason = "ShipBob changes addresses only: other quantities need a cancellation and a new order"
            return WriteResult(Outcome.REJECTED, order_id, reason)
        shipments = [s for s in _listed(order.get("shipments")) if s.get("status") != "Cancelled"]
        closed = [s for s in shipments if s.get("status") not in OPEN_FOR_CHANGES]
        if closed or not shipments:
            reason = f"shipment is {closed[0].get('status')}" if closed else "the order has no open shipment"
            return WriteResult(Outcome.REJECTED, order_id, reason)
        for shipment in shipments:
            refusal = self._readdress(shipment["id"], body["address"])
            if refusal:
                return WriteResult(Outcome.REJECTED, order_id, f"shipment {shipment['id']}: {refusal}")
        return WriteResult(Outcome.APPLIED, order_id)

    def _readdress(self, shipment_id: int, address: Json) -> str | None:
        """The reason why not, or None if it was done."""
        try:
            answer = self._transport.send(
                Request(
                    "PUT",
                    f"{API}/shipment/{shipment_id}:updateAddress",
                    json=address,
                    repeatable=True,
                )
            )
        except Refused as refused:
            return reason_of(refused.answer, address)
        return None if answer.json().get("is_success") else reason_of(answer, address)

    def _order_id(self, body: Json) -> str | None:
        if body.get("order_id"):
            return str(body["order_id"])
        order = self._order_by_reference(body["reference_id"])
        return None if order is None else str(order["id"])

    def _order_by_reference(self, reference: str) -> Json | None:
        answer = self._transport.send(
            Request("GET", f"{API}/order", params={"ReferenceIds": reference}, headers=self._channel)
        )
        # The filter takes a list; whatever else it finds is not ours.
        return next((o for o in _listed(answer.json()) if o.get("reference_id") == reference), None)


def _classify(answer: Answer) -> ConnectorError | None:
    if answer.status == 429:
        seconds = answer.headers.get("x-retry-after", "")
        wait = float(seconds) if seconds.isdigit() else 10.0
        return RateLimited("ShipBob: too many calls", timedelta(seconds=max(wait, 1.0)))
    if answer.status in (400, 409, 422):
        return Refused(answer)
    return None


def _decoded(answer: Answer, shape: Any) -> Any:  # noqa: ANN401 -- a type of any form
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, RecursionError) as error:
        raise StreamBroken(f"ShipBob: the answer holds no orders: {error}") from error


def _order(answer: Answer, order: msgspec.Raw) -> RawRecord:
    """An order as it came."""
    try:
        external_id = str(msgspec.json.decode(order, type=_Identity).id)
    except (msgspec.DecodeError, UnicodeDecodeError):
        external_id = None
    return answer.record(external_id, bytes(order))


def _listed(value: Any) -> list[Any]:  # noqa: ANN401 -- a vendor's JSON
    """A list that may be null in ShipBob's answers."""
    if value is None:
        return []
    if not isinstance(value, list):
        raise StreamBroken(f"ShipBob: expected a list, got {type(value).__name__}")
    return value


def _quantities(products: Any) -> dict[str, int]:  # noqa: ANN401 -- a vendor's JSON
    quantities: dict[str, int] = {}
    for product in _listed(products):
        sku = product.get("reference_id") or product.get("sku") or ""
        quantities[sku] = quantities.get(sku, 0) + int(product.get("quantity") or 0)
    return quantities


def _query_of(link: str | None) -> str | None:
    """The query of a `next` link. Only the query is used, so that no answer can send the token elsewhere."""
    if not link:
        return None
    query = urlsplit(link).query
    if not query:
        raise StreamBroken("ShipBob: the next page's address has no query")
    return query


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
