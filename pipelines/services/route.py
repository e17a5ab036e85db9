"""Gives verified orders to warehouses: builds the problem, asks for a plan, commits it order by order."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection, Row, Table, func, select

from order_store.allocations import (
    AllocationConflict,
    OrderDecision,
    PlannedLine,
    PlannedParcel,
    commit_decision,
    lock_for,
)
from order_store.connections import connection_id
from order_store.dialects import rows_where
from order_store.personal import digest_key, personal_data_by_order
from order_store.picklists import ship_to_digest
from order_store.schema.fulfilment import picklists, routing_decisions
from order_store.schema.orders import line_components, order_lines, orders
from order_store.status import allocatable_units
from order_store.stock import available_stock
from pipelines.config_sites import routing_sites
from pipelines.hub import Hub
from warehouse_routing.geo import locate
from warehouse_routing.plan import OrderPlan
from warehouse_routing.problem import Component, OpenLine, OrderToRoute, Problem
from warehouse_routing.router import plan

ROUNDS = 3
BATCH = 50
"""Orders committed in one transaction: well below 200 ms of SQLite's write lock."""


@dataclass(frozen=True, slots=True)
class RouteResult:
    """What a routing run did.

    Attributes:
        orders: Orders that had something to route.
        allocated: Orders of which units were given to warehouses.
        picklists: Picklists that were made.
        backordered: Orders of which units wait for stock.
        conflicts: Times that an order or the stock changed between plan and commit.
    """

    orders: int = 0
    allocated: int = 0
    picklists: int = 0
    backordered: int = 0
    conflicts: int = 0


@dataclass(frozen=True, slots=True)
class _Open:
    """An order with something to route, and how its lines are numbered."""

    row: Row[Any]
    to_route: OrderToRoute
    line_nos: Mapping[str, int]
    waiting: Mapping[int, int]
    routed_before: bool


def route_orders(hub: Hub) -> RouteResult:
    """Route everything that is verified and open.

    Backordered orders come first, by promise and age. Where an order or the stock has changed between plan
    and commit, the orders concerned are routed again, at most three times; what is left then waits for
    the next run.
    """
    result = RouteResult()
    wanted: set[int] | None = None
    for _ in range(ROUNDS):
        with hub.store.read() as tx:
            waiting = {one.to_route.order_id: one for one in _open_orders(tx, wanted)}
            problem = Problem(
                now=hub.clock.now(),
                orders=tuple(one.to_route for one in waiting.values()),
                sites=routing_sites(hub.config, _parcels_planned(tx, hub.clock.now())),
                stock=available_stock(tx),
                policy=hub.config.routing_policy(),
            )
        if wanted is None:
            result = RouteResult(orders=len(waiting))
        decided = [one for one in plan(problem).orders if _is_news(waiting[one.order_id], one)]
        result, wanted = _commit_all(hub, waiting, decided, result)
        if not wanted:
            break
    return result


def _open_orders(tx: Connection, wanted: set[int] | None) -> Iterator[_Open]:
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
    for row in _rows(tx, ids):
        if found := _open_order(row, lines[row.id], components[row.id]):
            yield found


def _open_order(
    row: Row[Any], lines: Sequence[Mapping[str, Any]], parts: Sequence[Mapping[str, Any]]
) -> _Open | None:
    per_unit: dict[int, list[Component]] = defaultdict(list)
    for part in parts:
        per_unit[part["line_no"]].append(Component(part["sku"], part["units"]))
    open_lines: list[OpenLine] = []
    numbers: dict[str, int] = {}
    for line in lines:
        elsewhere = max(0, line["fulfilled"] - line["confirmed"])
        units = line["ordered"] - line["cancelled"] - elsewhere - line["allocated"]
        if units > 0 and line["requires_shipping"] and per_unit[line["line_no"]]:
            open_lines.append(OpenLine(line["line_id"], units, tuple(per_unit[line["line_no"]])))
            numbers[line["line_id"]] = line["line_no"]
    if not open_lines:
        return None
    to_route = OrderToRoute(
        order_id=row.id,
        placed_at=row.placed_at,
        country_code=row.country_code or "",
        destination=locate(row.country_code or "", row.postal_code, row.city, row.region),
        lines=tuple(open_lines),
        ship_by=row.ship_by,
        backordered=any(line["backordered"] for line in lines),
    )
    return _Open(
        row,
        to_route,
        numbers,
        {line["line_no"]: line["backordered"] for line in lines},
        all(line["first_routed_at"] for line in lines if line["line_id"] in numbers),
    )


