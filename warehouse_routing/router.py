"""Routing, first version: `plan(problem)` is the one entrance, and a better router keeps it.

Orders are served one after the other, and each takes its stock and its place in a site's day before the
next is looked at. For one order: the nearest site that holds all of it; else the fewest sites, nearest
first; what no site has is backordered. Sites that would miss the promised day come after those that keep
it.
"""

from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime
from itertools import combinations
from zoneinfo import ZoneInfo

from warehouse_routing.calendar import dispatch_date
from warehouse_routing.explain import backorders, candidates, reasons
from warehouse_routing.filling import Filled, Stock, covered, fill, needs, shortage, take
from warehouse_routing.geo import distance_km
from warehouse_routing.plan import AssignedLine, Assignment, OrderPlan, Plan
from warehouse_routing.problem import (
    BackorderRule,
    Component,
    OrderToRoute,
    Policy,
    Precision,
    Problem,
    Site,
    Strategy,
)
from warehouse_routing.view import SiteView

EXHAUSTIVE = 3
"""Up to so many sites every combination is tried; beyond, sites are added one by one."""


def plan(problem: Problem) -> Plan:
    """Decide which site ships what.

    Deterministic: the same problem gives the same plan, whatever the order of its sites and orders.
    Never gives more than the stock or a site's parcels of its dispatch day, and everything open is either
    assigned or backordered.
    """
    stock: Stock = {site.code: {} for site in problem.sites}
    for (site, sku), units in problem.stock.items():
        if site in stock and units > 0:
            stock[site][sku] = units
    days = {site.code: dispatch_date(site, problem.now) for site in problem.sites}
    room = {site.code: _room(site, days[site.code]) for site in problem.sites}
    plans: list[OrderPlan] = []
    for order in sorted(problem.orders, key=_turn):
        views = _views(order, problem.sites, days, room)
        plans.append(_route(order, views, stock, problem.policy))
        for assignment in plans[-1].assignments:
            left = room[assignment.site]
            room[assignment.site] = None if left is None else left - 1
    return Plan(tuple(plans))


_NEVER = datetime.max.replace(tzinfo=UTC)


def _turn(order: OrderToRoute) -> tuple[bool, datetime, datetime, int]:
    """Backorders first, then by promise, then by age."""
    return (not order.backordered, order.ship_by or _NEVER, order.placed_at, order.order_id)


def _room(site: Site, day: date) -> int | None:
    if site.parcels_per_day is None:
        return None
    return max(0, site.parcels_per_day - site.parcels_planned.get(day, 0))


def _views(
    order: OrderToRoute, sites: Sequence[Site], days: dict[str, date], room: dict[str, int | None]
) -> list[SiteView]:
    """The sites as this order sees them, best first."""
    views: list[SiteView] = []
    for site in sites:
        known = Precision.UNKNOWN not in (order.destination.precision, site.location.precision)
        day = days[site.code]
        views.append(
            SiteView(
                code=site.code,
                distance_km=distance_km(site.location, order.destination) if known else None,
                dispatch_date=day,
                late=bool(order.ship_by and day > order.ship_by.astimezone(ZoneInfo(site.time_zone)).date()),
                serves=site.countries is None or order.country_code in site.countries,
                full=room[site.code] == 0,
            )
        )
    return sorted(views, key=SiteView.rank)


def _route(order: OrderToRoute, views: list[SiteView], stock: Stock, policy: Policy) -> OrderPlan:
    open_sites = [view for view in views if view.serves and not view.full]
    needed = needs(order.lines)
    lacks = {view.code: shortage(needed, stock[view.code]) for view in views}
    filled = _choose(order, open_sites, lacks, stock, policy)
    complete = covered(filled) == sum(line.units for line in order.lines)
    waits = (
        bool(filled) and not complete and (policy.backorder is BackorderRule.WAIT_FOR_ALL or not policy.split)
    )
    if waits:
        filled = {}
    left = backorders(order, views, filled, stock, waits=waits)
    seen = candidates(views, lacks, filled)
    told = reasons(order, views, filled, left, lacks)
    assignments = tuple(_assignment(order, view, filled[view.code]) for view in views if view.code in filled)
    take(filled, order.lines, stock)
    return OrderPlan(order.order_id, assignments, left, seen, told)


def _assignment(order: OrderToRoute, view: SiteView, given: dict[str, int]) -> Assignment:
    lines = tuple(
        AssignedLine(
            line.line_id,
            given[line.line_id],
            tuple(Component(part.sku, part.units * given[line.line_id]) for part in line.components),
        )
        for line in order.lines
        if line.line_id in given
    )
    return Assignment(view.code, lines, view.dispatch_date, view.distance_km, view.late)


def _choose(
    order: OrderToRoute,
    open_sites: list[SiteView],
    lacks: dict[str, dict[str, int]],
    stock: Stock,
    policy: Policy,
) -> Filled:
    """The sites' parts: as many units as can be had, from as few sites as that takes."""
    most = min(len(open_sites), (policy.max_sites or len(open_sites)) if policy.split else 1)
    if policy.strategies[0] is Strategy.NEAREST and most > 1:
        return _first_sites(fill([view.code for view in open_sites], order.lines, stock), most)
    for view in open_sites:
        if not lacks[view.code]:
            return {view.code: {line.line_id: line.units for line in order.lines}}
    useful = [view for view in open_sites if fill([view.code], order.lines, stock)]
    goal = covered(fill([view.code for view in useful], order.lines, stock))
    best: Filled = {}
    for chosen in _combinations(useful, min(most, EXHAUSTIVE)):
        filled = fill([view.code for view in chosen], order.lines, stock)
        if covered(filled) > covered(best):
            best = filled
            if covered(best) >= goal:
                return best
    return _grow(best, useful, order, stock, most, goal)


def _first_sites(filled: Filled, most: int) -> Filled:
    return dict(list(filled.items())[:most])


def _combinations(useful: list[SiteView], most: int) -> Iterator[tuple[SiteView, ...]]:
    """All sets of one site, of two, and so on; within a size the punctual and near ones first."""
    for size in range(1, most + 1):
        yield from sorted(
            combinations(useful, size),
            key=lambda chosen: (
                sum(view.late for view in chosen),
                sum(view.distance_km or 0 for view in chosen),
                [view.code for view in chosen],
            ),
        )


def _grow(
    best: Filled, useful: list[SiteView], order: OrderToRoute, stock: Stock, most: int, goal: int
) -> Filled:
    """Beyond the sizes that were tried out: add the site that brings most, the nearest among equals."""
    while len(best) < most and covered(best) < goal:
        sites = [view.code for view in useful if view.code in best]
        others = [view.code for view in useful if view.code not in best]
        tries = [fill([*sites, code], order.lines, stock) for code in others]
        gain = max(tries, key=covered, default=best)  # the first of equals: the nearest
        if covered(gain) <= covered(best):
            break
        best = gain
    return best
