"""The plans of an order whose price is within reach of its cheapest: the columns of the exact problem."""

import numpy as np

from warehouse_routing.batch import Floats, Ints
from warehouse_routing.solver.arrays import Arrays
from warehouse_routing.solver.cheapest import Scratch, cheapest
from warehouse_routing.solver.kernel import compiled


@compiled
def list_plans(
    order: int,
    arrays: Arrays,
    stock_price: Floats,
    site_price: Floats,
    reach: float,
    scratch: Scratch,
    found: Ints,
) -> int:
    """List all plans of an order that cost at most `reach` more than its cheapest at these prices.

    Writes each line's site to a row of `found` (W for unserved) and returns how many plans there are, which
    may be more than `found` has rows. Depth first over the lines, cut where the rest can't be cheap enough.
    """
    value = cheapest(
        order, arrays, arrays.stock, arrays.capacity, stock_price, site_price, False, True, scratch
    )
    price, parcel_price, whole_price = scratch.price, scratch.parcel_price, scratch.whole_price
    first = arrays.line_start[order]
    lines = arrays.line_start[order + 1] - first
    sites = len(site_price)
    if lines == 0:
        return 0
    most = arrays.max_parcels[order]
    rest = np.zeros(lines + 1)
    for line in range(lines - 1, -1, -1):
        least = arrays.unserved_cost[first + line]
        for w in range(sites):
            least = min(least, price[line, w])
        rest[line] = rest[line + 1] + least
    limit = value + reach
    at, total = np.full(lines, -1, np.int64), np.zeros(lines + 1)
    parcels, uses = np.zeros(lines + 1, np.int64), np.zeros(sites + 1, np.int64)
    line, count = 0, 0
    while line >= 0:
        if at[line] >= 0:
            uses[at[line]] -= 1
        at[line] += 1
        w = at[line]
        if w > sites:
            at[line] = -1
            line -= 1
            continue
        uses[w] += 1
        parcels[line + 1] = parcels[line]
        if w == sites:
            total[line + 1] = total[line] + arrays.unserved_cost[first + line]
        else:
            total[line + 1] = total[line] + price[line, w]
            if uses[w] == 1:
                parcels[line + 1] += 1
                total[line + 1] += parcel_price[w]
        if total[line + 1] + rest[line + 1] > limit or parcels[line + 1] > most:
            continue
        if line < lines - 1:
            line += 1
            continue
        if arrays.all_or_nothing[order] and 0 < uses[sites] < lines:
            continue
        if w < sites and uses[w] == lines and total[lines] + whole_price[w] - parcel_price[w] > limit:
            continue
        if count < found.shape[0]:
            for i in range(lines):
                found[count, i] = at[i]
        count += 1
    return count
