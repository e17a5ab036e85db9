"""People are erased: figures stay, replay gives the same, nobody comes back."""

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import func, select
from typer.testing import CliRunner

from order_store.erasing import names_of
from order_store.landing import ERASED_ORDERS, LandedFile, Landing
from order_store.orders import find_order
from order_store.personal import orders_of_person, personal_data_by_order
from order_store.schema.orders import orders
from order_store.schema.privacy import erasures
from pipelines.cli.app import app
from pipelines.key_ring import erasure_lists_of
from pipelines.problems import ProblemError
from pipelines.services.backup import make_backup
from pipelines.services.erase import REQUEST, erase_due, erase_orders, reapply_erasures, refuse_open
from pipelines.services.erase_again import erase_again
from pipelines.services.ingest import ingest_page
from pipelines.services.kpis import run_folder, take_snapshot
from pipelines.services.orders import backfill_orders, channel_of, sync_orders
from pipelines.services.replay import replay
from pipelines.services.restore import restore_backup
from sandbox.registry import CHANNELS, CONNECTIONS
from sandbox.world import ShopOrder
from tests.scenarios.conftest import hub_of

OpenStage = Callable[..., Any]
CANARY = "Zilpzalp"


def delivered_orders(stage: Any, count: int = 8) -> list[ShopOrder]:  # noqa: ANN401
    """Orders whose parcels have all arrived, and the hub knows it."""
    placed = [stage.place(list(CHANNELS)[number % 4], canary=CANARY) for number in range(count)]
    stage.wait(minutes=15)
    for _ in range(20):
        assert stage.cycle().failures == {}
        if all(stage.stored(order).row["status"] == "delivered" for order in placed):
            return placed
        stage.wait(hours=20)
    raise AssertionError("some never arrived")


def ids_of(stage: Any, placed: list[ShopOrder]) -> list[int]:  # noqa: ANN401
    return [stage.stored(order).row["id"] for order in placed]


def figures(stage: Any, run: str) -> dict[str, list[Any]]:  # noqa: ANN401
    """All that KPI tables are made of, and nothing else is: what a snapshot holds."""
    take_snapshot(stage.hub, run)
    found = {}
    for file in sorted(run_folder(stage.hub, run).glob("snapshot/*.parquet")):
        found[file.stem] = duckdb.sql(f"SELECT * FROM '{file}' ORDER BY ALL").fetchall()
    return found


def replayed(stage: Any) -> dict[tuple[str, str], Any]:  # noqa: ANN401
    with stage.empty_hub() as empty:
        settings = {one.name: one.settings for one in empty.config.connections}
        result = replay(empty.store, empty.landing, now=stage.clock.now(), settings=settings)
        assert (result.damaged, result.unknown) == ((), ())
        with empty.store.read() as tx:
            return {key: find_order(tx, *key) for key in stage.known()}


def test_figures_and_replay_are_the_same_before_and_after_an_erasure(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, seed=11)
    placed = delivered_orders(stage)
    before = figures(stage, "before")
    assert sum(map(len, before.values())) > 50
    gone = placed[:5]
    result = erase_orders(stage.hub, ids_of(stage, gone), REQUEST)
    assert result.orders == 5
    assert result.keys >= 15, "the order's key, its shipment's, its parcel's"
    assert figures(stage, "after") == before

    again = replayed(stage)
    for order in placed:
        stored = stage.stored(order).order
        assert again[order.channel, order.external_id].order == stored
        assert (stored.buyer is None) == (order in gone)
    for path in stage.hub.landing.paths():
        for record in stage.hub.landing.read(path):
            if record.external_id in {order.external_id for order in gone}:
                assert CANARY.encode() not in record.payload


