"""How many orders the whole hub takes from channel to warehouse, as workers grow from 1 to 8.

    python -m benchmarks.concurrency --orders 800 --json

Every worker is a process that does rounds of everything (read, verify, route, send) on one store, against
the sandbox over a socket. Orders are there before the workers begin; the clock stops when every one is
read, allocated and accepted by its WMS. Each of the sandbox's answers takes `--latency` milliseconds, as a
vendor's does. At the end the sandbox's ledger says whether anything was doubled or lost.

Vendors' own rate limits do not count here: the hub goes by the sandbox's clock, which a waiting worker
moves on. What is measured is the hub on this machine, and the sandbox takes its share of it.
"""

import argparse
import json
import os
import resource
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from benchmarks.fleet import DATABASES, Fleet, Stage, new_store, stage

WORKERS = (1, 2, 4, 8)


def measure(database: str, workers: int, orders: int, latency_ms: float) -> dict[str, Any]:
    """One run, from an empty store to the last accepted picklist."""
    with tempfile.TemporaryDirectory() as name, new_store(database, Path(name)) as url:
        folder = Path(name)
        with stage(folder, url, 1, "--plenty", "--minutes-per-second", "1") as set_up:
            set_up.place(orders)
            set_up.world.post("weather", {"latency_seconds": latency_ms / 1000})
            before = resource.getrusage(resource.RUSAGE_CHILDREN)
            with Fleet(set_up.environ, folder / "fleet", workers) as fleet:
                fleet.go()
                seconds = set_up.wait_until_drained(orders, 600)
                fleet.check()
                fleet.stop()
                rounds = fleet.rounds()
            after = resource.getrusage(resource.RUSAGE_CHILDREN)
            cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
            return {
                "database": database,
                "workers": workers,
                "orders": orders,
                "seconds": round(seconds, 1),
                "orders_per_second": round(orders / seconds, 1),
                "workers_cpu_seconds": round(cpu, 1),
                "conflicts": sum(
                    one["steps"].get("route", {}).get("conflicts", 0) for each in rounds for one in each
                ),
                "failed_steps": sum(len(one["failures"]) for each in rounds for one in each),
                "sent_twice": sent_twice(set_up),
            }


def sent_twice(set_up: Stage) -> int:
    """Picklists that a warehouse holds more than once, by the sandbox's own books."""
    references = Counter(one["reference"] for one in set_up.world.get("shipments"))
    return sum(count - 1 for count in references.values())


def main() -> None:
    """Measure each database with each number of workers, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=800)
    parser.add_argument("--workers", type=int, nargs="+", default=list(WORKERS))
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--latency", type=float, default=50, help="milliseconds of each answer")
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    options = parser.parse_args()
    runs = []
    for database in options.databases:
        for workers in options.workers:
            runs.append(measure(database, workers, options.orders, options.latency))
            if not options.json:
                print(json.dumps(runs[-1]))
    report = {
        "latency_ms": options.latency,
        "cores": os.cpu_count(),
        "load_average": round(os.getloadavg()[0], 1),
        "runs": runs,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
