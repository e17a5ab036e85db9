"""Units that a channel was asked to cancel: nobody allocates them, until it answers or shows what it did."""

import pytest
from sqlalchemy import select

from order_store.allocations import AllocationConflict, commit_decision
from order_store.cancelling import let_go, withhold
from order_store.engine import Store
from order_store.orders import apply_orders
from order_store.schema.orders import order_lines
from tests.order_store.allocating import NOW, decide, decision, prepared_order
from tests.order_store.samples import line, order
from tests.order_store.test_allocations import stocked


def cancelling(store: Store) -> list[int]:
    with store.read() as tx:
        return list(tx.scalars(select(order_lines.c.cancelling).order_by(order_lines.c.line_no)))


def withheld(store: Store, order_id: int, units: int, line_no: int = 0) -> bool:
    with store.begin() as tx:
        return withhold(tx, order_id, line_no, units)


def test_withheld_units_are_allocated_by_nobody_until_they_are_let_go(store: Store, shop: int) -> None:
    stocked(store, 9)
    one = prepared_order(store, shop, {"1": 3})
    made = decision(store, one, "LYS", {"1": 3})
    assert withheld(store, one, 2)
    with pytest.raises(AllocationConflict), store.begin() as tx:
        commit_decision(tx, made, NOW)
    assert len(decide(store, one, "LYS", {"1": 1})) == 1
    with store.begin() as tx:
        let_go(tx, one)
    assert cancelling(store) == [0]
    assert len(decide(store, one, "LYS", {"1": 2})) == 1


def test_only_what_nobody_has_allocated_is_withheld(store: Store, shop: int) -> None:
    stocked(store, 9)
    one = prepared_order(store, shop, {"1": 3})
    decide(store, one, "LYS", {"1": 2})
    assert not withheld(store, one, 2)
    assert withheld(store, one, 1)
    assert not withheld(store, one, 1)
    assert cancelling(store) == [1]


@pytest.mark.parametrize(
    ("asked", "allocated", "change", "left"),
    [
        (3, 0, {"cancelled": 3}, 0),  # the channel shows what it was asked for
        (3, 0, {"cancelled": 1}, 2),  # the buyer cancelled one of them
        (2, 1, {"cancelled": 2}, 0),
        (2, 1, {"cancelled": 1}, 1),
        (3, 0, {"fulfilled": 2}, 1),  # somebody else shipped two
        (1, 0, {"ordered": 5}, 1),  # the buyer ordered more
    ],
)
def test_what_the_channel_shows_is_counted_down(
    store: Store, shop: int, asked: int, allocated: int, change: dict[str, int], left: int
) -> None:
    stocked(store, 9)
    one = prepared_order(store, shop, {"1": 3, "2": 3})
    if allocated:
        decide(store, one, "LYS", {"1": allocated})
    assert withheld(store, one, asked)
    assert withheld(store, one, 3, line_no=1)
    changed = line("1", **({"ordered": 3} | change))
    with store.begin() as tx:
        apply_orders(tx, shop, [order("1001", 2, lines=(changed, line("2", ordered=3)))], now=NOW)
    assert cancelling(store) == [left, 3]
