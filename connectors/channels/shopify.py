"""Shopify, Admin GraphQL API 2026-10.

Orders are read by `updated_at`, which moves with every change of an order; it has whole seconds, so a
window is widened to whole seconds on both sides. Cursors are keyset positions in the sorted list, so an
order that changes while it is read moves behind the window and comes with the next one.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import ClassVar

import msgspec

from connectors.channels import shopify_queries as texts
from connectors.channels.shopify_answers import QueryTooCostly, envelope
from connectors.channels.shopify_cancelling import cancel_lines
from connectors.channels.shopify_fulfilment import (
    Group,
    made_for,
    made_without_number,
    plan,
    units_of,
    wanted_units,
)
from connectors.channels.shopify_graphql import API_VERSION, COST_PER_SECOND, ShopGraphQL
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
from connectors.errors import PermissionMissing, RecordMissing, RecordRejected, StreamBroken
from connectors.http import Answer
from connectors.pagination import guarded
from connectors.runtime import Runtime

PAGE_SIZE = 50
OWN_PERIOD = timedelta(days=60)
"""Without `read_all_orders` an app sees only the orders of so long (shopify.dev, access scopes)."""

_MORE = re.compile(rb'"hasNextPage"\s*:\s*true')
_QUERIES = {
    "orders": ("updated_at:>='{since}' AND updated_at:<'{until}'", "UPDATED_AT"),
    "orders_created": ("created_at:>='{since}' AND created_at:<'{until}'", "CREATED_AT"),
    "orders_open": ("status:open AND (fulfillment_status:unfulfilled OR fulfillment_status:partial)", "ID"),
}


class _PageInfo(msgspec.Struct, frozen=True, rename="camel"):
    has_next_page: bool
    end_cursor: str | None = None


class _Orders(msgspec.Struct, frozen=True, rename="camel"):
    nodes: list[msgspec.Raw]
    page_info: _PageInfo


class _OrdersData(msgspec.Struct, frozen=True):
    orders: _Orders


class _OrderData(msgspec.Struct, frozen=True):
    order: msgspec.Raw


class _Identity(msgspec.Struct, frozen=True):
    id: str


_ORDERS_DATA = msgspec.json.Decoder(_OrdersData)
_ORDER_DATA = msgspec.json.Decoder(_OrderData)
_IDENTITY = msgspec.json.Decoder(_Identity)


class Shopify:
    """One Shopify shop."""

    settings: ClassVar[Mapping[str, str]] = {
        "base_url": "the shop's address, as in https://your-shop.myshopify.com",
    }
    optional_settings: ClassVar[Mapping[str, str]] = {
        "api_version": f"the Admin API's version (default {API_VERSION})",
        "page_size": f"orders a page, up to 250 (default {PAGE_SIZE})",
        "cost_per_second": f"the plan's restore rate in cost points (default {COST_PER_SECOND})",
        "notify_customer": '"true" lets Shopify mail the buyer about each fulfilment (default "false")',
    }
    secrets: ClassVar[Mapping[str, str]] = {
        "access_token": "the Admin API access token of the app that is installed in the shop",
    }
    streams: ClassVar[Mapping[str, Stream]] = {
        "orders": Stream("orders", ReadMode.CHANGES, "orders", lookback=timedelta(minutes=10)),
        "orders_created": Stream("orders_created", ReadMode.CREATED, "orders"),
        "orders_open": Stream("orders_open", ReadMode.SNAPSHOT, "orders", every=timedelta(hours=1)),
    }
    operations: ClassVar[Mapping[str, Operation]] = {
        "confirm_shipment": Operation("confirm_shipment", Safety.LOOK_UP, settle=timedelta(seconds=10)),
        "cancel_lines": Operation("cancel_lines", Safety.SETS_VALUE),
    }

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        self._shop = ShopGraphQL(connection, settings, secrets, runtime)
        self._page_size = int(settings.get("page_size", PAGE_SIZE))
        self._notify = settings.get("notify_customer", "false").lower() == "true"

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Read orders. The bookmark is the cursor of the last page, good for the same window only.

        Raises:
            PermissionMissing: If the window begins before what the app may see (`read_all_orders`).
        """
        if self.streams[stream].mode is not ReadMode.SNAPSHOT:
            self._check_reach(window.since)
        return guarded(self._pages(stream, window, bookmark), self.connection)

    def read_one(self, stream: str, external_id: str) -> Page:
        """Read one order by its gid."""
        answer = self._shop.query("order", texts.ORDER, {"id": external_id}, mended=True)
        raw = _ORDER_DATA.decode(envelope(answer).data).order
        if bytes(raw) == b"null":
            raise RecordMissing(f"{self.connection}: Shopify knows no {external_id}")
        record = self._record(answer, raw)
        return Page(self.streams[stream].lands_as, (record,), answer.observed_at, answer.vendor_time)

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """Do `confirm_shipment` or `cancel_lines`.

        The body of the one: {"order_id", "lines": [{"line_id", "quantity"}], "tracking": {"number",
        "company", "url"}}; of the other: {"order_id", "lines": [{"line_id", "remaining"}], "whole",
        "reason"}.

        Raises:
            PermissionMissing: If the app lacks the operation's access scope; Shopify's sentence names it.
        """
        if operation == "cancel_lines":
            return cancel_lines(self._shop, body)
        if operation == "confirm_shipment":
            return self._confirm(body)
        return WriteResult(Outcome.UNSUPPORTED, reason=f"Shopify has no {operation}")

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """The fulfilments of a parcel, found by its tracking number.

        None also where only a part of the parcel is fulfilled: sending it again completes it. A parcel
        without a tracking number is found by its exact quantities.
        """
        order = self._open_work(body["order_id"])
        if order is None:
            return None
        wanted, number = wanted_units(body), body["tracking"].get("number")
        made = made_for(order, number) if number else made_without_number(order, wanted)[:1]
        for fulfilment in made:
            wanted -= units_of(fulfilment)
        if not made or +wanted:
            return None
        return WriteResult(Outcome.APPLIED, vendor_ref=",".join(fulfilment["id"] for fulfilment in made))

    def _pages(self, stream: str, window: Window, bookmark: str | None) -> Iterator[Page]:
        query, sort = _QUERIES[stream]
        query = query.format(since=_second(window.since), until=_second(window.until, up=True))
        size, after, last = self._page_size, bookmark, False
        while not last:
            variables = {"first": size, "after": after, "query": query, "sort": sort}
            try:
                answer = self._shop.query(f"orders/{size}", texts.ORDERS, variables, mended=True)
            except QueryTooCostly:
                if size == 1:
                    raise
                size = max(size // 2, 1)
                continue
            orders = self._orders_in(answer)
            records = [self._record(answer, raw) for raw in orders.nodes]
            after, last = orders.page_info.end_cursor, not orders.page_info.has_next_page
            if not last and not after:
                raise StreamBroken(f"{self.connection}: Shopify has more orders but gives no cursor")
            yield Page(
                self.streams[stream].lands_as,
                records,
                answer.observed_at,
                answer.vendor_time,
                None if last else after,
            )

    def _orders_in(self, answer: Answer) -> _Orders:
        try:
            return _ORDERS_DATA.decode(envelope(answer).data).orders
        except msgspec.DecodeError as error:
            raise StreamBroken(f"{self.connection}: the answer holds no page of orders: {error}") from error

    def _record(self, answer: Answer, raw: msgspec.Raw) -> RawRecord:
        """An order as it came, with the rest of its long lists."""
        payload = bytes(raw)
        if _MORE.search(payload):
            order = msgspec.json.decode(payload)
            self._shop.complete(order)
            payload = msgspec.json.encode(order)
        try:
            external_id = _IDENTITY.decode(payload).id
        except (msgspec.DecodeError, UnicodeDecodeError):
            external_id = None
        return answer.record(external_id, payload)

    def _open_work(self, order_id: str) -> Json:
        """The order's fulfilments and fulfilment orders, complete; None if there is no such order."""
        order = self._shop.data(self._shop.query("open_work", texts.OPEN_WORK, {"id": order_id}))["order"]
        self._shop.complete(order, "OpenWork")
        return order

    def _confirm(self, body: Json) -> WriteResult:
        """Fulfil what a parcel holds, one fulfilment a location."""
        refused = ""
        for _ in range(2):
            order = self._open_work(body["order_id"])
            if order is None:
                return WriteResult(Outcome.REJECTED, reason=f"Shopify knows no {body['order_id']}")
            todo = plan(order, wanted_units(body), body["tracking"].get("number"))
            if todo.blocked:
                return WriteResult(Outcome.REJECTED, reason="; ".join(todo.blocked))
            refused = ""
            for group in todo.groups:
                made, refused = self._fulfil(group, body["tracking"])
                if refused:
                    break
                todo.done.append(made)
            if not refused:
                return WriteResult(Outcome.APPLIED, vendor_ref=",".join(todo.done) or None)
            if todo.done and not body["tracking"].get("number"):
                break  # without a number the next reading can't tell what this call has sent
        return WriteResult(Outcome.REJECTED, reason=refused)

    def _fulfil(self, group: Group, tracking: Mapping[str, str | None]) -> tuple[str, str]:
        """Make one fulfilment: its gid, or Shopify's reason why not."""
        fulfillment: dict[str, Json] = {
            "lineItemsByFulfillmentOrder": group.line_items(),
            "notifyCustomer": self._notify,
        }
        told = {name: text for name, text in tracking.items() if text}
        if told:
            fulfillment["trackingInfo"] = told
        try:
            data = self._shop.mutate("fulfil", texts.FULFIL, {"fulfillment": fulfillment})
        except RecordRejected as error:
            return "", str(error)
        made = data["fulfillmentCreate"]
        refused = "; ".join(error["message"] for error in made["userErrors"])
        if refused or made["fulfillment"] is None:
            return "", refused or "Shopify made no fulfilment and gave no reason"
        return str(made["fulfillment"]["id"]), ""

    def _check_reach(self, since: datetime) -> None:
        reach = self._shop.clock.now() - OWN_PERIOD
        if since >= reach:
            return
        data = self._shop.data(self._shop.query("scopes", texts.SCOPES, {}))
        granted = {scope["handle"] for scope in data["currentAppInstallation"]["accessScopes"]}
        if "read_all_orders" not in granted:
            raise PermissionMissing(
                f"{self.connection}: orders before {reach:%Y-%m-%d} need the access"
                " scope read_all_orders; without it Shopify leaves them out silently"
            )


def _second(moment: datetime, *, up: bool = False) -> str:
    """A moment as whole-second text, rounded down, or up to lose nothing at a window's end."""
    moment = moment.astimezone(UTC)
    if up and moment.microsecond:
        moment += timedelta(seconds=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
