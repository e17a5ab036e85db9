"""Erases people: by policy some time after delivery, or one person on request.

First what is left of the order is landed, so that replay and KPIs stay right. Then the erasure is written to
a list outside all stores and backups; from then on it is certain. Then the keys are destroyed, and last the
store's rows are emptied. Killed in between, the next erasure, restore or start of a hub finishes it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial

from sqlalchemy import Connection, Select, and_, case, false, func, or_, select

from order_store.connections import connection_id
from order_store.engine import Store
from order_store.erasing import (
    changed_since_erased,
    decode_left,
    erased_ids,
    mark_erased,
    names_of,
    orders_named,
    unmarked_orders,
    what_is_left,
)
from order_store.erasure_lists import ErasureLists
from order_store.files import record_file
from order_store.landing import ERASED_ORDERS, LandedFile, Landing
from order_store.schema.base import EPOCH
from order_store.schema.fulfilment import parcels
from order_store.schema.orders import orders
from order_store.schema.privacy import erasures
from pipelines.config import Connection as ConnectionConfig
from pipelines.config_privacy import DAYS_AT_MOST
from pipelines.hub import Hub
from pipelines.key_ring import apply_erasures, erasure_lists_of
from pipelines.problems import ProblemError
from pipelines.services.unclaimed import close_erased, erase_unclaimed

FINISHED = ("shipped", "delivered", "cancelled")
UNHEARD = timedelta(days=28)
"""A parcel of which no carrier says that it arrived counts as delivered so long after it left."""
AT_ONCE = 500
RECENT = timedelta(days=7)
POLICY, REQUEST = "policy", "request"


@dataclass(frozen=True, slots=True)
class EraseResult:
    """What was erased.

    Attributes:
        orders: Orders.
        keys: Keys that were destroyed, their shipments' and parcels' included.
        unclaimed: Keys of records that no order claims.
    """

    orders: int = 0
    keys: int = 0
    unclaimed: int = 0

    def __add__(self, other: "EraseResult") -> "EraseResult":
        return EraseResult(
            self.orders + other.orders, self.keys + other.keys, self.unclaimed + other.unclaimed
        )


def erase_due(hub: Hub) -> EraseResult:
    """Erase the people of orders that were delivered longer ago than their connection's policy allows."""
    lists = erasure_lists_of(hub.config, hub.state)
    result = EraseResult(orders=finish_erasures(hub.store, hub.landing, lists, hub.clock.now(), RECENT))
    for channel in hub.config.connections:
        due = due_orders(hub, channel)
        for start in range(0, len(due), AT_ONCE):
            result += _erase(hub, lists, due[start : start + AT_ONCE], POLICY)
    return result + EraseResult(unclaimed=erase_unclaimed(hub, lists))


def due_orders(hub: Hub, connection: ConnectionConfig, late: timedelta = timedelta()) -> list[int]:
    """Ids of a channel's orders whose time has run out, and did so before; none where policy keeps them.

    Args:
        hub: The hub.
        connection: The channel.
        late: How long ago it must have run out.
    """
    days = hub.config.privacy.days(connection) if connection.kind == "channel" else None
    if days is None:
        return []
    now = hub.clock.now() - late
    with hub.store.read() as tx:
        limited = connection.connector in DAYS_AT_MOST
        query = _due(connection_id(tx, connection.name), now, timedelta(days=days), also_begun=limited)
        return [row.id for row in tx.execute(query)]


def erase_orders(hub: Hub, order_ids: Sequence[int], why: str) -> EraseResult:
    """Erase the people of some orders, whatever state they are in. Who is erased already is not counted.

    Args:
        hub: The hub.
        order_ids: Which.
        why: policy or request.
    """
    if not order_ids:
        return EraseResult()
    lists = erasure_lists_of(hub.config, hub.state)
    with hub.store.read() as tx:
        known = erased_ids(tx, order_ids)
    finish_erasures(hub.store, hub.landing, lists, hub.clock.now(), RECENT)
    return EraseResult(len(set(order_ids) - known), _erase(hub, lists, order_ids, why).keys)


