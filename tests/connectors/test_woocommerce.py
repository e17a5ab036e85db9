"""The WooCommerce connector against the imitated shop, and what the mapping makes of what it reads."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import msgspec
import pytest
import responses
from msgspec import UNSET

from connectors.channels.woocommerce import WooCommerce
from connectors.contract import Outcome, Window
from connectors.errors import AnswerLost, CredentialsRejected, RateLimited, RecordMissing, StreamBroken
from connectors.runtime import Runtime
from normalization.channels import woocommerce as mapping
from normalization.errors import NormalizationError, Reason
from normalization.records import CanonicalOrder, LineQuantity, OrderLine, ShipmentConfirmation
from normalization.registry import Context
from normalization.statuses import ChannelState, PaymentMode, PaymentState, ReturnReason
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.mounted import Exchange, mount
from sandbox.orders import ShopOrder
from sandbox.vendors.woocommerce import WooCommerceVendor
from sandbox.world import START, World

BASE = "https://shop.test"
CHANNEL = "woo-de"
PLAIN = Wish(payment="captured", payment_mode="card")


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
    """A world with one WooCommerce shop, and a connector that talks to it."""

    def __init__(self, mock: responses.RequestsMock, start: datetime = START, **kind: bool | str) -> None:
        self.world = build_world(7, start=start, plenty=True)
        self.vendor = WooCommerceVendor(self.world, CHANNEL, **kind)  # type: ignore[arg-type]
        self.exchanges: list[Exchange] = mount(mock, BASE, self.vendor)
        self.clock = WorldClock(self.world)
        self.start = start
        self.connector = self.connect()

    def connect(self, **secrets: str) -> WooCommerce:
        runtime = Runtime(clock=self.clock)
        return WooCommerce(CHANNEL, {"base_url": BASE}, {**self.vendor.secrets, **secrets}, runtime)

    def place(self, count: int, wish: Wish = PLAIN) -> list[ShopOrder]:
        return [place_order(self.world, CHANNEL, wish) for _ in range(count)]

    def wait(self, minutes: float) -> None:
        self.world.now += timedelta(minutes=minutes)

    def read(self, stream: str = "orders", since: datetime | None = None) -> dict[str, CanonicalOrder]:
        found = {}
        for page in self.connector.read(stream, Window(since or self.start, self.world.now)):
            for record in page.records:
                order = mapping.order(record.payload, Context(CHANNEL, page.observed_at))
                assert order.external_id == record.external_id
                assert order.external_id not in found
                found[order.external_id] = order
        return found

    def read_one(self, order: ShopOrder) -> CanonicalOrder:
        page = self.connector.read_one("orders", order.external_id)
        return mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))

    def body(self, order: ShopOrder, **other: object) -> object:
        confirmation = ShipmentConfirmation(
            reference=f"{CHANNEL}/{order.external_id}/1",
            external_id=order.external_id,
            number=order.number,
            sequence=1,
            lines=tuple(LineQuantity(line_id=line.line_id, quantity=line.current) for line in order.lines),
            carrier="UPS",
            tracking_number="1Z999AA10123456784",
            shipped_at=self.world.now,
            complete=True,
        )
        return mapping.confirm_shipment(msgspec.structs.replace(confirmation, **other))

    def tell(self, order: ShopOrder, **other: object) -> Outcome:
        return self.connector.write("confirm_shipment", self.body(order, **other), "r").outcome

    def count(self, method: str, ending: str) -> int:
        return sum(
            one.request.method == method and one.request.path.endswith(ending) for one in self.exchanges
        )


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
    assert told.charges is not UNSET
    assert (told.totals.total.minor, told.currency) == (real.total(), real.currency)
    for line, sold in zip(lines_of(told), real.lines, strict=True):
        amounts = sold.amounts(real.taxes_included)
        assert (line.line_id, line.sku) == (sold.line_id, sold.channel_sku)
        assert (line.ordered, line.cancelled) == (sold.quantity, sold.removed)
        assert (line.net.minor, line.tax.minor, line.total.minor) == (amounts.net, amounts.tax, amounts.total)
        assert (line.gross.minor, line.discount.minor) == (amounts.gross, amounts.discount)
        assert line.returned == sold.returned
    sums = sum(line.total.minor for line in (*lines_of(told), *told.shipping, *told.charges))
    assert sums == told.totals.total.minor


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


def test_a_shipment_becomes_a_tracking_and_a_completed_order(shop: Shop) -> None:
    (order,) = shop.place(1)
    assert shop.tell(order) is Outcome.APPLIED
    assert [(told.tracking_number, dict(told.lines)) for told in order.told] == [
        ("1Z999AA10123456784", {line.line_id: line.quantity for line in order.lines})
    ]
    told = shop.read_one(order)
    assert told.state is ChannelState.CLOSED
    assert [line.fulfilled for line in lines_of(told)] == [line.quantity for line in order.lines]
    assert told.fulfilments is not UNSET
    assert [one.tracking_numbers for one in told.fulfilments] == [("1Z999AA10123456784",)]


def test_two_parcels_are_two_trackings_and_one_completion(shop: Shop) -> None:
    (order,) = shop.place(1, replace(PLAIN, lines=[("TEA-EARLGREY-100", 3)]))
    assert shop.tell(order, complete=False, tracking_number="1Z1") is Outcome.APPLIED
    assert shop.read_one(order).state is ChannelState.OPEN
    assert shop.tell(order, sequence=2, tracking_number="1Z2") is Outcome.APPLIED
    assert shop.read_one(order).state is ChannelState.CLOSED
    assert [told.tracking_number for told in order.told] == ["1Z1", "1Z2"]


def test_without_the_plugin_all_is_a_note_and_a_part_is_unsupported(mock: responses.RequestsMock) -> None:
    shop = Shop(mock, shipment_tracking=False)
    (order,) = shop.place(1)
    assert shop.tell(order, complete=False) is Outcome.UNSUPPORTED
    assert order.notes_added == []
    assert [shop.tell(order), shop.tell(order)] == [Outcome.APPLIED, Outcome.APPLIED]
    assert order.notes_added == ["Parcel 1 shipped with UPS, tracking number 1Z999AA10123456784."]
    assert shop.read_one(order).state is ChannelState.CLOSED
    assert shop.connector.look_up("confirm_shipment", shop.body(order), "r") is not None


def test_s38_what_is_fulfilled_already_is_done(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.world.tell(order, {line.line_id: line.quantity for line in order.lines}, None, None)
    assert [shop.tell(order), shop.tell(order)] == [Outcome.APPLIED, Outcome.APPLIED]
    assert shop.count("POST", "/shipment-trackings") == 1
    assert shop.count("PUT", order.external_id) == 0


def test_a_cancelled_order_is_not_brought_back_by_a_shipment(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.world.cancel(order)
    assert shop.tell(order) is Outcome.REJECTED
    assert shop.read_one(order).state is ChannelState.CANCELLED


def test_a_lost_answer_is_looked_up_and_finished_without_a_second_tracking(shop: Shop) -> None:
    (order,) = shop.place(1)
    shop.vendor.faults.switch_on("lost_answer")
    with pytest.raises(AnswerLost):
        shop.tell(order)
    assert shop.connector.look_up("confirm_shipment", shop.body(order), "r") is None
    assert shop.tell(order) is Outcome.APPLIED
    found = shop.connector.look_up("confirm_shipment", shop.body(order), "r")
    assert found is not None
    assert found.outcome is Outcome.APPLIED
    assert shop.count("POST", "/shipment-trackings") == 1


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
