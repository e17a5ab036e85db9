"""Guards against what happens twice, or late: taken away, the same play ends with something doubled or lost.

A kill alone does not show them: they are for two processes at once, for a sender that was given up and comes
back, and for old news that arrives after new.
"""

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import pytest
from sqlalchemy import Connection, Engine, event, func, literal, select, text, update

from analytics import publish as publishing
from order_store import allocations, creating, erasing, merging, outbox, updating
from order_store import orders as applying
from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.orders import apply_orders, find_order
from order_store.outbox import OutboxRow, State, claim, enqueue, settle
from order_store.schema import metadata
from order_store.schema.fulfilment import outbox as messages
from order_store.schema.fulfilment import stock_positions
from order_store.schema.orders import order_events, orders
from tests.faults.conftest import RecordFault
from tests.faults.crash.plays import Killed, both_ways
from tests.order_store.allocating import decision, prepared_order
from tests.order_store.samples import line, order
from tests.postgres import empty_database, running_postgres

Given = Any
"""What is handed through as it came."""

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def shop(store: Store) -> int:
    with store.begin() as tx:
        return register_connection(tx, "shop", "woocommerce", "channel")


def test_units_are_taken_only_while_they_are_there(
    store: Store, shop: int, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Two routers decided from the same stock."""
    numbers = iter(range(100))

    def holds() -> bool:
        ids = [prepared_order(store, shop, {"a": 1}, external_id=str(next(numbers))) for _ in range(2)]
        with store.begin() as tx:
            tx.execute(stock_positions.delete())
            place = {"warehouse": "LYS", "sku": "MUG", "basis": "physical", "on_hand": 1, "observed_at": NOW}
            tx.execute(stock_positions.insert().values(**place))
        for made in [decision(store, one, "LYS", {"a": 1}) for one in ids]:
            try:
                with store.begin() as tx:
                    allocations.commit_decision(tx, made, NOW)
            except allocations.AllocationConflict:
                pass
        with store.read() as tx:
            return bool(tx.scalar(select(stock_positions.c.reserved)) == 1)

    def take(tx: Connection, wanted: Given) -> bool:
        for (warehouse, sku), units in wanted.items():
            here = (stock_positions.c.warehouse == warehouse, stock_positions.c.sku == sku)
            changed = {"reserved": stock_positions.c.reserved + units}
            tx.execute(update(stock_positions).where(*here).values(changed))
        return True

    both_ways(holds, lambda: monkeypatch.setattr(allocations, "take", take), record_fault)
    assert allocations.take is take


def test_a_line_is_given_to_warehouses_once(
    store: Store, shop: int, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Two routers decided on the same order."""
    numbers = iter(range(100))

    def holds() -> bool:
        number = prepared_order(store, shop, {"a": 1}, external_id=str(next(numbers)))
        with store.begin() as tx:
            tx.execute(stock_positions.delete())
            place = {"warehouse": "LYS", "sku": "MUG", "basis": "physical", "on_hand": 9, "observed_at": NOW}
            tx.execute(stock_positions.insert().values(**place))
        made = decision(store, number, "LYS", {"a": 1})
        for _ in range(2):
            try:
                with store.begin() as tx:
                    allocations.commit_decision(tx, made, NOW)
            except allocations.AllocationConflict:
                pass
        with store.read() as tx:
            mine = metadata.tables["picklists"].c.order_id == number
            return bool(tx.scalar(select(func.count()).where(mine)) == 1)

    both_ways(
        holds,
        lambda: monkeypatch.setattr(allocations, "allocatable_units", lambda: literal(99)),
        record_fault,
    )


def test_old_news_changes_nothing(
    store: Store, shop: int, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """A page that was landed long ago is applied after a newer one."""
    numbers = iter(range(100))

    def holds() -> bool:
        name = str(next(numbers))
        with store.begin() as tx:
            apply_orders(tx, shop, [order(name, 2, lines=(line(ordered=5),))], now=NOW)
            apply_orders(tx, shop, [order(name, 1, lines=(line(ordered=9),))], now=NOW)
        with store.read() as tx:
            found = find_order(tx, "shop", name)
        assert found is not None
        return found.order == order(name, 2, lines=(line(ordered=9, cancelled=4),))

    def forgetful(known: merging.KnownOrder, incoming: Given) -> merging.Merged:
        return merging.Merged(
            merging.KnownOrder(incoming, known.versions), frozenset({"order", "lines", "totals"}), moved=True
        )

    both_ways(holds, lambda: monkeypatch.setattr(updating, "merge", forgetful), record_fault)


def test_a_sender_that_comes_back_late_records_nothing(
    store: Store, shop: int, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Its claim ran out, and another has sent the message since."""
    with store.begin() as tx:
        wms = register_connection(tx, "wms", "tryton", "wms")
    numbers = iter(range(100))

    def holds() -> bool:
        name = str(next(numbers))
        with store.begin() as tx:
            (made,) = apply_orders(tx, shop, [order(name)], now=NOW)
            enqueue(
                tx,
                order_id=made.order_id,
                connection_id=wms,
                operation="push_picklist",
                reference=name,
                subject_id=1,
                now=NOW,
            )
        with store.begin() as tx:
            (late,) = claim(tx, wms, "late", NOW, timedelta(minutes=1), 9)
        with store.begin() as tx:
            (mine,) = claim(tx, wms, "other", NOW + timedelta(minutes=5), timedelta(minutes=9), 9)
            settle(tx, mine, State.APPLIED, now=NOW + timedelta(minutes=6))
        with store.begin() as tx:
            settle(tx, late, State.REJECTED, now=NOW + timedelta(minutes=7), reason="too late")
        with store.read() as tx:
            state = tx.scalar(select(messages.c.state).where(messages.c.reference == name))
        return bool(state == State.APPLIED)

    def record(tx: Connection, row: OutboxRow, values: Given) -> bool:
        return tx.execute(update(messages).where(messages.c.id == row.id).values(**values)).rowcount == 1

    both_ways(holds, lambda: monkeypatch.setattr(outbox, "_record", record), record_fault)


def test_an_order_is_erased_once(
    store: Store, shop: int, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """The daily job and whoever was asked come to the same order."""
    names = iter("abcdef")

    def holds() -> bool:
        with store.begin() as tx:
            (made,) = apply_orders(tx, shop, [order(next(names))], now=NOW)
            for why in ("request", "policy"):
                erasing.mark_erased(tx, [made.order_id], why, NOW)
            mine = (order_events.c.order_id == made.order_id, order_events.c.kind == "erased")
            return list(tx.scalars(select(order_events.c.why).where(*mine))) == ["request"]

    both_ways(holds, lambda: monkeypatch.setattr(erasing, "erased_ids", lambda *_given: set()), record_fault)


def built(folder: Path, name: str, taken: datetime) -> Path:
    """A KPI file that is to be published."""
    with duckdb.connect(str(folder / name)) as made:
        made.execute("CREATE TABLE kpi_orders AS SELECT 1 AS orders")
    publishing.stamp(folder / name, taken)
    return folder / name


def test_an_older_kpi_file_never_replaces_a_newer_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """A build that began first and took longer."""
    published, look = tmp_path / "orderhub.duckdb", publishing.taken_at

    def holds() -> bool:
        published.unlink(missing_ok=True)
        publishing.publish(built(tmp_path, "new", NOW), published)
        publishing.publish(built(tmp_path, "old", NOW - timedelta(hours=1)), published)
        return look(published) == NOW

    def only_itself(database: Path) -> datetime | None:
        return None if database == published else look(database)

    both_ways(holds, lambda: monkeypatch.setattr(publishing, "taken_at", only_itself), record_fault)


def test_a_kpi_file_has_its_name_only_when_it_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Whoever publishes is killed when half of the file is written; readers had an older one."""
    published = tmp_path / "orderhub.duckdb"

    def killed(_descriptor: int) -> None:
        raise Killed

    def holds() -> bool:
        published.unlink(missing_ok=True)
        built(tmp_path, "old", NOW - timedelta(hours=1)).replace(published)
        with monkeypatch.context() as patch, pytest.raises(Killed):
            patch.setattr(os, "fsync", killed)
            publishing.publish(built(tmp_path, "new", NOW), published)
        (tmp_path / "new").unlink()
        try:
            return publishing.taken_at(published) == NOW - timedelta(hours=1)
        except duckdb.Error:
            return False

    def in_place(new: Path, name: Path) -> bool:
        content = new.read_bytes()
        with name.open("wb", buffering=0) as file:
            file.write(content[: len(content) // 2])
            os.fsync(file.fileno())
            file.write(content[len(content) // 2 :])
        return True

    both_ways(holds, lambda: monkeypatch.setattr(publishing, "publish", in_place), record_fault)


def test_an_order_of_a_channel_is_created_once(
    monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Two readers see the same new order; the second one looked before the first had committed."""
    with running_postgres() as server, empty_database(server) as url:
        store = open_store(url)
        store.create_all()
        with store.begin() as tx:
            shop = register_connection(tx, "shop", "woocommerce", "channel")
        names = iter("abcdef")

        def holds() -> bool:
            name = next(names)
            other = open_store(url)

            done: list[str] = []
            fresh = creating.insert_orders

            def late(tx: Connection, arrival: Given, given: Given) -> Given:
                if not done:
                    done.append(name)
                    with other.begin() as earlier:
                        apply_orders(earlier, shop, [order(name)], now=NOW)
                return fresh(tx, arrival, given)

            with monkeypatch.context() as patch, store.begin() as tx:
                patch.setattr(applying, "insert_orders", late)
                apply_orders(tx, shop, [order(name)], now=NOW)
            other.close()
            assert done
            with store.read() as tx:
                count = select(func.count()).where(orders.c.external_id == name)
                return bool(tx.scalar(count) == 1)

        def drop_constraint() -> None:
            names = "SELECT conname FROM pg_constraint WHERE conrelid = 'orders'::regclass AND contype = 'u'"
            with store.begin() as tx:
                tx.exec_driver_sql(f'ALTER TABLE orders DROP CONSTRAINT "{tx.scalar(text(names))}"')
            event.listen(Engine, "before_cursor_execute", _insert_whatever_is_there, retval=True)

        try:
            both_ways(holds, drop_constraint, record_fault)
        finally:
            event.remove(Engine, "before_cursor_execute", _insert_whatever_is_there)
            store.close()


def _insert_whatever_is_there(
    _tx: Connection, _cursor: Given, statement: str, parameters: Given, *_rest: Given
) -> tuple[str, Any]:
    if statement.startswith("INSERT INTO orders "):
        statement = re.sub(r"ON CONFLICT \(connection_id, external_id\) DO NOTHING", "", statement)
    return statement, parameters