def test_an_erased_order_that_is_read_again_brings_news_and_nobody(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, seed=11)
    placed = delivered_orders(stage, 4)
    erase_orders(stage.hub, ids_of(stage, placed), REQUEST)
    for order in placed:  # Amazon tells of no refunds
        stage.world.refund(order, {order.lines[0].line_id: 1}, "too small")
    stage.wait(hours=1)
    for channel in CHANNELS:
        backfill_orders(
            stage.hub, channel, stage.clock.now() - timedelta(days=40), stage.clock.now() - timedelta(hours=1)
        )
        stage.read(channel)
    for order in placed:
        stored = stage.stored(order)
        assert stored.order.refunds or order.channel == "amazon-uk"
        assert stored.order.buyer is None
        assert CANARY not in repr(stored.order)
    again = replayed(stage)
    for order in placed:
        assert again[order.channel, order.external_id].order == stage.stored(order).order
    for path in stage.hub.landing.paths():
        assert not any(CANARY.encode() in record.payload for record in stage.hub.landing.read(path))


def test_an_address_that_outlived_a_poorer_answer_goes_with_the_erasure(open_stage: OpenStage) -> None:
    stage = open_stage(*CONNECTIONS, seed=11)
    placed = delivered_orders(stage, 4)
    for channel in CHANNELS:
        stage.sandbox.fault(channel, "missing_address", 1000)

    def streets_after_reading() -> list[bool]:
        for order in placed:
            stage.world.refund(order, {order.lines[0].line_id: 1}, "too small")
        stage.wait(hours=1)
        until = stage.clock.now() - timedelta(minutes=10)
        for channel in CHANNELS:
            backfill_orders(stage.hub, channel, until - timedelta(days=40), until)
        return [bool(stage.stored(order).order.ship_to.street) for order in placed]

    assert all(streets_after_reading())
    erase_orders(stage.hub, ids_of(stage, placed), REQUEST)
    assert not any(streets_after_reading())
    again = replayed(stage)
    for order in placed:
        assert again[order.channel, order.external_id].order == stage.stored(order).order


def test_another_process_that_remembers_the_key_brings_nobody_back(open_stage: OpenStage) -> None:
    """It reads a refund with the buyer's words within the minute in which it may still use the key."""
    stage = open_stage("woo-de", "shopify-eu", seed=11)
    placed = [stage.place(channel, canary=CANARY) for channel in ("woo-de", "shopify-eu")]
    stage.wait(minutes=15)
    other = hub_of(stage.environ, stage.clock)
    for order in placed:
        stage.read(order.channel)
        assert not other.keys.erased(order.channel, [order.external_id]), "remembered"
    erase_orders(stage.hub, ids_of(stage, placed), REQUEST)
    for order in placed:
        stage.world.refund(order, {order.lines[0].line_id: 1}, "too small")
    stage.wait(minutes=15)
    assert not other.keys.erased(placed[0].channel, [placed[0].external_id]), "still"
    for order in placed:
        sync_orders(other, order.channel)
    other.close()
    again = replayed(stage)
    for order in placed:
        stored = stage.stored(order).order
        assert stored.refunds
        assert CANARY not in repr(stored)
        assert again[order.channel, order.external_id].order == stored
        with stage.hub.store.read() as tx:
            assert orders_of_person(tx, email=order.buyer.email) == []


class ErasedMeanwhile(Landing):
    """A landing whose reader is overtaken by an erasure between landing and transaction."""

    erase: Callable[[], Any]

    def land(self, *arguments: Any) -> LandedFile:  # noqa: ANN401
        file = super().land(*arguments)
        self.erase()
        return file


def test_what_was_read_while_the_key_was_destroyed_is_landed_again(open_stage: OpenStage) -> None:
    """The record is sealed under the key that goes, and the store is told after the mark is set."""
    stage = open_stage("woo-de")
    order = stage.place("woo-de", canary=CANARY)
    stage.wait(minutes=15)
    stage.read("woo-de")
    other = hub_of(stage.environ, stage.clock)
    landing = ErasedMeanwhile(stage.environ["ORDERHUB_LANDING"], other.keys)
    landing.erase = lambda: erase_orders(stage.hub, ids_of(stage, [order]), REQUEST)
    stage.world.refund(order, {order.lines[0].line_id: 1}, "too small")
    page = stage.fetch(order)
    ingest_page(other.store, landing, channel_of(other, "woo-de"), page, now=stage.clock.now())
    other.close()
    stored = stage.stored(order).order
    assert stored.refunds
    assert stored.buyer is None
    with stage.hub.store.read() as tx:
        assert orders_of_person(tx, email=order.buyer.email) == []
    stage.wait(hours=1)
    erase_due(stage.hub)
    assert replayed(stage)[order.channel, order.external_id].order == stored
    files = stage.hub.landing.paths(stream=ERASED_ORDERS)
    erase_due(stage.hub)
    assert stage.hub.landing.paths(stream=ERASED_ORDERS) == files, "once is enough"


