"""Reads a channel's orders: what changed, what is open, one day's creations, or one order."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection as Transaction
from sqlalchemy import select

from connectors.contract import Page, Window
from connectors.errors import RecordMissing, RecordRejected, StreamBroken
from normalization import registry
from normalization.statuses import ChannelState, OrderStatus
from normalization.verification import verify
from order_store.catalogue import catalogue_view
from order_store.connections import connection_id
from order_store.reading import (
    ReadState,
    begin_window,
    forget_marks,
    keep_place,
    move_bookmark,
    read_marks,
)
from order_store.schema.base import to_micros
from order_store.schema.orders import holds, orders
from pipelines.hub import Hub
from pipelines.services.counts import PageCounts
from pipelines.services.ingest import Channel, adopt_unrecorded, ingest_page
from pipelines.services.reading import InTransaction, ReadResult, StorePage, read_marked, read_stream

CHANGES = "orders"
OPEN = "orders_open"
CREATED = "orders_created"
REFETCH = ("address_missing",)
"""Holds whose cause may be an answer that left something out: the order is asked for again."""
AGAIN_AT_ONCE = 50
SINGLE, TURN = "single_orders", "orders_turn"
FINISHED = (OrderStatus.SHIPPED, OrderStatus.DELIVERED, OrderStatus.CANCELLED)
CHANNEL_IS_DONE = (ChannelState.CLOSED, ChannelState.CANCELLED)
RESUMED_WITHIN = timedelta(hours=6)
"""A back-fill that was cut off longer ago is begun anew: who asks for a day wants all of it as it is now."""
RECONCILED = "orders_reconciled"
RECONCILE_EVERY, RECONCILE_BACK = timedelta(days=1), timedelta(days=30)


def sync_orders(hub: Hub, connection: str) -> list[ReadResult]:
    """Read what changed, then the open orders, single orders, and those of late, where they are due.

    Where the vendor's rate is spent, the open orders and the reconciliation go on in the next round.

    Raises:
        connectors.errors.ConnectorError: What was stored so far stays; the next read resumes there.
    """
    channel = channel_of(hub, connection)

    def store(page: Page, also: InTransaction) -> PageCounts:
        return ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now(), also=also)

    adopted = adopt_unrecorded(hub.store, hub.landing, channel, now=hub.clock.now())
    results = [read_stream(hub, connection, CHANGES, store)]
    results[0] = replace(results[0], counts=results[0].counts + adopted)
    if OPEN in hub.connector(connection).streams:
        if _reconciliation_has_its_turn(hub, connection):
            results.append(ReadResult(connection, OPEN, skipped="the reconciliation has its turn"))
        else:
            results.append(read_stream(hub, connection, OPEN, store))
    results.append(_fetch_again(hub, channel))
    results.append(_reconcile(hub, connection, store))
    return results


def backfill_orders(hub: Hub, connection: str, since: datetime, until: datetime) -> ReadResult:
    """Read the orders that were created in a span of time, whatever became of them since.

    The same span that an earlier run began of late, and did not finish, is read on at its bookmark. No lease
    keeps two runs apart: each page is stored idempotently, and a bookmark says that all before it is stored,
    whoever moved it.

    Args:
        hub: The hub.
        connection: A channel.
        since: From here on.
        until: Up to here.

    Raises:
        connectors.errors.ConnectorError: What was stored so far stays; the next run reads on there.
    """
    channel = channel_of(hub, connection)
    name = f"{CREATED} {since.isoformat()} to {until.isoformat()}"
    with hub.store.begin() as tx:
        key = connection_id(tx, connection)
        marks = _span_begun(tx, key, name, Window(since, until), hub.clock.now())
    result = ReadResult(connection, CREATED, earlier=marks.window_records)
    try:
        for page in hub.connector(connection).read(CREATED, Window(since, until), marks.bookmark):

            def turn(tx: Transaction, page: Page = page) -> None:
                now, records = hub.clock.now(), len(page.records)
                move_bookmark(tx, key, name, page.bookmark, records=records, now=now)

            counts = ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now(), also=turn)
            result = replace(result, pages=result.pages + 1, counts=result.counts + counts)
    except (RecordRejected, StreamBroken):
        with hub.store.begin() as tx:  # it may be the bookmark that works no more: the next run begins anew
            forget_marks(tx, key, name)
        raise
    with hub.store.begin() as tx:
        forget_marks(tx, key, name)
    return result


def _span_begun(tx: Transaction, key: int, name: str, span: Window, now: datetime) -> ReadState:
    """The marks of a span: those of an unfinished run, unless they are so old that it should be read anew."""
    marks = read_marks(tx, key, name)
    if marks.in_window and marks.changed_at is not None and marks.changed_at > now - RESUMED_WITHIN:
        return marks
    begin_window(tx, key, name, span.since, span.until, now)
    return read_marks(tx, key, name)


def _reconciliation_has_its_turn(hub: Hub, connection: str) -> bool:
    """Whether the open orders wait for a round: every other one while a reconciliation is not at its end.

    Both share what the vendor's rate leaves; at a slow one the open orders, due again every hour, would
    leave nothing.
    """
    with hub.store.begin() as tx:
        key = connection_id(tx, connection)
        if not read_marks(tx, key, RECONCILED).in_window:
            return False
        turn = OPEN if read_marks(tx, key, TURN).bookmark == RECONCILED else RECONCILED
        keep_place(tx, key, TURN, turn, hub.clock.now())
        return turn == RECONCILED


def _reconcile(hub: Hub, connection: str, store: StorePage) -> ReadResult:
    """Once a day, read everything again that was placed of late, whatever state it is in.

    It finds what a channel never announces: a refund long after the delivery, at a shop whose update time
    does not move. So no change stays unseen for longer than a day, and the time that the vendor's rate needs.
    """
    created = hub.connector(connection).streams[CREATED]
    again = replace(created, every=RECONCILE_EVERY, lookback=RECONCILE_BACK)
    return read_marked(hub, connection, again, RECONCILED, store)


def channel_of(hub: Hub, connection: str) -> Channel:
    """A connection's mapping and settings, with verification by the catalogue as it is now."""
    configured = hub.config.connection(connection)
    with hub.store.read() as tx:
        catalogue = catalogue_view(tx)
    return Channel(
        connection,
        registry.channel(configured.connector),
        configured.settings,
        partial(verify, policy=hub.config.verification_policy(), catalogue=catalogue),
    )


