"""Tryton 8.2 as a warehouse system, over its REST application.

It needs the modules stock, stock_lot, stock_package and stock_package_shipping, and a user application
key of a user in the groups "Stock" and "Party Administration". Facts, each seen at a running 8.2.1:

- Stock per bin is `quantity` read with the bin in the context: physical, and gone from the bin when the
  shipment is picked. What lies picked in the output zone is not counted.
- A shipment's `write_date` does not move when only its moves or packages change (a lot set by hand, a
  try to assign that falls short), so the dates of moves and packages are asked for too. They are a
  transaction's start, hence the lookback.
- A reference may be used twice, so each push looks for it first.
"""

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, ClassVar

import msgspec

from connectors.auth import HeaderAuth
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
from connectors.errors import RecordMissing, RecordRejected
from connectors.http import Transport
from connectors.pagination import guarded
from connectors.runtime import Runtime
from connectors.wms.tryton_picklists import SHIPMENTS, Picklists
from connectors.wms.tryton_rest import Rest, refusal, timestamp

PAGE = 100
BINS = 25
"""Bins in a page of stock; each costs one request, and one more if it may hold lots."""
SHIPMENT_FIELDS = (
    *("number", "reference", "state", "create_date", "write_date", "effective_date", "shipping_reference"),
    *("warehouse.code", "carrier.party.name"),
    *(
        f"{moves}.{field}"
        for moves in ("inventory_moves", "outgoing_moves")
        for field in (
            *("product.code", "internal_quantity", "state", "lot.number", "from_location.code"),
            *("create_date", "write_date"),
        )
    ),
    *("packages.number", "packages.shipping_reference", "packages.shipping_tracking_url", "packages.parent"),
    *("packages.create_date", "packages.write_date"),
    *("packages.moves.product.code", "packages.moves.internal_quantity", "packages.moves.lot.number"),
)
ENCODER = msgspec.json.Encoder(decimal_format="number")


