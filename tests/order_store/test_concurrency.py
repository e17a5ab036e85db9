"""S01: the same order from two processes at once."""

import multiprocessing
from multiprocessing.synchronize import Barrier

from sqlalchemy import func, select

from order_store.engine import Store, open_store
from order_store.orders import apply_orders, find_order
from order_store.schema.orders import order_events, order_lines, orders
from tests.order_store.conftest import NOW
from tests.order_store.samples import order

ORDERS = 40


def _apply(url: str, shop: int, number: int, barrier: Barrier, results: "multiprocessing.Queue[str]") -> None:
    store = open_store(url)
    mine = [order(str(key), number) for key in range(ORDERS)]
    if number == 2:
        mine.reverse()
    barrier.wait()
    for start in range(0, ORDERS, 10):
        with store.begin() as tx:
            for one in apply_orders(tx, shop, mine[start : start + 10], now=NOW):
                results.put(one.outcome.value)
    store.close()


def test_s01_two_processes_create_the_same_orders_at_once(store: Store, store_url: str, shop: int) -> None:
    context = multiprocessing.get_context("spawn")
    barrier, results = context.Barrier(2), context.Queue()
    workers = [
        context.Process(target=_apply, args=(store_url, shop, number, barrier, results)) for number in (1, 2)
    ]
    for worker in workers:
        worker.start()
    outcomes = [results.get(timeout=60) for _ in range(2 * ORDERS)]
    for worker in workers:
        worker.join()
        assert worker.exitcode == 0
    assert outcomes.count("created") == ORDERS
    assert set(outcomes) <= {"created", "updated", "stale"}
    with store.read() as tx:
        assert tx.scalar(select(func.count()).select_from(orders)) == ORDERS
        assert tx.scalar(select(func.count()).select_from(order_lines)) == 2 * ORDERS
        created = select(func.count()).where(order_events.c.kind == "created")
        assert tx.scalar(created) == ORDERS
        for key in range(ORDERS):
            found = find_order(tx, "shop", str(key))
            assert found is not None
            assert found.order == order(str(key), 2)
