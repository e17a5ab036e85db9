"""Tells channels which parcels have left: one message a parcel."""

from collections.abc import Iterable
from datetime import datetime

from sqlalchemy import Connection as Transaction
from sqlalchemy import select, update

from normalization.records import LineQuantity, ShipmentConfirmation
from order_store.dialects import lock_orders
from order_store.orders import load_order
from order_store.outbox import enqueue
from order_store.schema.fulfilment import outbox, parcel_lines, parcels
from order_store.schema.orders import order_lines, orders
from order_store.schema.reading import connections
from order_store.status import refresh_status, units_of
from pipelines.hub import Hub

OPERATION = "confirm_shipment"


def enqueue_confirmations(tx: Transaction, hub: Hub, parcel_ids: Iterable[int], now: datetime) -> int:
    """Put a message for each parcel that has left into the outbox, in the transaction that stores it.

    The units count as confirmed from now on, so that the hub's own write, when the channel shows it, is
    never taken for units that somebody else fulfilled. Nothing is said of a parcel that completes no unit
    of a line (a part of a kit), of history, and to a channel that hub.yaml no longer has.

    Args:
        tx: A write transaction.
        hub: The hub.
        parcel_ids: Parcels that have left. Naming one again changes nothing.
        now: The hub's time.

    Returns:
        How many messages are new.
    """
    known = {one.name for one in hub.config.connections}
    new = 0
    for parcel_id in sorted(parcel_ids):
        parcel = tx.execute(select(parcels).where(parcels.c.id == parcel_id)).one()
        lock_orders(tx, [parcel.order_id])
        order = tx.execute(
            select(orders, connections.c.name.label("channel"))
            .join(connections)
            .where(orders.c.id == parcel.order_id)
        ).one()
        units = _units(tx, parcel_id)
        reference = f"{order.channel}:{order.external_id}:{parcel.sequence}"
        if order.is_history or not units or order.channel not in known:
            continue
        if _is_enqueued(tx, order.connection_id, reference):
            continue
        enqueue(
            tx,
            order_id=order.id,
            connection_id=order.connection_id,
            operation=OPERATION,
            reference=reference,
            subject_id=parcel_id,
            now=now,
        )
        line = order_lines.c
        for line_no, count in sorted(units.items()):
            here = (line.order_id == order.id, line.line_no == line_no)
            tx.execute(update(order_lines).where(*here).values(confirmed=line.confirmed + count))
        refresh_status(tx, [order.id])
        new += 1
    return new


def confirmation_of(
    tx: Transaction, parcel_id: int, reference: str, known_at: datetime
) -> ShipmentConfirmation:
    """What a channel is told of a parcel, from what the store knows now.

    Args:
        tx: A read transaction.
        parcel_id: The parcel.
        reference: Of the message.
        known_at: When the hub knew that it was shipped. No later time is told: a WMS whose clock is ahead
            would have the channel refuse a parcel of the future.

    Raises:
        KeyError: If there is no such parcel.
    """
    parcel = tx.execute(select(parcels).where(parcels.c.id == parcel_id)).first()
    if parcel is None:
        raise KeyError(f"no parcel {parcel_id} in the store")
    stored = load_order(tx, parcel.order_id, "confirming")
    names = {line["line_no"]: line["line_id"] for line in stored.lines}
    open_units = sum(units_of(line).open for line in stored.lines if line["requires_shipping"])
    return ShipmentConfirmation(
        reference=reference,
        external_id=stored.order.external_id,
        number=stored.order.number,
        sequence=parcel.sequence,
        lines=tuple(
            LineQuantity(line_id=names[line_no], quantity=count)
            for line_no, count in sorted(_units(tx, parcel_id).items())
        ),
        carrier=parcel.carrier,
        tracking_number=parcel.tracking_number,
        shipped_at=min(parcel.shipped_at, known_at),
        complete=open_units == 0 and not _later_parcels(tx, parcel.order_id, parcel.sequence),
        service=parcel.service,
        tracking_url=parcel.tracking_url,
        confirmation_ref=stored.order.confirmation_ref,
    )


def _units(tx: Transaction, parcel_id: int) -> dict[int, int]:
    """Whole units of lines that a parcel completes, by line_no."""
    line = parcel_lines.c
    found = tx.execute(select(line.line_no, line.units).where(line.parcel_id == parcel_id, line.units > 0))
    return {row.line_no: row.units for row in found}


def _is_enqueued(tx: Transaction, connection_id: int, reference: str) -> bool:
    row = outbox.c
    known = (row.connection_id == connection_id, row.operation == OPERATION, row.reference == reference)
    return tx.scalar(select(row.id).where(*known)) is not None


def _later_parcels(tx: Transaction, order_id: int, sequence: int) -> bool:
    """Whether the channel is still to be told of another parcel of the order, after this one."""
    later = (parcels.c.order_id == order_id, parcels.c.sequence > sequence, parcel_lines.c.units > 0)
    return tx.scalar(select(parcels.c.id).join(parcel_lines).where(*later).limit(1)) is not None
