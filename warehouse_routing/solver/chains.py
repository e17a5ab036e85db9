"""Local search by ejection chains: an order takes the goods it wants, those who held them find others.

One order is taken out and put in where it would be cheapest if holders of scarce goods gave way at the going
prices. Where that takes more than there is, the holder for whom giving way costs least is moved in turn, and
so on for a few steps. The chain is kept if it saves in total, else undone (Glover 1996).
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from warehouse_routing.batch import UNSERVED, Floats, Ints
from warehouse_routing.solver.arrays import Arrays, Plan
from warehouse_routing.solver.cheapest import Scratch, cheapest
from warehouse_routing.solver.kernel import compiled
from warehouse_routing.solver.moves import cost_of, opens_parcel, put_in, take_out

LEAST_SAVING = 1e-7


class Chain(NamedTuple):
    """The moves of a chain, so that it can be undone.

    Attributes:
        orders: [depth] the orders moved, in sequence.
        old_cost: [depth] what each cost before.
        old_site: [depth, lines] where its lines were.
        stamp: [N] number of the last chain that moved an order.
        counts: [0] chains so far, [1] length of the present one.
        random: [1] state of the random numbers.
    """

    orders: Ints
    old_cost: Floats
    old_site: Ints
    stamp: Ints
    counts: Ints
    random: NDArray[np.uint64]


def chain_of(arrays: Arrays, depth: int, seed: int) -> Chain:
    """Room for chains of at most `depth` orders."""
    orders = len(arrays.line_start) - 1
    return Chain(
        np.empty(depth, np.int64), np.empty(depth), np.empty((depth, arrays.longest), np.int64),
        np.zeros(orders, np.int64), np.zeros(2, np.int64), np.array([seed * 2 + 1], np.uint64),
    )  # fmt: skip


@compiled
def uniform(random: NDArray[np.uint64]) -> float:
    """The next number in [0, 1) (splitmix64; Steele, Lea and Flood 2014)."""
    random[0] += np.uint64(0x9E3779B97F4A7C15)
    z = random[0]
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    z = z ^ (z >> np.uint64(31))
    return float(z >> np.uint64(11)) / 9007199254740992.0


@compiled
def move(order: int, arrays: Arrays, plan: Plan, scratch: Scratch, chain: Chain, cost: Floats) -> float:
    """Put an order that has been taken out in as `scratch.chosen` says; note it; return what that adds."""
    step = chain.counts[1]
    first, last = arrays.line_start[order], arrays.line_start[order + 1]
    for line in range(first, last):
        chain.old_site[step, line - first] = plan.site[line]
        plan.site[line] = scratch.chosen[line - first]
    put_in(order, arrays, plan)
    chain.orders[step], chain.old_cost[step] = order, cost[order]
    chain.stamp[order] = chain.counts[0]
    chain.counts[1] = step + 1
    cost[order] = cost_of(order, arrays, plan)
    return float(cost[order] - chain.old_cost[step])


@compiled
def undo(arrays: Arrays, plan: Plan, chain: Chain, cost: Floats) -> None:
    """Take back all moves of the present chain."""
    for step in range(chain.counts[1]):
        take_out(chain.orders[step], arrays, plan)
    for step in range(chain.counts[1]):
        order = chain.orders[step]
        first = arrays.line_start[order]
        for line in range(first, arrays.line_start[order + 1]):
            plan.site[line] = chain.old_site[step, line - first]
        put_in(order, arrays, plan)
        cost[order] = chain.old_cost[step]


@compiled
def give_way(
    sku: int,
    w: int,
    spare: float,
    looks: int,
    shake: float,
    arrays: Arrays,
    plan: Plan,
    stock_price: Floats,
    site_price: Floats,
    scratch: Scratch,
    chain: Chain,
    cost: Floats,
) -> float:
    """Move the holder of a SKU at a site (of a parcel, where `sku` is -1) for whom that costs least.

    Returns what it adds to the cost; inf where no holder can go for less than `spare` or the chain is as long
    as it may be, and none has moved. The last one to move takes only what is free.
    """
    room = len(chain.orders) - chain.counts[1]
    if room == 0:
        return np.inf
    hard = room == 1
    if sku >= 0:
        kept = stock_price[sku, 0, w]
        stock_price[sku, 0, w] = np.inf
    else:
        kept = site_price[w]
        site_price[w] = np.inf
    least, pick = np.inf, -1
    tries = looks if sku >= 0 else looks * len(site_price)
    for _ in range(tries):
        if sku >= 0:
            part = plan.head[sku, w]
            if part < 0:
                break
            order = arrays.order_of[arrays.line_of[part]]
            if chain.stamp[order] == chain.counts[0]:
                plan.head[sku, w] = plan.after[part]
                continue
        else:
            line = int(uniform(chain.random) * len(plan.site))
            order = arrays.order_of[line]
            if plan.site[line] != w or chain.stamp[order] == chain.counts[0]:
                continue
        take_out(order, arrays, plan)
        value = (
            cheapest(order, arrays, plan.left, plan.room, stock_price, site_price, hard, False, scratch)
            - cost[order]
        )
        put_in(order, arrays, plan)
        if value < spare:
            value -= shake * np.log(1.0 - uniform(chain.random))
            if value < least:
                least, pick = value, order
    added = np.inf
    if pick >= 0:
        take_out(pick, arrays, plan)
        cheapest(pick, arrays, plan.left, plan.room, stock_price, site_price, hard, False, scratch)
        added = move(pick, arrays, plan, scratch, chain, cost)
    if sku >= 0:
        stock_price[sku, 0, w] = kept
    else:
        site_price[w] = kept
    return added


@compiled
def settle(
    total: float,
    looks: int,
    shake: float,
    goal: float,
    arrays: Arrays,
    plan: Plan,
    stock_price: Floats,
    site_price: Floats,
    scratch: Scratch,
    chain: Chain,
    cost: Floats,
) -> float:
    """Make holders give way until nothing is taken more than there is; the chain's total, inf if it fails."""
    step = 0
    while step < chain.counts[1]:
        order = chain.orders[step]
        for line in range(arrays.line_start[order], arrays.line_start[order + 1]):
            w = plan.site[line]
            if w == UNSERVED:
                continue
            for part in range(arrays.part_start[line], arrays.part_start[line + 1]):
                sku = arrays.part_sku[part]
                while plan.left[sku, w] < 0:
                    total += give_way(
                        sku, w, goal - total, looks, shake, arrays, plan, stock_price, site_price, scratch,
                        chain, cost,
                    )  # fmt: skip
                    if total >= goal:
                        return np.inf
            while plan.room[w] < 0 and opens_parcel(order, line, arrays, plan):
                total += give_way(
                    -1, w, goal - total, looks, shake, arrays, plan, stock_price, site_price, scratch,
                    chain, cost,
                )  # fmt: skip
                if total >= goal:
                    return np.inf
        step += 1
    return total


