"""An allocation commits only where order, line and stock allow it; what is given back comes back once."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, update

from normalization.statuses import StockBasis
from order_store.allocations import AllocationConflict, commit_decision, note_shipped, release_picklist
from order_store.engine import Store
from order_store.events import timeline
from order_store.schema.fulfilment import allocations, outbox, picklists, stock_positions
from order_store.schema.orders import order_lines, orders
from order_store.stock import apply_snapshot
from tests.order_store.allocating import NOW, decide, decision, prepared_order
from tests.order_store.test_stock import level


def stocked(store: Store, units: int, sku: str = "MUG", warehouse: str = "LYS") -> None:
    with store.begin() as tx:
        apply_snapshot(tx, warehouse, [level(sku, units)], StockBasis.PHYSICAL, NOW, lambda _: 0, NOW)


def reserved(store: Store) -> int:
    with store.read() as tx:
        return int(tx.execute(select(stock_positions.c.reserved)).scalar_one())


def line_of(store: Store, order_id: int) -> tuple[int, int]:
    with store.read() as tx:
        row = tx.execute(select(order_lines).where(order_lines.c.order_id == order_id)).first()
        assert row is not None
        return row.ordered, row.allocated


def test_a_decision_makes_picklist_reservation_message_and_event_together(store: Store, shop: int) -> None:
    stocked(store, 5)
    order = prepared_order(store, shop, {"1": 3})
    (picklist,) = decide(store, order, "LYS", {"1": 3})
    with store.read() as tx:
        made = tx.execute(select(picklists)).one()
        message = tx.execute(select(outbox)).one()
        kinds = [event.kind for event in timeline(tx, order)]
        status = tx.execute(select(orders.c.status)).scalar_one()
    assert (made.id, made.state, made.order_revision) == (picklist, "planned", 1)
    assert (message.operation, message.subject_id, message.reference) == (
        "push_picklist",
        picklist,
        made.reference,
    )
    assert kinds[-1] == "allocated"
    assert status == "allocated"
    assert line_of(store, order) == (3, 3)
    assert reserved(store) == 3


def test_an_order_that_changed_since_it_was_routed_is_not_allocated(store: Store, shop: int) -> None:
    stocked(store, 5)
    order = prepared_order(store, shop, {"1": 3})
    routed = decision(store, order, "LYS", {"1": 3})
    with store.begin() as tx:
        tx.execute(update(orders).values(revision=2))
    with pytest.raises(AllocationConflict, match="has changed"), store.begin() as tx:
        commit_decision(tx, routed, NOW)
    assert line_of(store, order) == (3, 0)
    assert reserved(store) == 0


def test_more_than_is_open_of_a_line_is_not_allocated(store: Store, shop: int) -> None:
    stocked(store, 50)
    order = prepared_order(store, shop, {"1": 3})
    with pytest.raises(AllocationConflict, match="line 0"):
        decide(store, order, "LYS", {"1": 4})
    assert reserved(store) == 0


def test_s24_two_lines_that_each_need_all_the_stock_do_not_both_get_it(store: Store, shop: int) -> None:
    stocked(store, 5)
    order = prepared_order(store, shop, {"1": 5, "2": 5})
    with pytest.raises(AllocationConflict, match="no longer there"):
        decide(store, order, "LYS", {"1": 5, "2": 5})
    assert reserved(store) == 0


def test_s23_one_unit_and_two_orders_at_once_is_one_allocation(store: Store, shop: int) -> None:
    stocked(store, 1)
    wanted = [
        decision(store, prepared_order(store, shop, {"1": 1}, external_id=str(number)), "LYS", {"1": 1})
        for number in range(8)
    ]

    def commit(number: int) -> bool:
        try:
            with store.begin() as tx:
                commit_decision(tx, wanted[number], NOW)
        except AllocationConflict:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        done = list(threads.map(commit, range(8)))
    assert done.count(True) == 1
    assert reserved(store) == 1


def test_s29_what_was_not_shipped_returns_to_stock_once(store: Store, shop: int) -> None:
    stocked(store, 10)
    order = prepared_order(store, shop, {"1": 10})
    (picklist,) = decide(store, order, "LYS", {"1": 10})
    with store.begin() as tx:
        note_shipped(tx, picklist, {(0, "MUG"): 7}, NOW)
        assert release_picklist(tx, picklist, NOW, "the buyer cancelled") == 3
        assert release_picklist(tx, picklist, NOW, "the buyer cancelled") == 0
    with store.read() as tx:
        left = tx.execute(select(allocations)).one()
    assert (left.units, left.shipped) == (7, 7)
    assert line_of(store, order) == (10, 7)


def test_a_released_picklist_leaves_no_reservation(store: Store, shop: int) -> None:
    stocked(store, 10)
    order = prepared_order(store, shop, {"1": 4})
    (picklist,) = decide(store, order, "LYS", {"1": 4})
    with store.begin() as tx:
        assert release_picklist(tx, picklist, NOW, "the address has changed") == 4
    assert reserved(store) == 0
    assert line_of(store, order) == (4, 0)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(st.tuples(st.integers(1, 4), st.booleans()), max_size=12), on_hand=st.integers(0, 12))
def test_no_oversell_and_reservations_are_conserved(
    store: Store, shop: int, steps: list[tuple[int, bool]], on_hand: int
) -> None:
    """Whatever is allocated and given back: reserved is what stands, and never more than there is."""
    with store.begin() as tx:
        for table in (outbox, allocations):
            tx.execute(table.delete())
        tx.execute(update(stock_positions).values(on_hand=on_hand, reserved=0))
    stocked(store, on_hand)
    with store.read() as tx:
        taken = len(tx.execute(select(orders.c.id)).all())
    standing = 0
    for number, (units, keep) in enumerate(steps):
        order = prepared_order(store, shop, {"1": units}, external_id=f"{taken}-{number}")
        try:
            (picklist,) = decide(store, order, "LYS", {"1": units})
        except AllocationConflict:
            assert standing + units > on_hand
            continue
        if keep:
            standing += units
        else:
            with store.begin() as tx:
                release_picklist(tx, picklist, NOW, "for the test")
        assert reserved(store) == standing <= on_hand


def test_a_routed_revision_is_part_of_the_decision(store: Store, shop: int) -> None:
    stocked(store, 5)
    order = prepared_order(store, shop, {"1": 1})
    stale = replace(decision(store, order, "LYS", {"1": 1}), revision=99)
    with pytest.raises(AllocationConflict), store.begin() as tx:
        commit_decision(tx, stale, NOW)
