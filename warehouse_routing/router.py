"""Routing: `plan(problem)` is the one entrance.

All orders are decided together. Each order's best way is looked up first as if it were alone; where these
ways fit side by side they are the best plan, and that is the usual case. Else the solver
(docs/routing-solver.md) finds a plan and a bound on it, and each order is looked at once more with all
others as they are. Only orders that wait for goods of which there are too few for all who wait go first,
one after the other, so that nobody is passed over (fairness stands before cost).
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import attrgetter

import numpy as np

from warehouse_routing.batch import Batch, Solution
from warehouse_routing.batching import batch_of, costs_of, undivided
from warehouse_routing.explain import Explaining
from warehouse_routing.landscape import landscape_of
from warehouse_routing.next_best import Alternatives
from warehouse_routing.objective import Measure, measure_of
from warehouse_routing.one_order import Costs, Shelves, best_way
from warehouse_routing.plan import Plan
from warehouse_routing.preparing import prepared
from warehouse_routing.problem import Problem

POLISHED = 5_000
"""Decisions of up to so many orders are looked at once more, order by order."""
WAITING_SIZE = 40.0
Sites = tuple[int, ...]
"""For each portion of an order the site's index, -1 where it waits."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What the search found.

    Attributes:
        ways: [N] sites of each order's portions.
        bound: No plan is better, given who goes first.
        stock_price: [K][W], `room_price`: [W]: what one more would save.
        readying: Seconds that went into compiling the solver: nobody's search is charged with them.
    """

    ways: list[Sites]
    bound: float
    stock_price: list[list[float]]
    room_price: list[float]
    complete: bool = True
    readying: float = 0.0


def plan(problem: Problem) -> Plan:
    """Decide which site ships what.

    Deterministic: the same problem gives the same plan, whatever the order of its sites and orders, unless
    the time limit ends the search. Never gives more than the stock or a site's parcels of its dispatch day,
    and everything open is either assigned or backordered. What stands is moved only as a whole: an order that
    would come to wait stays as it stands, and is neither in the plan nor in its cost and bound.

    Raises:
        ValueError: If a site has no working day for a month.
    """
    began = time.monotonic()
    deadline = began + problem.policy.time_limit
    found = _plan(problem, deadline)
    if losing := _losing(problem, found):
        problem = _without(problem, losing)
        found = _plan(problem, deadline)
        if _losing(problem, found):
            problem = _without(problem, {one.order_id for one in problem.orders if one.standing})
            found = _plan(problem, deadline)
    return replace(found, seconds=time.monotonic() - began)


def _losing(problem: Problem, found: Plan) -> set[int]:
    """Orders of which a plan would ship less than what stands."""
    standing = {one.order_id: one for one in problem.orders if one.standing}
    losing: set[int] = set()
    for decided in found.orders:
        order = standing.get(decided.order_id)
        if order is None or not decided.backorders:
            continue
        free = {line.line_id: line.units for line in order.lines}
        for parcel in order.standing:
            for line_id, units in parcel.lines.items():
                free[line_id] -= units
        for backorder in decided.backorders:
            free[backorder.line_id] -= backorder.units
        if min(free.values()) < 0:
            losing.add(order.order_id)
    return losing


def _without(problem: Problem, order_ids: set[int]) -> Problem:
    return replace(problem, orders=tuple(one for one in problem.orders if one.order_id not in order_ids))


def _plan(problem: Problem, deadline: float) -> Plan:
    orders = prepared(problem)
    measure = measure_of(landscape_of(problem, orders))
    costs = [costs_of(measure, n) for n in range(len(orders))]
    shelves = shelves_of(measure)
    stock, room = [list(row) for row in shelves.units], list(shelves.room)
    decided = _decide(measure, costs, shelves, deadline)
    totals = (measure.order(n, way)[0] for n, way in enumerate(decided.ways))
    deadline += decided.readying
    prices = decided.stock_price, decided.room_price
    others = Alternatives(measure, costs, shelves, stock, room, decided.ways, *prices, sum(totals), deadline)
    found = Explaining(measure, shelves, decided.ways, *prices, others).plan(decided.bound)
    return replace(found, complete=decided.complete)


def shelves_of(measure: Measure) -> Shelves:
    """What may be promised, standing parcels that may be moved included."""
    index = {sku: k for k, sku in enumerate(measure.skus)}
    at = {site.code: w for w, site in enumerate(measure.land.sites)}
    units = [[0] * len(at) for _ in index]
    for (site, sku), count in measure.land.problem.stock.items():
        if site in at and sku in index and count > 0:
            units[index[sku]][at[site]] = count
    for k, w, count in _standing(measure):
        units[k][w] += count
    return Shelves(units, measure.land.room)


def _standing(measure: Measure) -> list[tuple[int, int, int]]:
    """Indices of SKU and site, and units, of all that stands."""
    index = {sku: k for k, sku in enumerate(measure.skus)}
    at = {site.code: w for w, site in enumerate(measure.land.sites)}
    return [
        (index[sku], at[standing.site], count)
        for one in measure.land.orders
        for standing in one.order.standing
        for sku, count in standing.components.items()
        if standing.site in at and sku in index
    ]


def _decide(measure: Measure, costs: Sequence[Costs], shelves: Shelves, deadline: float) -> Decided:
    """Find each order's way, and take it off the shelves."""
    count = len(measure.portions)
    ways: list[Sites] = [()] * count
    standing = _standing(measure)
    for k, w, units in standing:  # whoever waits has no claim on what was given to another
        shelves.units[k][w] -= units
    first = _who_goes_first(measure, shelves)
    total_first = 0.0
    for n in first:
        way = best_way(measure, n, costs[n], shelves)
        ways[n] = way.sites
        total_first += way.total
        shelves.take(measure.portions[n], way.sites)
    for k, w, units in standing:
        shelves.units[k][w] += units
    rest = [n for n in range(count) if n not in first and measure.portions[n]]
    if not rest:
        return Decided(ways, total_first, *_no_prices(measure))
    alone = [best_way(measure, n, costs[n], shelves) for n in rest]
    for n, way in zip(rest, alone, strict=True):
        ways[n] = way.sites
        shelves.take(measure.portions[n], way.sites)
    if shelves.enough() and all(way.exact for way in alone):
        bound = total_first + sum(way.total for way in alone)
        return Decided(ways, bound, *_no_prices(measure))
    for n in rest:
        shelves.take(measure.portions[n], ways[n], -1)
    return _solve(measure, costs, shelves, ways, rest, total_first, deadline)


