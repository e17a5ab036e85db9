"""The connector against the imitated shop, and what the mapping makes of what it reads."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
import requests
import responses

from connectors.channels.shopify import Shopify
from connectors.contract import Outcome, Page, Window
from connectors.errors import (
    AnswerLost,
    CredentialsRejected,
    PermissionMissing,
    RateLimited,
    RecordMissing,
    StreamBroken,
)
from connectors.runtime import Runtime
from normalization.channels import shopify as mapping
from normalization.errors import NormalizationError, Reason
from normalization.money import Money
from normalization.records import CanonicalOrder, LineQuantity, ShipmentConfirmation
from normalization.registry import Context
from sandbox.buyers import Wish, place_order
from sandbox.merchant import build_world
from sandbox.vendor import VendorRequest
from sandbox.vendors.shopify import ShopifyVendor
from sandbox.world import ShopOrder, World

BASE = "https://shop.example"
CHANNEL = "shopify-eu"


class WorldClock:
    """The world's time; sleeping is noted, and lets the world go on."""

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
    """A world with one shop, and a connector to it."""

    def __init__(self) -> None:
        self.world = build_world(plenty=True)
        self.vendor = ShopifyVendor(self.world, CHANNEL)
        self.clock = WorldClock(self.world)
        self.connector = self.connect()
        self.seen: list[VendorRequest] = []

    def connect(self, token: str = ShopifyVendor.token, **settings: str) -> Shopify:
        return Shopify(
            CHANNEL, {"base_url": BASE, **settings}, {"access_token": token}, Runtime(clock=self.clock)
        )

    def answer(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], bytes]:
        body = request.body if isinstance(request.body, bytes) else b""
        asked = VendorRequest("POST", request.path_url, "", dict(request.headers), body)
        self.seen.append(asked)
        answer = self.vendor.handle(asked)
        if answer.lost:
            raise requests.ConnectionError("Connection aborted")
        return answer.status, dict(answer.headers), answer.body

    def window(self) -> Window:
        return Window(self.world.now - timedelta(days=1), self.world.now + timedelta(minutes=1))

    def read(self, stream: str = "orders", **settings: str) -> list[Page]:
        return list(self.connect(**settings).read(stream, self.window()))

    def canonical(self, order: ShopOrder) -> CanonicalOrder:
        page = self.connector.read_one("orders", order.external_id)
        return mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))

    def confirmation(self, order: ShopOrder, units: dict[str, int], number: str | None) -> object:
        return mapping.confirm_shipment(
            ShipmentConfirmation(
                reference="r1",
                external_id=order.external_id,
                number=order.number,
                sequence=1,
                lines=tuple(LineQuantity(line_id=line, quantity=n) for line, n in units.items()),
                carrier="UPS",
                tracking_number=number,
                shipped_at=self.world.now,
                complete=True,
            )
        )


@pytest.fixture
def shop() -> Iterator[Shop]:
    made = Shop()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as vendor:
        vendor.add_callback(responses.POST, f"{BASE}/admin/api/2026-10/graphql.json", callback=made.answer)
        yield made


def ids(pages: list[Page]) -> list[str]:
    return [record.external_id for page in pages for record in page.records]


def two_lines(shop: Shop, **wish: object) -> ShopOrder:
    order = place_order(
        shop.world,
        CHANNEL,
        Wish(lines=[("FLASK-STEEL-10", 2), ("HONEY-LIME-500", 3)], **wish),  # type: ignore[arg-type]
    )
    shop.world.now += timedelta(seconds=1)
    return order


# --- reading


def test_s07_250_orders_with_pages_of_100_are_all_read_once(shop: Shop) -> None:
    placed = {place_order(shop.world, CHANNEL).external_id for _ in range(250)}
    pages = shop.read(page_size="100")
    assert [len(page.records) for page in pages] == [100, 100, 50]
    assert sorted(ids(pages)) == sorted(placed)
    assert [page.bookmark is None for page in pages] == [False, False, True]


