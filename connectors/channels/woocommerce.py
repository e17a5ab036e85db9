"""WooCommerce REST v3: orders, their refunds, and what a shop can be told of a shipment.

Lists are read by key, never by page number: an order that changes while a list is read moves to its end
and would pull the next page's first order onto the page that was read already. So each page asks for what
changed at or after the last record's second, without the orders of that second that were seen.
Sources: the REST documentation's tables (parameters), the Shipment Tracking plugin's answers (fixtures).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar, TypeVar
from urllib.parse import quote

import msgspec

from connectors.auth import basic
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
    RecordMissing,
    RecordRejected,
    StreamBroken,
)
from connectors.excerpts import is_cut
from connectors.http import Answer, Request, Transport
from connectors.pagination import guarded
from connectors.runtime import Runtime

API = "/wp-json/wc/v3"
PAGE_SIZE = 100
SECOND = timedelta(seconds=1)
BEGINNING = datetime(2011, 9, 27, tzinfo=UTC)
"""WooCommerce's first release: the open orders are wanted whatever their age."""

OPEN_STATUSES = "pending,on-hold,processing"
DRAFT_STATUSES = ("checkout-draft", "auto-draft")
"""Baskets at the checkout and orders that somebody is typing in: none of them is placed, so none is read."""
CLOSED_STATUSES = ("cancelled", "refunded", "failed", "trash")
"""Orders that a shipment must not bring back to life by completing them."""
CANCELLED_STATUSES = ("cancelled", "refunded", "trash")
"""Orders of which nothing is delivered any more."""

RIGHTS = ("woocommerce_rest_cannot_view", "woocommerce_rest_cannot_create", "woocommerce_rest_cannot_edit")


Shape = TypeVar("Shape")


class _Row(msgspec.Struct):
    """What reading needs of an order; plugins put anything into any of it."""

    id: Any = None
    status: Any = None
    date_modified_gmt: Any = None
    date_created_gmt: Any = None
    refunds: msgspec.Raw = msgspec.Raw(b"[]")

    @property
    def external_id(self) -> str | None:
        """The order's id, as text; None if it has none that can be read."""
        return None if self.id is None or is_cut(str(self.id)) else str(self.id)

    @property
    def is_draft(self) -> bool:
        """Whether nobody has placed it."""
        return str(self.status).removeprefix("wc-") in DRAFT_STATUSES

    @property
    def is_refunded(self) -> bool:
        """Whether it names refunds, whose details are asked for."""
        try:
            return bool(msgspec.json.decode(self.refunds, type=list[msgspec.Raw] | None))
        except msgspec.DecodeError:
            return False


class _Bookmark(msgspec.Struct):
    """Where a list goes on: at this second, without these orders."""

    at: str
    seen: list[str]


class _NoRoute(RecordMissing):
    """The shop has no such endpoint: the plugin is not there."""


