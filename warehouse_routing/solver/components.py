"""Which orders compete: those that may want the same scarce SKU at a site, or room at the same full site."""

import numpy as np

from warehouse_routing.batch import Ints
from warehouse_routing.solver.arrays import Arrays
from warehouse_routing.solver.kernel import compiled

LEAST_GROUP = 500
"""Components smaller than this are solved together, up to about this many orders at a time."""


@compiled
def root_of(parent: Ints, item: int) -> int:
    """The representative of an item's set, with the path to it halved on the way."""
    while parent[item] != item:
        parent[item] = parent[parent[item]]
        item = parent[item]
    return item


@compiled
def components(arrays: Arrays) -> Ints:
    """[N] a number for each order, the same for orders that compete directly or through others."""
    orders, sites = arrays.parcel_cost.shape
    demand = np.zeros(arrays.stock.shape, np.int64)
    callers = np.zeros(sites, np.int64)
    for order in range(orders):
        for w in range(sites):
            callers[w] += arrays.parcel_cost[order, w] < np.inf
    for part in range(len(arrays.part_sku)):
        order, sku = arrays.order_of[arrays.line_of[part]], arrays.part_sku[part]
        for w in range(sites):
            if arrays.parcel_cost[order, w] < np.inf and arrays.stock[sku, w] >= arrays.part_units[part]:
                demand[sku, w] += arrays.part_units[part]
    parent = np.arange(orders)
    first_at = np.full(sites, -1, np.int64)
    first_of = np.full(arrays.stock.shape[0], -1, np.int64)
    for order in range(orders):
        for w in range(sites):
            if arrays.parcel_cost[order, w] < np.inf and callers[w] > arrays.capacity[w]:
                if first_at[w] >= 0:
                    parent[root_of(parent, order)] = root_of(parent, first_at[w])
                first_at[w] = order
    for part in range(len(arrays.part_sku)):
        order, sku = arrays.order_of[arrays.line_of[part]], arrays.part_sku[part]
        scarce = False
        for w in range(sites):
            scarce = scarce or (
                arrays.parcel_cost[order, w] < np.inf
                and arrays.stock[sku, w] >= arrays.part_units[part]
                and demand[sku, w] > arrays.stock[sku, w]
            )
        if scarce:
            if first_of[sku] >= 0:
                parent[root_of(parent, order)] = root_of(parent, first_of[sku])
            first_of[sku] = order
    for order in range(orders):
        parent[order] = root_of(parent, order)
    return parent


def groups(arrays: Arrays) -> list[Ints]:
    """Groups of orders that do not compete: a large component alone, small ones together."""
    label = components(arrays)
    roots, member, sizes = np.unique(label, return_inverse=True, return_counts=True)
    large = sizes >= LEAST_GROUP
    answer = [np.flatnonzero(member == i) for i in np.flatnonzero(large)]
    small = np.flatnonzero(~large)
    if len(small):
        batch = np.full(len(roots), -1, np.int64)
        batch[small] = np.cumsum(sizes[small]) // LEAST_GROUP
        of_order = batch[member]
        sequence = np.argsort(of_order, kind="stable")
        sequence = sequence[of_order[sequence] >= 0]
        edges = np.flatnonzero(np.diff(of_order[sequence])) + 1
        answer += [np.sort(part) for part in np.split(sequence, edges)]
    return answer
