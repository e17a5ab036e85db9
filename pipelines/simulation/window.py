"""A past window as the store remembers it: what was routed, and what was given to which warehouse."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, func, or_, select

from order_store.dialects import rows_where
from order_store.schema.catalogue import skus
from order_store.schema.fulfilment import allocations, picklist_lines, picklists
from order_store.schema.orders import line_components, order_lines, orders
from order_store.schema.reading import connections
from warehouse_routing.geo import locate
from warehouse_routing.problem import Component, Goods, OpenLine, OrderToRoute


@dataclass(frozen=True, slots=True)
class PastOrder:
    """An order that was routed for the first time within the window.

    Attributes:
        routed_at: When that was.
        to_route: With the units that are valid today: what was cancelled since, or fulfilled elsewhere, is
            left out here and in what happened.
        waited: Whether a line of it had to wait at its first routing.
    """

    routed_at: datetime
    to_route: OrderToRoute
    waited: bool


@dataclass(frozen=True, slots=True)
class PastParcel:
    """A picklist of such an order that was not cancelled: one parcel as it was decided.

    Attributes:
        lines: Whole lines' units, with the SKUs that were taken for one unit.
        handed_over: When the warehouse says that it left; None if it has not.
    """

    picklist_id: int
    order_id: int
    warehouse: str
    created_at: datetime
    lines: tuple[OpenLine, ...]
    due_at: datetime | None
    handed_over: datetime | None


@dataclass(frozen=True, slots=True)
class Window:
    """All of it.

    Attributes:
        planned: Parcels by warehouse and day that other orders' picklists take.
        goods: What the catalogue says of SKUs at the window's end.
    """

    since: datetime
    until: datetime
    orders: tuple[PastOrder, ...]
    parcels: tuple[PastParcel, ...]
    planned: Mapping[str, Mapping[date, int]]
    goods: Mapping[str, Goods]


def read_window(tx: Connection, since: datetime, until: datetime) -> Window:
    """Read a window; `until` is not part of it."""
    first = (
        select(order_lines.c.order_id, func.min(order_lines.c.first_routed_at).label("routed_at"))
        .group_by(order_lines.c.order_id)
        .subquery()
    )
    rows = tx.execute(
        select(orders, connections.c.name.label("channel"), first.c.routed_at)
        .join(first, first.c.order_id == orders.c.id)
        .join(connections, connections.c.id == orders.c.connection_id)
        .where(first.c.routed_at >= since, first.c.routed_at < until)
        .order_by(first.c.routed_at, orders.c.id)
    ).all()
    ids = [row.id for row in rows]
    lines, parts = _by_order(tx, order_lines, ids), _by_order(tx, line_components, ids)
    found = [past for row in rows if (past := _past_order(row, lines[row.id], parts[row.id]))]
    known = [past.to_route.order_id for past in found]
    return Window(
        since,
        until,
        tuple(found),
        tuple(_past_parcels(tx, known, lines, until)),
        _planned(tx, set(known), since),
        _goods(tx, until),
    )


def first_and_last_routing(tx: Connection) -> tuple[datetime, datetime] | None:
    """When the hub routed first and last; None if it never has."""
    row = tx.execute(
        select(
            func.min(order_lines.c.first_routed_at).label("first"),
            func.max(order_lines.c.first_routed_at).label("last"),
        )
    ).one()
    return (row.first, row.last) if row.first else None


def _past_order(
    row: Any,  # noqa: ANN401 -- a row of several tables
    lines: Iterable[Mapping[str, Any]],
    parts: Iterable[Mapping[str, Any]],
) -> PastOrder | None:
    per_unit: dict[int, list[Component]] = defaultdict(list)
    for part in parts:
        per_unit[part["line_no"]].append(Component(part["sku"], part["units"]))
    wanted, waited = [], False
    for line in lines:
        units = line["ordered"] - line["cancelled"] - line["elsewhere"]
        if units > 0 and line["requires_shipping"] and line["first_routed_at"] and per_unit[line["line_no"]]:
            wanted.append(
                OpenLine(line["line_id"], units, tuple(per_unit[line["line_no"]]), line["sku"] or "")
            )
            waited = waited or bool(line["backordered_at_first_routing"])
    if not wanted:
        return None
    country, code = row.country_code or "", row.postal_code or ""
    to_route = OrderToRoute(
        order_id=row.id,
        placed_at=row.placed_at,
        country_code=country,
        destination=locate(country, row.postal_code, row.city, row.region),
        lines=tuple(wanted),
        ship_by=row.ship_by,
        channel=row.channel,
        service=row.requested_service or "",
        postal_code=code,
        deliver_by=row.deliver_by,
    )
    return PastOrder(row.routed_at, to_route, waited)


def _past_parcels(
    tx: Connection, ids: Sequence[int], lines: Mapping[int, Sequence[Mapping[str, Any]]], until: datetime
) -> Iterable[PastParcel]:
    rows = [
        row for row in rows_where(tx, picklists, picklists.c.order_id, ids) if row["state"] != "cancelled"
    ]
    rows = [row for row in rows if row["created_at"] < until]
    keys = [row["id"] for row in rows]
    units: dict[int, dict[int, int]] = defaultdict(dict)
    for line in rows_where(tx, picklist_lines, picklist_lines.c.picklist_id, keys):
        units[line["picklist_id"]][line["line_no"]] = line["units"]
    taken: dict[tuple[int, int], list[tuple[str, int]]] = defaultdict(list)
    for one in rows_where(tx, allocations, allocations.c.picklist_id, keys):
        if one["units"] > 0:
            taken[one["picklist_id"], one["line_no"]].append((one["sku"], one["units"]))
    for row in rows:
        names = {line["line_no"]: line["line_id"] for line in lines[row["order_id"]]}
        packed = []
        for line_no, count in sorted(units[row["id"]].items()):
            parts = tuple(
                Component(sku, total // count) for sku, total in taken[row["id"], line_no] if total >= count
            )
            if count > 0 and parts:
                packed.append(OpenLine(names[line_no], count, parts))
        if packed:
            yield PastParcel(
                row["id"],
                row["order_id"],
                row["warehouse"],
                row["created_at"],
                tuple(packed),
                row["dispatch_due_at"],
                row["shipped_at"],
            )


def _planned(tx: Connection, ids: set[int], since: datetime) -> dict[str, dict[date, int]]:
    picklist = picklists.c
    rows = tx.execute(
        select(picklist.order_id, picklist.warehouse, picklist.dispatch_date).where(
            picklist.state != "cancelled", picklist.dispatch_date >= since.date().isoformat()
        )
    )
    planned: dict[str, dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for row in rows:
        if row.order_id not in ids:
            planned[row.warehouse][date.fromisoformat(row.dispatch_date)] += 1
    return planned


def _goods(tx: Connection, at: datetime) -> dict[str, Goods]:
    sku = skus.c
    rows = tx.execute(
        select(sku.sku, sku.weight_g, sku.hazardous, sku.oversize).where(
            sku.valid_from <= at, or_(sku.valid_to.is_(None), sku.valid_to > at)
        )
    )
    return {row.sku: Goods(row.weight_g, bool(row.hazardous), bool(row.oversize)) for row in rows}


def _by_order(tx: Connection, table: Any, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:  # noqa: ANN401
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows_where(tx, table, table.c.order_id, ids):
        grouped[row["order_id"]].append(row)
    return grouped
