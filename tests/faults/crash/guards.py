"""The guards that keep a killed hub from losing or doubling anything, and how each is taken away.

`take_away` is called in the hub's own process before it begins; it puts in the guard's place what a program
without it would do. The harness must notice.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import count
from typing import Any

from sqlalchemy import Connection, insert, update

from connectors.channels.amazon import Amazon
from connectors.contract import Page, WriteResult
from connectors.wms.tryton import Tryton
from connectors.wms.tryton_picklists import Picklists
from normalization.records import Tracking
from order_store import allocations, outbox, packed, tracking
from order_store.landing import Landing
from order_store.outbox import OutboxRow, State
from order_store.reading import ReadState
from order_store.schema.fulfilment import outbox as messages
from order_store.schema.fulfilment import parcels, tracking_events
from order_store.schema.reading import read_state
from pipelines.hub import Hub
from pipelines.services import cycle, dispatch, ingest, orders, reading
from pipelines.services.counts import PageCounts
from tests.faults.crash.merchants import WEST, Merchant
from tests.faults.crash.points import Point

Given = Any
"""What is handed through as it came."""


@dataclass(frozen=True)
class Guard:
    """One guard.

    Attributes:
        stage: The stage in which its lack can be seen.
        shows: The points at which a kill may show it.
        beside: Another guard that would hide its lack, and is taken away with it. Alone it is not missed.
        merchant: Whose day is played.
    """

    stage: str
    shows: Callable[[Point], bool]
    take_away: Callable[[], None]
    beside: str | None = None
    merchant: Merchant = WEST


PUSHES_BLINDLY = "a push looks whether its shipment is there"
ONE_KEY = "a confirmation has one key for all its tries"


def _bookmark_apart() -> None:
    """A page's bookmark is moved in a transaction of its own, before the page is stored."""
    ingest_page = orders.ingest_page

    def apart(
        store: Given, landing: Given, channel: Given, page: Page, *, now: datetime, also: Given = None
    ) -> PageCounts:
        if also:
            with store.begin() as tx:
                also(tx)
        return ingest_page(store, landing, channel, page, now=now)

    orders.ingest_page = apart


def _watermark_first() -> None:
    """The mark of what is read moves when reading begins."""
    begin_window, read_marks = reading.begin_window, reading.read_marks

    def begin(tx: Connection, key: int, stream: str, since: datetime, until: datetime, now: datetime) -> None:
        begin_window(tx, key, stream, since, until, now)
        mine = (read_state.c.connection_id == key, read_state.c.stream == stream)
        tx.execute(update(read_state).where(*mine).values(watermark=until))

    def marks(tx: Connection, key: int, stream: str) -> ReadState:
        found = read_marks(tx, key, stream)
        return replace(found, window_since=None, window_until=None, bookmark=None)

    reading.begin_window, reading.read_marks = begin, marks


def _landed_afterwards() -> None:
    """A page is landed after it is applied."""
    write, store = Landing._write, ingest._store
    waiting: list[tuple[Landing, str, bytes]] = []

    def later(landing: Landing, path: str, content: bytes) -> None:
        if path.split("/")[1] == orders.CHANGES:
            waiting.append((landing, path, content))
        else:
            write(landing, path, content)

    def stored(*given: Given) -> PageCounts:
        counts = store(*given)
        while waiting:
            write(*waiting.pop())
        return counts

    Landing._write, ingest._store = later, stored  # type: ignore[method-assign]


