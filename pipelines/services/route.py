"""Gives verified orders to warehouses: asks for a plan, and commits it order by order."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import date, datetime, time, timedelta
from functools import partial
from zoneinfo import ZoneInfo

import msgspec
from sqlalchemy import Connection

from order_store.allocations import (
    AllocationConflict,
    OrderDecision,
    PlannedLine,
    PlannedParcel,
    commit_decision,
    lock_for,
)
from order_store.connections import connection_id
from order_store.leases import Lease, LeaseLost, acquire_lease, new_owner, release_lease, renew_lease
from order_store.personal import digest_key, personal_data_by_order
from order_store.picklists import ship_to_digest
from order_store.schema.fulfilment import routing_decisions
from pipelines.config_sites import routing_sites
from pipelines.hub import Hub
from pipelines.services.cancellations import cancel_overdue
from pipelines.services.movable import ask_to_give_up, take_back
from pipelines.services.rejections import take_elsewhere
from pipelines.services.route_problem import Known, problem_of
from warehouse_routing.calendar import dispatch_date
from warehouse_routing.plan import Assignment, OrderPlan, Plan
from warehouse_routing.router import plan

LEASE = timedelta(minutes=5)
"""For reading, and between two commits; a plan's own time limit comes on top."""
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
        reconsidered: Orders that were looked at once more, though allocated.
        moved: Orders that were given to other warehouses, or whose WMS is asked to give them up.
        refused: Picklists that a WMS refused and that were taken back.
        cancellations_proposed: Lines that have waited too long, told for the first time.
        cancellations_asked: Such lines that their channel is asked to cancel.
        cost_minor: Of all that was decided in the first round, in minor units of `currency`.
        gap_percent: How far from the best that plan is at most.
        skipped: Why nothing was routed, if nothing was.
    """

    orders: int = 0
    allocated: int = 0
    picklists: int = 0
    backordered: int = 0
    conflicts: int = 0
    reconsidered: int = 0
    moved: int = 0
    refused: int = 0
    cancellations_proposed: int = 0
    cancellations_asked: int = 0
    cost_minor: int = 0
    gap_percent: float = 0.0
    skipped: str | None = None


@dataclass(slots=True)
class _Run:
    """One run's counts, and what its first plan said."""

    hub: Hub
    lease: Lease
    result: RouteResult = field(default_factory=RouteResult)

    def add(self, **more: int) -> None:
        """Count more."""
        old = {name: getattr(self.result, name) for name in more}
        self.result = replace(self.result, **{name: old[name] + count for name, count in more.items()})


def route_orders(hub: Hub, seen: list[Plan] | None = None) -> RouteResult:
    """Route everything that is verified and open, and reconsider what is allocated and may still be moved.

    Backordered orders come first, by promise and age. Where an order or the stock has changed between plan
    and commit, the orders concerned are routed again, at most three times; what is left then waits for
    the next run. One process routes at a time, as several would plan the same orders; where one holds the
    lease for longer than it lasts, the next one begins, and what both have planned is given once.

    Args:
        hub: The hub.
        seen: Gets the plans of all rounds, if somebody wants to look at them.
    """
    with hub.store.begin() as tx:
        lease = acquire_lease(tx, "route", new_owner(), hub.clock.now(), _lease_time(hub))
    if lease is None:
        return RouteResult(skipped="another process routes")
    run = _Run(hub, lease)
    try:
        return _route(run, seen)
    finally:
        with hub.store.begin() as tx:
            release_lease(tx, lease)


def _lease_time(hub: Hub) -> timedelta:
    return LEASE + timedelta(seconds=hub.config.routing.time_limit_seconds)


def _route(run: _Run, seen: list[Plan] | None) -> RouteResult:
    hub = run.hub
    run.add(refused=take_elsewhere(hub))
    wanted: set[int] | None = None
    for _ in range(ROUNDS):
        with hub.store.read() as tx:
            problem, known = problem_of(hub, tx, wanted)
        decided = plan(problem)
        if seen is not None:
            seen.append(decided)
        if wanted is None:
            run.add(
                orders=sum(not one.movable for one in known.values()),
                reconsidered=sum(bool(one.movable) for one in known.values()),
                cost_minor=decided.cost,
            )
            run.result = replace(run.result, gap_percent=round(decided.gap_percent, 3))
            _move(run, known, decided.orders)
        news = [one for one in decided.orders if _is_news(known[one.order_id], one)]
        wanted = {one.order_id for one in _commit(run, known, news)}
        run.add(conflicts=len(wanted))
        if not wanted:
            break
    overdue = cancel_overdue(hub)
    run.add(cancellations_proposed=overdue.proposed, cancellations_asked=overdue.asked)
    return run.result


def _is_news(known: Known, decided: OrderPlan) -> bool:
    """Whether a plan says anything that the store does not know: a backorder that still waits is none."""
    if known.movable:
        return False
    if decided.assignments or not known.routed_before:
        return True
    waiting = dict.fromkeys(known.waiting, 0)
    for one in decided.backorders:
        waiting[known.line_nos[one.line_id]] += one.units
    return any(known.waiting[number] != waiting[number] for number in known.line_nos.values())


def _batches(found: Sequence[OrderPlan]) -> Iterator[Sequence[OrderPlan]]:
    for start in range(0, len(found), BATCH):
        yield found[start : start + BATCH]


