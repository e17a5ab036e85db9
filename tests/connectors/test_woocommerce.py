"""Reading: the WooCommerce connector against its imitation, and what the mapping makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import responses
from msgspec import UNSET

from connectors.channels.woocommerce import WooCommerce
from connectors.contract import Window
from connectors.errors import CredentialsRejected, RateLimited, RecordMissing, StreamBroken
from normalization.channels import woocommerce as mapping
from normalization.errors import NormalizationError, Reason
from normalization.registry import Context
from normalization.statuses import ChannelState, PaymentMode, PaymentState, ReturnReason
from sandbox.buyers import Wish
from sandbox.world import START
from tests.connectors.woocommerce_shop import BASE, CHANNEL, PLAIN, Shop, assert_like_the_world, lines_of


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def shop(mock: responses.RequestsMock) -> Shop:
    return Shop(mock)


def test_amounts_and_quantities_are_those_that_the_buyers_agreed_to(shop: Shop) -> None:
    orders = shop.place(30) + shop.place(10, replace(PLAIN, discount_rate=Decimal("0.25"), shipping=490))
    shop.wait(5)
    for order in orders[::4]:
        shop.world.remove_units(order, order.lines[0].line_id, 1 if order.lines[0].quantity > 1 else 0)
    for order in orders[1::7]:
        shop.world.cancel(order)
    shop.wait(5)
    read = shop.read()
    assert set(read) == {order.external_id for order in orders}
    for order in orders:
        assert_like_the_world(read[order.external_id], order)
        assert (read[order.external_id].state is ChannelState.CANCELLED) == bool(order.cancelled_at)


def test_a_return_is_refunded_and_counted_once_with_its_reason(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, lines=[("TEA-EARLGREY-100", 3)]))
    line = order.lines[0].line_id
    shop.tell(order)
    shop.wait(60)
    refund = shop.world.refund(order, {line: 1}, "wrong_item", restock=True)
    shop.wait(5)
    told = shop.read()[order.external_id]
    assert_like_the_world(told, order)
    assert told.refunds is not UNSET
    assert [(one.amount.minor, one.reason) for one in told.refunds] == [
        (refund.amount, ReturnReason.WRONG_ITEM)
    ]
    assert [(part.line_id, part.quantity, part.restocked) for part in told.refunds[0].lines] == [
        (line, 1, True)
    ]
    assert told.returns is not UNSET
    assert [(part.line_id, part.quantity) for one in told.returns for part in one.lines] == [(line, 1)]
    assert told.payment_state is PaymentState.PARTIALLY_REFUNDED


@pytest.mark.parametrize(
    ("mode", "state", "payment"),
    [
        ("cash_on_delivery", ChannelState.OPEN, PaymentMode.CASH_ON_DELIVERY),
        ("bank_transfer", ChannelState.PENDING, PaymentMode.BANK_TRANSFER),
        ("card", ChannelState.PENDING, PaymentMode.CARD),
    ],
)
def test_unpaid_orders_wait_unless_the_courier_collects(
    shop: Shop, mode: str, state: ChannelState, payment: PaymentMode
) -> None:
    (order,) = shop.place(1, Wish(payment="pending", payment_mode=mode))
    told = shop.read_one(order)
    assert (told.state, told.payment_mode) == (state, payment)
    assert told.payment_state is PaymentState.PENDING
    shop.world.pay(order)
    assert shop.read_one(order).payment_state is PaymentState.CAPTURED


def test_s05_an_order_that_shows_up_late_is_found_by_the_overlapping_window(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, late=timedelta(minutes=12)))
    shop.wait(10)
    until = shop.world.now
    assert shop.read() == {}
    shop.wait(10)
    assert set(shop.read(since=until - WooCommerce.streams["orders"].lookback)) == {order.external_id}


def test_s06_orders_that_share_their_second_come_once_each(shop: Shop) -> None:
    orders = shop.place(230)
    shop.wait(5)
    assert set(shop.read()) == {order.external_id for order in orders}
    assert len(shop.read()) == 230


def test_s07_250_orders_come_in_pages_of_100(shop: Shop) -> None:
    orders = []
    for _ in range(250):
        orders += shop.place(1)
        shop.wait(0.1)
    shop.wait(5)
    assert set(shop.read()) == {order.external_id for order in orders}
    assert shop.count("GET", "/orders") == 3


def test_an_order_that_changes_while_the_list_is_read_costs_no_other(shop: Shop) -> None:
    orders = []
    for _ in range(150):
        orders += shop.place(1)
        shop.wait(0.1)
    shop.wait(5)
    pages = shop.connector.read("orders", Window(START, shop.world.now))
    first = next(pages)
    shop.wait(1)
    shop.world.touch(orders[0])
    found = [record.external_id for page in (first, *pages) for record in page.records]
    assert set(found) == {order.external_id for order in orders}


def test_s08_the_same_page_again_and_again_stops_the_read(mock: responses.RequestsMock, shop: Shop) -> None:
    shop.place(150)
    shop.wait(5)
    page = next(shop.connector.read("orders", Window(START, shop.world.now)))
    mock.reset()
    mock.add(
        "GET",
        f"{BASE}/wp-json/wc/v3/orders",
        body=b"[" + b",".join(record.payload for record in page.records) + b"]",
    )
    with pytest.raises(StreamBroken, match="repeats a page"):
        list(shop.connect().read("orders", Window(START, shop.world.now)))


@pytest.mark.parametrize(
    "start", [datetime(2026, 10, 24, 22, tzinfo=UTC), datetime(2026, 3, 28, 22, tzinfo=UTC)]
)
def test_s10_no_order_is_missed_or_read_for_ever_across_the_change_of_clocks(
    mock: responses.RequestsMock, start: datetime
) -> None:
    shop = Shop(mock, start, timezone="Europe/Berlin")
    found: list[str] = []
    orders = []
    since = start
    for _ in range(10):
        orders += shop.place(2)
        shop.wait(30)
        found += shop.read(since=since)
        since = shop.world.now
    assert sorted(found) == sorted(order.external_id for order in orders)
    assert all(order.placed_at == shop.read_one(order).placed_at for order in orders)


def test_s12_a_change_after_import_arrives_with_the_next_read(shop: Shop) -> None:
    _, second = shop.place(2)
    shop.wait(60)
    since = shop.world.now
    shop.wait(30)
    shop.world.cancel(second)
    changed = shop.read(since=since)
    assert set(changed) == {second.external_id}
    assert changed[second.external_id].state is ChannelState.CANCELLED


def test_s13_an_impossible_date_fails_alone(shop: Shop) -> None:
    shop.place(5)
    shop.wait(5)
    shop.vendor.faults.switch_on("broken_record")
    (page,) = shop.connector.read("orders", Window(START, shop.world.now))
    outcomes: list[str | Reason] = []
    for record in page.records:
        try:
            outcomes.append(mapping.order(record.payload, Context(CHANNEL, page.observed_at)).external_id)
        except NormalizationError as error:
            outcomes.append(error.reason)
    assert outcomes == [Reason.IMPOSSIBLE_DATE, *(record.external_id for record in page.records[1:])]


def test_s14_a_throttled_read_waits_as_long_as_the_shop_asks(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.vendor.faults.switch_on("throttle", 2)
    assert shop.read_one(order).external_id == order.external_id
    assert shop.clock.slept == [1.0, 1.0]
    shop.vendor.faults.switch_on("throttle", 1000)
    with pytest.raises(RateLimited):
        shop.read_one(order)


def test_s19_a_discount_on_prices_with_tax_sums_to_the_header(mock: responses.RequestsMock) -> None:
    shop = Shop(mock, rounds_tax_at_subtotal=True)
    (order,) = shop.place(1, replace(PLAIN, country="AT", discount_rate=Decimal("0.25"), shipping=0))
    line = order.lines[0]
    del order.lines[1:]
    line.quantity, line.unit_price, line.tax_rate = 10, 2390, Decimal("0.20")
    told = shop.read_one(order)
    assert told.totals is not UNSET
    assert told.charges is not UNSET
    assert told.totals.total.minor == 17925
    (shown,) = lines_of(told)
    assert (shown.gross.minor, shown.net.minor, shown.tax.minor) == (23900, 14938, 2988)
    assert [(one.kind, one.total.minor) for one in told.charges] == [("rounding", -1)]
    shop.tell(order)
    shop.wait(60)
    shop.world.refund(order, {line.line_id: 10}, "unwanted")
    refunded = shop.read_one(order)
    assert refunded.totals is not UNSET
    assert refunded.totals.refunded.minor == 17925
    assert refunded.payment_state is PaymentState.REFUNDED


def test_only_open_orders_stand_in_the_snapshot(shop: Shop) -> None:
    orders = shop.place(130)
    shop.world.cancel(orders[0])
    assert set(shop.read("orders_open")) == {order.external_id for order in orders[1:]}


@pytest.mark.parametrize("status", ["checkout-draft", "wc-checkout-draft", "auto-draft"])
def test_a_draft_is_not_read_before_it_is_placed(shop: Shop, status: str) -> None:
    orders = shop.place(130)
    shop.vendor.drafts[orders[5].external_id] = status
    shop.wait(5)
    for stream in ("orders", "orders_open", "orders_created"):
        assert set(shop.read(stream)) == {order.external_id for order in orders} - {orders[5].external_id}
    shop.vendor.drafts.clear()
    assert len(shop.read()) == 130


def test_back_fill_goes_by_the_day_of_creation(shop: Shop) -> None:
    (old,) = shop.place(1)
    shop.wait(48 * 60)
    (new,) = shop.place(1)
    shop.world.touch(old)
    shop.wait(5)
    assert set(shop.read("orders_created", since=START + timedelta(days=1))) == {new.external_id}


def test_a_read_goes_on_from_its_bookmark(shop: Shop) -> None:
    orders = shop.place(150)
    shop.wait(5)
    window = Window(START, shop.world.now)
    first = next(shop.connector.read("orders", window))
    rest = list(shop.connect().read("orders", window, first.bookmark))
    found = [record.external_id for page in (first, *rest) for record in page.records]
    assert sorted(found) == sorted(order.external_id for order in orders)


def test_an_error_page_with_status_200_stops_the_stream(mock: responses.RequestsMock, shop: Shop) -> None:
    responses_before = responses.RequestsMock(assert_all_requests_are_fired=False)
    mock.reset()
    mock.add(
        "GET", f"{BASE}/wp-json/wc/v3/orders", body=b"<html>maintenance</html>", content_type="text/html"
    )
    mock.add("GET", f"{BASE}/wp-json/wc/v3/orders/1", body=b"<html>maintenance</html>")
    del responses_before
    with pytest.raises(StreamBroken, match="text/html"):
        list(shop.connector.read("orders", Window(START, shop.world.now)))
    with pytest.raises(StreamBroken):
        shop.connector.read_one("orders", "1")


def test_html_behind_a_503_is_tried_again(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.vendor.faults.switch_on("server_error", 2)
    assert shop.read_one(order).external_id == order.external_id


def test_wrong_keys_are_told_without_quoting_them(shop: Shop) -> None:
    with pytest.raises(CredentialsRejected, match="consumer_key") as caught:
        list(shop.connect(consumer_secret="cs_wrong").read("orders", Window(START, shop.world.now)))
    assert "cs_wrong" not in str(caught.value)


def test_an_unknown_order_is_missing(shop: Shop) -> None:
    with pytest.raises(RecordMissing):
        shop.connector.read_one("orders", "1")


def test_duplicate_and_stale_records_carry_versions_that_tell(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.wait(5)
    shop.read()
    shop.world.touch(order)
    shop.vendor.faults.switch_on("stale_update")
    shop.vendor.faults.switch_on("duplicate_update")
    (page,) = shop.connector.read("orders", Window(START, shop.world.now))
    versions = [
        mapping.order(record.payload, Context(CHANNEL, page.observed_at)).version.key()
        for record in page.records
    ]
    assert versions[0] == versions[1] > versions[2]


def test_a_page_in_another_order_costs_no_order(shop: Shop) -> None:
    orders = []
    for _ in range(150):
        orders += shop.place(1)
        shop.wait(0.1)
    shop.wait(5)
    shop.vendor.faults.switch_on("reordered")
    assert set(shop.read()) == {order.external_id for order in orders}


def test_s09_an_address_without_name_and_street_is_passed_on_as_it_is(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.wait(5)
    shop.vendor.faults.switch_on("missing_address")
    told = shop.read()[order.external_id]
    assert told.ship_to is not UNSET
    assert told.ship_to is not None
    assert (told.ship_to.name, told.ship_to.street) == (None, ())
    assert told.ship_to.postal_code == order.ship_to.postal_code
    again = shop.read()[order.external_id]
    assert again.ship_to is not UNSET
    assert again.ship_to is not None
    assert again.ship_to.name == order.ship_to.name