def _solve(
    measure: Measure,
    costs: Sequence[Costs],
    shelves: Shelves,
    ways: list[Sites],
    rest: Sequence[int],
    total_first: float,
    deadline: float,
) -> Decided:
    from warehouse_routing.solver import make_ready  # here: it compiles loops that most decisions don't need

    readying = make_ready()
    deadline += readying
    # The solver's first steps are made for sums of a usual size: some tens for a unit that waits.
    scale = WAITING_SIZE / max(1e-9, max(float(measure.waiting[n]) for n in rest))
    left = max(0.05, 0.7 * (deadline - time.monotonic()))
    solution = _searched(measure, rest, costs, shelves, scale, left)
    at = 0
    for n in rest:
        size = len(measure.portions[n])
        ways[n] = tuple(int(w) for w in solution.site[at : at + size])
        at += size
        shelves.take(measure.portions[n], ways[n])
    if len(rest) <= POLISHED:
        _polish(measure, costs, shelves, ways, rest, deadline)
    stock_price = (solution.stock_price.T / scale).tolist()
    bound = total_first + solution.lower_bound / scale
    room_price = (solution.capacity_price / scale).tolist()
    return Decided(ways, bound, stock_price, room_price, solution.complete, readying)


def _searched(
    measure: Measure,
    rest: Sequence[int],
    costs: Sequence[Costs],
    shelves: Shelves,
    scale: float,
    seconds: float,
) -> Solution:
    """The cheapest plan that is found.

    Where lines may be divided, a search that begins with whole lines sometimes ends better than one that
    begins with nothing, and sometimes worse: both are made.
    """
    from warehouse_routing.solver import solve

    def batch(one: Measure, each: Sequence[Costs]) -> Batch:
        return batch_of(one, rest, each, shelves.units, shelves.limits(), scale)

    given = batch(measure, [costs[n] for n in rest])
    whole = undivided(measure)
    if whole.portions == measure.portions:
        return solve(given, time_limit=seconds)
    lines = solve(batch(whole, [costs_of(whole, n) for n in rest]), time_limit=seconds / 3)
    lengths = [
        sum(1 for _ in portions)
        for n in rest
        for _, portions in groupby(measure.portions[n], attrgetter("line"))
    ]
    starts = (None, np.repeat(lines.site, lengths))
    found = [solve(given, time_limit=seconds / 3, start=start) for start in starts]
    best = min(found, key=attrgetter("cost"))
    return replace(best, lower_bound=max(one.lower_bound for one in found))


def _polish(
    measure: Measure,
    costs: Sequence[Costs],
    shelves: Shelves,
    ways: list[Sites],
    rest: Sequence[int],
    deadline: float,
) -> None:
    """Look for each order's exact best with all others as they are, until nobody gains.

    This is where weight breaks, the price of further parcels and lines in portions count to the last cent.
    """
    for _ in range(3):
        gained = False
        for n in rest:
            if time.monotonic() > deadline:
                return
            now = measure.order(n, ways[n])[0]
            shelves.take(measure.portions[n], ways[n], -1)
            way = best_way(measure, n, costs[n], shelves)
            if way.total < now - 1e-6:
                ways[n], gained = way.sites, True
            shelves.take(measure.portions[n], ways[n])
        if not gained:
            return


def _who_goes_first(measure: Measure, shelves: Shelves) -> list[int]:
    """Backordered orders that want a SKU of which there is too little for all orders, in turn.

    What stands is not on the shelves now, and its orders ask for no more than that.
    """
    waiting = [
        n for n, one in enumerate(measure.land.orders) if one.order.backordered and measure.portions[n]
    ]
    if not waiting:
        return []
    asked: dict[int, int] = {}
    for one, portions in zip(measure.land.orders, measure.portions, strict=True):
        for portion in () if one.order.standing else portions:
            for k, units in portion.parts:
                asked[k] = asked.get(k, 0) + units
    scarce = {k for k, units in asked.items() if units > sum(shelves.units[k])}
    return [
        n for n in waiting if any(k in scarce for portion in measure.portions[n] for k, _ in portion.parts)
    ]


def _no_prices(measure: Measure) -> tuple[list[list[float]], list[float]]:
    width = len(measure.land.sites)
    return [[0.0] * width for _ in measure.skus], [0.0] * width
