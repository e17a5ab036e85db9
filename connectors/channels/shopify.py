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

from connectors.auth import HeaderAuth
from connectors.channels import shopify_queries as texts
from connectors.channels.shopify_answers import (
    QueryTooCostly,
    envelope,
    mutation_error,
    query_error,
)
from connectors.channels.shopify_fulfilment import (
    Group,
    made_for,
    made_without_number,
    plan,
    units_of,
    wanted_units,
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
from connectors.errors import PermissionMissing, RecordMissing, RecordRejected, StreamBroken
from connectors.http import Answer, Request, Transport
from connectors.pagination import guarded
from connectors.runtime import Rate, Runtime

API_VERSION = "2026-10"
PAGE_SIZE = 50
COST_PER_SECOND = 100
"""The cost points of a standard plan, as recorded answers state them (restoreRate)."""
BURST_SECONDS = 20
"""How many seconds' points the bucket holds (recorded: maximumAvailable 2000 at restoreRate 100)."""
FIRST_COST = 100
"""Points that a query is taken to cost until Shopify has told."""
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
    }

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        self._clock = runtime.clock
        self._path = f"/admin/api/{settings.get('api_version', API_VERSION)}/graphql.json"
        self._page_size = int(settings.get("page_size", PAGE_SIZE))
        self._notify = settings.get("notify_customer", "false").lower() == "true"
        rate = float(settings.get("cost_per_second", COST_PER_SECOND))
        self._pacer = runtime.pacer_for(connection, {"default": Rate(rate, int(rate * BURST_SECONDS))})
        self._costs: dict[str, int] = {}
        auth = HeaderAuth("X-Shopify-Access-Token", secrets["access_token"])
        base = settings["base_url"]
        self._queries = Transport(
            connection, base, runtime, pacer=self._pacer, auth=auth, classify=query_error
        )
        self._mutations = Transport(
            connection, base, runtime, pacer=self._pacer, auth=auth, classify=mutation_error
        )

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
        answer = self._query("order", texts.ORDER, {"id": external_id}, mended=True)
        raw = _ORDER_DATA.decode(envelope(answer).data).order
        if bytes(raw) == b"null":
            raise RecordMissing(f"{self.connection}: Shopify knows no {external_id}")
        record = self._record(answer, raw)
        return Page(self.streams[stream].lands_as, (record,), answer.observed_at, answer.vendor_time)

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """Do `confirm_shipment`: fulfil what a parcel holds, one fulfilment a location.

        The body: {"order_id", "lines": [{"line_id", "quantity"}], "tracking": {"number", "company", "url"}}.
        """
        if operation != "confirm_shipment":
            return WriteResult(Outcome.UNSUPPORTED, reason=f"Shopify has no {operation}")
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
                answer = self._query(f"orders/{size}", texts.ORDERS, variables, mended=True)
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
            self._complete(order)
            payload = msgspec.json.encode(order)
        try:
            external_id = _IDENTITY.decode(payload).id
        except (msgspec.DecodeError, UnicodeDecodeError):
            external_id = None
        return answer.record(external_id, payload)

    def _complete(self, value: Json, order_fragment: str = "Assigned") -> None:
        """Fetch what is missing of every connection inside a record, in place."""
        if isinstance(value, list):
            for entry in value:
                self._complete(entry, order_fragment)
        if not isinstance(value, dict):
            return
        for name, held in value.items():
            if isinstance(held, dict) and held.get("pageInfo", {}).get("hasNextPage"):
                self._fetch_rest(value["id"], name, held, order_fragment)
            self._complete(held, order_fragment)

    def _fetch_rest(self, parent: str, name: str, held: Json, order_fragment: str) -> None:
        text = texts.rest_of(parent.split("/")[3], name, order_fragment)
        while held["pageInfo"]["hasNextPage"]:
            after = held["pageInfo"]["endCursor"]
            variables = {"id": parent, "first": texts.REST_PAGE, "after": after}
            more = self._data(self._query(f"rest/{name}", text, variables))["node"]
            if more is None:
                raise RecordMissing(f"{self.connection}: {parent} vanished while its {name} were read")
            held["nodes"].extend(more[name]["nodes"])
            held["pageInfo"] = more[name]["pageInfo"]
            if held["pageInfo"]["hasNextPage"] and held["pageInfo"]["endCursor"] == after:
                raise StreamBroken(f"{self.connection}: {name} of {parent} repeat a page marker")

    def _open_work(self, order_id: str) -> Json:
        """The order's fulfilments and fulfilment orders, complete; None if there is no such order."""
        order = self._data(self._query("open_work", texts.OPEN_WORK, {"id": order_id}))["order"]
        self._complete(order, "OpenWork")
        return order

    def _fulfil(self, group: Group, tracking: Mapping[str, str | None]) -> tuple[str, str]:
        """Make one fulfilment: its gid, or Shopify's reason why not."""
        fulfillment: dict[str, Json] = {
            "lineItemsByFulfillmentOrder": group.line_items(),
            "notifyCustomer": self._notify,
        }
        told = {name: text for name, text in tracking.items() if text}
        if told:
            fulfillment["trackingInfo"] = told
        request = self._request("fulfil", texts.FULFIL, {"fulfillment": fulfillment}, repeatable=False)
        try:
            answer = self._mutations.send(request)
        except RecordRejected as error:
            return "", str(error)
        self._note_cost("fulfil", answer)
        made = self._data(answer)["fulfillmentCreate"]
        refused = "; ".join(error["message"] for error in made["userErrors"])
        if refused or made["fulfillment"] is None:
            return "", refused or "Shopify made no fulfilment and gave no reason"
        return str(made["fulfillment"]["id"]), ""

    def _check_reach(self, since: datetime) -> None:
        if since >= self._clock.now() - OWN_PERIOD:
            return
        data = self._data(self._query("scopes", texts.SCOPES, {}))
        granted = {scope["handle"] for scope in data["currentAppInstallation"]["accessScopes"]}
        if "read_all_orders" not in granted:
            raise PermissionMissing(
                f"{self.connection}: orders before {self._clock.now() - OWN_PERIOD:%Y-%m-%d} need the access"
                " scope read_all_orders; without it Shopify leaves them out silently"
            )

    def _query(self, name: str, text: str, variables: Json, *, mended: bool = False) -> Answer:
        answer = self._queries.send(self._request(name, text, variables, repeatable=True))
        answer = answer.mended() if mended else answer
        self._note_cost(name, answer)
        return answer

    def _request(self, name: str, text: str, variables: Json, *, repeatable: bool) -> Request:
        return Request(
            "POST",
            self._path,
            json={"query": text, "variables": variables},
            repeatable=repeatable,
            cost=self._costs.get(name, FIRST_COST),
        )

    def _note_cost(self, name: str, answer: Answer) -> None:
        cost = envelope(answer).extensions.cost
        if cost is None:
            return
        self._costs[name] = max(int(cost.actual_query_cost or cost.requested_query_cost), 1)
        wait = cost.wait()
        if wait:
            self._pacer.pause("default", wait.total_seconds())

    def _data(self, answer: Answer) -> Json:
        data = msgspec.json.decode(envelope(answer).data or b"null")
        if not isinstance(data, dict):
            raise StreamBroken(f"{self.connection}: the answer holds no data")
        return data


def _second(moment: datetime, *, up: bool = False) -> str:
    """A moment as whole-second text, rounded down, or up to lose nothing at a window's end."""
    moment = moment.astimezone(UTC)
    if up and moment.microsecond:
        moment += timedelta(seconds=1)
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")