def _erase(hub: Hub, lists: ErasureLists, order_ids: Sequence[int], why: str) -> EraseResult:
    """Erase orders. Who is erased already is not landed again, and whose key is gone is not listed again."""
    with hub.store.read() as tx:
        known = erased_ids(tx, order_ids)
        names = names_of(tx, order_ids)
    fresh = [one for one in order_ids if one not in known]
    files = _land_what_is_left(hub.store, hub.landing, fresh, hub.clock.now())
    if living := hub.keys.not_destroyed(names):
        lists.add(living, why)
    destroyed = apply_erasures(lists, hub.keys)
    _mark(hub.store, fresh, files, why, hub.clock.now())
    return EraseResult(len(fresh), destroyed)


def refuse_open(tx: Connection, order_ids: Sequence[int]) -> None:
    """An order that is still to be shipped needs its address.

    Raises:
        ProblemError: If one of them is not finished; the message names them.
    """
    row = orders.c
    found = tx.execute(
        select(row.number, row.status)
        .where(row.id.in_(order_ids), row.status.not_in(FINISHED), row.is_history == 0)
        .order_by(row.id)
    ).all()
    if found:
        named = ", ".join(f"{one.number} ({one.status})" for one in found)
        raise ProblemError(
            f"still to be shipped: {named}. Wait until they are, cancel them in their channel, or erase"
            " all the same with --even-open: then they cannot be shipped"
        )


def finish_erasures(
    store: Store, landing: Landing, lists: ErasureLists, now: datetime, within: timedelta | None = None
) -> int:
    """Empty the rows of orders whose keys are destroyed and that do not say so; returns how many.

    Records of theirs that wait in quarantine are closed.
    Also lands what is left again where another process, that still remembered the key, applied a read whose
    record nobody can open any more.

    Args:
        store: The store, with keys.
        landing: Its landing.
        lists: The lists of erasures.
        now: The hub's time.
        within: Look only at lists that are not older; all of them if None.
    """
    if store.keys is None:
        raise ProblemError("the store was opened without keys")
    apply_erasures(lists, store.keys)
    since = "" if within is None else f"{datetime.now(UTC) - within:%Y%m%dT%H%M%S}"
    done = 0
    recent = [lists.read(file) for file in lists.names() if file >= since]
    for erased in recent:
        with store.read() as tx:
            left = unmarked_orders(tx, erased.names)
        for start in range(0, len(left), AT_ONCE):
            chunk = left[start : start + AT_ONCE]
            files = _land_what_is_left(store, landing, chunk, now)
            _mark(store, chunk, files, erased.why, now)
        done += len(left)
    close_erased(store, (name for erased in recent for name in erased.names), now)
    _land_what_changed(store, landing, now, within)
    return done


def reapply_erasures(hub: Hub) -> int:
    """After a restore: erase again whoever was erased since the backup; returns how many orders.

    Opening the hub has destroyed the keys already (pipelines.key_ring), so nothing can be read in between,
    also where an older copy of the key store was put back. What is done here is the rest: what is left of
    each order is landed again, for the restored landing may lack it, and the restored rows are emptied. Call
    it before the schedules start. It may be called again.
    """
    lists = erasure_lists_of(hub.config, hub.state)
    done = finish_erasures(hub.store, hub.landing, lists, hub.clock.now())
    _land_again(hub, lists)
    return done


def _land_again(hub: Hub, lists: ErasureLists) -> None:
    """What is left of erased orders, as far as the landing that was restored lacks it."""
    landed = {
        (record.connection, record.external_id)
        for path in hub.landing.paths(stream=ERASED_ORDERS)
        for record in hub.landing.salvage(path)[0]
    }
    names = [name for file in lists.names() for name in lists.read(file).names if tuple(name) not in landed]
    with hub.store.read() as tx:
        lacking = orders_named(tx, names)
    for start in range(0, len(lacking), AT_ONCE):
        chunk = lacking[start : start + AT_ONCE]
        files = _land_what_is_left(hub.store, hub.landing, chunk, hub.clock.now())
        _record(hub.store, files, hub.clock.now())


