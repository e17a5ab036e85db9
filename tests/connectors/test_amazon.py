"""Reading: the Amazon connector against its imitation, and what the mapping makes of it."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
import responses
from msgspec import UNSET

from connectors.channels.amazon import RATES, Amazon
from connectors.contract import Window
from connectors.errors import CredentialsRejected, PermissionMissing, RateLimited, StreamBroken
from connectors.runtime import Rate, Runtime
from normalization.channels import amazon as mapping
from normalization.errors import NormalizationError, Reason
from normalization.registry import Context
from normalization.statuses import ChannelState, FulfilledBy, PaymentMode
from sandbox.world import START
from tests.connectors.amazon_shop import BASE, CHANNEL, PLAIN, Shop, assert_like_the_world, lines_of


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def shop(mock: responses.RequestsMock) -> Shop:
    return Shop(mock)


def test_amounts_and_quantities_are_those_that_the_buyers_agreed_to(shop: Shop) -> None:
    orders = shop.place(30) + shop.place(10, replace(PLAIN, discount_rate=Decimal("0.25"), shipping=449))
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


def test_a_whole_address_comes_through(shop: Shop) -> None:
    (order,) = shop.place(1)
    told = shop.read_one(order)
    assert told.ship_to is not UNSET
    assert told.ship_to is not None
    person = order.ship_to
    assert (told.ship_to.name, told.ship_to.street) == (person.name, person.street)
    assert (told.ship_to.postal_code, told.ship_to.country_code) == (person.postal_code, person.country_code)


def test_pending_orders_have_no_amounts_and_are_filled_in_once_paid(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, payment="pending"))
    shop.wait(5)
    told = shop.read()[order.external_id]
    assert told.state is ChannelState.PENDING
    assert (told.totals, told.ship_to, told.currency) == (UNSET, UNSET, "GBP")
    assert [line.ordered for line in lines_of(told)] == [line.quantity for line in order.lines]
    shop.world.pay(order)
    shop.wait(5)
    paid = shop.read()[order.external_id]
    assert_like_the_world(paid, order)
    assert paid.version.key() > told.version.key()


def test_orders_that_amazon_ships_are_told_apart(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, by_channel=True))
    assert shop.read_one(order).fulfilled_by is FulfilledBy.CHANNEL


def test_cash_on_delivery_is_a_payment_mode_of_its_own(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, payment="pending", payment_mode="cash_on_delivery"))
    told = shop.read_one(order)
    assert (told.state, told.payment_mode) == (ChannelState.OPEN, PaymentMode.CASH_ON_DELIVERY)
    assert_like_the_world(told, order)


def test_s05_an_order_that_shows_up_late_is_found_by_the_overlapping_window(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, late=timedelta(minutes=20)))
    shop.wait(10)
    first = shop.window()
    assert shop.read() == {}
    shop.wait(15)
    since = first.until - Amazon.streams["orders"].lookback
    assert set(shop.read(since=since)) == {order.external_id}


def test_s07_250_orders_come_in_three_pages(shop: Shop) -> None:
    orders = shop.place(250)
    shop.wait(5)
    assert set(shop.read()) == {order.external_id for order in orders}
    searches = [one for one in shop.exchanges if one.request.path.endswith("/orders")]
    assert [len(one.request.query.get("paginationToken", [])) for one in searches] == [0, 1, 1]


@pytest.mark.parametrize("stream", ["orders", "orders_open", "orders_created"])
def test_a_read_goes_on_from_its_bookmark_with_the_parameters_that_it_was_given_for(
    shop: Shop, stream: str
) -> None:
    orders = shop.place(250)
    shop.wait(5)
    window = shop.window()
    first = next(shop.connector.read(stream, window))
    shop.wait(60)
    rest = list(shop.connect().read(stream, window, first.bookmark))
    found = [record.external_id for page in (first, *rest) for record in page.records]
    assert [len(page.records) for page in rest] == [100, 50]
    assert sorted(found) == sorted(order.external_id for order in orders)


def test_a_bookmark_of_more_than_a_day_ago_begins_the_window_again(shop: Shop) -> None:
    shop.place(150)
    shop.wait(5)
    window = shop.window()
    first = next(shop.connector.read("orders_open", window))
    shop.wait(25 * 60)
    rest = list(shop.connector.read("orders_open", window, first.bookmark))
    assert [len(page.records) for page in rest] == [100, 50]


def test_s08_the_same_page_under_new_tokens_stops_the_read(shop: Shop) -> None:
    shop.place(150)
    shop.wait(5)
    shop.vendor.faults.switch_on("repeated_page", 1000)
    seen = 0
    with pytest.raises(StreamBroken, match="repeats a page"):
        for page in shop.connector.read("orders", shop.window()):
            seen += len(page.records)
    assert seen == 100


def test_s12_a_change_after_import_arrives_with_the_next_read(shop: Shop) -> None:
    first, second = shop.place(2)
    shop.wait(60)
    assert len(shop.read()) == 2
    since = shop.world.now
    shop.wait(30)
    shop.world.cancel(second)
    shop.wait(5)
    changed = shop.read(since=since)
    assert set(changed) == {second.external_id}
    assert changed[second.external_id].state is ChannelState.CANCELLED
    assert first.external_id not in changed


def test_s13_an_impossible_date_fails_alone(shop: Shop) -> None:
    shop.place(5)
    shop.wait(5)
    shop.vendor.faults.switch_on("broken_record")
    (page,) = shop.connector.read("orders", shop.window())
    outcomes = []
    for record in page.records:
        try:
            outcomes.append(mapping.order(record.payload, Context(CHANNEL, page.observed_at)).external_id)
        except NormalizationError as error:
            outcomes.append(error.reason)
    assert outcomes[0] is Reason.IMPOSSIBLE_DATE
    assert outcomes[1:] == [record.external_id for record in page.records[1:]]


def test_a_record_without_an_id_lands_under_its_digest(mock: responses.RequestsMock, shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.read_one(order)
    mock.upsert("GET", f"{BASE}/orders/2026-01-01/orders", json={"orders": [{"createdTime": "now"}]})
    (page,) = Shop.connect(shop).read("orders", shop.window())
    (record,) = page.records
    assert record.external_id.startswith("unidentified-")


def test_s14_a_full_bucket_is_waited_for_as_long_as_the_stated_rate_asks(
    mock: responses.RequestsMock,
) -> None:
    shop = Shop(mock, granted={"searchOrders": (0.0056, 1), "getOrder": (1, 9), "confirmShipment": (1, 9)})
    shop.place(1)
    shop.wait(5)
    assert len(shop.read()) == 1
    with pytest.raises(RateLimited) as caught:
        shop.read()
    assert caught.value.retry_after == timedelta(seconds=1 / 0.0056)


def test_s14_a_short_throttle_is_slept_through(shop: Shop) -> None:
    orders = shop.place(3)
    shop.wait(5)
    shop.read()
    shop.vendor.faults.switch_on("throttle", 2)
    assert len(shop.read()) == len(orders)
    assert shop.clock.slept == [1 / 50, 1 / 50]


def test_the_rate_that_amazon_states_replaces_the_default_and_is_remembered(
    mock: responses.RequestsMock,
) -> None:
    shop = Shop(mock, granted={"searchOrders": (7.5, 9), "getOrder": (1, 9), "confirmShipment": (1, 9)})
    asked: list[dict[str, Rate]] = []

    def pacer_for(_connection: str, rates: dict[str, Rate]) -> object:
        asked.append(dict(rates))
        return NoWait()

    class NoWait:
        def acquire(self, bucket: str, cost: int = 1, spare: int = 0) -> None: ...

        def pause(self, bucket: str, seconds: float) -> None: ...

    settings = {"base_url": BASE, "token_url": f"{BASE}/auth/o2/token", "marketplace_ids": "A1F83G8C2ARO7P"}
    runtime = Runtime(clock=shop.clock, tokens=shop.tokens, pacer_for=pacer_for)  # type: ignore[arg-type]
    connector = Amazon(CHANNEL, settings, shop.vendor.secrets, runtime)
    shop.wait(5)
    list(connector.read("orders", shop.window()))
    Amazon(CHANNEL, settings, shop.vendor.secrets, runtime)
    assert asked[0]["searchOrders"] == RATES["searchOrders"]
    assert asked[1]["searchOrders@7.5"] == Rate(7.5, 20)
    assert asked[2] == asked[1]


def test_s15_a_cancellation_that_lists_hide_is_seen_by_the_detail_read(mock: responses.RequestsMock) -> None:
    shop = Shop(mock, lists_hide_cancellations=True)
    (order,) = shop.place(1)
    shop.vendor.request_cancellation(order, order.lines[0].line_id, "ordered by mistake")
    shop.wait(5)
    assert "cancellation_requested" not in shop.read()[order.external_id].tags
    told = shop.read_one(order)
    assert "cancellation_requested" in told.tags
    assert any(order.lines[0].line_id in warning for warning in told.warnings)


def test_only_open_orders_stand_in_the_snapshot(shop: Shop) -> None:
    orders = shop.place(4)
    shop.world.cancel(orders[0])
    shop.wait(3)
    assert set(shop.read("orders_open")) == {order.external_id for order in orders[1:]}


def test_back_fill_goes_by_the_day_of_creation(shop: Shop) -> None:
    (old,) = shop.place(1)
    shop.wait(48 * 60)
    (new,) = shop.place(1)
    shop.wait(5)
    shop.world.touch(old)
    shop.wait(5)
    window = Window(START + timedelta(days=1), START + timedelta(days=3))
    pages = list(shop.connector.read("orders_created", window))
    assert [record.external_id for page in pages for record in page.records] == [new.external_id]


def test_a_read_goes_on_from_its_bookmark(shop: Shop) -> None:
    orders = shop.place(150)
    shop.wait(5)
    window = shop.window()
    first = next(iter(shop.connector.read("orders", window)))
    rest = list(shop.connect().read("orders", window, first.bookmark))
    found = [record.external_id for page in (first, *rest) for record in page.records]
    assert sorted(found) == sorted(order.external_id for order in orders)


def test_a_bookmark_that_ran_out_begins_the_window_again(shop: Shop) -> None:
    orders = shop.place(3)
    shop.wait(5)
    (page,) = shop.connector.read("orders", shop.window(), "expired")
    assert len(page.records) == len(orders)


def test_an_expired_token_is_renewed(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.read_one(order)
    shop.vendor.expire_tokens()
    assert shop.read_one(order).external_id == order.external_id


def test_missing_rights_are_named(mock: responses.RequestsMock) -> None:
    shop = Shop(mock, personal_data=False)
    shop.wait(5)
    with pytest.raises(PermissionMissing, match="Inventory and Order Tracking"):
        shop.read()


def test_wrong_credentials_are_told_without_quoting_them(shop: Shop) -> None:
    with pytest.raises(CredentialsRejected, match="invalid_grant") as caught:
        list(shop.connect(refresh_token="Atzr|wrong").read("orders", shop.window()))
    assert "Atzr|wrong" not in str(caught.value)


def test_a_server_error_is_tried_again(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.vendor.faults.switch_on("server_error", 2)
    assert shop.read_one(order).external_id == order.external_id


def test_duplicate_and_stale_records_carry_versions_that_tell(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.wait(5)
    shop.read()
    shop.world.touch(order)
    shop.wait(5)
    shop.vendor.faults.switch_on("stale_update")
    shop.vendor.faults.switch_on("duplicate_update")
    (page,) = shop.connector.read("orders", shop.window())
    versions = [
        mapping.order(record.payload, Context(CHANNEL, page.observed_at)).version.key()
        for record in page.records
    ]
    assert versions[0] == versions[1] > versions[2]


def test_s09_an_address_without_name_and_street_is_passed_on_as_it_is(shop: Shop) -> None:
    orders = shop.place(102)
    shop.wait(5)
    pages = shop.connector.read("orders", shop.window())
    first = next(pages)
    shop.vendor.faults.switch_on("missing_address")
    second = next(pages)
    for page, whole in ((first, True), (second, False)):
        for record in page.records:
            told = mapping.order(record.payload, Context(CHANNEL, page.observed_at))
            assert told.ship_to is not UNSET
            assert told.ship_to is not None
            assert (bool(told.ship_to.name), bool(told.ship_to.street)) == (whole, whole)
            assert told.ship_to.postal_code
    assert len(second.records) == len(orders) - 100
