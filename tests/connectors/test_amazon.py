"""The Amazon connector against the imitated Amazon, and what the mapping makes of what it reads."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
import responses
from msgspec import UNSET

from connectors.channels.amazon import RATES, Amazon
from connectors.contract import Outcome, Window
from connectors.errors import CredentialsRejected, PermissionMissing, RateLimited, StreamBroken
from connectors.runtime import MemoryTokens, Rate, Runtime
from normalization.channels import amazon as mapping
from normalization.errors import NormalizationError, Reason
from normalization.records import CanonicalOrder, LineQuantity, OrderLine, ShipmentConfirmation
from normalization.registry import Context
from normalization.statuses import ChannelState, FulfilledBy, PaymentMode
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.orders import ShopOrder
from sandbox.vendors.amazon import AmazonVendor
from sandbox.world import START, World

BASE = "https://amazon.test/sp"
CHANNEL = "amazon-uk"
PLAIN = Wish(by_channel=False, payment="captured", payment_mode="marketplace")


class WorldClock:
    """The world's time; waits are only written down."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.world.now

    def monotonic(self) -> float:
        return 0.0

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


class Shop:
    """A world with one Amazon account, its vendor, and a connector that talks to it."""

    def __init__(self, mock: responses.RequestsMock, **kind: object) -> None:
        self.world = build_world(7)
        self.vendor = AmazonVendor(self.world, CHANNEL, **kind)  # type: ignore[arg-type]
        self.exchanges: list[Exchange] = mount(mock, BASE, self.vendor)
        self.clock = WorldClock(self.world)
        self.tokens = MemoryTokens()
        self.connector = self.connect()

    def connect(self, **secrets: str) -> Amazon:
        settings = {
            "base_url": BASE,
            "token_url": f"{BASE}/auth/o2/token",
            "marketplace_ids": "A1F83G8C2ARO7P, A28R8C7NBKEWEA",
        }
        runtime = Runtime(clock=self.clock, tokens=self.tokens)
        return Amazon(CHANNEL, settings, {**self.vendor.secrets, **secrets}, runtime)

    def place(self, count: int, wish: Wish = PLAIN) -> list[ShopOrder]:
        return [place_order(self.world, CHANNEL, wish) for _ in range(count)]

    def wait(self, minutes: float) -> None:
        self.world.now += timedelta(minutes=minutes)

    def window(self, since: datetime = START) -> Window:
        return Window(since, self.world.now)

    def read(self, stream: str = "orders", since: datetime = START) -> dict[str, CanonicalOrder]:
        found = {}
        for page in self.connector.read(stream, self.window(since)):
            for record in page.records:
                order = mapping.order(record.payload, Context(CHANNEL, page.observed_at))
                assert order.external_id == record.external_id
                assert order.external_id not in found
                found[order.external_id] = order
        return found

    def read_one(self, order: ShopOrder) -> CanonicalOrder:
        page = self.connector.read_one("orders", order.external_id)
        return mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))

    def confirm(self, order: ShopOrder, units: dict[str, int], **other: object) -> ShipmentConfirmation:
        confirmation = ShipmentConfirmation(
            reference=f"{CHANNEL}/{order.external_id}/1",
            external_id=order.external_id,
            number=order.number,
            sequence=1,
            lines=tuple(LineQuantity(line_id=line, quantity=count) for line, count in units.items()),
            carrier="UPS",
            tracking_number="1Z999AA10123456784",
            shipped_at=self.world.now,
            complete=True,
            confirmation_ref="A1F83G8C2ARO7P",
        )
        return msgspec.structs.replace(confirmation, **other)


@pytest.fixture
def mock() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        yield mock


@pytest.fixture
def shop(mock: responses.RequestsMock) -> Shop:
    return Shop(mock)


def lines_of(order: CanonicalOrder) -> tuple[OrderLine, ...]:
    assert order.lines is not UNSET
    return order.lines