def _fetch_again(hub: Hub, channel: Channel) -> ReadResult:
    """Ask for single orders; one that the channel no longer knows is left as it is.

    Each round goes on behind the order that was asked for last, so that every one has its turn, whatever
    the answers are.
    """
    again = _held_for_lack(hub, channel.connection) | _no_longer_listed(hub, channel.connection)
    result = ReadResult(channel.connection, SINGLE)
    with hub.store.begin() as tx:
        key = connection_id(tx, channel.connection)
        last = int(read_marks(tx, key, SINGLE).bookmark or 0)
        turn = sorted(again, key=lambda order_id: (order_id <= last, order_id))[:AGAIN_AT_ONCE]
        if turn:
            keep_place(tx, key, SINGLE, str(turn[-1]), hub.clock.now())
    for order_id in turn:
        try:
            page = hub.connector(channel.connection).read_one(CHANGES, again[order_id])
        except RecordMissing:
            continue
        counts = ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now())
        result = replace(result, pages=result.pages + 1, counts=result.counts + counts)
    return result


def _held_for_lack(hub: Hub, connection: str) -> dict[int, str]:
    """Orders that are held for something that the channel may have left out of its answer."""
    with hub.store.read() as tx:
        rows = tx.execute(
            select(orders.c.id, orders.c.external_id)
            .distinct()
            .join(holds, holds.c.order_id == orders.c.id)
            .where(
                orders.c.connection_id == connection_id(tx, connection),
                holds.c.released_at.is_(None),
                holds.c.code.in_(REFETCH),
            )
        )
        return {row.id: row.external_id for row in rows}


def _no_longer_listed(hub: Hub, connection: str) -> dict[int, str]:
    """Orders that are open here and were not among those that the channel last listed as open.

    Where a channel's update time does not move with every change (Vendure's), this is how the hub
    learns that somebody else has finished or cancelled an order. The watermark is the time at which the last
    complete list was begun: an order that was seen since then, on whichever page, is not missing.
    """
    with hub.store.read() as tx:
        key = connection_id(tx, connection)
        begun = read_marks(tx, key, OPEN).watermark
        if begun is None:
            return {}
        rows = tx.execute(
            select(orders.c.id, orders.c.external_id).where(
                orders.c.connection_id == key,
                orders.c.status.not_in(FINISHED),
                orders.c.channel_state.not_in(CHANNEL_IS_DONE),
                orders.c.is_history == 0,
                orders.c.version_observed_at < to_micros(begun),
            )
        )
        return {row.id: row.external_id for row in rows}
