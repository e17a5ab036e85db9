"""Landing -> canonical -> store, beside the bare writing of the same rows.

    python -m benchmarks.replay --orders 100000 --json

Both sides write to SQLite in WAL mode with the store's settings, on one core. The bare side takes the
rows that the replay has written and writes them with one executemany per table and 1,000 orders, in one
transaction each, as the replay does.
"""

import argparse
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from functools import partial
from pathlib import Path

from benchmarks.keyed import keys_in
from benchmarks.shop import START, raw_order
from order_store.connections import register_connection
from order_store.engine import CACHE_KIB, open_store
from order_store.landing import Landing
from order_store.migrations import upgrade
from order_store.schema import metadata
from pipelines.services.replay import replay, replayed_streams

PAGE = 100
BATCH = 1_000


def land(folder: Path, orders: int, *, keys: bool) -> None:
    """Land so many raw orders, 100 to a file."""
    landing = Landing(folder / "landing", keys_in(folder, wanted=keys))
    for first in range(1, orders + 1, PAGE):
        numbers = range(first, min(first + PAGE, orders + 1))
        page = [(str(number), raw_order(number)) for number in numbers]
        landing.land("shop", "orders", START + timedelta(days=400, seconds=first), page)


def measure_replay(folder: Path, *, keys: bool) -> dict[str, float]:
    """Replay a landing folder into a new store, in this process."""
    database = folder / "hub.db"
    url = f"sqlite:///{database}"
    upgrade(url)
    opened = keys_in(folder, wanted=keys)
    store = open_store(url, opened)
    with store.begin() as tx:
        register_connection(tx, "shop", "woocommerce", "channel")
    replayed_streams()  # imports what a command has imported when it begins
    began, cpu = time.perf_counter(), time.process_time()
    result = replay(store, Landing(folder / "landing", opened), now=START + timedelta(days=500))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    store.close()
    if result.counts.created != result.counts.records:
        raise SystemExit(f"not every order was created: {result.counts}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"orders": result.counts.created, "seconds": seconds, "cpu_seconds": cpu, "peak_rss_mb": peak}


def measure_bare(folder: Path) -> dict[str, float]:
    """Write the rows of the replayed store into an empty one, with executemany and nothing else."""
    source = sqlite3.connect(f"file:{folder / 'hub.db'}?mode=ro", uri=True)
    upgrade(f"sqlite:///{folder / 'bare.db'}")
    target = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "temp_store = MEMORY"):
        target.execute(f"PRAGMA {pragma}")
    target.execute(f"PRAGMA cache_size = -{CACHE_KIB}")
    for name in ("connections", "landing_files"):
        rows = source.execute(f"SELECT * FROM {name}").fetchall()
        target.executemany(f"INSERT INTO {name} VALUES ({','.join('?' * len(rows[0]))})", rows)
    (last,) = source.execute("SELECT max(id) FROM orders").fetchone()
    seconds, written = 0.0, 0
    for first in range(1, last + 1, BATCH):
        chunks = []
        for table in metadata.sorted_tables:
            key = "id" if table.name == "orders" else "order_id"
            if key not in table.columns or table.name == "connections":
                continue
            columns = ", ".join(column.name for column in table.columns if column.computed is None)
            query = f"SELECT {columns} FROM {table.name} WHERE {key} BETWEEN ? AND ?"
            if rows := source.execute(query, (first, first + BATCH - 1)).fetchall():
                marks = ",".join("?" * len(rows[0]))
                chunks.append((f"INSERT INTO {table.name} ({columns}) VALUES ({marks})", rows))
        began = time.perf_counter()
        target.execute("BEGIN IMMEDIATE")
        for statement, rows in chunks:
            target.executemany(statement, rows)
            written += len(rows)
        target.execute("COMMIT")
        seconds += time.perf_counter() - began
    return {"orders": last, "rows": written, "seconds": seconds}


def main() -> None:
    """Land, replay in a process of its own, write bare in another, and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--no-keys", action="store_true", help="leave personal data in the clear, to compare")
    parser.add_argument("--step", choices=("replay", "bare"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        replayed = options.step == "replay"
        step = partial(measure_replay, keys=not options.no_keys) if replayed else measure_bare
        print(json.dumps(step(options.folder)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        land(folder, options.orders, keys=not options.no_keys)
        more = ["--no-keys"] if options.no_keys else []
        replayed, bare = (_step(step, folder, more) for step in ("replay", "bare"))
    rate, bare_rate = replayed["orders"] / replayed["seconds"], bare["orders"] / bare["seconds"]
    report = {
        "keys": not options.no_keys,
        "orders": int(replayed["orders"]),
        "orders_per_second": round(rate),
        "bare_executemany_orders_per_second": round(bare_rate),
        "ratio": round(rate / bare_rate, 3),
        "orders_per_cpu_second": round(replayed["orders"] / replayed["cpu_seconds"]),
        "rows_per_order": round(bare["rows"] / bare["orders"], 2),
        "peak_rss_mb": round(replayed["peak_rss_mb"]),
        "load_average": round(os.getloadavg()[0], 1),
    }
    if not options.json:
        for key, value in report.items():
            print(f"{key:36} {value:>12,}")
    print(json.dumps(report))


def _step(step: str, folder: Path, more: list[str]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.replay", "--step", step, "--folder", str(folder), *more]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
