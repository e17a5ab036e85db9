"""From orders with their measure to the arrays that the solver takes."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

import numpy as np

from warehouse_routing.batch import Batch, Floats
from warehouse_routing.landscape import OPEN
from warehouse_routing.objective import Measure, Portion
from warehouse_routing.one_order import Costs


def costs_of(measure: Measure, n: int) -> Costs:
    """Estimates for one order that are never above the truth, the price of splits left out."""
    land = measure.land
    late_price = land.orders[n].rules.prices.late or 0
    least = np.full(len(land.sites), np.inf)
    per_kg = np.full(len(land.sites), np.inf)
    for s, way in enumerate(land.ways):
        usable = land.usable[s, n]
        least = np.minimum(least, np.where(usable, way.least[n] + late_price * land.late[s, n], np.inf))
        per_kg = np.minimum(per_kg, np.where(usable, way.per_kg[n], np.inf))
    per_kg[~np.isfinite(per_kg)] = 0.0
    money = float(measure.money[n])
    handling_unit = np.array([float(site.handling_unit) for site in land.sites])
    handling = np.array([float(site.handling_parcel) for site in land.sites])
    parcel = np.where(land.shut[n] == OPEN, measure.per_parcel[n] + money * (least + handling), np.inf)
    lines = []
    for portion in measure.portions[n]:
        picked = sum(units for _, units in portion.parts)
        cost = measure.per_unit[n] * portion.units
        cost = cost + money * (handling_unit * picked + per_kg * (portion.grams / 1000))
        allowed = [measure.may_ship(n, w, portion) for w in range(len(land.sites))]
        lines.append(np.where(allowed, cost, np.inf).tolist())
    return Costs(lines, parcel.tolist())


def undivided(measure: Measure) -> Measure:
    """The same, where no line is divided."""
    whole = (
        tuple(_joined(tuple(group)) for _, group in groupby(portions, attrgetter("line")))
        for portions in measure.portions
    )
    return replace(measure, portions=tuple(whole))


def batch_of(
    measure: Measure,
    rows: Sequence[int],
    costs: Sequence[Costs],
    units: Sequence[Sequence[int]],
    room: Sequence[int],
    scale: float = 1.0,
) -> Batch:
    """The batch of some orders.

    A further parcel's price is spread over two parcels, so that the sum of an order in several parcels is
    never above the truth; the price of one parcel with everything is exact.

    Args:
        measure: Of all orders.
        rows: Which orders, with their estimates in `costs`.
        costs: As `costs_of` makes them.
        units: [K][W] units that may be promised.
        room: [W] parcels that may be planned; -1 for no limit.
        scale: What all prices are multiplied by.
    """
    width = len(measure.land.sites)
    every = [(n, portion) for n in rows for portion in measure.portions[n]]
    line_cost = np.array([one for each in costs for one in each.line], float).reshape(len(every), width)
    split = np.array([float(measure.money[n]) * measure.land.orders[n].rules.prices.split / 2 for n in rows])
    parcel_cost = np.array([each.parcel for each in costs], float).reshape(len(rows), width)
    starts = np.concatenate([[0], np.cumsum([len(measure.portions[n]) for n in rows])]).astype(np.int64)
    parts = np.concatenate([[0], np.cumsum([len(portion.parts) for _, portion in every])]).astype(np.int64)
    return Batch(
        line_start=starts,
        part_start=parts,
        part_sku=np.array([k for _, one in every for k, _ in one.parts], np.int64),
        part_units=np.array([taken for _, one in every for _, taken in one.parts], np.int64),
        parcel_cost=(parcel_cost + split[:, None]) * scale,
        unserved_cost=np.array([measure.waiting[n] * one.units * scale for n, one in every]),
        stock=np.maximum(0, np.array(units, np.int64).reshape(len(measure.skus), width).T).copy(),
        capacity=np.array(room, np.int64),
        max_parcels=np.array([measure.most[n] for n in rows], np.int64),
        all_or_nothing=np.array([measure.all_or_nothing[n] for n in rows], bool),
        whole_cost=_whole_costs(measure, rows, line_cost, starts.tolist()) * scale,
        line_cost=line_cost * scale,
    )


def _joined(portions: Sequence[Portion]) -> Portion:
    """All portions of a line as one; they want the same SKUs."""
    skus = [k for k, _ in portions[0].parts]
    units = [
        sum(taken) for taken in zip(*([count for _, count in one.parts] for one in portions), strict=True)
    ]
    return Portion(
        portions[0].line,
        sum(one.units for one in portions),
        tuple(zip(skus, units, strict=True)),
        sum(one.grams for one in portions),
    )


def _whole_costs(measure: Measure, rows: Sequence[int], line_cost: Floats, starts: Sequence[int]) -> Floats:
    """[N, W] what one parcel with everything comes to exactly, lines' own prices left out."""
    whole = np.full((len(rows), len(measure.land.sites)), np.inf)
    for at, n in enumerate(rows):
        lines = line_cost[starts[at] : starts[at + 1]].sum(axis=0)
        for w in np.flatnonzero(np.isfinite(lines) & (measure.land.shut[n] == OPEN)):
            total, _, _ = measure.parcel(n, int(w), measure.portions[n])
            whole[at, w] = max(0.0, total - lines[w])
    return whole
