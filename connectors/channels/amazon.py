"""Amazon Selling Partner API: Orders 2026-01-01, Login with Amazon, confirmShipment of Orders v0.

Sources: Amazon's own specifications orders_2026-01-01.json and ordersV0.json, whose limits, parameter
names and error forms stand here as they are there.
"""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import msgspec

from connectors.auth import TokenAuth
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
    ConnectorError,
    CredentialsRejected,
    PermissionMissing,
    RateLimited,
    RecordMissing,
    RecordRejected,
    StreamBroken,
)
from connectors.http import Answer, Request, Transport
from connectors.pagination import guarded
from connectors.runtime import NoPacing, Pacer, Rate, Runtime, Token

ORDERS = "/orders/2026-01-01/orders"
SEARCH, GET, CONFIRM = "searchOrders", "getOrder", "confirmShipment"
UNHURRIED = "searchOrders without hurry"
"""The same bucket, of which half a burst is left for what has just changed."""
RATES: Mapping[str, Rate] = {SEARCH: Rate(0.0056, 20), GET: Rate(0.5, 30), CONFIRM: Rate(2.0, 10)}
"""The usage plans of the specifications, in force until an answer states another rate."""

ROLES: Mapping[str, str] = {
    SEARCH: "Inventory and Order Tracking (and, for buyers and addresses, Direct-to-Consumer Delivery)",
    GET: "Inventory and Order Tracking (and, for buyers and addresses, Direct-to-Consumer Delivery)",
    CONFIRM: "Inventory and Order Tracking",
}
INCLUDED = "BUYER,RECIPIENT,PROCEEDS,PROMOTION,CANCELLATION,FULFILLMENT,PACKAGES,PAYMENT"
"""The datasets that the mapping reads; tax registrations and expenses are none of the hub's business."""

OPEN_STATUSES = "PENDING_AVAILABILITY,PENDING,UNSHIPPED,PARTIALLY_SHIPPED"
BEFORE_MARGIN = timedelta(minutes=3)
"""An upper bound must lie two minutes back (spec: lastUpdatedBefore); a nearer one is left to Amazon."""

DONE_WORDS = ("already been fulfilled", "already fulfilled", "already shipped", "already been shipped")
"""How Amazon says that a shipment is known to it (selling-partner-api-models 5037)."""


Shape = TypeVar("Shape")


class _Search(msgspec.Struct):
    orders: list[msgspec.Raw]
    pagination: dict[str, Any] | None = None


class _Single(msgspec.Struct):
    order: msgspec.Raw


class _Identity(msgspec.Struct, rename="camel"):
    order_id: str


class _TokenExpired(CredentialsRejected):
    """Amazon says 403, not 401, when an access token has run out."""


