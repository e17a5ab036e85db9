"""Dual prices of a batch without a plan: what a unit of stock and room for a parcel are worth."""

from dataclasses import dataclass

import numpy as np

from warehouse_routing.batch import Batch, Floats
from warehouse_routing.solver.arrays import Arrays, arrays_of
from warehouse_routing.solver.dual import Dual, Relaxation, ascend, marginal_price

LOWERINGS, KEPT = 120, 0.95
"""Prices at empty shelves fall so often, each time to this share, unless an order asks for the goods."""


@dataclass(frozen=True, slots=True)
class UnitPrices:
    """Prices that a climb has found.

    Attributes:
        stock: [W, K] what one more unit would save, at most.
        capacity: [W] the same for room for one more parcel.
        bound: No feasible answer to the batch costs less.
        climbed: To begin the next climb from.
    """

    stock: Floats
    capacity: Floats
    bound: float
    climbed: Dual


def climb_prices(
    batch: Batch, steps: int, first_step: float, *, start: Dual | None = None, one_more: bool = False
) -> UnitPrices:
    """Climb the dual bound of a batch.

    Args:
        batch: What is wanted, what there is, and all prices.
        steps: How often the prices move.
        first_step: By how much money they move at first; at last by a hundredth of that.
        start: Prices to begin from; those of a batch of another shape are not used.
        one_more: Let each shelf be asked for a unit more than it holds, while its row still says what it
            holds: so that prices form at empty shelves too.
    """
    arrays = arrays_of(batch)
    known = start if start is not None and start.stock_price.shape == arrays.supply.shape else None
    relaxation = Relaxation(arrays._replace(stock=arrays.stock + 1) if one_more else arrays, 1)
    try:
        found = ascend(relaxation, steps, first_step, first_step / 100, lambda done, bound: True, known)
        if one_more:
            _lower_at_empty_shelves(relaxation, arrays, found)
    finally:
        relaxation.close()
    capacity = np.where(batch.capacity < 0, 0.0, found.site_price)
    return UnitPrices(
        np.ascontiguousarray(marginal_price(arrays, found).T), capacity, max(0.0, found.bound), found
    )


def _lower_at_empty_shelves(relaxation: Relaxation, arrays: Arrays, found: Dual) -> None:
    """Where there is nothing, every price that keeps all orders away is as good: find the least of them."""
    falling = (arrays.stock == 0) & (found.stock_price.max(axis=1) > 0)
    lowest = found.stock_price.copy()
    for _ in range(LOWERINGS):
        if not falling.any():
            break
        tried = np.where(falling[:, None, :], lowest * KEPT, lowest)
        relaxation.evaluate(tried, found.site_price)
        at = relaxation.site[arrays.line_of]
        asked = np.zeros(arrays.stock.shape, np.int64)
        np.add.at(asked, (arrays.part_sku[at >= 0], at[at >= 0]), 1)
        falling &= asked == 0
        lowest = np.where(falling[:, None, :], tried, lowest)
    found.stock_price = lowest
