"""What the solver is measured against: other routers' rule, the LP bound, HiGHS on the full problem."""

import time
from typing import Any

import numpy as np

from warehouse_routing.batch import UNSERVED, Batch, Ints


def nearest_first(batch: Batch) -> Ints:
    """Each order from the nearest site that holds it all, else outward, every line that fits at each site."""
    left, room = batch.stock.copy(), np.where(batch.capacity < 0, np.iinfo(np.int64).max, batch.capacity)
    site = np.full(len(batch.part_start) - 1, UNSERVED, np.int64)
    for order, ranking in enumerate(batch.parcel_cost.argsort(axis=1)):
        lines = np.arange(batch.line_start[order], batch.line_start[order + 1])
        sku, units = batch.part_sku[lines], batch.part_units[lines]
        ranking = ranking[room[ranking] > 0]
        whole = ranking[(left[ranking][:, sku] >= units).all(axis=1)]
        parcels = 0
        for w in whole[:1] if len(whole) else ranking:
            fits = (site[lines] == UNSERVED) & (left[w, sku] >= units)
            if parcels == batch.max_parcels[order] or not fits.any():
                continue
            parcels += 1
            room[w] -= 1
            left[w, sku[fits]] -= units[fits]
            site[lines[fits]] = w
    return site


def cost_of(batch: Batch, site: Ints) -> float:
    """What an answer costs, for batches with parcel prices only."""
    order = np.repeat(np.arange(len(batch.line_start) - 1), np.diff(batch.line_start))
    served = site != UNSERVED
    pairs = np.unique(order[served] * len(batch.capacity) + site[served])
    return float(batch.parcel_cost.reshape(-1)[pairs].sum() + batch.unserved_cost[~served].sum())


def highs(batch: Batch, *, integral: bool, seconds: float, gap: float = 1e-3) -> dict[str, float]:
    """Solve the textbook formulation with HiGHS: a variable per line and site, parcel, line that waits.

    Returns the objective, the bound on it, and wall and processor seconds.
    """
    import highspy

    sites, lines = len(batch.capacity), len(batch.part_start) - 1
    orders = len(batch.line_start) - 1
    order = np.repeat(np.arange(orders), np.diff(batch.line_start))
    line, w = np.nonzero((batch.stock[:, batch.part_sku] >= batch.part_units).T)
    pair, y = np.unique(order[line] * sites + w, return_inverse=True)
    goods, cell = np.unique(batch.part_sku[line] * sites + w, return_inverse=True)
    x_count, y_count = len(line), len(pair)
    columns = x_count + y_count + lines
    ones, x = np.ones(x_count), np.arange(x_count)
    blocks: list[tuple[Any, Any, Any, Any, Any]] = []  # row, column, coefficient, lower, upper
    wait = x_count + y_count + np.arange(lines)
    blocks.append(
        (
            np.concatenate([line, np.arange(lines)]),
            np.concatenate([x, wait]),
            np.ones(x_count + lines),
            np.ones(lines),
            np.ones(lines),
        )
    )
    blocks.append(
        (
            np.tile(x, 2),
            np.concatenate([x, x_count + y]),
            np.concatenate([ones, -ones]),
            np.full(x_count, -np.inf),
            np.zeros(x_count),
        )
    )
    stock = batch.stock[goods % sites, goods // sites].astype(float)
    blocks.append((cell, x, batch.part_units[line].astype(float), np.full(len(goods), -np.inf), stock))
    parcels = x_count + np.arange(y_count)
    room = np.where(batch.capacity < 0, np.inf, batch.capacity.astype(float))
    blocks.append((pair % sites, parcels, np.ones(y_count), np.full(sites, -np.inf), room))
    most = batch.max_parcels.astype(float)
    blocks.append((pair // sites, parcels, np.ones(y_count), np.full(orders, -np.inf), most))
    offsets = np.cumsum([0] + [len(block[3]) for block in blocks])
    rows = np.concatenate([block[0] + offset for block, offset in zip(blocks, offsets, strict=False)])
    cols = np.concatenate([block[1] for block in blocks])
    values = np.concatenate([block[2] for block in blocks])
    by_column = np.lexsort((rows, cols))
    starts = np.zeros(columns + 1, np.int64)
    starts[1:] = np.cumsum(np.bincount(cols, minlength=columns))
    model = highspy.HighsLp()
    model.num_col_, model.num_row_ = columns, int(offsets[-1])
    model.col_cost_ = np.concatenate(
        [np.zeros(x_count), batch.parcel_cost.reshape(-1)[pair], batch.unserved_cost]
    )
    model.col_lower_, model.col_upper_ = np.zeros(columns), np.ones(columns)
    model.row_lower_ = np.concatenate([block[3] for block in blocks])
    model.row_upper_ = np.concatenate([block[4] for block in blocks])
    model.a_matrix_.start_ = starts
    model.a_matrix_.index_, model.a_matrix_.value_ = rows[by_column], values[by_column]
    if integral:
        model.integrality_ = [highspy.HighsVarType.kInteger] * columns
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("mip_rel_gap", gap)
    solver.setOptionValue("time_limit", float(seconds))
    solver.passModel(model)
    wall, processor = time.monotonic(), time.process_time()
    solver.run()
    info = solver.getInfo()
    solved = solver.getModelStatus() == highspy.HighsModelStatus.kOptimal
    bound = info.mip_dual_bound if integral else (info.objective_function_value if solved else 0.0)
    return {
        "objective": round(info.objective_function_value, 2),
        "bound": round(bound, 2),
        "seconds": round(time.monotonic() - wall, 2),
        "cpu_seconds": round(time.process_time() - processor, 2),
    }