class _Refused(RecordRejected):
    """A 4xx with Amazon's own words."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__(f"{place}: {reason}")
        self.reason = reason


class Amazon:
    """One seller account in one region."""

    settings: ClassVar[Mapping[str, str]] = {
        "base_url": "Regional endpoint, for example https://sellingpartnerapi-eu.amazon.com.",
        "token_url": "Login with Amazon's token endpoint, https://api.amazon.com/auth/o2/token.",
        "marketplace_ids": "Comma-separated ids of the marketplaces to read, for example A1PA6795UKMFR9.",
    }
    optional_settings: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[Mapping[str, str]] = {
        "client_id": "LWA client identifier of the application.",
        "client_secret": "LWA client secret of the application.",
        "refresh_token": "Refresh token that the seller's authorization gave.",
    }
    streams: ClassVar[Mapping[str, Stream]] = {
        "orders": Stream("orders", ReadMode.CHANGES, "orders", lookback=timedelta(minutes=30)),
        "orders_created": Stream("orders_created", ReadMode.CREATED, "orders"),
        "orders_open": Stream("orders_open", ReadMode.SNAPSHOT, "orders", every=timedelta(hours=1)),
    }
    operations: ClassVar[Mapping[str, Operation]] = {
        "confirm_shipment": Operation("confirm_shipment", Safety.KEYED),
    }

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        self._settings = settings
        self._secrets = secrets
        self._runtime = runtime
        self._auth = TokenAuth(
            f"{connection}/lwa", runtime, self._fetch_token, lambda value: {"x-amz-access-token": value}
        )
        login, _, name = settings["token_url"].rpartition("/")
        self._token_path = f"/{name}"
        self._login = Transport(connection, login, runtime, pacer=NoPacing(), classify=self._login_error)
        self._pacing = _StatedRates(connection, runtime)
        self._transports = {
            operation: Transport(
                connection,
                settings["base_url"],
                runtime,
                pacer=self._pacing,
                auth=self._auth,
                classify=partial(self._error, operation),
            )
            for operation in RATES
        }

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Read orders with searchOrders; the bookmark is Amazon's pagination token, good for 24 hours.

        It goes with the parameters that it was given for (spec), so it says whether the upper bound was one.
        """
        if stream not in self.streams:
            raise KeyError(stream)
        return guarded(self._pages(stream, window, bookmark or ""), self.connection)

    def read_one(self, stream: str, external_id: str) -> Page:
        """Read one order with getOrder, which shows cancellation requests that lists may hide."""
        if stream not in self.streams:
            raise KeyError(stream)
        answer = self._send(GET, Request("GET", f"{ORDERS}/{external_id}", {"includedData": INCLUDED}))
        answer = answer.mended()
        record = _record(answer, _decoded(answer, _Single).order)
        return Page("orders", [record], answer.observed_at, answer.vendor_time)

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """Confirm a shipment; Amazon takes the same packageReferenceId of an order only once.

        `body` is {"orderId": ..., "request": the ConfirmShipmentRequest of the specification}.
        """
        if operation not in self.operations:
            raise KeyError(operation)
        request, package = body["request"], body["request"]["packageDetail"]
        if not package.get("trackingNumber"):
            return WriteResult(Outcome.UNSUPPORTED, reason="Amazon takes no shipment without tracking number")
        if not request.get("marketplaceId"):
            return WriteResult(Outcome.REJECTED, reason="the order's marketplaceId is not known")
        path = f"/orders/v0/orders/{quote(body['orderId'], safe='')}/shipmentConfirmation"
        try:
            self._send(CONFIRM, Request("POST", path, json=request, repeatable=True))
        except RecordMissing:
            return WriteResult(Outcome.REJECTED, reason="Amazon knows no such order")
        except _Refused as error:
            if any(words in error.reason.lower() for words in DONE_WORDS):
                return WriteResult(Outcome.APPLIED, package["packageReferenceId"])
            return WriteResult(Outcome.REJECTED, reason=error.reason)
        return WriteResult(Outcome.APPLIED, package["packageReferenceId"])

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """Whether a package of this reference stands on the order already."""
        if operation not in self.operations:
            raise KeyError(operation)
        wanted = body["request"]["packageDetail"]["packageReferenceId"]
        path = f"{ORDERS}/{body['orderId']}"
        order = self._send(GET, Request("GET", path, {"includedData": "PACKAGES"})).json()["order"]
        known = {package.get("packageReferenceId") for package in order.get("packages") or ()}
        return WriteResult(Outcome.APPLIED, wanted) if wanted in known else None

    def _filter(self, stream: str, window: Window, bounded: bool) -> dict[str, str]:
        params = {
            "marketplaceIds": ",".join(self._settings["marketplace_ids"].replace(" ", "").split(",")),
            "maxResultsPerPage": "100",
            "includedData": INCLUDED,
        }
        if stream == "orders_open":
            return {**params, "fulfillmentStatuses": OPEN_STATUSES, "createdAfter": _stamp(_EPOCH)}
        after, before = (
            ("createdAfter", "createdBefore")
            if stream == "orders_created"
            else ("lastUpdatedAfter", "lastUpdatedBefore")
        )
        params[after] = _stamp(window.since)
        if bounded:
            params[before] = _stamp(window.until)
        return params

    def _pages(self, stream: str, window: Window, bookmark: str) -> Iterator[Page]:
        token, _, bound = bookmark.partition(" ")
        resumed = bool(token)
        bounded = bool(bound) if resumed else self._may_be_bounded(window)
        bucket = SEARCH if stream == "orders" else UNHURRIED
        while True:
            params = self._filter(stream, window, bounded)
            asked = {**params, "paginationToken": token} if token else params
            try:
                answer = self._send(SEARCH, Request("GET", ORDERS, asked), bucket)
            except _Refused:
                if not resumed:
                    raise
                token, resumed = "", False  # the token has run out: the window is read from its start
                bounded = self._may_be_bounded(window)
                continue
            resumed = False
            answer = answer.mended()
            found = _decoded(answer, _Search)
            token = (found.pagination or {}).get("nextToken") or ""
            records = [_record(answer, order) for order in found.orders]
            mark = f"{token} bounded" if bounded else token
            yield Page("orders", records, answer.observed_at, answer.vendor_time, mark if token else None)
            if not token:
                return

    def _may_be_bounded(self, window: Window) -> bool:
        return window.until <= self._runtime.clock.now() - BEFORE_MARGIN

    def _send(self, operation: str, request: Request, bucket: str | None = None) -> Answer:
        request = dataclasses.replace(request, bucket=bucket or operation)
        transport = self._transports[operation]
        try:
            answer = transport.send(request)
        except _TokenExpired:
            self._auth.renew()
            answer = transport.send(request)
        self._pacing.learn(operation, answer)
        return answer

    def _error(self, operation: str, answer: Answer) -> ConnectorError | None:
        place = f"{self.connection}: {operation} answered {answer.status}"
        if answer.status == 429:
            wait = timedelta(seconds=1 / self._pacing.rate(operation).per_second)
            return RateLimited(f"{place}: quota exceeded", wait)
        if answer.status == 403:
            if "expired" in _words(answer).lower():
                return _TokenExpired(f"{place}: the access token has expired")
            return PermissionMissing(f"{place}: the application needs the role {ROLES[operation]}")
        if answer.status in (400, 413, 415, 422):
            return _Refused(place, _words(answer))
        return None

    def _login_error(self, answer: Answer) -> ConnectorError | None:
        if answer.status not in (400, 401):
            return None
        try:
            code = answer.json().get("error", "")
        except (StreamBroken, AttributeError):
            code = ""
        return CredentialsRejected(
            f"{self.connection}: Login with Amazon refuses the credentials ({code}); "
            "check client_id, client_secret and refresh_token"
        )

    def _fetch_token(self) -> Token:
        asked_at = self._runtime.clock.now()
        form = {"grant_type": "refresh_token", **{name: self._secrets[name] for name in self.secrets}}
        answer = self._login.send(Request("POST", self._token_path, form=form, repeatable=True)).json()
        try:
            lifetime = timedelta(seconds=int(answer["expires_in"]))
            return Token(answer["access_token"], asked_at + lifetime)
        except (KeyError, TypeError, ValueError) as error:
            raise StreamBroken(f"{self.connection}: Login with Amazon answered without a token") from error


