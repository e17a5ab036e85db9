"""A little world to route in: Lyon, Berlin and Chicago, on a Monday morning."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, time

import pytest

from warehouse_routing.problem import (
    Component,
    Location,
    OpenLine,
    OrderToRoute,
    Policy,
    Precision,
    Problem,
    Site,
)

MONDAY = datetime(2026, 11, 2, 9, tzinfo=UTC)
PLACES = {
    "lyon": Location(45.75, 4.85, Precision.EXACT),
    "berlin": Location(52.53, 13.39, Precision.EXACT),
    "chicago": Location(41.85, -87.67, Precision.EXACT),
    "paris": Location(48.86, 2.35, Precision.EXACT),
}
ZONES = {"lyon": "Europe/Paris", "berlin": "Europe/Berlin", "chicago": "America/Chicago"}


def a_site(code: str, place: str = "", **more: object) -> Site:
    place = place or code
    given: dict[str, object] = {"time_zone": ZONES.get(place, "UTC"), "cut_off": time(14)}
    return Site(code, PLACES[place], **(given | more))


def a_line(line_id: str, units: int, *skus: str | tuple[str, int]) -> OpenLine:
    pairs = [(sku, 1) if isinstance(sku, str) else sku for sku in skus or ("MUG",)]
    return OpenLine(line_id, units, tuple(Component(sku, each) for sku, each in pairs))


def an_order(order_id: int, *lines: OpenLine, **more: object) -> OrderToRoute:
    given: dict[str, object] = {
        "placed_at": datetime(2026, 11, 1, tzinfo=UTC),
        "country_code": "FR",
        "destination": PLACES["paris"],
    }
    return OrderToRoute(order_id, lines=lines or (a_line("1", 1),), **(given | more))


def a_problem(
    sites: tuple[Site, ...],
    stock: Mapping[tuple[str, str], int],
    *orders: OrderToRoute,
    now: datetime = MONDAY,
    **policy: object,
) -> Problem:
    return Problem(now, orders, sites, stock, Policy(**({"split_lines": True} | policy)))


@pytest.fixture
def site() -> Callable[..., Site]:
    return a_site


@pytest.fixture
def line() -> Callable[..., OpenLine]:
    return a_line


@pytest.fixture
def order() -> Callable[..., OrderToRoute]:
    return an_order


@pytest.fixture
def problem() -> Callable[..., Problem]:
    return a_problem
