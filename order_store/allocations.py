"""Gives units of an order to warehouses, and takes them back. The database holds every rule."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, case, func, select, update

from order_store.dialects import insert_rows, lock_names, lock_orders
from order_store.events import Event, add_events
from order_store.outbox import enqueue
from order_store.picklists import reference_for
from order_store.schema.fulfilment import allocations, picklist_lines, picklists
from order_store.schema.orders import order_lines, orders
from order_store.schema.reading import connections
from order_store.status import allocatable_units, refresh_status
from order_store.stock import lock_positions, recount, take

SOURCE = "routing"


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """Units of a line for one warehouse; `components` are the SKUs that they take, in total."""

    line_no: int
    units: int
    components: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class PlannedParcel:
    """What one warehouse shall ship of an order.

    Attributes:
        connection_id: The WMS that runs the warehouse.
        site: That WMS's own id of it.
        dispatch_date: The site's local day, ISO 8601.
        dispatch_due_at: By when it must be handed over.
        ship_to_digest: Of the address as it is now.
        parcels_per_day: The most parcels that the warehouse packs for one dispatch date; None for no limit.
    """

    warehouse: str
    connection_id: int
    site: str
    dispatch_date: str
    dispatch_due_at: datetime | None
    ship_to_digest: str
    lines: tuple[PlannedLine, ...]
    parcels_per_day: int | None = None


@dataclass(frozen=True, slots=True)
class OrderDecision:
    """What routing decided of one order.

    Attributes:
        revision: Of the order that was routed.
        backordered: Units that wait, by line_no, for every line that was routed.
    """

    order_id: int
    revision: int
    parcels: tuple[PlannedParcel, ...]
    backordered: Mapping[int, int]


class AllocationConflict(Exception):
    """Something has changed since the order was routed: roll back, and route it again."""


def lock_for(tx: Connection, decisions: Sequence[OrderDecision]) -> None:
    """Keep others from the orders, stock and full days of several decisions, before the first is committed.

    Without it, two transactions that commit several decisions each could wait for each other.
    """
    lock_orders(tx, sorted(decision.order_id for decision in decisions))
    lock_positions(
        tx,
        {
            (parcel.warehouse, sku)
            for decision in decisions
            for parcel in decision.parcels
            for line in parcel.lines
            for sku, _ in line.components
        },
    )
    _lock_days(tx, [parcel for decision in decisions for parcel in decision.parcels])


def commit_decision(tx: Connection, decision: OrderDecision, now: datetime) -> list[int]:
    """Allocate, make the picklists and put their messages into the outbox: all of it, or none.

    Args:
        tx: A write transaction, or a savepoint in one, that the caller rolls back on a conflict.
        decision: What was decided.
        now: The hub's time.

    Returns:
        The new picklists' ids.

    Raises:
        AllocationConflict: If the order changed meanwhile, the units are no longer there, or a warehouse
            has as many parcels for that day as it packs.
    """
    lock_orders(tx, [decision.order_id])
    order = tx.execute(select(orders).where(orders.c.id == decision.order_id)).one()
    if order.revision != decision.revision or order.verification != "verified":
        raise AllocationConflict(f"order {order.number} has changed since it was routed")
    _allocate_lines(tx, decision)
    _note_routing(tx, decision, now)
    wanted: dict[tuple[str, str], int] = defaultdict(int)
    for parcel in decision.parcels:
        for line in parcel.lines:
            for sku, units in line.components:
                wanted[parcel.warehouse, sku] += units
    if not take(tx, wanted):
        raise AllocationConflict(f"the stock for order {order.number} is no longer there")
    _lock_days(tx, decision.parcels)
    channel = tx.scalar(select(connections.c.name).where(connections.c.id == order.connection_id))
    made = [
        _make_picklist(tx, decision, parcel, str(channel), order.external_id, now)
        for parcel in decision.parcels
    ]
    refresh_status(tx, [decision.order_id])
    return made


def note_accepted(tx: Connection, picklist_id: int, now: datetime) -> None:
    """The WMS has a picklist since `now` at the latest."""
    allocation = allocations.c
    mine = (allocation.picklist_id == picklist_id, allocation.accepted_at.is_(None))
    keys = _keys(tx, picklist_id)
    lock_positions(tx, keys)
    tx.execute(update(allocations).where(*mine).values(accepted_at=now))
    recount(tx, keys)


def note_shipped(
    tx: Connection, picklist_id: int, shipped: Mapping[tuple[int, str], int], at: datetime
) -> None:
    """Units have left the shelves.

    Args:
        tx: A write transaction.
        picklist_id: The picklist.
        shipped: All units shipped so far, by (line_no, SKU).
        at: When the newest of them left.
    """
    allocation = allocations.c
    keys = _keys(tx, picklist_id)
    lock_positions(tx, keys)
    for (line_no, sku), units in sorted(shipped.items()):
        tx.execute(
            update(allocations)
            .where(
                allocation.picklist_id == picklist_id,
                allocation.line_no == line_no,
                allocation.sku == sku,
                allocation.shipped < units,
            )
            .values(shipped=case((allocation.units < units, allocation.units), else_=units), shipped_at=at)
        )
    recount(tx, keys)


def release_picklist(tx: Connection, picklist_id: int, now: datetime, why: str) -> int:
    """Give back what a picklist has not shipped: once, however often it is called.

    Returns:
        Units (as the channel counts them) that are free again.
    """
    allocation = allocations.c
    order_id: int = tx.execute(select(picklists.c.order_id).where(picklists.c.id == picklist_id)).scalar_one()
    lock_orders(tx, [order_id])
    lock_positions(tx, _keys(tx, picklist_id))
    rows = tx.execute(
        select(allocations).where(allocation.picklist_id == picklist_id, allocation.released_at.is_(None))
    ).all()
    per_line: dict[int, int] = {}
    for row in rows:
        per_unit = _units_per_line_unit(tx, picklist_id, row.line_no, row.units)
        free = (row.units - row.shipped) // per_unit if per_unit else 0
        per_line[row.line_no] = min(per_line.get(row.line_no, free), free)
        if row.shipped >= row.units:
            continue
        nothing_shipped = row.shipped == 0
        tx.execute(
            update(allocations)
            .where(
                allocation.picklist_id == picklist_id,
                allocation.line_no == row.line_no,
                allocation.sku == row.sku,
            )
            .values(
                units=row.units if nothing_shipped else row.shipped,
                released_at=now if nothing_shipped else None,
                settled_at=now if nothing_shipped else row.settled_at,
            )
        )
    for line_no, units in sorted(per_line.items()):
        line = order_lines.c
        tx.execute(
            update(order_lines)
            .where(line.order_id == order_id, line.line_no == line_no)
            .values(allocated=line.allocated - units)
        )
    recount(tx, {(row.warehouse, row.sku) for row in rows})
    freed = sum(per_line.values())
    if freed:
        detail = {"picklist": picklist_id, "units": freed}
        add_events(tx, [Event(order_id, now, "released", SOURCE, why, detail)])
    refresh_status(tx, [order_id])
    return freed


def _allocate_lines(tx: Connection, decision: OrderDecision) -> None:
    wanted: dict[int, int] = defaultdict(int)
    for parcel in decision.parcels:
        for planned in parcel.lines:
            wanted[planned.line_no] += planned.units
    line = order_lines.c
    for line_no, units in sorted(wanted.items()):
        done = tx.execute(
            update(order_lines)
            .where(line.order_id == decision.order_id, line.line_no == line_no, allocatable_units() >= units)
            .values(allocated=line.allocated + units)
        )
        if done.rowcount != 1:
            raise AllocationConflict(f"line {line_no} of order {decision.order_id} has changed")


def _note_routing(tx: Connection, decision: OrderDecision, now: datetime) -> None:
    """Keep what waits now, and what the first routing found."""
    given: dict[int, int] = defaultdict(int)
    for parcel in decision.parcels:
        for planned in parcel.lines:
            given[planned.line_no] += planned.units
    line = order_lines.c
    for line_no, waiting in sorted(decision.backordered.items()):
        here = (line.order_id == decision.order_id, line.line_no == line_no)
        tx.execute(update(order_lines).where(*here).values(backordered=waiting))
        tx.execute(
            update(order_lines)
            .where(*here, line.first_routed_at.is_(None))
            .values(
                first_routed_at=now,
                backordered_at_first_routing=int(waiting > 0),
                units_from_stock_first=given[line_no],
            )
        )
    if waiting := sum(decision.backordered.values()):
        detail = {"units": waiting}
        add_events(tx, [Event(decision.order_id, now, "backordered", SOURCE, None, detail)])


def _lock_days(tx: Connection, wanted: Sequence[PlannedParcel]) -> None:
    """Keep others from planning parcels for the same limited days: two that count at once would both fit."""
    lock_names(
        tx, [f"{one.warehouse} {one.dispatch_date}" for one in wanted if one.parcels_per_day is not None]
    )


def _check_room(tx: Connection, parcel: PlannedParcel) -> None:
    """Raises AllocationConflict; a picklist counts until its cancellation is known to have worked."""
    if parcel.parcels_per_day is None:
        return
    picklist = picklists.c
    planned = tx.scalar(
        select(func.count()).where(
            picklist.warehouse == parcel.warehouse,
            picklist.dispatch_date == parcel.dispatch_date,
            picklist.state != "cancelled",
        )
    )
    if int(planned or 0) >= parcel.parcels_per_day:
        raise AllocationConflict(f"{parcel.warehouse} has no parcel left on {parcel.dispatch_date}")


def _make_picklist(
    tx: Connection,
    decision: OrderDecision,
    parcel: PlannedParcel,
    channel: str,
    external_id: str,
    now: datetime,
) -> int:
    _check_room(tx, parcel)
    last = tx.scalar(
        select(func.coalesce(func.max(picklists.c.sequence), 0)).where(
            picklists.c.order_id == decision.order_id
        )
    )
    sequence = int(last or 0) + 1
    reference = reference_for(channel, external_id, parcel.warehouse, sequence)
    picklist_id: int = tx.execute(
        picklists.insert()
        .values(
            order_id=decision.order_id,
            sequence=sequence,
            warehouse=parcel.warehouse,
            connection_id=parcel.connection_id,
            site=parcel.site,
            reference=reference,
            state="planned",
            order_revision=decision.revision,
            ship_to_digest=parcel.ship_to_digest,
            version_revision="",
            dispatch_date=parcel.dispatch_date,
            dispatch_due_at=parcel.dispatch_due_at,
            created_at=now,
        )
        .returning(picklists.c.id)
    ).scalar_one()
    insert_rows(
        tx,
        picklist_lines,
        ("picklist_id", "line_no", "units"),
        [(picklist_id, line.line_no, line.units) for line in parcel.lines],
    )
    insert_rows(
        tx,
        allocations,
        ("picklist_id", "line_no", "sku", "order_id", "warehouse", "units"),
        [
            (picklist_id, line.line_no, sku, decision.order_id, parcel.warehouse, units)
            for line in parcel.lines
            for sku, units in line.components
        ],
    )
    enqueue(
        tx,
        order_id=decision.order_id,
        connection_id=parcel.connection_id,
        operation="push_picklist",
        reference=reference,
        subject_id=picklist_id,
        now=now,
    )
    detail = {
        "warehouse": parcel.warehouse,
        "reference": reference,
        "units": sum(line.units for line in parcel.lines),
    }
    add_events(tx, [Event(decision.order_id, now, "allocated", SOURCE, None, detail)])
    return picklist_id


def _units_per_line_unit(tx: Connection, picklist_id: int, line_no: int, units: int) -> int:
    line_units = tx.scalar(
        select(picklist_lines.c.units).where(
            picklist_lines.c.picklist_id == picklist_id, picklist_lines.c.line_no == line_no
        )
    )
    return units // line_units if line_units else 0


def _keys(tx: Connection, picklist_id: int) -> Sequence[tuple[str, str]]:
    allocation = allocations.c
    rows = tx.execute(
        select(allocation.warehouse, allocation.sku).where(allocation.picklist_id == picklist_id)
    )
    return [(row.warehouse, row.sku) for row in rows]
