"""Reads a channel's orders: what changed, what is open, one day's creations, or one order."""

from dataclasses import replace
from datetime import datetime
from functools import partial

from sqlalchemy import Connection as Transaction

from connectors.contract import Page, Window
from connectors.errors import RecordMissing
from normalization import registry
from normalization.verification import verify
from order_store.catalogue import catalogue_view
from order_store.orders import load_orders
from order_store.verdicts import held_orders
from pipelines.hub import Hub
from pipelines.services.ingest import Channel, adopt_unrecorded, ingest_page
from pipelines.services.reading import InTransaction, PageCounts, ReadResult, read_stream

CHANGES = "orders"
OPEN = "orders_open"
CREATED = "orders_created"
REFETCH = ("address_missing",)
"""Holds whose cause may be an answer that left something out: the order is asked for again."""
REFETCH_AT_ONCE = 20


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
    if OPEN in hub.connector(connection).streams:
        results.append(read_stream(hub, connection, OPEN, store))
    results.append(_fetch_again(hub, channel))
    return results


def backfill_orders(hub: Hub, connection: str, since: datetime, until: datetime) -> ReadResult:
    """Read the orders that were created in a span of time, whatever became of them since."""
    channel = channel_of(hub, connection)
    result = ReadResult(connection, CREATED)
    for page in hub.connector(connection).read(CREATED, Window(since, until)):
        counts = ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now())
        result = replace(result, pages=result.pages + 1, counts=result.counts + counts)
    return result


def refresh_order(hub: Hub, connection: str, external_id: str) -> PageCounts:
    """Ask the channel for one order now.

    Raises:
        connectors.errors.RecordMissing: If the channel knows no such order.
    """
    channel = channel_of(hub, connection)
    page = hub.connector(connection).read_one(CHANGES, external_id)
    return ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now())


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
    """Ask again for a few of the orders that are held for something the channel may have left out."""
    result = ReadResult(channel.connection, "orders_held")
    with hub.store.read() as tx:
        wanted = _held_here(tx, channel.connection)
    for external_id in wanted:
        try:
            page = hub.connector(channel.connection).read_one(CHANGES, external_id)
        except RecordMissing:
            continue
        counts = ingest_page(hub.store, hub.landing, channel, page, now=hub.clock.now())
        result = replace(result, pages=result.pages + 1, counts=result.counts + counts)
    return result


def _held_here(tx: Transaction, connection: str) -> list[str]:
    held = load_orders(tx, held_orders(tx, REFETCH))
    mine = [one.order.external_id for one in held.values() if one.order.connection == connection]
    return mine[:REFETCH_AT_ONCE]
