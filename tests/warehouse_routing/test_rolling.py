"""Orders in waves: what may be changed until when, and what looking ahead is for."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.rolling import instance
from warehouse_routing.batch import UNSERVED, Batch, Floats, Ints
from warehouse_routing.rolling import Arrivals, Rolled, Worth, priced, roll, score
from warehouse_routing.rolling_greedy import cheapest_now, nearest_first
from warehouse_routing.rolling_outlook import Forecast, drawn, joined
from warehouse_routing.solver import solve


def batch_of(
    orders: list[list[tuple[int, int]]],
    parcel_cost: list[list[float]],
    stock: list[list[int]],
    waiting: float = 100.0,
    capacity: list[int] | None = None,
) -> Batch:
    """Orders as lists of (SKU, units)."""
    lines = [line for order in orders for line in order]
    starts = np.concatenate([[0], np.cumsum([len(order) for order in orders])]).astype(np.int64)
    return Batch(
        line_start=starts,
        part_start=np.arange(len(lines) + 1),
        part_sku=np.array([sku for sku, _ in lines], np.int64),
        part_units=np.array([units for _, units in lines], np.int64),
        parcel_cost=np.array(parcel_cost, float),
        unserved_cost=np.array([waiting * units for _, units in lines]),
        stock=np.array(stock, np.int64),
        capacity=np.array(capacity or [-1] * len(stock), np.int64),
        max_parcels=np.full(len(orders), 3),
        all_or_nothing=np.zeros(len(orders), bool),
    )


def decide(batch: Batch, stood: Ints) -> Ints:
    return solve(batch, start=stood).site


# The first order may come from either site for nearly the same; the second one only from the near one.
RIVALS = batch_of([[(0, 1)], [(0, 1)]], [[1.0, 2.0], [1.0, 50.0]], [[1], [1]])


def in_waves(batch: Batch, waves: int) -> Arrivals:
    count = len(batch.line_start) - 1
    return Arrivals(batch, np.arange(count) * waves // count)


def test_what_is_decided_at_once_takes_what_a_later_order_needs() -> None:
    rolled = roll(in_waves(RIVALS, 2), decide)
    assert rolled.site.tolist() == [0, 1]
    assert score(RIVALS, rolled).cost == pytest.approx(51.0)
    assert rolled.moves == 0


def test_an_order_before_its_cut_off_gives_way() -> None:
    rolled = roll(in_waves(RIVALS, 2), decide, cut_off=1)
    assert rolled.site.tolist() == [1, 0]
    assert score(RIVALS, rolled).cost == pytest.approx(3.0)
    assert rolled.moves == 1


def test_an_order_after_its_cut_off_stays() -> None:
    late = Arrivals(RIVALS, np.array([0, 2]))
    assert roll(late, decide, cut_off=1).site.tolist() == [0, 1]


def test_a_price_keeps_a_unit_for_the_later_order() -> None:
    def outlook(wave: int, open_orders: Batch) -> Worth:
        return Worth(np.array([[48.0], [0.0]]) * (wave == 0), np.zeros(2))

    rolled = roll(in_waves(RIVALS, 2), decide, outlook=outlook)
    assert rolled.site.tolist() == [1, 0]
    assert score(RIVALS, rolled).cost == pytest.approx(3.0), "the price is asked, never paid"


def test_what_waits_is_served_when_units_come() -> None:
    batch = batch_of([[(0, 1)], [(0, 1)], [(1, 1)]], [[1.0]] * 3, [[1, 1]])
    arrivals = Arrivals(batch, np.array([0, 0, 2]), {1: np.array([[1, 0]])})
    rolled = roll(arrivals, decide)
    assert rolled.site.tolist() == [0, 0, 0]
    assert sorted(rolled.left.tolist()) == [0, 1, 2]


def test_lines_that_leave_in_different_waves_are_two_parcels() -> None:
    batch = batch_of([[(0, 1), (1, 1)]], [[4.0]], [[1, 1]])
    apart = score(batch, Rolled(np.array([0, 0]), np.array([0, 1]), 0))
    together = score(batch, Rolled(np.array([0, 0]), np.array([0, 0]), 0))
    assert (apart.parcels, apart.extra_parcels, apart.cost) == (2, 1, 8.0)
    assert (together.parcels, together.extra_parcels, together.cost) == (1, 0, 4.0)


def test_a_way_that_is_not_allowed_has_no_score() -> None:
    batch = batch_of([[(0, 1)]], [[np.inf, 1.0]], [[1], [1]])
    with pytest.raises(ValueError, match="may not ship"):
        score(batch, Rolled(np.array([0]), np.array([0]), 0))


def test_nearest_first_takes_the_nearest_whole_site_else_goes_outward() -> None:
    whole = batch_of([[(0, 1), (1, 1)]], [[1.0, 2.0, 3.0]], [[1, 0], [0, 1], [1, 1]])
    assert nearest_first(whole, np.full(2, UNSERVED)).tolist() == [2, 2]
    parts = replace(whole, stock=np.array([[1, 0], [0, 1], [1, 0]]))
    assert nearest_first(parts, np.full(2, UNSERVED)).tolist() == [0, 1]


def test_cheapest_now_splits_only_where_that_is_cheaper() -> None:
    stock = [[1, 0], [0, 1], [1, 1]]
    far = batch_of([[(0, 1), (1, 1)]], [[1.0, 2.0, 9.0]], stock)
    assert cheapest_now(far, np.full(2, UNSERVED)).tolist() == [0, 1]
    near = batch_of([[(0, 1), (1, 1)]], [[1.0, 2.0, 2.5]], stock)
    assert cheapest_now(near, np.full(2, UNSERVED)).tolist() == [2, 2]


def test_full_sites_ship_nothing_more() -> None:
    batch = batch_of([[(0, 1)], [(0, 1)]], [[1.0, 5.0]] * 2, [[2], [2]], capacity=[1, -1])
    for router in (nearest_first, cheapest_now, decide):
        rolled = roll(in_waves(batch, 2), router)
        assert sorted(rolled.site.tolist()) == [0, 1], router


def taken(batch: Batch, site: Ints) -> Ints:
    """Units [W, K] that a plan takes."""
    line_of = np.repeat(np.arange(len(batch.part_start) - 1), np.diff(batch.part_start))
    at, used = site[line_of], np.zeros_like(batch.stock)
    shipped = at != UNSERVED
    np.add.at(used, (at[shipped], batch.part_sku[shipped]), batch.part_units[shipped])
    return used


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("capacity", [0.0, 1.2])
def test_no_way_of_rolling_takes_more_than_there_is_or_beats_the_bound(seed: int, capacity: float) -> None:
    past, batch = instance(120, 25, 4, 1.1, capacity, seed)
    arrivals = in_waves(batch, 5)
    coming = [int((arrivals.wave > wave).sum()) for wave in range(5)]
    bound = solve(batch).lower_bound
    plans = [
        roll(arrivals, nearest_first),
        roll(arrivals, cheapest_now),
        roll(arrivals, decide, cut_off=2),
        roll(arrivals, decide, cut_off=1, outlook=Forecast(past, coming, draws=2)),
    ]
    for rolled in plans:
        assert (taken(batch, rolled.site) <= batch.stock).all()
        assert score(batch, rolled).cost >= bound - 1e-6
        if capacity:
            orders = np.repeat(np.arange(len(batch.line_start) - 1), np.diff(batch.line_start))
            shipped = rolled.site != UNSERVED
            parcels = np.unique(
                np.stack([orders[shipped], rolled.site[shipped], rolled.left[shipped]]), axis=1
            )
            assert (np.bincount(parcels[1], minlength=4) <= batch.capacity).all()


def test_one_wave_of_everything_is_the_solvers_own_plan() -> None:
    _, batch = instance(80, 16, 3, 1.2, 0, 5)
    assert score(batch, roll(in_waves(batch, 1), decide)).cost == pytest.approx(solve(batch).cost)


def test_prices_are_added_for_all_units_of_a_line() -> None:
    worth = Worth(np.array([[2.0], [0.5]]), np.array([0.25, 0.0]))
    asked = priced(batch_of([[(0, 3)]], [[1.0, 2.0]], [[3], [3]]), worth)
    lines: Floats | None = asked.line_cost
    assert lines is not None
    assert lines.tolist() == [[6.0, 1.5]]
    assert asked.parcel_cost.tolist() == [[1.25, 2.0]]


def test_drawn_orders_are_there_as_often_as_they_are_named() -> None:
    both = drawn(RIVALS, np.array([1, 0, 1]))
    assert sorted(both.parcel_cost.tolist()) == [[1.0, 2.0], [1.0, 50.0], [1.0, 50.0]]
    more = joined(RIVALS, both)
    assert more.line_start.tolist() == [0, 1, 2, 3, 4, 5]
    assert more.stock.tolist() == RIVALS.stock.tolist()


def test_a_forecast_of_rivals_asks_a_price_for_the_unit_that_they_want() -> None:
    later = batch_of([[(0, 1)]], [[1.0, 50.0]], [[0], [0]])
    first = batch_of([[(0, 1)]], [[1.0, 2.0]], [[1], [1]])
    worth = Forecast(later, [1, 0], draws=1, share=1.0)(0, first)
    assert 1.0 < worth.stock[0, 0] <= 49.0, "more than the first order gains by taking it"
    assert Forecast(later, [1, 0])(1, first).stock.max() == 0.0, "nobody comes after the last wave"
