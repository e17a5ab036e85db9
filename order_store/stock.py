"""What warehouses hold, and what of it may be promised.

Available = on hand - safety - reserved. `reserved` counts the allocated units that the newest snapshot
cannot reflect yet; in doubt counts as not reflected. Snapshots come on one of two bases:

- physical: units on the shelf. An allocation is reflected once it was shipped before the snapshot was
  asked for.
- net of accepted: the WMS has taken off what it has accepted. An allocation is reflected once it was
  accepted before the snapshot was asked for.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, bindparam, case, delete, func, select, tuple_, update

from normalization.records import StockLevel
from normalization.statuses import StockBasis
from order_store.dialects import insert_or_ignore, insert_rows, is_sqlite
from order_store.imbalances import is_held_stock
from order_store.schema.fulfilment import allocations, stock_bins, stock_positions, stock_shortages

Key = tuple[str, str]
"""(warehouse, SKU)."""


@dataclass(frozen=True, slots=True)
class SnapshotResult:
    """What a snapshot changed.

    Attributes:
        positions: SKUs that the warehouse holds or held.
        short: SKUs of which more is promised than is there.
        stale: True if a newer snapshot was there already, and nothing was changed.
    """

    positions: int = 0
    short: int = 0
    stale: bool = False


def apply_snapshot(
    tx: Connection,
    warehouse: str,
    levels: Sequence[StockLevel],
    basis: StockBasis,
    observed_at: datetime,
    safety: Callable[[str], int],
    now: datetime,
) -> SnapshotResult:
    """Store a complete snapshot of one warehouse. SKUs that it does not name are not there.

    Args:
        tx: A write transaction.
        warehouse: The hub's code.
        levels: Every level of this warehouse, by bin and lot where the WMS has them.
        basis: What the figures mean.
        observed_at: When the snapshot's first request was sent.
        safety: Units of a SKU that are never promised.
        now: The hub's time.
    """
    position = stock_positions.c
    _lock_warehouse(tx, warehouse)
    newest = tx.scalar(select(func.max(position.observed_at)).where(position.warehouse == warehouse))
    if newest is not None and newest > observed_at:
        return SnapshotResult(stale=True)
    totals: dict[str, int] = defaultdict(int)
    places: dict[tuple[str, str, str], int] = defaultdict(int)
    for level in levels:
        totals[level.sku] += level.on_hand
        places[level.sku, level.bin or "", level.lot or ""] += level.on_hand
    known: set[str] = set(tx.scalars(select(position.sku).where(position.warehouse == warehouse)))
    for gone in known - set(totals):
        totals[gone] = 0
    figures = [
        {
            "sku": sku,
            "basis": basis.value,
            "on_hand": units,
            "safety": safety(sku),
            "observed_at": observed_at,
        }
        for sku, units in sorted(totals.items())
    ]
    if figures:
        tx.execute(
            insert_or_ignore(tx, stock_positions), [{"warehouse": warehouse, **row} for row in figures]
        )
        here = (position.warehouse == warehouse, position.sku == bindparam("at"))
        tx.execute(update(stock_positions).where(*here), [{"at": row.pop("sku"), **row} for row in figures])
    tx.execute(delete(stock_bins).where(stock_bins.c.warehouse == warehouse))
    insert_rows(
        tx,
        stock_bins,
        ("warehouse", "sku", "bin", "lot", "on_hand"),
        [(warehouse, *place, on_hand) for place, on_hand in sorted(places.items())],
    )
    keys = [(warehouse, sku) for sku in totals]
    _settle_reflected(tx, warehouse, basis, observed_at, now)
    recount(tx, keys)
    short = note_shortages(tx, keys, now)
    return SnapshotResult(len(totals), short)


def recount(tx: Connection, keys: Iterable[Key]) -> None:
    """Set `reserved` of positions to what their allocations say, in key order.

    Call it after any change of what allocations have reached: shipped, accepted, released.
    """
    position, allocation = stock_positions.c, allocations.c
    unreflected = (
        select(func.coalesce(func.sum(_bearing()), 0))
        .where(
            allocation.warehouse == position.warehouse,
            allocation.sku == position.sku,
            allocation.settled_at.is_(None),
        )
        .scalar_subquery()
    )
    here = (position.warehouse == bindparam("in"), position.sku == bindparam("at"))
    if rows := [{"in": warehouse, "at": sku} for warehouse, sku in sorted(set(keys))]:
        tx.execute(update(stock_positions).where(*here).values(reserved=unreflected), rows)


def lock_positions(tx: Connection, keys: Iterable[Key]) -> None:
    """Keep other writers from positions until the transaction ends; rows are locked in key order.

    Whoever changes allocations and positions in one transaction locks the orders first, then all positions,
    and only then changes anything: so nobody waits for another in a circle. SQLite's write transaction has
    shut out other writers already.
    """
    wanted = sorted(set(keys))
    if is_sqlite(tx) or not wanted:
        return
    position = stock_positions.c
    tx.execute(
        select(position.sku)
        .where(tuple_(position.warehouse, position.sku).in_(wanted))
        .order_by(position.warehouse, position.sku)
        .with_for_update()
    )


def _lock_warehouse(tx: Connection, warehouse: str) -> None:
    """Keep other writers from all positions of a warehouse, before anything of them is read.

    Else an older snapshot could follow a newer one between the look and the change: its figures would be
    believed, though what the newer one reflects bears on stock no more.
    """
    if not is_sqlite(tx):
        position = stock_positions.c
        mine = select(position.sku).where(position.warehouse == warehouse)
        tx.execute(mine.order_by(position.warehouse, position.sku).with_for_update())


def take(tx: Connection, wanted: Mapping[Key, int]) -> bool:
    """Reserve units, all or none: False as soon as one position has not enough; then roll back.

    Positions are taken in key order, so that two workers never wait for each other in a circle.
    """
    position = stock_positions.c
    for (warehouse, sku), units in sorted(wanted.items()):
        done = tx.execute(
            update(stock_positions)
            .where(
                position.warehouse == warehouse,
                position.sku == sku,
                position.on_hand - position.safety - position.reserved >= units,
                ~is_held_stock(stock_positions),
            )
            .values(reserved=position.reserved + units)
        )
        if done.rowcount != 1:
            return False
    return True


def available_stock(tx: Connection) -> dict[Key, int]:
    """Units that may be promised, by (warehouse, SKU); positions without any, or held, are left out."""
    position = stock_positions.c
    free = position.on_hand - position.safety - position.reserved
    rows = tx.execute(
        select(position.warehouse, position.sku, free.label("free")).where(
            free > 0, ~is_held_stock(stock_positions)
        )
    )
    return {(row.warehouse, row.sku): row.free for row in rows}


def note_shortages(tx: Connection, keys: Iterable[Key], now: datetime) -> int:
    """Open, renew or end the shortages of positions; returns how many stand.

    A snapshot below what is promised is a fact to act on, not an error: the warehouse lost or sold something
    that the hub had given away.
    """
    position, shortage = stock_positions.c, stock_shortages.c
    by_warehouse: dict[str, set[str]] = defaultdict(set)
    for warehouse, sku in keys:
        by_warehouse[warehouse].add(sku)
    standing = 0
    for warehouse, mine in sorted(by_warehouse.items()):
        lacks = (position.reserved - position.on_hand).label("units")
        found = tx.execute(select(position.sku, lacks).where(position.warehouse == warehouse, lacks > 0))
        lacking = {row.sku: row.units for row in found if row.sku in mine}
        known: set[str] = set(
            tx.scalars(
                select(shortage.sku).where(shortage.warehouse == warehouse, shortage.ended_at.is_(None))
            )
        )
        here = and_(
            shortage.warehouse == warehouse, shortage.sku == bindparam("at"), shortage.ended_at.is_(None)
        )
        if ended := [{"at": sku} for sku in sorted(known & mine - set(lacking))]:
            tx.execute(update(stock_shortages).where(here).values(ended_at=now), ended)
        if rows := [{"at": sku, "units": units} for sku, units in sorted(lacking.items())]:
            new = [
                {"warehouse": warehouse, "sku": row["at"], "units": row["units"], "since": now}
                for row in rows
            ]
            tx.execute(insert_or_ignore(tx, stock_shortages), new)
            tx.execute(update(stock_shortages).where(here), rows)
        standing += len(rows)
    return standing


def _settle_reflected(
    tx: Connection, warehouse: str, basis: StockBasis, observed_at: datetime, now: datetime
) -> None:
    """Allocations that this and every later snapshot reflects bear on stock no more."""
    allocation = allocations.c
    if basis is StockBasis.PHYSICAL:
        reflected = and_(allocation.shipped >= allocation.units, allocation.shipped_at < observed_at)
    else:
        reflected = allocation.accepted_at < observed_at
    tx.execute(
        update(allocations)
        .where(allocation.warehouse == warehouse, allocation.settled_at.is_(None), reflected)
        .values(settled_at=now)
    )


def _bearing() -> ColumnElement[int]:
    """Units of an allocation that its position's snapshot cannot reflect."""
    position, allocation = stock_positions.c, allocations.c
    left = and_(position.basis == StockBasis.PHYSICAL.value, allocation.shipped_at < position.observed_at)
    netted = and_(
        position.basis == StockBasis.NET_OF_ACCEPTED.value, allocation.accepted_at < position.observed_at
    )
    return case((netted, 0), (left, allocation.units - allocation.shipped), else_=allocation.units)
