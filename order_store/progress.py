"""How many units of an order's lines are picked, shipped and delivered: counted anew from its parcels.

Counting anew makes every repeated, late or reordered message harmless: what is counted twice is the same.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, select, update

from order_store.dialects import rows_where
from order_store.picklists import ENDED
from order_store.schema.fulfilment import parcel_items, parcel_lines, parcels, picklist_lines, picklists
from order_store.schema.orders import order_lines
from order_store.status import refresh_status

Rows = Sequence[Mapping[str, Any]]


def count_progress(tx: Connection, order_id: int) -> None:
    """Set picked, shipped and delivered of an order's lines, and the status that follows.

    A line's units are picked when their picklist is, and shipped when a parcel completes them. They are
    delivered when that parcel is; of a kit that lies in several parcels, when the parcels before it with
    parts of the line are delivered too.

    Args:
        tx: A write transaction that holds the order's lock.
        order_id: The order.
    """
    lists = rows_where(tx, picklists, picklists.c.order_id, [order_id])
    asked = rows_where(tx, picklist_lines, picklist_lines.c.picklist_id, [row["id"] for row in lists])
    sent = rows_where(tx, parcels, parcels.c.order_id, [order_id])
    parcel_ids = [row["id"] for row in sent]
    completed = rows_where(tx, parcel_lines, parcel_lines.c.parcel_id, parcel_ids)
    items = rows_where(tx, parcel_items, parcel_items.c.parcel_id, parcel_ids)
    shipped: dict[int, int] = defaultdict(int)
    by_picklist: dict[tuple[int, int], int] = defaultdict(int)
    picklist_of = {row["id"]: row["picklist_id"] for row in sent}
    for row in completed:
        shipped[row["line_no"]] += row["units"]
        by_picklist[picklist_of[row["parcel_id"]], row["line_no"]] += row["units"]
    delivered = _delivered(sent, completed, items)
    picked: dict[int, int] = defaultdict(int)
    under_way = {row["id"] for row in lists if row["picked_at"] and row["state"] not in ENDED}
    for row in asked:
        gone = by_picklist[row["picklist_id"], row["line_no"]]
        is_picked = row["picklist_id"] in under_way
        picked[row["line_no"]] += max(row["units"], gone) if is_picked else gone
    _store(tx, order_id, picked, shipped, delivered)
    refresh_status(tx, [order_id])


def _delivered(sent: Rows, completed: Rows, items: Rows) -> dict[int, int]:
    parcel = {row["id"]: row for row in sent}
    skus: dict[int, set[str]] = defaultdict(set)
    holders: dict[tuple[int, int], list[Mapping[str, Any]]] = defaultdict(list)
    for row in items:
        if row["line_no"] is not None:
            skus[row["line_no"]].add(row["sku"])
            holder = parcel[row["parcel_id"]]
            holders[holder["picklist_id"], row["line_no"]].append(holder)
    delivered: dict[int, int] = defaultdict(int)
    for row in completed:
        own = parcel[row["parcel_id"]]
        needed = [own]
        if len(skus[row["line_no"]]) > 1:
            parts = holders[own["picklist_id"], row["line_no"]]
            needed += [one for one in parts if one["sequence"] < own["sequence"]]
        if all(one["delivered_at"] for one in needed):
            delivered[row["line_no"]] += row["units"]
    return delivered


def _store(
    tx: Connection,
    order_id: int,
    picked: Mapping[int, int],
    shipped: Mapping[int, int],
    delivered: Mapping[int, int],
) -> None:
    line = order_lines.c
    known = {
        row.line_no: (row.picked, row.shipped, row.delivered)
        for row in tx.execute(
            select(line.line_no, line.picked, line.shipped, line.delivered).where(line.order_id == order_id)
        )
    }
    for line_no in sorted(picked):
        now = (picked[line_no], shipped.get(line_no, 0), delivered.get(line_no, 0))
        if known.get(line_no) != now:
            tx.execute(
                update(order_lines)
                .where(line.order_id == order_id, line.line_no == line_no)
                .values(picked=now[0], shipped=now[1], delivered=now[2])
            )
