"""Reads a channel's orders: what changed, what is open, one day's creations, or one order."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection as Transaction
from sqlalchemy import select

from connectors.contract import Page, Window
from connectors.errors import RecordMissing
from normalization import registry
from normalization.verification import verify
from order_store.catalogue import catalogue_view
from order_store.connections import connection_id
from order_store.leases import LeaseLost, acquire_lease, new_owner, release_lease, renew_lease
from order_store.reading import begin_window, complete_window, read_marks
from order_store.schema.base import to_micros
from order_store.schema.orders import holds, orders
from pipelines.hub import Hub
from pipelines.services.counts import PageCounts
from pipelines.services.ingest import Channel, adopt_unrecorded, ingest_page
from pipelines.services.reading import (
    LEASE,
    TAKEN_OVER,
    InTransaction,
    ReadResult,
    lease_name,
    read_stream,
)

CHANGES = "orders"
OPEN = "orders_open"
CREATED = "orders_created"
REFETCH = ("address_missing",)
"""Holds whose cause may be an answer that left something out: the order is asked for again."""
AGAIN_AT_ONCE = 50
RECONCILED = "orders_reconciled"
RECONCILE_EVERY, RECONCILE_BACK = timedelta(days=1), timedelta(days=30)


def sync_orders(hub: Hub, connection: str) -> list[ReadResult]:
    """Read what changed since the last time, then the open orders where that is due.

    Raises:
        connectors.errors.ConnectorError: What was stored so far stays; the next read resumes there.
    """
    channel = channel_of(hub, connection)

    def store(page: Page, also: InTransaction) -> PageCounts:
        return ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now(), also=also)

    adopted = adopt_unrecorded(hub.store, hub.landing, channel, now=hub.clock.now())
    results = [read_stream(hub, connection, CHANGES, store)]
    results[0] = replace(results[0], counts=results[0].counts + adopted)
    again = _held_for_lack(hub, connection)
    if OPEN in hub.connector(connection).streams:
        before = hub.clock.now()
        results.append(read_stream(hub, connection, OPEN, store))
        if not results[-1].skipped:
            again |= _no_longer_listed(hub, connection, before)
    results.append(_fetch_again(hub, channel, sorted(again)))
    if reconciled := _reconcile(hub, connection):
        results.append(reconciled)
    return results


def backfill_orders(
    hub: Hub, connection: str, since: datetime, until: datetime, also: InTransaction | None = None
) -> ReadResult:
    """Read the orders that were created in a span of time, whatever became of them since.

    Args:
        hub: The hub.
        connection: A channel.
        since: From here on.
        until: Up to here.
        also: More to do in the transaction of each page.
    """
    channel = channel_of(hub, connection)
    result = ReadResult(connection, CREATED)
    for page in hub.connector(connection).read(CREATED, Window(since, until)):
        counts = ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now(), also=also)
        result = replace(result, pages=result.pages + 1, counts=result.counts + counts)
    return result


def _reconcile(hub: Hub, connection: str) -> ReadResult | None:
    """Once a day, read everything again that was placed of late, whatever state it is in.

    It finds what a channel never announces: a refund long after the delivery, at a shop whose update time
    does not move. So no change stays unseen for longer than a day.
    """
    now = hub.clock.now()
    with hub.store.begin() as tx:
        key = connection_id(tx, connection)
        last = read_marks(tx, key, RECONCILED).completed_at
        if last is not None and now - last < RECONCILE_EVERY:
            return None
        given = acquire_lease(tx, lease_name(connection, RECONCILED), new_owner(), now, LEASE)
        if given is None:
            return None
        begin_window(tx, key, RECONCILED, now - RECONCILE_BACK, now, now)

    lease = given

    def keep_lease(tx: Transaction) -> None:
        nonlocal lease
        lease = renew_lease(tx, lease, hub.clock.now(), LEASE)

    try:
        result = backfill_orders(hub, connection, now - RECONCILE_BACK, now, keep_lease)
        with hub.store.begin() as tx:
            keep_lease(tx)
            complete_window(tx, key, RECONCILED, hub.clock.now())
    except LeaseLost:
        return ReadResult(connection, RECONCILED, skipped=TAKEN_OVER)
    finally:
        with hub.store.begin() as tx:
            release_lease(tx, lease)
    return replace(result, stream=RECONCILED)


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


def _fetch_again(hub: Hub, channel: Channel, external_ids: Sequence[str]) -> ReadResult:
    """Ask for single orders; one that the channel no longer knows is left as it is."""
    result = ReadResult(channel.connection, "single_orders")
    for external_id in external_ids[:AGAIN_AT_ONCE]:
        try:
            page = hub.connector(channel.connection).read_one(CHANGES, external_id)
        except RecordMissing:
            continue
        counts = ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now())
        result = replace(result, pages=result.pages + 1, counts=result.counts + counts)
    return result


def _held_for_lack(hub: Hub, connection: str) -> set[str]:
    """Orders that are held for something that the channel may have left out of its answer."""
    with hub.store.read() as tx:
        rows = tx.execute(
            select(orders.c.external_id)
            .distinct()
            .join(holds, holds.c.order_id == orders.c.id)
            .where(
                orders.c.connection_id == connection_id(tx, connection),
                holds.c.released_at.is_(None),
                holds.c.code.in_(REFETCH),
            )
        )
        return {row.external_id for row in rows}


def _no_longer_listed(hub: Hub, connection: str, before: datetime) -> set[str]:
    """Orders that are open here and were not among those that the channel just listed as open.

    Where a channel's update time does not move with every change (Vendure's), this is how the hub
    learns that somebody else has finished or cancelled an order.
    """
    with hub.store.read() as tx:
        rows = tx.execute(
            select(orders.c.external_id).where(
                orders.c.connection_id == connection_id(tx, connection),
                orders.c.status.not_in(("shipped", "delivered", "cancelled")),
                orders.c.is_history == 0,
                orders.c.version_observed_at < to_micros(before),
            )
        )
        return {row.external_id for row in rows}
