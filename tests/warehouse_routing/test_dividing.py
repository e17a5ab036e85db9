"""Forty orders that want the same scarce goods, and whose lines may be divided between sites."""

from collections import Counter
from random import Random

import pytest

from tests.warehouse_routing.conftest import PLACES, a_line, a_problem, a_site, an_order
from warehouse_routing.plan import Plan
from warehouse_routing.router import plan

SITES = ("lyon", "berlin", "chicago")
SKUS = [f"SKU-{number}" for number in range(10)]
SPARE = 1.05


def decided(seed: int, *, split_lines: bool) -> Plan:
    random = Random(seed)
    orders = []
    wanted: Counter[str] = Counter()
    for number in range(40):
        lines = [
            a_line(str(at), random.choice((1, 1, 2, 3, 5)), sku)
            for at, sku in enumerate(random.sample(SKUS, random.choice((1, 1, 2, 3))))
        ]
        for line in lines:
            wanted[line.components[0].sku] += line.units
        orders.append(an_order(number, *lines, destination=PLACES[random.choice(list(PLACES))]))
    stock: Counter[tuple[str, str]] = Counter()
    for sku, units in wanted.items():
        for _ in range(int(units * SPARE) + 1):
            stock[random.choice(SITES), sku] += 1
    problem = a_problem(tuple(map(a_site, SITES)), stock, *orders, split_lines=split_lines)
    found = plan(problem)
    assert found.complete
    return found


@pytest.mark.parametrize("seed", [2, 3, 4, 6])
def test_a_plan_that_may_divide_lines_is_never_dearer_than_one_that_may_not(seed: int) -> None:
    whole, divided = (decided(seed, split_lines=allowed) for allowed in (False, True))
    assert not any(one.backorders for one in (*whole.orders, *divided.orders)), "the costs compare"
    assert divided.lower_bound <= divided.objective
    assert divided.cost <= whole.cost
