"""Orders that arrive in waves: each wave is decided before the next is known.

What a router loses by deciding at once is the gap between its plan and the clairvoyant one, which knows all
waves beforehand. Two things make it smaller: reconsidering orders until their cut-off (Xu, Allgor and Graves,
"Benefits of reevaluating real-time order fulfillment decisions", 2009), and asking for a unit of stock what
later orders would give for it (Acimovic and Graves, "Making better fulfillment decisions on the fly in an
online retail environment", 2015). Both are here, on plain arrays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from warehouse_routing.batch import UNSERVED, Batch, Flags, Floats, Ints

Decide = Callable[[Batch, Ints], Ints]
"""Given a batch and where its lines stand now [L], says which site ships each line [L]."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What later orders would give: [W, K] for one unit at a site, [W] for room for one parcel there."""

    stock: Floats
    capacity: Floats


Outlook = Callable[[int, Batch], Worth]
"""Given a wave's number and its open orders with all that is left: what later orders would give for that."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """All orders with the wave in which each arrives.

    Attributes:
        batch: All N orders, with the stock and the parcels for all waves together.
        wave: [N] number of the wave in which an order arrives, from 0.
        arriving: Units [W, K] that come at the beginning of a wave, on top of the batch's stock.
    """

    batch: Batch
    wave: Ints
    arriving: Mapping[int, Ints] = field(default_factory=dict)

    @property
    def waves(self) -> int:
        """How many there are."""
        return int(self.wave.max(initial=-1)) + 1


@dataclass(frozen=True, slots=True)
class Rolled:
    """Where everything went in the end.

    Attributes:
        site: [L] index of the site, or UNSERVED.
        left: [L] the wave after which a line could no longer be changed; -1 for one that nobody ships.
        moves: Times that an order which was given to sites was given to others.
    """

    site: Ints
    left: Ints
    moves: int


@dataclass(frozen=True, slots=True)
class Score:
    """What it comes to by the batch's prices.

    Attributes:
        cost: With the price of what waits.
        orders: Orders of which anything is shipped.
        extra_parcels: Parcels beyond one for each of those.
        units_waiting: Units of lines that nobody ships.
    """

    cost: float
    orders: int
    parcels: int
    extra_parcels: int
    units_waiting: int


def roll(arrivals: Arrivals, decide: Decide, *, cut_off: int = 0, outlook: Outlook | None = None) -> Rolled:
    """Decide wave after wave.

    Args:
        arrivals: The orders, and what there is for them.
        decide: The router.
        cut_off: An order may be changed until so many waves after its own; 0 decides it once and for all.
            What waits stays open for good, and is tried again with each wave.
        outlook: What later orders would give; None to look at the open orders only.
    """
    batch = arrivals.batch
    lines = len(batch.part_start) - 1
    order_of = np.repeat(np.arange(len(batch.line_start) - 1), np.diff(batch.line_start))
    site, left = np.full(lines, UNSERVED), np.full(lines, -1)
    stock, room, parcels = batch.stock.copy(), batch.capacity.copy(), batch.max_parcels.copy()
    moves = 0
    for now in range(arrivals.waves):
        stock += arrivals.arriving.get(now, 0)
        age = now - arrivals.wave[order_of]
        rows = np.flatnonzero((left < 0) & (age >= 0) & (parcels[order_of] > 0))
        if not len(rows):
            continue
        part = replace(open_part(batch, rows, parcels), stock=stock, capacity=room)
        asked = part if outlook is None else priced(part, outlook(now, part))
        stood = site[rows]
        site[rows] = decide(asked, stood)
        moves += _moved(order_of[rows], stood, site[rows])
        gone = rows[(site[rows] != UNSERVED) & (age[rows] >= cut_off)]
        left[gone] = now
        _take(batch, gone, order_of, site, stock, room, parcels)
    rest = np.flatnonzero((site != UNSERVED) & (left < 0))
    left[rest] = arrivals.waves - 1
    return Rolled(site, left, moves)


def open_part(batch: Batch, rows: Ints, parcels: Ints) -> Batch:
    """The batch of some lines, and of those orders only that have any of them.

    Args:
        batch: All.
        rows: Lines, ascending.
        parcels: [N] the most parcels that each order may still have.
    """
    order_of = np.repeat(np.arange(len(batch.line_start) - 1), np.diff(batch.line_start))[rows]
    orders, counts = np.unique(order_of, return_counts=True)
    parts = np.concatenate(
        [
            np.arange(low, high)
            for low, high in zip(batch.part_start[rows], batch.part_start[rows + 1], strict=True)
        ]
    )
    whole = None
    if (
        batch.whole_cost is not None
    ):  # of a part of an order it is not known: what it costs at least stands in
        complete = counts == np.diff(batch.line_start)[orders]
        whole = np.where(complete[:, None], batch.whole_cost[orders], batch.parcel_cost[orders])
    return Batch(
        line_start=np.concatenate([[0], np.cumsum(counts)]),
        part_start=np.concatenate([[0], np.cumsum(np.diff(batch.part_start)[rows])]),
        part_sku=batch.part_sku[parts],
        part_units=batch.part_units[parts],
        parcel_cost=batch.parcel_cost[orders],
        unserved_cost=batch.unserved_cost[rows],
        stock=batch.stock,
        capacity=batch.capacity,
        max_parcels=parcels[orders],
        all_or_nothing=batch.all_or_nothing[orders],
        whole_cost=whole,
        line_cost=None if batch.line_cost is None else batch.line_cost[rows],
    )


def priced(batch: Batch, worth: Worth) -> Batch:
    """The batch with what later orders would give added to its prices."""
    line_of = np.repeat(np.arange(len(batch.part_start) - 1), np.diff(batch.part_start))
    asked = np.zeros((len(batch.part_start) - 1, len(batch.capacity)))
    np.add.at(asked, line_of, (worth.stock[:, batch.part_sku] * batch.part_units).T)
    return replace(
        batch,
        parcel_cost=batch.parcel_cost + worth.capacity,
        whole_cost=None if batch.whole_cost is None else batch.whole_cost + worth.capacity,
        line_cost=asked if batch.line_cost is None else batch.line_cost + asked,
    )


def score(batch: Batch, rolled: Rolled) -> Score:
    """Add up what a plan costs. Lines of an order that leave a site in different waves are two parcels.

    Raises:
        ValueError: The plan ships from where it may not.
    """
    order_of = np.repeat(np.arange(len(batch.line_start) - 1), np.diff(batch.line_start))
    shipped = np.flatnonzero(rolled.site != UNSERVED)
    at = rolled.site[shipped]
    parcels, _, lines = np.unique(
        np.stack([order_of[shipped], at, rolled.left[shipped]]),
        axis=1,
        return_inverse=True,
        return_counts=True,
    )[:3]
    orders, sites = parcels[0], parcels[1]
    price = batch.parcel_cost[orders, sites]
    if batch.whole_cost is not None:
        price = np.where(lines == np.diff(batch.line_start)[orders], batch.whole_cost[orders, sites], price)
    total = float(price.sum())
    if batch.line_cost is not None:
        total += float(batch.line_cost[shipped, at].sum())
    if not np.isfinite(total):
        raise ValueError("the plan ships an order from a site that may not ship it")
    waiting: Flags = rolled.site == UNSERVED
    units = np.add.reduceat(batch.part_units, batch.part_start[:-1]) if len(waiting) else np.zeros(0, int)
    served = len(np.unique(orders))
    return Score(
        cost=total + float(batch.unserved_cost[waiting].sum()),
        orders=served,
        parcels=len(orders),
        extra_parcels=len(orders) - served,
        units_waiting=int(units[waiting].sum()),
    )


def _take(
    batch: Batch, gone: Ints, order_of: Ints, site: Ints, stock: Ints, room: Ints, parcels: Ints
) -> None:
    """Take what left off the shelves, and its parcels off the sites' and the orders' room."""
    for line in gone:
        for part in range(batch.part_start[line], batch.part_start[line + 1]):
            stock[site[line], batch.part_sku[part]] -= batch.part_units[part]
    pairs = np.unique(np.stack([order_of[gone], site[gone]]), axis=1) if len(gone) else np.zeros((2, 0), int)
    np.subtract.at(parcels, pairs[0], 1)
    limited = room >= 0
    used = np.bincount(pairs[1], minlength=len(room))
    room[limited] -= used[limited]


def _moved(order_of: Ints, stood: Ints, stands: Ints) -> int:
    """Orders of which something that was given to a site is now given to another, or to none."""
    return len(np.unique(order_of[(stood != UNSERVED) & (stood != stands)]))
