"""Nearest-first, the LP bound, HiGHS on the full problem and our solver, side by side on generated instances.

    python benchmarks/routing.py --json --orders 2000 --tight 0.9 1.1 1.8 --capacity 0 1.2 --seeds 11 12
    python benchmarks/routing.py --scaling --json --sizes 10000 100000 1000000

Instances are written by the routing benchmark's own `generate.py`, found beside the checkout or where
ORDERHUB_ROUTING_BENCH says. Ours runs as `orderhub route` in a process of its own, so that its seconds and
its memory are those of reading, solving and writing; its answer is checked by `evaluate.py`.
"""

import argparse
import json
import math
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))
BENCH = Path(os.environ.get("ORDERHUB_ROUTING_BENCH", ROOT.parent / "shared" / "routing-bench"))
LP_ORDERS, MILP_ORDERS = 5000, 2000


def generate(
    folder: Path, orders: int, skus: int, sites: int, tight: float, capacity: float, seed: int
) -> None:
    """Write an instance."""
    options = {"orders": orders, "skus": skus, "warehouses": sites, "tight": tight, "seed": seed}
    command = [sys.executable, str(BENCH / "generate.py"), str(folder), "--capacity", str(capacity)]
    for name, value in options.items():
        command += [f"--{name}", str(value)]
    subprocess.run(command, check=True)


def ours(folder: Path, check: bool) -> dict[str, Any]:
    """Run `orderhub route` on a folder: its figures, processor seconds and peak memory."""
    answer = folder / "allocation.csv"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-m", "benchmarks.routing_run", str(folder), str(answer)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=ROOT)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    figures: dict[str, Any] = json.loads(done.stdout)
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    figures["cpu_seconds"] = round(used, 2)
    if check:
        verdict = subprocess.run(
            [sys.executable, str(BENCH / "evaluate.py"), str(folder), str(answer)],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        if abs(json.loads(verdict.stdout)["cost"] - figures["cost"]) > 0.02:
            raise AssertionError(f"evaluate.py says {verdict.stdout}, we say {figures}")
    return figures


def compare(args: argparse.Namespace) -> list[dict[str, Any]]:
    """All routers on all instances that the options name."""
    from benchmarks.routing_rivals import cost_of, highs, nearest_first
    from warehouse_routing.instance_files import read_instance

    rows = []
    for seed in args.seeds:
        for tight in args.tight:
            for capacity in args.capacity:
                with tempfile.TemporaryDirectory() as name:
                    folder = Path(name)
                    generate(folder, args.orders, args.skus, args.warehouses, tight, capacity, seed)
                    batch = read_instance(folder).batch
                    row: dict[str, Any] = {"seed": seed, "tight": tight, "capacity": capacity}
                    row["nearest_first"] = round(cost_of(batch, nearest_first(batch)), 2)
                    row["ours"] = ours(folder, check=True)
                    if args.orders <= LP_ORDERS and not args.no_lp:
                        row["lp"] = highs(batch, integral=False, seconds=args.lp_seconds)
                        if row["lp"]["bound"] > 0:
                            bound = row["ours"]["lower_bound"]
                            row["bound_below_lp_percent"] = round(100 * (1 - bound / row["lp"]["bound"]), 3)
                    if args.orders <= MILP_ORDERS and args.milp_seconds > 0:
                        row["milp"] = highs(batch, integral=True, seconds=args.milp_seconds)
                        best = row["milp"]["objective"]
                        row["above_milp_percent"] = round(100 * (row["ours"]["cost"] / best - 1), 3)
                rows.append(row)
                print(json.dumps(row), file=sys.stderr)
    return rows


def scaling(args: argparse.Namespace) -> list[dict[str, Any]]:
    """Time and memory from small to large: 20 sites, a SKU for each 10 orders, tightness 1.1."""
    rows = []
    for capacity in (0.0, 1.2):
        for orders in args.sizes:
            with tempfile.TemporaryDirectory() as name:
                folder = Path(name)
                generate(folder, orders, orders // 10, 20, 1.1, capacity, args.seeds[0])
                row = {"orders": orders, "capacity": capacity, **ours(folder, check=orders <= 200_000)}
            for clock in ("seconds", "cpu_seconds"):
                row[f"{clock}_per_n_log_n"] = round(1e6 * row[clock] / (orders * math.log(orders)), 4)
            rows.append(row)
            print(json.dumps(row), file=sys.stderr)
    return rows


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--orders", type=int, default=2000)
    parser.add_argument("--skus", type=int, default=400)
    parser.add_argument("--warehouses", type=int, default=8)
    parser.add_argument("--tight", type=float, nargs="+", default=[0.9, 1.1, 1.8])
    parser.add_argument("--capacity", type=float, nargs="+", default=[0.0, 1.2])
    parser.add_argument("--seeds", type=int, nargs="+", default=[101])
    parser.add_argument("--lp-seconds", type=float, default=600.0)
    parser.add_argument("--no-lp", action="store_true")
    parser.add_argument("--milp-seconds", type=float, default=300.0, help="0 leaves the MILP out")
    parser.add_argument("--scaling", action="store_true")
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000, 100_000, 300_000, 1_000_000])
    args = parser.parse_args()
    for script in ("generate.py", "evaluate.py"):
        if not (BENCH / script).is_file():
            parser.error(
                f"{script} is not in {BENCH}; set ORDERHUB_ROUTING_BENCH to the routing benchmark's folder"
            )
    began = time.monotonic()
    rows = scaling(args) if args.scaling else compare(args)
    result = {"rows": rows, "cores": os.cpu_count(), "seconds": round(time.monotonic() - began, 1)}
    print(json.dumps(result, indent=None if args.json else 2))


if __name__ == "__main__":
    main()