def _move(run: _Run, known: Mapping[int, Known], decided: Sequence[OrderPlan]) -> None:
    """Carry out moves. One that cannot be carried out leaves the order as it stands.

    What has been sent is asked back first, and is routed anew when its units are free. A move into the place
    of another is tried once more after all the others.
    """
    moves = [one for one in decided if one.withdrawn]
    sent = {one.order_id for one in moves if any(m.sent for m in known[one.order_id].movable)}
    for batch in _batches([one for one in moves if one.order_id in sent]):
        run.add(moved=run.hub.store.transact(partial(_ask_back, hub=run.hub, known=known, batch=batch)))
    left = [one for one in moves if one.order_id not in sent]
    for _ in range(2):
        left = _commit(run, known, left)


def _ask_back(tx: Connection, hub: Hub, known: Mapping[int, Known], batch: Sequence[OrderPlan]) -> int:
    """How many orders' WMSs are asked to give them up."""
    orders = 0
    for one in batch:
        mine, now = known[one.order_id], hub.clock.now()
        asked = [ask_to_give_up(tx, key, mine.row.revision, now) for key in sorted(one.withdrawn)]
        if any(asked):
            _keep_reasons(hub, tx, mine, one)
            orders += 1
    return orders


def _commit(run: _Run, known: Mapping[int, Known], decided: Sequence[OrderPlan]) -> list[OrderPlan]:
    """Withdraw and give, each order in a savepoint of its own; returns those that met a conflict."""
    failed: list[OrderPlan] = []
    for batch in _batches(decided):
        made = run.hub.store.transact(partial(_commit_batch, run=run, known=known, batch=batch))
        for one, picklists in zip(batch, made, strict=True):
            if picklists is None:
                failed.append(one)
                continue
            run.add(
                moved=int(bool(one.withdrawn)),
                allocated=int(bool(one.assignments) and not one.withdrawn),
                picklists=picklists,
                backordered=int(bool(one.backorders) and not one.withdrawn),
            )
    return failed


def _commit_batch(
    tx: Connection, run: _Run, known: Mapping[int, Known], batch: Sequence[OrderPlan]
) -> list[int | None]:
    """How many picklists each order got; None for one that met a conflict."""
    hub = run.hub
    with suppress(LeaseLost):  # who took longer is late, not wrong: each order is committed on conditions
        renew_lease(tx, run.lease, hub.clock.now(), _lease_time(hub))
    decisions = _decisions(hub, tx, [known[one.order_id] for one in batch], batch)
    lock_for(tx, decisions)
    days = {site.code: dispatch_date(site, hub.clock.now()) for site in routing_sites(hub.config)}
    made: list[int | None] = []
    for one, decision in zip(batch, decisions, strict=True):
        if any(new.dispatch_date < days[new.site] for new in one.assignments if new.kept is None):
            made.append(None)  # the cut-off has passed since
            continue
        savepoint = tx.begin_nested()
        try:
            picklists = _commit_one(tx, one, decision, hub.clock.now())
        except AllocationConflict:
            savepoint.rollback()
            made.append(None)
            continue
        _keep_reasons(hub, tx, known[one.order_id], one)
        savepoint.commit()
        made.append(len(picklists))
    return made


def _commit_one(tx: Connection, one: OrderPlan, decision: OrderDecision, now: datetime) -> list[int]:
    if not all(take_back(tx, key, now) for key in sorted(one.withdrawn)):
        raise AllocationConflict("a picklist has been sent meanwhile")
    return commit_decision(tx, decision, now)


def _decisions(
    hub: Hub, tx: Connection, known: Sequence[Known], decided: Sequence[OrderPlan]
) -> list[OrderDecision]:
    people = personal_data_by_order(tx, [one.row.id for one in known], "routing")
    key = digest_key(tx)
    return [
        _decision(hub, tx, one, plan, ship_to_digest(people[one.row.id].ship_to or None, key))
        for one, plan in zip(known, decided, strict=True)
    ]


def _decision(hub: Hub, tx: Connection, known: Known, decided: OrderPlan, digest: str) -> OrderDecision:
    new = [one for one in decided.assignments if one.kept is None]
    waiting = dict.fromkeys(known.line_nos.values(), 0)
    for backorder in decided.backorders:
        waiting[known.line_nos[backorder.line_id]] += backorder.units
    parcels = tuple(_parcel(hub, tx, known, one, digest) for one in new)
    return OrderDecision(known.row.id, known.row.revision, parcels, waiting)


def _parcel(hub: Hub, tx: Connection, known: Known, assignment: Assignment, digest: str) -> PlannedParcel:
    warehouse = hub.config.warehouse(assignment.site)
    due = known.row.ship_by or _end_of(assignment.dispatch_date, warehouse.time_zone)
    return PlannedParcel(
        warehouse=warehouse.code,
        connection_id=connection_id(tx, warehouse.wms.connection),
        site=warehouse.wms.site,
        dispatch_date=assignment.dispatch_date.isoformat(),
        dispatch_due_at=due,
        ship_to_digest=digest,
        lines=tuple(
            PlannedLine(
                known.line_nos[line.line_id], line.units, tuple((c.sku, c.units) for c in line.components)
            )
            for line in assignment.lines
        ),
        parcels_per_day=warehouse.parcels_per_day,
    )


def _keep_reasons(hub: Hub, tx: Connection, known: Known, decided: OrderPlan) -> None:
    currency = hub.config.routing.currency
    tx.execute(
        routing_decisions.insert().values(
            order_id=known.row.id,
            order_revision=known.row.revision,
            at=hub.clock.now(),
            config_version=hub.config.version,
            plan=msgspec.json.encode(msgspec.to_builtins(decided) | {"currency": currency}).decode(),
        )
    )


def _end_of(day: date, time_zone: str) -> datetime:
    """The first moment after a local day."""
    return datetime.combine(day + timedelta(days=1), time(), ZoneInfo(time_zone))
