"""What routing is asked, out of the store: open orders, parcels that may still be moved, stock, goods."""

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, Table, func, select

from order_store.dialects import rows_where
from order_store.picklists import State
from order_store.routing import refusals
from order_store.schema.catalogue import skus
from order_store.schema.fulfilment import picklists
from order_store.schema.orders import line_components, order_lines, orders
from order_store.schema.reading import connections
from order_store.status import allocatable_units
from order_store.stock import available_stock
from pipelines.config_sites import routing_sites
from pipelines.hub import Hub
from pipelines.services.movable import Movable, movable_parcels
from warehouse_routing.geo import locate
from warehouse_routing.problem import Component, Goods, OpenLine, OrderToRoute, Problem

REFUSED_FOR = timedelta(days=1)
"""How long a warehouse that refused an order is not asked again."""


@dataclass(frozen=True, slots=True)
class Known:
    """An order with something to route, and how its lines are numbered.

    Attributes:
        waiting: Units that wait since the last routing, by line_no.
        movable: Its parcels, if it is allocated and may still be moved; empty for an open order.
    """

    row: Row[Any]
    to_route: OrderToRoute
    line_nos: Mapping[str, int]
    waiting: Mapping[int, int]
    routed_before: bool
    movable: tuple[Movable, ...] = ()


def problem_of(
    hub: Hub, tx: Connection, wanted: Collection[int] | None = None
) -> tuple[Problem, dict[int, Known]]:
    """Everything that is open, and what may be moved, with the orders by id.

    Args:
        hub: The hub.
        tx: A read transaction.
        wanted: Only these orders, and nothing that stands; None for all.
    """
    now = hub.clock.now()
    policy = hub.config.routing_policy()
    known = {one.to_route.order_id: one for one in _open_orders(tx, wanted, now)}
    if wanted is None:
        known |= {
            one.to_route.order_id: one
            for one in _standing_orders(hub, tx, now)
            if one.to_route.order_id not in known
        }
    return (
        Problem(
            now=now,
            orders=tuple(one.to_route for one in known.values()),
            sites=routing_sites(hub.config, _parcels_planned(tx, now)),
            stock=available_stock(tx),
            policy=policy,
            goods=_goods(tx, now),
        ),
        known,
    )


def _open_orders(tx: Connection, wanted: Collection[int] | None, now: datetime) -> Iterator[Known]:
    order, line = orders.c, order_lines.c
    query = (
        select(line.order_id)
        .distinct()
        .join(orders, order.id == line.order_id)
        .where(
            order.verification == "verified",
            order.status.in_(("open", "backordered", "partially_allocated", "partially_shipped", "picking")),
            line.requires_shipping == 1,
            allocatable_units() > 0,
        )
        .order_by(line.order_id)
    )
    keys: list[int] = list(tx.scalars(query))
    ids = [key for key in keys if wanted is None or key in wanted]
    lines, components = _by_order(tx, order_lines, ids), _by_order(tx, line_components, ids)
    refused, given = refusals(tx, now - REFUSED_FOR), _sites_given(tx, ids)
    for row in _rows(tx, ids):
        excluded = refused.get(row.id, frozenset())
        if found := _known(row, lines[row.id], components[row.id], excluded, given=given[row.id]):
            yield found


def _standing_orders(hub: Hub, tx: Connection, now: datetime) -> Iterator[Known]:
    """Orders that are allocated as a whole, and of which all parcels may still be moved."""
    movable = movable_parcels(hub, tx, now)
    ids = sorted(movable)
    lines, components = _by_order(tx, order_lines, ids), _by_order(tx, line_components, ids)
    refused = refusals(tx, now - REFUSED_FOR)
    for row in _rows(tx, ids):
        excluded = refused.get(row.id, frozenset())
        known = _known(row, lines[row.id], components[row.id], excluded, movable[row.id])
        if known is not None:
            yield known


