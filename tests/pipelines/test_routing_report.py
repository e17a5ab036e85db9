"""What the allocations asset shows of a routing run."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.routing import note_refusal, prune_decisions, refusals
from order_store.schema.fulfilment import routing_decisions
from pipelines.assets.routing_report import routing_metadata
from tests.order_store.allocating import NOW, prepared_order
from tests.warehouse_routing.conftest import MONDAY, a_line, a_site
from tests.warehouse_routing.conftest import an_order as order_to_route
from warehouse_routing.plan import Assignment, NextBest, OrderPlan, Plan
from warehouse_routing.policy import Policy, Strategy
from warehouse_routing.problem import Problem
from warehouse_routing.router import plan
from warehouse_routing.tariff import Rate, Tariff


@pytest.fixture
def store(tmp_path: Path) -> Store:
    made = open_store(f"sqlite:///{tmp_path}/hub.db")
    made.create_all()
    return made


def an_order(store: Store) -> int:
    with store.begin() as tx:
        shop = register_connection(tx, "shop", "woocommerce", "channel")
    return prepared_order(store, shop, {"1": 1})


def test_cost_bound_gap_and_next_bests_are_shown(store: Store) -> None:
    order_id = an_order(store)
    best = NextBest("LYON", ("BERLIN",), 0, 930, 270, 270.0, 270.0)
    parcel = Assignment("LYON", (), NOW.date(), 394.0, cost=660)
    decided = OrderPlan(order_id, (parcel,), (), (), (), 660, (), best)
    found = Plan((decided,), 660, 660.0, 650.0, {("LYON", "MUG"): 120.0}, {}, 0.1, money_below=1_000.0)
    hub: Any = SimpleNamespace(store=store, config=SimpleNamespace(routing=SimpleNamespace(currency="EUR")))
    shown = routing_metadata(hub, [found])
    assert shown["routing/cost"] == "6.60 EUR"
    assert shown["routing/gap_percent"] == 1.538
    assert "| LYON | 6.60 EUR | LYON | BERLIN | 2.70 EUR |" in shown["routing/next_best"].md_str
    assert "MUG at LYON: 1.20 EUR" in shown["routing/scarce"].md_str
    assert routing_metadata(hub, []) == {}


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        (
            Strategy.CHEAPEST,
            ["- MUG at lyon: 6.00 EUR", "- TRAY at lyon: one more would let more be shipped"],
        ),
        (Strategy.FEWEST_PARCELS, ["- MUG at lyon", "- TRAY at lyon"]),
    ],
)
def test_what_is_scarce_has_an_amount_only_where_that_is_money(
    store: Store, strategy: Strategy, words: list[str]
) -> None:
    """Two want the only mug in Lyon, and the other one's parcel goes from Berlin for 6.00 more; two want the
    only tray, and one of them waits."""
    tariff = Tariff((Rate("parcel", 600, site="lyon"), Rate("parcel", 1200, site="berlin")))
    orders = [
        order_to_route(n, a_line("1", 1, sku)) for n, sku in enumerate(("MUG", "MUG", "TRAY", "TRAY"), 1)
    ]
    stock = {("lyon", "MUG"): 1, ("berlin", "MUG"): 9, ("lyon", "TRAY"): 1}
    policy = Policy(strategies=(strategy,), tariff=tariff)
    found = plan(Problem(MONDAY, tuple(orders), (a_site("lyon"), a_site("berlin")), stock, policy))
    hub: Any = SimpleNamespace(store=store, config=SimpleNamespace(routing=SimpleNamespace(currency="EUR")))
    told = replace(found, orders=())  # the store knows none of them
    shown = routing_metadata(hub, [told])["routing/scarce"].md_str
    assert sorted(shown.splitlines()) == words


def test_refusals_count_for_a_while(store: Store) -> None:
    order_id = an_order(store)
    with store.begin() as tx:
        note_refusal(tx, order_id, "LYON", "unknown product", NOW)
        note_refusal(tx, order_id, "LYON", "still unknown", NOW)
        note_refusal(tx, order_id, "BERLIN", None, NOW)
        before = NOW.replace(year=NOW.year - 1)
        assert refusals(tx, before) == {order_id: frozenset({"LYON", "BERLIN"})}
        assert refusals(tx, NOW) == {}


def test_old_decisions_go_but_the_newest_of_an_order_stays(store: Store) -> None:
    order_id = an_order(store)
    with store.begin() as tx:
        for year in (2023, 2024, 2025):
            row = {
                "order_id": order_id,
                "order_revision": 1,
                "at": NOW.replace(year=year),
                "config_version": "x",
                "plan": str(year),
            }
            tx.execute(routing_decisions.insert().values(row))
        assert prune_decisions(tx, NOW, limit=1) == 1
        assert prune_decisions(tx, NOW) == 1
        assert prune_decisions(tx, NOW) == 0
        assert tx.scalars(routing_decisions.select().with_only_columns(routing_decisions.c.plan)).all() == [
            "2025"
        ]
