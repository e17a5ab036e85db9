"""No unit is ever promised twice: by Hypothesis against a warehouse that is known, and by real processes."""

import multiprocessing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from multiprocessing.synchronize import Barrier

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select

from normalization.records import StockLevel
from normalization.statuses import StockBasis
from order_store.allocations import (
    AllocationConflict,
    OrderDecision,
    PlannedLine,
    PlannedParcel,
    commit_decision,
    lock_for,
    note_accepted,
    note_shipped,
    release_picklist,
)
from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.orders import apply_orders, find_order
from order_store.schema import metadata
from order_store.schema.fulfilment import allocations, picklist_lines, picklists, stock_positions
from order_store.schema.orders import order_lines, orders
from order_store.stock import apply_snapshot
from tests.order_store.conftest import NOW
from tests.order_store.samples import line, order

SITE, SKU, PART = "lyon", "MUG", "BOX"


def verified_orders(store: Store, shop: int, units: list[int]) -> list[int]:
    """Orders of one line each, ready for routing; their ids."""
    wanted = [order(f"{number:04}", lines=(line("1", ordered=count),)) for number, count in enumerate(units)]
    with store.begin() as tx:
        apply_orders(tx, shop, wanted, now=NOW)
        tx.execute(orders.update().values(verification="verified"))
        found = [find_order(tx, "shop", one.external_id) for one in wanted]
    return [one.row["id"] for one in found if one is not None]


def decision(wms: int, order_id: int, *lines: PlannedLine) -> OrderDecision:
    parcel = PlannedParcel(SITE, wms, "1", "2026-11-02", None, "", lines)
    waiting = {planned.line_no: 0 for planned in lines}
    return OrderDecision(order_id, 1, (parcel,), waiting)


def snapshot(store: Store, basis: StockBasis, shelf: dict[str, int], at: datetime, now: datetime) -> None:
    levels = [
        StockLevel(site="1", sku=sku, on_hand=on_hand, basis=basis, observed_at=at)
        for sku, on_hand in shelf.items()
    ]
    with store.begin() as tx:
        apply_snapshot(tx, SITE, levels, basis, at, lambda _: 0, now)


# --- a warehouse whose truth is known


@dataclass
class Warehouse:
    """What is really on the shelf, beside what the hub believes."""

    basis: StockBasis
    shelf: dict[str, int]
    now: datetime = NOW
    accepted: dict[int, int] = field(default_factory=dict)  # picklist: units in the WMS, not yet shipped
    answers: list[tuple[datetime, dict[str, int]]] = field(default_factory=list)

    def ask(self) -> None:
        """A snapshot is answered; the hub applies it some time later."""
        held = sum(self.accepted.values()) if self.basis is StockBasis.NET_OF_ACCEPTED else 0
        self.answers.append((self.now, {SKU: self.shelf[SKU] - held, PART: self.shelf[PART] - 2 * held}))


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "apply", "allocate", "accept", "ship", "part", "cancel", "wait"]),
        st.integers(0, 9),
        st.integers(1, 4),
    ),
    max_size=25,
)


def empty(store: Store) -> None:
    with store.begin() as tx:
        for table in reversed(metadata.sorted_tables):
            tx.execute(table.delete())


