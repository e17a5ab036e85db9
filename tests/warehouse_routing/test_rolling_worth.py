"""What one more unit is worth, checked by planning again with it."""

from dataclasses import replace
from datetime import UTC, datetime, time
from decimal import Decimal

import pytest

from warehouse_routing.policy import Policy, Prices, Strategy
from warehouse_routing.problem import Component, Location, OpenLine, OrderToRoute, Precision, Problem, Site
from warehouse_routing.rolling_worth import worth_of
from warehouse_routing.router import plan
from warehouse_routing.tariff import linear_tariff

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
POLICY = Policy(
    (Strategy.CHEAPEST,), prices=Prices(backorder=2500, late=0), tariff=linear_tariff(400, Decimal(1))
)


def site(code: str, lon: float) -> Site:
    return Site(code, Location(48.0, lon, Precision.EXACT), "UTC", time(18))


def order(key: int, lon: float, *skus: str) -> OrderToRoute:
    lines = tuple(OpenLine(str(at), 1, (Component(sku, 1),)) for at, sku in enumerate(skus))
    return OrderToRoute(key, NOW, "FR", Location(48.0, lon, Precision.EXACT), lines)


def problem(stock: dict[tuple[str, str], int], *orders: OrderToRoute) -> Problem:
    return Problem(NOW, orders, (site("NEAR", 0.0), site("FAR", 6.0)), stock, POLICY)


def saved(asked: Problem, position: tuple[str, str]) -> float:
    """What one more unit saves when everything is planned again."""
    more = {**asked.stock, position: asked.stock.get(position, 0) + 1}
    return plan(asked).objective - plan(replace(asked, stock=more)).objective


RIVALS = problem({("NEAR", "MUG"): 1, ("FAR", "MUG"): 5}, order(1, 0.0, "MUG"), order(2, 0.1, "MUG"))


def test_on_a_tight_instance_the_price_is_what_one_more_unit_saves() -> None:
    found = worth_of(RIVALS)
    real = saved(RIVALS, ("NEAR", "MUG"))
    assert real > 400
    assert found.stock["NEAR", "MUG"] == pytest.approx(real, rel=0.05)
    assert ("FAR", "MUG") not in found.stock, "there is plenty"


def test_a_unit_on_an_empty_shelf_has_a_price_too() -> None:
    asked = problem({("FAR", "MUG"): 1}, order(1, 0.0, "MUG"))
    real = saved(asked, ("NEAR", "MUG"))
    assert real > 400
    assert worth_of(asked).stock["NEAR", "MUG"] == pytest.approx(real, rel=0.1)


def test_goods_that_nobody_has_are_worth_the_price_of_waiting() -> None:
    asked = problem({}, order(1, 0.0, "MUG"))
    real = saved(asked, ("NEAR", "MUG"))
    assert real == pytest.approx(2100, abs=1), "waiting costs 25.00, a parcel next door 4.00"
    found = worth_of(asked)
    assert found.stock["NEAR", "MUG"] == pytest.approx(real, rel=0.1)
    assert found.stock["NEAR", "MUG"] > found.stock["FAR", "MUG"]


def test_where_there_is_plenty_nothing_is_worth_anything() -> None:
    plenty = {(code, "MUG"): 9 for code in ("NEAR", "FAR")}
    assert worth_of(problem(plenty, order(1, 0.0, "MUG"), order(2, 6.0, "MUG"))).stock == {}
    assert worth_of(problem({})).stock == {}


def test_the_bound_falls_by_no_more_than_the_price_and_never_rises() -> None:
    orders = [order(key, key % 7, "MUG", "POT") for key in range(6)]
    asked = problem({("NEAR", "MUG"): 3, ("FAR", "MUG"): 2, ("NEAR", "POT"): 2, ("FAR", "POT"): 4}, *orders)
    before = worth_of(asked)
    for position, price in before.stock.items():
        more = {**asked.stock, position: asked.stock.get(position, 0) + 1}
        after = plan(replace(asked, stock=more))
        assert after.objective >= before.lower_bound - price - 1.0
        assert after.objective <= plan(asked).objective + 1e-6


def test_the_bound_is_below_the_plan() -> None:
    assert worth_of(RIVALS).lower_bound <= plan(RIVALS).objective + 1e-6
