"""What a channel is asked to cancel, from what the store knows when it is sent."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import update

from normalization.records import Cancellation, OrderLine
from order_store.cancelling import withhold
from order_store.connections import register_connection
from order_store.engine import Store, open_store
from order_store.orders import apply_orders
from order_store.outbox import enqueue
from order_store.outbox_people import find_message
from order_store.schema.orders import order_lines
from pipelines.services.cancellations import OPERATION, cancellation_of
from tests.order_store.samples import line, order

NOW = datetime(2026, 11, 2, 9, tzinfo=UTC)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    made = open_store(f"sqlite:///{tmp_path}/hub.db")
    made.create_all()
    yield made
    made.close()


def asked(store: Store, lines: tuple[OrderLine, ...], units: dict[int, int]) -> Cancellation | None:
    """What is sent for an order of which so many units of these lines are withheld."""
    with store.begin() as tx:
        shop = register_connection(tx, "shop", "woocommerce", "channel")
        (made,) = apply_orders(tx, shop, [order("1001", lines=lines)], now=NOW)
        tx.execute(update(order_lines).values(first_routed_at=NOW))
        for line_no, count in units.items():
            assert withhold(tx, made.order_id, line_no, count)
        message = enqueue(
            tx,
            order_id=made.order_id,
            connection_id=shop,
            operation=OPERATION,
            reference="shop:1001:cancel-1",
            subject_id=made.order_id,
            now=NOW,
        )
    with store.read() as tx:
        return cancellation_of(tx, find_message(tx, message))


def test_the_units_and_what_remains_are_told_line_by_line(store: Store) -> None:
    told = asked(store, (line("a", ordered=3, cancelled=1), line("b", ordered=1)), {0: 1})
    assert told is not None
    assert [(one.line_id, one.units, one.remaining) for one in told.lines] == [("a", 1, 1)]
    assert (told.external_id, told.reference, told.whole) == ("1001", "shop:1001:cancel-1", False)
    assert told.reason == "out of stock since 2026-11-02"


def test_an_order_of_which_nothing_remains_is_whole(store: Store) -> None:
    told = asked(store, (line("a", ordered=3, cancelled=1), line("b", ordered=1)), {0: 2, 1: 1})
    assert told is not None
    assert told.whole


def test_a_bundle_that_is_sent_as_its_parts_is_gone_with_them(store: Store) -> None:
    bundle = line("set", ordered=1, requires_shipping=False)
    parts = tuple(line(name, ordered=1, parent_line_id="set") for name in ("cup", "pot"))
    told = asked(store, (bundle, *parts), {1: 1, 2: 1})
    assert told is not None
    assert told.whole
    assert [one.line_id for one in told.lines] == ["cup", "pot"]


def test_a_service_that_was_bought_with_it_remains(store: Store) -> None:
    told = asked(store, (line("card", ordered=1, requires_shipping=False), line("cup", ordered=1)), {1: 1})
    assert told is not None
    assert not told.whole


def test_nothing_is_asked_for_that_is_not_withheld_any_more(store: Store) -> None:
    assert asked(store, (line("a", ordered=3),), {}) is None
