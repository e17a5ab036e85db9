"""Picklists: their references, and how they are read and moved on."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import insert, select

from normalization.records import Address
from order_store.connections import register_connection
from order_store.engine import Store
from order_store.orders import apply_orders
from order_store.picklists import (
    LONGEST_REFERENCE,
    Allocation,
    Line,
    Pick,
    State,
    ask_to_intercept,
    find_picklist,
    list_picklists,
    load_picklist,
    picklists_of_order,
    pin,
    reference_for,
    set_ship_to,
    set_state,
    ship_to_digest,
)
from order_store.schema.fulfilment import allocations, picklist_lines, picklists, picks
from tests.order_store.conftest import NOW
from tests.order_store.samples import line, order

PARTS = st.tuples(st.text(max_size=60), st.text(max_size=60), st.text(max_size=20), st.integers(1, 999))


@pytest.fixture
def made(store: Store, shop: int) -> tuple[int, list[int]]:
    """The id of an order of two lines, and those of its two picklists."""
    with store.begin() as tx:
        wms = register_connection(tx, "wms", "tryton", "wms")
        (applied,) = apply_orders(tx, shop, [order(lines=(line("1"), line("2")))], now=NOW)
        ids: list[int] = []
        for sequence in (1, 2):
            row = {
                "order_id": applied.order_id,
                "sequence": sequence,
                "warehouse": "LYS" if sequence == 1 else "BER",
                "connection_id": wms,
                "site": "L",
                "reference": reference_for("shop", "1", "LYS", sequence),
                "state": State.PLANNED,
                "order_revision": 1,
                "ship_to_digest": "",
                "version_revision": "",
                "dispatch_date": f"2026-11-0{sequence}",
                "created_at": NOW,
            }
            ids.append(tx.execute(insert(picklists).values(**row).returning(picklists.c.id)).scalar_one())
        where = {"picklist_id": ids[0], "line_no": 1}
        tx.execute(insert(picklist_lines).values(**where, units=2))
        own = {"sku": "CUP", "order_id": applied.order_id, "warehouse": "LYS"}
        tx.execute(insert(allocations).values(**where, **own, units=4, shipped=1))
        tx.execute(insert(picks).values(picklist_id=ids[0], no=0, sku="CUP", quantity=4, bin="A-1", lot="L9"))
    return applied.order_id, ids


@given(first=PARTS, second=PARTS)
def test_references_are_short_have_no_comma_and_tell_picklists_apart(
    first: tuple[str, str, str, int], second: tuple[str, str, str, int]
) -> None:
    one, other = reference_for(*first), reference_for(*second)
    assert len(one) <= LONGEST_REFERENCE
    assert "," not in one
    assert one.isascii()
    assert (one == other) == (first == second)
    assert one == reference_for(*first)


def test_a_reference_names_channel_order_and_warehouse() -> None:
    assert (
        reference_for("amazon-uk", "026-1520163-6049104", "LYS", 2) == "amazon-uk.026-1520163-6049104.LYS.2"
    )
    shopify = reference_for("shopify-eu", "gid://shopify/Order/5480210001001", "LYS", 1)
    assert shopify.startswith("shopify-eu.5480210001001.LYS~")


def test_addresses_have_the_same_digest_only_if_they_are_the_same() -> None:
    here = Address(name="A", street=("B 1",), country_code="FR")
    assert ship_to_digest(here) == ship_to_digest(Address(name="A", street=("B 1",), country_code="FR"))
    assert ship_to_digest(here) != ship_to_digest(Address(name="A", street=("B 2",), country_code="FR"))


def test_a_picklist_is_read_with_lines_allocations_and_picks(
    store: Store, made: tuple[int, list[int]]
) -> None:
    order_id, (first, second) = made
    with store.read() as tx:
        found = load_picklist(tx, first)
        assert found.order_number == order().number
        assert found.lines == (Line(1, "2", None, "Thing 2", 2),)
        assert found.allocations == (Allocation(1, "CUP", 4, 1, released=False),)
        assert found.picks == (Pick("CUP", 4, "A-1", "L9"),)
        assert [one.id for one in picklists_of_order(tx, order_id)] == [first, second]
        assert find_picklist(tx, found.connection_id, found.reference) == found
        assert find_picklist(tx, found.connection_id, "nobody's") is None
        with pytest.raises(KeyError):
            load_picklist(tx, 999)


def test_picklists_are_listed_by_warehouse_day_and_state(store: Store, made: tuple[int, list[int]]) -> None:
    _order, (first, second) = made
    with store.begin() as tx:
        set_state(tx, second, State.PICKED, NOW)
        ask_to_intercept(tx, second, "it is packed")
        assert [one.id for one in list_picklists(tx)] == [first, second]
        assert [one.id for one in list_picklists(tx, after=first)] == [second]
        assert [one.id for one in list_picklists(tx, limit=1)] == [first]
        assert [one.id for one in list_picklists(tx, warehouse="BER")] == [second]
        assert [one.id for one in list_picklists(tx, states=(State.PLANNED,))] == [first]
        assert [one.id for one in list_picklists(tx, dispatch_date="2026-11-02")] == [second]
        assert [one.why for one in list_picklists(tx, intercepts=True)] == ["it is packed"]


def test_the_first_time_of_a_state_is_kept(store: Store, made: tuple[int, list[int]]) -> None:
    _order, (first, _second) = made
    with store.begin() as tx:
        set_state(tx, first, State.ACCEPTED, NOW, wms_id="7")
        set_state(tx, first, State.EXCEPTION, NOW, why="broken")
        set_state(tx, first, State.ACCEPTED, NOW + timedelta(hours=1))
        found = load_picklist(tx, first)
    assert (found.accepted_at, found.wms_id, found.why) == (NOW, "7", None)


def test_a_pin_and_an_address_move_by_themselves(store: Store, made: tuple[int, list[int]]) -> None:
    _order, (first, _second) = made
    with store.begin() as tx:
        pin(tx, first, 5)
        set_ship_to(tx, first, "abc")
        set_ship_to(tx, first, None)
        query = select(picklists.c.order_revision, picklists.c.ship_to_digest).order_by(picklists.c.id)
        assert [tuple(row) for row in tx.execute(query)] == [(5, "abc"), (1, "")]