def test_an_order_that_is_still_to_be_shipped_keeps_its_address(open_stage: OpenStage) -> None:
    stage = open_stage("woo-de")
    order = stage.place("woo-de", canary=CANARY)
    stage.wait(minutes=15)
    stage.read("woo-de")
    stage.wait(days=400)
    erase_due(stage.hub)
    assert stage.stored(order).order.ship_to.name
    with stage.hub.store.read() as tx, pytest.raises(ProblemError, match=order.number):
        refuse_open(tx, ids_of(stage, [order]))


@pytest.mark.parametrize("step", ["landed", "listed", "destroyed"])
def test_an_erasure_that_is_killed_half_way_is_finished(open_stage: OpenStage, step: str) -> None:
    """Before it is listed nothing has happened; from then on it is certain."""
    stage = open_stage("woo-de")
    order = stage.place("woo-de", canary=CANARY)
    stage.wait(minutes=15)
    stage.read("woo-de")
    ids = ids_of(stage, [order])
    lists = erasure_lists_of(stage.hub.config, stage.hub.state)
    with stage.hub.store.read() as tx:
        names = names_of(tx, ids)
    if step != "landed":
        lists.add(names, REQUEST)
    if step == "destroyed":
        lists.apply(stage.hub.keys)
    stage.hub.close()
    stage.hub = hub_of(stage.environ, stage.clock)
    with stage.hub.store.read() as tx:
        readable = personal_data_by_order(tx, ids)[ids[0]].buyer is not None
    assert readable == (step == "landed")
    erase_due(stage.hub)
    with stage.hub.store.read() as tx:
        marked = tx.scalar(select(func.count()).select_from(erasures))
    assert marked == (0 if step == "landed" else 1)
    assert replayed(stage)[order.channel, order.external_id].order == stage.stored(order).order


@pytest.mark.parametrize("old_keys", [True, False], ids=["old-copy-of-keys", "keys-as-they-are"])
def test_a_restored_backup_cannot_show_who_was_erased_since(
    open_stage: OpenStage, tmp_path: Path, old_keys: bool
) -> None:
    stage = open_stage("shopify-eu", "woo-de", seed=11)
    placed = [stage.place(channel, canary=CANARY) for channel in ("shopify-eu", "woo-de", "woo-de")]
    stage.wait(minutes=15)
    stage.read("shopify-eu")
    stage.read("woo-de")
    folder = stage.hub.state.parent / "keys"
    make_backup(stage.hub, tmp_path / "backup")
    stage.hub.close()
    shutil.copytree(folder, tmp_path / "old-keys")
    stage.hub = hub_of(stage.environ, stage.clock)
    gone, kept = placed[:2], placed[2]
    erase_orders(stage.hub, ids_of(stage, gone), REQUEST)
    stage.hub.close()

    store = Path(stage.environ["ORDERHUB_STORE"].removeprefix("sqlite:///"))
    for file in store.parent.glob(f"{store.name}*"):
        file.unlink()
    shutil.rmtree(stage.environ["ORDERHUB_LANDING"])
    if old_keys:
        for file in folder.glob("keys.db*"):
            file.unlink()
        shutil.copy(tmp_path / "old-keys" / "keys.db", folder / "keys.db")
    config, state, now = stage.hub.config, stage.hub.state, stage.clock.now()
    restore_backup(config, tmp_path / "backup", state, now, also=erase_again(config, state, now))
    stage.hub = hub_of(stage.environ, stage.clock)
    reapply_erasures(stage.hub)
    assert reapply_erasures(stage.hub) == 0

    for order in gone:
        assert stage.stored(order).order.buyer is None
        with stage.hub.store.read() as tx:
            assert orders_of_person(tx, email=order.buyer.email) == []
    assert CANARY in stage.stored(kept).order.buyer.name
    again = replayed(stage)
    for order in placed:
        assert again[order.channel, order.external_id].order == stage.stored(order).order
    for path in stage.hub.landing.paths():
        for record in stage.hub.landing.read(path):
            if record.external_id in {order.external_id for order in gone}:
                assert CANARY.encode() not in record.payload


