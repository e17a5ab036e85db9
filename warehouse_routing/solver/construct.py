"""A first plan, order by order, each by its cheapest way at the going prices with what is left."""

import numpy as np

from warehouse_routing.batch import UNSERVED, Floats, Ints
from warehouse_routing.solver.arrays import Arrays, Plan
from warehouse_routing.solver.cheapest import Scratch, cheapest
from warehouse_routing.solver.kernel import compiled
from warehouse_routing.solver.moves import cost_of, fits, opens_parcel, put_in, take_out


@compiled
def drop_excess(order: int, arrays: Arrays, plan: Plan) -> None:
    """Leave lines of an order in the plan unserved, the last first, until it takes no more than there is."""
    first, line = arrays.line_start[order], arrays.line_start[order + 1] - 1
    while not fits(order, arrays, plan):
        take_out(order, arrays, plan)
        plan.site[line] = UNSERVED
        if arrays.all_or_nothing[order]:
            plan.site[first : arrays.line_start[order + 1]] = UNSERVED
        put_in(order, arrays, plan)
        line -= 1


@compiled
def construct(
    sequence: Ints,
    arrays: Arrays,
    plan: Plan,
    stock_price: Floats,
    site_price: Floats,
    priced: bool,
    scratch: Scratch,
) -> None:
    """Put in the orders of `sequence`, none of which is in the plan yet.

    With `priced` an order pays for what it takes, so that it leaves scarce goods to those who need them more.
    """
    for order in sequence:
        cheapest(order, arrays, plan.left, plan.room, stock_price, site_price, True, priced, scratch)
        first, last = arrays.line_start[order], arrays.line_start[order + 1]
        for line in range(first, last):
            plan.site[line] = scratch.chosen[line - first]
        put_in(order, arrays, plan)
        drop_excess(order, arrays, plan)  # one SKU in several lines: each alone fits, together not


@compiled
def costs(arrays: Arrays, plan: Plan, cost: Floats) -> None:
    """Fill in what each order costs."""
    for order in range(len(cost)):
        cost[order] = cost_of(order, arrays, plan)


@compiled
def replay(arrays: Arrays, plan: Plan) -> None:
    """Put in the orders where `plan.site` of an otherwise empty plan has them; drop what is not feasible."""
    for order in range(len(arrays.line_start) - 1):
        first, last = arrays.line_start[order], arrays.line_start[order + 1]
        parcels, served, lone = 0, 0, UNSERVED
        for line in range(first, last):
            w = plan.site[line]
            if w == UNSERVED:
                continue
            opens = opens_parcel(order, line, arrays, plan)
            if (
                not arrays.parcel_cost[order, w] < np.inf
                or (arrays.line_cost.shape[0] > 0 and not arrays.line_cost[line, w] < np.inf)
                or (opens and parcels == arrays.max_parcels[order])
            ):
                plan.site[line] = UNSERVED
                continue
            parcels += opens
            served += 1
            lone = w
        barred = (
            parcels == 1
            and served == last - first
            and arrays.whole_cost.shape[0] > 0
            and not arrays.whole_cost[order, lone] < np.inf
        )
        if barred or (arrays.all_or_nothing[order] and served < last - first):
            plan.site[first:last] = UNSERVED
        put_in(order, arrays, plan)
        drop_excess(order, arrays, plan)
