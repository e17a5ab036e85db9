"""The hub beside each channel's own figures: orders, quantities, money, and what it shows as shipped."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial

from msgspec import UNSET
from sqlalchemy import Connection as Transaction
from sqlalchemy import func, select

from connectors.contract import Page, Window
from connectors.errors import RecordMissing
from normalization import registry
from normalization.errors import NormalizationError
from normalization.records import CanonicalOrder
from normalization.registry import Context
from order_store.connections import connection_id
from order_store.orders import StoredOrder, find_order
from order_store.schema.fulfilment import parcel_lines, parcels
from order_store.schema.orders import order_lines, orders
from pipelines.hub import Hub
from pipelines.services.findings import Finding
from pipelines.services.ingest import ORDERS
from pipelines.services.orders import CHANGES, CREATED
from pipelines.services.repairs import apply_order, confirm_again

GRACE = timedelta(minutes=15)
"""What changed at a channel since then may still be on its way."""
AMOUNTS = ("total", "tax", "discount", "shipping", "refunded")


def channel_findings(hub: Hub, connection: str, since: datetime) -> Iterator[Finding]:
    """Ask a channel for the orders that were placed since a time, and compare them with the store.

    Raises:
        connectors.errors.ConnectorError: If it cannot be asked.
    """
    until = hub.clock.now() - GRACE
    seen: set[str] = set()
    for page in hub.connector(connection).read(CREATED, Window(since, until)):
        for single, order in _orders(hub, connection, page):
            seen.add(order.external_id)
            yield from _compared(hub, connection, order, single)
    with hub.store.read() as tx:
        unlisted = _unlisted(tx, connection_id(tx, connection), since, until, seen)
    yield from _gone(hub, connection, unlisted)


def _orders(hub: Hub, connection: str, page: Page) -> Iterator[tuple[Page, CanonicalOrder]]:
    """Each order that can be understood, with a page of its own; the others are quarantined when read."""
    configured = hub.config.connection(connection)
    mapping = registry.channel(configured.connector)
    context = Context(connection, page.observed_at, configured.settings)
    for record in page.records:
        try:
            order = mapping.order(record.payload, context)
        except NormalizationError:
            continue
        if order.updated_at is None or order.updated_at < page.observed_at - GRACE:
            yield Page(ORDERS, (record,), page.observed_at), order


def _compared(hub: Hub, connection: str, order: CanonicalOrder, page: Page) -> Iterator[Finding]:
    with hub.store.read() as tx:
        stored = find_order(tx, connection, order.external_id)
        if stored is None:
            yield _missing(connection, order, page)
        else:
            yield from _differences(tx, connection, order, stored, page)


def _missing(connection: str, order: CanonicalOrder, page: Page) -> Finding:
    return Finding(
        "order_missing",
        f"{connection} {order.number}",
        f"the channel has it since {order.placed_at:%Y-%m-%d %H:%M} UTC, and the hub does not know it",
        "read it",
        partial(apply_order, channel=connection, page=page),
    )


def _differences(
    tx: Transaction, connection: str, order: CanonicalOrder, stored: StoredOrder, page: Page
) -> Iterator[Finding]:
    ours = {line["line_id"]: line for line in stored.lines}
    theirs = {line.line_id: line for line in ([] if order.lines is UNSET else order.lines)}
    words: list[str] = _amounts(order, stored)
    if order.lines is not UNSET:
        words += [
            f"line {line_id} is not at the channel"
            for line_id, own in ours.items()
            if line_id not in theirs and own["gone_observed_at"] is None
        ]
    for line_id, line in theirs.items():
        own = ours.get(line_id)
        if own is None:
            words.append(f"line {line_id} is not in the hub")
            continue
        shown = line.fulfilled
        if own["fulfilled"] < shown <= own["confirmed"]:
            shown = own["fulfilled"]  # the hub's own write, which comes back with the next read
        pairs = (
            ("wanted", line.ordered - line.cancelled, own["ordered"] - own["cancelled"]),
            ("fulfilled", shown, own["fulfilled"]),
            ("returned", line.returned, own["returned"]),
        )
        words += [
            f"line {line_id}: {name} is {there} at the channel, {here} in the hub"
            for name, there, here in pairs
            if there != here
        ]
    if words:
        yield Finding(
            "order_differs",
            f"{connection} {order.number}",
            "; ".join(words),
            "read the order again",
            partial(apply_order, channel=connection, page=page),
        )
    fulfilled = {line_id: line.fulfilled for line_id, line in theirs.items()}
    yield from _untold(tx, connection, order.number, stored, fulfilled)


def _amounts(order: CanonicalOrder, stored: StoredOrder) -> list[str]:
    """The header's amounts that differ, in words; none where the channel does not tell them."""
    if order.totals is UNSET or stored.order.totals is UNSET:
        return []
    pairs = [(name, getattr(order.totals, name), getattr(stored.order.totals, name)) for name in AMOUNTS]
    return [
        f"{name} is {there} at the channel, {here} in the hub" for name, there, here in pairs if there != here
    ]


def _untold(
    tx: Transaction, connection: str, number: str, stored: StoredOrder, fulfilled: dict[str, int]
) -> Iterator[Finding]:
    """Units that the channel has accepted from the hub, and does not show."""
    order_id = stored.row["id"]
    line, parcel = parcel_lines.c, parcels.c
    told = (
        select(order_lines.c.line_id, func.sum(line.units).label("units"))
        .join(parcels, parcel.id == line.parcel_id)
        .join(
            order_lines,
            (order_lines.c.order_id == parcel.order_id) & (order_lines.c.line_no == line.line_no),
        )
        .where(parcel.order_id == order_id, parcel.confirmed_at.is_not(None))
        .group_by(order_lines.c.line_id)
    )
    lacking = [
        f"line {row.line_id}: told {row.units}, shown {fulfilled.get(row.line_id, 0)}"
        for row in tx.execute(told)
        if row.line_id in fulfilled and fulfilled[row.line_id] < int(row.units)
    ]
    if lacking:
        mine = select(parcel.id).where(parcel.order_id == order_id, parcel.confirmed_at.is_not(None))
        ids: Sequence[int] = tx.scalars(mine.order_by(parcel.id)).all()
        yield Finding(
            "confirmation_lost",
            f"{connection} {number}",
            f"the hub has told the channel of shipped units that it does not show: {'; '.join(lacking)}",
            "look the messages up, and send again what is not there",
            partial(confirm_again, order_id=order_id, parcel_ids=tuple(ids)),
        )


def _unlisted(
    tx: Transaction, key: int, since: datetime, until: datetime, seen: set[str]
) -> list[tuple[str, str]]:
    query = select(orders.c.external_id, orders.c.number).where(
        orders.c.connection_id == key,
        orders.c.placed_at >= since + GRACE,
        orders.c.placed_at < until - GRACE,
        orders.c.updated_at < until,
    )
    return [(row.external_id, row.number) for row in tx.execute(query) if row.external_id not in seen]


def _gone(hub: Hub, connection: str, unlisted: Sequence[tuple[str, str]]) -> Iterator[Finding]:
    for external_id, number in unlisted:
        try:
            page = hub.connector(connection).read_one(CHANGES, external_id)
        except RecordMissing:
            yield Finding(
                "order_unknown",
                f"{connection} {number}",
                "the hub has it, and the channel knows no such order any more",
                "look for it in the channel; if it was deleted there, cancel its picklists at the warehouse",
            )
            continue
        for single, order in _orders(hub, connection, page):
            yield from _compared(hub, connection, order, single)
