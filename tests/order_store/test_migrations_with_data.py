"""A store of every earlier revision, with rows in every table that it had, is brought to the newest one."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, Table, insert, inspect, select, update

from order_store.binding import set_state
from order_store.connections import register_connection
from order_store.dialects import insert_rows
from order_store.engine import open_store
from order_store.erasing import mark_erased
from order_store.events import timeline
from order_store.hub_events import HubEvent, add_hub_events
from order_store.imbalances import Imbalance, hold_imbalances
from order_store.leases import acquire_lease
from order_store.migrations import _config, upgrade
from order_store.orders import apply_orders, find_order
from order_store.outbox import enqueue, messages
from order_store.parcels import apply_tracking, apply_wms_shipment
from order_store.picklists import load_picklist
from order_store.quarantine import Failure, list_quarantine, quarantine_records
from order_store.reading import begin_window, read_marks
from order_store.routing import note_refusal
from order_store.schema import metadata
from order_store.schema.balance import restores
from order_store.schema.base import from_micros
from order_store.schema.catalogue import kit_components, sku_aliases, skus
from order_store.schema.fulfilment import parcels, routing_decisions, stock_bins, stock_shortages
from order_store.schema.orders import holds, order_events
from order_store.schema.privacy import erasures
from order_store.schema.reading import landing_files
from order_store.stock import available_stock
from order_store.views import view_definitions
from tests.order_store.conftest import NOW
from tests.order_store.fulfilment_samples import KIT, answer, parcel, place, scan, told
from tests.order_store.samples import full_order

REVISIONS = sorted(one.revision for one in ScriptDirectory.from_config(_config()).walk_revisions())
EARLIER = REVISIONS[:-1]
Rows = Mapping[str, tuple[tuple[str, ...], list[tuple[Any, ...]]]]
"""By table: the columns and the rows, as the database keeps them."""
ERASED = "1002"
SIGNED = "Delivered, signed by Zilpzalp"
GONE = {"tracking_events": {"description": SIGNED}}
"""Columns that earlier revisions had, and what stands there."""


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Rows:
    """Rows of every table, as a hub at work leaves them."""
    url = f"sqlite:///{tmp_path_factory.mktemp('filled') / 'hub.db'}"
    upgrade(url)
    store = open_store(url)
    with store.begin() as tx:
        _fill(tx)
    with store.read() as tx:
        found = {table.name: _raw(tx, table) for table in _tables(tx)}
    store.close()
    return found


def _fill(tx: Connection) -> None:
    order_id, picklist_id = place(tx, [(2, KIT), (1, {"MUG": 1})])
    shop = register_connection(tx, "shop", "woocommerce", "channel")
    wms = register_connection(tx, "wms", "tryton", "wms")
    enqueue(
        tx,
        order_id=order_id,
        connection_id=wms,
        operation="push_picklist",
        reference="P1001.1",
        subject_id=picklist_id,
        now=NOW,
    )
    left = parcel("p1", {"CUP": 4, "TIN": 2}, "1Z1")
    (parcel_id,) = apply_wms_shipment(
        tx, wms, told("shipped", parcels=[left], picks=left.lines), NOW
    ).new_parcels
    apply_tracking(tx, parcel_id, answer("in_transit", 60, scan("in_transit", 30)), NOW)
    quarantine_records(tx, shop, [Failure("orders", "9", "undecodable", "no JSON", "a/b", 8, NOW)], NOW)
    begin_window(tx, shop, "orders", NOW - timedelta(days=1), NOW, NOW)
    assert acquire_lease(tx, "read:shop:orders", "me", NOW, timedelta(hours=1))
    always = from_micros(0)
    tx.execute(insert(skus).values(sku="CUP", title="Cup", valid_from=always, weight_g=300))
    tx.execute(insert(sku_aliases).values(connection="*", channel_sku="C", sku="CUP", valid_from=always))
    tx.execute(insert(kit_components).values(kit="SET", sku="CUP", units=2, valid_from=always))
    tx.execute(insert(stock_bins).values(warehouse="LYS", sku="MUG", bin="A-1", lot="", on_hand=100))
    tx.execute(insert(stock_shortages).values(warehouse="LYS", sku="MUG", units=1, since=NOW, ended_at=NOW))
    tx.execute(
        insert(holds).values(order_id=order_id, code="sku_unknown", detail="?", since=NOW, released_at=NOW)
    )
    decided = {"order_id": order_id, "order_revision": 1, "at": NOW, "config_version": "1", "plan": "{}"}
    tx.execute(insert(routing_decisions).values(decided))
    tx.execute(
        insert(landing_files).values(
            connection_id=shop,
            stream="orders",
            path="shop/orders/2026-11-01/1-a.land",
            first_sequence=1,
            records=1,
            bytes=99,
            observed_at=NOW,
            recorded_at=NOW,
        )
    )

    apply_orders(tx, shop, [full_order()], now=NOW)  # with charges, fulfilments, refunds, returns
    erased_id, _ = place(tx, [(1, {"MUG": 1})], ERASED)
    sent = parcel("p2", {"MUG": 1}, "1Z2")
    reference = f"P{ERASED}.1"
    apply_wms_shipment(tx, wms, told("shipped", parcels=[sent], picks=sent.lines, reference=reference), NOW)
    mark_erased(tx, [erased_id], "request", NOW)
    note_refusal(tx, order_id, "LYS", "no stock", NOW)
    set_state(tx, "key_store", "k1")
    hold_imbalances(tx, [Imbalance("paid", str(order_id), "1 EUR is missing", order_id=order_id)], NOW)
    add_hub_events(tx, [HubEvent(NOW, "lease_freed", "doctor", "lease x", "it ran out")])
    tx.execute(insert(restores).values(taken_at=NOW, restored_at=NOW, recovered_at=NOW))


def _tables(tx: Connection) -> list[Table]:
    present = MetaData()
    present.reflect(tx)
    return [table for table in present.sorted_tables if table.name != "alembic_version"]


def _raw(tx: Connection, table: Table) -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
    columns = [column for column in table.columns if column.computed is None]
    query = select(*columns).order_by(*table.primary_key.columns)
    return tuple(column.name for column in columns), [tuple(row) for row in tx.execute(query)]


def _load(tx: Connection, rows: Rows) -> set[str]:
    """Put the rows into the tables that there are; returns the tables that got some."""
    filled: set[str] = set()
    for table in _tables(tx):
        columns, found = rows[table.name]
        there = {column.name for column in table.columns}
        kept = [number for number, name in enumerate(columns) if name in there]
        gone = {name: value for name, value in GONE.get(table.name, {}).items() if name in there}
        names = (*(columns[number] for number in kept), *gone)
        insert_rows(tx, table, names, [(*(row[number] for number in kept), *gone.values()) for row in found])
        if found:
            filled.add(table.name)
    return filled


def test_the_rows_fill_every_table(rows: Rows) -> None:
    assert set(rows) == set(metadata.tables)
    assert {name for name, (_columns, found) in rows.items() if not found} == set()


@pytest.mark.parametrize("revision", EARLIER)
def test_what_an_earlier_revision_held_is_there_and_read(empty_url: str, rows: Rows, revision: str) -> None:
    upgrade(empty_url, revision)
    store = open_store(empty_url)
    with store.begin() as tx:
        filled = _load(tx, rows)
        assert {table.name for table in _tables(tx)} == filled, "no migration meets an empty table"
    upgrade(empty_url)
    with store.read() as tx:
        assert set(inspect(tx).get_view_names()) == set(view_definitions())
        for table in _tables(tx):
            if table.name not in filled:
                continue
            columns, expected = rows[table.name]
            names, found = _raw(tx, table)
            assert set(names) == set(columns)
            shown = [dict(zip(names, row, strict=True)) for row in found]
            wanted = [dict(zip(columns, row, strict=True)) for row in expected]
            assert [_told(row, table) for row in shown] == [_told(row, table) for row in wanted], table.name
        for view in view_definitions():
            tx.exec_driver_sql(f"SELECT * FROM {view}").all()
        assert [one.failure.external_id for one in list_quarantine(tx)] == ["9"]
        assert read_marks(tx, 1, "orders").in_window
        if "orders" in filled:
            order = find_order(tx, "shop", "1001")
            assert order is not None
            assert order.order.lines
            assert [line["ordered"] for line in order.lines] == [2, 1]
            assert timeline(tx, order.row["id"])[0].kind == "created"
        if "picklists" in filled:
            picklist = load_picklist(tx, 1)
            assert (picklist.state, len(picklist.allocations)) == ("shipped", 3)
            assert [row.operation for row in messages(tx)] == ["push_picklist"]
            assert available_stock(tx)["LYS", "MUG"] > 0
    store.close()


def _told(row: Mapping[str, Any], table: Table) -> dict[str, Any]:
    """A row without what is computed or what a migration may have filled in."""
    return {name: value for name, value in row.items() if value is not None and name in table.c}


def test_what_carriers_said_of_people_is_gone_from_an_earlier_store(
    empty_url: str, tmp_path: Path, rows: Rows
) -> None:
    """From its tables, and on SQLite from its file."""
    upgrade(empty_url, "0008")
    store = open_store(empty_url)
    with store.begin() as tx:
        _load(tx, rows)
        detail = msgspec.json.encode({"parcel": 1, "carrier_status": SIGNED}).decode()
        tx.execute(update(order_events).where(order_events.c.id == 1).values(detail=detail))
        erased = parcels.c.order_id.in_(select(erasures.c.order_id))
        tx.execute(update(parcels).where(erased).values(carrier_status=SIGNED))
    upgrade(empty_url)
    with store.read() as tx:
        assert tx.exec_driver_sql("SELECT count(*) FROM tracking_events").scalar() == 1
        said = select(parcels.c.carrier_status).order_by(parcels.c.id)
        assert list(tx.scalars(said)) == ["in_transit", None], "of whom nobody erased, the word stays"
        assert timeline(tx, 1)[0].detail == {"parcel": 1}
        assert not any(SIGNED in repr(_raw(tx, table)) for table in _tables(tx))
    store.close()
    assert not any(SIGNED.encode() in path.read_bytes() for path in tmp_path.glob("hub.db*"))


def test_every_revision_follows_the_one_before_it() -> None:
    assert [f"{number:04d}" for number in range(1, len(REVISIONS) + 1)] == REVISIONS


def test_an_upgrade_that_fails_leaves_the_store_as_it_was(tmp_path: Path) -> None:
    """All migrations of an upgrade are one transaction."""
    url = f"sqlite:///{tmp_path / 'hub.db'}"
    upgrade(url, "0003")
    store = open_store(url)
    with store.begin() as tx:
        tx.exec_driver_sql("CREATE TABLE imbalances (id INTEGER)")  # in the way of a later revision
    with pytest.raises(Exception, match="imbalances"):
        upgrade(url)
    with store.read() as tx:
        assert "picklists" not in inspect(tx).get_table_names()
        assert tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar_one() == "0003"
    store.close()
