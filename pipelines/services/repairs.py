"""The doctor's repairs: compensating entries, with reason and source, and records that are read again."""

from collections.abc import Sequence

from sqlalchemy import Connection as Transaction
from sqlalchemy import func, select, update

from connectors.contract import Page
from connectors.errors import RecordMissing
from order_store.cancelling import let_go
from order_store.connections import connection_name
from order_store.dialects import lock_orders, rows_where
from order_store.events import Event, add_events
from order_store.hub_events import HubEvent, add_hub_events
from order_store.outbox import enqueue
from order_store.outbox_people import doubt
from order_store.picklists import State, load_picklist
from order_store.progress import count_progress
from order_store.schema.fulfilment import (
    allocations,
    outbox,
    parcel_lines,
    parcels,
    picklist_lines,
    picklists,
    stock_positions,
)
from order_store.schema.orders import order_lines, orders
from order_store.status import refresh_status
from order_store.stock import lock_positions, note_shortages, recount
from pipelines.hub import Hub
from pipelines.services.bodies import PUSH
from pipelines.services.confirm import enqueue_confirmations
from pipelines.services.findings import SOURCE
from pipelines.services.ingest import ingest_page
from pipelines.services.orders import CHANGES, channel_of
from pipelines.services.outcomes import Kind
from pipelines.services.warehouse import sync_stock

COUNTED = ("allocated", "picked", "shipped", "delivered")


def read_order_again(hub: Hub, order_id: int) -> None:
    """Ask the channel for one order and apply its answer; then count its units anew."""
    with hub.store.read() as tx:
        order = tx.execute(select(orders).where(orders.c.id == order_id)).one()
        channel = connection_name(tx, order.connection_id)
    try:
        page = hub.connector(channel).read_one(CHANGES, order.external_id)
    except RecordMissing:
        return
    ingest_page(hub.store, hub.landing, channel_of(hub, channel), page, now=hub.clock.now())
    count_again(hub, order_id)


def give_back(hub: Hub, order_id: int) -> None:
    """Ask the channel for an order; what it does not show as cancelled is withheld from routing no longer."""
    read_order_again(hub, order_id)
    with hub.store.begin() as tx:
        lock_orders(tx, [order_id])
        if let_go(tx, order_id):
            why = "the channel does not show it as cancelled"
            kind = Kind.LINES_NOT_CANCELLED.value
            add_events(tx, [Event(order_id, hub.clock.now(), kind, SOURCE, why, None)])


def apply_order(hub: Hub, channel: str, page: Page) -> None:
    """Apply an answer of a channel that was asked for beyond the stream."""
    ingest_page(hub.store, hub.landing, channel_of(hub, channel), page, now=hub.clock.now())


def count_again(hub: Hub, order_id: int) -> None:
    """Count picked, shipped and delivered anew from the parcels, allocated from picklists and parcels."""
    with hub.store.begin() as tx:
        lock_orders(tx, [order_id])
        before = _counts(tx, order_id)
        for line_no, least, most in _given(tx, order_id):
            line = order_lines.c
            here = (line.order_id == order_id, line.line_no == line_no)
            now: int = tx.execute(select(line.allocated).where(*here)).scalar_one()
            right = min(max(now, least), most)
            if right != now:
                tx.execute(update(order_lines).where(*here).values(allocated=right))
        count_progress(tx, order_id)
        refresh_status(tx, [order_id])
        after = _counts(tx, order_id)
        if before != after:
            detail = {"before": before, "after": after}
            why = "the line's units were not what its picklists and parcels say"
            add_events(tx, [Event(order_id, hub.clock.now(), "units_corrected", SOURCE, why, detail)])


def set_status(hub: Hub, order_id: int) -> None:
    """Derive an order's status anew."""
    with hub.store.begin() as tx:
        lock_orders(tx, [order_id])
        changed = refresh_status(tx, [order_id])
        if order_id not in changed:
            return  # another repair of the order has done it
        why = "it was not what the quantities say"
        detail = {"status": changed[order_id].value}
        add_events(tx, [Event(order_id, hub.clock.now(), "status_corrected", SOURCE, why, detail)])


def look_at_order_again(hub: Hub, order_id: int) -> None:
    """Let the next round compare an order's picklists with what is wanted now."""
    with hub.store.begin() as tx:
        tx.execute(update(picklists).where(picklists.c.order_id == order_id).values(order_revision=0))
        why = "more was allocated than is open"
        add_events(tx, [Event(order_id, hub.clock.now(), "picklists_reviewed", SOURCE, why)])


def recount_stock(hub: Hub, warehouse: str, sku: str) -> None:
    """Set a position's reservations to what its allocations say."""
    now = hub.clock.now()
    place = (stock_positions.c.warehouse == warehouse, stock_positions.c.sku == sku)
    with hub.store.begin() as tx:
        lock_positions(tx, [(warehouse, sku)])
        before = tx.scalar(select(stock_positions.c.reserved).where(*place))
        recount(tx, [(warehouse, sku)])
        note_shortages(tx, [(warehouse, sku)], now)
        after = tx.scalar(select(stock_positions.c.reserved).where(*place))
        detail = {"reserved_before": before, "reserved": after}
        why = "reservations were not what allocations say"
        subject = f"stock {warehouse} {sku}"
        add_hub_events(tx, [HubEvent(now, "stock_recounted", SOURCE, subject, why, detail)])


def read_stock_again(hub: Hub, connection: str) -> None:
    """Take a new snapshot of a WMS's stock."""
    sync_stock(hub, connection)
    now = hub.clock.now()
    with hub.store.begin() as tx:
        why = "the figures differed"
        add_hub_events(tx, [HubEvent(now, "stock_read_again", SOURCE, f"stock {connection}", why)])