class WooCommerce:
    """One shop."""

    settings: ClassVar[Mapping[str, str]] = {
        "base_url": "The shop's address, for example https://shop.example.",
    }
    optional_settings: ClassVar[Mapping[str, str]] = {
        "timezone": "The shop's time zone (Europe/Berlin), for records that lack their GMT times.",
    }
    secrets: ClassVar[Mapping[str, str]] = {
        "consumer_key": "Key of a REST API key with read and write permission (ck_...).",
        "consumer_secret": "Secret of the same key (cs_...).",
    }
    streams: ClassVar[Mapping[str, Stream]] = {
        "orders": Stream("orders", ReadMode.CHANGES, "orders", lookback=timedelta(minutes=15)),
        "orders_created": Stream("orders_created", ReadMode.CREATED, "orders"),
        "orders_open": Stream("orders_open", ReadMode.SNAPSHOT, "orders", every=timedelta(hours=1)),
    }
    operations: ClassVar[Mapping[str, Operation]] = {
        "confirm_shipment": Operation("confirm_shipment", Safety.LOOK_UP, settle=timedelta(seconds=30)),
        "cancel_lines": Operation("cancel_lines", Safety.SETS_VALUE),
    }

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        self._transport = Transport(
            connection,
            settings["base_url"].rstrip("/") + API,
            runtime,
            pacer=runtime.pacer_for(connection, {}),
            auth=basic(secrets["consumer_key"], secrets["consumer_secret"]),
            classify=self._error,
        )

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Read orders, oldest first by the time that the stream goes by; refunded ones with their refunds."""
        if stream not in self.streams:
            raise KeyError(stream)
        return guarded(self._pages(stream, window, bookmark), self.connection)

    def read_one(self, stream: str, external_id: str) -> Page:
        """Read one order."""
        if stream not in self.streams:
            raise KeyError(stream)
        answer = self._transport.send(Request("GET", f"/orders/{quote(external_id, safe='')}")).mended()
        raw = _decoded(answer, msgspec.Raw)  # an error page is no order
        record = self._record(answer, raw, msgspec.structs.replace(_row(raw), id=external_id))
        return Page("orders", [record], answer.observed_at, answer.vendor_time)

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """Do `confirm_shipment` or `cancel_lines`.

        The body of the one: {"orderId", "tracking", "note", "complete"}; of the other: {"orderId", "whole"}.
        """
        if operation not in self.operations:
            raise KeyError(operation)
        try:
            if operation == "cancel_lines":
                return self._cancel(body)
            return self._confirm(body)
        except RecordMissing:
            return WriteResult(Outcome.REJECTED, reason="the shop knows no such order")
        except RecordRejected as error:
            return WriteResult(Outcome.REJECTED, reason=str(error))

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """Whether the shop shows all that `confirm_shipment` was to tell it."""
        if operation not in self.operations:
            raise KeyError(operation)
        path = _path(body)
        status = self._transport.send(Request("GET", path)).json().get("status")
        if body["complete"] and status != "completed":
            return None
        told = self._trackings(path)
        if told is not None and body["tracking"]:
            found = _tracking_id(told, body["tracking"]["tracking_number"])
        else:
            found = self._note_id(path, body["note"])
        return None if found is None else WriteResult(Outcome.APPLIED, found)

    # --- reading

    def _pages(self, stream: str, window: Window, bookmark: str | None) -> Iterator[Page]:
        by = "date_modified_gmt" if stream == "orders" else "date_created_gmt"
        since = BEGINNING if stream == "orders_open" else window.since
        place = _Bookmark(_stamp(since), []) if bookmark is None else _resumed(bookmark)
        while True:
            request = Request("GET", "/orders", self._filter(stream, window, place))
            answer = self._transport.send(request).mended()
            rows = [(raw, _row(raw)) for raw in _decoded(answer, list[msgspec.Raw])]
            following = _next(place, [row for _, row in rows], by) if len(rows) >= PAGE_SIZE else None
            records = [self._record(answer, raw, row) for raw, row in rows if not row.is_draft]
            mark = None if following is None else msgspec.json.encode(following).decode()
            yield Page("orders", records, answer.observed_at, answer.vendor_time, mark)
            if following is None:
                return
            place = following

    def _filter(self, stream: str, window: Window, place: _Bookmark) -> dict[str, str]:
        """The parameters; both bounds are exclusive, so each is set one second outwards."""
        prefix = "modified_" if stream == "orders" else ""
        params = {
            "per_page": str(PAGE_SIZE),
            "orderby": "modified" if stream == "orders" else "date",
            "order": "asc",
            "dates_are_gmt": "true",
            f"{prefix}after": _stamp(_moment(place.at) - SECOND),
        }
        if stream == "orders_open":
            params["status"] = OPEN_STATUSES
        else:
            params[f"{prefix}before"] = _stamp(window.until + SECOND)
        if place.seen:
            params["exclude"] = ",".join(place.seen)
        return params

    def _record(self, answer: Answer, raw: msgspec.Raw, row: _Row) -> RawRecord:
        """The order as it came, with its refunds' details appended as `refunds_detail`."""
        record = answer.record(row.external_id, bytes(raw))
        if row.external_id is None or not row.is_refunded:
            return record
        path = f"/orders/{quote(row.external_id, safe='')}/refunds"
        refunds = self._transport.send(Request("GET", path, {"per_page": str(PAGE_SIZE)})).mended()
        _decoded(refunds, list[msgspec.Raw])
        told = refunds.record(row.external_id, refunds.body.strip()).payload
        payload = record.payload.rstrip()[:-1] + b',"refunds_detail":' + told + b"}"
        return RawRecord(record.external_id, payload)

    # --- writing

    def _confirm(self, body: Json) -> WriteResult:
        """Tell the shop of a shipped parcel; what it was told before is not told again.

        With the Shipment Tracking plugin the order gets a tracking, without it a note; when all is shipped,
        its status becomes `completed`. A part of an order cannot be told without the plugin.
        """
        path = _path(body)
        order = self._transport.send(Request("GET", path)).json()
        status = str(order.get("status", ""))
        if status in CLOSED_STATUSES:
            return WriteResult(Outcome.REJECTED, reason=f"the order is {status}")
        told = self._trackings(path)
        if told is None and not body["complete"]:
            return WriteResult(
                Outcome.UNSUPPORTED, reason="without the Shipment Tracking plugin a part cannot be told"
            )
        vendor_ref = self._tell(path, body, told)
        if body["complete"] and status != "completed":
            self._set_status(path, "completed")
        return WriteResult(Outcome.APPLIED, vendor_ref)

    def _cancel(self, body: Json) -> WriteResult:
        """Cancel an order of which nothing was sent. A part of one cannot be cancelled in a shop.

        The lines of a paid order could be edited, but then its total would be smaller than what was paid,
        and nothing would say what is owed; a refund moves money.
        """
        if not body["whole"]:
            return WriteResult(
                Outcome.UNSUPPORTED, reason="a shop cancels whole orders only; refund the part there"
            )
        path = _path(body)
        status = str(self._transport.send(Request("GET", path)).json().get("status", ""))
        if status in CANCELLED_STATUSES:
            return WriteResult(Outcome.APPLIED)
        if status == "completed" or self._trackings(path):
            return WriteResult(
                Outcome.REJECTED,
                reason="the shop says that it was sent; if it was not, refund it in the shop",
            )
        self._set_status(path, "cancelled")
        return WriteResult(Outcome.APPLIED)

    def _set_status(self, path: str, status: str) -> None:
        request = Request("PUT", path, json={"status": status}, repeatable=True)
        # A page for people comes with 200 too, and then nothing was done: the answer has to be JSON.
        self._transport.send(request).json()

    def _trackings(self, path: str) -> Sequence[Mapping[str, Any]] | None:
        """What the Shipment Tracking plugin was told, or None where the shop has no such plugin."""
        try:
            told = self._transport.send(Request("GET", f"{path}/shipment-trackings")).json()
        except _NoRoute:
            return None
        return told if isinstance(told, list) else []

    def _tell(self, path: str, body: Json, told: Sequence[Mapping[str, Any]] | None) -> str | None:
        tracking = body["tracking"]
        if told is not None and tracking:
            known = _tracking_id(told, tracking["tracking_number"])
            if known is not None:
                return known
            made = self._transport.send(Request("POST", f"{path}/shipment-trackings", json=tracking)).json()
            return str(made.get("tracking_id", "")) or None
        known = self._note_id(path, body["note"])
        if known is not None:
            return known
        made = self._transport.send(Request("POST", f"{path}/notes", json={"note": body["note"]})).json()
        return str(made.get("id", "")) or None

    def _note_id(self, path: str, note: str) -> str | None:
        notes = self._transport.send(Request("GET", f"{path}/notes")).json()
        return next((str(one["id"]) for one in notes if one.get("note") == note), None)

    def _error(self, answer: Answer) -> ConnectorError | None:
        if answer.status not in (400, 401, 403, 404):
            return None
        try:
            body = answer.json()
            code = str(body.get("code") or body.get("error") or "")
        except (StreamBroken, AttributeError):
            code = ""
        place = f"{self.connection}: answered {answer.status} {code}".rstrip()
        if code == "rest_no_route":
            return _NoRoute(place)
        if code in RIGHTS and answer.status in (401, 403):
            return PermissionMissing(f"{place}: give the REST API key the permission Read/Write")
        if answer.status == 401:
            return CredentialsRejected(f"{place}: check consumer_key and consumer_secret")
        return RecordRejected(place) if answer.status == 400 else None


