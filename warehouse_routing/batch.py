"""A batch of orders to route as plain arrays, and the answer to it: the seam between model and solver.

The model (tariffs, calendars, policies) turns everything into prices; the solver knows prices, stock and
capacity only. Prices are estimates that steer decisions, in any one unit of money; they are never booked.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

UNSERVED = -1
"""The site of a line that nobody ships."""


@dataclass(frozen=True, slots=True)
class Batch:
    """N orders, L lines (grouped by order), P parts (grouped by line), W sites, K SKUs.

    A line is served whole from one site or not at all; serving it takes all of its parts there (a kit has
    several). An order's lines at one site go in one parcel.

    Attributes:
        line_start: [N+1]; order n has the lines line_start[n] to line_start[n+1]-1.
        part_start: [L+1]; line l has the parts part_start[l] to part_start[l+1]-1.
        part_sku: [P] index of the SKU.
        part_units: [P] units that the whole line takes, at least 1.
        parcel_cost: [N, W] price of a parcel with any lines of the order; inf where the site may not ship
            to it. Where a parcel's price depends on what is in it, a figure that is never above it.
        whole_cost: [N, W] price of one parcel with all lines of the order, or None if it is `parcel_cost`.
        line_cost: [L, W] price added for a line at a site (its weight, its handling), inf where it may not
            be shipped from there; None for no such price.
        unserved_cost: [L] price of leaving a line unserved.
        stock: [W, K] units that may be promised.
        capacity: [W] parcels that may be planned; -1 for no limit.
        max_parcels: [N] the most parcels of an order, at least 1.
        all_or_nothing: [N] whether the order is served whole or not at all.
    """

    line_start: Ints
    part_start: Ints
    part_sku: Ints
    part_units: Ints
    parcel_cost: Floats
    unserved_cost: Floats
    stock: Ints
    capacity: Ints
    max_parcels: Ints
    all_or_nothing: Flags
    whole_cost: Floats | None = None
    line_cost: Floats | None = None


@dataclass(frozen=True, slots=True)
class Solution:
    """A feasible answer, a proof of how good it is, and the prices that led to it.

    Attributes:
        site: [L] index of the site that ships a line, or UNSERVED.
        cost: What the answer costs by the batch's prices.
        lower_bound: No feasible answer costs less.
        stock_price: [W, K] what one more unit there would save at the margin (the dual price); 0 where
            stock is not scarce.
        capacity_price: [W] what room for one more parcel would save at the margin.
        seconds: Wall time.
        complete: False if the time budget ended the search.
    """

    site: Ints
    cost: float
    lower_bound: float
    stock_price: Floats
    capacity_price: Floats
    seconds: float
    complete: bool

    @property
    def gap_percent(self) -> float:
        """100 x (cost / lower_bound - 1); 0 where both are 0."""
        if self.lower_bound <= 0:
            return 0.0 if self.cost <= 0 else float("inf")
        return 100.0 * (self.cost / self.lower_bound - 1.0)
