"""Plain tables of orders, stock and sites as a batch, and the answer as a table.

The tables are those of the routing benchmark's folder: `warehouses.csv` (warehouse_id, latitude, longitude,
parcel_capacity), `stock.csv` (warehouse_id, sku, available), `orders.csv` (order_id, latitude, longitude),
`order_lines.csv` (order_id, line_id, sku, quantity) and `costs.json`. A parcel costs
`parcel_cost + cost_per_km x great-circle km`, a unit that nobody ships `backorder_cost_per_unit`.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from warehouse_routing.batch import UNSERVED, Batch, Floats, Ints, Solution
from warehouse_routing.solver import Progress, solve

if TYPE_CHECKING:
    import pandas as pd

EARTH_RADIUS_KM = 6371.0088
"""Mean radius of the earth (IUGG)."""

COLUMNS = {
    "warehouses": ("warehouse_id", "latitude", "longitude", "parcel_capacity"),
    "stock": ("warehouse_id", "sku", "available"),
    "orders": ("order_id", "latitude", "longitude"),
    "order_lines": ("order_id", "line_id", "sku", "quantity"),
}
LARGEST = 10**12
"""The largest quantity, limit or cost that is taken: sums of such figures stay exact enough."""

COSTS = ("parcel_cost", "cost_per_km", "backorder_cost_per_unit", "max_parcels_per_order")
POLICIES = ("cheapest", "nearest", "fewest_parcels")
"""What a plan may be best at: its cost; its parcels' kilometres; the number of its parcels, then its cost.
Under each, a unit that nobody ships costs far more than any parcel."""

OTHER_POLICIES = ("fastest", "ranked_sites", "stay_in_market")


class InstanceError(ValueError):
    """A table can't be routed; the message names table, row and remedy."""


@dataclass(frozen=True, slots=True)
class Instance:
    """Tables as a batch at true costs, and what its indices stand for.

    `line_order` [L] and `line_id` [L] name the batch's lines, `warehouse` [W] its sites, `kilometres` [N, W]
    the distances.
    """

    batch: Batch
    line_order: NDArray[Any]
    line_id: NDArray[Any]
    warehouse: NDArray[Any]
    kilometres: Floats


@dataclass(frozen=True, slots=True)
class Routed:
    """An answer: the lines' rows, and the figures of it by the tables' own costs.

    Attributes:
        allocation: order_id, line_id, warehouse_id, quantity; one row for each line that is served.
        cost: What the answer costs.
        lower_bound: No answer to the same tables costs less, whatever the policy.
        parcels: Pairs of order and warehouse.
        units_backordered: Units that nobody ships.
        solution: The solver's own account.
    """

    allocation: "pd.DataFrame"
    cost: float
    lower_bound: float
    parcels: int
    units_backordered: int
    solution: Solution


def route_frames(
    tables: Mapping[str, "pd.DataFrame"],
    costs: Mapping[str, float],
    *,
    policy: str = "cheapest",
    time_limit: float | None = None,
    seed: int = 0,
) -> Routed:
    """Route orders given as frames.

    Args:
        tables: `warehouses`, `stock`, `orders` and `order_lines`, with the columns of COLUMNS.
        costs: `parcel_cost`, `cost_per_km`, `backorder_cost_per_unit`, `max_parcels_per_order`.
        policy: One of POLICIES.
        time_limit: Seconds for the search; None for as long as it takes.
        seed: 0 to 2**31 - 1; the same seed gives the same answer.

    Raises:
        InstanceError: A table or a cost is not as it should be, or the policy has no meaning for tables. Rows
            are counted as in a file: the first below the heading is row 2.
    """
    counted = {name: frame.reset_index(drop=True) for name, frame in tables.items()}
    return route_instance(instance_of(counted, costs), policy=policy, time_limit=time_limit, seed=seed)