def test_a_bookmark_resumes_after_its_page(shop: Shop) -> None:
    for _ in range(5):
        place_order(shop.world, CHANNEL)
    window = shop.window()
    connector = shop.connect(page_size="2")
    pages = list(connector.read("orders", window))
    rest = list(connector.read("orders", window, pages[0].bookmark))
    assert ids(rest) == ids(pages[1:])


def test_s08_a_repeated_page_stops_the_read(shop: Shop) -> None:
    for _ in range(6):
        place_order(shop.world, CHANNEL)
    shop.vendor.faults.switch_on("repeated_page", 99)
    pages = shop.connect(page_size="2").read("orders", shop.window())
    next(pages)
    with pytest.raises(StreamBroken, match="repeats"):
        list(pages)


def test_s05_an_order_that_shows_up_late_is_found_by_the_next_window(shop: Shop) -> None:
    late = place_order(shop.world, CHANNEL, Wish(late=timedelta(minutes=8)))
    first = shop.window()
    assert ids(list(shop.connector.read("orders", first))) == []
    shop.world.now += timedelta(minutes=9)
    lookback = Shopify.streams["orders"].lookback
    next_window = Window(first.until - lookback, shop.world.now)
    assert ids(list(shop.connector.read("orders", next_window))) == [late.external_id]


def test_a_window_has_whole_seconds_and_loses_none(shop: Shop) -> None:
    shop.world.now = shop.world.now.replace(microsecond=700_000)
    placed = place_order(shop.world, CHANNEL)
    until = shop.world.now + timedelta(microseconds=100)
    found = list(shop.connector.read("orders", Window(until - timedelta(seconds=1), until)))
    assert ids(found) == [placed.external_id]


def test_an_order_without_changes_in_the_window_is_not_read(shop: Shop) -> None:
    order = place_order(shop.world, CHANNEL)
    shop.world.now += timedelta(days=3)
    assert ids(shop.read()) == []
    shop.world.remove_units(order, order.lines[0].line_id, 1)
    assert ids(shop.read()) == [order.external_id]
    assert ids(shop.read("orders_created")) == []


def test_open_orders_are_those_with_something_to_ship(shop: Shop) -> None:
    still_open, shipped, cancelled = (two_lines(shop) for _ in range(3))
    shop.world.tell(shipped, {line.line_id: line.quantity for line in shipped.lines}, "UPS", "1Z")
    shop.world.cancel(cancelled)
    assert ids(shop.read("orders_open")) == [still_open.external_id]


def test_every_line_of_a_long_order_is_read(shop: Shop) -> None:
    order = place_order(shop.world, CHANNEL, Wish(lines=[("HONEY-LIME-500", 1)] * 130))
    page = shop.read()[0]
    canonical = mapping.order(page.records[0].payload, Context(CHANNEL, page.observed_at))
    assert isinstance(canonical.lines, tuple)
    assert [line.line_id for line in canonical.lines] == [line.line_id for line in order.lines]
    assert canonical == shop.canonical(order)


def test_read_one_of_an_unknown_order_says_so(shop: Shop) -> None:
    with pytest.raises(RecordMissing):
        shop.connector.read_one("orders", "gid://shopify/Order/1")


# --- refusals


def test_s14_throttling_waits_as_long_as_the_cost_needs(shop: Shop) -> None:
    place_order(shop.world, CHANNEL)
    shop.vendor.restore_rate, shop.vendor.bucket = 50, 1000
    shop.vendor.faults.switch_on("throttle", 3)
    assert len(ids(shop.read())) == 1
    asked = 10 + 4 * 50
    assert shop.clock.slept == pytest.approx([(asked - (asked - 50)) / 50] * 3)


def test_s14_a_long_throttling_is_handed_to_the_caller(shop: Shop) -> None:
    shop.vendor.faults.switch_on("throttle", 99)
    with pytest.raises(RateLimited):
        shop.read()


