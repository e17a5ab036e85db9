"""Guards against words of warehouses and messages that come twice, or late: as test_repeated."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import count
from types import SimpleNamespace
from typing import Any

import pytest
from sqlalchemy import Column, Connection, func, select, update

from normalization.records import StockLevel, WmsShipment
from normalization.statuses import StockBasis
from order_store import allocations, shipments, stock
from order_store import outbox as messages
from order_store.connections import register_connection
from order_store.engine import Store
from order_store.schema.fulfilment import allocations as given
from order_store.schema.fulfilment import outbox, picklists, stock_positions
from order_store.schema.orders import order_lines
from pipelines.services import confirm, movable
from tests.faults.conftest import RecordFault
from tests.faults.crash.plays import both_ways
from tests.order_store.allocating import NOW, decide, prepared_order
from tests.order_store.fulfilment_samples import parcel, place, told

Given = Any
"""What is handed through as it came."""
HUB: Any = SimpleNamespace(config=SimpleNamespace(connections=[SimpleNamespace(name="shop")]))
"""All that the confirmations ask of a hub."""


@pytest.fixture
def names() -> Iterator[str]:
    """Each play has an order of its own."""
    return (str(number) for number in count(1))


def wms_of(tx: Connection) -> int:
    """The WMS of the samples."""
    return register_connection(tx, "wms", "tryton", "wms")


def put_on_shelf(tx: Connection, units: int) -> None:
    """So many mugs lie at LYS."""
    tx.execute(stock_positions.delete())
    position = {"warehouse": "LYS", "sku": "MUG", "basis": "physical", "on_hand": units, "observed_at": NOW}
    tx.execute(stock_positions.insert().values(**position))


def allocated_order(store: Store, name: str, units: int) -> int:
    with store.begin() as tx:
        shop = register_connection(tx, "shop", "woocommerce", "channel")
        put_on_shelf(tx, units)
    return prepared_order(store, shop, {"a": units}, external_id=name)


def is_one(store: Store, units: Column[int], order_id: int) -> bool:
    """Whether the one line of an order has one unit of that kind."""
    with store.read() as tx:
        return bool(tx.scalar(select(units).where(order_lines.c.order_id == order_id)) == 1)


def test_old_news_of_a_warehouse_change_nothing(
    store: Store, names: Iterator[str], monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """It was asked for a picklist, and a page that was read before arrives after the answer."""

    def holds() -> bool:
        name = next(names)
        with store.begin() as tx:
            _, number = place(tx, [(1, {"MUG": 1})], name)
            wms = wms_of(tx)
            for state, version in (("picked", 2), ("accepted", 1)):
                word = told(state, version, reference=f"P{name}.1")
                shipments.apply_wms_shipment(tx, wms, word, NOW)
            return bool(tx.scalar(select(picklists.c.state).where(picklists.c.id == number)) == "picked")

    apply = shipments.apply_wms_shipment

    def forgetful(tx: Connection, wms: int, word: WmsShipment, *rest: Given) -> Given:
        mine = picklists.c.reference == word.reference
        tx.execute(update(picklists).where(mine).values(version_revision="", version_observed_at=0))
        return apply(tx, wms, word, *rest)

    both_ways(holds, lambda: monkeypatch.setattr(shipments, "apply_wms_shipment", forgetful), record_fault)


def test_an_older_snapshot_of_stock_changes_nothing(
    store: Store, names: Iterator[str], monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """What was sold since would be promised again."""

    def holds() -> bool:
        warehouse = next(names)
        with store.begin() as tx:
            for units, at in ((1, NOW), (5, NOW - timedelta(hours=1))):
                level = StockLevel(
                    site="1", sku="MUG", on_hand=units, basis=StockBasis.PHYSICAL, observed_at=at
                )
                stock.apply_snapshot(tx, warehouse, [level], StockBasis.PHYSICAL, at, lambda _sku: 0, NOW)
            here = stock_positions.c.warehouse == warehouse
            return bool(tx.scalar(select(stock_positions.c.on_hand).where(here)) == 1)

    apply = stock.apply_snapshot

    def as_the_newest(
        tx: Connection, place: str, levels: Given, basis: StockBasis, _at: Given, *rest: Given
    ) -> Given:
        return apply(tx, place, levels, basis, NOW + timedelta(days=1), *rest)

    both_ways(holds, lambda: monkeypatch.setattr(stock, "apply_snapshot", as_the_newest), record_fault)


def test_units_are_given_back_once(
    store: Store, names: Iterator[str], monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """The WMS cancels a picklist, and tells so in two ways; the other picklist of the line stands."""

    def holds() -> bool:
        order_id = allocated_order(store, next(names), 2)
        (first,), _second = (decide(store, order_id, "LYS", {"a": 1}) for _ in range(2))
        for _ in range(2):
            with store.begin() as tx:
                allocations.release_picklist(tx, first, NOW, "cancelled")
        return is_one(store, order_lines.c.allocated, order_id)

    release = allocations.release_picklist

    def forgetful(tx: Connection, number: int, *rest: Given) -> int:
        tx.execute(update(given).where(given.c.picklist_id == number).values(released_at=None))
        return release(tx, number, *rest)

    both_ways(holds, lambda: monkeypatch.setattr(allocations, "release_picklist", forgetful), record_fault)


def test_what_may_have_been_sent_is_not_taken_back(
    store: Store, names: Iterator[str], monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """A sender has the message; its units would go to another warehouse, too."""

    def holds() -> bool:
        order_id = allocated_order(store, next(names), 1)
        (number,) = decide(store, order_id, "LYS", {"a": 1})
        with store.begin() as tx:
            assert messages.claim(tx, wms_of(tx), "sender", NOW, timedelta(minutes=9), 9)
        with store.begin() as tx:
            movable.take_back(tx, number, NOW)
        return is_one(store, order_lines.c.allocated, order_id)

    def whatever_became_of_it(*_given: Given, **_named: Given) -> bool:
        return True

    both_ways(holds, lambda: monkeypatch.setattr(movable, "supersede", whatever_became_of_it), record_fault)


def test_a_message_waits_for_the_one_before_it(
    store: Store, names: Iterator[str], monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """A push in doubt, and its cancellation: the other way round, what was cancelled would be shipped."""

    def holds() -> bool:
        order_id = allocated_order(store, next(names), 1)
        (number,) = decide(store, order_id, "LYS", {"a": 1})
        with store.begin() as tx:
            cancellation = {"operation": "cancel_picklist", "reference": f"P{order_id}"}
            messages.enqueue(
                tx, order_id=order_id, connection_id=wms_of(tx), subject_id=number, now=NOW, **cancellation
            )
            rows = messages.claim(tx, wms_of(tx), "sender", NOW, timedelta(minutes=9), 9)
            return [row.operation for row in rows if row.order_id == order_id] == ["push_picklist"]

    claim = messages.claim

    def all_at_once(tx: Connection, *rest: Given) -> Given:
        tx.execute(update(outbox).values(sequence=1))
        return claim(tx, *rest)

    both_ways(holds, lambda: monkeypatch.setattr(messages, "claim", all_at_once), record_fault)


def confirmed_twice(store: Store, name: str) -> int:
    """A parcel has left, and its channel is to be told; whoever tells so does it twice. The order's id."""
    with store.begin() as tx:
        order_id, _ = place(tx, [(1, {"MUG": 1})], name)
        left = told("shipped", 1, [parcel("p1", {"MUG": 1}, f"1Z{name}")], reference=f"P{name}.1")
        found = shipments.apply_wms_shipment(tx, wms_of(tx), left, NOW)
        for _ in range(2):
            confirm.enqueue_confirmations(tx, HUB, found.to_confirm, NOW)
    return order_id


