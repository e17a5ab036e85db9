"""Whether a store was put back from a backup, and whether it knows again what vendors know.

Until it does, nothing is routed or sent; and of orders of that time every message may have been sent before.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select, update

from order_store.schema.balance import restores
from order_store.schema.orders import orders

AFTER_RESTORE = "the store was restored from a backup: it may have been sent since"


@dataclass(frozen=True, slots=True)
class Restore:
    """A store that was put back.

    Attributes:
        taken_at: When its backup was taken.
        recovered_at: When what vendors know was known again; None as long as it is not.
    """

    id: int
    taken_at: datetime
    restored_at: datetime
    recovered_at: datetime | None


def open_restore(tx: Connection) -> Restore | None:
    """The newest restore after which the hub does not know yet what vendors know, or None."""
    query = select(restores).where(restores.c.recovered_at.is_(None)).order_by(restores.c.id.desc())
    row = tx.execute(query.limit(1)).first()
    return None if row is None else Restore(row.id, row.taken_at, row.restored_at, row.recovered_at)


def mark_recovered(tx: Connection, now: datetime) -> None:
    """What vendors know is known here again: routing and sending go on."""
    tx.execute(update(restores).where(restores.c.recovered_at.is_(None)).values(recovered_at=now))


def is_recovering() -> ColumnElement[bool]:
    """SQL for whether a restore is still to be followed by what vendors know."""
    return select(restores.c.id).where(restores.c.recovered_at.is_(None)).exists()


def may_be_known(tx: Connection, order_id: int) -> bool:
    """Whether vendors may know more of an order than this store: it was placed before a restore."""
    query = (
        select(restores.c.id)
        .join(orders, orders.c.placed_at <= restores.c.restored_at)
        .where(orders.c.id == order_id)
        .limit(1)
    )
    return tx.scalar(query) is not None
