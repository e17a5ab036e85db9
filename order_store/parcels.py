"""Parcels: what has left a warehouse, which carrier has it, and how far it is."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, or_, select

from normalization.statuses import TrackingStatus
from order_store.dialects import rows_where
from order_store.packed import TrackedBy
from order_store.packing import Item
from order_store.schema.fulfilment import parcel_items, parcel_lines, parcels, tracking_events
from order_store.shipments import Outcome, ShipmentApplied, apply_wms_shipment, lock_shipments, note_missing
from order_store.tracking import apply_tracking

__all__ = [
    "ENDED",
    "Outcome",
    "Parcel",
    "ParcelToTrack",
    "Scan",
    "ShipmentApplied",
    "TrackedBy",
    "apply_tracking",
    "apply_wms_shipment",
    "find_parcels",
    "load_parcels",
    "lock_shipments",
    "note_missing",
    "parcels_to_track",
]

ENDED = (TrackingStatus.DELIVERED, TrackingStatus.RETURN_TO_SENDER, TrackingStatus.CANCELLED)
"""Nothing more is asked of a parcel in one of these."""
SOON = timedelta(minutes=25)
"""Between two answers of a parcel that may arrive any minute: each half-hourly round asks, no faster one."""
LATER = timedelta(minutes=85)
"""Between two answers of any other parcel."""
SOON_THERE = (
    TrackingStatus.OUT_FOR_DELIVERY,
    TrackingStatus.READY_FOR_PICKUP,
    TrackingStatus.DELIVERY_FAILED,
)
GIVEN_UP = timedelta(days=60)
"""After this long no news is expected; carriers use their numbers again."""


@dataclass(frozen=True, slots=True)
class Scan:
    """One event that a carrier told."""

    occurred_at: datetime
    status: TrackingStatus
    code: str
    city: str | None
    region: str | None
    country_code: str | None


@dataclass(frozen=True, slots=True)
class Parcel:
    """One parcel with all that is known of it.

    Attributes:
        sequence: 1, 2, 3 within the order: how the channel is told.
        units: Whole units that this parcel completes, by line_no.
        items: What is in it, by bin and lot.
        scans: Oldest first.
    """

    id: int
    order_id: int
    picklist_id: int
    sequence: int
    wms_parcel_id: str
    carrier: str | None
    service: str | None
    tracking_number: str | None
    tracking_url: str | None
    carrier_connection: str | None
    status: TrackingStatus
    carrier_status: str | None
    shipped_at: datetime
    estimated_delivery: datetime | None
    delivered_at: datetime | None
    tracked_at: datetime | None
    confirmed_at: datetime | None
    units: dict[int, int]
    items: tuple[Item, ...]
    scans: tuple[Scan, ...]


@dataclass(frozen=True, slots=True)
class ParcelToTrack:
    """A parcel that its carrier is to be asked about."""

    id: int
    tracking_number: str


def load_parcels(tx: Connection, order_id: int) -> list[Parcel]:
    """All parcels of an order, in the sequence in which they left."""
    rows = rows_where(tx, parcels, parcels.c.order_id, [order_id])
    ids = [row["id"] for row in rows]
    units: dict[int, dict[int, int]] = defaultdict(dict)
    for row in rows_where(tx, parcel_lines, parcel_lines.c.parcel_id, ids):
        units[row["parcel_id"]][row["line_no"]] = row["units"]
    items: dict[int, list[Item]] = defaultdict(list)
    for row in rows_where(tx, parcel_items, parcel_items.c.parcel_id, ids):
        item = Item(row["line_no"], row["sku"], row["quantity"], row["bin"], row["lot"])
        items[row["parcel_id"]].append(item)
    scans: dict[int, list[Scan]] = defaultdict(list)
    for row in rows_where(tx, tracking_events, tracking_events.c.parcel_id, ids):
        scans[row["parcel_id"]].append(_scan(row))
    found = [
        Parcel(
            **row | {"status": TrackingStatus(row["status"])},
            units=units[row["id"]],
            items=tuple(items[row["id"]]),
            scans=tuple(scans[row["id"]]),
        )
        for row in rows
    ]
    return sorted(found, key=lambda parcel: parcel.sequence)


def find_parcels(tx: Connection, carrier_connection: str, tracking_number: str) -> list[int]:
    """The ids of parcels by their number at a carrier connection; more than one if a number was reused."""
    parcel = parcels.c
    query = select(parcel.id).where(
        parcel.tracking_number == tracking_number, parcel.carrier_connection == carrier_connection
    )
    return list(tx.scalars(query.order_by(parcel.id)))


def parcels_to_track(
    tx: Connection, carrier_connection: str, now: datetime, limit: int = 2000
) -> list[ParcelToTrack]:
    """Parcels under way that their carrier is to be asked about now, longest unheard of first.

    Args:
        tx: A transaction.
        carrier_connection: Whom to ask.
        now: The hub's time.
        limit: At most so many in one round.
    """
    parcel = parcels.c
    soon = parcel.status.in_([status.value for status in SOON_THERE])
    due = or_(
        parcel.tracked_at.is_(None),
        parcel.tracked_at <= now - LATER,
        and_(soon, parcel.tracked_at <= now - SOON),
    )
    query = (
        select(parcel.id, parcel.tracking_number)
        .where(
            parcel.delivered_at.is_(None),
            parcel.carrier_connection == carrier_connection,
            parcel.tracking_number.is_not(None),
            parcel.status.not_in([status.value for status in ENDED]),
            parcel.shipped_at > now - GIVEN_UP,
            due,
        )
        .order_by(parcel.tracked_at.is_not(None), parcel.tracked_at, parcel.id)
        .limit(limit)
    )
    return [ParcelToTrack(row.id, row.tracking_number) for row in tx.execute(query)]


def _scan(row: dict[str, Any]) -> Scan:
    return Scan(
        row["occurred_at"],
        TrackingStatus(row["status"]),
        row["code"],
        row["city"],
        row["region"],
        row["country_code"],
    )
