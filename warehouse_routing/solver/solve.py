"""The solver's one entry."""

import math
import os
import time
from collections.abc import Callable

import numpy as np

from warehouse_routing.batch import UNSERVED, Batch, Ints, Solution
from warehouse_routing.solver.arrays import NO_LIMIT, arrays_of
from warehouse_routing.solver.components import groups
from warehouse_routing.solver.dual import marginal_price
from warehouse_routing.solver.search import Search, plan_at
from warehouse_routing.solver.subset import apart

Progress = Callable[[str, float, float], None]
"""Called with the stage (`bound` or `plan`), the best cost so far (inf before there is one) and the bound."""


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
        ValueError: The batch or `start` is malformed; the message names the array.
    """
    began = time.monotonic()
    deadline = math.inf if time_limit is None else began + time_limit
    arrays = arrays_of(batch)
    orders, lines = len(arrays.line_start) - 1, len(arrays.unserved_cost)
    if start is not None:
        plan_at(arrays, start)  # complains
    site = np.full(lines, UNSERVED, np.int64)
    stock_price, site_price = np.zeros(batch.stock.shape), np.zeros(len(arrays.capacity))
    cost, bound, done = [0.0], [0.0], 0
    for index, members in enumerate(groups(arrays)):
        alone = len(members) == orders
        part, at, skus = (arrays, slice(None), slice(None)) if alone else apart(arrays, members)
        done += len(members)
        share = len(members) / max(1, orders - done + len(members))
        now = time.monotonic()
        search = Search(
            part,
            seed + index,
            os.cpu_count() or 1,
            deadline if math.isinf(deadline) else now + (deadline - now) * share,
            _overall(progress, math.fsum(cost), math.fsum(bound)),
        )
        answer = search.run(None if start is None else np.ascontiguousarray(start[at], np.int64))
        site[at] = answer.site
        cost.append(answer.cost)
        bound.append(answer.bound)
        stock_price[:, skus] += marginal_price(part, answer.dual).T
        site_price += np.where(part.capacity < NO_LIMIT, answer.dual.site_price, 0.0)
    total = math.fsum(cost)
    return Solution(
        site=site,
        cost=total,
        lower_bound=max(0.0, min(math.fsum(bound), total)),
        stock_price=stock_price,
        capacity_price=site_price,
        seconds=time.monotonic() - began,
        complete=time.monotonic() < deadline,
    )


def _overall(progress: Progress | None, cost: float, bound: float) -> Progress:
    """Reports of one group as reports on the batch: what is done counts in, what is to come does not."""

    def tell(stage: str, group_cost: float, group_bound: float) -> None:
        if progress is not None:
            progress(stage, cost + group_cost, bound + group_bound)

    return tell
