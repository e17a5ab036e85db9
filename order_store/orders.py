"""Applies canonical orders to the store, many at once, and reads them back."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from enum import StrEnum

import msgspec
from sqlalchemy import Connection, bindparam, select

from normalization.records import CanonicalOrder
from order_store.creating import Arrival, insert_orders
from order_store.dialects import external_ids_to_ids, lock_orders, rows_where
from order_store.loading import StoredOrder, load_orders
from order_store.schema.base import from_micros
from order_store.schema.orders import orders
from order_store.schema.reading import connections
from order_store.updating import update_orders
from order_store.verdicts import Judge

__all__ = [
    "Applied",
    "Outcome",
    "StoredOrder",
    "apply_orders",
    "find_order",
    "load_order",
    "load_orders",
    "observed_orders",
]


_CONNECTION = select(connections.c.name, connections.c.fulfil_from).where(
    connections.c.id == bindparam("wanted")
)


class Outcome(StrEnum):
    """What applying an order did."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"  # read again, nothing new in it
    STALE = "stale"  # older than what is known, and nothing new in it


class Applied(msgspec.Struct, frozen=True, gc=False):
    """One applied order. `revision` is the hub's, after it."""

    order_id: int
    outcome: Outcome
    revision: int


def apply_orders(
    tx: Connection,
    connection_id: int,
    incoming: Sequence[CanonicalOrder],
    *,
    now: datetime,
    judge: Judge | None = None,
) -> list[Applied]:
    """Store what was read of orders, in a few statements for all of them.

    Every dataset is stored where its version is newer than the stored one; the hub's own quantities are
    never touched. Two processes may apply the same order at once: one creates it, the other merges.

    Args:
        tx: A write transaction.
        connection_id: The connection that all of them came through.
        incoming: Any versions in any sequence; the same order may occur more than once.
        now: The hub's time.
        judge: Verification. Without it, new and changed orders stand as unverified.

    Returns:
        What became of each, in the sequence given.
    """
    channel = _channel(tx, connection_id, now, judge)
    results: dict[int, Applied] = {}
    for batch in _without_repeats(incoming):
        numbers = {incoming[number].external_id: number for number in batch}
        known = external_ids_to_ids(tx, connection_id, list(numbers))
        fresh = [incoming[number] for external_id, number in numbers.items() if external_id not in known]
        for order, order_id in insert_orders(tx, channel, fresh):
            results[numbers[order.external_id]] = Applied(order_id, Outcome.CREATED, 1)
        missed = [one.external_id for one in fresh if numbers[one.external_id] not in results]
        if missed:
            known |= external_ids_to_ids(tx, connection_id, missed)
        if known:
            lock_orders(tx, sorted(known.values()))
            pairs = [(order_id, incoming[numbers[external_id]]) for external_id, order_id in known.items()]
            for order_id, order, outcome, revision in update_orders(tx, channel, pairs):
                results[numbers[order.external_id]] = Applied(order_id, Outcome(outcome), revision)
    return [results[number] for number in range(len(incoming))]


def find_order(
    tx: Connection, connection: str, external_id: str, purpose: str = "looking up"
) -> StoredOrder | None:
    """An order by its natural key, or None. `purpose` says why, for the access log."""
    order_id = tx.scalar(
        select(orders.c.id)
        .join(connections)
        .where(connections.c.name == connection, orders.c.external_id == external_id)
    )
    return None if order_id is None else load_order(tx, order_id, purpose)


def load_order(tx: Connection, order_id: int, purpose: str = "looking up") -> StoredOrder:
    """An order by its id; `purpose` says why, for the access log. Raises KeyError if there is none."""
    return load_orders(tx, [order_id], purpose)[order_id]


def observed_orders(tx: Connection, connection_id: int, external_ids: Sequence[str]) -> dict[str, datetime]:
    """When those orders that are stored were last observed, by external id."""
    ids = list(external_ids_to_ids(tx, connection_id, external_ids).values())
    rows = rows_where(tx, orders, orders.c.id, ids)
    return {row["external_id"]: from_micros(row["version_observed_at"]) for row in rows}


def _channel(tx: Connection, connection_id: int, now: datetime, judge: Judge | None) -> Arrival:
    row = tx.execute(_CONNECTION, {"wanted": connection_id}).first()
    if row is None:
        raise KeyError(f"no connection {connection_id} is registered in the store")
    return Arrival(connection_id, row.name, row.fulfil_from, now, judge)


def _without_repeats(incoming: Sequence[CanonicalOrder]) -> Iterator[list[int]]:
    """Positions in batches, so that no order occurs twice in one of them."""
    rest = list(range(len(incoming)))
    while rest:
        seen: set[str] = set()
        later: list[int] = []
        batch: list[int] = []
        for number in rest:
            external_id = incoming[number].external_id
            (later if external_id in seen else batch).append(number)
            seen.add(external_id)
        yield batch
        rest = later