@settings(
    max_examples=50,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@example(steps=[("allocate", 0, 2), ("accept", 0, 1), ("allocate", 1, 4)], basis=StockBasis.NET_OF_ACCEPTED)
@given(steps=STEPS, basis=st.sampled_from(StockBasis))
def test_units_promised_are_on_the_shelf_whatever_happens_in_whatever_order(
    store: Store, steps: list[tuple[str, int, int]], basis: StockBasis
) -> None:
    empty(store)
    with store.begin() as tx:
        shop = register_connection(tx, "shop", "woocommerce", "channel")
        wms = register_connection(tx, "wms", "tryton", "wms")
    ids = verified_orders(store, shop, [4] * 10)
    truth = Warehouse(basis, {SKU: 5, PART: 10})
    truth.ask()
    at, shelf = truth.answers.pop()
    snapshot(store, basis, shelf, at, truth.now)
    standing: dict[int, tuple[int, int]] = {}  # picklist: (units, shipped), still to be shipped

    for step, choice, units in steps:
        picked = sorted(standing)[choice % len(standing)] if standing else None
        if step == "wait":
            truth.now += timedelta(minutes=units)
        elif step == "ask":
            truth.ask()
        elif step == "apply" and truth.answers:
            at, shelf = truth.answers.pop(choice % len(truth.answers))
            snapshot(store, basis, shelf, at, truth.now)
        elif step == "allocate":
            planned = PlannedLine(0, units, ((SKU, units), (PART, 2 * units)))
            try:
                with store.begin() as tx:
                    (made,) = commit_decision(tx, decision(wms, ids[choice], planned), truth.now)
            except AllocationConflict:
                continue
            standing[made] = (units, 0)
        elif picked is not None:
            _at_the_warehouse(store, truth, standing, picked, step)
        _check(store, truth, standing)


def _at_the_warehouse(
    store: Store,
    truth: Warehouse,
    standing: dict[int, tuple[int, int]],
    picklist: int,
    step: str,
) -> None:
    units, shipped = standing[picklist]
    with store.begin() as tx:
        if step == "accept" and picklist not in truth.accepted:
            truth.accepted[picklist] = units
            note_accepted(tx, picklist, truth.now)
        elif step in ("ship", "part") and picklist in truth.accepted:
            leaving = units - shipped if step == "ship" else min(1, units - shipped)
            truth.shelf[SKU] -= leaving
            truth.shelf[PART] -= 2 * leaving
            shipped += leaving
            truth.accepted[picklist] -= leaving
            done = {(0, SKU): shipped, (0, PART): 2 * shipped}
            note_shipped(tx, picklist, done, truth.now)
            standing[picklist] = (units, shipped)
            if shipped == units:
                del standing[picklist], truth.accepted[picklist]
        elif step == "cancel":
            truth.accepted.pop(picklist, None)
            release_picklist(tx, picklist, truth.now, "test")
            assert release_picklist(tx, picklist, truth.now, "test") == 0, "units come back once"
            del standing[picklist]


def _check(store: Store, truth: Warehouse, standing: dict[int, tuple[int, int]]) -> None:
    promised = sum(units - shipped for units, shipped in standing.values())
    assert promised <= truth.shelf[SKU]
    assert 2 * promised <= truth.shelf[PART]
    with store.read() as tx:
        assert min(tx.scalars(select(stock_positions.c.reserved)), default=0) >= 0
        given = {
            row.order_id: row.units
            for row in tx.execute(
                select(picklists.c.order_id, func.sum(picklist_lines.c.units).label("units"))
                .join(picklist_lines)
                .where(picklists.c.id.in_(sorted(standing)))
                .group_by(picklists.c.order_id)
            )
        }
        for row in tx.execute(select(order_lines)):
            assert 0 <= row.allocated <= row.ordered - row.cancelled
            assert row.allocated >= given.get(row.order_id, 0)


# --- real processes


SKUS = ("APPLE", "PEAR", "PLUM")
ORDERS, ON_SHELF = 40, 25


def _route(url: str, wms: int, ids: list[int], barrier: Barrier, done: "multiprocessing.Queue[int]") -> None:
    """Commit decisions by the ten, each transaction in the sequence given."""
    store = open_store(url)
    barrier.wait()
    for start in range(0, len(ids), 10):
        batch = [
            decision(wms, order_id, PlannedLine(0, 1, ((SKUS[order_id % 3], 1),)))
            for order_id in ids[start : start + 10]
        ]
        with store.begin() as tx:
            lock_for(tx, batch)
            for one in batch:
                savepoint = tx.begin_nested()
                try:
                    made = commit_decision(tx, one, NOW)
                except AllocationConflict:
                    savepoint.rollback()
                    continue
                savepoint.commit()
                note_accepted(tx, made[0], NOW)
    done.put(len(ids))
    store.close()


def _count(url: str, barrier: Barrier, done: "multiprocessing.Queue[int]") -> None:
    """Snapshots come in while units are given away."""
    store = open_store(url)
    barrier.wait()
    for minute in range(20):
        at = NOW - timedelta(hours=1) + timedelta(minutes=minute)
        snapshot(store, StockBasis.PHYSICAL, dict.fromkeys(SKUS, ON_SHELF // 3), at, NOW)
    done.put(20)
    store.close()


def test_s23_processes_that_route_the_same_orders_at_once_promise_no_unit_twice(
    store: Store, store_url: str, shop: int
) -> None:
    """Opposite sequences and snapshots in between: nobody waits in a circle, and what is left waits."""
    with store.begin() as tx:
        wms = register_connection(tx, "wms", "tryton", "wms")
    ids = verified_orders(store, shop, [1] * ORDERS)
    start = NOW - timedelta(hours=2)
    snapshot(store, StockBasis.PHYSICAL, dict.fromkeys(SKUS, ON_SHELF // 3), start, NOW)
    context = multiprocessing.get_context("spawn")
    barrier, done = context.Barrier(3), context.Queue()
    workers = [
        context.Process(target=_route, args=(store_url, wms, ids, barrier, done)),
        context.Process(target=_route, args=(store_url, wms, ids[::-1], barrier, done)),
        context.Process(target=_count, args=(store_url, barrier, done)),
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
        assert worker.exitcode == 0
    with store.read() as tx:
        position, allocation = stock_positions.c, allocations.c
        reserved = {row.sku: row.reserved for row in tx.execute(select(position.sku, position.reserved))}
        units = func.sum(allocation.units).label("units")
        given = {
            row.sku: row.units for row in tx.execute(select(allocation.sku, units).group_by(allocation.sku))
        }
        per_order: list[int] = list(tx.scalars(select(order_lines.c.allocated)))
    assert reserved == given == dict.fromkeys(SKUS, ON_SHELF // 3)
    assert set(per_order) == {0, 1}
    assert sum(per_order) == sum(given.values())