def route_instance(
    instance: Instance,
    *,
    policy: str = "cheapest",
    time_limit: float | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Routed:
    """Route an instance; see `route_frames`. `progress` is told how the search goes."""
    import pandas as pd

    true = instance.batch
    cheapest = policy == "cheapest"
    share = time_limit if time_limit is None or cheapest else time_limit / 2
    solution = solve(objective(instance, policy), time_limit=share, seed=seed, progress=progress)
    served = np.flatnonzero(solution.site != UNSERVED)
    order_of = np.repeat(np.arange(len(true.line_start) - 1), np.diff(true.line_start))
    pairs = np.unique(order_of[served] * len(true.capacity) + solution.site[served])
    left = solution.site == UNSERVED
    cost = float(true.parcel_cost.reshape(-1)[pairs].sum() + true.unserved_cost[left].sum())
    allocation = pd.DataFrame(
        {
            "order_id": instance.line_order[served],
            "line_id": instance.line_id[served],
            "warehouse_id": instance.warehouse[solution.site[served]],
            "quantity": true.part_units[served],
        }
    )
    least = solution if cheapest else solve(true, time_limit=share, seed=seed)
    waiting = int(true.part_units[left].sum())
    return Routed(allocation, cost, least.lower_bound, len(pairs), waiting, solution)


def objective(instance: Instance, policy: str) -> Batch:
    """The batch whose cheapest plan is the policy's best.

    Raises:
        InstanceError: There is no such policy, or the tables don't say what it needs.
    """
    batch, km = instance.batch, instance.kilometres
    if policy == "cheapest":
        return batch
    if policy == "nearest":
        price = km
    elif policy == "fewest_parcels":
        price = 1.0 + 1e-4 * batch.parcel_cost / max(float(batch.parcel_cost.max(initial=0.0)), 1e-9)
    elif policy in OTHER_POLICIES:
        raise InstanceError(
            f"the policy {policy} needs transit times, ranks or markets, which these tables don't have; "
            f"use one of {', '.join(POLICIES)}"
        )
    else:
        raise InstanceError(f"there is no policy {policy}; use one of {', '.join(POLICIES)}")
    # leaving a unit costs more than all the parcels that an order may have
    most = int(batch.max_parcels.max(initial=1)) * float(price.max(initial=0.0)) + 1.0
    return replace(batch, parcel_cost=price, unserved_cost=(most * batch.part_units).astype(np.float64))


def read_instance(folder: Path) -> Instance:
    """Read a folder of the tables. Rows without anything in them are passed over.

    Raises:
        InstanceError: A file or column is missing, or a row is not as it should be.
    """
    tables = {name: _read_table(folder / f"{name}.csv", columns) for name, columns in COLUMNS.items()}
    path = folder / "costs.json"
    try:
        costs = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise _unreadable(path, error) from None
    except (ValueError, RecursionError) as error:
        raise InstanceError(f"{path} is not JSON: {error}") from None
    if not isinstance(costs, dict):
        raise InstanceError(f"{path} must be an object with {', '.join(COSTS)}")
    return instance_of(tables, costs)


def _read_table(path: Path, columns: Iterable[str]) -> "pd.DataFrame":
    """A table whose index tells where in the file a row stands."""
    import pandas as pd

    names = dict.fromkeys(_names(columns), "str")
    try:
        frame = pd.read_csv(
            path, dtype=names, engine="c", keep_default_na=False, na_values=[""], skip_blank_lines=False
        )
    except OSError as error:
        raise _unreadable(path, error) from None
    except ValueError as error:
        raise InstanceError(f"{path} is not a table: {error}") from None
    if not isinstance(frame.index, pd.RangeIndex):
        raise InstanceError(f"{path}: row 2 has more cells than the heading has columns")
    return frame.dropna(how="all")


def _unreadable(path: Path, error: OSError) -> InstanceError:
    missing = isinstance(error, FileNotFoundError)
    return InstanceError(
        f"{path} " + ("is missing" if missing else f"can't be read: {error.strerror or error}")
    )


def instance_of(tables: Mapping[str, "pd.DataFrame"], costs: Mapping[str, float]) -> Instance:
    """Check tables, whose index counts their rows from 0, and lay them out as a batch; see `route_frames`."""
    import pandas as pd

    for name, columns in COLUMNS.items():
        if name not in tables:
            raise InstanceError(f"the table {name} is missing")
        missing = [column for column in columns if column not in tables[name].columns]
        if missing:
            raise InstanceError(
                f"{name}: the column {missing[0]} is missing; it has {list(tables[name].columns)}"
            )
        _filled(tables[name], name, _names(columns))
    parcel, per_km, backorder, most = (_cost(costs, name) for name in COSTS)
    if most < 1 or most != int(most):
        raise InstanceError("costs: max_parcels_per_order must be a whole number of at least 1")
    sites, orders, lines, stock = (tables[n] for n in ("warehouses", "orders", "order_lines", "stock"))
    site_index, order_index = (
        _index(sites, "warehouses", "warehouse_id"),
        _index(orders, "orders", "order_id"),
    )
    order = _lookup(lines, "order_lines", "order_id", order_index, "orders.csv")
    quantity = _whole(lines, "order_lines", "quantity", 1)
    _once(lines, "order_lines", ["order_id", "line_id"])
    sku, names = pd.factorize(lines["sku"].to_numpy())
    at = _lookup(stock, "stock", "warehouse_id", site_index, "warehouses.csv")
    available = _whole(stock, "stock", "available", 0)
    _once(stock, "stock", ["warehouse_id", "sku"])
    held = pd.Index(names).get_indexer(stock["sku"].to_numpy())
    table = np.zeros((len(sites), max(1, len(names))), np.int64)
    wanted = held >= 0  # stock of what nobody ordered
    table[at[wanted], held[wanted]] = available[wanted]
    km = great_circle_km(_places(orders, "orders"), _places(sites, "warehouses"))
    sequence = np.argsort(order, kind="stable")
    starts = np.zeros(len(orders) + 1, np.int64)
    np.cumsum(np.bincount(order, minlength=len(orders)), out=starts[1:])
    units = quantity[sequence]
    price = per_km * km
    price += parcel
    batch = Batch(
        line_start=starts,
        part_start=np.arange(len(lines) + 1),
        part_sku=sku[sequence].astype(np.int64),
        part_units=units,
        parcel_cost=price,
        unserved_cost=(backorder * units).astype(np.float64),
        stock=table,
        capacity=_capacity(sites),
        max_parcels=np.full(len(orders), max(1, min(int(most), len(sites))), np.int64),
        all_or_nothing=np.zeros(len(orders), np.bool_),
    )
    return Instance(
        batch,
        lines["order_id"].to_numpy()[sequence],
        lines["line_id"].to_numpy()[sequence],
        sites["warehouse_id"].to_numpy(),
        km,
    )


def great_circle_km(here: Floats, there: Floats) -> Floats:
    """Kilometres [N, W] from each place of `here` to each of `there` (latitude, longitude in degrees).

    Haversine formula.
    """
    answer = np.empty((len(here), len(there)))
    a, b = np.radians(here), np.radians(there)
    for w in range(len(b)):  # a site at a time, so that no N x W helpers are needed
        half = np.sin((b[w, 0] - a[:, 0]) / 2) ** 2
        half += np.cos(a[:, 0]) * np.cos(b[w, 0]) * np.sin((b[w, 1] - a[:, 1]) / 2) ** 2
        answer[:, w] = 2 * EARTH_RADIUS_KM * np.arcsin(np.sqrt(half))
    return answer


def _cost(costs: Mapping[str, float], name: str) -> float:
    value = costs.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= LARGEST:
        raise InstanceError(f"costs: {name} must be a number from 0 to {LARGEST:,}, not {value!r:.40}")
    return float(value)


def _names(columns: Iterable[str]) -> list[str]:
    """The columns that name something; the others hold figures."""
    return [column for column in columns if column.endswith("_id") or column == "sku"]


def _row(frame: "pd.DataFrame", table: str, bad: NDArray[np.bool_]) -> tuple[int, str]:
    """The position of the first bad row, and its name as in a file with a heading."""
    position = int(np.argmax(bad))
    return position, f"{table}, row {int(frame.index[position]) + 2}"


def _filled(frame: "pd.DataFrame", table: str, columns: list[str]) -> None:
    for column in columns:
        empty = (frame[column].isna() | (frame[column] == "")).to_numpy(np.bool_)
        if empty.any():
            raise InstanceError(f"{_row(frame, table, empty)[1]}: {column} is empty")


def _index(frame: "pd.DataFrame", table: str, column: str) -> "pd.Index[Any]":
    import pandas as pd

    _once(frame, table, [column])
    return pd.Index(frame[column].to_numpy())


def _once(frame: "pd.DataFrame", table: str, columns: list[str]) -> None:
    twice = frame.duplicated(columns).to_numpy()
    if twice.any():
        position, row = _row(frame, table, twice)
        what = ", ".join(f"{column} {frame[column].iloc[position]}" for column in columns)
        raise InstanceError(f"{row}: {what} stands there twice; keep one row")


def _lookup(frame: "pd.DataFrame", table: str, column: str, index: "pd.Index[Any]", where: str) -> Ints:
    found = np.asarray(index.get_indexer(frame[column].to_numpy()), np.int64)
    if (found < 0).any():
        position, row = _row(frame, table, found < 0)
        raise InstanceError(f"{row}: {column} {frame[column].iloc[position]} is not in {where}")
    return found


def _numbers(
    frame: "pd.DataFrame",
    table: str,
    column: str,
    low: int,
    high: int,
    *,
    whole: bool = False,
    remedy: str = "",
) -> Floats:
    import pandas as pd

    values: Floats = pd.to_numeric(frame[column], errors="coerce").to_numpy(np.float64, na_value=np.nan)
    good = (values >= low) & (values <= high)
    if whole:
        good &= values == np.floor(values)
    if not good.all():
        position, row = _row(frame, table, ~good)
        value = frame[column].iloc[position]
        given = "empty" if pd.isna(value) else repr(str(value)[:40])
        kind = "a whole number" if whole else "a number"
        raise InstanceError(f"{row}: {column} must be {kind} from {low} to {high:,}, not {given}{remedy}")
    return values


def _whole(frame: "pd.DataFrame", table: str, column: str, low: int, remedy: str = "") -> Ints:
    return _numbers(frame, table, column, low, LARGEST, whole=True, remedy=remedy).astype(np.int64)


def _places(frame: "pd.DataFrame", table: str) -> Floats:
    return np.stack(
        [_numbers(frame, table, "latitude", -90, 90), _numbers(frame, table, "longitude", -180, 180)], axis=1
    )


def _capacity(sites: "pd.DataFrame") -> Ints:
    limited = sites["parcel_capacity"].notna().to_numpy()
    capacity = np.full(len(sites), -1, np.int64)
    capacity[limited] = _whole(
        sites[limited], "warehouses", "parcel_capacity", 0, "; leave it empty for no limit"
    )
    return capacity
