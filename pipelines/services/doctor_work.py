"""Work that does not get on: messages, withheld units, leases, files, quarantine, bookmarks, streams."""

import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection as Transaction
from sqlalchemy import func, or_, select, update

from order_store.connections import connection_id, connection_name
from order_store.files import record_file
from order_store.hub_events import HubEvent, add_hub_events
from order_store.landing import connection_and_stream
from order_store.outbox import State
from order_store.outbox_people import stuck_messages
from order_store.quarantine import list_quarantine
from order_store.reading import ReadState, read_marks
from order_store.schema.base import EPOCH
from order_store.schema.fulfilment import outbox
from order_store.schema.orders import order_lines, orders
from order_store.schema.reading import connections, landing_files, leases
from pipelines.hub import Hub
from pipelines.services.cancellations import OPERATION
from pipelines.services.dispatch import dispatch
from pipelines.services.findings import SOURCE, Finding
from pipelines.services.ingest import ORDERS, apply_landed
from pipelines.services.orders import channel_of, sync_orders
from pipelines.services.repairs import give_back
from pipelines.services.warehouse import sync_shipments, sync_stock

LATE = timedelta(hours=2)
OLD = timedelta(days=7)
SILENT = timedelta(hours=24)
BY_PEOPLE = (State.NEEDS_PERSON, State.REJECTED)


def work_findings(hub: Hub) -> Iterator[Finding]:
    """Everything that is stuck."""
    now = hub.clock.now()
    with hub.store.read() as tx:
        yield from _messages(tx, now)
        yield from _withheld(tx, now)
        yield from _leases(tx, now)
        yield from _quarantine(tx, now)
        yield from _streams(tx, hub, now)
    yield from _landing(hub)


def _messages(tx: Transaction, now: datetime) -> Iterator[Finding]:
    for row in stuck_messages(tx, now, LATE):
        channel = connection_name(tx, row.connection_id)
        person = row.state in BY_PEOPLE
        remedy = f"see `orderhub outbox show {row.id}`, then `retry`, `done` or `dismiss`"
        yield Finding(
            "message",
            f"message {row.id}",
            f"{row.operation} {row.reference} to {channel} is {row.state}: {row.reason or 'no reason'}",
            remedy if person else "take it up now, as its operation declares",
            None if person else partial(_send, connection=channel),
        )


def _withheld(tx: Transaction, now: datetime) -> Iterator[Finding]:
    """Units that a channel said it has cancelled, and does not show as cancelled."""
    line, message = order_lines.c, outbox.c
    asked = (message.order_id == orders.c.id, message.operation == OPERATION)
    recent = select(message.id).where(
        *asked, or_(message.settled_at.is_(None), message.settled_at > now - LATE)
    )
    query = (
        select(orders.c.id, orders.c.number, connections.c.name, func.sum(line.cancelling).label("units"))
        .join_from(order_lines, orders)
        .join(connections)
        .where(line.cancelling > 0, ~recent.exists())
        .group_by(orders.c.id, orders.c.number, connections.c.name)
        .order_by(orders.c.id)
    )
    for row in tx.execute(query):
        yield Finding(
            "withheld",
            f"order {row.number}",
            f"{row.units} units are withheld, as {row.name} was to cancel them, and it does not show that",
            "read the order; what it does not show as cancelled waits for stock again",
            partial(give_back, order_id=row.id),
        )


def _leases(tx: Transaction, now: datetime) -> Iterator[Finding]:
    for row in tx.execute(select(leases).where(leases.c.owner != "", leases.c.until < now - LATE)):
        yield Finding(
            "lease",
            f"lease {row.name}",
            f"{row.owner} ended without giving it back; it ran out at {row.until:%Y-%m-%d %H:%M} UTC",
            "free it",
            partial(_free, name=row.name, fence=row.fence),
        )


def _quarantine(tx: Transaction, now: datetime) -> Iterator[Finding]:
    for one in list_quarantine(tx, limit=1_000_000):
        if one.since < now - OLD:
            yield Finding(
                "quarantine",
                f"quarantine {one.id}",
                f"{one.connection} {one.failure.stream} {one.failure.external_id} waits since"
                f" {one.since:%Y-%m-%d}: {one.failure.reason}, {one.failure.detail}",
                f"mend it and `orderhub quarantine retry {one.id}`, or `quarantine dismiss {one.id}`",
            )


