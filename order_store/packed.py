"""The parcels of a picklist, as its WMS packs them. A parcel exists in the hub once it has left."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import msgspec
from msgspec import UNSET
from sqlalchemy import Connection, Row, func, select, update

from normalization.records import PickedLine, WmsParcel, WmsShipment
from normalization.statuses import TrackingStatus, WmsState
from order_store.dialects import insert_rows, rows_where
from order_store.packing import Item, LineSku, Place, unpack, whole_units
from order_store.schema.fulfilment import (
    allocations,
    parcel_items,
    parcel_lines,
    parcels,
    picklist_lines,
    picks,
)
from order_store.schema.orders import line_components

TrackedBy = Callable[[str | None], str | None]
"""The connection that tracks a carrier's parcels, or None."""


@dataclass(frozen=True, slots=True)
class Packing:
    """What became of a picklist's parcels.

    Attributes:
        new: Parcels that were made.
        to_confirm: Parcels that the channel can be told of from now on: they have left, and have a tracking
            number or never get one. A parcel without a number is named again each time.
        changed: Whether any parcel is new or another than it was.
        sent: Units of the picklist that have left so far, by (line_no, SKU).
        missing: Units by SKU that were asked for and have not left.
        news: Kind and detail of events for the timeline.
    """

    new: tuple[int, ...] = ()
    to_confirm: tuple[int, ...] = ()
    changed: bool = False
    sent: Mapping[LineSku, int] = field(default_factory=dict)
    missing: Mapping[str, int] = field(default_factory=dict)
    news: tuple[tuple[str, dict[str, Any]], ...] = ()


@dataclass(slots=True)
class _Open:
    """What a picklist still waits for, and what it has sent."""

    wanted: dict[LineSku, int]
    sent: dict[LineSku, int]
    places: dict[Place, int]
    components: Mapping[int, Mapping[str, int]]
    asked: Mapping[int, int]
    complete: dict[int, int]


def pack(tx: Connection, picklist: Row[Any], shipment: WmsShipment, tracked_by: TrackedBy) -> Packing:
    """Make and mend the parcels that a WMS tells of.

    What is in a parcel is fixed when it leaves; carrier, tracking number and link may come later or be
    mended. A parcel of which the WMS does not say what is in it holds what no other one holds, once the
    picklist is shipped.

    Args:
        tx: A write transaction that holds the order's lock.
        picklist: Its row, as it was before.
        shipment: What the WMS says.
        tracked_by: The connection that tracks a carrier's parcels.
    """
    known = {
        row["wms_parcel_id"]: row for row in rows_where(tx, parcels, parcels.c.picklist_id, [picklist.id])
    }
    all_left = shipment.state is WmsState.SHIPPED
    still_open = _open(tx, picklist)
    new: list[int] = []
    to_confirm: list[int] = []
    news: list[tuple[str, dict[str, Any]]] = []
    changed = False
    for told in _left(shipment, known):
        row = known.get(told.parcel_id)
        numbered = told.tracking_number is not None
        if row is not None:
            changed |= _mend(tx, row, told, tracked_by)
            if (numbered or all_left) and row["tracking_number"] is None:
                to_confirm.append(row["id"])
            continue
        if not told.lines and not all_left:
            continue
        parcel_id, items, detail = _make(tx, picklist, told, shipment, still_open, tracked_by)
        new.append(parcel_id)
        news.append(("shipped", detail))
        if surplus := _units_by_sku(item for item in items if item.line_no is None):
            news.append(("surplus", {"parcel": detail["parcel"], "units": surplus}))
        if numbered or all_left:
            to_confirm.append(parcel_id)
    missing: dict[str, int] = defaultdict(int)
    for (_, sku), units in still_open.wanted.items():
        if units:
            missing[sku] += units
    return Packing(
        tuple(new), tuple(to_confirm), changed or bool(new), still_open.sent, dict(missing), tuple(news)
    )


def _left(shipment: WmsShipment, known: Mapping[str, Any]) -> list[WmsParcel]:
    """The parcels that have left, oldest first.

    A shipped picklist without any is one parcel under the WMS's own id of the shipment; should the WMS
    name it later, the name goes to that parcel.
    """
    all_left = shipment.state is WmsState.SHIPPED
    told = [
        one
        for one in (() if shipment.parcels is UNSET else shipment.parcels)
        if all_left or one.shipped_at is not None
    ]
    told.sort(key=lambda one: (one.shipped_at or shipment.version.observed_at, one.parcel_id))
    whole = shipment.wms_id
    if not told and all_left and not known:
        return [WmsParcel(parcel_id=whole, tracking_number=None, carrier=None, lines=())]
    if told and set(known) == {whole} and whole not in {one.parcel_id for one in told}:
        return [msgspec.structs.replace(told[0], parcel_id=whole)]
    return told


