"""Some orders of a batch as a batch of its own."""

import numpy as np

from warehouse_routing.batch import Ints
from warehouse_routing.solver.arrays import Arrays, Plan, full_lots


def gather(start: Ints, items: Ints) -> tuple[Ints, Ints]:
    """Starts and members of the groups `items` of the groups that `start` delimits."""
    sizes = start[items + 1] - start[items]
    starts = np.zeros(len(items) + 1, np.int64)
    np.cumsum(sizes, out=starts[1:])
    return starts, np.arange(starts[-1]) + np.repeat(start[items] - starts[:-1], sizes)


def orders_of(arrays: Arrays, orders: Ints) -> tuple[Arrays, Ints]:
    """The batch of `orders` with all stock and room, and which lines of `arrays` its lines are."""
    line_start, lines = gather(arrays.line_start, orders)
    part_start, parts = gather(arrays.part_start, lines)
    return arrays._replace(
        line_start=line_start,
        part_start=part_start,
        part_sku=arrays.part_sku[parts],
        part_units=arrays.part_units[parts],
        order_of=np.repeat(np.arange(len(orders)), np.diff(line_start)),
        line_of=np.repeat(np.arange(len(lines)), np.diff(part_start)),
        parcel_cost=arrays.parcel_cost[orders],
        whole_cost=arrays.whole_cost[orders] if len(arrays.whole_cost) else arrays.whole_cost,
        line_cost=arrays.line_cost[lines] if len(arrays.line_cost) else arrays.line_cost,
        unserved_cost=arrays.unserved_cost[lines],
        max_parcels=arrays.max_parcels[orders],
        all_or_nothing=arrays.all_or_nothing[orders],
        longest=int(np.diff(line_start).max(initial=1)),
    ), lines


def remaining(arrays: Arrays, plan: Plan, orders: Ints) -> Arrays:
    """The batch of `orders`, none of which is in `plan`, with what the plan leaves."""
    rest, _ = orders_of(arrays, orders)
    return rest._replace(
        stock=plan.left.copy(),
        supply=full_lots(plan.left, arrays.supply.shape[1]),
        capacity=plan.room.copy(),
    )


def apart(arrays: Arrays, orders: Ints) -> tuple[Arrays, Ints, Ints]:
    """The batch of `orders`, which compete with no others, with the SKUs that they want only.

    Also which lines and SKUs of `arrays` its lines and SKUs are.
    """
    alone, lines = orders_of(arrays, orders)
    skus, part_sku = np.unique(alone.part_sku, return_inverse=True)
    return (
        alone._replace(
            part_sku=part_sku.astype(np.int64), stock=arrays.stock[skus], supply=arrays.supply[skus]
        ),
        lines,
        skus,
    )
