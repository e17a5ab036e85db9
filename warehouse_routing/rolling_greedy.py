"""Routers that decide order by order, as they arrive: what rolling plans are measured against."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from warehouse_routing.batch import UNSERVED, Batch, Floats, Ints


@dataclass(slots=True)
class _Shelves:
    """What is left while orders are served one after the other."""

    batch: Batch
    stock: Ints
    room: Ints

    def holds(self, site: int, lines: Sequence[int]) -> bool:
        """Whether a site has all parts of some lines at once, and may ship each of them."""
        batch, wanted = self.batch, dict[int, int]()
        for line in lines:
            if batch.line_cost is not None and not np.isfinite(batch.line_cost[line, site]):
                return False
            for part in range(batch.part_start[line], batch.part_start[line + 1]):
                sku = int(batch.part_sku[part])
                wanted[sku] = wanted.get(sku, 0) + int(batch.part_units[part])
        return all(self.stock[site, sku] >= units for sku, units in wanted.items())

    def fitting(self, site: int, lines: Sequence[int]) -> list[int]:
        """Those of some lines that a site can ship together, earlier ones first."""
        chosen: list[int] = []
        for line in lines:
            if self.holds(site, [*chosen, line]):
                chosen.append(line)
        return chosen

    def take(self, site: int, lines: Sequence[int]) -> None:
        """Give some lines to a site, in one parcel."""
        for line in lines:
            for part in range(self.batch.part_start[line], self.batch.part_start[line + 1]):
                self.stock[site, self.batch.part_sku[part]] -= self.batch.part_units[part]
        if self.room[site] >= 0:
            self.room[site] -= 1


def nearest_first(batch: Batch, stood: Ints) -> Ints:
    """The nearest (cheapest) site that holds the whole order; else outward, every line that fits.

    The rule of every router that works by rules. What stood before plays no part.
    """
    shelves, site = _Shelves(batch, batch.stock.copy(), batch.capacity.copy()), np.full_like(stood, UNSERVED)
    for order in range(len(batch.line_start) - 1):
        lines = list(range(batch.line_start[order], batch.line_start[order + 1]))
        open_sites = _open_sites(batch, shelves, order)
        whole = [w for w in open_sites if shelves.holds(w, lines)]
        if batch.all_or_nothing[order] and not whole:
            continue
        parcels = 0
        for w in whole[:1] or open_sites:
            fits = shelves.fitting(w, lines)
            if fits and parcels < batch.max_parcels[order]:
                parcels += 1
                shelves.take(w, fits)
                site[fits] = w
                lines = [line for line in lines if line not in fits]
    return site


def cheapest_now(batch: Batch, stood: Ints) -> Ints:
    """Each order in its turn the cheapest way that there is then: the myopic plan of the literature.

    All sets of up to three sites are tried; lines go to the first site of the set that holds them.
    """
    shelves, site = _Shelves(batch, batch.stock.copy(), batch.capacity.copy()), np.full_like(stood, UNSERVED)
    for order in range(len(batch.line_start) - 1):
        lines = list(range(batch.line_start[order], batch.line_start[order + 1]))
        best, chosen = float(batch.unserved_cost[lines].sum()), dict[int, list[int]]()
        open_sites = _open_sites(batch, shelves, order)
        useful = [w for w in open_sites if shelves.fitting(w, lines)]
        for count in range(1, min(3, int(batch.max_parcels[order]), len(lines)) + 1):
            for sites in combinations(useful, count):
                total, parcels = _cost(batch, shelves, order, lines, sites)
                if total < best - 1e-9:
                    best, chosen = total, parcels
        for w, taken in chosen.items():
            shelves.take(w, taken)
            site[taken] = w
    return site


def _open_sites(batch: Batch, shelves: _Shelves, order: int) -> list[int]:
    row: Floats = batch.parcel_cost[order]
    return [int(w) for w in np.argsort(row, kind="stable") if np.isfinite(row[w]) and shelves.room[w] != 0]


def _cost(
    batch: Batch, shelves: _Shelves, order: int, lines: Sequence[int], sites: Sequence[int]
) -> tuple[float, dict[int, list[int]]]:
    """What an order costs from some sites, and what each of them ships."""
    total, left, parcels = 0.0, list(lines), dict[int, list[int]]()
    for w in sites:
        fits = shelves.fitting(w, left)
        if not fits:
            continue
        parcels[w] = fits
        left = [line for line in left if line not in fits]
        whole = batch.whole_cost is not None and len(fits) == len(lines)
        price = batch.whole_cost if whole and batch.whole_cost is not None else batch.parcel_cost
        total += float(price[order, w])
        if batch.line_cost is not None:
            total += float(batch.line_cost[fits, w].sum())
    if left and batch.all_or_nothing[order]:
        return float("inf"), {}
    return total + float(batch.unserved_cost[left].sum()), parcels
