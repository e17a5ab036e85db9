"""Prices on scarce stock and room that raise the lower bound, and the bound.

With prices `p >= 0` on the stock and capacity rows the plan falls apart into one small problem per order, and
`sum over orders of their cheapest price - sum of p x what there is` is at most the cost of any feasible plan
(Lagrangian relaxation; Geoffrion 1974). The prices climb along the imbalance (units asked for less units
there), each with a step of its own size from the running mean and spread of its imbalance (Kingma and Ba
2015), since the imbalance of a best seller is hundreds of units and that of a slow mover one.
"""

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from warehouse_routing.batch import Floats, Ints
from warehouse_routing.solver.arrays import IDLE, NO_LIMIT, Arrays
from warehouse_routing.solver.cheapest import price_orders, scratch_of
from warehouse_routing.solver.kernel import compiled

ROUNDING = 1e-11
"""Share of the sums' size by which the bound is lowered: far above what rounding can add to it."""

MEMORY, SPREAD = 0.9, 0.99
"""How slowly the means of the imbalance and of its square forget."""


@compiled
def imbalance(arrays: Arrays, site: Ints, excess: Ints, excess_room: Ints) -> None:
    """Fill in lots asked for less lots there [K, U, W] and parcels less capacity [W]."""
    lots = excess.shape[1]
    for sku in range(excess.shape[0]):
        for lot in range(lots):
            for w in range(excess.shape[2]):
                excess[sku, lot, w] = -arrays.supply[sku, lot, w]
    for w in range(len(excess_room)):
        excess_room[w] = -arrays.capacity[w]
    for order in range(len(arrays.line_start) - 1):
        first = arrays.line_start[order]
        for line in range(first, arrays.line_start[order + 1]):
            w = site[line]
            if w < 0:
                continue
            opens = True
            for earlier in range(first, line):
                opens = opens and site[earlier] != w
            if opens:
                excess_room[w] += 1
            for part in range(arrays.part_start[line], arrays.part_start[line + 1]):
                sku, units = arrays.part_sku[part], arrays.part_units[part]
                for lot in range(min(units, lots)):
                    excess[sku, lot, w] += units // (lot + 1)
    for sku in range(excess.shape[0]):
        for lot in range(1, lots):
            for w in range(excess.shape[2]):
                if arrays.supply[sku, lot, w] == IDLE:
                    excess[sku, lot, w] = 0


@compiled
def climb(
    price: Floats, excess: Ints, mean: Floats, square: Floats, step: float, fade: float, fade_square: float
) -> None:
    """Move prices one step up the imbalance, never below 0."""
    for i in range(price.size):
        mean[i] = MEMORY * mean[i] + (1.0 - MEMORY) * excess[i]
        square[i] = SPREAD * square[i] + (1.0 - SPREAD) * excess[i] * excess[i]
        if mean[i] != 0.0 or price[i] != 0.0:
            price[i] += step * (mean[i] / fade) / (math.sqrt(square[i] / fade_square) + 1e-3)
            price[i] = max(price[i], 0.0)


@dataclass(slots=True)
class Dual:
    """The best prices so far.

    Attributes:
        bound: What no feasible plan costs less than.
        stock_price: [K, U, W].
        site_price: [W].
        value: [N] each order's price at these prices.
    """

    bound: float
    stock_price: Floats
    site_price: Floats
    value: Floats


def marginal_price(arrays: Arrays, dual: Dual) -> Floats:
    """What one more unit would save [K, W]: its own price and those of the lots that it completes."""
    price = dual.stock_price[:, 0].copy()
    for lot in range(2, dual.stock_price.shape[1] + 1):
        price += np.where((arrays.stock + 1) % lot == 0, dual.stock_price[:, lot - 1], 0.0)
    return price


class Relaxation:
    """The relaxed problem of a batch: evaluates prices on all cores, with the same answer on any number."""

    def __init__(self, arrays: Arrays, threads: int) -> None:
        self.arrays = arrays
        orders = len(arrays.line_start) - 1
        chunks = min(threads, 1 + orders // 1000)
        self.edges = [orders * i // chunks for i in range(chunks + 1)]
        self.scratches = [scratch_of(arrays) for _ in range(chunks)]
        self.site = np.empty(len(arrays.unserved_cost), np.int64)
        self.value = np.empty(orders)
        self.pool = ThreadPoolExecutor(chunks) if chunks > 1 else None

    def evaluate(self, stock_price: Floats, site_price: Floats) -> float:
        """The bound at these prices; leaves each line's `site` and each order's `value`."""
        jobs = [
            (low, high, self.arrays, stock_price, site_price, scratch, self.site, self.value)
            for low, high, scratch in zip(self.edges, self.edges[1:], self.scratches, strict=False)
        ]
        if self.pool is None:
            price_orders(*jobs[0])
        else:
            for done in [self.pool.submit(price_orders, *job) for job in jobs]:
                done.result()
        limited = self.arrays.capacity < NO_LIMIT
        earned = math.fsum(self.value)
        paid = math.fsum((stock_price * self.arrays.supply).sum(axis=(1, 2)))
        paid += float((site_price[limited] * self.arrays.capacity[limited]).sum())
        return earned - paid - ROUNDING * (earned + paid)

    def close(self) -> None:
        """End the threads."""
        if self.pool is not None:
            self.pool.shutdown()


def ascend(
    relaxation: Relaxation,
    steps: int,
    first_step: float,
    last_step: float,
    on: Callable[[int, float], bool],
    start: Dual | None = None,
) -> Dual:
    """Climb for a number of steps whose length falls from `first_step` to `last_step` (money per unit).

    `on(step, bound)` is asked after each step whether to go on.
    """
    arrays = relaxation.arrays
    stock_price = np.zeros(arrays.supply.shape) if start is None else start.stock_price.copy()
    site_price = np.zeros(len(arrays.capacity)) if start is None else start.site_price.copy()
    excess, excess_room = np.empty_like(arrays.supply), np.empty_like(arrays.capacity)
    means = [
        (np.zeros(stock_price.size), np.zeros(stock_price.size)),
        (np.zeros(site_price.size), np.zeros(site_price.size)),
    ]
    best = Dual(-math.inf, stock_price, site_price, relaxation.value)
    for step in range(steps + 1):
        bound = relaxation.evaluate(stock_price, site_price)
        if bound > best.bound:
            best = Dual(bound, stock_price.copy(), site_price.copy(), relaxation.value.copy())
        if step == steps or not on(step, best.bound):
            break
        imbalance(arrays, relaxation.site, excess, excess_room)
        if step == 0 and start is None and max(excess.max(initial=0), excess_room.max(initial=0)) <= 0:
            break  # nothing is scarce: each order has its cheapest plan, and that is the optimum
        length = first_step * (last_step / first_step) ** (step / steps)
        fades = 1.0 - MEMORY ** (step + 1), 1.0 - SPREAD ** (step + 1)
        for price, wanted, (mean, square) in (
            (stock_price.reshape(-1), excess.reshape(-1), means[0]),
            (site_price, excess_room, means[1]),
        ):
            climb(price, wanted, mean, square, length, *fades)
    return best
