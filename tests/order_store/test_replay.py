"""S46: the same raw data replayed into an empty store gives the same canonical rows."""

import json
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from benchmarks.shop import raw_order
from connectors.contract import Page, RawRecord
from normalization import registry
from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.landing import Landed, Landing
from order_store.loading import load_orders
from order_store.quarantine import list_quarantine
from order_store.schema.orders import orders
from pipelines.services import replay as replaying
from pipelines.services.counts import PageCounts
from pipelines.services.ingest import Channel, ingest_page
from pipelines.services.replay import Source, StoreNotEmptyError, replay
from tests.order_store.conftest import NOW
from tests.order_store.samples import START

SHOP = Channel("shop", registry.channel("woocommerce"))


@pytest.fixture
def landing(tmp_path: Path) -> Landing:
    return Landing(tmp_path / "landing")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Store]:
    """A second store, in which the connections are registered and nothing else."""
    made = open_store(f"sqlite:///{tmp_path / 'replayed.db'}")
    made.create_all()
    with made.begin() as tx:
        register_connection(tx, "shop", "woocommerce", "channel")
    yield made
    made.close()


def page(numbers: Sequence[int], minute: int, **changes: Any) -> Page:  # noqa: ANN401
    at = START + timedelta(days=200, minutes=minute)
    records = []
    for number in numbers:
        raw = json.loads(raw_order(number)) | changes
        raw["date_modified_gmt"] = (at - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%S")
        records.append(RawRecord(str(number), json.dumps(raw).encode()))
    return Page("orders", records, at)


def contents(store: Store) -> tuple[Any, ...]:
    """Everything that follows from what was read, by natural key."""
    with store.read() as tx:
        found = load_orders(tx, list(tx.scalars(select(orders.c.id))))
        held = [(row.failure, row.resolution) for row in list_quarantine(tx, resolved=True)]
    known = {
        (one.order.connection, one.order.external_id): (
            one.order,
            one.known.versions,
            one.known.gone,
            one.row["status"],
            one.row["is_history"],
            one.row["revision"],
        )
        for one in found.values()
    }
    return known, held


@pytest.mark.usefixtures("shop")
def test_s46_replay_gives_the_same_rows(store: Store, landing: Landing, empty: Store) -> None:
    pages = [
        page(range(1, 31), 1),
        page(range(11, 41), 2, status="completed"),
        page([5, 7], 3, total="1.00"),  # its sums differ
        page([5], 4, status="cancelled"),
        page(range(1, 6), 0),  # late: all of it is old
    ]
    for one in pages:
        ingest_page(store, landing, SHOP, one, now=NOW)
    told: list[tuple[int, int]] = []
    result = replay(empty, landing, now=NOW, progress=lambda done, of: told.append((done, of)))
    assert result.files == 5
    assert result.counts.records == 30 + 30 + 2 + 1 + 5
    assert result.counts.quarantined == 2
    assert told[-1] == (5, 5)
    known, held = contents(empty)
    assert len(known) == 40
    assert len(held) == 2
    assert (known, held) == contents(store)


@pytest.mark.usefixtures("shop")
def test_a_card_number_in_a_note_is_replayed_as_it_was_stored(
    store: Store, landing: Landing, empty: Store
) -> None:
    ingest_page(store, landing, SHOP, page([1], 1, customer_note="card 4111 1111 1111 1111"), now=NOW)
    replay(empty, landing, now=NOW)
    assert contents(store) == contents(empty)
    assert "1111" not in repr(contents(store)[0]["shop", "1"][0].notes)


@pytest.mark.usefixtures("shop")
def test_replay_refuses_a_store_with_orders(store: Store, landing: Landing) -> None:
    ingest_page(store, landing, SHOP, page([1], 1), now=NOW)
    with pytest.raises(StoreNotEmptyError):
        replay(store, landing, now=NOW)


def test_replay_names_what_it_cannot_read(landing: Landing, empty: Store, tmp_path: Path) -> None:
    whole = landing.land("shop", "orders", START, [("1", raw_order(1))])
    cut = landing.land("shop", "orders", START, [("2", raw_order(2)), ("3", raw_order(3))])
    stranger = landing.land("closed-shop", "orders", START, [("4", raw_order(4))])
    file = tmp_path / "landing" / cut.path
    file.write_bytes(file.read_bytes()[:-20])
    result = replay(empty, landing, now=NOW)
    assert result.damaged == (cut.path,)
    assert result.unknown == (stranger.path,)
    assert result.counts.created == 2
    assert whole.path not in result.damaged


def test_other_streams_go_to_whoever_replays_them(
    landing: Landing, empty: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def stock(tx: Connection, source: Source, records: Sequence[Landed], now: datetime) -> PageCounts:
        seen.extend(f"{source.connector} {record.external_id}" for record in records)
        return PageCounts(records=len(records), updated=len(records))

    monkeypatch.setattr(replaying, "_STREAMS", {})
    replaying.replays("stock")(stock)
    landing.land("shop", "stock", START, [("sku-1", b"{}"), ("sku-2", b"{}")])
    landing.land("shop", "orders", START, [("1", raw_order(1))])
    result = replay(empty, landing, now=NOW)
    assert seen == ["woocommerce sku-1", "woocommerce sku-2"]
    assert (result.counts.records, result.counts.created, result.counts.updated) == (3, 1, 2)
