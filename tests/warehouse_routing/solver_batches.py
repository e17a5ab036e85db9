"""Small random batches of every kind, and the check that an answer keeps the rules."""

import itertools
import math

import numpy as np
from hypothesis import strategies as st

from warehouse_routing.batch import UNSERVED, Batch


def cost_of(batch: Batch, site: np.ndarray) -> float:
    """What an answer costs; inf where it breaks a rule. Written from the seam's words."""
    left, room, cost = batch.stock.copy(), batch.capacity.copy(), 0.0
    for order in range(len(batch.line_start) - 1):
        lines = range(batch.line_start[order], batch.line_start[order + 1])
        served = [line for line in lines if site[line] != UNSERVED]
        if batch.all_or_nothing[order] and 0 < len(served) < len(lines):
            return math.inf
        cost += sum(batch.unserved_cost[line] for line in lines if site[line] == UNSERVED)
        sites = sorted({int(site[line]) for line in served})
        if len(sites) > batch.max_parcels[order]:
            return math.inf
        for w in sites:
            if batch.capacity[w] >= 0:
                room[w] -= 1
                if room[w] < 0:
                    return math.inf
        if batch.whole_cost is not None and len(sites) == 1 and len(served) == len(lines):
            cost += batch.whole_cost[order, sites[0]]
        else:
            cost += sum(batch.parcel_cost[order, w] for w in sites)
        for line in served:
            w = site[line]
            if batch.line_cost is not None:
                cost += batch.line_cost[line, w]
            for part in range(batch.part_start[line], batch.part_start[line + 1]):
                left[w, batch.part_sku[part]] -= batch.part_units[part]
    return math.inf if (left < 0).any() else float(cost)


def least_cost(batch: Batch) -> float:
    """The optimum, by trying every answer."""
    sites = range(UNSERVED, batch.stock.shape[0])
    return min(
        cost_of(batch, np.array(answer, np.int64))
        for answer in itertools.product(sites, repeat=len(batch.part_start) - 1)
    )


@st.composite
def batches(draw: st.DrawFn, most_lines: int = 6) -> Batch:
    """Batches of up to 6 lines and 3 sites with kits, bans, limits and prices of every kind."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    sites, skus = draw(st.integers(1, 3)), draw(st.integers(1, 4))
    per_order = draw(
        st.lists(st.integers(0, 3), min_size=1, max_size=4).filter(lambda n: sum(n) <= most_lines)
    )
    orders, lines = len(per_order), sum(per_order)
    kits = rng.integers(1, 3 if draw(st.booleans()) else 2, lines)
    parts = int(kits.sum())
    parcel = rng.uniform(1, 9, (orders, sites)).round(2)
    if draw(st.booleans()):
        parcel[rng.random((orders, sites)) < 0.2] = np.inf
    line_cost = None
    if draw(st.booleans()):
        line_cost = rng.uniform(0, 2, (lines, sites)).round(2)
        line_cost[rng.random((lines, sites)) < 0.1] = np.inf
    whole = parcel + rng.uniform(0, 3, (orders, sites)).round(2) if draw(st.booleans()) else None
    return Batch(
        line_start=np.concatenate([[0], np.cumsum(per_order)]).astype(np.int64),
        part_start=np.concatenate([[0], np.cumsum(kits)]).astype(np.int64),
        part_sku=rng.integers(0, skus, parts),
        part_units=rng.choice([1, 1, 2, 3], parts).astype(np.int64),
        parcel_cost=parcel,
        unserved_cost=rng.uniform(1, 25, lines).round(2),
        stock=rng.integers(0, 5, (sites, skus)),
        capacity=rng.integers(-1, 4, sites),
        max_parcels=rng.integers(1, 4, orders),
        all_or_nothing=rng.random(orders) < (0.5 if draw(st.booleans()) else 0.0),
        whole_cost=whole,
        line_cost=line_cost,
    )


def shop(orders: int, seed: int, sites: int = 5, capacity: bool = False) -> Batch:
    """A batch as shops have it: a few lines per order, scarce stock badly spread."""
    rng = np.random.default_rng(seed)
    lines = rng.choice([1, 1, 2, 3], orders)
    start = np.concatenate([[0], np.cumsum(lines)]).astype(np.int64)
    total, skus = int(start[-1]), max(4, orders // 5)
    sku = np.concatenate([rng.choice(skus, n, replace=False) for n in lines])
    units = 1 + rng.poisson(0.3, total)
    demand = np.bincount(sku, units, skus)
    share = rng.dirichlet(np.full(sites, 0.6), skus).T
    return Batch(
        line_start=start,
        part_start=np.arange(total + 1),
        part_sku=sku.astype(np.int64),
        part_units=units.astype(np.int64),
        parcel_cost=4.0 + rng.uniform(0, 6, (orders, sites)),
        unserved_cost=25.0 * units,
        stock=np.floor(share * demand * 1.1 + rng.random(share.shape)).astype(np.int64),
        capacity=np.full(sites, int(1.2 * orders / sites) if capacity else -1, np.int64),
        max_parcels=np.full(orders, 3, np.int64),
        all_or_nothing=np.zeros(orders, np.bool_),
    )