def test_a_low_bucket_pauses_every_caller(shop: Shop) -> None:
    paused: list[float] = []

    class Noting:
        def acquire(self, bucket: str, cost: int = 1) -> None: ...

        def pause(self, bucket: str, seconds: float) -> None:
            paused.append(seconds)

    runtime = Runtime(clock=shop.clock, pacer_for=lambda *_: Noting())
    connector = Shopify(CHANNEL, {"base_url": BASE}, {"access_token": ShopifyVendor.token}, runtime)
    shop.vendor.bucket, shop.vendor.restore_rate = 250, 10
    list(connector.read("orders", shop.window()))
    assert len(paused) == 1
    assert paused[0] > 0


def test_a_query_that_costs_too_much_is_asked_in_smaller_pages(shop: Shop) -> None:
    placed = [place_order(shop.world, CHANNEL).external_id for _ in range(30)]
    shop.vendor.max_query_cost = 60
    pages = shop.read(page_size="50")
    assert ids(pages) == placed
    assert max(len(page.records) for page in pages) == 12


def test_s11_a_backfill_beyond_what_the_app_may_see_names_the_scope(shop: Shop) -> None:
    shop.vendor.scopes.remove("read_all_orders")
    window = Window(datetime(2022, 1, 1, tzinfo=UTC), datetime(2022, 2, 1, tzinfo=UTC))
    with pytest.raises(PermissionMissing, match="read_all_orders"):
        shop.connector.read("orders_created", window)


def test_a_missing_scope_is_named(shop: Shop) -> None:
    shop.vendor.scopes.remove("read_orders")
    with pytest.raises(PermissionMissing, match="read_orders"):
        shop.read()


def test_a_wrong_token_is_a_matter_of_credentials(shop: Shop) -> None:
    with pytest.raises(CredentialsRejected):
        list(shop.connect(token="wrong").read("orders", shop.window()))


def test_a_failing_server_is_asked_again(shop: Shop) -> None:
    place_order(shop.world, CHANNEL)
    shop.vendor.faults.switch_on("server_error", 2)
    assert len(ids(shop.read())) == 1


def test_s13_one_broken_order_leaves_the_others_alone(shop: Shop) -> None:
    for _ in range(3):
        place_order(shop.world, CHANNEL)
    shop.vendor.faults.switch_on("broken_record")
    reasons: list[Reason] = []
    good = 0
    for record in shop.read()[0].records:
        try:
            mapping.order(record.payload, Context(CHANNEL, shop.world.now))
            good += 1
        except NormalizationError as error:
            reasons.append(error.reason)
    assert (good, reasons) == (2, [Reason.IMPOSSIBLE_DATE])


# --- money


def check_amounts(canonical: CanonicalOrder, order: ShopOrder) -> None:
    assert isinstance(canonical.lines, tuple)
    for line, sold in zip(canonical.lines, order.lines, strict=True):
        truth = sold.amounts(order.taxes_included)
        found = [m.minor for m in (line.gross, line.discount, line.net, line.tax, line.total)]
        assert found == [truth.gross, truth.discount, truth.net, truth.tax, truth.total]
        assert (line.ordered, line.cancelled) == (sold.quantity, sold.removed)
    assert canonical.totals
    assert canonical.totals.total.minor == order.total()


@pytest.mark.parametrize("taxes_included", [True, False])
def test_amounts_are_the_worlds_through_edits_and_refunds(shop: Shop, taxes_included: bool) -> None:
    order = two_lines(shop, discount_rate=Decimal("0.15"), country="DE")
    order.taxes_included = taxes_included
    check_amounts(shop.canonical(order), order)
    shop.world.remove_units(order, order.lines[1].line_id, 1)
    check_amounts(shop.canonical(order), order)
    shop.world.tell(order, {line.line_id: line.current for line in order.lines}, "UPS", "1Z9")
    shop.world.refund(order, {order.lines[0].line_id: 1}, "wrong_item", shipping=100, restock=True)
    canonical = shop.canonical(order)
    check_amounts(canonical, order)
    assert canonical.lines
    assert (canonical.lines[0].returned, canonical.lines[0].fulfilled) == (1, 2)
    assert canonical.totals
    assert canonical.totals.refunded.minor == order.refunds[0].amount
    assert canonical.returns
    assert canonical.returns[0].reason == "wrong_item"


