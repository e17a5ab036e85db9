"""A batch as the compiled loops read it: checked, contiguous, SKU by SKU; and the state of a plan."""

from typing import NamedTuple

import numpy as np

from warehouse_routing.batch import UNSERVED, Batch, Flags, Floats, Ints


class Arrays(NamedTuple):
    """The batch of `warehouse_routing.batch`, with stock and prices as [K, W].

    `whole_cost` and `line_cost` have no rows where there is no such price; `capacity` is a number so large
    that it never binds where there is no limit.

    `supply` [K, U, W] has the full lots of 1, 2.. U units in stock. A line of `q` units takes at least
    `floor(q / u)` lots of `u`, so the lots taken are at most those there are (Chvatal-Gomory rounding of the
    stock row). Where lots of 2 or more say nothing that units don't, `supply` is IDLE.
    """

    line_start: Ints
    part_start: Ints
    part_sku: Ints
    part_units: Ints
    order_of: Ints
    line_of: Ints
    parcel_cost: Floats
    whole_cost: Floats
    line_cost: Floats
    unserved_cost: Floats
    stock: Ints
    supply: Ints
    capacity: Ints
    max_parcels: Ints
    all_or_nothing: Flags
    longest: int


class Plan(NamedTuple):
    """Where each line ships from, and what that leaves.

    Attributes:
        site: [L] index of the site, or UNSERVED.
        left: [K, W] units left; below 0 only in the middle of a move.
        room: [W] parcels left.
        head: [K, W] first part in the ring of the parts that take a SKU at a site, -1 for none.
        after: [P] the next part in that ring.
        before: [P] the one before it; that of the first is the last.
    """

    site: Ints
    left: Ints
    room: Ints
    head: Ints
    after: Ints
    before: Ints


NO_LIMIT = 1 << 40

LOTS = 4
"""The largest lot that has a price of its own."""

IDLE = -1


def arrays_of(batch: Batch) -> Arrays:
    """Check a batch and lay it out for the loops.

    Raises:
        ValueError: A shape does not fit, or a figure is negative or not a number; the message names it.
    """
    orders, lines = len(batch.line_start) - 1, len(batch.part_start) - 1
    sites, skus = batch.stock.shape
    _check(batch, orders, lines, sites, skus)
    empty = np.empty((0, sites))
    parts_per_line = np.diff(batch.part_start)
    lines_per_order = np.diff(batch.line_start)
    stock = _ints(batch.stock.T)
    return Arrays(
        line_start=_ints(batch.line_start),
        part_start=_ints(batch.part_start),
        part_sku=_ints(batch.part_sku),
        part_units=_ints(batch.part_units),
        order_of=np.repeat(np.arange(orders), lines_per_order),
        line_of=np.repeat(np.arange(lines), parts_per_line),
        parcel_cost=_floats(batch.parcel_cost),
        whole_cost=empty if batch.whole_cost is None else _floats(batch.whole_cost),
        line_cost=empty if batch.line_cost is None else _floats(batch.line_cost),
        unserved_cost=_floats(batch.unserved_cost),
        stock=stock,
        supply=full_lots(stock, int(batch.part_units.max(initial=1))),
        capacity=_ints(np.where(batch.capacity < 0, NO_LIMIT, batch.capacity)),
        max_parcels=_ints(batch.max_parcels),
        all_or_nothing=np.ascontiguousarray(batch.all_or_nothing, np.bool_),
        longest=int(lines_per_order.max(initial=1)),
    )


def full_lots(stock: Ints, most: int) -> Ints:
    """The full lots of 1, 2.. `most` units in stock [K, U, W], LOTS at most; IDLE where they say nothing."""
    supply = np.empty((stock.shape[0], min(LOTS, most), stock.shape[1]), np.int64)
    supply[:, 0] = stock
    for lot in range(2, supply.shape[1] + 1):
        supply[:, lot - 1] = np.where(stock % lot, stock // lot, IDLE)
    return supply


def empty_plan(arrays: Arrays) -> Plan:
    """The plan that serves nobody."""
    parts = len(arrays.part_sku)
    return Plan(
        site=np.full(len(arrays.unserved_cost), UNSERVED, np.int64),
        left=arrays.stock.copy(),
        room=arrays.capacity.copy(),
        head=np.full(arrays.stock.shape, -1, np.int64),
        after=np.full(parts, -1, np.int64),
        before=np.full(parts, -1, np.int64),
    )


def _ints(values: Ints) -> Ints:
    return np.ascontiguousarray(values, np.int64)


def _floats(values: Floats) -> Floats:
    return np.ascontiguousarray(values, np.float64)


def _check(batch: Batch, orders: int, lines: int, sites: int, skus: int) -> None:
    shapes = {
        "part_units": (batch.part_units, batch.part_sku.shape),
        "parcel_cost": (batch.parcel_cost, (orders, sites)),
        "unserved_cost": (batch.unserved_cost, (lines,)),
        "capacity": (batch.capacity, (sites,)),
        "max_parcels": (batch.max_parcels, (orders,)),
        "all_or_nothing": (batch.all_or_nothing, (orders,)),
        "whole_cost": (batch.whole_cost, (orders, sites)),
        "line_cost": (batch.line_cost, (lines, sites)),
    }
    for name, (values, shape) in shapes.items():
        if values is not None and values.shape != shape:
            raise ValueError(f"{name} has the shape {values.shape}, not {shape}")
    for name, starts, end in (
        ("line_start", batch.line_start, lines),
        ("part_start", batch.part_start, len(batch.part_sku)),
    ):
        if starts[0] != 0 or starts[-1] != end or (np.diff(starts) < 0).any():
            raise ValueError(f"{name} must rise from 0 to {end}")
    if len(batch.part_sku) and not (batch.part_sku.min() >= 0 and batch.part_sku.max() < skus):
        raise ValueError(f"part_sku must lie in 0..{skus - 1}")
    if (batch.part_units < 1).any() or (batch.max_parcels < 1).any() or (batch.stock < 0).any():
        raise ValueError("part_units and max_parcels must be at least 1, stock at least 0")
    for name in ("parcel_cost", "whole_cost", "line_cost", "unserved_cost"):
        values = getattr(batch, name)
        if values is not None and not (values >= 0).all():
            raise ValueError(f"{name} must be a number of at least 0 everywhere")
    if not np.isfinite(batch.unserved_cost).all():
        raise ValueError("unserved_cost must be finite: any line may have to wait")
