"""The cheapest way to serve one order under given prices: the subproblem of the relaxation.

An order's plan splits its lines into at most `max_parcels` sets, one site each, and leaves the rest
unserved. With `f_1(M) = min over sites of parcel price + the lines' prices there` and
`f_j(M) = min over S in M of f_1(S) + f_(j-1)(M - S)`, the best plan is the least
`f_j(M) + price of leaving the rest`; this is exact and takes W 2^L + j 3^L steps for L lines and W sites,
so the number of sites hardly matters. Orders of more than `EXACT_LINES` lines go to `long_order`.
"""

from typing import NamedTuple

import numpy as np

from warehouse_routing.batch import UNSERVED, Floats, Ints
from warehouse_routing.solver.arrays import Arrays
from warehouse_routing.solver.kernel import compiled
from warehouse_routing.solver.long_order import long_order

EXACT_LINES = 7


class Scratch(NamedTuple):
    """Room for the subproblem of one order to work in; one per thread."""

    price: Floats
    parcel_price: Floats
    whole_price: Floats
    best: Floats
    best_of: Ints
    single_site: Ints
    sums: Floats
    chosen: Ints


def scratch_of(arrays: Arrays) -> Scratch:
    """Room for the longest order of a batch."""
    sites = arrays.stock.shape[1]
    size = min(arrays.longest, EXACT_LINES)
    return Scratch(
        price=np.empty((arrays.longest, sites)),
        parcel_price=np.empty(sites),
        whole_price=np.empty(sites),
        best=np.empty((size, 1 << size)),
        best_of=np.zeros((size, 1 << size), np.int64),
        single_site=np.empty(1 << size, np.int64),
        sums=np.empty(1 << size),
        chosen=np.empty(arrays.longest, np.int64),
    )


@compiled
def exact_order(lines: int, parcels: int, whole_only: bool, unserved: Floats, scratch: Scratch) -> float:
    """Solve one order of at most EXACT_LINES lines at the prices in `scratch`."""
    price, parcel_price, whole_price = scratch.price, scratch.parcel_price, scratch.whole_price
    best, best_of, single_site = scratch.best, scratch.best_of, scratch.single_site
    sums, chosen = scratch.sums, scratch.chosen
    masks = 1 << lines
    full = masks - 1
    for mask in range(masks):
        best[0, mask] = np.inf
        single_site[mask] = -1
    for w in range(parcel_price.shape[0]):
        if parcel_price[w] == np.inf:
            continue
        sums[0] = parcel_price[w]
        for line in range(lines):
            bit = 1 << line
            add = price[line, w]
            for mask in range(bit):
                sums[bit + mask] = sums[mask] + add
        sums[full] += whole_price[w] - parcel_price[w]
        for mask in range(1, masks):
            if sums[mask] < best[0, mask]:
                best[0, mask] = sums[mask]
                single_site[mask] = w
    levels = min(parcels, lines)
    for level in range(1, levels):
        for mask in range(1, masks):
            least, split = best[level - 1, mask], 0
            low = mask & -mask
            rest = mask ^ low
            part = rest
            while part > 0:  # `part` is what the other parcels carry; the lowest line is in this one
                value = best[0, mask ^ part] + best[level - 1, part]
                if value < least:
                    least, split = value, part
                part = (part - 1) & rest
            best[level, mask] = least
            best_of[level, mask] = split
    top = levels - 1
    answer, served = 0.0, 0
    for line in range(lines):
        chosen[line] = UNSERVED
        answer += unserved[line]
    for mask in range(1, masks):
        if whole_only and mask != full:
            continue
        value = best[top, mask]
        if value >= answer:
            continue
        for line in range(lines):
            if not mask >> line & 1:
                value += unserved[line]
        if value < answer:
            answer, served = value, mask
    level, mask = top, served
    while mask > 0:
        split = 0
        while level > 0:
            split = best_of[level, mask]
            if split != 0:
                break
            level -= 1
        here = mask ^ split
        for line in range(lines):
            if here >> line & 1:
                chosen[line] = single_site[here]
        mask = split
        level -= 1
    return answer


@compiled
def cheapest(
    order: int,
    arrays: Arrays,
    left: Ints,
    room: Ints,
    stock_price: Floats,
    site_price: Floats,
    hard: bool,
    always: bool,
    scratch: Scratch,
) -> float:
    """The price of an order's cheapest plan; the sites of its lines are left in `scratch.chosen`.

    Args:
        order: Its index.
        arrays: The batch.
        left: [K, W] units left.
        room: [W] parcels left.
        stock_price: [K, U, W] price of a unit, and of each full lot of 2, 3.. units (see `Arrays.supply`).
        site_price: [W] price of room for a parcel.
        hard: Whether only what is left may be taken; if not, all stock may, as if others gave way.
        always: Whether every unit has its price; if not, only units that others would have to give up.
        scratch: Room to work in.
    """
    first, last = arrays.line_start[order], arrays.line_start[order + 1]
    lines = last - first
    if lines == 0:
        return 0.0
    price, parcel_price, whole_price = scratch.price, scratch.parcel_price, scratch.whole_price
    sites = parcel_price.shape[0]
    for line in range(first, last):
        row = line - first
        for w in range(sites):
            price[row, w] = 0.0
        if arrays.line_cost.shape[0] > 0:
            for w in range(sites):
                price[row, w] = arrays.line_cost[line, w]
        for part in range(arrays.part_start[line], arrays.part_start[line + 1]):
            sku, units = arrays.part_sku[part], arrays.part_units[part]
            for w in range(sites):
                if (left[sku, w] if hard else arrays.stock[sku, w]) < units:
                    price[row, w] = np.inf
                elif always or left[sku, w] < units:
                    price[row, w] += units * stock_price[sku, 0, w]
            for lot in range(1, min(units, stock_price.shape[1])):
                count = units // (lot + 1)
                for w in range(sites):
                    if always or left[sku, w] < units:
                        price[row, w] += count * stock_price[sku, lot, w]
    for w in range(sites):
        parcel_price[w] = arrays.parcel_cost[order, w]
        if (room[w] if hard else arrays.capacity[w]) < 1:
            parcel_price[w] = np.inf
        elif always or room[w] < 1:
            parcel_price[w] += site_price[w]
        whole_price[w] = parcel_price[w]
        if arrays.whole_cost.shape[0] > 0 and parcel_price[w] < np.inf:
            whole_price[w] += arrays.whole_cost[order, w] - arrays.parcel_cost[order, w]
    parcels, whole_only = arrays.max_parcels[order], arrays.all_or_nothing[order]
    unserved = arrays.unserved_cost[first:last]
    if lines > EXACT_LINES:
        return long_order(
            lines, parcels, whole_only, unserved, parcel_price, whole_price, price, scratch.chosen
        )
    return exact_order(lines, parcels, whole_only, unserved, scratch)


@compiled
def price_orders(
    low: int,
    high: int,
    arrays: Arrays,
    stock_price: Floats,
    site_price: Floats,
    scratch: Scratch,
    site: Ints,
    value: Floats,
) -> None:
    """Solve the orders `low` to `high`-1 at the given prices: each line's `site`, each order's `value`."""
    for order in range(low, high):
        value[order] = cheapest(
            order, arrays, arrays.stock, arrays.capacity, stock_price, site_price, False, True, scratch
        )
        first = arrays.line_start[order]
        for line in range(first, arrays.line_start[order + 1]):
            site[line] = scratch.chosen[line - first]