@compiled
def sweep(
    sequence: Ints,
    looks: int,
    shake: float,
    retries: int,
    tries_per_gain: float,
    arrays: Arrays,
    plan: Plan,
    stock_price: Floats,
    site_price: Floats,
    scratch: Scratch,
    chain: Chain,
    cost: Floats,
) -> float:
    """Start a chain at each order of `sequence`; return what all that were kept saved."""
    saved, goal = 0.0, -LEAST_SAVING
    for order in sequence:
        chain.counts[0] += 1
        chain.counts[1] = 0
        take_out(order, arrays, plan)
        value = cheapest(order, arrays, plan.left, plan.room, stock_price, site_price, False, False, scratch)
        if value >= cost[order] + goal:
            put_in(order, arrays, plan)
            continue
        tries = 1 + min(retries, int(tries_per_gain * (cost[order] - value)))
        for _ in range(tries):
            total = move(order, arrays, plan, scratch, chain, cost)
            total = settle(
                total, looks, shake, goal, arrays, plan, stock_price, site_price, scratch, chain, cost
            )
            if total < goal:
                saved -= total
                break
            undo(arrays, plan, chain, cost)
            if tries > 1:
                chain.counts[0] += 1
                chain.counts[1] = 0
                take_out(order, arrays, plan)
                value = cheapest(
                    order, arrays, plan.left, plan.room, stock_price, site_price, False, False, scratch
                )
        else:
            if tries > 1:
                put_in(order, arrays, plan)
    return saved