def _path(body: Json) -> str:
    return f"/orders/{quote(body['orderId'], safe='')}"


def _next(place: _Bookmark, rows: Sequence[_Row], by: str) -> _Bookmark:
    """Where the page after these orders begins. An order without an id is not excluded: it may come again."""
    stamps = [getattr(row, by) for row in rows]
    latest = max((stamp for stamp in stamps if _is_moment(stamp)), default=None)
    if latest is None:
        raise StreamBroken(f"a full page of orders without {by} cannot be continued")
    ids = [row.external_id for row in rows]
    seen = [one for one, stamp in zip(ids, stamps, strict=True) if one is not None and stamp == latest]
    return _Bookmark(latest, [*place.seen, *seen] if latest == place.at else seen)


def _is_moment(stamp: object) -> bool:
    try:
        return isinstance(stamp, str) and bool(datetime.fromisoformat(stamp))
    except ValueError:
        return False


def _resumed(bookmark: str) -> _Bookmark:
    return msgspec.json.decode(bookmark, type=_Bookmark)


def _decoded(answer: Answer, shape: type[Shape]) -> Shape:
    try:
        return msgspec.json.decode(answer.body, type=shape)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        kind = answer.headers.get("Content-Type", "no content type")
        raise StreamBroken(f"the shop's answer holds no records ({kind})") from error


def _row(raw: msgspec.Raw) -> _Row:
    try:
        return msgspec.json.decode(raw, type=_Row)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return _Row()


def _tracking_id(told: Sequence[Mapping[str, Any]], number: str) -> str | None:
    found = (one for one in told if one.get("tracking_number") == number)
    return next((str(one.get("tracking_id", number)) for one in found), None)


def _stamp(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _moment(stamp: str) -> datetime:
    moment = datetime.fromisoformat(stamp)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