def send_picklist(hub: Hub, picklist_id: int) -> None:
    """Put the message of a picklist that has none into the outbox."""
    now = hub.clock.now()
    with hub.store.begin() as tx:
        picklist = load_picklist(tx, picklist_id)
        number = enqueue(
            tx,
            order_id=picklist.order_id,
            connection_id=picklist.connection_id,
            operation=PUSH,
            reference=picklist.reference,
            subject_id=picklist_id,
            now=now,
        )
        doubt(tx, number, now, "it had no message; it may have been sent")
        detail = {"reference": picklist.reference}
        why = "the picklist had no message"
        add_events(tx, [Event(picklist.order_id, now, "message_written", SOURCE, why, detail)])


def send_picklist_again(hub: Hub, picklist_id: int) -> None:
    """The WMS does not have a picklist: its push is looked into again, and sent if it is not there."""
    now = hub.clock.now()
    with hub.store.begin() as tx:
        picklist = load_picklist(tx, picklist_id)
        tx.execute(
            update(picklists)
            .where(picklists.c.id == picklist_id)
            .values(state=State.PLANNED, wms_id=None, wms_status=None, accepted_at=None)
        )
        tx.execute(
            update(allocations).where(allocations.c.picklist_id == picklist_id).values(accepted_at=None)
        )
        recount(tx, {(picklist.warehouse, one.sku) for one in picklist.allocations})
        pushes = _messages(tx, PUSH, [picklist_id])
        for number in pushes:
            doubt(tx, number, now, "the warehouse does not have it")
        detail = {"reference": picklist.reference, "wms_id": picklist.wms_id}
        why = "the warehouse does not have it"
        add_events(tx, [Event(picklist.order_id, now, "picklist_reopened", SOURCE, why, detail)])
    if not pushes:
        send_picklist(hub, picklist_id)


def confirm(hub: Hub, parcel_id: int) -> None:
    """Put the message of a parcel that the channel was never told of into the outbox."""
    with hub.store.begin() as tx:
        enqueue_confirmations(tx, hub, [parcel_id], hub.clock.now())


def confirm_again(hub: Hub, order_id: int, parcel_ids: Sequence[int]) -> None:
    """The channel does not show parcels that it was told of: their messages are looked into again."""
    now = hub.clock.now()
    with hub.store.begin() as tx:
        for number in _messages(tx, "confirm_shipment", parcel_ids):
            doubt(tx, number, now, "the channel does not show it")
        why = "the channel does not show it"
        detail = {"parcels": list(parcel_ids)}
        add_events(tx, [Event(order_id, now, "confirmation_reopened", SOURCE, why, detail)])


def release_orphan(hub: Hub, picklist_id: int, line_no: int, sku: str) -> None:
    """Give back an allocation that belongs to no line of its picklist."""
    now = hub.clock.now()
    one = allocations.c
    own = (one.picklist_id == picklist_id, one.line_no == line_no, one.sku == sku)
    with hub.store.begin() as tx:
        row = tx.execute(select(allocations).where(*own)).one()
        lock_orders(tx, [row.order_id])
        tx.execute(update(allocations).where(*own).values(released_at=now, settled_at=now))
        recount(tx, [(row.warehouse, row.sku)])
        detail = {"picklist": picklist_id, "sku": sku, "units": row.units}
        why = "it belonged to no line of its picklist"
        add_events(tx, [Event(row.order_id, now, "allocation_released", SOURCE, why, detail)])


def _messages(tx: Transaction, operation: str, subjects: Sequence[int]) -> list[int]:
    wanted = (outbox.c.operation == operation, outbox.c.subject_id.in_(subjects))
    return list(tx.scalars(select(outbox.c.id).where(*wanted).order_by(outbox.c.id)))


def _counts(tx: Transaction, order_id: int) -> dict[str, list[int]]:
    rows = rows_where(tx, order_lines, order_lines.c.order_id, [order_id])
    return {name: [row[name] for row in rows] for name in COUNTED}


def _given(tx: Transaction, order_id: int) -> list[tuple[int, int, int]]:
    """By line_no, the least and the most that may be allocated (the rule `allocated`)."""
    sent = (
        select(parcels.c.picklist_id, parcel_lines.c.line_no, func.sum(parcel_lines.c.units).label("units"))
        .join(parcel_lines, parcel_lines.c.parcel_id == parcels.c.id)
        .where(parcels.c.order_id == order_id)
        .group_by(parcels.c.picklist_id, parcel_lines.c.line_no)
    )
    gone = {(row.picklist_id, row.line_no): int(row.units) for row in tx.execute(sent)}
    asked = (
        select(picklists.c.id, picklists.c.state, picklist_lines.c.line_no, picklist_lines.c.units)
        .join(picklist_lines, picklist_lines.c.picklist_id == picklists.c.id)
        .where(picklists.c.order_id == order_id)
    )
    found = {
        row["line_no"]: (0, 0) for row in rows_where(tx, order_lines, order_lines.c.order_id, [order_id])
    }
    for row in tx.execute(asked):
        left = gone.get((row.id, row.line_no), 0)
        least, most = found[row.line_no]
        ended = row.state in (State.SHIPPED, State.CANCELLED)
        counts = row.state != State.CANCELLED or (row.id, row.line_no) in gone
        found[row.line_no] = (
            least + (left if ended else row.units),
            most + (row.units if counts else 0),
        )
    return [(line_no, least, most) for line_no, (least, most) in sorted(found.items())]
