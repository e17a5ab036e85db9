"""What does not balance is held until it does: an order, or a SKU at one warehouse or at all.

A held order has a hold of the code `imbalance`: routing leaves it alone, and no message of it goes out but a
cancellation. A held SKU counts as not available. Both end by themselves with the imbalance.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Table, or_, select, update

from order_store.dialects import insert_or_ignore, lock_orders
from order_store.events import Event, add_events
from order_store.schema.balance import imbalances
from order_store.schema.orders import holds
from order_store.status import refresh_status

IMBALANCE = "imbalance"
"""The code of such a hold. Verification neither sets nor releases it."""
SOURCE = "balance"


@dataclass(frozen=True, slots=True)
class Imbalance:
    """One thing that does not balance.

    Attributes:
        rule: Which rule it breaks.
        subject: Its natural key; rule and subject together are standing once.
        detail: The figures and the remedy, in words; names no person.
        order_id: The order to hold, or None.
        warehouse: Where the SKU is held; None for everywhere.
        sku: The SKU to hold, or None.
    """

    rule: str
    subject: str
    detail: str
    order_id: int | None = None
    warehouse: str | None = None
    sku: str | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What changed: how many imbalances are new, and how many have ended."""

    held: int = 0
    released: int = 0


def hold_imbalances(tx: Connection, found: Sequence[Imbalance], now: datetime) -> Settled:
    """Hold what does not balance now, and release what does again.

    Args:
        tx: A write transaction.
        found: Everything that does not balance now.
        now: The hub's time.
    """
    wanted = {(one.rule, one.subject): one for one in found}
    standing = {(row.rule, row.subject): row for row in tx.execute(_standing())}
    touched = {one.order_id for one in wanted.values() if one.order_id is not None}
    touched |= {row.order_id for row in standing.values() if row.order_id is not None}
    lock_orders(tx, sorted(touched))
    held = sum(_hold(tx, one, now) for key, one in sorted(wanted.items()) if key not in standing)
    for key in sorted(wanted.keys() & standing.keys()):
        if wanted[key].detail != standing[key].detail:
            _reword(tx, standing[key], wanted[key].detail)
    released = sum(_release(tx, standing[key], now) for key in sorted(standing.keys() - wanted.keys()))
    if held or released:
        refresh_status(tx, sorted(touched))
    return Settled(held, released)


def standing_imbalances(tx: Connection) -> list[Imbalance]:
    """Everything that is held now, oldest first."""
    return [
        Imbalance(row.rule, row.subject, row.detail, row.order_id, row.warehouse, row.sku)
        for row in tx.execute(_standing())
    ]


def is_held_stock(position: Table) -> ColumnElement[bool]:
    """SQL for whether a stock position is held, there or everywhere."""
    one = imbalances.c
    return (
        select(one.id)
        .where(
            one.ended_at.is_(None),
            one.order_id.is_(None),
            one.sku == position.c.sku,
            or_(one.warehouse.is_(None), one.warehouse == position.c.warehouse),
        )
        .exists()
    )


def is_held_order(order_id: ColumnElement[int]) -> ColumnElement[bool]:
    """SQL for whether an order is held because it does not balance."""
    hold = holds.c
    return (
        select(hold.id)
        .where(hold.order_id == order_id, hold.code == IMBALANCE, hold.released_at.is_(None))
        .exists()
    )


def _standing() -> Any:  # noqa: ANN401 -- a Select of whole rows
    return select(imbalances).where(imbalances.c.ended_at.is_(None)).order_by(imbalances.c.id)


def _hold(tx: Connection, one: Imbalance, now: datetime) -> int:
    row = {name: getattr(one, name) for name in Imbalance.__slots__} | {"since": now}
    added = insert_or_ignore(tx, imbalances).values(**row).returning(imbalances.c.id)
    if tx.execute(added).first() is None:
        return 0  # another process was faster
    if one.order_id is not None:
        hold = {"order_id": one.order_id, "code": IMBALANCE, "detail": one.detail, "since": now}
        tx.execute(holds.insert(), [hold])
        add_events(tx, [Event(one.order_id, now, "held", SOURCE, IMBALANCE, {"detail": one.detail})])
    return 1


def _reword(tx: Connection, row: Any, detail: str) -> None:  # noqa: ANN401 -- a row
    tx.execute(update(imbalances).where(imbalances.c.id == row.id).values(detail=detail))
    tx.execute(update(holds).where(*_own_hold(row)).values(detail=detail))


def _release(tx: Connection, row: Any, now: datetime) -> int:  # noqa: ANN401 -- a row
    ended = tx.execute(
        update(imbalances)
        .where(imbalances.c.id == row.id, imbalances.c.ended_at.is_(None))
        .values(ended_at=now)
    )
    if ended.rowcount != 1:
        return 0
    if row.order_id is not None:
        tx.execute(update(holds).where(*_own_hold(row)).values(released_at=now))
        detail = {"detail": row.detail}
        add_events(tx, [Event(row.order_id, now, "released", SOURCE, IMBALANCE, detail)])
    return 1


def _own_hold(row: Any) -> Iterable[ColumnElement[bool]]:  # noqa: ANN401 -- a row
    hold = holds.c
    return (
        hold.order_id == row.order_id,
        hold.code == IMBALANCE,
        hold.detail == row.detail,
        hold.released_at.is_(None),
    )
