"""Stock and routing, as they went wrong elsewhere (S23 to S30)."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from order_store.schema.fulfilment import allocations, picklists, stock_positions
from pipelines.services.route import route_orders
from tests.postgres import empty_database, running_postgres

OpenStage = Callable[..., Any]
ROOT = Path(__file__).resolve().parents[2]
ROUTE = """
import sys
from pipelines.hub import open_hub
from pipelines.services.route import route_orders
from tests.postgres import empty_database, running_postgres
with open_hub() as hub:
    print("ready", flush=True)
    sys.stdin.readline()
    route_orders(hub)
"""
SPOON, OTHER = "SPOON-BRASS", "STRAINER-MESH"


def ready(stage: Any, units: Mapping[str, int], wishes: list[list[tuple[str, int]]]) -> list[Any]:  # noqa: ANN401
    """Spoons at these sites, and orders read and verified."""
    stage.set_stock(SPOON, units)
    orders = [stage.place("shopify-eu", lines=lines, country="FR") for lines in wishes]
    stage.wait(minutes=15)
    stage.read("shopify-eu")
    stage.read_stock("tryton-lyon")
    assert [stage.stored(order).row["verification"] for order in orders] == ["verified"] * len(orders)
    return orders


def allocated(stage: Any, sku: str = SPOON) -> dict[str, int]:  # noqa: ANN401
    """Units of a SKU that are given to warehouses."""
    query = select(allocations.c.warehouse, func.sum(allocations.c.units)).where(
        allocations.c.sku == sku, allocations.c.released_at.is_(None)
    )
    with stage.hub.store.read() as tx:
        return {row[0]: int(row[1]) for row in tx.execute(query.group_by(allocations.c.warehouse))}


@pytest.fixture(params=["sqlite", "postgresql"])
def on_each_database(request: pytest.FixtureRequest) -> Iterator[Callable[[str], str]]:
    """Changes the sandbox's hub.yaml so that the order store is on one of them."""
    if request.param == "sqlite":
        yield str
        return
    with running_postgres() as server, empty_database(server) as url:
        yield lambda config: config.replace("${ORDERHUB_STORE:-sqlite:///.orderhub/orders.db}", url)


def test_s23_one_unit_and_two_orders_routed_by_two_processes_at_once(
    open_stage: OpenStage, on_each_database: Callable[[str], str]
) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon", config=on_each_database)
    orders = ready(stage, {"LYS": 1}, [[(SPOON, 1)], [(SPOON, 1)]])
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", ROUTE],
            env=dict(os.environ) | stage.environ,
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    for worker in workers:
        assert worker.stdout
        assert worker.stdout.readline() == b"ready\n"
    for worker in workers:
        assert worker.stdin
        worker.stdin.write(b"go\n")
        worker.stdin.flush()
    for worker in workers:
        worker.communicate(timeout=60)
        assert worker.returncode == 0
    assert allocated(stage) == {"LYS": 1}
    assert sorted(stage.stored(order).row["status"] for order in orders) == ["allocated", "backordered"]


@pytest.mark.parametrize("lines", [[(SPOON, 5), ("EU-MATCHA-SET", 5)], [("EU-MATCHA-SET", 5), (SPOON, 5)]])
def test_s24_two_lines_that_need_the_same_component_do_not_both_get_it(
    open_stage: OpenStage, lines: list[tuple[str, int]]
) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    ready(stage, {"LYS": 5}, [lines])
    route_orders(stage.hub)
    assert allocated(stage) == {"LYS": 5}
    with stage.hub.store.read() as tx:
        query = select(stock_positions.c.reserved).where(
            stock_positions.c.sku == SPOON, stock_positions.c.warehouse == "LYS"
        )
        assert tx.scalar(query) == 5


@pytest.mark.parametrize(("units", "sites"), [(13, [13]), (20, [5, 15]), (25, [10, 15])])
def test_s25_a_line_that_may_be_split_is_allocated_once(
    open_stage: OpenStage, units: int, sites: list[int]
) -> None:
    """10 + 15 units: what one site gives, the other does not give again."""
    stage = open_stage("shopify-eu", "tryton-lyon")
    (order,) = ready(stage, {"LYS": 10, "BER": 15}, [[(SPOON, units)]])
    route_orders(stage.hub)
    route_orders(stage.hub)
    given = allocated(stage)
    assert sum(given.values()) == units
    assert len(given) == len(sites)
    assert given.get("LYS", 0) <= 10
    assert given.get("BER", 0) <= 15
    assert stage.stored(order).lines[0]["allocated"] == units


def by_strategy(*names: str, **lines: str) -> Callable[[str], str]:
    """The sandbox's hub.yaml with these strategies, and more lines in its routing section."""

    def change(config: str) -> str:
        more = "".join(f"  {key}: {value}\n" for key, value in lines.items())
        return config.replace(
            "  strategies: [fewest_parcels, cheapest]", f"{more}  strategies: [{', '.join(names)}]"
        )

    return change