def _written_in_place() -> None:
    """A landing file has its name before it is whole."""

    def in_place(landing: Landing, path: str, content: bytes) -> None:
        name = f"{landing._root}/{path}"
        os.makedirs(os.path.dirname(name), exist_ok=True)  # noqa: PTH103, PTH120 -- as the guard's own code
        with open(name, "wb", buffering=0) as file:  # noqa: PTH123
            file.write(content[: len(content) // 2])
            os.fsync(file.fileno())
            file.write(content[len(content) // 2 :])

    Landing._write = in_place  # type: ignore[method-assign]


def _message_apart() -> None:
    """Picklists' messages are put into the outbox after the decision is committed."""
    enqueue, route_orders = allocations.enqueue, cycle.route_orders
    waiting: list[Mapping[str, Any]] = []

    def later(_tx: Connection, **message: Given) -> int:
        waiting.append(message)
        return 0

    def routed(hub: Hub) -> Given:
        done = route_orders(hub)
        with hub.store.begin() as tx:
            while waiting:
                enqueue(tx, **waiting.pop(0))
        return done

    allocations.enqueue, cycle.route_orders = later, routed


def _not_claimed() -> None:
    """Messages are sent without a claim that is committed before."""
    claim = dispatch.claim

    def unclaimed(tx: Connection, *given: Given) -> list[OutboxRow]:
        trial = tx.begin_nested()
        rows = claim(tx, *given)
        trial.rollback()
        return rows

    def record(tx: Connection, row: OutboxRow, values: Mapping[str, Any]) -> bool:
        return tx.execute(update(messages).where(messages.c.id == row.id).values(**values)).rowcount == 1

    dispatch.claim, outbox._record = unclaimed, record


def _expired_is_pending() -> None:
    """A claim that ran out counts as never sent."""
    expire = outbox._expire

    def forget(tx: Connection, connection_id: int, now: datetime, *given: Given) -> None:
        expire(tx, connection_id, now, *given)
        doubtful = (messages.c.connection_id == connection_id, messages.c.state == State.IN_DOUBT)
        tx.execute(
            update(messages).where(*doubtful).values(state=State.PENDING, sent_at=None, not_before=now)
        )

    outbox._expire = forget


def _push_without_a_look() -> None:
    """Tryton's push makes a shipment, whether there is one of its reference or not."""
    push = Picklists.push

    def blind(picklists: Picklists, body: Given) -> WriteResult:
        find = picklists.find
        picklists.find = lambda _body: None  # type: ignore[method-assign]
        try:
            return push(picklists, body)
        finally:
            picklists.find = find  # type: ignore[method-assign]

    Picklists.push = blind  # type: ignore[method-assign]


def _not_looked_up() -> None:
    """What is in doubt is sent again without a look."""

    def found_nothing(_self: Given, _operation: str, _body: Given, _reference: str) -> WriteResult | None:
        return None

    Tryton.look_up = found_nothing  # type: ignore[method-assign]


def _parcels_unknown() -> None:
    """Whatever left is a new parcel, also if the WMS has told of it before."""
    rows_where = packed.rows_where
    packed.rows_where = lambda tx, table, *given: [] if table is parcels else rows_where(tx, table, *given)


def _scans_unknown() -> None:
    """Whatever a carrier tells is new, also if it has told so before."""

    def keep(tx: Connection, parcel_id: int, told: Tracking) -> int:
        kept = ("occurred_at", "code", "local_time", "city", "region", "country_code")
        rows = [
            {name: getattr(one, name) for name in kept}
            | {"parcel_id": parcel_id, "status": one.status.value, "observed_at": told.observed_at}
            for one in told.events
        ]
        if rows:
            tx.execute(insert(tracking_events), rows)
        return len(rows)

    tracking._keep_events = keep


def both(first: Callable[[], None], second: Callable[[], None]) -> Callable[[], None]:
    """Two guards are taken away."""

    def take_away() -> None:
        first()
        second()

    return take_away


def new_key_each_time() -> None:
    """Every try of a confirmation has a key of its own."""
    write = Amazon.write
    numbers = count(int.from_bytes(os.urandom(3)) + 1000)

    def keyed_anew(connector: Amazon, operation: str, body: Given, reference: str) -> WriteResult:
        request = body["request"]
        parcel = {**request["packageDetail"], "packageReferenceId": str(next(numbers))}
        anew = {**body, "request": {**request, "packageDetail": parcel}}
        return write(connector, operation, anew, reference)

    Amazon.write = keyed_anew  # type: ignore[method-assign]


def _pushed(point: Point) -> bool:
    """After the second button of a push, which ends it."""
    return point.kind == "after call" and "tryton_rest.py:press" in point.place and point.occurrence % 2 == 0


def passed(kind: str, place: str) -> Callable[[Point], bool]:
    """Points of a kind at a place."""
    return lambda point: point.kind == kind and place in point.place


GUARDS: Mapping[str, Guard] = {
    "the bookmark moves in the page's own transaction": Guard(
        "refunded", passed("after commit", "orders.py:store <"), _bookmark_apart
    ),
    "the watermark moves at the end of a window": Guard(
        "refunded", passed("before commit", "ingest.py:_store"), _watermark_first
    ),
    "a page is landed before it is applied": Guard(
        "placed", passed("after commit", "ingest.py:_store"), _landed_afterwards
    ),
    "a landing file has its name only when it is whole": Guard(
        "placed", passed("before fsync", "landing.py:land < pipelines/services/ingest.py"), _written_in_place
    ),
    "a message is written with the change that causes it": Guard(
        "placed", passed("after commit", "services/route"), _message_apart
    ),
    PUSHES_BLINDLY: Guard(
        "placed",
        passed("after call", "tryton_rest.py:_send < connectors/wms/tryton_rest.py:create"),
        _push_without_a_look,
    ),
    "a message is claimed before it is sent": Guard(
        "placed", _pushed, both(_push_without_a_look, _not_claimed), PUSHES_BLINDLY
    ),
    "a claim that ran out is in doubt": Guard(
        "placed", _pushed, both(_push_without_a_look, _expired_is_pending), PUSHES_BLINDLY
    ),
    "what is in doubt is looked up before it is sent again": Guard(
        "placed", _pushed, both(_push_without_a_look, _not_looked_up), PUSHES_BLINDLY
    ),
    "a parcel is known by its WMS's name": Guard(
        "shipped", passed("after commit", "warehouse.py:_store_page"), _parcels_unknown
    ),
    "a carrier's scan is kept once": Guard(
        "shipped", passed("after commit", "track.py:_store"), _scans_unknown
    ),
    ONE_KEY: Guard(
        "shipped",
        passed("after call", "amazon.py:_send < connectors/channels/amazon.py:write"),
        new_key_each_time,
    ),
}
