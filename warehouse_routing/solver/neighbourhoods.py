"""Parts of a large group that HiGHS decides anew while all else stays (large neighbourhood search).

A program of a few hundred orders ends by itself within a second or so; one of thousands takes two or forty.
Orders that want the same scarce goods belong together: what one gives up another can use.
"""

from collections import deque

import numpy as np

from warehouse_routing.batch import Floats, Ints
from warehouse_routing.solver.arrays import Arrays, Plan
from warehouse_routing.solver.kernel import compiled
from warehouse_routing.solver.moves import put_in, take_out
from warehouse_routing.solver.subset import gather


def neighbourhoods(arrays: Arrays, stock_price: Floats, size: int, rng: np.random.Generator) -> list[Ints]:
    """All orders in parts of about `size`, each of orders near each other by the goods that have a price.

    From an order drawn by chance the next ones are those that share a scarce SKU with it, then those that
    share one with these: breadth first.
    """
    scarce = stock_price.max(axis=(1, 2)) > 0
    pairs = np.stack([arrays.order_of[arrays.line_of], arrays.part_sku])[:, scarce[arrays.part_sku]]
    by_order = _grouped(pairs[0], pairs[1], len(arrays.line_start) - 1)
    by_sku = _grouped(pairs[1], pairs[0], len(scarce))
    met, asked = np.zeros(len(arrays.line_start) - 1, np.bool_), np.zeros(len(scarce), np.bool_)
    walk: list[int] = []
    for first in rng.permutation(len(met)):
        waiting = deque([first] if not met[first] else [])
        met[first] = True
        while waiting:
            order = waiting.popleft()
            walk.append(order)
            for sku in by_order[order]:
                if not asked[sku]:
                    asked[sku] = True
                    others = by_sku[sku][~met[by_sku[sku]]]
                    met[others] = True
                    waiting.extend(np.unique(others))
    return [np.sort(part) for part in np.array_split(np.array(walk), max(1, round(len(walk) / size)))]


def _grouped(key: Ints, value: Ints, count: int) -> list[Ints]:
    """The values of each of `count` keys."""
    starts = np.concatenate([[0], np.cumsum(np.bincount(key, minlength=count))])
    return np.split(value[np.argsort(key, kind="stable")], starts[1:-1])


@compiled
def take_all_out(orders: Ints, arrays: Arrays, plan: Plan) -> None:
    """Free what these orders take; their sites stay written down."""
    for order in orders:
        take_out(order, arrays, plan)


@compiled
def put_all_in(orders: Ints, arrays: Arrays, plan: Plan) -> None:
    """Take for these orders what their sites in the plan say."""
    for order in orders:
        put_in(order, arrays, plan)


def lines_of(arrays: Arrays, orders: Ints) -> Ints:
    """The lines of orders, in their sequence."""
    return gather(arrays.line_start, orders)[1]