_EPOCH = datetime(1995, 7, 16, tzinfo=UTC)
"""Before Amazon's first order: the open orders are wanted whatever their age."""


class _StatedRates:
    """Pacing by the rate that Amazon states in x-amzn-RateLimit-Limit, by the plan's until it did.

    A stated rate is remembered for a day beside the access token, so that the next process need not
    begin with the slow default; and it has a bucket of its own, since what was spent of a slow bucket
    says nothing of a fast one.
    """

    def __init__(self, connection: str, runtime: Runtime) -> None:
        self._connection = connection
        self._runtime = runtime
        self._stated: dict[str, float] = {}
        self._pacer = self._make()

    def acquire(self, bucket: str, cost: int = 1, spare: int = 0) -> None:
        """Wait for the operation's turn."""
        if bucket == UNHURRIED:
            spare = RATES[SEARCH].burst // 2
        self._pacer.acquire(self._name(bucket), cost, spare)

    def pause(self, bucket: str, seconds: float) -> None:
        """Amazon asked for a pause of this operation."""
        self._pacer.pause(self._name(bucket), seconds)

    def rate(self, operation: str) -> Rate:
        """The rate in force."""
        default = RATES[operation]
        return Rate(self._stated.get(operation, default.per_second), default.burst)

    def learn(self, operation: str, answer: Answer) -> None:
        """Take over the rate that an answer states."""
        try:
            stated = float(answer.headers.get("x-amzn-RateLimit-Limit", ""))
        except ValueError:
            return
        if stated <= 0 or stated == self.rate(operation).per_second:
            return
        remembered = Token(str(stated), self._runtime.clock.now() + timedelta(days=1))
        self._runtime.tokens.put(self._key(operation), remembered)
        self._pacer = self._make()

    def _make(self) -> Pacer:
        now = self._runtime.clock.now()
        for operation in RATES:
            token = self._runtime.tokens.get(self._key(operation))
            if token is not None and token.expires_at > now:
                self._stated[operation] = float(token.value)
        rates = {self._name(operation): self.rate(operation) for operation in RATES}
        return self._runtime.pacer_for(self._connection, rates)

    def _key(self, operation: str) -> str:
        return f"{self._connection}/rate/{operation}"

    def _name(self, operation: str) -> str:
        operation = SEARCH if operation == UNHURRIED else operation
        stated = self._stated.get(operation)
        return operation if stated is None else f"{operation}@{stated:g}"


def _stamp(moment: datetime) -> str:
    """ISO 8601 to the second, rounded down: a window's start includes its second, its end is read again."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _decoded(answer: Answer, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise StreamBroken(f"Amazon's answer has another shape: {error}") from error


def _record(answer: Answer, order: msgspec.Raw) -> RawRecord:
    """An order as it came."""
    try:
        external_id = msgspec.json.decode(order, type=_Identity).order_id
    except (msgspec.DecodeError, UnicodeDecodeError):
        external_id = None
    return answer.record(external_id, bytes(order))


def _words(answer: Answer) -> str:
    """Amazon's error codes and messages."""
    try:
        errors = answer.json()["errors"]
        return "; ".join(
            " ".join(str(error[key]) for key in ("code", "message", "details") if error.get(key))
            for error in errors
        )
    except (StreamBroken, KeyError, TypeError, AttributeError):
        return f"no error message ({len(answer.body)} bytes)"
