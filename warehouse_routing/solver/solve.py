"""The solver's one entry."""

import math
import os
import time
from collections.abc import Callable

import numpy as np

from warehouse_routing.batch import UNSERVED, Batch, Ints, Solution
from warehouse_routing.solver.arrays import NO_LIMIT, Arrays, Plan, arrays_of, empty_plan
from warehouse_routing.solver.chains import chain_of, sweep
from warehouse_routing.solver.cheapest import scratch_of
from warehouse_routing.solver.construct import construct, costs, replay
from warehouse_routing.solver.dual import Dual, Relaxation, ascend

Progress = Callable[[str, float, float], None]
"""Called with the name of the stage, the best cost so far (inf before there is one) and the bound."""

STEPS = 400
SWEEPS = 60


def solve(
    batch: Batch,
    *,
    time_limit: float | None = None,
    seed: int = 0,
    start: Ints | None = None,
    progress: Progress | None = None,
) -> Solution:
    """Find a cheap feasible plan for a batch and prove how far from the best it can be.

    Args:
        batch: What is wanted, what there is, and all prices.
        time_limit: Seconds of wall time after which the search ends with what it has; None for the search's
            own length. Reading the batch and a first plan always take place.
        seed: The same seed gives the same answer wherever the time limit does not end the search.
        start: [L] sites to start from, e.g. the plan that stands; what is not feasible in it is dropped. The
            answer never costs more than the feasible part of it.
        progress: Told how the search goes.

    Raises:
        ValueError: The batch is malformed; the message names the array.
    """
    began = time.monotonic()
    deadline = math.inf if time_limit is None else began + time_limit
    arrays = arrays_of(batch)
    relaxation = Relaxation(arrays, os.cpu_count() or 1)
    tell = progress or (lambda stage, cost, bound: None)

    def on(step: int, bound: float) -> bool:
        if step % 10 == 0:
            tell("bound", math.inf, bound)
        return time.monotonic() < deadline

    try:
        dual = ascend(relaxation, STEPS, 1.5, 0.02, on)
    finally:
        relaxation.close()
    plan, cost = improve(arrays, dual, seed, start, deadline, tell)
    limited = arrays.capacity < NO_LIMIT
    return Solution(
        site=plan,
        cost=cost,
        lower_bound=max(0.0, min(dual.bound, cost)),
        stock_price=np.ascontiguousarray(dual.stock_price.T),
        capacity_price=np.where(limited, dual.site_price, 0.0),
        seconds=time.monotonic() - began,
        complete=time.monotonic() < deadline,
    )


def improve(
    arrays: Arrays, dual: Dual, seed: int, start: Ints | None, deadline: float, tell: Progress
) -> tuple[Ints, float]:
    """Construct a plan, search around it, and return the best sites and what they cost."""
    rng = np.random.default_rng(seed)
    orders = len(dual.value)
    scratch, chain = scratch_of(arrays), chain_of(arrays, 5, seed)
    plan, cost = empty_plan(arrays), np.empty(orders)
    construct(rng.permutation(orders), arrays, plan, dual.stock_price, dual.site_price, True, scratch)
    costs(arrays, plan, cost)
    best, least = plan.site.copy(), math.fsum(cost)
    if start is not None:
        given = plan_at(arrays, start)
        costs(arrays, given, cost)
        total = math.fsum(cost)
        if total <= least:
            plan, best, least = given, given.site.copy(), total
        costs(arrays, plan, cost)
    for turn in range(SWEEPS):
        if time.monotonic() >= deadline:
            break
        factor, heat = rng.uniform(0.5, 1.0), 0.5 * 0.02 ** (turn / SWEEPS)
        prices = dual.stock_price * factor, dual.site_price * factor
        sequence = rng.permutation(orders)
        for part in np.array_split(sequence, 1 + orders // 5000):
            sweep(part, 16, heat, 5.0, 20, 1.0, arrays, plan, *prices, scratch, chain, cost)
            if time.monotonic() >= deadline:
                break
        total = math.fsum(cost)
        if total < least:
            best, least = plan.site.copy(), total
        tell("plan", least, dual.bound)
    return best, least


def plan_at(arrays: Arrays, site: Ints) -> Plan:
    """The plan with the lines at these sites, as far as that is feasible."""
    lines = len(arrays.unserved_cost)
    if site.shape != (lines,):
        raise ValueError(f"start has the shape {site.shape}, not ({lines},)")
    if lines and not (site.min() >= UNSERVED and site.max() < len(arrays.capacity)):
        raise ValueError("start names a site that is not there")
    plan = empty_plan(arrays)
    plan.site[:] = site
    replay(arrays, plan)
    return plan
