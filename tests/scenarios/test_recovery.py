"""A hub that is killed, and one that begins anew from what it had landed (S44, S46)."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import func, select

from connectors.registry import KINDS, connector_class
from order_store.orders import find_order
from order_store.schema.orders import order_events, orders
from pipelines.hub import Hub
from pipelines.services.kpis import run_folder, take_snapshot
from pipelines.services.replay import replay, replayed_streams
from sandbox.registry import CHANNELS

ROOT = Path(__file__).resolve().parents[2]
OpenStage = Callable[..., Any]
READ = """
from pipelines.hub import open_hub
from pipelines.services.orders import sync_orders
with open_hub() as hub:
    sync_orders(hub, "shopify-eu")
"""


def start_reading(stage: Any) -> subprocess.Popen[bytes]:  # noqa: ANN401
    command = [sys.executable, "-c", READ]
    return subprocess.Popen(command, env=dict(os.environ) | stage.environ, cwd=ROOT)


@pytest.mark.parametrize("stored", [0, 1, 120])
def test_s44_a_reader_killed_at_any_page_is_followed_by_one_that_resumes(
    open_stage: OpenStage, stored: int
) -> None:
    """Killed once so many orders are stored: nothing is lost, and nothing is there twice."""
    stage = open_stage("shopify-eu")
    placed = [stage.place("shopify-eu") for _ in range(250)]
    stage.wait(minutes=15)
    with start_reading(stage) as process:
        while len(stage.known()) < stored and process.poll() is None:
            time.sleep(0.01)
        process.kill()
    assert len(stage.known()) >= stored
    stage.wait(minutes=11)  # the dead reader's lease runs out
    stage.read("shopify-eu")
    assert stage.known() == {(order.channel, order.external_id) for order in placed}
    with stage.hub.store.read() as tx:
        twice = (
            select(order_events.c.order_id, func.count())
            .where(order_events.c.kind == "created")
            .group_by(order_events.c.order_id)
            .having(func.count() > 1)
        )
        assert tx.execute(twice).all() == []


SOLD = {
    "orders": "order_key, is_history, placed_at, country_code, currency, total_minor, tax_minor",
    "order_lines": "order_key, line_id, channel_sku, ordered, cancelled, returned, net_minor, total_minor",
    "returns": "*",
}
"""What KPI tables make of what channels sent alone; the other columns tell what the hub decided."""


def sales_of(hub: Hub) -> dict[str, list[tuple[Any, ...]]]:
    take_snapshot(hub, "compared")
    folder = run_folder(hub, "compared") / "snapshot"
    return {
        view: duckdb.sql(f"SELECT {columns} FROM '{folder}/{view}.parquet' ORDER BY ALL").fetchall()
        for view, columns in SOLD.items()
    }


def test_s46_landing_replayed_into_an_empty_store_gives_the_same_orders(
    open_stage: OpenStage,
) -> None:
    stage = open_stage(*CHANNELS, seed=9, fickle=True)
    for number in range(60):
        stage.place(list(CHANNELS)[number % 4], payment=None, by_channel=None)
        if number % 12 == 11:
            stage.wait(hours=5)
            for channel in CHANNELS:
                stage.sandbox.fault(channel, "duplicate_update")
                stage.sandbox.fault(channel, "reordered")
                stage.read(channel)
    stage.wait(hours=40)
    for channel in CHANNELS:
        stage.read(channel)
    with stage.empty_hub() as empty:
        settings = {one.name: one.settings for one in empty.config.connections}
        result = replay(empty.store, empty.landing, now=stage.clock.now(), settings=settings)
        assert (result.damaged, result.unknown) == ((), ())
        with empty.store.read() as tx:
            assert tx.scalar(select(func.count()).select_from(orders)) == 60
            again = {key: find_order(tx, *key) for key in stage.known()}
        sales = sales_of(empty)
    assert sales_of(stage.hub) == sales
    assert len(sales["orders"]) == 60
    assert sum(line[4] for line in sales["order_lines"]) > 0, "some were cancelled"
    for order in stage.world.orders.values():
        replayed = again[order.channel, order.external_id]
        assert replayed is not None
        assert replayed.order == stage.stored(order).order


@pytest.mark.parametrize("connector", sorted(name for family in KINDS.values() for name in family))
def test_s46_every_stream_that_lands_is_replayed(connector: str) -> None:
    """A stream of a new connector cannot be left out: what it lands as must be known to replay."""
    landed = {stream.lands_as for stream in connector_class(connector).streams.values()}
    assert landed <= replayed_streams()
