from datetime import timedelta

import pytest
from msgspec import UNSET
from sqlalchemy import func, select, update

from normalization.records import Address, CanonicalOrder
from normalization.statuses import ChannelState, PaymentState
from order_store.connections import register_connection
from order_store.engine import Store
from order_store.events import timeline
from order_store.orders import Outcome, StoredOrder, apply_orders, find_order, load_order
from order_store.schema.orders import order_events, order_lines, orders, personal_data
from order_store.status import refresh_status
from tests.order_store.conftest import NOW
from tests.order_store.samples import START, eur, full_order, line, order, version


def apply(store: Store, shop: int, *incoming: CanonicalOrder) -> list[Outcome]:
    with store.begin() as tx:
        return [applied.outcome for applied in apply_orders(tx, shop, incoming, now=NOW)]


def stored(store: Store, external_id: str = "1001") -> StoredOrder:
    with store.read() as tx:
        found = find_order(tx, "shop", external_id)
    assert found is not None
    return found


@pytest.mark.parametrize("one", [order(), full_order()], ids=["ordinary", "full"])
def test_an_order_comes_back_as_it_was_stored(store: Store, shop: int, one: CanonicalOrder) -> None:
    assert apply(store, shop, one) == [Outcome.CREATED]
    assert stored(store, one.external_id).order == one


def test_what_was_never_read_stays_unset_and_nothing_stays_none(store: Store, shop: int) -> None:
    one = order(payments=UNSET, ship_to=UNSET, totals=UNSET, notes=None)
    apply(store, shop, one)
    assert stored(store).order == one


def test_an_order_is_one_row_however_often_it_is_read(store: Store, shop: int) -> None:
    assert apply(store, shop, order(), order(number=2), order()) == [
        Outcome.CREATED,
        Outcome.UPDATED,  # its update time moved
        Outcome.STALE,
    ]
    again = order(number=3, updated_at=stored(store).order.updated_at)
    assert apply(store, shop, again) == [Outcome.UNCHANGED]
    with store.read() as tx:
        assert tx.scalar(select(func.count()).select_from(orders)) == 1
        assert tx.scalar(select(func.count()).select_from(order_lines)) == 2
    assert stored(store).order.version == again.version
    assert stored(store).row["revision"] == 2


def test_s03_an_older_payload_changes_nothing(store: Store, shop: int) -> None:
    new = order(number=5, state=ChannelState.CLOSED, payment_state=PaymentState.REFUNDED)
    apply(store, shop, new)
    assert apply(store, shop, order(number=4)) == [Outcome.STALE]
    assert stored(store).order == new


def test_an_older_payload_is_known_as_older_after_an_unchanged_read(store: Store, shop: int) -> None:
    apply(store, shop, order(number=1, updated_at=None))
    apply(store, shop, order(number=9, updated_at=None))
    apply(store, shop, order(number=5, tags=()))
    assert stored(store).order.tags == ("vip",)


def test_a_sparser_newer_read_blanks_nothing(store: Store, shop: int) -> None:
    apply(store, shop, order())
    sparse = order(
        number=2,
        payment_state=PaymentState.PENDING,
        **dict.fromkeys(("ship_to", "buyer", "lines", "payments", "notes", "totals", "refunds"), UNSET),
    )
    assert apply(store, shop, sparse) == [Outcome.UPDATED]
    now = stored(store).order
    assert now.payment_state is PaymentState.PENDING
    assert (now.ship_to, now.lines, now.payments) == (order().ship_to, order().lines, order().payments)
    # the sparse read is newer for the header, not for the datasets it did not carry
    apply(store, shop, order(number=2, version=version(1, "2026-10-01T00000001x"), notes="later"))
    assert stored(store).order.notes == "later"
    assert stored(store).order.payment_state is PaymentState.PENDING


def test_a_line_cut_down_counts_as_cancelled_units(store: Store, shop: int) -> None:
    apply(store, shop, order(lines=(line("1", ordered=5), line("2"))))
    apply(store, shop, order(number=2, lines=(line("1", ordered=3),)))
    cut, removed = stored(store).order.lines
    assert (cut.ordered, cut.cancelled) == (5, 2)
    assert cut.total == eur(3 * 1190)
    assert (removed.ordered, removed.cancelled, removed.total) == (2, 2, eur(0))


