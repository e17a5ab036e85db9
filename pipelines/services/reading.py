"""Reads one stream of one connection: window by window, page by page, resumable at any point."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection as Transaction

from connectors.contract import Connector, Page, ReadMode, Stream, Window
from connectors.errors import RateLimited, RecordRejected, StreamBroken
from order_store.connections import connection_id
from order_store.leases import Lease, LeaseLost, acquire_lease, new_owner, release_lease, renew_lease
from order_store.reading import (
    ReadState,
    abandon_window,
    begin_window,
    complete_window,
    move_bookmark,
    read_marks,
)
from pipelines.hub import Hub
from pipelines.services.counts import PageCounts

ORDERS = "orders"
LEASE = timedelta(minutes=10)
TAKEN_OVER = "this process was away for so long that another one took over"
FIRST_WINDOW = timedelta(days=1)
"""How far back a connection without `fulfil_from` is read at first; the back-fill reads what is older."""


@dataclass(frozen=True, slots=True)
class ReadResult:
    """One read of one stream.

    Attributes:
        earlier: Records of the same window that a run which was cut off has stored already.
        watermark: Up to where everything is read now; None for a snapshot.
        skipped: Why it was not read to its end, if so: somebody else reads it, it is not due, or the
            vendor's rate is spent.
    """

    connection: str
    stream: str
    pages: int = 0
    counts: PageCounts = field(default_factory=PageCounts)
    earlier: int = 0
    watermark: datetime | None = None
    skipped: str | None = None


InTransaction = Callable[[Transaction], None]
StorePage = Callable[[Page, InTransaction], PageCounts]
"""Lands a page, then applies it in one transaction, together with what it is handed (the bookmark)."""


def read_stream(hub: Hub, connection: str, name: str, store_page: StorePage) -> ReadResult:
    """Read a stream to its end.

    A window that an earlier run has begun is resumed at its bookmark. Only a window that was read to its
    end moves the watermark. A lease keeps two processes from reading the same stream at once; pages are
    stored idempotently all the same.

    Raises:
        connectors.errors.ConnectorError: What was stored so far stays, and the next read resumes there.
    """
    return read_marked(hub, connection, hub.connector(connection).streams[name], name, store_page)


def read_marked(hub: Hub, connection: str, stream: Stream, name: str, store_page: StorePage) -> ReadResult:
    """Read a stream to its end, with the marks and the lease of `name`. See `read_stream`."""
    connector = hub.connector(connection)
    with hub.store.begin() as tx:
        key = connection_id(tx, connection)
        marks = read_marks(tx, key, name)
        now = hub.clock.now()
        waited = stream.every if marks.completed_at is None else now - marks.completed_at
        due = marks.in_window or waited >= stream.every or waited < timedelta()  # the clock was ahead
        if not due:
            return ReadResult(connection, name, skipped=f"not due before {stream.every} have passed")
        lease = acquire_lease(tx, lease_name(connection, name), new_owner(), now, LEASE)
        marks = read_marks(tx, key, name)  # who held the lease until now may have moved them
    if lease is None:
        return ReadResult(connection, name, skipped="another process reads it")
    try:
        return _read(hub, connector, stream, _Reading(key, name, lease, marks), store_page)
    except LeaseLost:
        return ReadResult(connection, name, skipped=TAKEN_OVER)
    finally:
        with hub.store.begin() as tx:
            release_lease(tx, lease)


def lease_name(connection: str, stream: str) -> str:
    """What the lease of a stream is called."""
    return f"read:{connection}:{stream}"


@dataclass(slots=True)
class _Reading:
    key: int
    name: str
    lease: Lease
    marks: ReadState


def _read(
    hub: Hub, connector: Connector, stream: Stream, reading: _Reading, store_page: StorePage
) -> ReadResult:
    result = ReadResult(connector.connection, reading.name)
    for window, bookmark in _windows(hub, connector, stream, reading):
        try:
            for page in connector.read(stream.name, window, bookmark):
                counts = store_page(page, partial(_turn_page, hub, reading, page))
                result = replace(result, pages=result.pages + 1, counts=result.counts + counts)
        except RateLimited as error:
            if stream.mode is ReadMode.CHANGES or not _goes_on(stream):
                raise
            return replace(result, skipped=f"the rest of {reading.name} waits for the vendor's rate: {error}")
        except (RecordRejected, StreamBroken):
            if bookmark is not None:  # it may be the bookmark that works no more: the next read begins anew
                with hub.store.begin() as tx:
                    reading.lease = renew_lease(tx, reading.lease, hub.clock.now(), LEASE)
                    abandon_window(tx, reading.key, reading.name, hub.clock.now())
            raise
        with hub.store.begin() as tx:
            reading.lease = renew_lease(tx, reading.lease, hub.clock.now(), LEASE)
            watermark = complete_window(tx, reading.key, reading.name, hub.clock.now())
        result = replace(result, watermark=watermark if stream.mode is ReadMode.CHANGES else None)
    return result


def _turn_page(hub: Hub, reading: _Reading, page: Page, tx: Transaction) -> None:
    """Keep the lease and move the bookmark, in the transaction that applies the page."""
    now = hub.clock.now()
    reading.lease = renew_lease(tx, reading.lease, now, LEASE)
    move_bookmark(
        tx,
        reading.key,
        reading.name,
        page.bookmark,
        records=len(page.records),
        now=now,
        vendor_time=page.vendor_time,
    )


def _windows(
    hub: Hub, connector: Connector, stream: Stream, reading: _Reading
) -> Iterator[tuple[Window, str | None]]:
    """The windows that lead up to now: first the one that an earlier run left unfinished."""
    marks = reading.marks
    if _goes_on(stream) and marks.window_since and marks.window_until:
        yield Window(marks.window_since, marks.window_until), marks.bookmark
        if stream.mode is not ReadMode.CHANGES and stream.every:
            return  # it is complete, and the next one is not due
    now = hub.clock.now()
    while True:
        with hub.store.begin() as tx:
            reading.lease = renew_lease(tx, reading.lease, hub.clock.now(), LEASE)
            reached = read_marks(tx, reading.key, reading.name).watermark
            if stream.mode is ReadMode.CREATED:
                reached = now
            since = _first_moment(hub, connector, now) if reached is None else reached - stream.lookback
            until = now if stream.max_window is None else min(now, since + stream.max_window)
            begin_window(tx, reading.key, reading.name, since, until, hub.clock.now())
        yield Window(since, until), None
        if stream.mode is not ReadMode.CHANGES or until >= now:
            return


def _goes_on(stream: Stream) -> bool:
    """Whether a read that was cut off goes on at its bookmark.

    A snapshot of stock is always begun anew: half of an old one and half of a new one are no snapshot. One of
    orders may take hours at a slow rate. Each of its orders is stored by itself, and which orders it does
    not list any more is asked when it is complete, of those last seen before its first page was asked for.
    """
    return stream.mode is ReadMode.CHANGES or stream.lands_as == ORDERS


def _first_moment(hub: Hub, connector: Connector, now: datetime) -> datetime:
    return hub.config.connection(connector.connection).fulfil_from or now - FIRST_WINDOW
