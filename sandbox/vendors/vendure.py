"""Vendure's Admin API, imitated after a running 3.7.3.

Its worst quirk is here: `updatedAt` moves with edits and cancellations, not with payments, fulfilments and
refunds. Error codes and sentences are the real server's.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from functools import partial
from typing import Any
from uuid import uuid4

from graphql import GraphQLSyntaxError

from sandbox.faults import Faults
from sandbox.selection import Execution, Resolver, SelectionError, document
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer, quoting
from sandbox.vendors.vendure_orders import Record, fulfilment_record, iso, order_record, state_of
from sandbox.world import ShopOrder, World

MAX_TAKE = 1000
LATE = timedelta(minutes=3)
"""How long the fault `late_visibility` hides a new order from lists."""
ALREADY = {
    "__typename": "ItemsAlreadyFulfilledError",
    "errorCode": "ITEMS_ALREADY_FULFILLED_ERROR",
    "message": "One or more OrderItems are already part of a Fulfillment",
}
EMPTY = {
    "__typename": "EmptyOrderLineSelectionError",
    "errorCode": "EMPTY_ORDER_LINE_SELECTION_ERROR",
    "message": "At least one OrderLine must be specified",
}
NOT_MADE = {
    "__typename": "CreateFulfillmentError",
    "errorCode": "CREATE_FULFILLMENT_ERROR",
}
ELSEWHERE = {
    "__typename": "MultipleOrderError",
    "errorCode": "MULTIPLE_ORDER_ERROR",
    "message": "errorResult.MULTIPLE_ORDER_ERROR",
}
TOO_MANY = {
    "__typename": "QuantityTooGreatError",
    "errorCode": "QUANTITY_TOO_GREAT_ERROR",
    "message": "The specified quantity is greater than the available OrderItems",
}
NOT_MOVED = {
    "__typename": "OrderStateTransitionError",
    "errorCode": "ORDER_STATE_TRANSITION_ERROR",
    "message": "Cannot transition Order",
    "fromState": "PaymentSettled",
    "toState": "Cancelled",
}
WRONG_LOGIN = {
    "__typename": "InvalidCredentialsError",
    "errorCode": "INVALID_CREDENTIALS_ERROR",
    "message": "The provided credentials are invalid",
}


class Refused(Exception):
    """An entry in `errors`, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class VendureVendor(Vendor):
    """One shop, its Admin API at /admin-api.

    Attributes:
        user, password: The administrator's login.
        states: By order id, what is shown in place of a state of the default process: "Draft" (which was
            never placed), or a state of the shop's own.
    """

    user = "superadmin"
    password = "superadmin"  # noqa: S105 -- the sandbox's own

    def __init__(self, world: World, connection: str, faults: Faults | None = None) -> None:
        super().__init__(world, connection, faults)
        self.tokens: set[str] = set()
        self.states: dict[str, str] = {}
        self._pending: dict[str, Record] = {}
        self._names: dict[str, str] = {}
        self._seen: dict[str, tuple[object, datetime]] = {}
        self._previous: list[Record] = []
        self._writes = False
        self._new_token = ""

    def loses(self, request: VendorRequest) -> bool:
        """Only answers to mutations get lost: losing a query's would prove nothing."""
        return self._writes and super().loses(request)

    def expire_tokens(self) -> None:
        """All sessions end now."""
        self.tokens.clear()

    def respond(self, request: VendorRequest) -> VendorAnswer:
        """Answer a GraphQL request."""
        self._writes, self._new_token = False, ""
        if request.path != "/admin-api" or request.method != "POST":
            return json_answer({"message": "Not Found", "statusCode": 404}, 404)
        if self.faults.strikes("throttle"):
            return json_answer({"message": "Too Many Requests"}, 429, Retry_After="1")
        if self.faults.strikes("server_error"):
            return VendorAnswer(502, b"<html><body>Bad Gateway</body></html>", {"Content-Type": "text/html"})
        try:
            body = request.json()
            execution = Execution(document(body["query"]), body.get("variables") or {})
            (root, _), *_ = execution.roots()
        except (ValueError, KeyError, TypeError, GraphQLSyntaxError, SelectionError) as error:
            return _errors("GRAPHQL_PARSE_FAILED", str(error), 400)
        if root != "login" and request.header("Authorization").removeprefix("Bearer ") not in self.tokens:
            answer = _errors("FORBIDDEN", "You are not currently authorized to perform this action")
            return VendorAnswer(answer.status, answer.body, {**answer.headers, "vendure-auth-token": ""})
        return self._execute(execution, root)

    def _execute(self, execution: Execution, root: str) -> VendorAnswer:
        queries: dict[str, Resolver] = {"orders": self._orders, "order": self._order}
        mutations: dict[str, Resolver] = {
            "login": self._login,
            "addFulfillmentToOrder": self._add_fulfilment,
            "transitionFulfillmentToState": self._transition,
            "cancelOrder": self._cancel,
        }
        self._writes = execution.is_mutation and root != "login"
        try:
            data = execution.run(mutations if execution.is_mutation else queries)
        except Refused as error:
            return _errors(error.code, str(error))
        except SelectionError as error:
            return _errors("GRAPHQL_VALIDATION_FAILED", str(error), 400)
        answer = json_answer({"data": data})
        named = {"vendure-auth-token": self._new_token} if self._new_token else {}
        return VendorAnswer(answer.status, answer.body, {**answer.headers, **named})

    # --- queries

    def _orders(self, arguments: Mapping[str, Any]) -> Record:
        options = arguments.get("options") or {}
        take, skip = options.get("take") or 100, options.get("skip") or 0
        if take > MAX_TAKE:
            text = f"Cannot take more than {MAX_TAKE} results from a list query"
            raise Refused("USER_INPUT_ERROR", text)
        late = self.world.now - LATE if self.faults.strikes("late_visibility") else self.world.now
        shown = [
            record
            for order in self.world.orders_of(self.connection)
            if order.placed_at <= late and order.visible_at <= self.world.now
            if matches(record := self._record(order), options.get("filter") or {})
        ]
        for field, direction in (options.get("sort") or {}).items():
            shown.sort(key=partial(_sort_key, field), reverse=direction == "DESC")
        items = shown[skip : skip + take]
        if skip and self.faults.strikes("repeated_page"):
            items = self._previous
        self._previous = items
        return {"totalItems": len(shown), "items": self._spoiled(items)}

    def _order(self, arguments: Mapping[str, Any]) -> Record | None:
        order = self.world.orders.get((self.connection, arguments["id"]))
        return self._record(order) if order else None

    def _record(self, order: ShopOrder) -> Record:
        record = order_record(order, self._updated_at(order), self._pending, self._names)
        state = self.states.get(order.external_id, record["state"])
        placed_at = None if state == "Draft" else record["orderPlacedAt"]
        return record | {"state": state, "orderPlacedAt": placed_at}

    def _updated_at(self, order: ShopOrder) -> datetime:
        """When goods, address or validity last changed; at first, when the basket was last touched."""
        content = (
            [(line.line_id, line.quantity, line.removed) for line in order.lines],
            order.ship_to,
            order.cancelled_at,
        )
        if order.external_id not in self._seen:
            edited = order.cancelled_at or any(line.removed for line in order.lines) or order.moved_from
            first = order.updated_at if edited else order.placed_at - timedelta(milliseconds=400)
            self._seen[order.external_id] = (content, first)
        elif self._seen[order.external_id][0] != content:
            self._seen[order.external_id] = (content, order.updated_at)
        return self._seen[order.external_id][1]

    def _spoiled(self, items: list[Record]) -> list[Record]:
        """The list, as the faults that are switched on would have it."""
        if not items:
            return items
        if self.faults.strikes("broken_record"):
            items = [{**items[0], "orderPlacedAt": "2026-13-45T00:00:00.000Z"}, *items[1:]]
        if self.faults.strikes("missing_address"):
            bare = {"fullName": None, "streetLine1": None, "streetLine2": None}
            items = [{**item, "shippingAddress": {**item["shippingAddress"], **bare}} for item in items]
        if self.faults.strikes("duplicate_update"):
            items = [items[0], *items]
        if self.faults.strikes("reordered"):
            items = items[::-1]
        return items

    # --- mutations

    def _login(self, arguments: Mapping[str, Any]) -> Record:
        if (arguments.get("username"), arguments.get("password")) != (self.user, self.password):
            return WRONG_LOGIN
        self._new_token = uuid4().hex
        self.tokens.add(self._new_token)
        return {"__typename": "CurrentUser", "id": "1", "identifier": self.user}

    def _add_fulfilment(self, arguments: Mapping[str, Any]) -> Record:
        wanted = arguments["input"]
        lines = {line["orderLineId"]: line["quantity"] for line in wanted["lines"]}
        if not lines or not any(lines.values()):
            return EMPTY
        order = self._order_with(lines)
        if order is None:
            text = f'No OrderLine with the id "{next(iter(lines))}" could be found'
            raise Refused("ENTITY_NOT_FOUND", text)
        if self.faults.strikes("quoting_refusal"):
            return {**NOT_MADE, "message": quoting(order.ship_to)}
        for line_id, units in lines.items():
            taken = order.told_units(line_id) + sum(
                one["lines"].get(line_id, 0) for one in self._pending.values() if one["order"] is order
            )
            if taken + units > order.line(line_id).current:
                return ALREADY
        named = {argument["name"]: argument["value"] for argument in wanted["handler"]["arguments"]}
        method, code = named.get("method") or None, named.get("trackingCode") or None
        made = str(self.world.serial(f"{self.connection}/made", 1))
        record = fulfilment_record(made, "Pending", lines, method, code, self.world.now)
        self._pending[made] = {
            "order": order,
            "lines": lines,
            "method": method,
            "code": code,
            "record": record,
        }
        return record

    def _cancel(self, arguments: Mapping[str, Any]) -> Record:
        """Fewer units of some lines, and no shipping if asked. With no units left the order is Cancelled.

        Nothing else moves its state: where all that is left was sent before, it stays PartiallyShipped.
        """
        wanted = arguments["input"]
        lines = {line["orderLineId"]: line["quantity"] for line in wanted["lines"]}
        if not lines or not any(lines.values()):
            return EMPTY
        order = self._order_with(lines)
        if order is None:
            raise Refused("INTERNAL_SERVER_ERROR", "Cannot read properties of undefined (reading 'id')")
        if order.external_id != wanted["orderId"]:
            return ELSEWHERE
        if any(units > order.line(line_id).current for line_id, units in lines.items()):
            return TOO_MANY
        before = self._record(order)["state"]
        for line_id, units in lines.items():
            self.world.remove_units(order, line_id, units)
        if wanted.get("cancelShipping"):
            if any(line.current for line in order.lines):
                raise Refused("USER_INPUT_ERROR", "only a whole order's shipping is cancelled in this world")
            self.world.cancel(order)
        if before == "PartiallyShipped" and state_of(order) == "Shipped":
            self.states[order.external_id] = before
        elif state_of(order) == "Cancelled":
            self.states.pop(order.external_id, None)
        if self.faults.strikes("quoting_refusal"):  # the units are gone all the same
            return {**NOT_MOVED, "transitionError": quoting(order.ship_to)}
        return self._record(order)

    def _order_with(self, lines: Mapping[str, int]) -> ShopOrder | None:
        """The order that has these lines."""
        for order in self.world.orders_of(self.connection):
            if lines.keys() <= {line.line_id for line in order.lines}:
                return order
        return None

    def _transition(self, arguments: Mapping[str, Any]) -> Record:
        made, state = arguments["id"], arguments["state"]
        one = self._pending.get(made)
        if one is None or state != "Shipped":
            return {
                "__typename": "FulfillmentStateTransitionError",
                "errorCode": "FULFILLMENT_STATE_TRANSITION_ERROR",
                "message": "errorResult.FULFILLMENT_STATE_TRANSITION_ERROR",
            }
        del self._pending[made]
        told = self.world.tell(one["order"], one["lines"], one["method"], one["code"])
        self._names[told.fulfilment_id] = made
        return {**one["record"], "state": "Shipped"}