def test_another_key_store_is_refused_and_can_be_adopted(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = open_stage("woo-de")
    order = stage.place("woo-de", canary=CANARY)
    stage.wait(minutes=15)
    stage.read("woo-de")
    stage.hub.close()
    shutil.rmtree(stage.hub.state.parent / "keys")
    with pytest.raises(ProblemError, match="keys adopt"):
        hub_of(stage.environ, stage.clock)
    for name, value in stage.environ.items():
        monkeypatch.setenv(name, value)
    assert CliRunner().invoke(app, ["keys", "adopt", "--yes"]).exit_code == 0
    stage.hub = hub_of(stage.environ, stage.clock)
    assert stage.stored(order).order.buyer is None, "what the lost keys sealed is lost"
    stage.wait(minutes=5)
    backfill_orders(stage.hub, "woo-de", stage.clock.now() - timedelta(days=1), stage.clock.now())
    assert CANARY in stage.stored(order).order.buyer.name, "and read anew from the channel"


def test_a_person_is_exported_and_erased_by_command(
    open_stage: OpenStage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage = open_stage("woo-de", "shopify-eu")
    order = stage.place("woo-de", canary=CANARY)
    other = stage.place("shopify-eu")
    stage.wait(minutes=15)
    stage.read("woo-de")
    stage.read("shopify-eu")
    for name, value in stage.environ.items():
        monkeypatch.setenv(name, value)
    run = CliRunner().invoke

    def told(*arguments: str) -> Any:  # noqa: ANN401
        result = run(app, list(arguments))
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    found = told("export", order.buyer.email.upper(), "--raw")
    assert found["orders"][0]["order"]["external_id"] == order.external_id
    assert CANARY in json.dumps(found["orders"])
    assert CANARY in json.dumps(found["records"], ensure_ascii=False)
    file = tmp_path / "person.json"
    assert run(app, ["export", f"woo-de/{order.external_id}", "--out", str(file)]).exit_code == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert isinstance(run(app, ["export", "nobody@example.net"]).exception, ProblemError)

    assert isinstance(run(app, ["erase", order.buyer.email, "--yes"]).exception, ProblemError)
    assert told("erase", order.number, "--even-open", "--yes", "--json")["orders"] == 1
    assert isinstance(run(app, ["export", order.buyer.email]).exception, ProblemError)
    assert told("export", order.number)["orders"][0]["erased"] is True
    assert stage.stored(other).order.buyer

    status = told("keys", "status", "--json")
    assert status["destroyed"] == 1
    assert told("keys", "rotate", "--json")["master_versions"] == [2, 1]
    assert stage.stored(other).order.buyer
    purposes = {row["purpose"] for row in told("keys", "log", "--json")["reads"]}
    assert {"export for the person", "erasing"} <= purposes


def test_records_that_no_order_claims_are_erased_in_time(open_stage: OpenStage) -> None:
    """An order that could never be understood holds a person, too."""
    stage = open_stage("woo-de")
    order = stage.place("woo-de", canary=CANARY)
    stage.wait(minutes=15)
    stage.read("woo-de")
    with stage.hub.store.read() as tx:
        assert tx.scalar(select(func.count()).select_from(orders)) == 1
    made = stage.hub.state.parent / "keys" / "keys.db"
    stage.hub.landing.land("woo-de", "orders", stage.clock.now(), [("unclaimed", CANARY.encode())])
    with closing(sqlite3.connect(made, isolation_level=None)) as database:
        database.execute("UPDATE data_keys SET created_at = 0 WHERE connection <> ''")
    result = erase_due(stage.hub)
    assert result.unclaimed == 1
    assert stage.hub.landing.erased("woo-de", ["unclaimed", order.external_id]) == {"unclaimed"}
    assert stage.stored(order).order.buyer
