"""A WooCommerce shop's REST v3 as far as the hub uses it, with the Shipment Tracking plugin if wanted.

As in a real shop: times are the shop's own unless `dates_are_gmt` is given, bounds are exclusive, pages
are cut from the list as it is at the moment, and a parcel's tracking says nothing of what is in it.
"""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sandbox.faults import Faults
from sandbox.orders import ShopOrder
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer, quoting
from sandbox.vendors.woocommerce_orders import refunds_of, render, status_of
from sandbox.world import World

API = "/wp-json/wc/v3"
STATUSES = (
    "any",
    "pending",
    "processing",
    "on-hold",
    "completed",
    "cancelled",
    "refunded",
    "failed",
    "trash",
)
ORDER_BY = {"date": "placed_at", "modified": "updated_at", "id": "serial"}
LATE = timedelta(minutes=10)
HTML = b"<!DOCTYPE html><html><head><title>Error</title></head><body>Please try again later.</body></html>"


class _Refusal(Exception):
    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.answer = json_answer({"code": code, "message": message, "data": {"status": status}}, status)


class WooCommerceVendor(Vendor):
    """One shop.

    Attributes:
        secrets: What the connection has to present.
        drafts: By order id, the status of what nobody has placed yet: "checkout-draft" or "auto-draft".
    """

    secrets: ClassVar[dict[str, str]] = {
        "consumer_key": "ck_sandbox",
        "consumer_secret": "cs_sandbox",
    }

    def __init__(
        self,
        world: World,
        connection: str,
        faults: Faults | None = None,
        *,
        shipment_tracking: bool = True,
        timezone: str = "Europe/Berlin",
        rounds_tax_at_subtotal: bool = False,
    ) -> None:
        super().__init__(world, connection, faults)
        self.drafts: dict[str, str] = {}
        self._plugin = shipment_tracking
        self._zone = ZoneInfo(timezone)
        self._rounds_late = rounds_tax_at_subtotal
        self._trackings: dict[str, list[dict[str, Any]]] = {}
        self._notes: dict[str, list[dict[str, Any]]] = {}
        self._shown: dict[str, tuple[int, dict[str, Any], dict[str, Any] | None]] = {}

    def respond(self, request: VendorRequest) -> VendorAnswer:
        """Answer by the REST documentation."""
        if self.faults.strikes("throttle"):
            return VendorAnswer(429, HTML, {"Content-Type": "text/html", "Retry-After": "1"})
        if self.faults.strikes("server_error"):
            return VendorAnswer(503, HTML, {"Content-Type": "text/html"})
        try:
            self._authorize(request)
            return self._route(request)
        except _Refusal as refusal:
            return refusal.answer

    def _authorize(self, request: VendorRequest) -> None:
        pair = ":".join((self.secrets["consumer_key"], self.secrets["consumer_secret"]))
        if request.header("Authorization") == "Basic " + base64.b64encode(pair.encode()).decode():
            return
        if request.header("Authorization"):
            raise _Refusal(401, "woocommerce_rest_authentication_error", "Consumer key is invalid.")
        raise _Refusal(401, "woocommerce_rest_cannot_view", "Sorry, you cannot list resources.")

    def _route(self, request: VendorRequest) -> VendorAnswer:
        parts = request.path.removeprefix(API).strip("/").split("/")
        if request.path.startswith(API) and parts[0] == "orders" and len(parts) <= 3:
            if len(parts) == 1 and request.method == "GET":
                return self._list(request)
            if len(parts) == 2 and request.method == "GET":
                return json_answer(self._rendered(self._order(parts[1])))
            if request.method != "GET" and len(parts) > 1 and self.faults.strikes("quoting_refusal"):
                raise _Refusal(400, "rest_invalid_param", quoting(self._order(parts[1]).ship_to))
            if len(parts) == 2 and request.method == "PUT":
                return self._update(self._order(parts[1]), request)
            if len(parts) == 3:
                answer = self._below(self._order(parts[1]), parts[2], request)
                if answer is not None:
                    return answer
        raise _Refusal(404, "rest_no_route", "No route was found matching the URL and request method.")

    def _below(self, order: ShopOrder, name: str, request: VendorRequest) -> VendorAnswer | None:
        match request.method, name:
            case "GET", "refunds":
                return json_answer(refunds_of(order, self._zone))
            case "GET", "notes":
                return json_answer(self._notes.get(order.external_id, []))
            case "POST", "notes":
                return self._note(order, request)
            case "GET", "shipment-trackings" if self._plugin:
                return json_answer(self._trackings.get(order.external_id, []))
            case "POST", "shipment-trackings" if self._plugin:
                return self._track(order, request)
        return None

    def _order(self, order_id: str) -> ShopOrder:
        order = self.world.orders.get((self.connection, order_id))
        if order is None:
            raise _Refusal(404, "woocommerce_rest_shop_order_invalid_id", "Invalid ID.")
        return order

    # --- reading

    def _list(self, request: VendorRequest) -> VendorAnswer:
        size = _whole(request, "per_page", 10, 100)
        page = _whole(request, "page", 1, 1_000_000)
        statuses = [one for one in request.param("status", "any").split(",") if one]
        if any(one not in STATUSES for one in statuses):
            raise _invalid("status")
        order_by, direction = request.param("orderby", "date"), request.param("order", "desc")
        if order_by not in ORDER_BY or direction not in ("asc", "desc"):
            raise _invalid("orderby")
        excluded = set(request.param("exclude").split(","))
        found = [
            order
            for order in self.world.orders_of(self.connection)
            if order.visible_at <= self.world.now
            and order.external_id not in excluded
            and ("any" in statuses or self.drafts.get(order.external_id, status_of(order)) in statuses)
            and self._inside(request, order)
        ]
        if self.faults.strikes("late_visibility"):
            found = [order for order in found if order.updated_at <= self.world.now - LATE]
        field = ORDER_BY[order_by]
        found.sort(key=lambda order: (getattr(order, field), order.serial), reverse=direction == "desc")
        start = (page - 1) * size
        if start and self.faults.strikes("repeated_page"):
            start -= size
        pages = -(-len(found) // size)
        headers = {"X-WP-Total": str(len(found)), "X-WP-TotalPages": str(pages)}
        if page < pages:
            headers["Link"] = f'<{request.path}?page={page + 1}>; rel="next"'
        answer = json_answer(self._page(found[start : start + size]))
        return VendorAnswer(answer.status, answer.body, {**answer.headers, **headers})

    def _inside(self, request: VendorRequest, order: ShopOrder) -> bool:
        """Whether an order lies inside the bounds, which are exclusive and local unless said otherwise."""
        zone = UTC if request.param("dates_are_gmt") == "true" else self._zone
        bounds = (
            ("after", order.placed_at, 1),
            ("before", order.placed_at, -1),
            ("modified_after", order.updated_at, 1),
            ("modified_before", order.updated_at, -1),
        )
        for name, moment, sign in bounds:
            text = request.param(name)
            if text:
                bound = _moment(text, name)
                own = moment.astimezone(zone).replace(tzinfo=None, microsecond=0)
                if (own - bound).total_seconds() * sign <= 0:
                    return False
        return True

    def _page(self, orders: Sequence[ShopOrder]) -> list[dict[str, Any]]:
        rendered = [self._rendered(order) for order in orders]
        if rendered and self.faults.strikes("missing_address"):
            for one in rendered:
                one["shipping"] |= {"first_name": "", "last_name": "", "address_1": "", "address_2": ""}
        if rendered and self.faults.strikes("broken_record"):
            rendered[0]["date_created_gmt"] = "2026-02-31T25:61:00"
        if rendered and self.faults.strikes("duplicate_update"):
            rendered.append(rendered[0])
        older = [old for order in orders if (old := self._shown[order.external_id][2])]
        if older and self.faults.strikes("stale_update"):
            rendered.append(older[0])
        if rendered and self.faults.strikes("reordered"):
            rendered.reverse()
        return rendered

    def _rendered(self, order: ShopOrder) -> dict[str, Any]:
        trackings = self._trackings.get(order.external_id, []) if self._plugin else None
        now = render(order, self._zone, trackings, rounds_late=self._rounds_late)
        now["status"] = self.drafts.get(order.external_id, now["status"])
        revision, shown, older = self._shown.get(order.external_id, (order.revision, now, None))
        self._shown[order.external_id] = (order.revision, now, shown if revision != order.revision else older)
        return now

    # --- writing

    def _update(self, order: ShopOrder, request: VendorRequest) -> VendorAnswer:
        """A status, and nothing else. Completed: all that is left was shipped. Cancelled: nothing will be."""
        status = _body(request).get("status")
        if status not in STATUSES or status == "any":
            raise _invalid("status")
        if status == "cancelled" and status_of(order) != "cancelled":
            self.world.cancel(order)
        if status == "completed" and status_of(order) != "completed":
            left = {line.line_id: line.current - order.told_units(line.line_id) for line in order.lines}
            left = {line: units for line, units in left.items() if units}
            if order.told and not order.told[-1].lines:
                order.told[-1] = replace(order.told[-1], lines=left, told_at=self.world.now)
                self.world.touch(order)
            else:
                self.world.tell(order, left, None, None)
        return json_answer(self._rendered(order))

    def _note(self, order: ShopOrder, request: VendorRequest) -> VendorAnswer:
        text = _body(request).get("note")
        if not text:
            raise _Refusal(400, "rest_missing_callback_param", "Missing parameter(s): note")
        made = {
            "id": self.world.serial(f"{self.connection}/note"),
            "author": "system",
            **self._date("date_created"),
            "note": text,
            "customer_note": bool(_body(request).get("customer_note", False)),
        }
        self._notes.setdefault(order.external_id, []).append(made)
        order.notes_added.append(text)
        return json_answer(made, 201)

    def _track(self, order: ShopOrder, request: VendorRequest) -> VendorAnswer:
        body = _body(request)
        number = body.get("tracking_number")
        provider = body.get("tracking_provider") or body.get("custom_tracking_provider")
        if not number or provider is None:
            raise _Refusal(400, "rest_missing_callback_param", "Missing parameter(s): tracking_number")
        seen = self._trackings.setdefault(order.external_id, [])
        made = {
            "tracking_id": hashlib.md5(f"{number}/{len(seen)}".encode(), usedforsecurity=False).hexdigest(),
            "tracking_provider": provider,
            "tracking_link": body.get("custom_tracking_link") or "",
            "tracking_number": number,
            "date_shipped": body.get("date_shipped") or f"{self.world.now:%Y-%m-%d}",
        }
        seen.append(made)
        self.world.tell(order, {}, provider, number)
        return json_answer(made, 201)

    def _date(self, name: str) -> dict[str, str]:
        local, gmt = self.world.now.astimezone(self._zone), self.world.now.astimezone(UTC)
        return {name: f"{local:%Y-%m-%dT%H:%M:%S}", f"{name}_gmt": f"{gmt:%Y-%m-%dT%H:%M:%S}"}


def _invalid(name: str) -> _Refusal:
    return _Refusal(400, "rest_invalid_param", f"Invalid parameter(s): {name}")


def _whole(request: VendorRequest, name: str, default: int, most: int) -> int:
    text = request.param(name, str(default))
    if not text.isdigit() or not 1 <= int(text) <= most:
        raise _invalid(name)
    return int(text)


def _moment(text: str, name: str) -> datetime:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=None)
    except ValueError as error:
        raise _invalid(name) from error


def _body(request: VendorRequest) -> dict[str, Any]:
    try:
        body = request.json()
    except ValueError as error:
        raise _Refusal(400, "rest_invalid_json", "Invalid JSON body passed.") from error
    return body if isinstance(body, dict) else {}