class Tryton:
    """One Tryton database."""

    settings: ClassVar[Mapping[str, str]] = {
        "base_url": "the server's address, for example https://erp.example.com",
        "database": "the database's name, the first part of its REST paths",
        "company": "the id of the company that the warehouses belong to, for example 1",
    }
    optional_settings: ClassVar[Mapping[str, str]] = {}
    secrets: ClassVar[Mapping[str, str]] = {
        "key": "a validated user application key for the application rest"
    }
    streams: ClassVar[Mapping[str, Stream]] = {
        "stock": Stream("stock", ReadMode.SNAPSHOT, "stock"),
        "shipments": Stream("shipments", ReadMode.CHANGES, "shipments", lookback=timedelta(minutes=5)),
    }
    operations: ClassVar[Mapping[str, Operation]] = {
        "push_picklist": Operation("push_picklist", Safety.LOOK_UP, settle=timedelta(minutes=1)),
        "amend_picklist": Operation("amend_picklist", Safety.SETS_VALUE),
        "cancel_picklist": Operation("cancel_picklist", Safety.SETS_VALUE),
    }

    def __init__(
        self, connection: str, settings: Mapping[str, str], secrets: Mapping[str, str], runtime: Runtime
    ) -> None:
        self.connection = connection
        transport = Transport(
            connection,
            settings["base_url"],
            runtime,
            pacer=runtime.pacer_for(connection, {}),
            auth=HeaderAuth("Authorization", f"Bearer {secrets['key']}"),
            classify=refusal,
        )
        self._rest = Rest(transport, settings["database"], int(settings["company"]))
        self._picklists = Picklists(self._rest, int(settings["company"]))

    def read(self, stream: str, window: Window, bookmark: str | None = None) -> Iterator[Page]:
        """Read stock, one record a bin; or the shipments that changed since the window's start."""
        after = int(bookmark or 0)
        pages = self._stock(after) if stream == "stock" else self._shipments(window, after)
        return guarded(pages, self.connection)

    def read_one(self, stream: str, external_id: str) -> Page:
        """Read one shipment, or the stock of one bin, by Tryton's id."""
        if stream == "shipments":
            answer, found = self._rest.get(SHIPMENTS, int(external_id), SHIPMENT_FIELDS, mended=True)
            record = answer.record(str(found["id"]), ENCODER.encode(found))
            return Page("shipments", (record,), answer.observed_at, answer.vendor_time)
        for page in self._stock(int(external_id) - 1):
            if page.records and page.records[0].external_id == external_id:
                return Page("stock", page.records[:1], page.observed_at, page.vendor_time)
            break
        raise RecordMissing(f"{self.connection}: no bin {external_id}")

    def write(self, operation: str, body: Json, reference: str) -> WriteResult:
        """Push, amend or cancel a picklist. A short one is applied: it stays waiting in Tryton."""
        steps = {
            "push_picklist": self._picklists.push,
            "amend_picklist": self._picklists.amend,
            "cancel_picklist": self._picklists.cancel,
        }
        try:
            return steps[operation](body)
        except RecordRejected as error:
            return WriteResult(Outcome.REJECTED, reason=str(error))

    def look_up(self, operation: str, body: Json, reference: str) -> WriteResult | None:
        """Whether a push arrived and went all the way; a half one is to be sent again."""
        found = self._picklists.find(body)
        if found is None or found["state"] in ("draft", "waiting"):
            return None
        return WriteResult(Outcome.APPLIED, str(found["id"]))

    def _shipments(self, window: Window, after: int) -> Iterator[Page]:
        since = timestamp(window.since)
        changed = [
            [f"{place}{field}", ">=", since]
            for place in ("", "moves.", "packages.")
            for field in ("create_date", "write_date")
        ]
        while True:
            domain = [["id", ">", after], ["OR", *changed]]
            answer, found = self._rest.search(SHIPMENTS, domain, SHIPMENT_FIELDS, limit=PAGE, mended=True)
            after = found[-1]["id"] if found else after
            more = len(found) == PAGE
            yield Page(
                "shipments",
                tuple(answer.record(str(item["id"]), ENCODER.encode(item)) for item in found),
                answer.observed_at,
                answer.vendor_time,
                str(after) if more else None,
            )
            if not more:
                return

    def _stock(self, after: int) -> Iterator[Page]:
        """Pages of bins. A page is as old as the first request made for it."""
        bins = [place for place in self._bins() if place["id"] > after]
        with_lots = self._products_with_lots()
        for start in range(0, max(len(bins), 1), BINS):
            chunk = bins[start : start + BINS]
            observed_at, vendor_time, records = None, None, []
            for place in chunk:
                context = {"locations": [place["id"]], "with_childs": False}
                there = [["quantity", "!=", 0]]
                answer, products = self._rest.search(
                    "product.product", there, ("code", "quantity"), context=context
                )
                lots: list[Any] = []
                if any(product["id"] in with_lots for product in products):
                    fields = ("number", "product.code", "quantity")
                    _, lots = self._rest.search("stock.lot", there, fields, context=context)
                observed_at = observed_at or answer.observed_at
                vendor_time = vendor_time or answer.vendor_time
                level = {**place, "products": products, "lots": lots}
                records.append(RawRecord(str(place["id"]), ENCODER.encode(level)))
            if observed_at is None:
                return
            last = start + BINS >= len(bins)
            yield Page("stock", records, observed_at, vendor_time, None if last else str(chunk[-1]["id"]))

    def _products_with_lots(self) -> set[int]:
        zones = [place["storage_location"] for place in self._picklists.warehouses.values()]
        _, lots = self._rest.search(
            "stock.lot", [["quantity", "!=", 0]], ("product",), context={"locations": zones}
        )
        return {lot["product"] for lot in lots}

    def _bins(self) -> list[Any]:
        """The places below each warehouse's storage zone, and the zone itself, by id."""
        places: list[Any] = []
        for warehouse in self._picklists.warehouses.values():
            domain = [["parent", "child_of", [warehouse["storage_location"]]], ["type", "=", "storage"]]
            _, found = self._rest.search("stock.location", domain, ("code", "name"))
            places += [
                {**place, "warehouse": {"id": warehouse["id"], "code": warehouse["code"]}} for place in found
            ]
        return sorted(places, key=lambda place: place["id"])
