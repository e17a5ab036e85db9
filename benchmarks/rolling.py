"""Orders that arrive in waves: what deciding at once costs, and what wins it back.

    python benchmarks/rolling.py --orders 2000 --waves 20 --json

Instances are drawn by the recipe of the routing benchmark: a dozen cities, sites near some of them, popular
SKUs and a tail, stock badly spread. Each instance has as many past orders as the outlook may learn from, and
the orders to route, in the order of their arrival. All plans of an instance share its stock, and all of it is
there from the beginning.
"""

import argparse
import json
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

if __package__ in (None, ""):
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from warehouse_routing.batch import Batch, Floats, Ints
from warehouse_routing.rolling import Arrivals, Rolled, Score, roll, score
from warehouse_routing.rolling_greedy import cheapest_now, nearest_first
from warehouse_routing.rolling_outlook import Forecast
from warehouse_routing.solver import solve

PARCEL, PER_KM, BACKORDER, MAX_PARCELS = 4.0, 0.002, 25.0, 3
EARTH_KM = 6371.0088

YARDSTICKS = {
    "look_ahead_closes_of_gap_percent": 36,
    "look_ahead_source": "Acimovic and Graves 2015",
    "reconsideration_removes_of_extra_parcels_percent": [40, 50],
    "reconsideration_source": "Xu, Allgor and Graves 2009",
}


def instance(
    orders: int, skus: int, sites: int, tight: float, capacity: float, seed: int
) -> tuple[Batch, Batch]:
    """Draw past orders and orders to route, with the stock for the latter."""
    rng = np.random.default_rng(seed)
    cities = rng.uniform([26, -122], [48, -72], (12, 2))
    homes = rng.permutation(12)[np.arange(sites) % 12]
    places = np.clip(cities[homes] + rng.normal(0, 1.5, (sites, 2)), (24.5, -124.5), (49, -67))
    weights = np.arange(1, skus + 1, dtype=np.float64) ** -0.8
    popularity: Floats = weights / weights.sum()
    past = _orders(rng, orders, cities, places, popularity)
    future = _orders(rng, orders, cities, places, popularity)
    demand = np.bincount(future.part_sku, future.part_units, skus)
    share = rng.dirichlet(np.full(sites, 0.6), skus)
    stock = np.floor(share * demand[:, None] * tight + rng.random(share.shape)).astype(np.int64).T.copy()
    room = int(capacity * orders / sites) if capacity else -1
    limits = np.full(sites, room, np.int64)
    return past, replace(future, stock=stock, capacity=limits)


def _orders(
    rng: np.random.Generator, count: int, cities: Floats, places: Floats, popularity: Floats
) -> Batch:
    at = cities[rng.integers(0, len(cities), count)] + rng.normal(0, 2.0, (count, 2))
    at = np.clip(at, (24.5, -124.5), (49, -67))
    sizes = np.minimum(min(6, len(popularity)), 1 + rng.poisson(0.7, count))
    chosen = [rng.choice(len(popularity), size, replace=False, p=popularity) for size in sizes]
    sku = np.concatenate([np.sort(one) for one in chosen]).astype(np.int64)
    units = 1 + rng.poisson(0.25, len(sku)).astype(np.int64)
    return Batch(
        line_start=np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
        part_start=np.arange(len(sku) + 1),
        part_sku=sku,
        part_units=units,
        parcel_cost=PARCEL + PER_KM * _km(at, places),
        unserved_cost=BACKORDER * units.astype(np.float64),
        stock=np.zeros((len(places), len(popularity)), np.int64),
        capacity=np.full(len(places), -1),
        max_parcels=np.full(count, MAX_PARCELS),
        all_or_nothing=np.zeros(count, bool),
    )


def _km(one: Floats, other: Floats) -> Floats:
    (lat1, lon1), (lat2, lon2) = np.radians(one).T[:, :, None], np.radians(other).T[:, None, :]
    half = np.sin((lat2 - lat1) / 2) ** 2 + np.cos(lat1) * np.cos(lat2) * np.sin((lon2 - lon1) / 2) ** 2
    km: Floats = 2 * EARTH_KM * np.arcsin(np.sqrt(half))
    return km


