"""Orders pulled over HTTP, landed, normalized, verified and stored; beside them dlt, with the same pages.

    python -m benchmarks.ingest --orders 20000 --json

Both sides read the same server on loopback, one after the other, each in a new process; the pages are
rendered beforehand. The hub goes its ordinary way: the WooCommerce connector, one page of 100 after the
other, each durable in landing before its transaction, SQLite. dlt loads into DuckDB with merge on the
order's id; its settings are printed.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

from sqlalchemy import insert

from benchmarks import dlt_side
from benchmarks.keyed import keys_in
from benchmarks.shop import SKUS, START, modified_at
from benchmarks.shop_server import render, serving
from connectors.contract import Window
from connectors.registry import connect
from connectors.runtime import Runtime
from normalization import registry
from normalization.verification import VerificationPolicy, verify
from order_store.catalogue import catalogue_view
from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.landing import Landing
from order_store.migrations import upgrade
from order_store.schema.base import EPOCH
from order_store.schema.catalogue import skus
from pipelines.services.counts import PageCounts
from pipelines.services.ingest import Channel, ingest_page


def measure_hub(base_url: str, folder: Path, orders: int, *, keys: bool) -> dict[str, float]:
    """The hub's side, in this process."""
    url = f"sqlite:///{folder / 'hub.db'}"
    upgrade(url)
    opened = keys_in(folder, wanted=keys)
    store, landing = open_store(url, opened), Landing(folder / "landing", opened)
    channel = _prepare(store)
    secrets = {"consumer_key": "ck_bench", "consumer_secret": "cs_bench"}
    connector = connect("woocommerce", "shop", {"base_url": base_url}, secrets, Runtime())
    window = Window(START, modified_at(orders) + timedelta(days=1))
    began, cpu, counts = time.perf_counter(), time.process_time(), PageCounts()
    for page in connector.read("orders", window):
        counts += ingest_page(store, landing, channel, page, now=datetime.now(UTC))
    seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    with store.read() as tx:
        verified = tx.exec_driver_sql("SELECT count(*) FROM orders WHERE verification = 'verified'").scalar()
    if not counts.created == verified == orders:
        raise SystemExit(f"{verified} of {orders} orders were verified: {counts}")
    store.close()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "cpu_seconds": cpu, "peak_rss_mb": peak}


def _prepare(store: Store) -> Channel:
    with store.begin() as tx:
        register_connection(tx, "shop", "woocommerce", "channel")
        tx.execute(insert(skus), list(_catalogue()))
        catalogue = catalogue_view(tx)
    judge = partial(verify, policy=VerificationPolicy(), catalogue=catalogue)
    return Channel("shop", registry.channel("woocommerce"), judge=judge)


def _catalogue() -> Iterator[dict[str, object]]:
    for number in range(1, SKUS + 1):
        yield {"sku": f"SKU-{number:05d}", "title": f"Product {number}", "valid_from": EPOCH}


def measure_dlt(base_url: str, folder: Path, orders: int) -> dict[str, float]:
    """The side of dlt, in this process; the import of dlt is not counted."""
    import dlt  # noqa: F401

    began = time.perf_counter()
    loaded = dlt_side.load(f"{base_url}/wp-json/wc/v3", folder)
    seconds = time.perf_counter() - began
    if loaded != orders:
        raise SystemExit(f"dlt loaded {loaded} of {orders} orders")
    return {"seconds": seconds}


def main() -> None:
    """Render, serve, measure both sides, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--json", action="store_true", help="print one JSON object only")
    parser.add_argument("--no-dlt", action="store_true", help="measure the hub alone")
    parser.add_argument("--no-keys", action="store_true", help="leave personal data in the clear, to compare")
    parser.add_argument("--step", choices=("hub", "dlt"), help=argparse.SUPPRESS)
    parser.add_argument("--url", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.step:
        hub_side = partial(measure_hub, keys=not options.no_keys)
        measure = hub_side if options.step == "hub" else measure_dlt
        print(json.dumps(measure(options.url, options.folder, options.orders)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        render(folder / "pages", options.orders)
        with serving(folder / "pages") as url:
            more = ["--no-keys"] if options.no_keys else []
            hub = _step("hub", url, folder, options.orders, more)
            dlt = None if options.no_dlt else _step("dlt", url, folder, options.orders, [])
    rate = options.orders / hub["seconds"]
    dlt_rate = options.orders / dlt["seconds"] if dlt else None
    report = {
        "keys": not options.no_keys,
        "orders": options.orders,
        "orders_per_second": round(rate),
        "dlt_orders_per_second": dlt_rate and round(dlt_rate),
        "ratio_to_dlt": dlt_rate and round(rate / dlt_rate, 2),
        "orders_per_cpu_second": round(options.orders / hub["cpu_seconds"]),
        "peak_rss_mb": round(hub["peak_rss_mb"]),
        "load_average": round(os.getloadavg()[0], 1),
        "dlt_settings": dlt_side.SETTINGS,
    }
    if not options.json:
        for key, value in report.items():
            print(f"{key:24} {value}")
    print(json.dumps(report))


def _step(step: str, url: str, folder: Path, orders: int, more: list[str]) -> dict[str, float]:
    command = [sys.executable, "-m", "benchmarks.ingest", "--step", step, "--url", url]
    command += ["--folder", str(folder), "--orders", str(orders), *more]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    main()
