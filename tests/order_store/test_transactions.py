"""Transactions that get in each other's way: one waits, or is done again; nothing is lost."""

import threading
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy.exc
from sqlalchemy import select, text

from normalization.records import StockLevel
from normalization.statuses import StockBasis
from order_store.connections import register_connection
from order_store.engine import ATTEMPTS, Store, open_store, was_ended_for_another
from order_store.schema.fulfilment import stock_positions
from order_store.schema.reading import connections
from order_store.stock import apply_snapshot
from tests.order_store.conftest import NOW


def add_one(store: Store, name: str, other: str, meet: threading.Barrier, tries: list[str]) -> None:
    """Change `name`, then `other`; two that do so crosswise wait for each other in a circle."""

    def work(tx: sqlalchemy.Connection) -> None:
        tries.append(name)
        for place, wanted in enumerate((name, other)):
            tx.execute(
                text("UPDATE connections SET connector = connector || '+' WHERE name = :name"),
                {"name": wanted},
            )
            if not place and not store.is_sqlite and tries.count(name) == 1:
                meet.wait(30)

    store.transact(work)


def test_a_transaction_that_was_ended_in_a_deadlock_is_done_again(store: Store) -> None:
    with store.begin() as tx:
        for name in ("a", "b"):
            register_connection(tx, name, "x", "channel")
    meet, tries = threading.Barrier(2), []  # type: ignore[var-annotated]
    pairs: Sequence[tuple[str, str]] = (("a", "b"), ("b", "a"))
    threads = [threading.Thread(target=add_one, args=(store, *pair, meet, tries)) for pair in pairs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    with store.read() as tx:
        assert set(tx.scalars(select(connections.c.connector))) == {"x++"}
    assert len(tries) == (2 if store.is_sqlite else 3)


def test_what_fails_by_itself_is_not_repeated_and_what_never_works_is_given_up(store: Store) -> None:
    tries: list[int] = []

    def wrong(tx: sqlalchemy.Connection) -> None:
        tries.append(1)
        tx.execute(text("SELECT nothing_of_that_name"))

    with pytest.raises(sqlalchemy.exc.DBAPIError):
        store.transact(wrong)
    assert len(tries) == 1

    class Deadlock(Exception):
        sqlstate = "40P01"

    def never(_tx: sqlalchemy.Connection) -> None:
        tries.append(1)
        raise Deadlock

    with pytest.raises(Deadlock):
        store.transact(never)
    assert len(tries) == 1 + ATTEMPTS
    assert not was_ended_for_another(ValueError())


def snapshot(store: Store, minutes: int, units: int, begun: threading.Event | None = None) -> None:
    at = NOW + timedelta(minutes=minutes)
    level = StockLevel(site="1", sku="MUG", on_hand=units, basis=StockBasis.PHYSICAL, observed_at=at)
    with store.begin() as tx:
        if begun:
            begun.set()
        apply_snapshot(tx, "lyon", [level], StockBasis.PHYSICAL, at, lambda _: 0, NOW)


def test_an_older_snapshot_that_waited_for_a_newer_one_changes_nothing(store: Store) -> None:
    snapshot(store, 0, 9)
    begun = threading.Event()
    older = threading.Thread(target=snapshot, args=(store, 1, 8, begun))
    at = NOW + timedelta(minutes=2)
    newer = StockLevel(site="1", sku="MUG", on_hand=7, basis=StockBasis.PHYSICAL, observed_at=at)
    with store.begin() as tx:
        apply_snapshot(tx, "lyon", [newer], StockBasis.PHYSICAL, at, lambda _: 0, NOW)
        older.start()
        if not store.is_sqlite:
            assert begun.wait(30)
            older.join(0.5)  # it is waiting for our lock by now
    older.join(60)
    with store.read() as tx:
        row = tx.execute(select(stock_positions)).one()
    assert (row.on_hand, row.observed_at) == (7, at)


def test_a_writer_that_waited_in_vain_goes_on_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite's own time-out is over before the writer in front of it is done."""
    monkeypatch.setattr("order_store.engine.BUSY_TIMEOUT_MS", 200)
    store = open_store(f"sqlite:///{tmp_path / 'hub.db'}")
    store.create_all()
    done: list[str] = []

    def second() -> None:
        with store.begin() as tx:
            register_connection(tx, "b", "x", "channel")
        done.append("b")

    waiting = threading.Thread(target=second)
    with store.begin() as tx:
        waiting.start()
        waiting.join(0.5)
        register_connection(tx, "a", "x", "channel")
        assert not done
    waiting.join(30)
    with store.read() as tx:
        assert sorted(tx.scalars(select(connections.c.name))) == ["a", "b"]
    store.close()
