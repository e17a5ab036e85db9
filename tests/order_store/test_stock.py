"""What a snapshot means for what may be promised, by its basis."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import select

from normalization.records import StockLevel
from normalization.statuses import StockBasis
from order_store.allocations import note_accepted, note_shipped
from order_store.engine import Store
from order_store.schema.fulfilment import stock_bins, stock_positions, stock_shortages
from order_store.stock import apply_snapshot, available_stock, take
from tests.order_store.allocating import NOW, decide, prepared_order


def level(sku: str, units: int, bin_: str | None = None, at: datetime = NOW) -> StockLevel:
    return StockLevel(site="1", sku=sku, on_hand=units, basis=StockBasis.PHYSICAL, observed_at=at, bin=bin_)


def snapshot(
    store: Store,
    units: dict[str, int],
    at: datetime,
    basis: StockBasis = StockBasis.PHYSICAL,
    safety: int = 0,
) -> None:
    with store.begin() as tx:
        levels = [level(sku, count) for sku, count in units.items()]
        apply_snapshot(tx, "LYS", levels, basis, at, lambda _: safety, at)


def available(store: Store) -> dict[str, int]:
    with store.read() as tx:
        return {sku: units for (_, sku), units in available_stock(tx).items()}


def test_bins_add_up_and_safety_stock_is_kept_back(store: Store) -> None:
    with store.begin() as tx:
        levels = [level("MUG", 3, "A"), level("MUG", 4, "B"), level("CUP", 1)]
        result = apply_snapshot(tx, "LYS", levels, StockBasis.PHYSICAL, NOW, lambda _: 2, NOW)
        places = tx.execute(select(stock_bins.c.sku, stock_bins.c.bin, stock_bins.c.on_hand)).all()
    assert result.positions == 2
    assert [tuple(place) for place in places] == [("CUP", "", 1), ("MUG", "A", 3), ("MUG", "B", 4)]
    assert available(store) == {"MUG": 5}


def test_what_a_complete_snapshot_does_not_name_is_not_there(store: Store) -> None:
    snapshot(store, {"MUG": 5, "CUP": 5}, NOW)
    snapshot(store, {"MUG": 5}, NOW + timedelta(minutes=1))
    assert available(store) == {"MUG": 5}


def test_an_older_snapshot_changes_nothing(store: Store) -> None:
    snapshot(store, {"MUG": 5}, NOW)
    snapshot(store, {"MUG": 9}, NOW - timedelta(minutes=1))
    assert available(store) == {"MUG": 5}


def test_taking_is_all_or_none(store: Store) -> None:
    snapshot(store, {"MUG": 5, "CUP": 1}, NOW)
    with store.begin() as tx:
        savepoint = tx.begin_nested()
        assert not take(tx, {("LYS", "CUP"): 2, ("LYS", "MUG"): 1})
        savepoint.rollback()
        assert take(tx, {("LYS", "CUP"): 1, ("LYS", "MUG"): 5})
    assert available(store) == {}


@pytest.mark.parametrize(
    ("basis", "accepted", "shipped", "free"),
    [
        (StockBasis.PHYSICAL, None, None, 7),  # on the shelf, promised
        (StockBasis.PHYSICAL, -1, None, 7),  # accepted says nothing about the shelf
        (StockBasis.PHYSICAL, -1, -1, 10),  # gone from the shelf before the snapshot
        (StockBasis.PHYSICAL, -1, 1, 7),  # in doubt: it left after the snapshot was asked for
        (StockBasis.NET_OF_ACCEPTED, None, None, 7),  # the WMS does not know of it
        (StockBasis.NET_OF_ACCEPTED, -1, None, 10),  # the WMS has taken it off
        (StockBasis.NET_OF_ACCEPTED, 1, None, 7),  # in doubt
    ],
)
def test_a_reservation_counts_until_a_snapshot_can_reflect_it(
    store: Store, shop: int, basis: StockBasis, accepted: int | None, shipped: int | None, free: int
) -> None:
    """Ten are reported; three are allocated; minutes are relative to the snapshot's request."""
    snapshot(store, {"MUG": 10}, NOW - timedelta(hours=1), basis)
    order = prepared_order(store, shop, {"1": 3})
    (picklist,) = decide(store, order, "LYS", {"1": 3})
    with store.begin() as tx:
        if accepted is not None:
            note_accepted(tx, picklist, NOW + timedelta(minutes=accepted))
        if shipped is not None:
            note_shipped(tx, picklist, {(0, "MUG"): 3}, NOW + timedelta(minutes=shipped))
    snapshot(store, {"MUG": 10}, NOW, basis)
    assert available(store) == {"MUG": free}


def test_a_snapshot_below_what_is_promised_is_a_shortage_and_ends_with_new_goods(
    store: Store, shop: int
) -> None:
    snapshot(store, {"MUG": 3}, NOW - timedelta(hours=1))
    decide(store, prepared_order(store, shop, {"1": 3}), "LYS", {"1": 3})
    snapshot(store, {"MUG": 1}, NOW)
    with store.read() as tx:
        short = tx.execute(select(stock_shortages)).one()
    assert (short.sku, short.units, short.ended_at) == ("MUG", 2, None)
    assert available(store) == {}
    snapshot(store, {"MUG": 9}, NOW + timedelta(hours=1))
    with store.read() as tx:
        assert tx.execute(select(stock_shortages.c.ended_at)).scalar_one() is not None
        assert tx.execute(select(stock_positions.c.reserved)).scalar_one() == 3