def test_s24_two_kits_that_need_the_same_component_do_not_both_get_it(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon")
    ready(stage, {"LYS": 5}, [[("EU-MATCHA-SET", 5)], [("EU-MATCHA-SET", 5)]])
    route_orders(stage.hub)
    assert allocated(stage) == {"LYS": 5}


def test_s25_10_and_15_units_and_a_line_of_13_by_nearness_are_10_and_3(open_stage: OpenStage) -> None:
    """Not 10 and 13."""
    stage = open_stage("shopify-eu", "tryton-lyon", config=by_strategy("nearest"))
    (order,) = ready(stage, {"LYS": 10, "BER": 15}, [[(SPOON, 13)]])
    route_orders(stage.hub)
    assert allocated(stage) == {"LYS": 10, "BER": 3}
    assert stage.stored(order).lines[0]["allocated"] == 13


def test_s26_a2_b4_c5_and_a_line_of_5_goes_from_c_alone(open_stage: OpenStage) -> None:
    stage = open_stage("shopify-eu", "tryton-lyon", "shipbob-us")
    stage.set_stock(SPOON, {"LYS": 2, "BER": 4, "ORD": 5})
    stage.read_stock("shipbob-us")
    ready(stage, {"LYS": 2, "BER": 4, "ORD": 5}, [[(SPOON, 5)]])
    route_orders(stage.hub)
    assert allocated(stage) == {"ORD": 5}


def test_s26_with_the_nearest_first_it_is_two_sites_at_most(open_stage: OpenStage) -> None:
    nearest = by_strategy("nearest", max_sites="2")
    stage = open_stage("shopify-eu", "tryton-lyon", "shipbob-us", config=nearest)
    stage.set_stock(SPOON, {"LYS": 2, "BER": 4, "ORD": 5})
    stage.read_stock("shipbob-us")
    ready(stage, {"LYS": 2, "BER": 4, "ORD": 5}, [[(SPOON, 5)]])
    route_orders(stage.hub)
    assert allocated(stage) == {"LYS": 2, "BER": 3}


def test_s26_what_had_to_wait_comes_from_no_further_site(open_stage: OpenStage) -> None:
    nearest = by_strategy("nearest", max_sites="2")
    stage = open_stage("shopify-eu", "tryton-lyon", "shipbob-us", config=nearest)
    stock = {"LYS": 2, "BER": 2, "ORD": 1}
    stage.set_stock(SPOON, stock)
    stage.read_stock("shipbob-us")
    ready(stage, stock, [[(SPOON, 5)]])
    for _ in range(2):
        route_orders(stage.hub)
    assert allocated(stage) == {"LYS": 2, "BER": 2}


@pytest.mark.parametrize(
    ("strategy", "sites", "cost"), [("cheapest", {"LYS", "BER"}, 1591), ("fewest_parcels", {"ORD"}, 2256)]
)
def test_s27_the_cheapest_splits_and_fewest_parcels_does_not(
    open_stage: OpenStage, tmp_path: Path, strategy: str, sites: set[str], cost: int
) -> None:
    """22.56 in one parcel, 8.34 + 7.57 in two."""
    rates = tmp_path / "contract.csv"
    rates.write_text("service,price,warehouse\nparcel,8.34,LYS\nparcel,7.57,BER\nparcel,22.56,ORD\n")
    wanted = by_strategy(strategy, tariff=str(rates))
    stage = open_stage("shopify-eu", "tryton-lyon", "shipbob-us", config=wanted)
    stage.set_stock(OTHER, {"BER": 9, "ORD": 9})
    stage.set_stock(SPOON, {"LYS": 9, "ORD": 9})
    stage.read_stock("shipbob-us")
    (order,) = ready(stage, {"LYS": 9, "ORD": 9}, [[(SPOON, 1), (OTHER, 1)]])
    result = route_orders(stage.hub)
    assert {site for sku in (SPOON, OTHER) for site in allocated(stage, sku)} == sites
    assert result.cost_minor == cost
    assert stage.stored(order).row["status"] == "allocated"


def test_s28_a_site_with_room_for_three_parcels_a_day_gets_exactly_three(open_stage: OpenStage) -> None:
    def three_a_day(config: str) -> str:
        return config.replace("parcels_per_day: 400", "parcels_per_day: 3")

    stage = open_stage("shopify-eu", "tryton-lyon", config=three_a_day)
    ready(stage, {"LYS": 100}, [[(SPOON, 1)]] * 8)
    route_orders(stage.hub)
    route_orders(stage.hub)
    with stage.hub.store.read() as tx:
        days = Counter(tx.scalars(select(picklists.c.dispatch_date).where(picklists.c.warehouse == "LYS")))
    assert days
    assert max(days.values()) == 3
    first = min(days)
    assert days[first] == 3
    stage.wait(days=1)
    route_orders(stage.hub)
    assert sum(allocated(stage).values()) >= 6