def test_s17_one_of_two_discounted_units_is_removed(shop: Shop) -> None:
    order = two_lines(shop, discount_rate=Decimal("0.2"), shipping=0, country="US")
    line = order.lines[0]
    line.unit_price, line.tax_rate = 4800, Decimal(0)
    shop.world.remove_units(order, line.line_id, 1)
    canonical = shop.canonical(order)
    assert canonical.lines
    assert canonical.lines[0].total == Money(3840, "EUR")
    assert canonical.lines[0].discount == Money(960, "EUR")


def test_s18_a_line_edited_to_zero_ships_nothing(shop: Shop) -> None:
    order = two_lines(shop)
    line = order.lines[0]
    shop.world.remove_units(order, line.line_id, 2)
    canonical = shop.canonical(order)
    assert canonical.lines
    gone = canonical.lines[0]
    assert (gone.ordered, gone.cancelled, gone.total.minor) == (2, 2, 0)
    assert canonical.totals
    assert canonical.totals.total.minor == order.total()


def test_s20_booked_in_the_shops_currency_with_the_buyers_kept(shop: Shop) -> None:
    order = two_lines(shop, country="IS", shipping=500)
    order.currency, order.buyer_currency, order.buyer_rate = "GBP", "ISK", Decimal("175.5")
    shop.world.refund(order, {}, "other", shipping=500)
    canonical = shop.canonical(order)
    assert (canonical.currency, canonical.buyer_currency) == ("GBP", "ISK")
    assert canonical.refunds
    refund = canonical.refunds[0]
    assert refund.amount == Money(500, "GBP")
    assert refund.shipping == Money(500, "GBP")
    assert refund.buyer_amount == Money(878, "ISK")
    assert canonical.totals
    assert canonical.totals.total == Money(order.total(), "GBP")
    assert canonical.totals.buyer_total
    assert canonical.totals.buyer_total.currency == "ISK"


