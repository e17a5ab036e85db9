"""What later orders would give for a unit of stock: prices from orders of the past.

The opportunity cost of a unit is its dual price when the orders that are still to come are drawn from the
past and planned together with the open ones (Acimovic and Graves 2015 take it from a transportation program
on forecast demand). An order that takes the unit pays that price, so it does so only where it saves more than
a later one would. Because a drawn future is not the real one, only a share of the price is asked.
"""

from collections.abc import Sequence

import numpy as np

from warehouse_routing.batch import Batch, Floats, Ints
from warehouse_routing.rolling import Worth, open_part
from warehouse_routing.rolling_prices import UnitPrices, climb_prices

FIRST_STEPS, LATER_STEPS = 200, 60
"""Steps towards the prices in the first wave, and in later ones, which begin from those before."""
FIRST_STEP, LATER_STEP = 1.5, 0.3
"""How far the prices move at first, in the batch's money."""


class Forecast:
    """Draws the orders to come from past ones and prices what is left by them.

    Args:
        past: Orders like those to come; its stock and capacity do not matter.
        coming: [T] for each wave how many orders are expected in all later ones.
        draws: Futures whose prices are averaged: of a slow mover one future alone knows little.
        share: Of the price that an order must save.
        seed: Of the draws.
    """

    def __init__(
        self, past: Batch, coming: Sequence[int], draws: int = 4, share: float = 0.5, seed: int = 0
    ) -> None:
        self._past, self._coming, self._draws, self._share = past, coming, draws, share
        self._rng = np.random.default_rng(seed)
        self._known: list[UnitPrices | None] = [None] * draws

    def __call__(self, wave: int, open_orders: Batch) -> Worth:
        """What later orders would give for what is left after this wave's number."""
        stock, capacity = np.zeros(open_orders.stock.shape), np.zeros(len(open_orders.capacity))
        if self._coming[wave] <= 0:
            return Worth(stock, capacity)
        for draw in range(self._draws):
            batch = joined(open_orders, self._drawn(self._coming[wave]))
            prices = self._prices(batch, draw)
            stock += prices.stock * (self._share / self._draws)
            capacity += prices.capacity * (self._share / self._draws)
        return Worth(stock, capacity)

    def _drawn(self, count: int) -> Batch:
        orders = self._rng.integers(0, len(self._past.line_start) - 1, count)
        return drawn(self._past, orders)

    def _prices(self, batch: Batch, draw: int) -> UnitPrices:
        before = self._known[draw]
        if before is None:
            found = climb_prices(batch, FIRST_STEPS, FIRST_STEP)
        else:
            found = climb_prices(batch, LATER_STEPS, LATER_STEP, start=before.climbed)
        self._known[draw] = found
        return found


def drawn(batch: Batch, orders: Ints) -> Batch:
    """The batch of some orders, each as often as it is named."""
    names, counts = np.unique(orders, return_counts=True)
    order_of = np.repeat(np.arange(len(batch.line_start) - 1), np.diff(batch.line_start))
    parts = []
    for times in range(1, int(counts.max(initial=0)) + 1):
        again = names[counts >= times]
        parts.append(open_part(batch, np.flatnonzero(np.isin(order_of, again)), batch.max_parcels))
    found = parts[0]
    for part in parts[1:]:
        found = joined(found, part)
    return found


def joined(one: Batch, other: Batch) -> Batch:
    """Two batches' orders for the first one's stock and parcels."""
    return Batch(
        line_start=np.concatenate([one.line_start, other.line_start[1:] + one.line_start[-1]]),
        part_start=np.concatenate([one.part_start, other.part_start[1:] + one.part_start[-1]]),
        part_sku=np.concatenate([one.part_sku, other.part_sku]),
        part_units=np.concatenate([one.part_units, other.part_units]),
        parcel_cost=np.concatenate([one.parcel_cost, other.parcel_cost]),
        unserved_cost=np.concatenate([one.unserved_cost, other.unserved_cost]),
        stock=one.stock,
        capacity=one.capacity,
        max_parcels=np.concatenate([one.max_parcels, other.max_parcels]),
        all_or_nothing=np.concatenate([one.all_or_nothing, other.all_or_nothing]),
        whole_cost=_rows(one.whole_cost, other.whole_cost, one.parcel_cost, other.parcel_cost),
        line_cost=_rows(one.line_cost, other.line_cost, _nothing(one), _nothing(other)),
    )


def _nothing(batch: Batch) -> Floats:
    return np.zeros((len(batch.part_start) - 1, len(batch.capacity)))


def _rows(one: Floats | None, other: Floats | None, if_none: Floats, if_other: Floats) -> Floats | None:
    if one is None and other is None:
        return None
    return np.concatenate([if_none if one is None else one, if_other if other is None else other])
