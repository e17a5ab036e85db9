"""A lower bound and a good plan for an order of so many lines that its subsets can't be listed.

The order's problem is an uncapacitated facility location. Dual ascent (Erlenkotter 1978) gives the bound:
each line bids for service, its bid never above the price of leaving it; where bids exceed a line's price at a
site, the excess counts toward the site's parcel, and no site's parcel is overpaid. The sum of the bids is a
feasible dual solution, so no plan costs less.
"""

import numpy as np

from warehouse_routing.batch import Floats, Ints
from warehouse_routing.solver.kernel import compiled


@compiled
def ascent(lines: int, unserved: Floats, parcel_price: Floats, price: Floats) -> float:
    """Bids by dual ascent; their sum, a lower bound on any plan without limits on parcels."""
    sites = parcel_price.shape[0]
    slack = parcel_price.copy()
    bid = np.empty(lines)
    for line in range(lines):
        bid[line] = unserved[line]
        for w in range(sites):
            if parcel_price[w] < np.inf and price[line, w] < bid[line]:
                bid[line] = price[line, w]
    raised = True
    while raised:
        raised = False
        for line in range(lines):
            if bid[line] >= unserved[line]:
                continue
            goal = unserved[line]  # the next level at which one more site would be paid toward
            for w in range(sites):
                if parcel_price[w] < np.inf and bid[line] < price[line, w] < goal:
                    goal = price[line, w]
            room = goal - bid[line]
            for w in range(sites):
                if parcel_price[w] < np.inf and price[line, w] <= bid[line] and slack[w] < room:
                    room = slack[w]
            if room <= 1e-9:
                continue
            for w in range(sites):
                if parcel_price[w] < np.inf and price[line, w] <= bid[line]:
                    slack[w] -= room
            bid[line] += room
            raised = True
    return float(bid.sum())


@compiled
def long_order(
    lines: int,
    parcels: int,
    whole_only: bool,
    unserved: Floats,
    parcel_price: Floats,
    whole_price: Floats,
    price: Floats,
    chosen: Ints,
) -> float:
    """Write a good plan to `chosen`, return a lower bound on the best one's price."""
    sites = parcel_price.shape[0]
    current = unserved[:lines].copy()
    for line in range(lines):
        chosen[line] = -1
    total_unserved = float(current.sum())
    if parcels == 1 or whole_only:
        answer, pick = total_unserved, -1
        for w in range(sites):
            total, missing = parcel_price[w], 0
            for line in range(lines):
                if price[line, w] < np.inf and (whole_only or price[line, w] < unserved[line]):
                    total += price[line, w]
                else:
                    total += unserved[line]
                    missing += 1
            if missing == 0:
                total += whole_price[w] - parcel_price[w]
            if total < answer and not (whole_only and missing > 0):
                answer, pick = total, w
        for line in range(lines):
            if (
                pick >= 0
                and price[line, pick] < np.inf
                and (whole_only or price[line, pick] < unserved[line])
            ):
                chosen[line] = pick
        if parcels == 1:
            return float(answer)
        if whole_only:
            return min(float(answer), ascent(lines, unserved, parcel_price, price))
    used = np.zeros(sites, np.bool_)
    for _ in range(parcels):  # add the site that saves most, move lines to it, go on
        gain_best, pick = 1e-12, -1
        for w in range(sites):
            if used[w]:
                continue
            gain = -parcel_price[w]
            for line in range(lines):
                if price[line, w] < current[line]:
                    gain += current[line] - price[line, w]
            if gain > gain_best:
                gain_best, pick = gain, w
        if pick < 0:
            break
        used[pick] = True
        for line in range(lines):
            if price[line, pick] < current[line]:
                current[line], chosen[line] = price[line, pick], pick
    return ascent(lines, unserved, parcel_price, price)