def test_a_parcel_counts_as_confirmed_once(
    store: Store, names: Iterator[str], monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    def holds() -> bool:
        order_id = confirmed_twice(store, next(names))
        return is_one(store, order_lines.c.confirmed, order_id)

    both_ways(holds, lambda: monkeypatch.setattr(confirm, "_is_enqueued", lambda *_: False), record_fault)


def test_a_message_has_one_key_however_often_it_is_caused(
    store: Store, names: Iterator[str], monkeypatch: pytest.MonkeyPatch, record_fault: RecordFault
) -> None:
    """Two processes have seen the same parcel leave, and neither saw the other's message."""
    monkeypatch.setattr(confirm, "_is_enqueued", lambda *_: False)

    def holds() -> bool:
        order_id = confirmed_twice(store, next(names))
        with store.read() as tx:
            mine = select(func.count()).where(outbox.c.order_id == order_id)
            return bool(tx.scalar(mine) == 1)

    enqueue, numbers = confirm.enqueue, count()

    def keyed_anew(tx: Connection, **message: Given) -> int:
        return enqueue(tx, **message | {"reference": f"{message['reference']}/{next(numbers)}"})

    both_ways(holds, lambda: monkeypatch.setattr(confirm, "enqueue", keyed_anew), record_fault)
