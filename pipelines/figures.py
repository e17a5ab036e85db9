"""What the hub knows of every order, in the figures that the sandbox's ledger is compared by."""

from collections import defaultdict
from typing import Any

from sqlalchemy import Connection, Row, select

from order_store.schema.fulfilment import parcel_lines, parcels
from order_store.schema.orders import order_lines, orders
from order_store.schema.reading import connections
from sandbox.ledger import Figures, LineFigures, OrderFigures

Key = tuple[int, int]
"""(order id, line number)."""


def hub_figures(tx: Connection) -> Figures:
    """Every order, line by line, from the store alone.

    Shipped, delivered and confirmed units are those of parcels, not the counters on the lines, so that the
    comparison also shows a counter that has gone astray.
    """
    told: dict[int, list[str]] = defaultdict(list)
    tracked: dict[int, list[str]] = defaultdict(list)
    confirmed: dict[Key, int] = defaultdict(int)
    for parcel in tx.execute(select(parcels)):
        tracked[parcel.order_id].append(parcel.tracking_number or "")
        if parcel.confirmed_at:
            told[parcel.order_id].append(parcel.tracking_number or "")
    lines_of = select(parcels.c.order_id, parcels.c.confirmed_at, parcel_lines).join(parcel_lines)
    for row in tx.execute(lines_of):
        if row.confirmed_at:
            confirmed[row.order_id, row.line_no] += row.units
    lines: dict[int, list[LineFigures]] = defaultdict(list)
    for line in tx.execute(select(order_lines).order_by(order_lines.c.order_id, order_lines.c.line_no)):
        lines[line.order_id].append(_line(line, confirmed[line.order_id, line.line_no]))
    found = tx.execute(select(orders, connections.c.name.label("connection")).join(connections))
    return Figures(
        orders=[
            OrderFigures(
                connection=order.connection,
                external_id=order.external_id,
                currency=order.currency,
                total=order.total_minor or 0,
                refunded=order.refunded_minor,
                tracking_numbers=sorted(tracked[order.id]),
                told_tracking_numbers=sorted(told[order.id]),
                lines=lines[order.id],
            )
            for order in found
        ],
        stray_parcels=[],
        surplus={},
    )


def _line(line: Row[Any], confirmed: int) -> LineFigures:
    return LineFigures(
        line_id=line.line_id,
        channel_sku=line.channel_sku or "",
        ordered=line.ordered,
        cancelled=line.cancelled,
        shipped=line.shipped,
        delivered=line.delivered,
        confirmed=confirmed,
        returned=line.returned,
        total=line.total_minor,
    )