def _streams(tx: Transaction, hub: Hub, now: datetime) -> Iterator[Finding]:
    for configured in hub.config.connections:
        if not configured.enabled or configured.kind == "carrier":
            continue
        for name, stream in hub.connector(configured.name).streams.items():
            marks = read_marks(tx, connection_id(tx, configured.name), name)
            read_again = partial(_sync, connection=configured.name)
            record = f"stream {configured.name} {name}"
            if marks.in_window:
                if what := _hangs(marks, now):
                    yield Finding("bookmark", record, what, "read on", read_again)
            elif marks.completed_at and marks.completed_at < now - max(SILENT, 3 * stream.every):
                yield Finding(
                    "stream",
                    record,
                    f"it was last read to its end at {marks.completed_at:%Y-%m-%d %H:%M} UTC",
                    "read it; if that fails, the error names the remedy",
                    read_again,
                )


def _hangs(marks: ReadState, now: datetime) -> str:
    """What is wrong with an unfinished window; empty where it gets on.

    At a vendor's slow rate a list of all open orders takes many rounds. Its bookmark moves with every page.
    """
    if marks.window_started_at is None or marks.changed_at is None:
        return ""
    began = f"its window began at {marks.window_started_at:%Y-%m-%d %H:%M} UTC and"
    if marks.changed_at < now - LATE:
        return f"{began} stands at page {marks.window_pages} since {marks.changed_at:%Y-%m-%d %H:%M} UTC"
    if marks.window_started_at < now - OLD:
        return f"{began} is at page {marks.window_pages}: it moves, and in a week it has not come to its end"
    return ""


def _landing(hub: Hub) -> Iterator[Finding]:
    with hub.store.read() as tx:
        recorded: set[str] = set(tx.scalars(select(landing_files.c.path)))
    there = set(hub.landing.paths())
    young = f"{int((time.time() - LATE.total_seconds()) * 1_000_000):017d}"
    for path in sorted(there - recorded):
        if path.rsplit("/", 1)[1] > young:
            continue
        yield Finding(
            "landing",
            f"file {path}",
            "it was landed, and no transaction has applied it",
            "apply it if it holds orders; note it otherwise, for newer reads hold what it holds",
            partial(_record, path=path),
        )
    for path in sorted(recorded - there):
        yield Finding(
            "landing",
            f"file {path}",
            "the store has applied it, and it is not in landing: replay and quarantine cannot read it",
            "put it back from a backup",
        )


def _send(hub: Hub, connection: str) -> None:
    dispatch(hub, connection)


def _sync(hub: Hub, connection: str) -> None:
    if hub.config.connection(connection).kind == "channel":
        sync_orders(hub, connection)
    else:
        sync_shipments(hub, connection)
        sync_stock(hub, connection)


def _free(hub: Hub, name: str, fence: int) -> None:
    now = hub.clock.now()
    with hub.store.begin() as tx:
        mine = (leases.c.name == name, leases.c.fence == fence)
        tx.execute(update(leases).where(*mine).values(owner="", until=EPOCH))
        why = "its holder ended without giving it back"
        add_hub_events(tx, [HubEvent(now, "lease_freed", SOURCE, f"lease {name}", why)])


def _record(hub: Hub, path: str) -> None:
    connection, stream = connection_and_stream(path)
    now = hub.clock.now()
    if stream == ORDERS:
        # whatever its day: a read looks only at those since the last recorded one
        apply_landed(hub.store, hub.landing, channel_of(hub, connection), [path], now=now)
    records, _whole = hub.landing.salvage(path)
    with hub.store.begin() as tx:
        if records:
            record_file(tx, connection_id(tx, connection), hub.landing.described(path, records), now)
        why = "its writer ended before it was applied"
        detail = {"records": len(records)}
        add_hub_events(tx, [HubEvent(now, "file_recorded", SOURCE, f"file {path}", why, detail)])
