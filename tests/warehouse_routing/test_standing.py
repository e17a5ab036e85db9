"""What was given to an order and may still be moved: it moves as a whole, or it stays."""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from tests.warehouse_routing.conftest import PLACES, a_problem, a_site, an_order
from tests.warehouse_routing.test_router_invariants import MONDAY, orders, policies, problems, taken
from warehouse_routing.plan import Assignment, OrderPlan, Plan
from warehouse_routing.policy import Policy
from warehouse_routing.problem import OrderToRoute, Problem, Standing
from warehouse_routing.router import plan

NEW = 100


def units_by_sku(assignment: Assignment) -> Counter[str]:
    units: Counter[str] = Counter()
    for line in assignment.lines:
        for part in line.components:
            units[part.sku] += part.units
    return units


def standing(decided: OrderPlan) -> tuple[Standing, ...]:
    """The parcels of a plan, as they stand once it is carried out."""
    return tuple(
        Standing(
            NEW * decided.order_id + at,
            one.site,
            {line.line_id: line.units for line in one.lines},
            units_by_sku(one),
            one.dispatch_date,
        )
        for at, one in enumerate(decided.assignments)
    )


def carried_out(problem: Problem, decided: Plan) -> Problem:
    """The problem as it is after a plan; what waits is backordered."""
    parcels = Counter((one.site, one.dispatch_date) for each in decided.orders for one in each.assignments)
    by_id = {one.order_id: one for one in decided.orders}
    gone = taken(decided)
    return replace(
        problem,
        orders=tuple(
            replace(
                one,
                standing=standing(by_id[one.order_id]),
                backordered=bool(by_id[one.order_id].backorders) and not by_id[one.order_id].assignments,
            )
            for one in problem.orders
        ),
        sites=tuple(
            replace(
                site,
                parcels_planned={day: count for (code, day), count in parcels.items() if code == site.code},
            )
            for site in problem.sites
        ),
        stock={place: units - gone[place] for place, units in problem.stock.items()},
    )


@given(problems, st.lists(orders, max_size=4), policies)
def test_nobody_loses_what_stands_and_nothing_is_given_twice(
    problem: Problem, more: list[OrderToRoute], policy: Policy
) -> None:
    before = carried_out(problem, plan(problem))
    new = tuple(replace(one, order_id=NEW + at) for at, one in enumerate(more))
    later = replace(before, orders=(*before.orders, *new), policy=policy)
    decided = plan(later)
    by_id = {one.order_id: one for one in decided.orders}
    used = taken(decided)
    for order in later.orders:
        if order.order_id not in by_id:
            assert order.standing
            for one in order.standing:
                used.update({(one.site, sku): units for sku, units in one.components.items()})
            continue
        lines = {line.line_id: line.units for line in order.lines}
        stood: Counter[str] = Counter()
        for one in order.standing:
            stood.update(one.lines)
        for waiting in by_id[order.order_id].backorders:
            assert waiting.units <= lines[waiting.line_id] - stood[waiting.line_id] or not order.standing
    for place, units in used.items():
        assert units <= problem.stock[place]


def test_who_waits_longer_does_not_take_what_another_was_given() -> None:
    """Both want the only unit there is."""
    parcel = Standing(1, "lyon", {"1": 1}, {"MUG": 1}, MONDAY.date())
    given_to = an_order(1, standing=(parcel,))
    waits = an_order(2, backordered=True, placed_at=MONDAY - timedelta(days=9), ship_by=MONDAY)
    (site, stock) = (a_site("lyon"), {("lyon", "MUG"): 0})
    first, second = sorted(
        plan(a_problem((site,), stock, given_to, waits)).orders, key=lambda one: one.order_id
    )
    assert (first.withdrawn, [one.kept for one in first.assignments]) == ((), [1])
    assert [one.units for one in second.backorders] == [1]


def test_an_order_keeps_its_parcel_where_the_rules_have_changed_since() -> None:
    """Its site ships to its country no more; to let it wait would help the neighbour alone."""
    parcel = Standing(1, "chicago", {"1": 1}, {"MUG": 1}, MONDAY.date())
    owner = an_order(1, standing=(parcel,))
    neighbour = an_order(2, country_code="US", destination=PLACES["chicago"])
    site = a_site("chicago", countries=frozenset({"US"}))
    decided = plan(a_problem((site,), {}, owner, neighbour))
    assert [(one.order_id, len(one.assignments)) for one in decided.orders] == [(2, 0)]