def _known(
    row: Row[Any],
    lines: Sequence[Mapping[str, Any]],
    parts: Sequence[Mapping[str, Any]],
    excluded: frozenset[str],
    movable: tuple[Movable, ...] = (),
    given: frozenset[str] = frozenset(),
) -> Known | None:
    per_unit: dict[int, list[Component]] = defaultdict(list)
    for part in parts:
        per_unit[part["line_no"]].append(Component(part["sku"], part["units"]))
    stands: dict[int, int] = defaultdict(int)
    for one in movable:
        for line_no, units in one.lines.items():
            stands[line_no] += units
    open_lines: list[OpenLine] = []
    numbers: dict[str, int] = {}
    for line in lines:
        elsewhere = max(0, line["fulfilled"] - line["confirmed"])
        units = line["ordered"] - line["cancelled"] - elsewhere - line["allocated"] - line["cancelling"]
        units += stands[line["line_no"]]
        if units > 0 and line["requires_shipping"] and per_unit[line["line_no"]]:
            open_lines.append(
                OpenLine(line["line_id"], units, tuple(per_unit[line["line_no"]]), line["sku"] or "")
            )
            numbers[line["line_id"]] = line["line_no"]
    if not open_lines or (movable and not _holds_all(open_lines, numbers, movable)):
        return None
    ids = {number: line_id for line_id, number in numbers.items()}
    to_route = OrderToRoute(
        order_id=row.id,
        placed_at=row.placed_at,
        country_code=row.country_code or "",
        destination=locate(row.country_code or "", row.postal_code, row.city, row.region),
        lines=tuple(open_lines),
        ship_by=row.ship_by,
        backordered=not movable and any(line["backordered"] for line in lines),
        channel=row.channel,
        service=row.requested_service or "",
        postal_code=row.postal_code or "",
        deliver_by=row.deliver_by,
        excluded=excluded,
        standing=tuple(one.standing(ids) for one in movable),
        given=given,
    )
    return Known(
        row,
        to_route,
        numbers,
        {line["line_no"]: line["backordered"] for line in lines},
        all(line["first_routed_at"] for line in lines if line["line_id"] in numbers),
        movable,
    )


def _holds_all(lines: Sequence[OpenLine], numbers: Mapping[str, int], movable: Sequence[Movable]) -> bool:
    """Whether the parcels hold just what the lines ask for: nothing waits, and nothing was substituted."""
    for line in lines:
        number = numbers[line.line_id]
        if sum(one.lines.get(number, 0) for one in movable) != line.units:
            return False
        for one in movable:
            units = one.lines.get(number, 0)
            asked = {part.sku: part.units * units for part in line.components} if units else {}
            if one.components.get(number, {}) != asked:
                return False
    return True


def _sites_given(tx: Connection, ids: Sequence[int]) -> Mapping[int, frozenset[str]]:
    """The warehouses that have parcels of orders, or have sent some."""
    found: dict[int, frozenset[str]] = defaultdict(frozenset)
    for row in rows_where(tx, picklists, picklists.c.order_id, ids):
        if row["state"] not in (State.CANCELLED, State.EXCEPTION):
            found[row["order_id"]] |= {row["warehouse"]}
    return found


def _parcels_planned(tx: Connection, now: datetime) -> dict[str, dict[date, int]]:
    """Parcels by warehouse and dispatch day, of picklists that stand; days that are over do not matter."""
    picklist = picklists.c
    yesterday = (now - timedelta(days=1)).date().isoformat()
    rows = tx.execute(
        select(picklist.warehouse, picklist.dispatch_date, func.count().label("parcels"))
        .where(picklist.state != "cancelled", picklist.dispatch_date >= yesterday)
        .group_by(picklist.warehouse, picklist.dispatch_date)
    )
    planned: dict[str, dict[date, int]] = defaultdict(dict)
    for row in rows:
        planned[row.warehouse][date.fromisoformat(row.dispatch_date)] = row.parcels
    return planned


def _goods(tx: Connection, now: datetime) -> dict[str, Goods]:
    """What the catalogue says now; of a SKU that is not there any more, what it said last."""
    sku = skus.c
    found: dict[str, Goods] = {}
    for row in tx.execute(
        select(sku.sku, sku.weight_g, sku.hazardous, sku.oversize)
        .where(sku.valid_from <= now)
        .order_by(sku.sku, sku.valid_from)
    ):
        found[row.sku] = Goods(row.weight_g, bool(row.hazardous), bool(row.oversize))
    return found


def _rows(tx: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    query = select(orders, connections.c.name.label("channel")).join(connections)
    found: list[Row[Any]] = []
    for start in range(0, len(ids), 500):
        found += tx.execute(query.where(orders.c.id.in_(ids[start : start + 500]))).all()
    return sorted(found, key=lambda row: int(row.id))


def _by_order(tx: Connection, table: Table, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows_where(tx, table, table.c.order_id, ids):
        grouped[row["order_id"]].append(row)
    return grouped