def _land_what_changed(store: Store, landing: Landing, now: datetime, within: timedelta | None) -> None:
    with store.read() as tx:
        changed = changed_since_erased(tx, EPOCH if within is None else now - within)
    since = None if within is None else (datetime.now(UTC) - within - timedelta(days=1)).date()
    for start in range(0, len(changed), AT_ONCE):
        chunk = changed[start : start + AT_ONCE]
        with store.read() as tx:
            left = what_is_left(tx, chunk)
        wanted = {(one.order.connection, one.order.external_id): order_id for order_id, one in left.items()}
        landed = {
            wanted[name]: record.payload
            for connection in sorted({connection for connection, _ in wanted})
            for path in landing.paths(connection, ERASED_ORDERS, since)
            for record in landing.salvage(path)[0]
            if (name := (connection, record.external_id)) in wanted
        }
        lacking = [
            order_id
            for order_id, one in left.items()
            if order_id not in landed or decode_left(landed[order_id]).order != one.order
        ]
        _record(store, _land_what_is_left(store, landing, lacking, now), now)


def _land_what_is_left(
    store: Store, landing: Landing, order_ids: Sequence[int], now: datetime
) -> list[LandedFile]:
    with store.read() as tx:
        left = what_is_left(tx, order_ids)
    by_connection: dict[str, list[tuple[str, bytes]]] = {}
    for one in left.values():
        record = (one.order.external_id, one.encoded())
        by_connection.setdefault(one.order.connection, []).append(record)
    return [
        landing.land(connection, ERASED_ORDERS, now, records)
        for connection, records in sorted(by_connection.items())
    ]


def _mark(
    store: Store, order_ids: Sequence[int], files: Sequence[LandedFile], why: str, now: datetime
) -> None:
    for start in range(0, len(order_ids), AT_ONCE):
        store.transact(partial(mark_erased, order_ids=order_ids[start : start + AT_ONCE], why=why, now=now))
    _record(store, files, now)


def _record(store: Store, files: Sequence[LandedFile], now: datetime) -> None:
    with store.begin() as tx:
        for file in files:
            record_file(tx, connection_id(tx, file.connection), file, now)


def _due(key: int, now: datetime, keep: timedelta, *, also_begun: bool) -> Select[tuple[int]]:
    """Finished orders whose time has run out: since the last delivery, else since the last parcel left.

    An order that somebody else has shipped, and one that was cancelled, counts from when it was placed:
    that is before any delivery, and nobody here needs its address.

    With `also_begun`, an order of which only a part has left counts like one that is finished: its vendor's
    limit runs from the parcels that there are, whatever becomes of the rest.
    """
    order, parcel = orders.c, parcels.c
    ends = (
        select(
            parcel.order_id,
            func.max(parcel.delivered_at).label("delivered"),
            func.max(parcel.shipped_at).label("shipped"),
            func.sum(case((parcel.delivered_at.is_(None), 1), else_=0)).label("under_way"),
        )
        .group_by(parcel.order_id)
        .subquery()
    )
    begun = ends.c.order_id.is_not(None) if also_begun else false()
    long_ago, unheard = now - keep, now - max(keep, UNHEARD)
    return (
        select(order.id)
        .outerjoin(ends, ends.c.order_id == order.id)
        .outerjoin(erasures, erasures.c.order_id == order.id)
        .where(
            order.connection_id == key,
            erasures.c.order_id.is_(None),
            or_(order.status.in_(FINISHED), order.is_history == 1, begun),
            or_(
                and_(ends.c.order_id.is_(None), order.placed_at <= long_ago),
                and_(ends.c.under_way == 0, ends.c.delivered <= long_ago),
                and_(ends.c.under_way > 0, ends.c.shipped <= unheard),
            ),
        )
        .order_by(order.id)
    )
