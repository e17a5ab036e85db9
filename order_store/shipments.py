"""How far a WMS is with a picklist: its state, picks and parcels, and all that follows from them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from msgspec import UNSET
from sqlalchemy import Connection, Row, delete, func, select, update

from normalization.records import WmsShipment
from normalization.statuses import WmsState
from order_store.allocations import note_accepted, note_shipped, release_picklist
from order_store.dialects import insert_rows, lock_orders
from order_store.events import Event, add_events
from order_store.packed import Packing, TrackedBy, pack
from order_store.picklists import ENDED, State
from order_store.progress import count_progress
from order_store.schema.base import to_micros
from order_store.schema.fulfilment import allocations, parcels, picklists, picks, stock_positions
from order_store.schema.reading import connections


class Outcome(StrEnum):
    """What a vendor's word on a picklist or a parcel did."""

    UPDATED = "updated"
    UNCHANGED = "unchanged"  # heard again, nothing new in it
    STALE = "stale"  # older than what is known
    FOREIGN = "foreign"  # about nothing that the hub asked for


@dataclass(frozen=True, slots=True)
class ShipmentApplied:
    """What a WMS's shipment did.

    Attributes:
        new_parcels: Parcels that have left and were not known.
        to_confirm: Parcels that the channel can be told of; some may be named again.
    """

    outcome: Outcome
    order_id: int | None = None
    picklist_id: int | None = None
    new_parcels: tuple[int, ...] = ()
    to_confirm: tuple[int, ...] = ()


_PICKED = (WmsState.PICKED, WmsState.PACKED, WmsState.SHIPPED)
_PACKED = (WmsState.PACKED, WmsState.SHIPPED)
_TAKEN_OFF = (WmsState.ACCEPTED, WmsState.PICKING, *_PICKED)
"""States in which a WMS has set the goods aside; while it waits for stock, it has not."""
_STEPS = ((State.PICKED, _PICKED), (State.PACKED, _PACKED))
_RANK = (State.PICKED, State.PACKED, State.SHIPPED)


def nobody(_carrier: str | None) -> str | None:
    """No carrier is tracked."""
    return None


def lock_shipments(tx: Connection, connection_id: int, references: Sequence[str]) -> None:
    """Keep others from the orders and stock of picklists, in key order, before many are applied at once.

    Without it, two processes that apply pages in different sequences could wait for each other.
    """
    mine = (picklists.c.connection_id == connection_id, picklists.c.reference.in_(references))
    lock_orders(tx, sorted(set(tx.scalars(select(picklists.c.order_id).where(*mine)))))
    position, allocation = stock_positions.c, allocations.c
    asked = (
        select(allocation.picklist_id)
        .join(picklists, picklists.c.id == allocation.picklist_id)
        .where(*mine, allocation.warehouse == position.warehouse, allocation.sku == position.sku)
    )
    tx.execute(
        select(position.sku)
        .where(asked.exists())
        .order_by(position.warehouse, position.sku)
        .with_for_update()
    )


def apply_wms_shipment(
    tx: Connection,
    connection_id: int,
    shipment: WmsShipment,
    now: datetime,
    tracked_by: TrackedBy = nobody,
) -> ShipmentApplied:
    """Store how far a WMS is with one picklist.

    An older version than the known one changes nothing; the same one again changes nothing more. Shipped
    and cancelled are final: goods that a WMS ships of a cancelled picklist are a parcel of surplus.

    Args:
        tx: A write transaction.
        connection_id: The WMS's.
        shipment: What it says.
        now: The hub's time.
        tracked_by: The connection that tracks a carrier's parcels.
    """
    mine = (picklists.c.connection_id == connection_id, picklists.c.reference == shipment.reference)
    order_id = tx.scalar(select(picklists.c.order_id).where(*mine)) if shipment.reference else None
    if order_id is None:
        return ShipmentApplied(Outcome.FOREIGN)
    lock_orders(tx, [order_id])
    known = tx.execute(select(picklists).where(*mine)).one()
    version = (shipment.version.revision, to_micros(shipment.version.observed_at))
    if version < (known.version_revision, known.version_observed_at):
        return ShipmentApplied(Outcome.STALE, order_id, known.id)
    packing = _apply(tx, known, shipment, now, tracked_by)
    changed = _changed(tx, known) or packing.changed
    return ShipmentApplied(
        Outcome.UPDATED if changed else Outcome.UNCHANGED, order_id, known.id, packing.new, packing.to_confirm
    )


def note_missing(tx: Connection, connection: str, wms_id: str, now: datetime) -> None:
    """A WMS that was asked for a picklist by its own id does not show it: people should know."""
    row = tx.execute(
        select(picklists)
        .join(connections, connections.c.id == picklists.c.connection_id)
        .where(connections.c.name == connection, picklists.c.wms_id == wms_id)
    ).one()
    heard = {"version_observed_at": to_micros(now)}
    tx.execute(update(picklists).where(picklists.c.id == row.id).values(heard))
    detail = {"warehouse": row.warehouse, "reference": row.reference, "wms_id": wms_id}
    add_events(tx, [Event(row.order_id, now, "missing_at_warehouse", connection, None, detail)])


