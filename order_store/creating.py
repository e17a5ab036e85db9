"""Inserts orders that are new to the hub. The hot path of every back-fill and replay."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from normalization.records import CanonicalOrder
from normalization.statuses import FulfilledBy, OrderStatus
from order_store.dialects import Row, insert_orders_with_ids, insert_rows, next_order_ids
from order_store.events import add_event_rows, encode_detail
from order_store.personal import add_personal_data
from order_store.rows import (
    CHILD_COLUMNS,
    CHILD_TABLES,
    LINE_COLUMNS,
    ORDER_COLUMNS,
    HubColumns,
    add_child_rows,
    line_row,
    order_row,
)
from order_store.schema.base import to_micros
from order_store.schema.orders import order_lines, orders
from order_store.status import LineUnits, derive_status
from order_store.verdicts import (
    Judge,
    Verdict,
    Verification,
    add_verdict_rows,
    component_rows,
    hold_rows,
    sku_of,
)
from order_store.versions import encode_versions, is_complete, versions_of


@dataclass(frozen=True, slots=True)
class Arrival:
    """What all orders of one batch have in common."""

    connection_id: int
    connection: str
    fulfil_from: datetime | None
    now: datetime
    judge: Judge | None

    def is_history(self, order: CanonicalOrder) -> int:
        """1 for an order that is kept and reported, and never routed."""
        early = self.fulfil_from is not None and order.placed_at < self.fulfil_from
        return 1 if early or order.fulfilled_by is not FulfilledBy.MERCHANT else 0


def insert_orders(
    tx: Connection, arrival: Arrival, fresh: Sequence[CanonicalOrder]
) -> list[tuple[CanonicalOrder, int]]:
    """Insert orders that were not there a moment ago, and all that belongs to them.

    Returns:
        Those that were inserted, with their ids; an order that another process inserted meanwhile is
        left out.
    """
    if not fresh:
        return []
    ids = next_order_ids(tx, len(fresh))
    verdicts = [arrival.judge(order) if arrival.judge else None for order in fresh]
    now = to_micros(arrival.now)
    rows = [
        _row(order_id, order, verdict, arrival, now)
        for order_id, order, verdict in zip(ids, fresh, verdicts, strict=True)
    ]
    won = insert_orders_with_ids(tx, orders, ORDER_COLUMNS, rows)
    mine = [
        (order_id, order, verdict)
        for order_id, order, verdict in zip(ids, fresh, verdicts, strict=True)
        if won is None or order_id in won
    ]
    _insert_parts(tx, arrival, mine, now)
    return [(order, order_id) for order_id, order, _verdict in mine]


def _row(order_id: int, order: CanonicalOrder, verdict: Verdict | None, arrival: Arrival, now: int) -> Row:
    versions = None if is_complete(order) else encode_versions(order.version, versions_of(order))
    standing = "unverified" if verdict is None else str(verdict.standing)
    why = (verdict.why or None) if verdict else None
    status = _first_status(order, held=standing == Verification.HELD)
    hub = HubColumns(1, status, standing, why, arrival.is_history(order), now, now)
    return order_row(order_id, arrival.connection_id, order, versions, hub)


def _first_status(order: CanonicalOrder, *, held: bool) -> str:
    lines = order.lines or ()
    wanted = 0
    for line in lines:
        if line.fulfilled:
            break
        if line.requires_shipping:
            wanted += line.ordered - line.cancelled
    else:
        if wanted > 0:  # the ordinary case, without building what derive_status takes
            return _HELD if held else _OPEN
    units = [
        LineUnits(
            line.ordered,
            line.cancelled,
            elsewhere=line.fulfilled,
            requires_shipping=line.requires_shipping,
        )
        for line in lines
    ]
    return derive_status(units, held=held).value


_OPEN = OrderStatus.OPEN.value
_HELD = OrderStatus.HELD.value


def _insert_parts(
    tx: Connection,
    arrival: Arrival,
    created: Sequence[tuple[int, CanonicalOrder, Verdict | None]],
    now: int,
) -> None:
    lines: list[Row] = []
    children: dict[str, list[Row]] = {table.name: [] for table in CHILD_TABLES}
    held: list[Row] = []
    components: list[Row] = []
    events: list[Row] = []
    for order_id, order, verdict in created:
        skus: dict[str, str] = {}
        if verdict is not None:
            skus = {line.line_id: sku_of(line.sku) for line in verdict.lines}
        if order.lines:
            lines += [
                line_row(order_id, line_no, line, skus.get(line.line_id), None)
                for line_no, line in enumerate(order.lines)
            ]
        add_child_rows(children, order_id, order)
        events.append(
            (order_id, to_micros(order.version.observed_at), "created", order.connection, None, None)
        )
        if verdict is not None:
            if verdict.holds:
                held += hold_rows(order_id, verdict, now)
                events += [
                    (order_id, now, "held", "verification", code, encode_detail({"detail": detail}))
                    for _id, code, _line, detail, _since in held[-len(verdict.holds) :]
                ]
            if verdict.lines:
                line_nos = {line.line_id: line_no for line_no, line in enumerate(order.lines or ())}
                components += component_rows(order_id, line_nos, verdict)
    insert_rows(tx, order_lines, LINE_COLUMNS, lines)
    for table in CHILD_TABLES:
        insert_rows(tx, table, CHILD_COLUMNS[table.name], children[table.name])
    add_personal_data(tx, arrival.connection, [(order_id, order) for order_id, order, _verdict in created])
    add_verdict_rows(tx, held, components)
    add_event_rows(tx, events)
