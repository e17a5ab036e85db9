"""The solver against the truth: every answer tried."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from benchmarks.routing_rivals import highs
from tests.warehouse_routing.solver_batches import batches, cost_of, least_cost, shop
from warehouse_routing.batch import UNSERVED, Batch
from warehouse_routing.solver import solve
from warehouse_routing.solver.search import Search

FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
NEAR = 1e-6


@FEW
@given(batches())
def test_the_bound_is_at_most_the_optimum_and_the_answer_at_least(batch: Batch) -> None:
    best = least_cost(batch)
    answer = solve(batch)
    assert answer.cost == pytest.approx(cost_of(batch, answer.site))
    assert answer.lower_bound <= best + 1e-9
    assert answer.cost >= best - NEAR
    assert answer.complete


@FEW
@given(batches())
def test_without_time_the_answer_is_feasible_and_the_bound_valid(batch: Batch) -> None:
    answer = solve(batch, time_limit=0)
    assert answer.cost == pytest.approx(cost_of(batch, answer.site))
    assert answer.lower_bound <= least_cost(batch) + 1e-9
    assert not answer.complete


@FEW
@given(batches(), st.integers(0, 2**32 - 1))
def test_a_start_is_never_made_worse(batch: Batch, seed: int) -> None:
    start = np.random.default_rng(seed).integers(-1, batch.stock.shape[0], len(batch.part_start) - 1)
    standing = cost_of(batch, start)
    assert solve(batch, time_limit=0, start=start).cost <= standing + NEAR


@FEW
@given(batches(most_lines=5))
def test_the_optimum_is_found_and_proven_where_plans_are_few(batch: Batch) -> None:
    """With no price for a whole order the subproblems are exact, so all plans within the gap are listed."""
    batch = replace(batch, whole_cost=None)
    best = least_cost(batch)
    answer = solve(batch)
    assert answer.cost <= best * 1.0011 + NEAR


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    seed=st.integers(0, 2**32 - 1),
    orders=st.integers(20, 60),
    most_parcels=st.integers(1, 3),
    tight=st.sampled_from([0.5, 0.8, 1.0, 1.2, 1.6]),
    capacity=st.sampled_from([None, 0.6, 1.0, 1.4]),
)
def test_on_a_small_shop_s_batch_the_optimum_of_highs_lies_between_bound_and_cost(
    seed: int, orders: int, most_parcels: int, tight: float, capacity: float | None
) -> None:
    batch = shop(orders, seed)
    sites = len(batch.capacity)
    batch = replace(
        batch,
        stock=np.floor(tight * batch.stock).astype(np.int64),
        capacity=np.full(sites, -1 if capacity is None else int(capacity * orders / sites)),
        max_parcels=np.full(orders, most_parcels),
    )
    best = highs(batch, integral=True, seconds=math.inf, gap=0.0)
    cent = 0.01  # to which its figures are rounded
    assert best["bound"] >= best["objective"] - cent
    told: list[float] = []
    answer = solve(batch, seed=seed, progress=lambda stage, cost, bound: told.append(bound))
    paid = cost_of(batch, answer.site)  # inf where stock, room or the limit on parcels is broken
    assert answer.cost == pytest.approx(paid)
    assert max(answer.lower_bound, *told) - cent <= best["objective"] <= paid + cent


@pytest.mark.parametrize("capacity", [False, True])
def test_a_seed_gives_the_same_answer_each_time(capacity: bool) -> None:
    batch = shop(150, seed=3, capacity=capacity)
    first, second = solve(batch, seed=5), solve(batch, seed=5)
    assert np.array_equal(first.site, second.site)
    assert first.lower_bound == second.lower_bound
    assert np.array_equal(first.stock_price, second.stock_price)


def test_the_number_of_threads_changes_nothing() -> None:
    batch = shop(2100, seed=4)
    from warehouse_routing.solver.arrays import arrays_of
    from warehouse_routing.solver.effort import effort_for

    bounds = []
    for threads in (1, 2, 3):
        search = Search(arrays_of(batch), 0, threads, math.inf, lambda stage, cost, bound: None)
        dual, _ = search.bound(replace(effort_for(2100), steps=30))
        bounds.append(dual)
    assert bounds[0].bound == bounds[1].bound == bounds[2].bound
    assert np.array_equal(bounds[0].stock_price, bounds[2].stock_price)


@pytest.mark.parametrize("capacity", [False, True])
def test_on_a_shops_batch_the_gap_is_small_and_the_plan_feasible(capacity: bool) -> None:
    batch = shop(800, seed=11, capacity=capacity)
    answer = solve(batch)
    assert answer.cost == pytest.approx(cost_of(batch, answer.site))
    assert answer.gap_percent < 2.0


def test_orders_that_share_nothing_scarce_are_solved_apart() -> None:
    from warehouse_routing.solver.arrays import arrays_of
    from warehouse_routing.solver.components import components

    left, right = shop(40, seed=1), shop(40, seed=2)
    sites, skus = left.stock.shape
    both = Batch(
        line_start=np.concatenate([left.line_start, left.line_start[-1] + right.line_start[1:]]),
        part_start=np.arange(len(left.part_sku) + len(right.part_sku) + 1),
        part_sku=np.concatenate([left.part_sku, right.part_sku + skus]),
        part_units=np.concatenate([left.part_units, right.part_units]),
        parcel_cost=np.concatenate([left.parcel_cost, right.parcel_cost]),
        unserved_cost=np.concatenate([left.unserved_cost, right.unserved_cost]),
        stock=np.concatenate([left.stock, right.stock], axis=1),
        capacity=np.full(sites, -1, np.int64),
        max_parcels=np.full(80, 3, np.int64),
        all_or_nothing=np.zeros(80, np.bool_),
    )
    label = components(arrays_of(both))
    assert not set(label[:40]) & set(label[40:])
    assert solve(both).cost == pytest.approx(solve(left).cost + solve(right).cost, rel=2e-3)


def test_a_scarce_unit_has_a_price_and_an_ample_one_none() -> None:
    batch = Batch(
        line_start=np.arange(4),
        part_start=np.arange(4),
        part_sku=np.array([0, 0, 1]),
        part_units=np.ones(3, np.int64),
        parcel_cost=np.full((3, 1), 5.0),
        unserved_cost=np.array([25.0, 15.0, 25.0]),
        stock=np.array([[1, 9]]),
        capacity=np.array([-1]),
        max_parcels=np.ones(3, np.int64),
        all_or_nothing=np.zeros(3, np.bool_),
    )
    answer = solve(batch)
    assert list(answer.site) == [0, UNSERVED, 0]
    assert 10.0 - 0.2 <= answer.stock_price[0, 0] <= 20.0 + 0.2
    assert answer.stock_price[0, 1] == 0.0


def test_long_orders_are_routed_with_a_valid_bound() -> None:
    rng = np.random.default_rng(8)
    lines, sites = 40, 3
    batch = Batch(
        line_start=np.array([0, lines]),
        part_start=np.arange(lines + 1),
        part_sku=np.arange(lines),
        part_units=np.ones(lines, np.int64),
        parcel_cost=rng.uniform(4, 8, (1, sites)),
        unserved_cost=np.full(lines, 25.0),
        stock=rng.integers(0, 2, (sites, lines)),
        capacity=np.full(sites, -1),
        max_parcels=np.array([3]),
        all_or_nothing=np.zeros(1, np.bool_),
    )
    answer = solve(batch)
    best = min(
        batch.parcel_cost[0, list(chosen)].sum() + 25.0 * (batch.stock[list(chosen)].max(axis=0) < 1).sum()
        for chosen in ([0], [1], [2], [0, 1], [0, 2], [1, 2], [0, 1, 2])
    )
    assert answer.lower_bound <= best + 1e-9
    assert answer.cost == pytest.approx(best)


def test_progress_is_told_with_a_rising_bound_and_a_falling_cost() -> None:
    told: list[tuple[str, float, float]] = []
    solve(shop(300, seed=2), progress=lambda *what: told.append(what))
    bounds = [bound for stage, _, bound in told if stage == "bound"]
    costs = [cost for stage, cost, _ in told if stage == "plan"]
    assert bounds == sorted(bounds)
    assert costs == sorted(costs, reverse=True)
    assert bounds and costs


def test_nothing_to_route_costs_nothing() -> None:
    batch = shop(5, seed=0)
    nothing = replace(
        batch,
        line_start=np.zeros(1, np.int64),
        part_start=np.zeros(1, np.int64),
        part_sku=np.zeros(0, np.int64),
        part_units=np.zeros(0, np.int64),
        parcel_cost=np.zeros((0, 5)),
        unserved_cost=np.zeros(0),
        max_parcels=np.zeros(0, np.int64),
        all_or_nothing=np.zeros(0, np.bool_),
    )
    answer = solve(nothing)
    assert (answer.cost, answer.lower_bound, answer.gap_percent) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("field", "value", "complaint"),
    [
        ("parcel_cost", np.full((5, 5), -1.0), "parcel_cost"),
        ("unserved_cost", np.full(1, 3.0), "unserved_cost"),
        ("stock", np.full((5, 4), -1), "stock at least 0"),
    ],
)
def test_a_malformed_batch_is_named(field: str, value: np.ndarray, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        solve(replace(shop(5, seed=0), **{field: value}))
