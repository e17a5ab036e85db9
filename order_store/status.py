"""An order's status follows from its line quantities (docs/definitions.md), never from one word alone."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, update

from normalization.statuses import OrderStatus
from order_store.dialects import rows_where
from order_store.schema.orders import holds, order_lines, orders


@dataclass(frozen=True, slots=True)
class LineUnits:
    """The quantities of one order line.

    Allocated to delivered count units that reached that point: allocated >= picked >= shipped >= delivered.
    """

    ordered: int
    cancelled: int = 0
    allocated: int = 0
    picked: int = 0
    shipped: int = 0
    delivered: int = 0
    backordered: int = 0
    elsewhere: int = 0
    requires_shipping: bool = True

    @property
    def current(self) -> int:
        """Units that the buyer still wants or has got."""
        return self.ordered - self.cancelled

    @property
    def open(self) -> int:
        """Units that nobody has shipped yet."""
        return max(0, self.current - self.shipped - self.elsewhere)


def derive_status(lines: Iterable[LineUnits], *, held: bool = False) -> OrderStatus:
    """The status of an order.

    Lines that need no shipping count only where nothing else is wanted.

    Args:
        lines: All lines of the order; none, if they were never read.
        held: Whether a hold stands.
    """
    known = list(lines)
    if not known:
        return OrderStatus.HELD if held else OrderStatus.OPEN
    wanted = [line for line in known if line.current > 0]
    if not wanted:
        return OrderStatus.CANCELLED
    counted = [line for line in wanted if line.requires_shipping] or wanted
    still_open = sum(line.open for line in counted)
    shipped = sum(line.shipped for line in counted)
    if still_open == 0:
        arrived = sum(line.delivered for line in counted)
        return OrderStatus.DELIVERED if shipped and arrived >= shipped else OrderStatus.SHIPPED
    if held:
        return OrderStatus.HELD
    if shipped or any(line.elsewhere for line in counted):
        return OrderStatus.PARTIALLY_SHIPPED
    if any(line.picked > line.shipped for line in counted):
        return OrderStatus.PICKING
    allocated = sum(min(line.allocated - line.shipped, line.open) for line in counted)
    if allocated >= still_open:
        return OrderStatus.ALLOCATED
    if allocated > 0:
        return OrderStatus.PARTIALLY_ALLOCATED
    return OrderStatus.BACKORDERED if any(line.backordered for line in counted) else OrderStatus.OPEN


def open_units() -> ColumnElement[int]:
    """SQL for the units of an order line that nobody has shipped."""
    line = order_lines.c
    rest = line.ordered - line.cancelled - line.shipped - line.elsewhere
    return case((rest > 0, rest), else_=0)


def allocatable_units() -> ColumnElement[int]:
    """SQL for the units of an order line that may still be allocated; may be negative after an edit."""
    line = order_lines.c
    return line.ordered - line.cancelled - line.elsewhere - line.allocated - line.cancelling


def refresh_status(tx: Connection, order_ids: Sequence[int]) -> dict[int, OrderStatus]:
    """Derive and store the status of orders anew, after their quantities or holds changed.

    Returns:
        The statuses that are new, by order.
    """
    wanted = sorted(set(order_ids))
    by_order: dict[int, list[Any]] = {order_id: [] for order_id in wanted}
    for line in rows_where(tx, order_lines, order_lines.c.order_id, wanted):
        by_order[line["order_id"]].append(line)
    changed: dict[int, OrderStatus] = {}
    held = orders_on_hold(tx, wanted)
    for order in rows_where(tx, orders, orders.c.id, wanted):
        status = status_of(by_order[order["id"]], held=order["id"] in held)
        if status != order["status"]:
            changed[order["id"]] = status
    for order_id, status in changed.items():
        tx.execute(update(orders).where(orders.c.id == order_id).values(status=status.value))
    return changed


def orders_on_hold(tx: Connection, order_ids: Sequence[int]) -> set[int]:
    """Those of the orders that a hold stands on."""
    found = rows_where(tx, holds, holds.c.order_id, order_ids)
    return {row["order_id"] for row in found if row["released_at"] is None}


def status_of(lines: Iterable[Mapping[str, Any]], *, held: bool) -> OrderStatus:
    """The status that follows from rows of order_lines."""
    return derive_status(map(units_of, lines), held=held)


def units_of(line: Mapping[str, Any]) -> LineUnits:
    """The quantities in a row of order_lines."""
    return LineUnits(
        line["ordered"],
        line["cancelled"],
        line["allocated"],
        line["picked"],
        line["shipped"],
        line["delivered"],
        line["backordered"],
        max(0, line["fulfilled"] - line["confirmed"]),
        bool(line["requires_shipping"]),
    )