def assert_like_the_world(told: CanonicalOrder, real: ShopOrder) -> None:
    assert told.totals is not UNSET
    assert told.shipping is not UNSET
    assert told.totals.total.minor == real.total()
    assert told.currency == real.currency
    for line, sold in zip(lines_of(told), real.lines, strict=True):
        amounts = sold.amounts(real.taxes_included)
        assert (line.line_id, line.sku) == (sold.line_id, sold.channel_sku)
        assert (line.ordered, line.cancelled) == (sold.quantity, sold.removed)
        assert line.fulfilled == real.told_units(sold.line_id)
        assert (line.net.minor, line.tax.minor, line.total.minor) == (amounts.net, amounts.tax, amounts.total)
        assert line.gross - line.discount == line.net
    assert sum(line.total.minor for line in told.shipping) == real.shipping_amounts().total


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
        def acquire(self, bucket: str, cost: int = 1) -> None: ...

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


def test_a_shipment_is_confirmed_and_comes_back_as_fulfilled(shop: Shop) -> None:
    (order,) = shop.place(1)
    units = {line.line_id: line.quantity for line in order.lines}
    body = mapping.confirm_shipment(shop.confirm(order, units))
    result = shop.connector.write("confirm_shipment", body, "r")
    assert (result.outcome, result.vendor_ref) == (Outcome.APPLIED, "1")
    assert [(told.carrier, told.tracking_number) for told in order.told] == [("UPS", "1Z999AA10123456784")]
    shop.wait(5)
    told = shop.read()[order.external_id]
    assert told.state is ChannelState.CLOSED
    assert_like_the_world(told, order)
    assert told.fulfilments is not UNSET
    assert [one.tracking_numbers for one in told.fulfilments] == [("1Z999AA10123456784",)]
    assert shop.connector.look_up("confirm_shipment", body, "r") == result


def test_a_part_can_be_confirmed_before_the_rest(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, lines=[("TEA-EARLGREY-100", 3)]))
    line = order.lines[0].line_id
    for sequence, count in ((1, 1), (2, 2)):
        body = mapping.confirm_shipment(shop.confirm(order, {line: count}, sequence=sequence))
        assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.APPLIED
        state = shop.read_one(order).state
        assert state is (ChannelState.OPEN if sequence == 1 else ChannelState.CLOSED)
    assert [told.lines for told in order.told] == [{line: 1}, {line: 2}]


def test_a_lost_answer_confirms_once(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.vendor.faults.switch_on("lost_answer")
    units = {line.line_id: line.quantity for line in order.lines}
    body = mapping.confirm_shipment(shop.confirm(order, units))
    assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_s38_already_fulfilled_is_done(shop: Shop) -> None:
    (order,) = shop.place(1)
    units = {line.line_id: line.quantity for line in order.lines}
    shop.world.tell(order, units, "UPS", "by hand")
    body = mapping.confirm_shipment(shop.confirm(order, units))
    assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_s38_a_missing_carrier_name_is_one_refusal(shop: Shop) -> None:
    (order,) = shop.place(1)
    units = {line.line_id: line.quantity for line in order.lines}
    body = mapping.confirm_shipment(shop.confirm(order, units, carrier=None))
    result = shop.connector.write("confirm_shipment", body, "r")
    assert result.outcome is Outcome.REJECTED
    assert "carrierName" in (result.reason or "")
    assert (
        sum(one.request.method == "POST" and "shipmentConf" in one.request.path for one in shop.exchanges)
        == 1
    )


def test_a_shipment_without_tracking_number_is_unsupported(shop: Shop) -> None:
    (order,) = shop.place(1)
    body = mapping.confirm_shipment(shop.confirm(order, {order.lines[0].line_id: 1}, tracking_number=None))
    assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.UNSUPPORTED


def test_an_unknown_order_is_refused(shop: Shop) -> None:
    (order,) = shop.place(1)
    body = mapping.confirm_shipment(
        shop.confirm(order, {order.lines[0].line_id: 1}, external_id="000-0000000-0000000")
    )
    assert shop.connector.write("confirm_shipment", body, "r").outcome is Outcome.REJECTED


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
