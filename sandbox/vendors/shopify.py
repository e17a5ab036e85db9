"""Shopify's Admin GraphQL API 2026-10, imitated.

Sentences in errors are Shopify's where recordings have them: wrong locations, quantities, unknown fields.
Costs are a rough figure; only that they are stated, and that an empty bucket throttles, is as at Shopify.
"""

import re
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from graphql import GraphQLSyntaxError

from sandbox.faults import Faults
from sandbox.selection import (
    Execution,
    Resolver,
    SelectionError,
    Slice,
    cursor,
    document,
    page_size,
    uncursor,
)
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer, quoting
from sandbox.vendors.shopify_cancelling import Cancelling
from sandbox.vendors.shopify_records import Record, order_record
from sandbox.vendors.shopify_work import Work, Works
from sandbox.world import ShopOrder, World

SCOPES = (
    "read_orders",
    "read_all_orders",
    "read_merchant_managed_fulfillment_orders",
    "write_merchant_managed_fulfillment_orders",
    "write_orders",
    "write_order_edits",
)
OWN_PERIOD = timedelta(days=60)
LATE = timedelta(minutes=3)
"""How long the fault `late_visibility` hides a change from lists."""
MAX_QUERY_COST = 1000

_PATH = re.compile(r"^/admin/api/\d{4}-\d{2}/graphql\.json$")
_BOUND = re.compile(r"(updated_at|created_at):(>=|<=|<|>)'([^']+)'")
_SORTS = {
    "UPDATED_AT": lambda order: order.updated_at,
    "CREATED_AT": lambda order: order.placed_at,
    "ID": lambda order: order.placed_at,
}
_OPEN_STATUSES = ("UNFULFILLED", "PARTIALLY_FULFILLED")


