"""The best that a window could have cost, and that no way to play it costs less."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal

import pytest

from pipelines.simulation.hindsight import Hindsight, hindsight_of, hindsight_problem
from pipelines.simulation.scenario import Scenario
from pipelines.simulation.window import PastOrder, Window
from warehouse_routing.policy import Override, Policy, Prices, Strategy
from warehouse_routing.problem import Component, Location, OpenLine, OrderToRoute, Precision, Problem, Site
from warehouse_routing.rolling_replay import Wave, replay_waves
from warehouse_routing.tariff import linear_tariff

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
CHEAPEST = Policy((Strategy.CHEAPEST,), prices=Prices(100_000, 0), tariff=linear_tariff(400, Decimal(1)))
MUG_AND_TRAY = OrderToRoute(
    1,
    NOW,
    "FR",
    Location(48.0, 0.5, Precision.EXACT),
    (OpenLine("1", 1, (Component("MUG", 1),)), OpenLine("2", 1, (Component("TRAY", 1),))),
)
SITES = tuple(
    Site(code, Location(48.0, lon, Precision.EXACT), "UTC", time(18))
    for code, lon in (("NEAR", 0.0), ("FAR", 6.0))
)


def best(policy: Policy, stock: dict[tuple[str, str], int], *orders: OrderToRoute) -> Hindsight:
    past = tuple(PastOrder(NOW, one, waited=False) for one in orders)
    window = Window(NOW, LATER, past, (), {}, {})
    scenario = Scenario("as configured", policy, SITES)
    return hindsight_of(hindsight_problem(window, scenario, stock, 100_000, 5.0))


@pytest.mark.parametrize(
    "policy",
    [
        replace(CHEAPEST, max_sites=1),
        replace(CHEAPEST, overrides=(Override({"max_sites": 1}, countries=frozenset({"FR"})),)),
    ],
)
def test_an_order_that_ships_in_two_waves_from_two_sites_costs_no_less_than_the_bound(policy: Policy) -> None:
    """One decision may name one site; the tray comes later, and to another."""
    start = Problem(NOW, (), SITES, {("NEAR", "MUG"): 1}, policy)
    played = replay_waves(start, [Wave(NOW, (MUG_AND_TRAY,)), Wave(LATER, changes={("FAR", "TRAY"): 1})])
    assert [one.assignment.site for one in played.parcels] == ["NEAR", "FAR"]
    cost = sum(one.assignment.cost for one in played.parcels)
    known = best(policy, {("NEAR", "MUG"): 1, ("FAR", "TRAY"): 1}, MUG_AND_TRAY)
    assert known.lower_bound_minor is not None
    assert 0 < known.lower_bound_minor <= cost


def test_no_bound_is_given_where_a_substitute_may_go() -> None:
    stock = {("NEAR", "MUG-2"): 1, ("FAR", "MUG"): 1, ("NEAR", "TRAY"): 1}
    policy = replace(CHEAPEST, substitutes={"MUG": ("MUG-2",)})
    assert best(policy, stock, MUG_AND_TRAY).lower_bound_minor is None
    others = replace(CHEAPEST, substitutes={"PAN": ("MUG",)})
    assert best(others, stock, MUG_AND_TRAY).lower_bound_minor is not None
