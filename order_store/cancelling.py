"""Units that a channel was asked to cancel. They wait for its answer, and nobody allocates them meanwhile."""

from collections.abc import Collection

from sqlalchemy import Connection, case, update

from order_store.schema.orders import order_lines
from order_store.status import allocatable_units


def withhold(tx: Connection, order_id: int, line_no: int, units: int) -> bool:
    """Keep units of a line from being allocated, if nobody has allocated them.

    Args:
        tx: A write transaction.
        order_id: The order.
        line_no: The line.
        units: How many, at least one.

    Returns:
        False if so many are not there any more.
    """
    line = order_lines.c
    done = tx.execute(
        update(order_lines)
        .where(line.order_id == order_id, line.line_no == line_no, allocatable_units() >= units)
        .values(cancelling=line.cancelling + units)
    )
    return done.rowcount == 1


def let_go(tx: Connection, order_id: int) -> int:
    """The channel did not cancel them, so that they wait for stock again. Returns how many lines that are."""
    mine = (order_lines.c.order_id == order_id, order_lines.c.cancelling > 0)
    return tx.execute(update(order_lines).where(*mine).values(cancelling=0)).rowcount


def count_down(tx: Connection, order_ids: Collection[int]) -> None:
    """What the channel shows as cancelled, or as fulfilled by others, is no longer to be cancelled."""
    line = order_lines.c
    left = allocatable_units() + line.cancelling
    tx.execute(
        update(order_lines)
        .where(line.order_id.in_(order_ids), line.cancelling > 0, line.cancelling > left)
        .values(cancelling=case((left > 0, left), else_=0))
    )