class ShopifyVendor(Vendor):
    """One shop.

    Attributes:
        token: The access token that it wants.
        scopes: What the app may do; without read_all_orders old orders are left out silently.
        works: Its fulfilment orders, for tests that move or hold them.
        cancelling: Its order edits and cancellations.
        bucket, restore_rate: The cost points that it gives.
    """

    token = "shpat_sandbox"  # noqa: S105 -- the sandbox's own

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        super().__init__(world, connection, faults)
        self.scopes = list(SCOPES)
        self.works = Works()
        self.cancelling = Cancelling(world, self._find, self.faults)
        self.bucket = 20000
        self.restore_rate = 1000
        self.max_query_cost = MAX_QUERY_COST
        self._spent = 0.0
        self._spent_at = time.monotonic()
        self._mutates = False
        self._repeated: Slice | None = None

    def loses(self, request: VendorRequest) -> bool:
        """Only answers to mutations get lost: losing a query's would prove nothing."""
        return self._mutates and super().loses(request)

    def respond(self, request: VendorRequest) -> VendorAnswer:
        """Answer a GraphQL request."""
        self._mutates = False
        if not _PATH.match(request.path) or request.method != "POST":
            return json_answer({"errors": "Not Found"}, 404)
        if request.header("X-Shopify-Access-Token") != self.token:
            text = "[API] Invalid API key or access token (unrecognized login or wrong password)"
            return json_answer({"errors": text}, 401)
        if self.faults.strikes("server_error"):
            return VendorAnswer(502, b"<html><body>Bad Gateway</body></html>", {"Content-Type": "text/html"})
        try:
            body = request.json()
            execution = Execution(document(body["query"]), body.get("variables") or {})
            cost = _cost(execution)
        except (ValueError, KeyError, TypeError):
            return json_answer({"errors": "Bad Request"}, 400)
        except (GraphQLSyntaxError, SelectionError) as error:
            return json_answer({"errors": [{"message": str(error)}]})
        return self._execute(execution, cost)

    def _execute(self, execution: Execution, cost: int) -> VendorAnswer:
        self._mutates = execution.is_mutation
        self.cancelling.go_on()
        if cost > self.max_query_cost:
            limit = self.max_query_cost
            text = f"Query cost is {cost}, which exceeds the single query max cost limit ({limit})."
            return self._refused(text, "MAX_COST_EXCEEDED")
        if self.faults.strikes("throttle") or self._available() < cost:
            answer: Record = {"errors": [{"message": "Throttled", "extensions": {"code": "THROTTLED"}}]}
            short = min(self._available(), max(cost - self.restore_rate, 0))
            return json_answer(answer | self._extensions(cost, None, short))
        if denied := self._denied(execution):
            return self._refused(
                f"Access denied for {denied[0]} field. Required access: `{denied[1]}` access scope.",
                "ACCESS_DENIED",
            )
        resolvers: dict[str, Resolver] = {
            "orders": self._orders,
            "order": lambda arguments: self._order(arguments["id"]),
            "node": lambda arguments: self._node(arguments["id"]),
            "currentAppInstallation": lambda _: {
                "accessScopes": [{"handle": handle} for handle in self.scopes]
            },
        }
        if execution.is_mutation:
            resolvers = {
                "fulfillmentCreate": self._fulfillment_create,
                "orderCancel": self.cancelling.cancel,
                "orderEditBegin": self.cancelling.begin,
                "orderEditCommit": self._order_edit_commit,
                "orderEditSetQuantity": self.cancelling.set_quantity,
            }
        try:
            data = execution.run(resolvers)
        except SelectionError as error:
            return json_answer({"errors": [{"message": str(error)}]})
        spent = max(cost // 4, 1)
        self._spent += spent
        return json_answer({"data": data} | self._extensions(cost, spent, self._available()))

    def _refused(self, message: str, code: str) -> VendorAnswer:
        return json_answer({"errors": [{"message": message, "extensions": {"code": code}}], "data": None})

    def _denied(self, execution: Execution) -> tuple[str, str] | None:
        needs = {
            "orders": "read_orders",
            "order": "read_orders",
            "fulfillmentCreate": "write_merchant_managed_fulfillment_orders",
            "orderCancel": "write_orders",
            "orderEditBegin": "write_order_edits",
            "orderEditCommit": "write_order_edits",
            "orderEditSetQuantity": "write_order_edits",
        }
        for name, _ in execution.roots():
            if name in needs and needs[name] not in self.scopes:
                return name, needs[name]
        return None

    def _available(self) -> float:
        now = time.monotonic()
        self._spent = max(self._spent - (now - self._spent_at) * self.restore_rate, 0)
        self._spent_at = now
        return self.bucket - self._spent

    def _extensions(self, requested: int, actual: int | None, available: float) -> Record:
        status = {
            "maximumAvailable": self.bucket,
            "currentlyAvailable": int(available),
            "restoreRate": self.restore_rate,
        }
        cost = {"requestedQueryCost": requested, "actualQueryCost": actual, "throttleStatus": status}
        return {"extensions": {"cost": cost}}

    # --- reading

    def _own(self) -> list[ShopOrder]:
        return [order for (channel, _), order in self.world.orders.items() if channel == self.connection]

    def _sees(self, order: ShopOrder) -> bool:
        return "read_all_orders" in self.scopes or order.placed_at >= self.world.now - OWN_PERIOD

    def _find(self, gid: str) -> ShopOrder | None:
        order = self.world.orders.get((self.connection, gid))
        return order if order and self._sees(order) else None

    def _record(self, order: ShopOrder) -> Record:
        return self.cancelling.order(order, self.works.of(order))

    def _order(self, gid: str) -> Record | None:
        order = self._find(gid)
        return self._record(order) if order else None

    def _node(self, gid: str) -> Record | None:
        """An order, or a record inside one."""
        if order := self._find(gid):
            return self._record(order)
        if found := self.cancelling.node(gid):
            return found
        for candidate in self._own():
            record = self._record(candidate)
            lists = ("fulfillments", "refunds", "returns", "fulfillmentOrders")
            for held in (entry for name in lists for entry in record[name]):
                if held["id"] == gid:
                    return dict(held)
        return None

    def _orders(self, arguments: Mapping[str, Any]) -> Slice:
        """A page of orders, sorted and cut by the last one's sort value, as Shopify's cursors do."""
        sort = arguments.get("sortKey") or "ID"
        first = page_size(arguments)
        if self._repeated is not None and self.faults.strikes("repeated_page"):
            repeated = self._repeated
            return Slice(
                repeated.nodes, [cursor([mark, "again"]) for mark in repeated.cursors], has_next=True
            )
        hidden = self.world.now - LATE if self.faults.strikes("late_visibility") else None
        found = [
            order
            for order in self._own()
            if order.visible_at <= self.world.now
            and (hidden is None or order.updated_at <= hidden)
            and self._sees(order)
            and self._matches(order, arguments.get("query") or "")
        ]
        found.sort(key=lambda order: (_SORTS[sort](order), order.serial))
        if arguments.get("after"):
            mark = uncursor(arguments["after"])
            value, serial = datetime.fromisoformat(mark[0]), mark[1]
            found = [order for order in found if (_SORTS[sort](order), order.serial) > (value, serial)]
        shown = found[:first]
        cursors = [cursor([_SORTS[sort](order).isoformat(), order.serial]) for order in shown]
        records = self._spoiled(shown)
        cursors += cursors[-1:] * (len(records) - len(cursors))
        page = Slice(records, cursors, len(found) > first)
        self._repeated = page
        return page

    def _spoiled(self, orders: list[ShopOrder]) -> list[Record]:
        """The page's records, with whatever faults are on."""
        records = [self._record(order) for order in orders]
        if not records:
            return records
        if self.faults.strikes("reordered"):
            records.reverse()
        if self.faults.strikes("duplicate_update"):
            records.append(records[0])
        if self.faults.strikes("stale_update"):
            records.append(order_record(_as_placed(orders[0]), self.works.of(orders[0])))
        if self.faults.strikes("broken_record"):
            records[0] = records[0] | {"createdAt": "2026-02-30T25:61:00Z"}
        if self.faults.strikes("missing_address"):
            blank = {"firstName": None, "lastName": None, "name": None, "address1": None, "address2": None}
            records[-1] = records[-1] | {"shippingAddress": records[-1]["shippingAddress"] | blank}
        return records

    def _matches(self, order: ShopOrder, query: str) -> bool:
        for name, sign, text in _BOUND.findall(query):
            bound = datetime.fromisoformat(text).astimezone(UTC)
            moment = order.updated_at if name == "updated_at" else order.placed_at
            moment = moment.replace(microsecond=0)
            if not {">=": moment >= bound, "<": moment < bound, ">": moment > bound, "<=": moment <= bound}[
                sign
            ]:
                return False
        if "status:open" in query and order.cancelled_at:
            return False
        if "fulfillment_status:" in query:
            return self._record(order)["displayFulfillmentStatus"] in _OPEN_STATUSES
        return True

    # --- writing

    def _fulfillment_create(self, arguments: Mapping[str, Any]) -> Record:
        """`fulfillmentCreate`: all of it or nothing."""
        wanted = arguments["fulfillment"]
        groups = wanted["lineItemsByFulfillmentOrder"]
        found: list[tuple[ShopOrder, Work, dict[str, int]]] = []
        for group in groups:
            place = self._work(group["fulfillmentOrderId"])
            if place is None:
                return _user_error("Fulfillment order does not exist.")
            order, work = place
            if work.status not in ("OPEN", "IN_PROGRESS"):
                number = work.id.rsplit("/", 1)[-1]
                return _user_error(
                    f"Fulfillment order {number} has an unfulfillable status= {work.status.lower()}."
                )
            units = _units(work, group.get("fulfillmentOrderLineItems"))
            if isinstance(units, str):
                return _user_error(units)
            found.append((order, work, units))
        if len({order.external_id for order, _, _ in found}) > 1:
            numbers = ", ".join(order.external_id.rsplit("/", 1)[-1] for order, _, _ in found)
            return _user_error(
                "All fulfillment orders must belong to the same order."
                f" Multiple orders with ids [{numbers}] were found."
            )
        locations = sorted({work.location for _, work, _ in found})
        if len(locations) > 1:
            return _user_error(
                "All fulfillment orders must be assigned to a single location."
                f" Multiple locations with ids {locations} were found."
            )
        if self.faults.strikes("quoting_refusal"):
            return _user_error(quoting(found[0][0].ship_to))
        total: dict[str, int] = {}
        for _, work, units in found:
            work.take(units)
            for line_id, count in units.items():
                total[line_id] = total.get(line_id, 0) + count
        tracking = wanted.get("trackingInfo") or {}
        told = self.world.tell(found[0][0], total, tracking.get("company"), tracking.get("number"))
        made = {"id": f"gid://shopify/Fulfillment/{told.fulfilment_id}", "status": "SUCCESS"}
        return {"fulfillment": made, "userErrors": []}

    def _order_edit_commit(self, arguments: Mapping[str, Any]) -> Record:
        """`orderEditCommit`, with the order as it is then."""
        answer = self.cancelling.commit(arguments)
        return answer | {"order": self._order(answer["order"])} if answer["order"] else answer

    def _work(self, gid: str) -> tuple[ShopOrder, Work] | None:
        for order in self._own():
            for work in self.works.of(order):
                if work.id == gid:
                    return order, work
        return None


def _units(work: Work, lines: list[Mapping[str, Any]] | None) -> dict[str, int] | str:
    """Units by line id, or why not."""
    if not lines:
        return {line_id: units for line_id, units in work.remaining.items() if units}
    by_own_id = {own: line_id for line_id, own in work.line_ids.items()}
    units: dict[str, int] = {}
    for line in lines:
        line_id = by_own_id.get(line["id"])
        if line_id is None:
            return "Fulfillment order line item does not exist."
        if line["quantity"] < 1:
            return "Quantity must be greater than 0"
        if line["quantity"] > work.remaining[line_id]:
            return "Invalid fulfillment order line item quantity requested."
        units[line_id] = line["quantity"]
    return units


def _user_error(message: str) -> Record:
    return {"fulfillment": None, "userErrors": [{"field": ["fulfillment"], "message": message}]}


def _as_placed(order: ShopOrder) -> ShopOrder:
    """The order as it was when it was placed."""
    lines = [replace(line, removed=0, refunded=0, returned=0) for line in order.lines]
    return replace(
        order, lines=lines, told=[], refunds=[], cancelled_at=None, updated_at=order.placed_at, revision=1
    )


def _cost(execution: Execution) -> int:
    """A rough requested cost: a page of orders by its size, anything else little."""
    return sum(
        10 + 4 * page_size(arguments) if name == "orders" else 20 for name, arguments in execution.roots()
    )
