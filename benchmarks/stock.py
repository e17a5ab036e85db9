"""A snapshot of a warehouse's stock: stored, beside the bare writing of the same rows.

    python -m benchmarks.stock --skus 20000 --json

The hub's side keeps what is promised: it counts again what allocations bear on each SKU, and opens or ends
shortages. The bare side takes the rows that the hub has written and writes them with one executemany per
table. Both on SQLite with the store's settings, on one core; the second snapshot finds the first one there.
"""

import argparse
import json
import sqlite3
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from normalization.records import StockLevel
from normalization.statuses import StockBasis
from order_store.engine import open_store
from order_store.stock import apply_snapshot

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)
SHELVES = 2
"""Bins of each SKU."""
TABLES = ("stock_positions", "stock_bins")


def levels(skus: int, at: datetime) -> list[StockLevel]:
    """What a WMS tells: each SKU in some bins."""
    return [
        StockLevel(
            site="1",
            sku=f"SKU-{sku:06}",
            on_hand=(sku + shelf) % 50,
            basis=StockBasis.PHYSICAL,
            observed_at=at,
            bin=f"{sku % 400:03}-{shelf}",
        )
        for sku in range(skus)
        for shelf in range(SHELVES)
    ]


def measure(skus: int) -> dict[str, float]:
    """CPU seconds of a first and a second snapshot, and of the bare writing of the second one's rows."""
    with tempfile.TemporaryDirectory() as name:
        file = Path(name) / "orders.db"
        store = open_store(f"sqlite:///{file}")
        store.create_all()
        spent = []
        for number in range(2):
            at = NOW + timedelta(hours=number)
            told = levels(skus, at)
            began = time.process_time()
            with store.begin() as tx:
                done = apply_snapshot(tx, "LYON", told, StockBasis.PHYSICAL, at, lambda _: 0, at)
            spent.append(time.process_time() - began)
            if done.positions != skus:
                raise SystemExit(f"{done.positions} positions were stored, not {skus}")
        store.close()
        bare = _bare(file)
    return {
        "skus": skus,
        "first_cpu_seconds": round(spent[0], 3),
        "second_cpu_seconds": round(spent[1], 3),
        "bare_cpu_seconds": round(bare, 3),
        "skus_per_second": round(skus / spent[1]),
        "times_bare": round(spent[1] / bare, 1),
    }


def _bare(file: Path) -> float:
    source = sqlite3.connect(file, isolation_level=None)
    source.execute("PRAGMA synchronous = NORMAL")
    chunks = [(table, source.execute(f"SELECT * FROM {table}").fetchall()) for table in TABLES]
    began = time.process_time()
    source.execute("BEGIN IMMEDIATE")
    for table, rows in chunks:
        source.execute(f"DELETE FROM {table}")
        source.executemany(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows)
    source.execute("COMMIT")
    spent = time.process_time() - began
    source.close()
    return spent


def main() -> None:
    """Measure, and print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--skus", type=int, default=20_000, help="SKUs in the warehouse")
    parser.add_argument("--json", action="store_true", help="one JSON object, for machines")
    arguments = parser.parse_args()
    found = measure(arguments.skus)
    print(
        json.dumps(found) if arguments.json else "\n".join(f"{key}: {value}" for key, value in found.items())
    )


if __name__ == "__main__":
    main()