def _make(
    tx: Connection,
    picklist: Row[Any],
    told: WmsParcel,
    shipment: WmsShipment,
    still_open: _Open,
    tracked_by: TrackedBy,
) -> tuple[int, tuple[Item, ...], dict[str, Any]]:
    last = tx.scalar(select(func.max(parcels.c.sequence)).where(parcels.c.order_id == picklist.order_id))
    sequence = int(last or 0) + 1
    shipped_at = told.shipped_at or shipment.version.observed_at
    values = {
        "order_id": picklist.order_id,
        "picklist_id": picklist.id,
        "sequence": sequence,
        "wms_parcel_id": told.parcel_id,
        "carrier": told.carrier,
        "service": told.service,
        "tracking_number": told.tracking_number,
        "tracking_url": told.tracking_url,
        "carrier_connection": tracked_by(told.carrier),
        "status": TrackingStatus.UNKNOWN.value,
        "shipped_at": shipped_at,
    }
    parcel_id: int = tx.execute(parcels.insert().values(values).returning(parcels.c.id)).scalar_one()
    lines = told.lines or tuple(
        PickedLine(sku=sku, quantity=units) for (_, sku), units in still_open.wanted.items()
    )
    items = unpack([line for line in lines if line.quantity > 0], still_open.wanted, still_open.places)
    insert_rows(
        tx,
        parcel_items,
        ("parcel_id", "no", "line_no", "sku", "quantity", "bin", "lot"),
        [
            (parcel_id, number, item.line_no, item.sku, item.quantity, item.bin, item.lot)
            for number, item in enumerate(items)
        ],
    )
    units = _complete(items, still_open)
    rows = [(parcel_id, line_no, count) for line_no, count in sorted(units.items())]
    insert_rows(tx, parcel_lines, ("parcel_id", "line_no", "units"), rows)
    detail = {
        "parcel": sequence,
        "carrier": told.carrier,
        "tracking_number": told.tracking_number,
        "shipped_at": shipped_at,
        "units": sum(units.values()),
    }
    return parcel_id, items, detail


def _complete(items: Iterable[Item], still_open: _Open) -> dict[int, int]:
    """Whole units of lines that a parcel completes, by line_no."""
    touched: set[int] = set()
    for item in items:
        if item.line_no is not None:
            touched.add(item.line_no)
            still_open.sent[item.line_no, item.sku] += item.quantity
    found = {}
    for line_no in touched:
        whole = min(
            whole_units(still_open.sent, still_open.components, line_no), still_open.asked.get(line_no, 0)
        )
        if whole > still_open.complete[line_no]:
            found[line_no] = whole - still_open.complete[line_no]
            still_open.complete[line_no] = whole
    return found


def _mend(tx: Connection, row: Mapping[str, Any], told: WmsParcel, tracked_by: TrackedBy) -> bool:
    """Take over what the WMS says of a known parcel now; what it leaves out stays."""
    values: dict[str, Any] = {
        "carrier": told.carrier,
        "service": told.service,
        "tracking_number": told.tracking_number,
        "tracking_url": told.tracking_url,
        "shipped_at": told.shipped_at,
    }
    changed = {name: value for name, value in values.items() if value is not None and row[name] != value}
    if "carrier" in changed:
        changed["carrier_connection"] = tracked_by(told.carrier)
    if changed:
        tx.execute(update(parcels).where(parcels.c.id == row["id"]).values(**changed))
    return bool(changed)


def _open(tx: Connection, picklist: Row[Any]) -> _Open:
    given = rows_where(tx, allocations, allocations.c.picklist_id, [picklist.id])
    made = [row["id"] for row in rows_where(tx, parcels, parcels.c.picklist_id, [picklist.id])]
    places: dict[Place, int] = defaultdict(int)
    for row in rows_where(tx, picks, picks.c.picklist_id, [picklist.id]):
        places[row["sku"], row["bin"], row["lot"]] += row["quantity"]
    for row in rows_where(tx, parcel_items, parcel_items.c.parcel_id, made):
        if (place := (row["sku"], row["bin"], row["lot"])) in places:
            places[place] -= row["quantity"]
    complete: dict[int, int] = defaultdict(int)
    for row in rows_where(tx, parcel_lines, parcel_lines.c.parcel_id, made):
        complete[row["line_no"]] += row["units"]
    components: dict[int, dict[str, int]] = defaultdict(dict)
    for row in rows_where(tx, line_components, line_components.c.order_id, [picklist.order_id]):
        components[row["line_no"]][row["sku"]] = row["units"]
    asked = rows_where(tx, picklist_lines, picklist_lines.c.picklist_id, [picklist.id])
    sent: dict[LineSku, int] = defaultdict(int)
    for row in given:
        sent[row["line_no"], row["sku"]] = row["shipped"]
    return _Open(
        wanted={
            (row["line_no"], row["sku"]): row["units"] - row["shipped"]
            for row in given
            if row["released_at"] is None
        },
        sent=sent,
        places=places,
        components=components,
        asked={row["line_no"]: row["units"] for row in asked},
        complete=complete,
    )


def _units_by_sku(items: Iterable[Item]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for item in items:
        found[item.sku] += item.quantity
    return dict(found)
