"""Buyers with a name that stands nowhere else are searched for in all that the hub writes: nobody is found.

The jobs run in Dagster with failures of every kind: records that cannot be understood, orders that are held,
messages that are refused in words that quote the buyer, a vendor that is down.
"""

import base64
import logging
import zlib
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import duckdb
import pytest
import zstandard
from sqlalchemy import select

from order_store.orders import load_orders
from order_store.outbox import messages
from order_store.schema.fulfilment import outbox
from order_store.schema.orders import orders
from order_store.schema.reading import quarantine
from pipelines.jobs import sync_job_name
from sandbox.buyers import Wish, place_order
from sandbox.registry import CARRIERS, WMSS
from sandbox.world import ShopOrder
from tests.canaries import found_in, words_of
from tests.pipelines.dagster_hub import CHANNELS, Works, opened_works

pytestmark = pytest.mark.filterwarnings(
    "ignore:AssetExecutionContext.op is deprecated:DeprecationWarning"  # dagster-dbt calls it
)
CANARY = "Zilpzalp"
READING = tuple(map(sync_job_name, (*CHANNELS, *WMSS)))
SELLING = (*READING, "fulfil", *map(sync_job_name, WMSS), "fulfil")


@pytest.fixture
def works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Works]:
    with opened_works(tmp_path, monkeypatch) as found:
        yield found


def canaries(works: Works, each: int = 4) -> list[ShopOrder]:
    placed = []
    for channel in CHANNELS:
        for number in range(each):
            wish = Wish(
                payment="captured", by_channel=False, canary=CANARY, country="US" if number % 2 else None
            )
            placed.append(place_order(works.sandbox.world, channel, wish))
    return placed


def test_no_canary_is_found_anywhere(
    works: Works, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    placed = canaries(works)
    works.sandbox.simulation.orders_per_day = 0
    for channel, fault in zip(
        CHANNELS, ("broken_record", "missing_address", "server_error", "broken_record"), strict=True
    ):
        works.sandbox.fault(channel, fault, 3)
    works.sandbox.fault("shipbob-us", "quoting_refusal", 3)
    works.sandbox.fault("shipbob-us", "lost_answer", 2)
    works.sandbox.fault("tryton-lyon", "server_error", 2)
    for carrier in CARRIERS:
        works.sandbox.fault(carrier, "signed_by", 1_000)
    for job in SELLING:
        works.run(job)
        works.sandbox.simulation.advance(timedelta(hours=8))
    works.sandbox.simulation.advance(timedelta(days=5))
    for job in (*map(sync_job_name, WMSS), "prune_history", "main"):
        assert works.run(job).success
    signed = [works.sandbox.vendors[name].faults.struck["signed_by"] for name in CARRIERS]
    assert all(signed), "carriers told who signed"

    with works.hub() as hub, hub.store.read() as tx:
        known = load_orders(tx, list(tx.scalars(select(orders.c.id))))
        told = [one.order.buyer.name or "" for one in known.values() if one.order.buyer]
        assert sum(CANARY in name for name in told) >= 8, "with the keys they are there"
        assert tx.scalar(select(quarantine.c.id).limit(1)), "some were not understood"
        reasons = " ".join(row.reason or "" for row in messages(tx))
        assert "no such address" in reasons, "and some were refused with the buyer's name"
        assert tx.scalar(select(outbox.c.id).limit(1))
    words = words_of(placed, CANARY)
    assert found_in(works.home, words) == {}
    logged = (caplog.text + "".join(capfd.readouterr())).encode()
    assert len(logged) > 1_000
    assert [word for word in words if word in logged] == []


def test_the_search_would_find_them(works: Works, tmp_path: Path) -> None:
    """In a landing and a store without keys, and in what they are packed in."""
    placed = canaries(works, 1)
    words = words_of(placed, CANARY)
    for number, content in enumerate(
        (
            repr(placed[0]).encode(),
            zlib.compress(repr(placed[0]).encode()),
            b"head" + zstandard.compress(repr(placed[0]).encode()),
            base64.b64encode(repr(placed[0]).encode()),
        )
    ):
        (tmp_path / f"planted-{number}").write_bytes(content)
        duckdb.sql(f"COPY (SELECT '{CANARY}' AS name) TO '{tmp_path}/planted.parquet'")
    assert {name for name in found_in(tmp_path, words) if name.startswith("planted")} == {
        "planted-0",
        "planted-1",
        "planted-2",
        "planted-3",
        "planted.parquet",
    }
