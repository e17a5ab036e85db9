"""A first plan by diving: place the hardest orders, let prices find their level for the rest, go on.

Orders that take many units of a SKU or have many lines fit in the fewest places, so they come first. After
each stage the prices of what is left are corrected by a few steps of the ascent on the orders that remain;
a fixed order's share of stock and room is then gone for good.
"""

import itertools
from collections.abc import Callable

import numpy as np

from warehouse_routing.batch import Ints
from warehouse_routing.solver.arrays import Arrays, Plan, empty_plan
from warehouse_routing.solver.cheapest import scratch_of
from warehouse_routing.solver.construct import construct
from warehouse_routing.solver.dual import Dual, Relaxation, ascend
from warehouse_routing.solver.subset import remaining

STAGES = 12
STEPS = 15


def hardest_first(arrays: Arrays, rng: np.random.Generator) -> Ints:
    """The orders by the most units that a line of theirs takes of one SKU, then by lines; ties at random."""
    orders = len(arrays.line_start) - 1
    units = np.zeros(orders, np.int64)
    np.maximum.at(units, arrays.order_of[arrays.line_of], arrays.part_units)
    return np.lexsort((rng.random(orders), -np.diff(arrays.line_start), -units))


def dive(
    arrays: Arrays, dual: Dual, step: float, threads: int, rng: np.random.Generator, on: Callable[[], bool]
) -> Plan:
    """Construct a plan; where `on()` says that time is up, the rest is placed at the prices as they are."""
    plan, scratch = empty_plan(arrays), scratch_of(arrays)
    sequence = hardest_first(arrays, rng)
    prices = dual
    edges = [len(sequence) * stage // STAGES for stage in range(STAGES + 1)]
    for low, high in itertools.pairwise(edges):
        if low > 0 and on():
            relaxation = Relaxation(remaining(arrays, plan, sequence[low:]), threads)
            try:
                prices = ascend(relaxation, STEPS, step, step / 10, lambda _, __: on(), prices)
            finally:
                relaxation.close()
        construct(sequence[low:high], arrays, plan, prices.stock_price, prices.site_price, True, scratch)
    return plan