def test_a_cancelled_order_costs_nothing(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.cancel(order)
    canonical = shop.canonical(order)
    assert canonical.state == "cancelled"
    check_amounts(canonical, order)


# --- confirming shipments


def units_told(order: ShopOrder) -> list[tuple[str | None, dict[str, int]]]:
    return [(told.tracking_number, dict(told.lines)) for told in order.told]


def test_a_parcel_is_confirmed_once_however_often_it_is_sent(shop: Shop) -> None:
    order = two_lines(shop)
    units = {order.lines[0].line_id: 2, order.lines[1].line_id: 1}
    body = shop.confirmation(order, units, "1Z1")
    first = shop.connector.write("confirm_shipment", body, "r1")
    again = shop.connector.write("confirm_shipment", body, "r1")
    assert first.outcome is again.outcome is Outcome.APPLIED
    assert first.vendor_ref == again.vendor_ref
    assert units_told(order) == [("1Z1", units)]
    assert order.told[0].carrier == "UPS"


def test_s39_three_parcels_are_three_fulfilments(shop: Shop) -> None:
    order = two_lines(shop)
    line_id = order.lines[1].line_id
    for number in ("A", "B", "C"):
        body = shop.confirmation(order, {line_id: 1}, number)
        assert shop.connector.write("confirm_shipment", body, number).outcome is Outcome.APPLIED
    assert units_told(order) == [("A", {line_id: 1}), ("B", {line_id: 1}), ("C", {line_id: 1})]


def test_a_lost_answer_is_looked_up(shop: Shop) -> None:
    order = two_lines(shop)
    body = shop.confirmation(order, {order.lines[0].line_id: 2}, "1Z1")
    assert shop.connector.look_up("confirm_shipment", body, "r1") is None
    shop.vendor.faults.switch_on("lost_answer")
    with pytest.raises(AnswerLost):
        shop.connector.write("confirm_shipment", body, "r1")
    found = shop.connector.look_up("confirm_shipment", body, "r1")
    assert found
    assert found.outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_s37_closed_fulfilment_orders_are_left_alone(shop: Shop) -> None:
    order = two_lines(shop)
    first, second = order.lines
    shop.vendor.works.move(order, first.line_id, 2, location=2)
    shop.connector.write("confirm_shipment", shop.confirmation(order, {second.line_id: 3}, "OLD"), "r0")
    statuses = [work.status for work in shop.vendor.works.of(order)]
    assert statuses == ["CLOSED", "OPEN"]
    result = shop.connector.write(
        "confirm_shipment", shop.confirmation(order, {first.line_id: 2}, "NEW"), "r1"
    )
    assert result.outcome is Outcome.APPLIED
    assert units_told(order) == [("OLD", {second.line_id: 3}), ("NEW", {first.line_id: 2})]


def test_a_line_at_two_locations_is_fulfilled_at_each(shop: Shop) -> None:
    order = two_lines(shop)
    line_id = order.lines[1].line_id
    shop.vendor.works.move(order, line_id, 2, location=2)
    body = shop.confirmation(order, {line_id: 3}, "1Z1")
    result = shop.connector.write("confirm_shipment", body, "r1")
    assert result.outcome is Outcome.APPLIED
    assert units_told(order) == [("1Z1", {line_id: 1}), ("1Z1", {line_id: 2})]


def test_a_parcel_that_was_half_confirmed_is_completed(shop: Shop) -> None:
    order = two_lines(shop)
    line_id = order.lines[1].line_id
    shop.vendor.works.move(order, line_id, 2, location=2)
    body = shop.confirmation(order, {line_id: 3}, "1Z1")
    shop.vendor.faults.switch_on("lost_answer")
    with pytest.raises(AnswerLost):
        shop.connector.write("confirm_shipment", body, "r1")
    assert shop.connector.look_up("confirm_shipment", body, "r1") is None
    assert shop.connector.write("confirm_shipment", body, "r1").outcome is Outcome.APPLIED
    assert units_told(order) == [("1Z1", {line_id: 1}), ("1Z1", {line_id: 2})]


def test_s38_already_fulfilled_is_done(shop: Shop) -> None:
    order = two_lines(shop)
    units = {line.line_id: line.quantity for line in order.lines}
    shop.world.tell(order, units, "DHL", "SOMEBODY-ELSES")
    result = shop.connector.write("confirm_shipment", shop.confirmation(order, units, "1Z1"), "r1")
    assert result.outcome is Outcome.APPLIED
    assert len(order.told) == 1


def test_an_order_on_hold_refuses_with_the_reason(shop: Shop) -> None:
    order = two_lines(shop)
    shop.vendor.works.hold(order)
    body = shop.confirmation(order, {order.lines[0].line_id: 1}, "1Z1")
    result = shop.connector.write("confirm_shipment", body, "r1")
    assert result.outcome is Outcome.REJECTED
    assert "ON_HOLD" in (result.reason or "")
    assert order.told == []


def test_a_cancelled_order_refuses(shop: Shop) -> None:
    order = two_lines(shop)
    shop.world.cancel(order)
    body = shop.confirmation(order, {order.lines[0].line_id: 1}, "1Z1")
    assert shop.connector.write("confirm_shipment", body, "r1").outcome is Outcome.REJECTED


def test_an_unknown_order_refuses(shop: Shop) -> None:
    order = two_lines(shop)
    body = shop.confirmation(order, {order.lines[0].line_id: 1}, "1Z1")
    del shop.world.orders[CHANNEL, order.external_id]
    assert shop.connector.write("confirm_shipment", body, "r1").outcome is Outcome.REJECTED


def test_a_parcel_without_number_is_found_by_its_units(shop: Shop) -> None:
    order = two_lines(shop)
    body = shop.confirmation(order, {order.lines[0].line_id: 2}, None)
    shop.connector.write("confirm_shipment", body, "r1")
    found = shop.connector.look_up("confirm_shipment", body, "r1")
    assert found
    assert found.outcome is Outcome.APPLIED


def test_other_operations_are_unsupported(shop: Shop) -> None:
    assert shop.connector.write("set_stock", {}, "r1").outcome is Outcome.UNSUPPORTED
