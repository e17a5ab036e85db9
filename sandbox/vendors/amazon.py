"""Amazon's Selling Partner API as far as the hub uses it: LWA, Orders 2026-01-01, confirmShipment of v0.

Amounts follow Amazon's own samples: prices without tax, TAX on top of them. What Amazon shows and hides
is imitated too: no amounts, buyer or address while an order is pending, no amounts once it is cancelled,
nothing younger than two minutes in a list.
"""

import base64
import binascii
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar
from urllib.parse import parse_qs
from zlib import crc32

from sandbox.faults import Faults
from sandbox.orders import ShopOrder
from sandbox.vendor import Vendor, VendorAnswer, VendorRequest, json_answer, quoting
from sandbox.vendors.amazon_orders import MARKETPLACES, STATUSES, render, status_of, units_open
from sandbox.world import World

ORDERS = "/orders/2026-01-01/orders"
DATASETS = (
    "BUYER", "RECIPIENT", "PROCEEDS", "EXPENSE", "PROMOTION", "CANCELLATION", "FULFILLMENT", "PACKAGES",
    "TAX", "PAYMENT", "FULFILLMENT_ORDERS",
)  # fmt: skip
PERSONAL = {"BUYER", "RECIPIENT"}
TOKEN_LIFE = timedelta(hours=1)
PAGE_TOKEN_LIFE = timedelta(hours=24)
MAY_CHANGE = ("paginationToken", "maxResultsPerPage", "includedData")
"""The only parameters that may differ from those of the request that gave a pagination token."""
NEWEST = timedelta(minutes=2)
LATE = timedelta(minutes=10)
GRANTED: Mapping[str, tuple[float, int]] = {
    "searchOrders": (50.0, 100),
    "getOrder": (100.0, 200),
    "confirmShipment": (100.0, 200),
}
"""Units a second and burst. Amazon grants busy sellers more than the usage plan, and says so in a header."""


class _Denied(Exception):
    def __init__(self, status: int, code: str, message: str, details: str = "") -> None:
        super().__init__(message)
        errors = [{"code": code, "message": message, "details": details}]
        self.answer = json_answer({"errors": errors}, status, x_amzn_RequestId="sandbox")


@dataclass(slots=True)
class _Bucket:
    level: float
    at: float