def _apply(
    tx: Connection, known: Row[Any], shipment: WmsShipment, now: datetime, tracked_by: TrackedBy
) -> Packing:
    before, after = State(known.state), _next_state(State(known.state), shipment.state)
    _store_state(tx, known, shipment, after, now)
    repicked = _store_picks(tx, known.id, shipment)
    if shipment.state in _TAKEN_OFF and before not in (State.PICKING, *_RANK):
        note_accepted(tx, known.id, now)
    packing = pack(tx, known, shipment, tracked_by)
    if packing.new:
        note_shipped(tx, known.id, packing.sent, now)
    packing = replace(packing, changed=packing.changed or repicked)
    add_events(
        tx, [*_news(known, shipment, before, after, now), *_parcel_news(known, shipment, packing, now)]
    )
    if after in ENDED and before is not after:
        _store_end(tx, known, shipment, after, now)
        if after is State.CANCELLED or packing.missing:
            release_picklist(tx, known.id, now, _why_released(shipment, after))
    count_progress(tx, known.order_id)
    return packing


def _next_state(before: State, told: WmsState) -> State:
    if before in ENDED:
        return before
    if told is WmsState.UNKNOWN:
        return State.ACCEPTED if before is State.PLANNED else before
    if before is State.CANCELLING and told not in (WmsState.SHIPPED, WmsState.CANCELLED):
        return before
    return State(told.value)


def _store_state(tx: Connection, known: Row[Any], shipment: WmsShipment, after: State, now: datetime) -> None:
    picked_at = known.picked_at
    if shipment.state in _PICKED:
        picked_at = picked_at or shipment.version.observed_at
    elif after not in ENDED and shipment.state is not WmsState.UNKNOWN:
        picked_at = None
    keeps_why = after in (State.CANCELLING, State.CANCELLED) and shipment.reason is None
    tx.execute(
        update(picklists)
        .where(picklists.c.id == known.id)
        .values(
            state=after.value,
            wms_id=shipment.wms_id or known.wms_id,
            wms_status=shipment.wms_status,
            version_revision=shipment.version.revision,
            version_observed_at=to_micros(shipment.version.observed_at),
            why=known.why if keeps_why or known.state in ENDED else shipment.reason,
            accepted_at=known.accepted_at or now,
            picked_at=picked_at,
        )
    )


def _store_end(tx: Connection, known: Row[Any], shipment: WmsShipment, after: State, now: datetime) -> None:
    if after is State.CANCELLED:
        tx.execute(update(picklists).where(picklists.c.id == known.id).values(cancelled_at=now))
        return
    left = tx.scalar(select(func.max(parcels.c.shipped_at)).where(parcels.c.picklist_id == known.id))
    at = left or shipment.version.observed_at
    tx.execute(update(picklists).where(picklists.c.id == known.id).values(shipped_at=at))


def _store_picks(tx: Connection, picklist_id: int, shipment: WmsShipment) -> bool:
    """Replace the picks by what the WMS says now; whether that is anything new."""
    if shipment.picks is UNSET:
        return False
    told = [(one.sku, one.quantity, one.bin, one.lot) for one in shipment.picks if one.quantity > 0]
    pick = picks.c
    mine = pick.picklist_id == picklist_id
    query = select(pick.sku, pick.quantity, pick.bin, pick.lot).where(mine).order_by(pick.no)
    if [tuple(row) for row in tx.execute(query)] == told:
        return False
    tx.execute(delete(picks).where(mine))
    insert_rows(
        tx,
        picks,
        ("picklist_id", "no", "sku", "quantity", "bin", "lot"),
        [(picklist_id, number, *one) for number, one in enumerate(told)],
    )
    return True


def _changed(tx: Connection, known: Row[Any]) -> bool:
    """Whether a picklist is another than it was, but for when it was heard of."""
    row = tx.execute(select(picklists).where(picklists.c.id == known.id)).one()
    heard = {"version_revision", "version_observed_at"}
    before, after = known._mapping, row._mapping
    return any(before[name] != after[name] for name in before if name not in heard)


def _news(known: Row[Any], shipment: WmsShipment, before: State, after: State, now: datetime) -> list[Event]:
    """What the timeline gets of the picklist. A step that the hub did not see is told with the next."""
    detail = {"warehouse": known.warehouse, "reference": known.reference}

    def event(kind: str, why: str | None = None, **more: str) -> Event:
        return Event(known.order_id, now, kind, shipment.connection, why, detail | more)

    found: list[Event] = []
    if after is not before:
        passed = _RANK.index(before) if before in _RANK else -1
        found += [
            event(step.value)
            for number, (step, states) in enumerate(_STEPS)
            if shipment.state in states and number > passed
        ]
    if after is not before and after in (State.WAITING, State.EXCEPTION):
        found.append(event(f"warehouse_{after.value}", shipment.reason))
    if after is State.CANCELLED and before is not after:
        found.append(event("picklist_cancelled", shipment.reason or known.why))
    if shipment.state is WmsState.UNKNOWN and shipment.wms_status != known.wms_status:
        found.append(event("unknown_state", shipment.reason, status=shipment.wms_status))
    return found


def _parcel_news(known: Row[Any], shipment: WmsShipment, packing: Packing, now: datetime) -> list[Event]:
    found = [
        Event(known.order_id, now, kind, shipment.connection, None, told)
        for kind, detail in packing.news
        if (told := {"warehouse": known.warehouse, "reference": known.reference, **detail})
    ]
    if shipment.state is WmsState.SHIPPED and known.state not in ENDED and packing.missing:
        told = {"warehouse": known.warehouse, "reference": known.reference, "missing": packing.missing}
        found.append(Event(known.order_id, now, "short_shipped", shipment.connection, None, told))
    return found


def _why_released(shipment: WmsShipment, after: State) -> str:
    if after is State.SHIPPED:
        return "the warehouse shipped less than it was asked for"
    return shipment.reason or "the warehouse cancelled it"