def _is_news(known: _Open, decided: OrderPlan) -> bool:
    """Whether a plan says anything that the store does not know: a backorder that still waits is none."""
    if decided.assignments or not known.routed_before:
        return True
    return any(known.waiting[known.line_nos[one.line_id]] != one.units for one in decided.backorders)


def _commit_all(
    hub: Hub, waiting: Mapping[int, _Open], decided: Sequence[OrderPlan], result: RouteResult
) -> tuple[RouteResult, set[int]]:
    allocated, made, backordered = result.allocated, result.picklists, result.backordered
    again: set[int] = set()
    for start in range(0, len(decided), BATCH):
        with hub.store.begin() as tx:
            batch = decided[start : start + BATCH]
            decisions = [_decision(hub, tx, waiting[one.order_id], one) for one in batch]
            lock_for(tx, decisions)
            for one, decision in zip(batch, decisions, strict=True):
                known = waiting[one.order_id]
                savepoint = tx.begin_nested()
                try:
                    picked = commit_decision(tx, decision, hub.clock.now())
                except AllocationConflict:
                    savepoint.rollback()
                    again.add(one.order_id)
                    continue
                _keep_reasons(hub, tx, known, one)
                savepoint.commit()
                allocated += bool(one.assignments)
                made += len(picked)
                backordered += bool(one.backorders)
    conflicts = result.conflicts + len(again)
    return RouteResult(result.orders, allocated, made, backordered, conflicts), again


def _decision(hub: Hub, tx: Connection, known: _Open, decided: OrderPlan) -> OrderDecision:
    ship_to = personal_data_by_order(tx, [known.row.id], "routing")[known.row.id].ship_to
    digest = ship_to_digest(ship_to or None, digest_key(tx))
    parcels = []
    for assignment in decided.assignments:
        warehouse = hub.config.warehouse(assignment.site)
        due = known.row.ship_by or _end_of(assignment.dispatch_date, warehouse.time_zone)
        lines = tuple(
            PlannedLine(
                known.line_nos[line.line_id], line.units, tuple((c.sku, c.units) for c in line.components)
            )
            for line in assignment.lines
        )
        parcels.append(
            PlannedParcel(
                warehouse=warehouse.code,
                connection_id=connection_id(tx, warehouse.wms.connection),
                site=warehouse.wms.site,
                dispatch_date=assignment.dispatch_date.isoformat(),
                dispatch_due_at=due,
                ship_to_digest=digest,
                lines=lines,
            )
        )
    waiting = dict.fromkeys(known.line_nos.values(), 0)
    for backorder in decided.backorders:
        waiting[known.line_nos[backorder.line_id]] += backorder.units
    return OrderDecision(known.row.id, known.row.revision, tuple(parcels), waiting)


def _keep_reasons(hub: Hub, tx: Connection, known: _Open, decided: OrderPlan) -> None:
    tx.execute(
        routing_decisions.insert().values(
            order_id=known.row.id,
            order_revision=known.row.revision,
            at=hub.clock.now(),
            config_version=hub.config.version,
            plan=msgspec.json.encode(decided).decode(),
        )
    )


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


def _end_of(day: date, time_zone: str) -> datetime:
    """The first moment after a local day."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(time_zone))


def _rows(tx: Connection, ids: Sequence[int]) -> list[Row[Any]]:
    found: list[Row[Any]] = []
    for start in range(0, len(ids), 500):
        found += tx.execute(select(orders).where(orders.c.id.in_(ids[start : start + 500]))).all()
    return sorted(found, key=lambda row: int(row.id))


def _by_order(tx: Connection, table: Table, ids: Sequence[int]) -> dict[int, list[dict[str, Any]]]:
    grouped: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for row in rows_where(tx, table, table.c.order_id, ids):
        grouped[row["order_id"]].append(row)
    return grouped