def measure(
    orders: int, waves: int, cut_off: int, sites: int, tight: float, capacity: float, seed: int
) -> dict[str, object]:
    """Route one instance in every way."""
    past, batch = instance(orders, orders // 5, sites, tight, capacity, seed)
    wave = np.arange(orders) * waves // orders
    arrivals = Arrivals(batch, wave)
    coming = [int((wave > now).sum()) for now in range(waves)]
    runs: dict[str, Callable[[], Rolled]] = {
        "nearest_first": lambda: roll(arrivals, nearest_first),
        "one_by_one": lambda: roll(arrivals, cheapest_now),
        "by_wave": lambda: roll(arrivals, _decide),
        "reconsidered": lambda: roll(arrivals, _decide, cut_off=cut_off),
        "look_ahead": lambda: roll(arrivals, _decide, outlook=Forecast(past, coming)),
        "both": lambda: roll(arrivals, _decide, cut_off=cut_off, outlook=Forecast(past, coming)),
    }
    began, cpu = time.perf_counter(), time.process_time()
    clairvoyant = solve(batch)
    known = score(batch, Rolled(clairvoyant.site, np.zeros_like(clairvoyant.site), 0))
    found: dict[str, dict[str, object]] = {
        "clairvoyant": asdict(known)
        | {"lower_bound": clairvoyant.lower_bound, "gap_percent": clairvoyant.gap_percent}
        | _spent(began, cpu)
    }
    scores: dict[str, Score] = {}
    for name, run in runs.items():
        began, cpu = time.perf_counter(), time.process_time()
        rolled = run()
        scores[name] = score(batch, rolled)
        found[name] = asdict(scores[name]) | {"moves": rolled.moves} | _spent(began, cpu)
        print(f"seed {seed}, tight {tight}: {name} {scores[name].cost:.0f}", file=sys.stderr)
    base = scores["one_by_one"]
    for name, one in scores.items():
        found[name]["gap_closed_percent"] = _share(base.cost - one.cost, base.cost - known.cost)
        found[name]["extra_parcels_removed_percent"] = _share(
            base.extra_parcels - one.extra_parcels, base.extra_parcels
        )
    return {"seed": seed, "tight": tight, "capacity": capacity, "plans": found}


def _decide(batch: Batch, stood: Ints) -> Ints:
    return solve(batch, start=stood).site


def _spent(began: float, cpu: float) -> dict[str, float]:
    return {
        "seconds": round(time.perf_counter() - began, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
    }


def _share(part: float, whole: float) -> float | None:
    return round(100 * part / whole, 1) if whole > 0 else None


def summary(results: Sequence[dict[str, object]]) -> dict[str, dict[str, float]]:
    """Means over instances of what each way of routing comes to, the clairvoyant cost as 100."""
    found: dict[str, dict[str, float]] = {}
    plans: list[Any] = [one["plans"] for one in results]
    for name in plans[0]:
        shares = ("gap_closed_percent", "extra_parcels_removed_percent")
        row = {
            "cost_percent_of_clairvoyant": statistics.mean(
                100 * one[name]["cost"] / one["clairvoyant"]["cost"] for one in plans
            )
        }
        for share in shares:
            values = [one[name][share] for one in plans if one[name].get(share) is not None]
            if values:
                row[share] = statistics.mean(values)
                row[f"{share}_from"], row[f"{share}_to"] = min(values), max(values)
        found[name] = {key: round(value, 1) for key, value in row.items()}
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--waves", type=int, default=20)
    parser.add_argument("--cut-off", type=int, default=5, help="waves for which an order may be changed")
    parser.add_argument("--sites", type=int, default=8)
    parser.add_argument("--tight", type=float, nargs="+", default=[1.1, 1.3, 1.8])
    parser.add_argument("--capacity", type=float, default=0, help="total parcels over orders; 0 for no limit")
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    args = parser.parse_args()
    results = [
        measure(args.orders, args.waves, args.cut_off, args.sites, tight, args.capacity, seed)
        for tight in args.tight
        for seed in args.seeds
    ]
    by_tight = {
        str(tight): summary([one for one in results if one["tight"] == tight]) for tight in args.tight
    }
    if args.json:
        names = ("orders", "waves", "cut_off", "sites", "capacity")
        settings = {name: getattr(args, name) for name in names}
        print(
            json.dumps(
                settings
                | {"yardsticks": YARDSTICKS, "summary": summary(results), "by_tight": by_tight}
                | {"instances": results}
            )
        )
        return
    for name, row in summary(results).items():
        print(f"{name:14}", "  ".join(f"{key} {value}" for key, value in row.items()))


if __name__ == "__main__":
    main()