def test_a_line_that_was_added_keeps_the_others_numbers(store: Store, shop: int) -> None:
    apply(store, shop, order(lines=(line("1"), line("2"))))
    apply(store, shop, order(number=2, lines=(line("3"), line("2"), line("1"))))
    assert [(row["line_no"], row["line_id"]) for row in stored(store).lines] == [(0, "1"), (1, "2"), (2, "3")]


def test_the_hubs_own_quantities_survive_a_read(store: Store, shop: int) -> None:
    apply(store, shop, order(lines=(line("1", ordered=3),)))
    with store.begin() as tx:
        tx.execute(update(order_lines).values(allocated=3, picked=2, shipped=2, confirmed=1))
    apply(store, shop, order(number=2, lines=(line("1", ordered=4, fulfilled=1),)))
    (row,) = stored(store).lines
    assert (row["allocated"], row["picked"], row["shipped"], row["elsewhere"]) == (3, 2, 2, 0)
    assert stored(store).row["status"] == "partially_shipped"


def test_units_that_others_fulfilled_are_no_longer_open(store: Store, shop: int) -> None:
    apply(store, shop, order(lines=(line("1", ordered=3),)))
    apply(store, shop, order(number=2, lines=(line("1", ordered=3, fulfilled=3),)))
    (row,) = stored(store).lines
    assert row["elsewhere"] == 3
    assert stored(store).row["status"] == "shipped"


def test_every_change_is_an_event_without_personal_data(store: Store, shop: int) -> None:
    apply(store, shop, order())
    address = Address(name="Grace Secret", street=("Hidden 5",), city="Bonn", country_code="DE")
    apply(
        store,
        shop,
        order(number=2, ship_to=address, lines=(line("1", 2, 1), line("2", 1)), notes="call Grace Secret"),
    )
    found = stored(store)
    with store.read() as tx:
        events = timeline(tx, found.row["id"])
        texts = str(tx.execute(select(order_events.c.detail, order_events.c.why)).all())
    kinds = [event.kind for event in events]
    assert kinds[0] == "created"
    assert {"lines_changed", "address_changed", "notes_changed"} <= set(kinds)
    changed = next(event for event in events if event.kind == "lines_changed")
    assert changed.detail == {"1": {"cancelled": [0, 1]}}
    assert changed.at == version(2).observed_at
    assert "Grace" not in texts
    assert "Hidden" not in texts
    assert found.row["city"] == "Bonn"


def test_names_and_streets_lie_only_in_the_one_table(store: Store, shop: int) -> None:
    apply(store, shop, full_order())
    with store.read() as tx:
        for table in orders.metadata.sorted_tables:
            if table is personal_data:
                continue
            text = str([tuple(row) for row in tx.execute(select(table))])
            for secret in ("Ada", "Weg 1", "ada@", "please ring", "says", "+41"):
                assert secret not in text, (table.name, secret)


def test_orders_before_the_start_date_are_history(store: Store) -> None:
    with store.begin() as tx:
        shop = register_connection(tx, "shop", "woocommerce", "channel", START + timedelta(days=1))
    apply(store, shop, order(), order("1002", placed_at=START + timedelta(days=2)))
    assert stored(store).row["is_history"] == 1
    assert stored(store, "1002").row["is_history"] == 0


def test_unknown_orders_raise(store: Store, shop: int) -> None:
    with store.read() as tx:
        assert find_order(tx, "shop", "none") is None
        with pytest.raises(KeyError):
            load_order(tx, 5)


def test_the_status_follows_the_quantities(store: Store, shop: int) -> None:
    apply(store, shop, order(lines=(line("1", ordered=2),)))
    key = stored(store).row["id"]
    for values, status in (
        ({"backordered": 2}, "backordered"),
        ({"allocated": 1}, "partially_allocated"),
        ({"allocated": 2}, "allocated"),
        ({"picked": 1}, "picking"),
        ({"shipped": 1}, "partially_shipped"),
        ({"shipped": 2}, "shipped"),
        ({"delivered": 2}, "delivered"),
    ):
        with store.begin() as tx:
            tx.execute(update(order_lines).values(**values))
            assert refresh_status(tx, [key])[key] == status
            assert refresh_status(tx, [key]) == {}
