"""Small batches to the optimum: HiGHS chooses one plan per order among those that can be in a good answer.

A plan whose price exceeds the order's cheapest by more than `cost of the best known answer - bound` is in no
better answer (reduced-cost fixing). Where all others can be listed, the answer of the integer program is the
optimum and its bound is valid for the batch; where only the most promising are listed, it is a good answer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from warehouse_routing.batch import UNSERVED, Floats, Ints
from warehouse_routing.solver.arrays import IDLE, NO_LIMIT, Arrays
from warehouse_routing.solver.cheapest import EXACT_LINES, scratch_of
from warehouse_routing.solver.columns import list_plans
from warehouse_routing.solver.dual import Dual

PLANS = 60
"""The most plans per order that are listed."""

LONGEST = EXACT_LINES
WORTHWHILE = 1e-3
"""Share of the cost for which HiGHS goes on looking."""

TOLERANCE = 1e-6
"""Share by which a bound of HiGHS is lowered, for the tolerances it works with."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Plans that may be chosen.

    Attributes:
        order: [C] whose plan it is.
        site: [C, longest] each line's site, UNSERVED where nobody ships it.
        complete: Whether every plan that a better answer could have is among them.
    """

    order: Ints
    site: Ints
    complete: bool


def columns_of(arrays: Arrays, dual: Dual, site: Ints, gap: float, reach: float) -> Columns:
    """List each order's plans within `min(gap, reach)` of its cheapest, that of `site` and the empty one.

    Where an order has more than PLANS, the reach is shortened for it.
    """
    scratch, sites = scratch_of(arrays), len(arrays.capacity)
    found = np.empty((PLANS, arrays.longest), np.int64)
    orders, plans, complete = [], [], gap <= reach
    for order in range(len(dual.value)):
        first, last = arrays.line_start[order], arrays.line_start[order + 1]
        lines, near, count = last - first, min(gap, reach), 0
        if lines <= LONGEST:
            while True:
                count = list_plans(order, arrays, dual.stock_price, dual.site_price, near, scratch, found)
                if count <= PLANS:
                    break
                near, complete = near * 0.6, False
        else:
            complete = False
        rows = np.full((count + 2, arrays.longest), UNSERVED, np.int64)
        rows[:count, :lines] = np.where(found[:count, :lines] == sites, UNSERVED, found[:count, :lines])
        rows[count, :lines] = site[first:last]
        rows = np.unique(rows, axis=0)
        plans.append(rows)
        orders.append(np.full(len(rows), order))
    return Columns(np.concatenate(orders), np.concatenate(plans), complete)


@dataclass(frozen=True, slots=True)
class Program:
    """The integer program over columns, as triplets: at most `upper` in every row, exactly one per order."""

    cost: Floats
    row: Ints
    column: Ints
    coefficient: Floats
    upper: Floats


def program_of(arrays: Arrays, columns: Columns) -> Program:
    """Rows: one plan per order; stock by SKU, lot and site; room by site."""
    orders, sites = len(arrays.line_start) - 1, len(arrays.capacity)
    lots = arrays.supply.shape[1]
    count = len(columns.order)
    c, i = np.nonzero(columns.site != UNSERVED)
    line, w = arrays.line_start[columns.order[c]] + i, columns.site[c, i]
    lines = np.diff(arrays.line_start)[columns.order]
    inside = np.arange(columns.site.shape[1])[None, :] < lines[:, None]
    cost = np.zeros(count)
    lost_c, lost_i = np.nonzero(inside & (columns.site == UNSERVED))
    np.add.at(cost, lost_c, arrays.unserved_cost[arrays.line_start[columns.order[lost_c]] + lost_i])
    if len(arrays.line_cost):
        np.add.at(cost, c, arrays.line_cost[line, w])
    pairs = np.unique(c * sites + w)
    pair_c, pair_w = pairs // sites, pairs % sites
    np.add.at(cost, pair_c, arrays.parcel_cost[columns.order[pair_c], pair_w])
    if len(arrays.whole_cost):
        served = np.bincount(c, minlength=count)
        lone = (np.bincount(pair_c, minlength=count)[pair_c] == 1) & (served == lines)[pair_c]
        at = columns.order[pair_c[lone]], pair_w[lone]
        np.add.at(cost, pair_c[lone], arrays.whole_cost[at] - arrays.parcel_cost[at])
    keys, cols, values = [columns.order], [np.arange(count)], [np.ones(count)]
    sizes = arrays.part_start[line + 1] - arrays.part_start[line]
    ends = np.cumsum(sizes)
    part = np.arange(ends[-1] if len(ends) else 0) + np.repeat(arrays.part_start[line] - ends + sizes, sizes)
    part_c, part_w = np.repeat(c, sizes), np.repeat(w, sizes)
    sku, units = arrays.part_sku[part], arrays.part_units[part]
    for lot in range(lots):
        takes = (units > lot) & (arrays.supply[sku, lot, part_w] != IDLE)
        keys.append(orders + (sku[takes] * lots + lot) * sites + part_w[takes])
        cols.append(part_c[takes])
        values.append((units[takes] // (lot + 1)).astype(np.float64))
    limited = arrays.capacity[pair_w] < NO_LIMIT
    base = orders + arrays.supply.size
    keys.append(base + pair_w[limited])
    cols.append(pair_c[limited])
    values.append(np.ones(int(limited.sum())))
    supply = arrays.supply.reshape(-1)
    key, column, value = np.concatenate(keys), np.concatenate(cols), np.concatenate(values)
    names, row = np.unique(key, return_inverse=True)
    upper = np.ones(len(names))
    goods = (names >= orders) & (names < base)
    upper[goods] = supply[names[goods] - orders]
    upper[names >= base] = arrays.capacity[names[names >= base] - base]
    used = np.bincount(row, value) > upper  # rows that can't bind are left out
    used[:orders] = True
    number = np.cumsum(used) - 1
    kept = used[row]
    return Program(cost, number[row[kept]], column[kept], value[kept], upper[used])


def choose(arrays: Arrays, columns: Columns, site: Ints, nodes: int, seconds: float) -> tuple[Ints, float]:
    """The best choice of columns that HiGHS finds in `nodes` nodes, from `site` on, and a bound on it."""
    import highspy

    program = program_of(arrays, columns)
    order = np.lexsort((program.row, program.column))
    count, orders = len(columns.order), len(arrays.line_start) - 1
    # one entry per row and column: a plan may take a SKU in several lines
    key = program.column[order] * len(program.upper) + program.row[order]
    unique, where = np.unique(key, return_inverse=True)
    value = np.bincount(where, program.coefficient[order]).astype(np.float64)
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = count, len(program.upper)
    model.col_cost_, model.col_lower_, model.col_upper_ = program.cost, np.zeros(count), np.ones(count)
    lower = np.full(len(program.upper), -np.inf)
    lower[:orders] = 1.0
    model.row_lower_, model.row_upper_ = lower, program.upper
    starts = np.zeros(count + 1, np.int64)
    starts[1:] = np.cumsum(np.bincount(unique // len(program.upper), minlength=count))
    model.a_matrix_.start_ = starts.tolist()
    model.a_matrix_.index_ = (unique % len(program.upper)).tolist()
    model.a_matrix_.value_ = value
    model.integrality_ = [highspy.HighsVarType.kInteger] * count
    solver = highspy.Highs()  # type: ignore[no-untyped-call]
    for option, setting in (
        ("output_flag", False),
        ("threads", 1),
        ("mip_rel_gap", WORTHWHILE),
        ("mip_max_nodes", nodes),
        ("time_limit", seconds),
    ):
        solver.setOptionValue(option, setting)
    solver.passModel(model)
    given = highspy.HighsSolution()
    given.col_value = [float(x) for x in _chosen_by(arrays, columns, site)]
    solver.setSolution(given)
    solver.run()
    chosen = np.array(solver.getSolution().col_value)
    bound = solver.getInfo().mip_dual_bound
    return _sites_of(arrays, columns, chosen, site), bound - TOLERANCE * abs(bound)


def _chosen_by(arrays: Arrays, columns: Columns, site: Ints) -> NDArray[np.bool_]:
    lines = np.diff(arrays.line_start)[columns.order]
    at = np.arange(columns.site.shape[1])[None, :]
    line = np.minimum(arrays.line_start[columns.order][:, None] + at, len(site) - 1)
    same: NDArray[np.bool_] = ((columns.site == site[line]) | (at >= lines[:, None])).all(axis=1)
    return same


def _sites_of(arrays: Arrays, columns: Columns, chosen: Floats, site: Ints) -> Ints:
    answer = site.copy()
    if len(chosen) != len(columns.order):
        return answer
    for column in np.flatnonzero(chosen > 0.5):
        first, last = arrays.line_start[columns.order[column] : columns.order[column] + 2]
        answer[first:last] = columns.site[column, : last - first]
    return answer