class AmazonVendor(Vendor):
    """One seller account. Orders are kept by marketplace, which follows from their currency.

    Attributes:
        secrets: What the connection has to present.

    Args:
        seconds: The clock by which the buckets fill.
    """

    secrets: ClassVar[Mapping[str, str]] = {
        "client_id": "amzn1.application-oa2-client.sandbox",
        "client_secret": "amzn1.oa2-cs.v1.sandbox",
        "refresh_token": "Atzr|sandbox",
    }

    def __init__(
        self,
        world: World,
        connection: str,
        faults: Faults | None = None,
        *,
        granted: Mapping[str, tuple[float, int]] = GRANTED,
        personal_data: bool = True,
        lists_hide_cancellations: bool = False,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        super().__init__(world, connection, faults)
        self._seconds = seconds
        self._granted = granted
        self._personal_data = personal_data
        self._hide = lists_hide_cancellations
        self._tokens: dict[str, datetime] = {}
        self._buckets: dict[str, _Bucket] = {}
        self._references: dict[tuple[str, str], str] = {}
        self._asked: dict[tuple[str, str], str] = {}
        self._shown: dict[str, tuple[int, dict[str, Any], dict[str, Any] | None]] = {}

    def request_cancellation(self, order: ShopOrder, line_id: str, reason: str) -> None:
        """The buyer asks to cancel a line; nothing is cancelled until the seller agrees."""
        self._asked[order.external_id, line_id] = reason
        self.world.touch(order)

    def expire_tokens(self) -> None:
        """All access tokens end now."""
        self._tokens = dict.fromkeys(self._tokens, self.world.now)

    def respond(self, request: VendorRequest) -> VendorAnswer:
        """Answer by the specification."""
        try:
            if (request.method, request.path) == ("POST", "/auth/o2/token"):
                return self._token(request)
            return self._operate(request)
        except _Denied as denied:
            return denied.answer

    def loses(self, request: VendorRequest) -> bool:
        """Only confirmations get lost: a lost token is no write."""
        return request.path.startswith("/orders/") and super().loses(request)

    def _token(self, request: VendorRequest) -> VendorAnswer:
        form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
        if form.get("grant_type") != "refresh_token":
            return json_answer({"error": "unsupported_grant_type", "error_description": "Unsupported"}, 400)
        if any(form.get(name) != self.secrets[name] for name in ("client_id", "client_secret")):
            return json_answer(
                {"error": "invalid_client", "error_description": "Client authentication failed"}, 401
            )
        if form.get("refresh_token") != self.secrets["refresh_token"]:
            return json_answer(
                {"error": "invalid_grant", "error_description": "The request has an invalid grant"}, 400
            )
        value = f"Atza|sandbox-{self.world.serial('amazon/token')}"
        self._tokens[value] = self.world.now + TOKEN_LIFE
        return json_answer(
            {
                "access_token": value,
                "refresh_token": self.secrets["refresh_token"],
                "token_type": "bearer",
                "expires_in": int(TOKEN_LIFE.total_seconds()),
            }
        )

    def _operate(self, request: VendorRequest) -> VendorAnswer:
        parts = request.path.strip("/").split("/")
        if request.method == "GET" and request.path == ORDERS:
            operation = "searchOrders"
        elif request.method == "GET" and request.path.startswith(ORDERS + "/") and len(parts) == 4:
            operation = "getOrder"
        elif request.method == "POST" and parts[:3] == ["orders", "v0", "orders"] and len(parts) == 5:
            operation = "confirmShipment"
        else:
            raise _Denied(404, "NotFound", "The requested resource doesn't exist.")
        self._authorize(request)
        self._throttle(operation)
        if self.faults.strikes("server_error"):
            raise _Denied(500, "InternalFailure", "We encountered an internal error. Please try again.")
        if operation == "searchOrders":
            answer = self._search(request)
        elif operation == "getOrder":
            answer = self._get(parts[3], request)
        else:
            answer = self._confirm(parts[3], request)
        limit = {"x-amzn-RateLimit-Limit": f"{self._granted[operation][0]}", "x-amzn-RequestId": "sandbox"}
        return VendorAnswer(answer.status, answer.body, {**answer.headers, **limit})

    def _authorize(self, request: VendorRequest) -> None:
        expires_at = self._tokens.get(request.header("x-amz-access-token"))
        if expires_at is None or expires_at <= self.world.now:
            details = "The access token you provided is revoked, malformed or invalid."
            if expires_at is not None:
                details = "The access token you provided has expired."
            raise _Denied(403, "Unauthorized", "Access to requested resource is denied.", details)

    def _throttle(self, operation: str) -> None:
        rate, burst = self._granted[operation]
        now = self._seconds()
        bucket = self._buckets.setdefault(operation, _Bucket(burst, now))
        bucket.level = min(burst, bucket.level + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.level < 1 or self.faults.strikes("throttle"):
            raise _Denied(429, "QuotaExceeded", "You exceeded your quota for the requested resource.")
        bucket.level -= 1

    # --- reading

    def _search(self, request: VendorRequest) -> VendorAnswer:
        datasets = self._datasets(request)
        size = _whole(request.param("maxResultsPerPage", "100"), "maxResultsPerPage", 1, 100)
        field, after, before = self._span(request)
        statuses = _listed(request.param("fulfillmentStatuses"), STATUSES, "fulfillmentStatuses")
        marketplaces = [name for name in request.param("marketplaceIds").split(",") if name]
        start = self._offset(request)
        found = sorted(
            (
                order
                for order in self.world.orders_of(self.connection)
                if order.visible_at <= self.world.now
                and after <= getattr(order, field) <= before
                and (not marketplaces or MARKETPLACES[order.currency][0] in marketplaces)
                and (not statuses or status_of(order) in statuses)
            ),
            key=lambda order: (getattr(order, field), order.serial),
        )
        if self.faults.strikes("late_visibility"):
            found = [order for order in found if order.updated_at <= self.world.now - LATE]
        page = found[start : start + size]
        end = start + len(page)
        more = end < len(found)
        if more and self.faults.strikes("repeated_page"):
            end = start
        rendered = self._page(page, datasets)
        bound = "lastUpdatedBefore" if field == "updated_at" else "createdBefore"
        answer: dict[str, Any] = {"orders": rendered, bound: _iso(before)}
        if more:
            serial = self.world.serial("amazon/page")
            mark = f"{end}/{serial}/{self.world.now.timestamp()}/{_digest(request)}"
            answer["pagination"] = {"nextToken": base64.urlsafe_b64encode(mark.encode()).decode()}
        return json_answer(answer)

    def _page(self, orders: Sequence[ShopOrder], datasets: set[str]) -> list[dict[str, Any]]:
        rendered = [self._rendered(order, datasets, listed=True) for order in orders]
        if rendered and self.faults.strikes("missing_address"):
            for one in rendered:
                address = one.get("recipient", {}).get("deliveryAddress", {})
                for field in ("name", "addressLine1", "addressLine2", "phone"):
                    address.pop(field, None)
        if rendered and self.faults.strikes("broken_record"):
            rendered[0]["createdTime"] = "2026-02-31T25:61:00Z"
        if rendered and self.faults.strikes("duplicate_update"):
            rendered.append(rendered[0])
        older = [old for order in orders if (old := self._shown[order.external_id][2])]
        if older and self.faults.strikes("stale_update"):
            rendered.append(older[0])
        if rendered and self.faults.strikes("reordered"):
            rendered.reverse()
        return rendered

    def _rendered(self, order: ShopOrder, datasets: set[str], *, listed: bool) -> dict[str, Any]:
        asked = {line: reason for (own, line), reason in self._asked.items() if own == order.external_id}
        references = {
            told: reference for (own, reference), told in self._references.items() if own == order.external_id
        }
        now = render(order, datasets, {} if listed and self._hide else asked, references)
        revision, shown, older = self._shown.get(order.external_id, (order.revision, now, None))
        if revision != order.revision:
            older = shown
        self._shown[order.external_id] = (order.revision, now, older)
        return now

    def _get(self, order_id: str, request: VendorRequest) -> VendorAnswer:
        order = self._order(order_id)
        return json_answer({"order": self._rendered(order, self._datasets(request), listed=False)})

    def _order(self, order_id: str) -> ShopOrder:
        order = self.world.orders.get((self.connection, order_id))
        if order is None:
            raise _Denied(404, "NotFound", "The requested resource doesn't exist.")
        return order

    def _datasets(self, request: VendorRequest) -> set[str]:
        asked = set(_listed(request.param("includedData"), DATASETS, "includedData"))
        if asked & PERSONAL and not self._personal_data:
            raise _Denied(403, "Unauthorized", "Access to requested resource is denied.")
        return asked

    def _span(self, request: VendorRequest) -> tuple[str, datetime, datetime]:
        created, updated = request.param("createdAfter"), request.param("lastUpdatedAfter")
        if bool(created) == bool(updated):
            raise _invalid("Exactly one of createdAfter and lastUpdatedAfter has to be given.")
        other = "lastUpdatedBefore" if created else "createdBefore"
        if request.param(other):
            raise _invalid(f"{other} cannot be combined with the other filter.")
        newest = self.world.now - NEWEST
        before = request.param("createdBefore" if created else "lastUpdatedBefore")
        after = _moment(created or updated)
        until = _moment(before) if before else newest
        if before and (until > newest or until < after):
            raise _invalid("The upper bound has to be after the lower and two minutes before now.")
        return ("placed_at" if created else "updated_at"), after, until

    def _offset(self, request: VendorRequest) -> int:
        token = request.param("paginationToken")
        if not token:
            return 0
        try:
            offset, _, given_at, digest = base64.urlsafe_b64decode(token.encode()).decode().split("/")
            age = self.world.now.timestamp() - float(given_at)
            if age < PAGE_TOKEN_LIFE.total_seconds() and int(digest) == _digest(request):
                return int(offset)
        except (binascii.Error, UnicodeDecodeError, ValueError):
            pass
        raise _invalid("The paginationToken is invalid or has expired.")

    # --- confirmShipment

    def _confirm(self, order_id: str, request: VendorRequest) -> VendorAnswer:
        order = self._order(order_id)
        try:
            body = request.json()
            package = body["packageDetail"]
            reference, number = str(package["packageReferenceId"]), str(package["trackingNumber"])
            code, marketplace = package["carrierCode"], body["marketplaceId"]
            shipped_at = _moment(package["shipDate"])
            units = {str(item["orderItemId"]): int(item["quantity"]) for item in package["orderItems"]}
        except (ValueError, KeyError, TypeError) as error:
            raise _invalid("Invalid Input") from error
        if not reference.isdigit() or int(reference) < 1:
            raise _invalid("packageReferenceId has to be a positive number.")
        if code == "Other" and not package.get("carrierName"):
            raise _invalid("carrierName is required when carrierCode is Other.")
        if marketplace != MARKETPLACES[order.currency][0]:
            raise _invalid("The order is not from this marketplace.")
        if shipped_at > self.world.now + timedelta(minutes=5):
            raise _invalid("shipDate lies in the future.")
        if (order_id, reference) in self._references:
            return VendorAnswer(204)
        self._check_units(order, units)
        if self.faults.strikes("quoting_refusal"):
            raise _invalid(quoting(order.ship_to))
        carrier = package["carrierName"] if code == "Other" else code
        told = self.world.tell(order, units, carrier, number)
        self._references[order_id, reference] = told.fulfilment_id
        return VendorAnswer(204)

    def _check_units(self, order: ShopOrder, units: Mapping[str, int]) -> None:
        known = {line.line_id for line in order.lines}
        if not units or any(line not in known or count < 1 for line, count in units.items()):
            raise _invalid("An orderItemId or its quantity is invalid.")
        if order.payment == "pending" and order.payment_mode != "cash_on_delivery":
            raise _invalid("The order is pending.")
        if order.cancelled_at:
            raise _invalid("The order has been cancelled.")
        if any(count > units_open(order, line) for line, count in units.items()):
            raise _invalid("PackageToUpdate: these items have already been fulfilled.")


def _invalid(message: str) -> _Denied:
    return _Denied(400, "InvalidInput", message)


def _listed(text: str, allowed: Sequence[str], name: str) -> list[str]:
    values = [value for value in text.split(",") if value]
    if any(value not in allowed for value in values):
        raise _invalid(f"Invalid value in {name}.")
    return values


def _digest(request: VendorRequest) -> int:
    """Of the parameters that a pagination token goes with."""
    kept = sorted((name, values) for name, values in request.query.items() if name not in MAY_CHANGE)
    return crc32(repr(kept).encode())


def _whole(text: str, name: str, low: int, high: int) -> int:
    if not text.isdigit() or not low <= int(text) <= high:
        raise _invalid(f"{name} has to be between {low} and {high}.")
    return int(text)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise _invalid("A date is not in ISO 8601 format.") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