def matches(record: Record, wanted: Mapping[str, Any]) -> bool:
    """Whether an order passes an OrderFilterParameter: the operators eq, notEq, in, notIn, and of times."""
    for field, operators in wanted.items():
        if field == "_or":
            if not any(matches(record, one) for one in operators):
                return False
        elif not all(_holds(record[field], operator, value) for operator, value in operators.items()):
            return False
    return True


def _holds(found: Any, operator: str, value: Any) -> bool:  # noqa: ANN401 -- any JSON
    if operator == "eq":
        return bool(found == value)
    if operator == "notEq":
        return bool(found != value)
    if operator == "in":
        return found in value
    if operator == "notIn":
        return found not in value
    if found is None:
        return False
    if operator == "between":
        return bool(_time(value["start"]) <= found <= _time(value["end"]))
    if operator == "after":
        return bool(found > _time(value))
    if operator == "before":
        return bool(found < _time(value))
    raise Refused("GRAPHQL_VALIDATION_FAILED", f'Field "{operator}" is not defined')


def _sort_key(field: str, record: Record) -> Any:  # noqa: ANN401 -- any field
    return int(record[field]) if field == "id" else record[field]


def _time(text: str) -> str:
    return iso(datetime.fromisoformat(text))


def _errors(code: str, message: str, status: int = 200) -> VendorAnswer:
    error = {"message": message, "extensions": {"code": code}}
    return json_answer({"errors": [error], "data": None} if status == 200 else {"errors": [error]}, status)
