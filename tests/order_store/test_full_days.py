"""A warehouse's parcels a day are a limit at the commit too, however many processes commit (S28)."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest
from sqlalchemy import func, select

from normalization.records import StockLevel
from normalization.statuses import StockBasis
from order_store.allocations import AllocationConflict, OrderDecision, commit_decision
from order_store.engine import Store
from order_store.picklists import State, set_state
from order_store.schema.fulfilment import allocations, picklists
from order_store.stock import apply_snapshot
from tests.order_store.allocating import NOW, decision, prepared_order

ORDERS = 6
LIMIT = 5


def decisions(store: Store, shop: int, sku_of_each: bool = False) -> list[OrderDecision]:
    """Orders that all want to leave LYON on the same day; each of a SKU of its own, if that is asked."""
    skus = [f"MUG-{number}" if sku_of_each else "MUG" for number in range(ORDERS)]
    ids = [prepared_order(store, shop, {"1": 1}, sku, str(1001 + number)) for number, sku in enumerate(skus)]
    levels = [
        StockLevel(site="1", sku=sku, on_hand=99, basis=StockBasis.PHYSICAL, observed_at=NOW)
        for sku in sorted(set(skus))
    ]
    with store.begin() as tx:
        apply_snapshot(tx, "LYON", levels, StockBasis.PHYSICAL, NOW, lambda _: 0, NOW)
    return [
        decision(store, order_id, "LYON", {"1": 1}, sku, parcels_per_day=LIMIT)
        for order_id, sku in zip(ids, skus, strict=True)
    ]


def planned(store: Store) -> int:
    with store.read() as tx:
        return int(tx.scalar(select(func.count()).where(picklists.c.state != "cancelled")) or 0)


def test_a_full_day_is_a_conflict_that_leaves_nothing_behind(store: Store, shop: int) -> None:
    *fit, one_more = decisions(store, shop)[: LIMIT + 1]
    made = []
    for one in fit:
        with store.begin() as tx:
            made += commit_decision(tx, one, NOW)
    with (
        pytest.raises(AllocationConflict, match="LYON has no parcel left on 2026-11-02"),
        store.begin() as tx,
    ):
        commit_decision(tx, one_more, NOW)
    with store.read() as tx:
        held = tx.scalar(select(func.count()).where(allocations.c.order_id == one_more.order_id))
    assert (planned(store), held) == (LIMIT, 0)
    with store.begin() as tx:
        set_state(tx, made[0], State.CANCELLED, NOW, why="for the test")
        commit_decision(tx, one_more, NOW)
    assert planned(store) == LIMIT


def test_who_comes_second_waits_for_the_first_before_it_counts(store: Store, shop: int) -> None:
    """The orders share no SKU, so no row of stock keeps the two apart."""
    *fit, first, second = decisions(store, shop, sku_of_each=True)[: LIMIT + 1]
    for one in fit:
        store.transact(partial(commit_decision, decision=one, now=NOW))
    with ThreadPoolExecutor(1) as pool:
        with store.begin() as tx:
            commit_decision(tx, first, NOW)
            answer = pool.submit(store.transact, partial(commit_decision, decision=second, now=NOW))
            with pytest.raises(TimeoutError):
                answer.result(timeout=1)
        with pytest.raises(AllocationConflict):
            answer.result(timeout=30)
    assert planned(store) == LIMIT
