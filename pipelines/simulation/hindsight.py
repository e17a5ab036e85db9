"""Knowing a whole window beforehand: what it could have cost at best, and where a unit more would have saved.

All orders are planned at once, at the window's beginning, with all stock that ever came, no limit on parcels
a day or sites an order (which holds for each decision, and an order may take several), and no day promised.
That can only be easier than what anybody did, so the plan's lower bound is one for every plan of the window
by the same rules. Not so where something may be substituted: which SKU goes is settled before a plan is made,
so its bound says nothing of other choices, and none is given. Dual prices say what one more unit at a
warehouse would save, at most; the most valuable are checked by planning again with that unit.
"""

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from pipelines.simulation.scenario import Scenario
from pipelines.simulation.window import Window
from warehouse_routing.objective import NEARER
from warehouse_routing.policy import Prices, Strategy
from warehouse_routing.problem import Problem
from warehouse_routing.rolling_worth import worth_of
from warehouse_routing.router import plan

Position = tuple[str, str]
HALF_ROUND_KM = 20_040
"""No way is longer; the plan's measure has a tiny price of distance for ties, which is no money."""
MOST_CHECKED = 12
EASED = frozenset({"strategies", "max_sites"})
"""Rules that do not hold for the window as a whole."""
LEAST_WORTH = 1.0
"""Minor units below which a unit more is worth nothing."""


@dataclass(frozen=True, slots=True)
class Worth:
    """One more unit of a SKU at a warehouse.

    Attributes:
        price_minor: Its dual price, in minor units: the first unit more saves no more than that.
        checked_minor: What it saves when the window is planned again with it; None if that was not tried.
        free: Units that could be promised there in the window.
        wanted: Units that the window's orders wanted, wherever from.
    """

    site: str
    sku: str
    price_minor: float
    checked_minor: float | None
    free: int
    wanted: int


@dataclass(frozen=True, slots=True)
class Hindsight:
    """The best that could have been.

    Attributes:
        cost_minor: Of a plan that knows everything, with the price of what waits.
        lower_bound_minor: No plan costs less; None where that is not known, because of substitutes.
        worth: Most valuable first.
        complete: False if the time limit ended the search; the bound holds all the same.
    """

    cost_minor: float
    lower_bound_minor: float | None
    worth: tuple[Worth, ...]
    complete: bool


def hindsight_problem(
    window: Window, scenario: Scenario, stock: Mapping[Position, int], waiting_minor: int, seconds: float
) -> Problem:
    """The window as one decision.

    Args:
        window: Whose orders.
        scenario: With which warehouses, by which tariff.
        stock: All that could ever be promised.
        waiting_minor: The price of a unit that waits.
        seconds: The time limit.
    """
    policy = replace(
        scenario.policy,
        strategies=(Strategy.CHEAPEST,),
        prices=Prices(waiting_minor, late=0, split=0),
        release_dates={},
        max_sites=None,
        overrides=tuple(
            replace(one, rules={key: value for key, value in one.rules.items() if key not in EASED})
            for one in scenario.policy.overrides
        ),
        time_limit=seconds,
    )
    sites = tuple(replace(site, parcels_per_day=None) for site in scenario.sites)
    orders = tuple(replace(one.to_route, backordered=False) for one in window.orders)
    return Problem(window.since, orders, sites, stock, policy, window.goods)


def hindsight_of(problem: Problem) -> Hindsight:
    """Plan a window as one decision, and again with a unit more of what is dearest, as time allows."""
    found = plan(problem)
    prices = worth_of(problem)
    units = sum(line.units for order in problem.orders for line in order.lines)
    bound = max(found.lower_bound, prices.lower_bound) - HALF_ROUND_KM * NEARER * units
    worth = _worth(problem, prices.stock)
    deadline = time.monotonic() + problem.policy.time_limit
    checked: list[Worth] = []
    for one in worth[:MOST_CHECKED]:
        if checked and time.monotonic() > deadline:
            break
        stock = {**problem.stock, (one.site, one.sku): one.free + 1}
        again = plan(replace(problem, stock=stock))
        checked.append(replace(one, checked_minor=max(0.0, found.objective - again.objective)))
    checked.sort(key=lambda one: (-(one.checked_minor or 0.0), one.site, one.sku))
    ranked = (*checked, *worth[len(checked) :])
    return Hindsight(
        found.objective, None if _may_replace(problem) else max(0.0, bound), ranked, found.complete
    )


def ever_free(free: Mapping[Position, int], changes: Iterable[Mapping[Position, int]]) -> dict[Position, int]:
    """The most that could have been given away of each position: never more than the highest sum so far.

    Args:
        free: What could be promised at the beginning.
        changes: What came and went, in sequence.
    """
    now, most = dict(free), dict(free)
    for change in changes:
        for position, units in change.items():
            now[position] = now.get(position, 0) + units
            most[position] = max(most.get(position, 0), now[position])
    return {position: units for position, units in most.items() if units > 0}


def _may_replace(problem: Problem) -> bool:
    """Whether another SKU might go instead of one that is wanted."""
    return any(
        part.sku in problem.policy.substitutes
        for order in problem.orders
        for line in order.lines
        for part in line.components
    )


def _worth(problem: Problem, prices: Mapping[Position, float]) -> tuple[Worth, ...]:
    wanted: dict[str, int] = defaultdict(int)
    for order in problem.orders:
        for line in order.lines:
            for part in line.components:
                wanted[part.sku] += part.units * line.units
    values = [
        Worth(site, sku, price, None, problem.stock.get((site, sku), 0), wanted[sku])
        for (site, sku), price in prices.items()
        if price >= LEAST_WORTH
    ]
    return tuple(sorted(values, key=lambda one: (-one.price_minor, one.site, one.sku)))
